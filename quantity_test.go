package em_test

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sargas-em/em"
)

func TestOpt(t *testing.T) {
	type doc struct {
		A em.Opt[int]     `json:"a,omitzero"`
		B em.Opt[string]  `json:"b"`
		C em.Opt[float64] `json:"c,omitzero"`
	}
	tests := []struct {
		doc  doc
		text string
	}{
		{doc{}, `{"b":null}`},
		{doc{em.Some(0), em.Some(""), em.Some(0.0)}, `{"a":0,"b":"","c":0}`}, // absent is not zero
		{doc{A: em.Some(-7), B: em.Some("x")}, `{"a":-7,"b":"x"}`},
	}
	for _, tt := range tests {
		b, err := json.Marshal(tt.doc)
		if err != nil || string(b) != tt.text {
			t.Errorf("%v is written %s, %v", tt.doc, b, err)
		}
		var got doc
		if err := json.Unmarshal(b, &got); err != nil || got != tt.doc {
			t.Errorf("%s is read %v, %v", b, got, err)
		}
	}
	full := em.Some(1)
	if err := json.Unmarshal([]byte("null"), &full); err != nil || full.OK {
		t.Errorf("null over a value is %v, %v", full, err)
	}
	if v := (em.Opt[int]{}).Or(3); v != 3 {
		t.Error(v)
	}
	if v := em.Some(0).Or(3); v != 0 {
		t.Error(v)
	}
	var o em.Opt[int]
	if err := json.Unmarshal([]byte(`"x"`), &o); err == nil {
		t.Error("a string is taken for a number")
	}
}

