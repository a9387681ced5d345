package rftrack

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// TestPlainJSON: what is read as plain is what encoding/json reads, to the last bit.
func TestPlainJSON(t *testing.T) {
	number := rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,3}\.[0-9]{1,7}`), rapid.StringMatching(`-?[0-9]{1,17}`), rapid.StringMatching(`[-+0-9.eE]{0,6}`))
	value := rapid.OneOf(number, number, number, rapid.SampledFrom([]string{"null", `"1"`, "{}", "[]", "true", "", " 1", `"a b"`, `"\u0041"`, `"ä"`, "\"\x01\""}))
	key := rapid.OneOf(rapid.SampledFrom([]string{"a", "x", "y", "z", "s", "t", "c", "n", "b", "l", "m"}), rapid.StringMatching(`[A-Za-z"\\]{0,2}`))
	comma := rapid.SampledFrom([]string{",", ",", ",", ",", ",,", "", " ,", ";"})
	object := func(t *rapid.T) string {
		s := "{"
		for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
			if i > 0 {
				s += comma.Draw(t, "comma")
			}
			s += `"` + key.Draw(t, "key") + `":` + value.Draw(t, "value")
		}
		return s + rapid.SampledFrom([]string{"}", "}", "}", "}", "", "]", "}}", "} ", ",}"}).Draw(t, "end")
	}
	list := func(t *rapid.T) string {
		s := "["
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			if i > 0 {
				s += comma.Draw(t, "comma")
			}
			s += object(t)
		}
		return s + rapid.SampledFrom([]string{"]", "]", "]", "", "]]", ",]"}).Draw(t, "end")
	}
	rapid.Check(t, func(t *rapid.T) {
		gps := object(t)
		var want GPS
		if g, ok := plainGPS(gps); ok {
			if err := json.Unmarshal([]byte(gps), &want); err != nil || g != want {
				t.Fatalf("%s is %+v, expected %+v, %v", gps, g, want, err)
			}
		}
		gsm := `{"c":246,"b":` + list(t) + `,"n":` + value.Draw(t, "n") + "}"
		if isPlainGSM(gsm) {
			if err := json.Unmarshal([]byte(gsm), new(GSM)); err != nil {
				t.Fatalf("%s: %v", gsm, err)
			}
		}
		wifi := list(t)
		if isPlainWiFi(wifi) {
			if err := json.Unmarshal([]byte(wifi), new([]AccessPoint)); err != nil {
				t.Fatalf("%s: %v", wifi, err)
			}
		}
	})
	// What units send is plain, or the short way is of no use.
	g, ok := plainGPS(`{"a":30.0,"y":54.687157,"s":4,"t":1773480409000,"z":112.5,"x":-25.279652}`)
	if !ok || g.Lng.V != -25.279652 || g.Lat.V != 54.687157 || g.Time.V != 1773480409000 {
		t.Errorf("gps: %+v, %t", g, ok)
	}
	if !isPlainGSM(`{"n":1,"b":[{"l":4801,"b":19,"c":17}],"c":246}`) || !isPlainWiFi(`[{"l":-49,"t":"a&b=c","m":"00-00-5E-00-53-17"}]`) || !isPlainWiFi("[]") {
		t.Error("gsm or wifi is not plain")
	}
	for _, s := range []string{"", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e3}`, `{"a":--1}`, `{"s":1.5}`, `{"t":-1}`, `{"A":1}`, `{"a":1}x`} {
		if _, ok := plainGPS(s); ok {
			t.Errorf("%s is taken for plain", s)
		}
	}
}
