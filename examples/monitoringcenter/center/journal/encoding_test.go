package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

func commit() Commit {
	at := time.Date(2026, 3, 2, 8, 0, 0, 123456789, time.UTC)
	fix := em.Observation{Device: "gt06:990000000000017", Seq: em.Some[uint64](7), DeviceAt: at.Add(-time.Minute), Stored: true,
		Body: &em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(12.5)}}.Stamp(at)
	sos := em.Observation{Device: "gt06:990000000000017", Part: 1, Body: &em.Alarm{What: em.AlarmSOS, Code: "0x01"}}.Stamp(at)
	return Commit{Gateway: "g-1", Entries: []Entry{
		{},
		{Conversation: 300, Report: protocol.Report{Conn: "192.0.2.1:4711", Codec: "gt06", Device: "gt06:990000000000017", Received: at, Frames: []protocol.ReportFrame{
			{Offset: 12, Raw: []byte{0x78, 0x78, 0x00, 0xFF}, Type: "position", Observations: []em.Observation{fix, sos}},
			{Offset: 16, Raw: []byte("junk\x00"), Err: errors.New("protocol: junk between frames")},
			{Offset: 21, Observations: []em.Observation{sos}}, // the session's own, without a frame
		}}},
		{Foreign: "laipac:99000017", Report: protocol.Report{Codec: "laipac", Received: at}},
	}}
}

// flatten gives errors that reflect.DeepEqual compares by their text.
func flatten(c Commit) Commit {
	for _, e := range c.Entries {
		for k := range e.Frames {
			if err := e.Frames[k].Err; err != nil {
				e.Frames[k].Err = errors.New(err.Error())
			}
		}
	}
	return c
}

func appendAll(t testing.TB, c Commit) []byte {
	t.Helper()
	b := appendCommitHeader(nil, c.Gateway, len(c.Entries))
	for i := range c.Entries {
		var err error
		if b, err = appendEntry(b, &c.Entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestCommitRoundTrip(t *testing.T) {
	want := flatten(commit())
	got, err := readCommit(appendAll(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The bytes of the log are a format: these commits were written down by hand. One
// report of connection "c", codec "x", device "x:1", received at 1 s and 2 ns,
// with one frame at offset 3 of the bytes AB CD, in error "bad"; the later version
// of conversation 300 with gateway "gw", under the foreign identity "x:2".
func TestReadCommitByHand(t *testing.T) {
	report := "0163" + "0178" + "03783a31" + hand(time.Unix(1, 2)) + "01" + "06" + "02abcd" + "00" + "03626164" + "00"
	for _, v := range []struct {
		text    string
		gateway string
		number  uint64
		foreign em.DeviceID
	}{
		{"01" + "01" + report, "", 0, ""},
		{"02" + "026777" + "01" + "ac02" + "03783a32" + report, "gw", 300, "x:2"},
	} {
		b, err := hex.DecodeString(v.text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := readCommit(b)
		if err != nil {
			t.Fatal(err)
		}
		r := c.Entries[0]
		if c.Gateway != v.gateway || r.Conversation != v.number || r.Foreign != v.foreign {
			t.Errorf("version %d: %+v", b[0], c)
		}
		if r.Conn != "c" || r.Codec != "x" || r.Device != "x:1" || !r.Received.Equal(time.Unix(1, 2)) {
			t.Errorf("version %d: %+v", b[0], r)
		}
		if f := r.Frames[0]; f.Offset != 3 || !bytes.Equal(f.Raw, []byte{0xAB, 0xCD}) || fmt.Sprint(f.Err) != "bad" {
			t.Errorf("version %d: %+v", b[0], f)
		}
	}
}

// hand is an instant in the SDK's own form, which package em tests.
func hand(at time.Time) string { return hex.EncodeToString(em.AppendTime(nil, at)) }

// Every part of a commit is needed, and nothing may follow.
func TestReadCommitCut(t *testing.T) {
	b := appendAll(t, commit())
	for n := range b {
		if _, err := readCommit(b[:n]); !errors.Is(err, em.ErrState) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := readCommit(append(b, 0)); !errors.Is(err, em.ErrState) {
		t.Errorf("one byte more: %v", err)
	}
	b[0]++
	if _, err := readCommit(b); !errors.Is(err, em.ErrState) {
		t.Errorf("another version: %v", err)
	}
}

// Whatever the bytes, reading ends without a panic, in memory that the bytes
// bound, and what was read reads the same again.
func FuzzReadCommit(f *testing.F) {
	b := appendAll(f, commit())
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(append([]byte{1}, b[5:]...)) // not a whole one of that version
	f.Add([]byte{2, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Add([]byte{1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := readCommit(b)
		n := 0
		for _, r := range all.Entries {
			n += 1 + len(r.Frames)
			for _, f := range r.Frames {
				n += len(f.Observations)
			}
		}
		if n > len(b)+1 {
			t.Errorf("%d things out of %d bytes", n, len(b))
		}
		if err != nil {
			if !errors.Is(err, em.ErrState) {
				t.Errorf("no ErrState: %v", err)
			}
			return
		}
		again, err := readCommit(appendAll(t, all))
		if err != nil || !bytes.Equal(appendAll(t, again), appendAll(t, all)) {
			t.Errorf("%+v\nreads again as %+v, %v", all, again, err)
		}
	})
}
