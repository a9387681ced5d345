package nmea

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

func TestParseCoord(t *testing.T) {
	// The degrees were computed with a pocket calculator.
	for _, c := range []struct {
		name        string
		axis        Axis
		value, hemi string
		deg         float64
		again       string // as AppendCoord writes it
	}{
		{"north", Latitude, "5441.2320", "N", 54.6872, "5441.2320,N"},
		{"south", Latitude, "3351.5000", "S", -33.858333333, "3351.5000,S"},
		{"west", Longitude, "07923.5445", "W", -79.392408333, "07923.5445,W"},
		{"leading zero of degrees missing", Longitude, "2516.78282", "E", 25.279713667, "02516.78282,E"},
		{"minutes alone", Latitude, "07.5", "N", 0.125, "0007.5,N"},
		{"no decimals", Latitude, "5430", "N", 54.5, "5430,N"},
		{"pole", Latitude, "9000.0000", "S", -90, "9000.0000,S"},
		{"date line", Longitude, "18000.00", "E", 180, "18000.00,E"},
		{"zero", Longitude, "00000.0000", "E", 0, "00000.0000,E"},
		{"absent", Latitude, "", "", 0, ","},
		{"absent with hemisphere", Latitude, "", "S", 0, ","},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseCoord(c.axis, []byte(c.value), []byte(c.hemi))
			if err != nil || math.Abs(got.Deg()-c.deg) > 1e-9 || got.OK() != (c.value != "") {
				t.Errorf("got %+v = %v°, %v; want %v°", got, got.Deg(), err, c.deg)
			}
			if s := string(AppendCoord([]byte("x"), c.axis, got)); s != "x"+c.again {
				t.Errorf("written as %q, want %q", s, c.again)
			}
		})
	}
}

func TestParseCoordRejects(t *testing.T) {
	for _, c := range []struct {
		name        string
		axis        Axis
		value, hemi string
	}{
		{"60 minutes", Latitude, "5460.0000", "N"},
		{"beyond the pole", Latitude, "9000.0001", "N"},
		{"beyond 180 degrees", Longitude, "18000.0001", "E"},
		{"wrong axis", Latitude, "5441.2320", "E"},
		{"no hemisphere", Latitude, "5441.2320", ""},
		{"hemisphere of two letters", Latitude, "5441.2320", "NS"},
		{"too short", Latitude, "5", "N"},
		{"point too early", Latitude, "5.4412", "N"},
		{"negative", Latitude, "-5441.2320", "N"},
		{"negative minutes", Latitude, "54-1.2320", "N"},
		{"letters", Latitude, "54O1.2320", "N"},
		{"two points", Latitude, "5441.23.20", "N"},
		{"too long", Latitude, "5441.2320000000", "N"},
		{"degrees of six digits", Longitude, "000002516.5", "E"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ParseCoord(c.axis, []byte(c.value), []byte(c.hemi)); !errors.Is(err, wire.ErrValue) || got != (Coord{}) {
				t.Errorf("got %+v, %v; want an error that wraps wire.ErrValue", got, err)
			}
		})
	}
}

