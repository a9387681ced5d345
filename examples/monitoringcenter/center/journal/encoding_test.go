package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
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

// own is a commit without the memory that it shares with later ones.
func own(c Commit) Commit {
	c.memory = nil
	if len(c.Entries) == 0 {
		c.Entries = nil
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
	got, err := new(decoder).commit(appendAll(t, want), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(own(got), want) {
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
		c, err := new(decoder).commit(b, nil)
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

func nobody(em.DeviceID) bool { return false }

// of are the entries of a commit that have to do with a device.
func of(c Commit, d em.DeviceID) Commit {
	is := func(o em.Observation) bool { return o.Device == d }
	entries := c.Entries
	c.Entries = nil
	for _, e := range entries {
		if e.Device == d || slices.ContainsFunc(e.Frames, func(f protocol.ReportFrame) bool { return slices.ContainsFunc(f.Observations, is) }) {
			c.Entries = append(c.Entries, e)
		}
	}
	return c
}

// Opening a commit for some devices gives what opening it all gives of theirs: of a
// report of its own, of one that another's report brings, and of none.
func TestOpenForSome(t *testing.T) {
	all := flatten(commit())
	other := em.Observation{Device: "rftrack:bracelet", Body: &em.Alarm{What: em.AlarmSOS}}.Stamp(all.Entries[1].Received)
	home := all.Entries[1]
	home.Device = "rftrack:home"
	home.Frames = []protocol.ReportFrame{{Raw: []byte{1}, Observations: []em.Observation{home.Frames[0].Observations[0], other}}}
	all.Entries = append(all.Entries, home)
	s := Sealed{Seq: 9, data: appendAll(t, all)}
	for _, d := range []em.DeviceID{"", "gt06:990000000000017", "rftrack:bracelet", "rftrack:home", "laipac:99000017"} {
		want := of(all, d)
		want.Seq = 9
		is := func(o em.DeviceID) bool { return o == d }
		got, err := s.Open(is)
		if err != nil || !reflect.DeepEqual(own(got), want) {
			t.Errorf("%q: %v, got  %+v\nwant %+v", d, err, got, want)
		}
		if s.Has(is) != (len(want.Entries) > 0) {
			t.Errorf("%q: Has is %v", d, s.Has(is))
		}
	}
	if _, err := (Sealed{data: s.data[:40]}).Open(nobody); !errors.Is(err, ErrDamaged) {
		t.Errorf("a commit that is cut: %v", err)
	}
}

// A decoder makes texts once and gives things room together, and what it has read stays
// as it is whatever it reads next, also many names, until it is freed.
func TestDecoderMemory(t *testing.T) {
	want := flatten(commit())
	d := newDecoder()
	var all []Commit
	names := Commit{Entries: make([]Entry, mostSenders/2+1)}
	for i := range names.Entries {
		names.Entries[i].Device = em.DeviceID(fmt.Sprint("x:", i))
		names.Entries[i].Conn = fmt.Sprint(i)
	}
	for range 20 {
		got, err := d.commit(appendAll(t, want), nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got)
	}
	for n := range 4 {
		if got, err := d.commit(appendAll(t, names), nil); err != nil || !reflect.DeepEqual(own(got), names) {
			t.Fatalf("%d entries, %v", len(got.Entries), err)
		}
		for i := range names.Entries {
			if names.Entries[i].Conn += "0"; n == 1 { // first another connection, then another device
				names.Entries[i].Device += "+"
			}
		}
	}
	for i := range all {
		if !reflect.DeepEqual(own(all[i]), want) {
			t.Errorf("commit %d is now %+v", i, all[i])
		}
	}
	if len(d.texts) > mostTexts || len(d.senders) > mostSenders {
		t.Errorf("%d texts and %d senders are kept", len(d.texts), len(d.senders))
	}
	long := Commit{Entries: []Entry{{Report: protocol.Report{Device: "x:1", Conn: strings.Repeat("c", longSender)}}}}
	if got, err := d.commit(appendAll(t, long), nil); err != nil || !reflect.DeepEqual(own(got), long) || len(d.senders["x:1"].conn) >= longSender {
		t.Errorf("%+v, %v", got, err)
	}
	many := benchCommit(t)
	if got := testing.AllocsPerRun(100, func() {
		c, err := d.commit(many, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Free()
	}) / 100; got > 1.1 { // its body
		t.Errorf("%v allocations a report", got)
	}
}

// What is freed is empty before it serves again: nothing of one commit shows in another,
// and who looks at what it has given back sees nothing rather than somebody else.
func TestFree(t *testing.T) {
	d := newDecoder()
	many := benchCommit(t)
	few := appendAll(t, flatten(commit()))
	for range 100 {
		c, err := d.commit(many, nil)
		if err != nil {
			t.Fatal(err)
		}
		frames, body := c.Entries[0].Frames, c.Entries[0].Frames[0].Observations[0].Body
		observations := frames[0].Observations
		c.Free()
		if c.Entries != nil || !reflect.DeepEqual(frames[0], protocol.ReportFrame{}) || !reflect.DeepEqual(observations[0], em.Observation{}) {
			t.Fatalf("freed, and still %+v, %+v", frames, observations)
		}
		if f, ok := body.(*em.Fix); !ok || f.Lat != 54.7 {
			t.Fatalf("a body is now %+v", body)
		}
		c.Free() // of nothing
		if got, err := d.commit(few, nil); err != nil || !reflect.DeepEqual(own(got), flatten(commit())) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	long := commit()
	for range 3 * chunkOf {
		long.Entries[1].Frames[0].Observations = append(long.Entries[1].Frames[0].Observations, long.Entries[1].Frames[0].Observations[0])
	}
	for range 3 {
		got, err := d.commit(appendAll(t, long), nil)
		if err != nil || !reflect.DeepEqual(own(got), flatten(long)) {
			t.Fatalf("%+v, %v", got, err)
		}
		got.Free()
	}
}

// benchCommit is a commit of 100 reports of 16 devices.
func benchCommit(b testing.TB) []byte {
	one := commit().Entries[1]
	one.Frames = one.Frames[:1]
	c := Commit{Gateway: "g-1"}
	for i := range 100 {
		e := one
		e.Device = em.DeviceID(fmt.Sprint("gt06:99000000000001", i%16))
		e.Frames = []protocol.ReportFrame{e.Frames[0]}
		o := e.Frames[0].Observations[0]
		o.Device = e.Device
		e.Frames[0].Observations = []em.Observation{o}
		c.Entries = append(c.Entries, e)
	}
	return appendAll(b, c)
}

// BenchmarkOpen opens a commit, all of it, and for one device of 16.
func BenchmarkOpen(b *testing.B) {
	s := Sealed{data: benchCommit(b)}
	for name, want := range map[string]func(em.DeviceID) bool{"all": nil, "sixteenth": func(d em.DeviceID) bool { return d == "gt06:990000000000015" }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := s.Open(want)
				if err != nil {
					b.Fatal(err)
				}
				c.Free()
			}
		})
	}
}

// Every part of a commit is needed, and nothing may follow.
func TestReadCommitCut(t *testing.T) {
	b := appendAll(t, commit())
	for n := range b {
		for _, want := range []func(em.DeviceID) bool{nil, nobody} {
			if _, err := new(decoder).commit(b[:n], want); !errors.Is(err, em.ErrState) {
				t.Errorf("%d of %d bytes: %v", n, len(b), err)
			}
		}
	}
	if _, err := new(decoder).commit(append(b, 0), nil); !errors.Is(err, em.ErrState) {
		t.Errorf("one byte more: %v", err)
	}
	b[0]++
	if _, err := new(decoder).commit(b, nil); !errors.Is(err, em.ErrState) {
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
	packed, _ := pack(benchCommit(f), nil)
	f.Add(packed)
	f.Fuzz(func(t *testing.T, b []byte) {
		packed := b
		b, err := unpack(new([]byte), b)
		if err != nil {
			if _, again := new(decoder).commit(packed, nil); !errors.Is(err, em.ErrState) || !errors.Is(again, em.ErrState) {
				t.Errorf("no ErrState: %v, %v", err, again)
			}
			return
		}
		all, err := new(decoder).commit(packed, nil)
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
		for _, e := range all.Entries {
			some, err := new(decoder).commit(b, func(d em.DeviceID) bool { return d == e.Device })
			if err != nil || !bytes.Equal(appendAll(t, some), appendAll(t, of(all, e.Device))) {
				t.Errorf("of %q: %+v, %v", e.Device, some, err)
			}
		}
		again, err := new(decoder).commit(appendAll(t, all), nil)
		if err != nil || !bytes.Equal(appendAll(t, again), appendAll(t, all)) {
			t.Errorf("%+v\nreads again as %+v, %v", all, again, err)
		}
	})
}

// What is written of an observation has its length before it, however many bytes
// that takes, and a report is written in place.
func TestAppendInPlace(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, n := range []int{0, 10, 100, 1000, 100_000} {
		o := em.Observation{Device: "x:1", Body: &em.Vendor{Name: strings.Repeat("x", n)}}.Stamp(at)
		own, err := o.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := prefixLength(append([]byte("before"), own...), 6), em.AppendString([]byte("before"), string(own)); !bytes.Equal(got, want) {
			t.Errorf("of %d bytes %x…", len(own), got[:20])
		}
	}
	e := commit().Entries[1]
	e.Frames = e.Frames[:1]
	e.Frames[0].Raw = make([]byte, 100)
	dst := make([]byte, 0, 4096)
	if got := testing.AllocsPerRun(100, func() {
		if _, err := appendEntry(dst, &e); err != nil {
			t.Fatal(err)
		}
	}); got > 0 {
		t.Errorf("%v allocations a report", got)
	}
}
