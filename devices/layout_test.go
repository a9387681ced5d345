package devices

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/wire"
)

// identityFields are the names of the fields that hold a device's identity, of the
// dialects that have a layout.
var identityFields = map[string]string{
	"alcoholuart": "", // the wire carries none
	"bactrack":    "identity",
	"eview":       "imei",
	"gt06":        "imei",
	"jt808":       "terminal",
	"laipac":      "unit",
	"megastek":    "imei",
	"xexun2":      "imei",
	"r16h":        "imei",
	"rftrack":     "unit",
	"watch3g":     "id",
	"sanav":       "imei",
	"siadc09":     "",
}

// ranges are what an error may name besides fields: what fields stand in.
var ranges = []string{"body", "escape", "form", "frame", "head", "record", "report", "start line", "value"}

// placesApart are the dialects whose layout shows a coordinate only as it stands: in
// parts, such as degrees, hemisphere and minutes.
var placesApart = []string{"siadc09"}

// timesApart are the kinds of observations whose time is worked out of others, such as
// of how long ago something was, by dialect.
var timesApart = map[string]string{"rftrack": "beacon"}

// described returns the dialects that have a layout, with it and their vectors.
func described(t *testing.T, test func(t *testing.T, d protocol.Device, l *layout.Layout, vectors []codectest.Vector)) {
	for _, d := range All() {
		c, ok := d.Codec.(protocol.Described)
		if !ok || c.Layout().Name() != d.Name { // another dialect's codec
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(d.Name, "testdata", "vectors.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			var vectors []codectest.Vector
			for line := range bytes.Lines(data) {
				var v codectest.Vector
				if err := json.Unmarshal(line, &v); err != nil {
					t.Fatal(err)
				}
				vectors = append(vectors, v)
			}
			test(t, d, c.Layout(), vectors)
		})
	}
}

// frames cuts a vector into its frames.
func frames(t *testing.T, d protocol.Device, v codectest.Vector) (all [][]byte) {
	b, err := v.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		frame, n, _ := d.Codec.Split(b)
		if n == 0 {
			break
		}
		if frame != nil {
			all = append(all, frame)
		}
		b = b[n:]
	}
	return all
}

// What a layout shows of who, where and when is what the messages say of it: a
// layout stands beside Decode, and this holds the two together.
func TestLayoutsAgree(t *testing.T) {
	places, times, names := 0, 0, 0
	described(t, func(t *testing.T, d protocol.Device, l *layout.Layout, vectors []codectest.Vector) {
		identity, ok := identityFields[d.Name]
		if !ok {
			t.Fatal("identityFields does not say which field holds the device's identity")
		}
		if identity != "" && !slices.Contains(l.FieldNames(), identity) {
			t.Fatalf("the layout has no field %q of the device's identity", identity)
		}
		for _, v := range vectors {
			var spans []wire.Span
			decoded := true
			for _, f := range frames(t, d, v) {
				if _, err := d.Codec.Decode(f); err != nil {
					decoded = false
				}
				spans = append(spans, l.Dissect(f)...)
			}
			// A part is of a message that no frame holds.
			if !decoded || v.Type == "part" || slices.ContainsFunc(spans, func(s wire.Span) bool { return strings.HasPrefix(s.Name, "encrypted") }) {
				continue
			}
			for _, raw := range v.Observations {
				var o struct {
					Body, Device string
					DeviceAt     *time.Time `json:"device_at"`
					At           *time.Time
					Lat, Lon     json.Number
				}
				if err := json.Unmarshal(raw, &o); err != nil {
					t.Fatal(err)
				}
				_, id, _ := strings.Cut(o.Device, ":")
				for _, s := range spans {
					if identity != "" && s.Name == identity && o.Device != "" {
						// What is no number is one in another form.
						if names++; s.Value != id && strings.Trim(s.Value, "0123456789") == "" && s.Value != "" {
							t.Errorf("%s: the device is %s, the layout shows %s", v.Name, id, s.Value)
						}
					}
				}
				if o.Body == "fix" && !slices.Contains(placesApart, d.Name) && o.Lat != "" && (o.Lat != "0" || o.Lon != "0") {
					places++
					for what, n := range map[string]json.Number{"lat": o.Lat, "lon": o.Lon} {
						if !showsPlace(spans, what, n) {
							t.Errorf("%s: the %s is %s, the layout shows %+v", v.Name, what, n, spans)
						}
					}
				}
				if at := o.DeviceAt; at != nil && !at.IsZero() && o.Body != timesApart[d.Name] {
					if times++; !showsTime(spans, *at) {
						t.Errorf("%s: the time is %s, the layout shows %+v", v.Name, at, spans)
					}
				}
			}
		}
	})
	if places < 10 || times < 10 || names < 10 {
		t.Errorf("%d places, %d times, %d identityFields: too few to prove anything", places, times, names)
	}
}

// showsPlace reports whether a coordinate is in the value or the note of a field
// that is called so, to as many decimals as n has. The sign may stand elsewhere.
func showsPlace(spans []wire.Span, name string, n json.Number) bool {
	want, err := n.Float64()
	_, decimals, _ := strings.Cut(n.String(), ".")
	if err != nil {
		return false
	}
	off := math.Pow10(-min(len(decimals), 6))
	return slices.ContainsFunc(spans, func(s wire.Span) bool {
		if !strings.Contains(s.Name, name) {
			return false
		}
		return slices.ContainsFunc([]string{s.Value, s.Note}, func(text string) bool {
			v, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text), "°"), 64)
			return err == nil && math.Abs(math.Abs(v)-math.Abs(want)) < off
		})
	})
}

