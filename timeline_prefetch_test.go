package em_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

// Prefetch reads, however many there are and whatever they have seen, and nothing else.
func TestPrefetchChangesNothing(t *testing.T) {
	obs := track(400)
	for _, n := range []int{0, 1, 16, 17, 40} {
		all, alone := make([]*em.Timeline, n), make([]*em.Timeline, n)
		for i := range all {
			for _, of := range [][]*em.Timeline{all, alone} {
				var err error
				if of[i], err = em.NewTimeline(em.Config{Subject: subject, Every: 30 * time.Minute, History: discard{}}, threeRules()...); err != nil {
					t.Fatal(err)
				}
			}
		}
		told := 0
		for k, o := range obs {
			em.Prefetch(all)
			for i := range all {
				if (i+k)%7 == 0 {
					continue // it lies behind the others
				}
				var got, want em.Result
				if err := all[i].Feed(&got, o.Received, o); err != nil {
					t.Fatal(err)
				}
				if err := alone[i].Feed(&want, o.Received, o); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, want) || !all[i].Deadline().Equal(alone[i].Deadline()) {
					t.Fatalf("observation %d of %d, with Prefetch %+v, without %+v", k, i, got, want)
				}
				told += len(got.Changes)
			}
		}
		if n > 0 && told == 0 {
			t.Error("nothing was told")
		}
		if a := testing.AllocsPerRun(10, func() { em.Prefetch(all) }); a != 0 {
			t.Errorf("%v allocations for %d", a, n)
		}
	}
}
