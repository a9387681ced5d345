package rftrack

import (
	"encoding/json"
	"math"
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
		comparePlain(t, object(t))
		comparePlain(t, `{"c":246,"b":`+list(t)+`,"n":`+value.Draw(t, "n")+"}")
		comparePlain(t, list(t))
	})
	// What units send is plain, or the short way is of no use.
	const position = `{"a":30.0,"y":54.687157,"s":4,"t":1773480409000,"z":112.5,"x":-25.279652}`
	g, n := plainGPS(position + "&i=1")
	if n != len(position) || g.Lng.V != -25.279652 || g.Lat.V != 54.687157 || g.Time.V != 1773480409000 {
		t.Errorf("gps: %+v, %d bytes", g, n)
	}
	if plainGSM(`{"n":1,"b":[{"l":4801,"b":19,"c":17}],"c":246}`) == 0 || plainWiFi(`[{"l":-49,"t":"a&b=c","m":"00-00-5E-00-53-17"}]`) == 0 || plainWiFi("[]") == 0 {
		t.Error("gsm or wifi is not plain")
	}
	for _, s := range []string{"", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e3}`, `{"a":--1}`, `{"s":1.5}`, `{"s":-0}`, `{"t":-1}`, `{"A":1}`, `{"a":1234567890123456789}`, `{"a":0.1234567890123456}`} {
		if _, n := plainGPS(s); n > 0 {
			t.Errorf("%s is taken for plain", s)
		}
	}
}

// comparePlain fails where what s begins with is read as plain, and encoding/json reads
// that otherwise.
func comparePlain(t interface{ Fatalf(string, ...any) }, s string) {
	g, n := plainGPS(s)
	var want GPS
	if err := json.Unmarshal([]byte(s[:n]), &want); n > 0 && (err != nil || math.Float64bits(g.Lat.V) != math.Float64bits(want.Lat.V) || g != want) {
		t.Fatalf("%s is %+v, expected %+v, %v", s[:n], g, want, err)
	}
	if n := plainGSM(s); n > 0 {
		if err := json.Unmarshal([]byte(s[:n]), new(GSM)); err != nil {
			t.Fatalf("%s: %v", s[:n], err)
		}
	}
	if n := plainWiFi(s); n > 0 {
		if err := json.Unmarshal([]byte(s[:n]), new([]AccessPoint)); err != nil {
			t.Fatalf("%s: %v", s[:n], err)
		}
	}
}

func FuzzPlainJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":30.0,"y":54.687157,"s":4,"t":1773480409000,"z":-112.5,"x":-0.0}`, `{"a":1,"a":20000000000000003,"t":999999999999999999}`,
		`{"n":1,"b":[{"l":4801,"b":-19,"c":17},{}],"c":65535}`, `[{"l":-49,"t":"a&b=c","m":"00-00-5E-00-53-17"},{"l":2147483647}]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { comparePlain(t, s) })
}

// A form is cut where its values end, whichever way they are read: an ampersand in a
// JSON text, one behind it, what is no JSON.
func TestFieldsAreCutAlike(t *testing.T) {
	for _, value := range []string{`{"a":1.5,"x":2,"y":3}`, `[{"t":"a&b","l":1}]`, `{"n":1}`, `{"n":1}x`, `{"n":"&"}`, `{"n":1`, "", "1", `{"x":1}{"y":"&"}`} {
		for _, name := range []string{"gps", "gsm", "wifi"} {
			for _, behind := range []string{"", "&", "&i=1"} {
				field := name + "=" + value + behind
				n, _ := plainField(name, value+behind)
				if want := fieldEnd(field, len(name)); n > 0 && len(name)+1+n != want {
					t.Errorf("%s: cut behind %d bytes, expected %d", field, len(name)+1+n, want)
				}
			}
		}
	}
}
