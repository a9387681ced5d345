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

// nextPart draws another part of the frame of an arrival, or what is nearly one.
func nextPart(t *rapid.T, of arrival) arrival {
	a := of
	a.Body = anyBody(t)
	a.Part++
	switch rapid.IntRange(0, 15).Draw(t, "unlike") {
	case 0:
		a.Part++
	case 1:
		a.Seq = em.Opt[uint64]{}
	case 2:
		a.Seq = em.Some(a.Seq.V + 1)
	case 3:
		a.Stored = !a.Stored
	case 4:
		a.At = a.At.Add(1)
	case 5:
		a.DeviceAt = a.DeviceAt.Add(time.Nanosecond)
	case 6:
		a.DeviceAt = time.Time{}
	case 7:
		a.frame ^= 1
	}
	received := a.Received
	if rapid.IntRange(0, 9).Draw(t, "later") == 0 {
		received = received.Add(1)
	}
	a.Observation = a.Stamp(received)
	return a
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
			if i > 0 && rapid.Bool().Draw(t, "part") {
				want[i] = nextPart(t, want[i-1])
			} else {
				want[i] = anyArrival(t, base)
			}
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

// What two positions of one frame each and, of version 2, what else their frames say
// are as bytes. They were worked out outside this package from what the form says:
// whoever changes it changes what is stored already.
const (
	// The frames lie in chunk 5.
	firstBytes = "809cd4b41a058093dc14000a03000763757272656e7404676e73733803c60805c02700000e"
	// Alike, numbered; a minute later, received 1.350001 s after that, which is by no
	// second more or less than before; 98460037/1.8e6 and 45503909/1.8e6 degrees,
	// 1/3.6 m/s, 13 degrees, a satellite more. Version 1 has the second itself.
	secondBytes  = "03f001" + "01" + secondRest
	secondBytes1 = "03f001" + "05" + secondRest
	secondRest   = "6897dc140204138a86f35d13cad6b22b09023402"
	// It follows, and is a body that did not stand there: comms, info.
	followsBytes = "40010f05636f6d6d7304696e666f00000000"
	// Alike, numbered, a minute later as that before, and received so; it follows, and
	// is the first body.
	thirdBytes = "030001509bdc14"
	againBytes = "42"
)

func segmentOf(t *testing.T, begun string, all ...arrival) string {
	t.Helper()
	data, err := hex.DecodeString(begun)
	if err != nil {
		t.Fatal(err)
	}
	var c coder
	if _, err := c.readAll(nil, data, "gt06:990000000000017"); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if data, err = c.append(data, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(data)
}

// part is one of the frame of an arrival.
func part(of arrival, n uint16, b em.Body) arrival {
	of.Part, of.Body = n, b
	of.Observation = of.Stamp(of.Received)
	return of
}

func TestSegmentBytes(t *testing.T) {
	first, second, third := arrival{usual(0), frameNumber(5, 3)}, arrival{usual(1), frameNumber(5, 4)}, arrival{usual(2), frameNumber(5, 5)}
	info := &em.Comms{Event: em.CommsInfo}
	if got, want := segmentOf(t, "", first, second, part(second, 1, info)), "028201"+firstBytes+secondBytes+followsBytes; got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
	got := segmentOf(t, "", first, second, part(second, 1, info), third, part(third, 1, info))
	if want := "028201" + firstBytes + secondBytes + followsBytes + thirdBytes; got[:len(want)] != want || got[len(got)-len(againBytes):] != againBytes {
		t.Errorf("it is\n%s, want\n%s…%s", got, want, againBytes)
	}
}

// What was written in version 1 is read, and continued in it.
func TestSegmentVersion1(t *testing.T) {
	first, second := arrival{usual(0), frameNumber(5, 3)}, arrival{usual(1), frameNumber(5, 4)}
	odd := part(second, 1, &em.Comms{Event: em.CommsInfo})
	odd.ID[0] ^= 1
	for begun, more := range map[string][]arrival{
		"0142" + firstBytes:                {second},
		"0142" + firstBytes + secondBytes1: {part(second, 1, &em.Comms{Event: em.CommsInfo}), odd},
	} {
		got := segmentOf(t, begun, more...)
		if want := "0142" + firstBytes + secondBytes1; got[:len(want)] != want {
			t.Errorf("it is\n%s, want\n%s", got, want)
		}
		data, _ := hex.DecodeString(got)
		var c coder
		all, err := c.readAll(nil, data, first.Device)
		if err != nil {
			t.Fatal(err)
		}
		if want := append([]arrival{first, second}[:len(all)-len(more)], more...); !reflect.DeepEqual(all, want) {
			t.Errorf("it comes back as\n%+v, want\n%+v", all, want)
		}
	}
}

// A report a minute takes less than 23 bytes, and 25 with what rows and pages add, with the cells and the status that a
// tracker says along with it.
func TestSegmentIsSmall(t *testing.T) {
	var c coder
	var data []byte
	put := func(a arrival) {
		t.Helper()
		var err error
		if data, err = c.append(data, &a); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 50 {
		a := arrival{usual(n), frameNumber(int64(1000*n), n)}
		put(a)
		put(part(a, 1, &em.Comms{Event: em.CommsInfo, Cells: []em.Cell{{MCC: 246, MNC: 1, LAC: 100, CID: 50}}}))
		put(part(a, 2, &em.Vendor{Name: "gt06 location", Fields: []em.Field{{Name: "status", Value: "1"}}}))
	}
	if per := float64(len(data)) / 50; per > 23 {
		t.Errorf("%.1f bytes a report", per)
	} else {
		t.Logf("%.1f bytes a report", per)
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