func TestNewCoord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		axis := rapid.SampledFrom([]Axis{Latitude, Longitude}).Draw(t, "axis")
		_, most, _ := axis.limits()
		deg := rapid.Float64Range(-float64(most), float64(most)).Draw(t, "deg")
		scale := rapid.Uint8Range(0, maxScale).Draw(t, "scale")
		c, err := NewCoord(axis, deg, scale)
		if err != nil {
			t.Fatal(err)
		}
		if half := 0.5 / 60 / math.Pow10(int(scale)); math.Abs(c.Deg()-deg) > half+1e-12 {
			t.Fatalf("%v becomes %v, more than half a step away", deg, c.Deg())
		}
		b := AppendCoord(nil, axis, c)
		back, err := ParseCoord(axis, b[:len(b)-2], b[len(b)-1:])
		if err != nil || back != c {
			t.Fatalf("%s reads as %+v, %v; want %+v", b, back, err, c)
		}
	})
	for _, deg := range []float64{90.001, -91, math.NaN(), math.Inf(1)} {
		if _, err := NewCoord(Latitude, deg, 4); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%v: %v", deg, err)
		}
	}
	if _, err := NewCoord(Latitude, 1, 10); !errors.Is(err, wire.ErrValue) {
		t.Errorf("ten decimals: %v", err)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		clock, date string
		want        time.Time
		decimals    int
	}{
		{"092653", "140326", time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC), 0},
		{"092653.5", "140326", time.Date(2026, 3, 14, 9, 26, 53, 5e8, time.UTC), 1},
		{"235959.999", "291228", time.Date(2028, 12, 29, 23, 59, 59, 999e6, time.UTC), 3},
		{"000000", "010100", time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), 0},
	} {
		d, err1 := ParseDate([]byte(c.date))
		clock, err2 := ParseClock([]byte(c.clock))
		if got := Join(d, em.Some(clock)); err1 != nil || err2 != nil || got != c.want {
			t.Errorf("%s %s = %v (%v, %v), want %v", c.clock, c.date, got, err1, err2, c.want)
		}
		if h, d, err := FormatTime(c.want, c.decimals); h != c.clock || d != c.date || err != nil {
			t.Errorf("%v is written as %s %s, %v", c.want, h, d, err)
		}
	}
	if d, err := ParseDate([]byte("000000")); err != nil || !Join(d, em.Some(time.Hour)).IsZero() {
		t.Errorf("a clock that was never set gives %v, %v", d, err)
	}
	if d, err := ParseClock([]byte("235960")); err != nil || d != 24*time.Hour {
		t.Errorf("a leap second gives %v, %v", d, err)
	}
	for _, v := range []string{"", "09265", "0926533", "246000", "096053", "092661", "09265x", "092653.", "092653.1234", "092653.x", "-92653"} {
		if d, err := ParseClock([]byte(v)); !errors.Is(err, wire.ErrValue) || d != 0 {
			t.Errorf("clock %q: %v, %v", v, d, err)
		}
	}
	for _, v := range []string{"", "14032", "1403260", "320126", "290226", "001226", "140026", "141326", "1403-1", "14O326"} {
		if d, err := ParseDate([]byte(v)); !errors.Is(err, wire.ErrValue) || !d.IsZero() {
			t.Errorf("date %q: %v, %v", v, d, err)
		}
	}
	for _, y := range []int{1999, 2100} {
		if _, _, err := FormatTime(time.Date(y, 6, 1, 0, 0, 0, 0, time.UTC), 0); !errors.Is(err, wire.ErrValue) {
			t.Errorf("year %d: %v", y, err)
		}
	}
}

