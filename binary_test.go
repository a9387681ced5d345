package em_test

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
)

type binary interface {
	encoding.BinaryAppender
}

func appended(t testing.TB, v binary) []byte {
	t.Helper()
	b, err := v.AppendBinary([]byte("prefix"))
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := bytes.CutPrefix(b, []byte("prefix"))
	if !ok {
		t.Fatal("the prefix is gone")
	}
	return rest
}

func anEvent() em.Event {
	e := em.Event{
		Rule: "curfew", Version: "order-7@2", About: "home", Anchor: stamp, At: stamp, Until: stamp.Add(19 * time.Minute),
		Because: []em.ObservationID{{1}, {2}},
		Detail: em.Detail{Kind: "curfew.absence", Class: "RETURN_LATE", Severity: em.Violation, Reason: "19 minutes late",
			Facts: []em.Fact{{Name: "minutes", Num: 19, Unit: "min"}, {Name: "place", Text: "Gedimino pr."}}},
	}
	e.Stamp("person-1", stamp.Add(time.Hour))
	return e
}

func aCheckpoint() em.Checkpoint {
	return em.Checkpoint{Clock: em.ReceiveTime, At: stamp, State: [][]byte{{1, 2}, {}, {3}}, Open: []em.Event{anEvent()}}
}

func TestBinaryRoundTrips(t *testing.T) {
	for _, o := range every() {
		b := appended(t, o)
		var got em.Observation
		if err := got.UnmarshalBinary(b); err != nil {
			t.Fatalf("%s: %v", o.Body.Kind(), err)
		}
		if d := cmp.Diff(o, got); d != "" {
			t.Error(d)
		}
		eachDamage(t, b, func(b []byte) error { return new(em.Observation).UnmarshalBinary(b) })
	}
	for _, e := range []em.Event{{}, anEvent()} {
		b := appended(t, e)
		var got em.Event
		if err := got.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, got); d != "" || !e.Equal(&got) {
			t.Error(d)
		}
		eachDamage(t, b, func(b []byte) error { return new(em.Event).UnmarshalBinary(b) })
	}
	cp := aCheckpoint()
	b := appended(t, cp)
	var got em.Checkpoint
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(cp, got, cmp.Transformer("", func(b []byte) string { return string(b) })); d != "" {
		t.Error(d)
	}
	eachDamage(t, b, func(b []byte) error { return new(em.Checkpoint).UnmarshalBinary(b) })
	if _, err := (em.Observation{}).AppendBinary(nil); err == nil {
		t.Error("an observation without a body is written")
	}
}

// eachDamage cuts b at every place and adds a byte: none of it is a value.
func eachDamage(t *testing.T, b []byte, read func([]byte) error) {
	t.Helper()
	for n := range b {
		if err := read(b[:n]); !errors.Is(err, em.ErrState) {
			t.Fatalf("%d of %d bytes are taken: %v", n, len(b), err)
		}
	}
	if err := read(append(bytes.Clone(b), 0)); !errors.Is(err, em.ErrState) {
		t.Fatalf("a trailing byte is taken: %v", err)
	}
}

