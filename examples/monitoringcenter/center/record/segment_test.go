package record

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em"
)

// anyNumber draws what devices send, and what they never would.
func anyNumber(t *rapid.T, name string) float64 {
	switch rapid.IntRange(0, 9).Draw(t, name+" kind") {
	case 0:
		return rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, 1<<53 + 2}).Draw(t, name)
	case 1:
		return rapid.Float64().Draw(t, name)
	default:
		scale := rapid.SampledFrom(scales[:]).Draw(t, name+" scale")
		return float64(rapid.Int64Range(-2e9, 2e9).Draw(t, name)) / scale
	}
}

func anyTime(t *rapid.T, name string, base time.Time) time.Time {
	switch rapid.IntRange(0, 9).Draw(t, name+" kind") {
	case 0:
		return time.Date(rapid.SampledFrom([]int{1, 2, 1601, 1969, 2000, 2261, 2263, 9999}).Draw(t, name), 5, 1, 0, 0, 0, 1, time.UTC)
	case 1, 2, 3:
		return base.Add(time.Duration(rapid.Int64Range(-int64(48*time.Hour), int64(48*time.Hour)).Draw(t, name)))
	default:
		return base.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, name)) * time.Second)
	}
}

func anyBody(t *rapid.T) em.Body {
	word := rapid.SampledFrom([]string{"", "a", "current", "\x00\xff", "gnss"})
	opt := func(name string) (o em.Opt[float64]) {
		if rapid.Bool().Draw(t, name+"?") {
			o = em.Some(anyNumber(t, name))
		}
		return o
	}
	switch rapid.IntRange(0, 9).Draw(t, "body") {
	case 0:
		return &em.Power{Level: opt("level")}
	case 1:
		return &em.Comms{Event: em.CommsHeartbeat, Text: word.Draw(t, "text")}
	case 2:
		return &em.Vendor{Name: word.Draw(t, "name"), Fields: []em.Field{{Name: "n", Value: word.Draw(t, "value")}}}
	case 3:
		return &em.Tamper{What: em.TamperStrap, Cleared: rapid.Bool().Draw(t, "cleared")}
	}
	f := &em.Fix{LatLng: em.LatLng{Lat: anyNumber(t, "lat"), Lng: anyNumber(t, "lng")}, Validity: em.FixValidity(word.Draw(t, "validity")), Source: em.FixSource(word.Draw(t, "source")),
		Accuracy: opt("accuracy"), HDOP: opt("hdop"), Altitude: opt("altitude"), Speed: opt("speed"), Course: opt("course")}
	if rapid.Bool().Draw(t, "satellites?") {
		f.Satellites = em.Some(rapid.IntRange(-5, 50).Draw(t, "satellites"))
	}
	return f
}

func anyArrival(t *rapid.T, base time.Time) arrival {
	o := em.Observation{Device: "gt06:1", Body: anyBody(t), Stored: rapid.Bool().Draw(t, "stored")}
	if rapid.IntRange(0, 4).Draw(t, "timed") > 0 {
		o.DeviceAt = anyTime(t, "device at", base)
	}
	if rapid.IntRange(0, 4).Draw(t, "corrected") == 0 {
		o.At = anyTime(t, "at", base)
	}
	if rapid.Bool().Draw(t, "numbered") {
		o.Seq = em.Some(rapid.Uint64().Draw(t, "seq"))
	}
	o.Part = uint16(rapid.SampledFrom([]int{0, 0, 0, 1, 65535}).Draw(t, "part"))
	o = o.Stamp(anyTime(t, "received", base))
	if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
		o.ID[3] ^= 1
	}
	return arrival{o, frameNumber(rapid.Int64Range(0, 1<<40).Draw(t, "chunk"), rapid.IntRange(0, framesPerChunk-1).Draw(t, "place"))}
}

