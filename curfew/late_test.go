package curfew_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

func TestFinality(t *testing.T) {
	const maxLate = 72 * time.Hour
	closed := em.Event{At: evening(19, 0), Until: evening(31, 0), Concluded: evening(31, 4)}
	open := closed
	open.Until = time.Time{}
	for _, tt := range []struct {
		name          string
		ev            em.Event
		complete, now time.Time
		want          curfew.Finality
	}{
		{"just told", closed, time.Time{}, evening(31, 4), curfew.Provisional},
		{"the devices have delivered its night", closed, evening(31, 2), evening(32, 0), curfew.Provisional},
		{"and what decided it", closed, evening(31, 5), evening(32, 0), curfew.Final},
		{"three days later", closed, time.Time{}, evening(31, 4).Add(maxLate), curfew.Provisional},
		{"a moment more", closed, time.Time{}, evening(31, 4).Add(maxLate + 1), curfew.FinalIncomplete},
		{"three days later, and complete", closed, evening(100, 0), evening(31, 4).Add(maxLate + 1), curfew.Final},
		{"open", open, evening(100, 0), evening(200, 0), curfew.Provisional},
	} {
		if got := curfew.FinalityOf(&tt.ev, tt.complete, tt.now, maxLate); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestWatermark(t *testing.T) {
	frame := func(seq uint64, minute int) *em.Observation {
		return &em.Observation{Seq: em.Some(seq), At: evening(20, minute)}
	}
	var w curfew.Watermark
	for i, s := range []struct {
		what string
		do   func()
		want time.Time
	}{
		{"a first frame proves nothing of what came before", func() { w.Observe(frame(100, 0)) }, time.Time{}},
		{"nor do more", func() { w.Observe(frame(101, 1)) }, time.Time{}},
		{"the device says that it holds nothing back", func() { w.Empty(evening(20, 1)) }, evening(20, 1)},
		{"the next number", func() { w.Observe(frame(102, 2)) }, evening(20, 2)},
		{"a number is missing", func() { w.Observe(frame(104, 4)) }, evening(20, 2)},
		{"and another", func() { w.Observe(frame(107, 7)) }, evening(20, 2)},
		{"the first comes", func() { w.Observe(frame(103, 3)) }, evening(20, 4)},
		{"once more", func() { w.Observe(frame(103, 3)) }, evening(20, 4)},
		{"the others come the other way round", func() { w.Observe(frame(106, 6)); w.Observe(frame(105, 5)) }, evening(20, 7)},
		{"a frame of several parts", func() { w.Observe(frame(107, 8)) }, evening(20, 8)},
		{"no number", func() { w.Observe(&em.Observation{At: evening(23, 0)}) }, evening(20, 8)},
		{"numbers begin again", func() { w.Observe(frame(1, 9)) }, evening(20, 8)},
		{"and go on", func() { w.Observe(frame(2, 10)) }, evening(20, 8)},
		{"nothing is held back", func() { w.Empty(evening(20, 10)) }, evening(20, 10)},
		{"the next number", func() { w.Observe(frame(3, 11)) }, evening(20, 11)},
		{"it never goes back", func() { w.Empty(evening(20, 0)) }, evening(20, 11)},
	} {
		s.do()
		if !w.Complete().Equal(s.want) {
			t.Fatalf("step %d, %s: complete until %v, want %v", i, s.what, w.Complete(), s.want)
		}
	}
	var other curfew.Watermark
	if c := curfew.Complete(&w, &other); !c.IsZero() {
		t.Errorf("complete until %v, though nothing is known of one device", c)
	}
	other.Empty(evening(20, 5))
	if c := curfew.Complete(&w, &other); !c.Equal(evening(20, 5)) {
		t.Errorf("complete until %v, want that of the later device", c)
	}
	// At the bound it stands, and says nothing wrong.
	for n := range uint64(2 * curfew.MaxOutstanding) {
		w.Observe(frame(5+n, 12))
	}
	w.Observe(frame(4, 12))
	w.Observe(frame(5+2*curfew.MaxOutstanding, 30))
	if !w.Complete().Equal(evening(20, 12)) {
		t.Errorf("complete until %v beyond what it remembers", w.Complete())
	}
}

func TestSkew(t *testing.T) {
	at := evening(20, 0)
	contacts := func(offsets ...time.Duration) (s curfew.Skew) {
		for i, d := range offsets {
			sent := at.Add(time.Duration(i) * time.Minute)
			s.Contact(sent, sent.Add(d))
		}
		return s
	}
	for _, tt := range []struct {
		name    string
		offsets []time.Duration
		want    time.Duration
	}{
		{"none", nil, 0},
		{"in time", []time.Duration{time.Second, 2 * time.Second}, 0},
		{"a minute", []time.Duration{-60 * time.Second}, 0},
		{"fast, once", []time.Duration{-61 * time.Second}, -61 * time.Second},
		{"slow, or held up", []time.Duration{5 * time.Minute, 5 * time.Minute}, 0},
		{"slow", []time.Duration{5*time.Minute + 300*time.Millisecond, 6 * time.Minute, 5*time.Minute + 400*time.Millisecond}, 5 * time.Minute},
		{"held up once", []time.Duration{time.Second, 5 * time.Minute, time.Second}, 0},
		{"set in between", []time.Duration{-10 * time.Minute, 0, 0, 0}, 0},
	} {
		s := contacts(tt.offsets...)
		if got := s.Offset(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	s := contacts(-5 * time.Minute)
	o := s.Correct(em.Observation{Device: bracelet, DeviceAt: at, Body: fix(1)}).Stamp(at)
	if !o.At.Equal(at.Add(-5*time.Minute)) || !o.DeviceAt.Equal(at) {
		t.Errorf("corrected to %v, and the device's time to %v", o.At, o.DeviceAt)
	}
	if o := s.Correct(em.Observation{Device: bracelet, Body: fix(1)}).Stamp(at); !o.At.Equal(at) {
		t.Errorf("without a device's time: %v", o.At)
	}
}

// TestCorrectedClock: scenario 6 by a unit whose clock is five minutes fast gives
// the same verdict, and says that the clock was corrected.
func TestCorrectedClock(t *testing.T) {
	doc, err := os.ReadFile("testdata/06-left-0317.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, string(doc))
	var skew curfew.Skew
	skew.Contact(s.obs[0].At.Add(5*time.Minute), s.obs[0].At)
	for i, o := range s.obs {
		real := o.At
		o.DeviceAt, o.At = real.Add(5*time.Minute), time.Time{}
		s.obs[i] = skew.Correct(o).Stamp(real)
	}
	told := final(drive(t, s.evaluator(t), func() *curfew.Evaluator { return s.evaluator(t) }, s.obs, s.until))
	if got, want := verdict(told), "AL10 77, BREACH 77"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
	for _, ev := range told {
		if f := fact(ev, "clock_corrected"); f.Num != -300 || f.Unit != "s" || !strings.Contains(ev.Detail.Reason, "whose clock was corrected by -5m0s") {
			t.Errorf("%s: corrected by %+v; %q", ev.Detail.Kind, f, ev.Detail.Reason)
		}
	}
}