// The bytes of one observation, composed by an independent program.
func TestObservationBinaryByHand(t *testing.T) {
	o := em.Observation{Device: "rf:17", Seq: em.Some(uint64(300)), Part: 2, DeviceAt: stamp, At: stamp.Add(time.Second), Stored: true,
		Body: &em.Beacon{Beacon: "home-17", Radio: "rf", Lost: true, RSSI: em.Some(-71)}}.Stamp(stamp.Add(250 * time.Millisecond))
	want := "01" + o.ID.String() + // version, ID
		"0572663a3137" + // device
		"01ac02" + "02" + // seq 300, part 2
		"01b28284ac0d00" + "01b48284ac0d00" + "01b28284ac0d80e59a77" + // times
		"01" + // stored
		"06626561636f6e" + "07686f6d652d3137" + "027266" + "01" + "018d01" // kind, beacon, radio, lost, RSSI
	if got := hex.EncodeToString(appended(t, o)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStateReader(t *testing.T) {
	nan := math.Float64frombits(0x7ff8dead00000001)
	times := []time.Time{{}, stamp, time.Unix(-1, 999_999_999).UTC(), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	b := em.AppendUint(nil, math.MaxUint64)
	b = em.AppendInt(em.AppendInt(b, math.MinInt64), math.MaxInt64)
	b = em.AppendFloat(em.AppendFloat(em.AppendFloat(b, math.Inf(-1)), math.Copysign(0, -1)), nan)
	b = em.AppendString(em.AppendBool(em.AppendBool(b, true), false), "a\x00ž")
	for _, at := range times {
		b = em.AppendTime(b, at)
	}
	b = em.AppendOpt(em.AppendOpt(b, em.Some(int64(-5)), em.AppendInt), em.Opt[int64]{V: 9}, em.AppendInt)

	r := em.NewStateReader(b)
	if v := r.Uint(); v != math.MaxUint64 {
		t.Error(v)
	}
	if v, w := r.Int(), r.Int(); v != math.MinInt64 || w != math.MaxInt64 {
		t.Error(v, w)
	}
	if v, w := r.Float(), r.Float(); !math.IsInf(v, -1) || w != 0 || !math.Signbit(w) {
		t.Error(v, w)
	}
	if v := r.Float(); v == v {
		t.Error(v)
	}
	if v, w, s := r.Bool(), r.Bool(), r.String(); !v || w || s != "a\x00ž" {
		t.Error(v, w, s)
	}
	for _, at := range times {
		if got := r.Time(); !got.Equal(at) || got.Location() != time.UTC {
			t.Errorf("%v is read %v", at, got)
		}
	}
	if v, w := em.ReadOpt(r, (*em.StateReader).Int), em.ReadOpt(r, (*em.StateReader).Int); v != em.Some(int64(-5)) || w != (em.Opt[int64]{}) {
		t.Error(v, w)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if a, b := em.AppendFloat(nil, nan), em.AppendFloat(nil, math.NaN()); !bytes.Equal(a, b) {
		t.Error("two NaNs are written differently")
	}

	// After the first error all reads are zero, and the error stays the first.
	r = em.NewStateReader([]byte{2, 1, 1, 1})
	if r.Bool() || r.Uint() != 0 || r.Len() != 0 || r.String() != "" || !r.Time().IsZero() || r.Bytes(1) != nil {
		t.Error("values after an error")
	}
	r.Fail("another")
	if err := r.Close(); !errors.Is(err, em.ErrState) || err.Error() != "em: malformed state: a truth value is 0 or 1" || r.Err() != err {
		t.Error(err)
	}
	for name, bad := range map[string]func(r *em.StateReader){
		"count beyond the data":   func(r *em.StateReader) { r.Len() },
		"string beyond the data":  func(r *em.StateReader) { _ = r.String() },
		"negative length":         func(r *em.StateReader) { r.Bytes(-1) },
		"number without end":      func(r *em.StateReader) { r.Bytes(1); r.Uint() },
		"nanoseconds beyond 10^9": func(r *em.StateReader) { r.Bytes(4); r.Time() },
	} {
		r := em.NewStateReader([]byte{200, 0x80, 0x80, 0x80, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
		if name == "number without end" {
			r = em.NewStateReader([]byte{0, 0x80, 0x80, 0x80})
		}
		if bad(r); !errors.Is(r.Err(), em.ErrState) {
			t.Errorf("%s: %v", name, r.Err())
		}
	}
}

// Hostile bytes: no panic, no more memory than their own size, and what is read
// is written and read back as the same.
func FuzzBinary(f *testing.F) {
	for _, o := range every() {
		f.Add(appended(f, o))
	}
	f.Add(appended(f, anEvent()))
	f.Add(appended(f, aCheckpoint()))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		again := func(v binary, back encoding.BinaryUnmarshaler) {
			first := appended(t, v)
			if err := back.UnmarshalBinary(first); err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
			if second := appended(t, back.(binary)); !bytes.Equal(first, second) {
				t.Fatalf("not canonical:\n%x\n%x", first, second)
			}
		}
		var o em.Observation
		if o.UnmarshalBinary(b) == nil {
			again(o, new(em.Observation))
		} else if o.Body != nil {
			t.Error("an error left a body behind")
		}
		var e em.Event
		if e.UnmarshalBinary(b) == nil {
			again(e, new(em.Event))
		}
		var c em.Checkpoint
		if c.UnmarshalBinary(b) == nil {
			again(c, new(em.Checkpoint))
		}
	})
}

// Hostile snapshots: an error that leaves the Timeline as it was, or a Timeline
// that works.
func FuzzSnapshot(f *testing.F) {
	make := func(t testing.TB) *em.Timeline {
		tl, err := em.NewTimeline(em.Config{Subject: subject, Start: clock("12:00:00"), History: new(em.MemoryHistory)}, rules(1)...)
		if err != nil {
			t.Fatal(err)
		}
		var r em.Result
		if err := tl.Feed(&r, clock("19:30:00"), beacon(clock("18:00:00"), true), fix(clock("18:10:00"), 1)); err != nil {
			t.Fatal(err)
		}
		return tl
	}
	f.Add(appended(f, make(f)))
	f.Fuzz(func(t *testing.T, b []byte) {
		tl := make(t)
		before := appended(t, tl)
		if err := tl.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, em.ErrState) {
				t.Errorf("%v is no ErrState", err)
			}
			if !bytes.Equal(before, appended(t, tl)) {
				t.Error("an error changed the timeline")
			}
			return
		}
		again := appended(t, tl)
		if err := make(t).UnmarshalBinary(again); err != nil {
			t.Errorf("what was read cannot be written and read: %v", err)
		}
	})
}

func TestSnapshotIsChecked(t *testing.T) {
	mk := func(c em.Config, evs ...em.Evaluator) *em.Timeline {
		c.History = new(em.MemoryHistory)
		tl, err := em.NewTimeline(c, evs...)
		if err != nil {
			t.Fatal(err)
		}
		return tl
	}
	cfg := em.Config{Subject: subject, Start: clock("12:00:00")}
	tl := mk(cfg, curfew(), &crossing{})
	var r em.Result
	if err := tl.Feed(&r, clock("19:30:00"), beacon(clock("18:00:00"), true), fix(clock("18:10:00"), 1)); err != nil {
		t.Fatal(err)
	}
	snap := appended(t, tl)
	other := cfg
	other.Subject = "person-2"
	start := cfg
	start.Start = clock("13:00:00")
	for name, tl := range map[string]*em.Timeline{
		"another subject":  mk(other, curfew(), &crossing{}),
		"other rules":      mk(start, curfew(), &crossing{}),
		"fewer evaluators": mk(cfg, curfew()),
		"other evaluators": mk(cfg, &crossing{}, curfew()),
	} {
		if err := tl.UnmarshalBinary(snap); !errors.Is(err, em.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	eachDamage(t, snap, tl.UnmarshalBinary)
	if !bytes.Equal(snap, appended(t, tl)) {
		t.Error("damaged snapshots changed the timeline")
	}
}
