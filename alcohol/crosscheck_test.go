package alcohol

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"pgregory.net/rapid"
)

func newCross(t rapid.TB) *CrossCheck {
	t.Helper()
	e, err := NewCrossCheck(CrossRule{Version: "v1"}, Config{Rule: rule}, unworn)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCrossCheck(t *testing.T) {
	at := func(h, m int) time.Time { return monday.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute) }
	fail := func(h, m int) []em.Observation { return []em.Observation{ok(at(h, m), 310), ok(at(h, m+16), 300)} }
	for _, tc := range []struct {
		name string
		obs  []em.Observation
		want []string
	}{
		{"pass and sober skin", append(every(monday, make([]int64, 20)...), ok(at(5, 10), 0)), nil},
		{"pass while the skin is high", append(every(monday, 0, 20, 40, 60, 80, 80, 70, 60, 50, 40, 20, 0, 0), ok(at(2, 40), 0)), []string{"IDENTITY_OR_TAMPER at 02:40"}},
		{"pass at the limit", append(every(monday, 0, 20, 40, 50, 50, 50, 40, 30, 20, 10, 0, 0), ok(at(2, 10), 0)), nil},
		{"pass before it is an episode", append(every(monday, 0, 0, 60, 70, 80, 70, 60, 50, 40, 20, 0, 0), ok(at(1, 5), 0)), []string{"IDENTITY_OR_TAMPER at 01:05"}},
		{"pass in a spike that is none", append(every(monday, 0, 0, 90, 0, 0, 0, 0), ok(at(1, 5), 0)), nil},
		{"pass long after the last reading", append(every(monday, 0, 20, 40, 60, 80, 80), ok(at(6, 0), 0)), nil},
		{"two passes at one instant", append(every(monday, 0, 20, 40, 60, 80, 80, 70, 60, 50, 40, 20, 0, 0), ok(at(2, 40), 0), blow(at(2, 40), "bt:2", em.SampleOK, 0, em.IdentityMatch)),
			[]string{"IDENTITY_OR_TAMPER at 02:40", "IDENTITY_OR_TAMPER at 02:40"}},
		{"fail and the skin rises", append(every(monday, 0, 0, 0, 0, 0, 10, 20, 40, 60, 40, 20, 0, 0), fail(1, 0)...), nil},
		{"fail, and it has risen", append(every(monday, 0, 40, 40, 40, 20, 10, 0, 0, 0, 0, 0, 0), fail(1, 0)...), nil},
		{"fail and it never does", append(every(monday, make([]int64, 20)...), fail(1, 0)...), []string{"MOUTH_ALCOHOL_OR_DEVICE at 01:16"}},
		{"fail and it does too late", append(every(monday, append(make([]int64, 10), 30, 30, 30, 0, 0)...), fail(1, 0)...), []string{"MOUTH_ALCOHOL_OR_DEVICE at 01:16"}},
		{"fail with three readings", append(every(monday, 0, 0, 0, 0, 0, 0), fail(1, 0)...), []string{"NOT_CHECKED at 01:16"}},
		{"fail with four", append(every(monday, 0, 0, 0, 0, 0, 0, 0), fail(1, 0)...), []string{"MOUTH_ALCOHOL_OR_DEVICE at 01:16"}},
		{"fail with no readings", fail(1, 0), nil},
		{"fail with refused readings", append(every(monday, -1, -1, -1, -1, -1, -1), fail(1, 0)...), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := runAny(t, func() em.Evaluator { return newCross(t) }, monday.AddDate(0, 0, 9), tc.obs, true)
			var got []string
			for _, ev := range h.sorted() {
				if ev.Open() || ev.Detail.Kind != KindCrossCheck {
					t.Errorf("%+v", ev)
				}
				got = append(got, ev.Detail.Class+ev.At.Format(" at 15:04"))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Late, mixed up, repeated and with restarts: the contradictions are those of a
// run in the order of time.
func TestCrossCheckAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		obs := slices.Concat(genSkin(t, "ankle:1"), genSkin(t, "ankle:2"))
		for range rapid.IntRange(0, 12).Draw(t, "samples") {
			at := monday.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "at")) * time.Minute)
			v := rapid.SampledFrom([]int64{0, 310}).Draw(t, "v")
			obs = append(obs, ok(at, v))
			if v > 0 {
				obs = append(obs, ok(at.Add(20*time.Minute), v))
			}
		}
		want := runAny(t, func() em.Evaluator { return newCross(t) }, monday.AddDate(0, 0, 30), obs, true)
		s := newCenterOf(t, func() (em.Evaluator, error) { return newCross(t), nil })
		now := monday.AddDate(0, 0, 8)
		for left := rapid.Permutation(obs).Draw(t, "order"); len(left) > 0; {
			n := rapid.IntRange(1, len(left)).Draw(t, "batch")
			s.feed(now, left[:n]...)
			left = left[n:]
			now = now.Add(time.Minute)
			if rapid.Bool().Draw(t, "restart") {
				s.start()
			}
		}
		s.feed(monday.AddDate(0, 0, 30))
		sameEvents(t, s.history.Present(), want.sorted())
	})
}

func TestCrossCheckErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    CrossRule
		b    BreathRule
		s    TransdermalRule
		want error
	}{
		{"breath", CrossRule{}, BreathRule{}, unworn, ErrRule},
		{"skin", CrossRule{}, rule, TransdermalRule{MinRun: -1}, ErrTransdermalRule},
		{"no level of a wrist", CrossRule{}, rule, WristRule(), ErrCrossRule},
		{"negative level", CrossRule{High: em.Decimal{Coef: -1}}, rule, unworn, ErrCrossRule},
		{"window", CrossRule{Window: -1}, rule, unworn, ErrCrossRule},
		{"readings", CrossRule{Readings: -1}, rule, unworn, ErrCrossRule},
	} {
		if _, err := NewCrossCheck(tc.r, Config{Rule: tc.b}, tc.s); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := NewCrossCheck(CrossRule{High: em.Decimal{Coef: 50}}, Config{Rule: rule}, WristRule()); err != nil {
		t.Error(err)
	}
}

func FuzzCrossCheckState(f *testing.F) {
	e := newCross(f)
	obs := append(every(monday, 0, 0, 60, 60, 60, 0, 0, 0), ok(monday.Add(65*time.Minute), 0), ok(monday.Add(200*time.Minute), 310), ok(monday.Add(220*time.Minute), 310))
	slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	for _, o := range obs {
		e.Observe(nil, o)
		b, _ := e.AppendBinary(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e := newCross(t)
		if err := e.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, em.ErrState) {
				t.Fatal(err)
			}
			return
		}
		first, _ := e.AppendBinary(nil)
		if err := e.UnmarshalBinary(first); err != nil {
			t.Fatal(err)
		}
		if again, _ := e.AppendBinary(nil); !bytes.Equal(again, first) {
			t.Fatalf("%x became %x", first, again)
		}
		e.Observe(nil, ok(monday.AddDate(0, 0, 3), 0))
		e.Observe(nil, skin(monday.AddDate(0, 0, 3).Add(time.Hour), "ankle:1", 0))
		for n := 0; !e.Deadline().IsZero(); n++ {
			if n > 1000 {
				t.Fatal("deadlines without end")
			}
			e.Wake(nil, e.Deadline())
		}
	})
}
