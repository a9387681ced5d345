package center

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
)

// A commit that comes alone is taken at once; those that follow closely share a
// transaction; one that is full does not wait.
func TestGather(t *testing.T) {
	of := func(seq uint64, reports int) journal.Commit {
		return journal.Commit{Seq: seq, Entries: make([]journal.Entry, reports)}
	}
	for _, c := range []struct {
		name    string
		since   time.Duration // of the last transaction
		waiting []journal.Commit
		later   []time.Duration // when one more comes
		want    int             // commits
		took    time.Duration
	}{
		{"alone", time.Minute, nil, []time.Duration{time.Millisecond}, 1, 0},
		{"what waits", time.Minute, []journal.Commit{of(2, 1), of(3, 1)}, []time.Duration{time.Millisecond}, 3, 0},
		{"soon after another", 5 * time.Millisecond, []journal.Commit{of(2, 1)}, []time.Duration{time.Millisecond, 19 * time.Millisecond, 21 * time.Millisecond}, 4, commitEvery - 5*time.Millisecond},
		{"full", 5 * time.Millisecond, []journal.Commit{of(2, reportsAtOnce-1), of(3, 1)}, nil, 2, 0},
		{"full with what comes", 0, []journal.Commit{of(2, reportsAtOnce-2)}, []time.Duration{time.Millisecond, 2 * time.Millisecond}, 3, time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				commits := make(chan journal.Commit, commitsAhead)
				for _, w := range c.waiting {
					commits <- w
				}
				for i, d := range c.later {
					time.AfterFunc(d, func() { commits <- of(uint64(10+i), 1) })
				}
				begin := time.Now()
				e := &engine{written: begin.Add(-c.since)}
				batch := e.gather(t.Context(), of(1, 1), commits)
				if took := time.Since(begin); len(batch) != c.want || took != c.took {
					t.Errorf("%d commits after %v, want %d after %v", len(batch), took, c.want, c.took)
				}
				for i, b := range batch[1:] {
					if b.Seq <= batch[i].Seq {
						t.Errorf("number %d follows %d", b.Seq, batch[i].Seq)
					}
				}
				time.Sleep(time.Second) // the rest comes before the bubble ends
			})
		})
	}
}
