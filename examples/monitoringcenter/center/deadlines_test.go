package center

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is set and removed, those that are due are those that a look at all
// would find.
func TestDeadlines(t *testing.T) {
	begin := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var d deadlines
		var all [8]subject
		want := map[*subject]time.Time{}
		at := rapid.Custom(func(t *rapid.T) time.Time {
			return begin.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "second")) * time.Second)
		})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			s := &all[rapid.IntRange(0, len(all)-1).Draw(t, "subject")]
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				d.remove(s)
				delete(want, s)
			case 1:
				d.set(s, time.Time{})
				delete(want, s)
			default:
				when := at.Draw(t, "at")
				d.set(s, when)
				want[s] = when
			}
			now := at.Draw(t, "now")
			got := map[*subject]bool{}
			for _, s := range d.woken(nil, now) {
				if got[s] {
					t.Fatal("one is due twice")
				}
				got[s] = true
			}
			for s, when := range want {
				if got[s] != !when.After(now) {
					t.Fatalf("at %v: one of %v is due: %v", now, when, got[s])
				}
				delete(got, s)
			}
			if len(got) > 0 || len(d) != len(want) {
				t.Fatalf("%d too many are due; %d of %d are kept", len(got), len(d), len(want))
			}
		}
	})
}