func TestFields(t *testing.T) {
	frame := []byte("12.50, ,5D8,31,text , ")
	c := wire.New(frame)
	if n := ReadNumber(&c, "number"); n != em.Some(em.Decimal{Coef: 1250, Scale: 2}) || string(AppendNumber(nil, n)) != "12.50" {
		t.Errorf("number %v", n)
	}
	if n := ReadNumber(&c, "blank"); n.OK || len(AppendNumber(nil, n)) != 0 {
		t.Errorf("blank %v", n)
	}
	if n := ReadHex[uint64](&c, "hex", 0xFFFF); n != em.Some(uint64(0x5D8)) {
		t.Errorf("hex %v", n)
	}
	if n := ReadUint[uint64](&c, "uint", 31); n != em.Some(uint64(31)) {
		t.Errorf("uint %v", n)
	}
	if s := ReadText(&c, "text"); s != "text " {
		t.Errorf("text %q", s)
	}
	if n := ReadUint[uint64](&c, "blank", 9); n.OK || c.Err() != nil || c.Len() != 0 {
		t.Errorf("at the end: %v, %v, %d bytes left", n, c.Err(), c.Len())
	}
	for name, read := range map[string]func(c *wire.Cursor){
		"number": func(c *wire.Cursor) { ReadNumber(c, "f") },
		"uint":   func(c *wire.Cursor) { ReadUint[uint64](c, "f", 99) },
		"hex":    func(c *wire.Cursor) { ReadHex[uint64](c, "f", 0xFF) },
		"clock":  func(c *wire.Cursor) { ReadClock(c, "f") },
		"date":   func(c *wire.Cursor) { ReadDate(c, "f") },
		"coord":  func(c *wire.Cursor) { ReadCoord(c, Latitude, "f") },
	} {
		for _, v := range []string{"x", "1e3", "1g", "100", "+1", "--"} {
			if v == "100" && (name == "number" || name == "coord") {
				continue
			}
			c := wire.New([]byte("a," + v + ",N"))
			c.Field(',', "first")
			read(&c)
			var fe *wire.FieldError
			if !errors.As(c.Err(), &fe) || fe.Offset != 2 || fe.Field != "f" || !errors.Is(fe, wire.ErrValue) {
				t.Errorf("%s of %q: %v", name, v, c.Err())
			}
		}
		c := wire.New(nil)
		read(&c)
		if !errors.Is(c.Err(), wire.ErrTruncated) {
			t.Errorf("%s of nothing: %v", name, c.Err())
		}
	}
}

func TestCheck(t *testing.T) {
	for v, want := range map[string]byte{"00": 0, "7D": 0x7D, "FF": 0xFF} {
		if got, err := ParseCheck([]byte(v)); got != want || err != nil || string(AppendCheck(nil, got)) != v {
			t.Errorf("%s = %#x, %v", v, got, err)
		}
	}
	for _, v := range []string{"", "7", "7d", "0xA", "7DD", "G0", " 1"} {
		if _, err := ParseCheck([]byte(v)); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%q: %v", v, err)
		}
	}
}

func TestWord(t *testing.T) {
	for s, want := range map[string]bool{"990000000000017": true, "MSG-0.1_z": true, "": false, "a b": false, "a:b": false, "ž": false, "a,b": false, "9900000000000170": false} {
		if Word(s, 15) != want {
			t.Errorf("%q: %t", s, !want)
		}
	}
}