// All that is written is read again, bit for bit, and a segment that was read is
// continued as if it had not been.
func TestSegmentRoundTrip(t *testing.T) {
	base := time.Date(2026, 3, 2, 8, 0, 0, 123456789, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		want := make([]arrival, rapid.IntRange(1, 12).Draw(t, "n"))
		var whole, part coder
		var data []byte
		cut := rapid.IntRange(0, len(want)).Draw(t, "cut")
		var first []byte
		for i := range want {
			want[i] = anyArrival(t, base)
			var err error
			if data, err = whole.append(data, &want[i]); err != nil {
				t.Fatal(err)
			}
			if i+1 == cut {
				first = bytes.Clone(data)
			}
		}
		got, err := part.readAll(nil, first, "gt06:1")
		if err != nil || len(got) != cut {
			t.Fatalf("the first %d come back as %d: %v", cut, len(got), err)
		}
		for i := cut; i < len(want); i++ {
			if first, err = part.append(first, &want[i]); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first, data) {
			t.Fatal("continued after reading it is another segment")
		}
		if !reflect.DeepEqual(part, whole) {
			t.Fatalf("continued it stands elsewhere:\n%+v\n%+v", part, whole)
		}
		var again coder
		if got, err = again.readAll(nil, data, "gt06:1"); err != nil || len(got) != len(want) {
			t.Fatalf("%d of %d come back: %v", len(got), len(want), err)
		}
		for i := range want {
			a, err1 := got[i].AppendBinary(nil)
			b, err2 := want[i].AppendBinary(nil)
			if err1 != nil || err2 != nil || !bytes.Equal(a, b) || got[i].frame != want[i].frame {
				t.Fatalf("%d comes back as %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// usual is the n-th report of a tracker that is worn: a minute apart, by degrees of
// 1/1,800,000, received some time after.
func usual(n int) em.Observation {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute)
	return em.Observation{
		Device: "gt06:990000000000017", DeviceAt: at, Seq: em.Some(uint64(n)),
		Body: &em.Fix{LatLng: em.LatLng{Lat: float64(98_460_000+n*37) / 1.8e6, Lng: float64(45_504_000-n*91) / 1.8e6}, Validity: em.FixCurrent, Source: em.SourceGNSS,
			Satellites: em.Some(7 + n%3), Speed: em.Some(float64(n%7) / 3.6), Course: em.Some(float64(n * 13 % 360))},
	}.Stamp(at.Add(1350*time.Millisecond + time.Duration(n)*time.Microsecond))
}

// The bytes were worked out outside this package from what the form says: whoever
// changes it changes what is stored already.
func TestSegmentBytes(t *testing.T) {
	const (
		first = "0142809cd4b41a058093dc14000a03000763757272656e7404676e73733803c60805c02700000e"
		// Alike, numbered; a minute and 1.350001 s later; 98460037/1.8e6 and
		// 45503909/1.8e6 degrees, 1/3.6 m/s, 13 degrees, a satellite more.
		second = "03f001056897dc140204138a86f35d13cad6b22b09023402"
	)
	var c coder
	var data []byte
	for n := range 2 {
		o := usual(n)
		var err error
		if data, err = c.append(data, &arrival{o, frameNumber(5, 3+n)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := hex.EncodeToString(data); got != first+second {
		t.Errorf("it is\n%s, want\n%s", got, first+second)
	}
}

// A position a minute takes less than 25 bytes.
func TestSegmentIsSmall(t *testing.T) {
	var c coder
	var data []byte
	for n := range 50 {
		o := usual(n)
		var err error
		if data, err = c.append(data, &arrival{o, frameNumber(int64(1000*n), n)}); err != nil {
			t.Fatal(err)
		}
	}
	if per := float64(len(data)) / 50; per > 23 {
		t.Errorf("%.1f bytes a position", per)
	} else {
		t.Logf("%.1f bytes a position", per)
	}
}

func FuzzSegment(f *testing.F) {
	var c coder
	var data []byte
	for n := range 3 {
		o := usual(n)
		data, _ = c.append(data, &arrival{o, 0})
	}
	f.Add(data)
	data, _ = c.append(data, &arrival{em.Observation{Device: "x", Body: &em.Power{}}.Stamp(time.Unix(1, 1)), 0})
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var c coder
		all, err := c.readAll(nil, data, "gt06:1")
		if err != nil {
			return
		}
		// What is read can be written.
		var w coder
		var again []byte
		for i := range all {
			if again, err = w.append(again, &all[i]); err != nil {
				t.Fatal(err)
			}
		}
		var r coder
		back, err := r.readAll(nil, again, "gt06:1")
		if err != nil || len(back) != len(all) {
			t.Fatalf("%d of %d come back: %v", len(back), len(all), err)
		}
	})
}