// showsTime reports whether the fields show a time, in any zone: alone, or as a
// date and a time of day.
func showsTime(spans []wire.Span, want time.Time) bool {
	var dates, clocks, texts []string
	for _, s := range spans {
		for _, text := range []string{s.Value, s.Note} {
			switch {
			case len(text) >= len("2006-01-02T15:04:05"):
				texts = append(texts, text[:len("2006-01-02T15:04:05")])
			case len(text) == len("2006-01-02") && strings.Count(text, "-") == 2:
				dates = append(dates, text)
			case len(text) == len("15:04:05") && strings.Count(text, ":") == 2:
				clocks = append(clocks, text)
			}
		}
	}
	for _, d := range dates {
		for _, c := range clocks {
			texts = append(texts, d+"T"+c)
		}
	}
	want = want.Truncate(time.Second)
	return slices.ContainsFunc(texts, func(text string) bool {
		at, err := time.Parse("2006-01-02T15:04:05", text)
		off := at.Sub(want).Abs()
		return err == nil && off <= 14*time.Hour && off%(15*time.Minute) == 0
	})
}

// An error names a field as the layout does, or what the layout says that all of
// it is, and where the layout tells that field, or nothing any more. Where a field
// is missing, another one may stand.
func TestLayoutsNameErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("long, in one goroutine")
	}
	described(t, func(t *testing.T, d protocol.Device, l *layout.Layout, vectors []codectest.Vector) {
		names := l.FieldNames()
		told := map[string]bool{}
		checked := 0
		for _, v := range vectors {
			for _, f := range frames(t, d, v) {
				for _, b := range damaged(f) {
					_, err := d.Codec.Decode(b)
					var fe *wire.FieldError
					if !errors.As(err, &fe) {
						continue
					}
					checked++
					spans := l.Dissect(b)
					problem := ""
					if !slices.Contains(names, fe.Field) && !slices.Contains(ranges, fe.Field) && !slices.ContainsFunc(spans, func(s wire.Span) bool { return s.Value == fe.Field }) {
						problem = "no field of that name"
					}
					if fe.Offset < 0 || fe.Offset > len(b) {
						problem = "beyond the frame"
					}
					for _, s := range spans {
						if s.Offset == fe.Offset && s.Name != fe.Field && s.Name != "unparsed" && slices.ContainsFunc(spans, func(s wire.Span) bool { return s.Name == fe.Field && !errors.Is(err, wire.ErrTruncated) }) {
							problem = "there the layout has " + s.Name
						}
					}
					if problem != "" && !told[fe.Field+problem] {
						told[fe.Field+problem] = true
						t.Errorf("%s: %v: %s (of %x)", v.Name, err, problem, b)
					}
				}
			}
		}
		if checked == 0 {
			t.Error("no frame is broken so that an error names a field")
		}
	})
}

// damaged are a frame, its beginnings, and what it is with a byte changed.
func damaged(frame []byte) [][]byte {
	all := [][]byte{frame}
	for i := range frame {
		all = append(all, frame[:i])
		for _, x := range []byte{0x01, 0x10, 0x80, 0xFF} {
			b := bytes.Clone(frame)
			b[i] ^= x
			all = append(all, b)
		}
	}
	return all
}

// forgiven are the vectors with a fault that their codec takes, by name, besides
// those whose name says that a length is wrong.
var forgiven = []string{"stx with a receiver's code that does not fit", "voice, plain length"}

// frameLengths are the dialects whose length in text is that of all that is behind.
var frameLengths = []string{"megastek", "rftrack", "siadc09", "watch3g"}

// Of a frame that decodes the layout finds nothing wrong, unless the codec forgives
// it; of one with another length it says so.
func TestLayoutsTellFaults(t *testing.T) {
	fault := func(l *layout.Layout, frame []byte) (is wire.Span) {
		for _, s := range l.Dissect(frame) {
			if strings.HasPrefix(s.Note, "WRONG") && is.Name == "" {
				is = s
			}
		}
		return is
	}
	described(t, func(t *testing.T, d protocol.Device, l *layout.Layout, vectors []codectest.Vector) {
		lengths := 0
		for _, v := range vectors {
			for _, f := range frames(t, d, v) {
				if _, err := d.Codec.Decode(f); err != nil || strings.Contains(v.Name, "wrong length") || slices.Contains(forgiven, v.Name) {
					continue
				}
				if s := fault(l, f); s.Name != "" {
					t.Errorf("%s: %+v", v.Name, s)
				}
				for _, s := range l.Dissect(f) {
					if s.Name != "length" && s.Name != "content length" || !slices.Contains(frameLengths, d.Name) {
						continue
					}
					lengths++
					b := bytes.Clone(f)
					b[s.Offset+s.Len-1] ^= 1
					if got := fault(l, b); got.Offset != s.Offset || !strings.EqualFold(got.Note, "WRONG, expected "+s.Value) {
						t.Errorf("%s: of a length that is not %s it says %+v", v.Name, s.Value, got)
					}
				}
			}
		}
		if lengths == 0 && slices.Contains(frameLengths, d.Name) {
			t.Error("no frame has a length")
		}
	})
}