// Distances computed with an independent great-circle program on the sphere of
// radius 6 371 008.8 m (law of cosines in 50 digits).
func TestLatLngDistance(t *testing.T) {
	const quarter = math.Pi / 2 * em.EarthRadius
	tests := []struct {
		name string
		p, q em.LatLng
		want float64
	}{
		{"nowhere", em.LatLng{Lat: 54, Lng: 25}, em.LatLng{Lat: 54, Lng: 25}, 0},
		{"pole to equator", em.LatLng{Lat: 90}, em.LatLng{Lng: 137}, quarter},
		{"antipodes", em.LatLng{Lat: 10, Lng: 20}, em.LatLng{Lat: -10, Lng: -160}, 2 * quarter},
		{"one degree of a meridian", em.LatLng{Lat: 54}, em.LatLng{Lat: 55}, quarter / 90},
		{"across the antimeridian", em.LatLng{Lng: 179.5}, em.LatLng{Lng: -179.5}, quarter / 90},
		{"Vilnius to Riga", em.LatLng{Lat: 54.6872, Lng: 25.2797}, em.LatLng{Lat: 56.9496, Lng: 24.1052}, 262039.111},
	}
	for _, tt := range tests {
		for _, got := range []float64{tt.p.Distance(tt.q), tt.q.Distance(tt.p)} {
			if math.Abs(got-tt.want) > 1e-6*tt.want+1e-9 {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

func TestLatLngValid(t *testing.T) {
	nan := math.NaN()
	for p, want := range map[em.LatLng]bool{
		{}: true, {Lat: 90, Lng: 180}: true, {Lat: -90, Lng: -180}: true,
		{Lat: 90.0001}: false, {Lng: -180.0001}: false, {Lat: math.Inf(1)}: false,
	} {
		if p.Valid() != want {
			t.Errorf("%v valid: %v", p, !want)
		}
	}
	if (em.LatLng{Lat: nan}).Valid() || (em.LatLng{Lng: nan}).Valid() {
		t.Error("NaN is valid")
	}
}

func TestDecimal(t *testing.T) {
	tests := []struct {
		text  string
		d     em.Decimal
		float float64
	}{
		{"0", em.Decimal{}, 0},
		{"0.0208", em.Decimal{Coef: 208, Scale: 4}, 0.0208},
		{"0.020", em.Decimal{Coef: 20, Scale: 3}, 0.02}, // the zero is resolution
		{"-0.5", em.Decimal{Coef: -5, Scale: 1}, -0.5},
		{"-12", em.Decimal{Coef: -12}, -12},
		{"0.000000000000000001", em.Decimal{Coef: 1, Scale: 18}, 1e-18},
		{"9223372036854775807", em.Decimal{Coef: math.MaxInt64}, math.MaxInt64},
		{"-9.223372036854775808", em.Decimal{Coef: math.MinInt64, Scale: 18}, -9.223372036854775808},
	}
	for _, tt := range tests {
		got, err := em.ParseDecimal(tt.text)
		if err != nil || got != tt.d {
			t.Errorf("%s is read %v, %v", tt.text, got, err)
		}
		if s := tt.d.String(); s != tt.text {
			t.Errorf("%v is written %s, want %s", tt.d, s, tt.text)
		}
		if f := tt.d.Float(); math.Abs(f-tt.float) > 1e-15*math.Abs(tt.float) {
			t.Errorf("%s is about %v", tt.text, f)
		}
		var back em.Decimal
		b, err := json.Marshal(tt.d)
		if err != nil || string(b) != tt.text || json.Unmarshal(b, &back) != nil || back != tt.d {
			t.Errorf("JSON %s, %v, back %v", b, err, back)
		}
	}
	for _, bad := range []string{"", "-", ".", "1.", ".5", "+1", "1e3", " 1", "1 ", "--1", "1.-2", "0x1", "1_0", "9223372036854775808", "0.0000000000000000001", "NaN", "1,5", "١"} {
		if d, err := em.ParseDecimal(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, d)
		}
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-0.0208", "1e3", "9223372036854775807", "00.10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := em.ParseDecimal(s)
		if err != nil {
			return
		}
		back, err := em.ParseDecimal(d.String())
		if err != nil || back != d {
			t.Errorf("%q is %v, and back %v, %v", s, d, back, err)
		}
	})
}

func TestNames(t *testing.T) {
	for s, want := range map[em.Side]string{em.SideUnknown: "unknown", em.Inside: "inside", em.Outside: "outside", 9: "unknown"} {
		if s.String() != want {
			t.Errorf("side %d is %q", s, s)
		}
	}
	for s, want := range map[em.Severity]string{em.Info: "info", em.Technical: "technical", em.Warning: "warning", em.Violation: "violation", em.Critical: "critical", 9: "severity(9)"} {
		if s.String() != want {
			t.Errorf("severity %d is %q", s, s)
		}
		var back em.Severity
		if err := back.UnmarshalText([]byte(want)); (err == nil) != (s <= em.Critical) || err == nil && back != s {
			t.Errorf("%q is read as %v, %v", want, back, err)
		}
	}
	for k, want := range map[em.ChangeKind]string{em.Opened: "opened", em.Updated: "updated", em.Closed: "closed", em.Withdrawn: "withdrawn", em.Moved: "moved", 0: "change(0)", 9: "change(9)"} {
		if k.String() != want {
			t.Errorf("change %d is %q", k, k)
		}
		var back em.ChangeKind
		if err := back.UnmarshalText([]byte(want)); (err == nil) != (k >= em.Opened && k <= em.Moved) || err == nil && back != k {
			t.Errorf("%q is read as %v, %v", want, back, err)
		}
	}
	if err := new(em.ChangeKind).UnmarshalText(nil); err == nil {
		t.Error("no text is a change")
	}
}

// TestParseDecimalAgainstBig: what is read equals what math/big reads of the same
// digits, for texts around every bound, and both kinds of text give the same.
func TestParseDecimalAgainstBig(t *testing.T) {
	plain := regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,18})?$`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.StringMatching(`-?[0-9]{0,20}(\.[0-9]{0,20})?`),
			rapid.StringMatching(`-?9223372036854775[0-9]{3}(\.[0-9])?`),
			rapid.String(),
		).Draw(t, "text")
		got, err := em.ParseDecimal(s)
		if b, errB := em.ParseDecimal([]byte(s)); b != got || (err == nil) != (errB == nil) {
			t.Fatalf("%q: %v, %v as text; %v, %v as bytes", s, got, err, b, errB)
		}
		whole, frac, _ := strings.Cut(s, ".")
		want, ok := new(big.Int).SetString(whole+frac, 10)
		if ok = ok && plain.MatchString(s) && want.IsInt64(); ok != (err == nil) {
			t.Fatalf("%q: %v", s, err)
		}
		if ok && (got.Coef != want.Int64() || int(got.Scale) != len(frac)) {
			t.Fatalf("%q: %+v", s, got)
		}
	})
}
