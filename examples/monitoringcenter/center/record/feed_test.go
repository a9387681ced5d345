package record_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

func (f *file) tell(n int) {
	f.t.Helper()
	f.update(func(tx *record.Tx) error {
		for range n {
			if _, err := tx.Tell("incident", map[string]int{"n": n}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestFeedResumes(t *testing.T) {
	f := create(t)
	resume := func(after int64, want ...int64) {
		t.Helper()
		items, ok, err := f.FeedAfter(t.Context(), after)
		var got []int64
		for _, i := range items {
			got = append(got, i.N)
		}
		if err != nil || !ok || !slices.Equal(got, want) {
			t.Errorf("after %d: %v, %v, %v; want %v", after, got, ok, err, want)
		}
	}
	lost := func(after int64) {
		t.Helper()
		if _, ok, err := f.FeedAfter(t.Context(), after); ok || err != nil {
			t.Errorf("after %d it seems whole: %v", after, err)
		}
	}
	resume(0)
	lost(1) // of another feed: this one is empty
	f.tell(5)
	resume(0, 1, 2, 3, 4, 5)
	resume(3, 4, 5)
	resume(5)
	lost(6) // a page that has seen more than there is must begin anew
	lost(-1)

	// The feed is trimmed: who was away for too long must load everything anew.
	f.tell(12_000 - 5)
	lost(0)
	lost(1999)
	items, ok, err := f.FeedAfter(t.Context(), 2000)
	if err != nil || !ok || len(items) != 10_000 || items[0].N != 2001 {
		t.Errorf("after 2000: %d items, %v, %v", len(items), ok, err)
	}
	if end, err := f.FeedEnd(t.Context()); end != 12_000 || err != nil {
		t.Errorf("it ends at %d, %v", end, err)
	}
}

// A transaction that failed leaves no gap, which a page would take for a loss.
func TestFeedHasNoGaps(t *testing.T) {
	f := create(t)
	f.tell(2)
	err := f.Update(t.Context(), func(tx *record.Tx) error {
		if _, err := tx.Tell("incident", 1); err != nil {
			return err
		}
		return fmt.Errorf("refused by the test")
	})
	if err == nil {
		t.Fatal("the transaction went through")
	}
	f.reopen()
	f.tell(1)
	if items, ok, err := f.FeedAfter(t.Context(), 2); err != nil || !ok || len(items) != 1 || items[0].N != 3 {
		t.Errorf("%v %v %v", items, ok, err)
	}
}
