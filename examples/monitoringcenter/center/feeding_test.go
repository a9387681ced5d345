//go:build unix

package center

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
)

// What a step that fails was to feed is fed by no later one, and all go on.
func TestFeedingOfFailedStep(t *testing.T) {
	e := benchEngine(t, 2)
	take := func(seq uint64, entries ...journal.Entry) error {
		c := journal.Commit{Seq: seq, Gateway: "invented", Entries: entries}
		return e.update(t.Context(), func(s *step) error { return s.commits([]journal.Commit{c}) })
	}
	stored := func() (n int64) {
		t.Helper()
		counts, err := e.store.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return counts.Observations
	}
	if err := take(1, benchEntry(0, 0), benchEntry(1, 0)); err != nil || stored() != 6 {
		t.Fatalf("%d observations are stored, %v", stored(), err)
	}
	broken := benchEntry(1, 1)
	broken.Frames[0].Observations[2].Body = nil
	if err := take(2, benchEntry(0, 1), broken); err == nil {
		t.Fatal("an observation without a body is taken")
	}
	for id, sub := range e.subjects {
		if len(sub.fed) > 0 {
			t.Errorf("%s is still to be fed %d observations", id, len(sub.fed))
		}
	}
	if len(e.feeding.whom)+len(e.feeding.touched) > 0 || stored() != 6 {
		t.Errorf("the failed step leaves %v and %d observations", e.feeding, stored())
	}
	for seq := uint64(2); seq < 5; seq++ {
		if err := take(seq, benchEntry(1, int(seq)), benchEntry(0, int(seq)), benchEntry(1, 10+int(seq))); err != nil {
			t.Fatal(err)
		}
	}
	if n := stored(); n != 6+3*9 {
		t.Errorf("%d observations are stored, want %d", n, 6+3*9)
	}
}

// A subject is found by its ID, whoever was found before.
func TestFind(t *testing.T) {
	e := benchEngine(t, 2)
	a, err := e.find(nil, "p0")
	if err != nil || a != e.subjects["p0"] {
		t.Fatalf("p0 is %v, %v", a, err)
	}
	for _, id := range []em.SubjectID{"p1", "p0"} {
		if got, err := e.find(a, id); err != nil || got != e.subjects[id] {
			t.Errorf("%s is %v, %v", id, got, err)
		}
	}
	if got, err := e.find(a, "p2"); err == nil {
		t.Errorf("an unknown person is %v", got)
	}
}