// The check codes of the sentences were computed with a python snippet.
func TestRMCRead(t *testing.T) {
	at := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	lat, _ := NewCoord(Latitude, 54.6872, 4)
	lng, _ := NewCoord(Longitude, 25.2797, 4)
	full := RMC{Talker: "GP", Time: at, Status: 'A', Lat: lat, Lng: lng, Speed: em.Some(em.Decimal{Coef: 121, Scale: 2}),
		Course: em.Some(em.Decimal{Coef: 4090, Scale: 2}), Mode: "A", HasMode: true, Check: "52"}
	noStar := full
	noStar.Check = ""
	old := full
	old.HasMode, old.Mode, old.Check = false, "", "3F"
	wrong := full
	wrong.Check = "55"
	noFix := RMC{Talker: "GN", Time: at, Status: 'V', Mode: "N", HasMode: true, Check: "5A"}
	for _, c := range []struct {
		name, text string
		want       RMC
		rest       string
		fits       bool
	}{
		{"full", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52", full, "", true},
		{"more behind", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52,F", full, ",F", true},
		{"no star", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A,F,Timer", noStar, ",F,Timer", false},
		{"no mode", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,*3F", old, "", true},
		{"wrong code", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*55", wrong, "", false},
		{"no fix", "$GNRMC,092653.000,V,,,,,,,140326,,,N*5A", noFix, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := []byte("x" + c.text)
			cur := wire.New(frame)
			cur.Text(1, "before")
			var got RMC
			got.Read(&cur, frame)
			if cur.Err() != nil || got != c.want {
				t.Fatalf("got %+v, %v", got, cur.Err())
			}
			if rest := string(frame[cur.Pos():]); rest != c.rest {
				t.Errorf("left %q", rest)
			}
			b, err := got.Append(nil)
			if err != nil || string(b)+c.rest != c.text {
				t.Errorf("written as %s, %v", b, err)
			}
			if err := got.Seal(); err != nil || (got.Check == c.want.Check) != c.fits {
				t.Errorf("sealed with %s, %v", got.Check, err)
			}
		})
	}
}

func TestRMCReadRejects(t *testing.T) {
	for _, c := range []struct{ name, text, field string }{
		{"empty", "", "rmc start"},
		{"another sentence", "$GPGGA,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52", "rmc name"},
		{"a field short", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326*54", "rmc"},
		{"a field more", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A,V*54", "rmc"},
		{"time", "$GPRMC,096653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52", "rmc time"},
		{"status", "$GPRMC,092653.000,B,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52", "rmc status"},
		{"latitude", "$GPRMC,092653.000,A,9941.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52", "rmc latitude"},
		{"longitude", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,N,1.21,40.90,140326,,,A*52", "rmc longitude"},
		{"speed", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,fast,40.90,140326,,,A*52", "rmc speed"},
		{"date", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,141326,,,A*52", "rmc date"},
		{"code cut", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*5", "rmc checksum"},
		{"code of other letters", "$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*,,", "rmc checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := []byte(c.text)
			cur := wire.New(frame)
			var got RMC
			got.Read(&cur, frame)
			var fe *wire.FieldError
			if !errors.As(cur.Err(), &fe) || fe.Field != c.field || got != (RMC{}) {
				t.Errorf("got %+v, %v; want an error in %q", got, cur.Err(), c.field)
			}
		})
	}
	r := RMC{Talker: "GP", Status: 'V', Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}
	if b, err := r.Append([]byte("x")); string(b) != "x" || !errors.Is(err, wire.ErrValue) || r.Seal() == nil {
		t.Errorf("a time before 2000 is written: %s, %v", b, err)
	}
}

func FuzzReadRMC(f *testing.F) {
	f.Add([]byte("$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52,F"))
	f.Add([]byte("$GNRMC,,V,,,,,,,000000,,"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		c := wire.New(frame)
		var r RMC
		r.Read(&c, frame)
		if c.Err() != nil {
			return
		}
		b, err := r.Append(nil)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", r, err)
		}
		c2 := wire.New(b)
		var again RMC
		if again.Read(&c2, b); again != r || c2.Err() != nil {
			t.Fatalf("%q\n%+v becomes %q\n%+v, %v", frame, r, b, again, c2.Err())
		}
	})
}

// TestUsualForms: what is read the fast way is what the slow way reads, which a blank
// in front leads to.
func TestUsualForms(t *testing.T) {
	digits := rapid.StringMatching(`[0-9]{0,10}`)
	field := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string { return digits.Draw(t, "digits") }),
		rapid.StringMatching(`-?[0-9]{0,10}\.?[0-9]{0,10}`), rapid.StringMatching(`[0-9]{2,5}\.[0-9]{1,9},[NSEW]`),
		rapid.StringMatching(`[0-5][0-9]{5}(\.[0-9]{0,4})?`), rapid.StringMatching(`[0-9A-Fa-f]{0,17}`), rapid.StringMatching(`[ -~]{0,5}`),
	)
	reads := []func(c *wire.Cursor) any{
		func(c *wire.Cursor) any { return ReadNumber(c, "f") },
		func(c *wire.Cursor) any { return ReadUint[uint64](c, "f", 1_000_000) },
		func(c *wire.Cursor) any { return ReadHex[uint64](c, "f", 1<<40) },
		func(c *wire.Cursor) any { return ReadClock(c, "f") },
		func(c *wire.Cursor) any { return ReadDate(c, "f") },
		func(c *wire.Cursor) any { return ReadCoord(c, Latitude, "f") },
		func(c *wire.Cursor) any { return ReadCoord(c, Longitude, "f") },
	}
	told := func(err error, blanks int) string {
		var fe *wire.FieldError
		if !errors.As(err, &fe) {
			return ""
		}
		return fmt.Sprintf("%s at byte %d: %v", fe.Field, max(fe.Offset-blanks, 0), fe.Err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := field.Draw(t, "field") + rapid.SampledFrom([]string{"", ",", ",,", ", ", ",12345678", "*00"}).Draw(t, "behind")
		for i, read := range reads {
			if text == "" {
				continue // a blank field is there
			}
			fast, slow := wire.New([]byte(text)), wire.New([]byte(" "+text))
			got, want := read(&fast), read(&slow)
			if got != want || fast.Pos() != slow.Pos()-1 || told(fast.Err(), 0) != told(slow.Err(), 1) {
				t.Fatalf("%d: %q is %v up to byte %d (%v) the fast way, %v up to byte %d (%v) the slow way",
					i, text, got, fast.Pos(), fast.Err(), want, slow.Pos()-1, slow.Err())
			}
		}
		word, _, more := strings.Cut(text, ",")
		c := wire.New([]byte(text))
		if got := ReadText(&c, "f"); got != word || c.Err() == nil && c.Len() != max(0, len(text)-len(word)-1) {
			t.Fatalf("%q begins with the text %q, %d bytes left (%v)", text, got, c.Len(), c.Err())
		}
		c = wire.New([]byte(text))
		letter := ReadLetter(&c, "f", "NSEW", true)
		right := len(word) == 1 && strings.Contains("NSEW", word) && letter == word[0] || word == "" && more && letter == 0
		if right != (c.Err() == nil) {
			t.Fatalf("%q begins with the letter %q (%v)", text, letter, c.Err())
		}
	})
}

// TestPlainSentence: a sentence that is read in one go is read as with care.
func TestPlainSentence(t *testing.T) {
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, usual string, others ...string) string {
			if rapid.IntRange(0, 9).Draw(t, name+" is usual") > 0 {
				return usual
			}
			return rapid.SampledFrom(append(others, "", " ", "*", "1.", "-", "A1", "999999")).Draw(t, name)
		}
		fields := []string{
			pick("name", "$GNRMC", "$GPRMC", "$gnRMC", "$GNGGA", "GNRMC"), pick("time", "092653.000", "092653", "246060", "0926530"), pick("status", "A", "V", "a"),
			pick("lat", "5441.23200", "0000.0", "9000.0", "4160.0"), pick("north", "N", "S", "E"), pick("lng", "02516.78200", "516.7", "18000.1"), pick("east", "E", "W", "N"),
			pick("speed", "0.054", "-1", "5"), pick("course", "246.1", "", "360"), pick("date", "140326", "310226", "000000", "1403260"),
			pick("variation", "", "1.5"), pick("direction", "", "E"), pick("mode", "A*6C", "N*00", "*00", "AA*00", "A*6c", "A", "A*6"),
		}
		if rapid.IntRange(0, 4).Draw(t, "no mode") == 0 {
			fields = append(fields[:11], "*6C")
			fields[10] += fields[11]
			fields = fields[:11]
		}
		text := strings.Join(fields, ",") + rapid.SampledFrom([]string{"", ",AUTO", "x"}).Draw(t, "behind")
		text = text[:len(text)-max(0, rapid.IntRange(-20, len(text)-1).Draw(t, "cut"))]
		c := wire.New([]byte(text))
		var fast, slow RMC
		n := fast.Plain([]byte(text), text, 0)
		if n == Odd {
			return
		}
		plain++
		if slow.read(&c, []byte(text)); c.Err() != nil || c.Pos() != n || fast != slow {
			t.Fatalf("%q\n%+v, %d bytes in one go\n%+v, %d bytes with care (%v)", text, fast, n, slow, c.Pos(), c.Err())
		}
	})
	if plain == 0 {
		t.Error("no sentence was plain")
	}
}
