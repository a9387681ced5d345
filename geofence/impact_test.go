package geofence_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

func sequence(obs []em.Observation, err error) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		for _, o := range obs {
			if !yield(o, nil) {
				return
			}
		}
		if err != nil {
			yield(em.Observation{}, err)
		}
	}
}

// TestImpact makes a zone of 100 m one of 200 m, whose rule ends at minute 100: a
// visit is longer, one comes that was none, and one is gone.
func TestImpact(t *testing.T) {
	large := roundZone(KindExclusion)
	large.Version, large.Shape = "v4", Circle{orb.Point{place.Lng, place.Lat}, 200}
	large.Active = scheduled{windows{{0, 100}}}
	tracker := func(z Zone) *Tracker {
		tr, err := NewTracker(mustSet(t, z), each(Config{}))
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	var obs []em.Observation
	for _, s := range [][2]float64{
		{0, 500}, {1, 50}, {2, -50}, {3, 500}, // into both
		{10, 50}, {11, 500}, // into the larger one
		{20, -50}, {21, 500}, // into both at once
		{90, -50}, {110, -50}, {111, 500}, // … until minute 100
		{120, -50}, {121, 500}, // by the old rule
	} {
		obs = append(obs, step{at: s[0], distance: s[1], radius: 20}.observation())
	}
	changes, err := Impact("s", sequence(obs, nil), minute(1000), tracker(roundZone(KindExclusion)), tracker(large))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	span := func(e em.Event) string {
		return fmt.Sprintf("%v-%v", e.At.Sub(noon).Minutes(), e.Until.Sub(noon).Minutes())
	}
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%v %s was %s by %s", c.Kind, span(c.Event), span(c.Was), c.Event.Version))
	}
	none := fmt.Sprint(time.Time{}.Sub(noon).Minutes())
	want := []string{
		"moved 1-3 was 2-3 by v4",
		"opened 10-11 was " + none + "-" + none + " by v4",
		"updated 90-100 was 90-111 by v4",
		"withdrawn 120-121 was 120-121 by v3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}

	torn := errors.New("torn")
	if _, err := Impact("s", sequence(obs, torn), minute(1), tracker(large), tracker(large)); !errors.Is(err, torn) {
		t.Error(err)
	}
	slices.Reverse(obs)
	if _, err := Impact("s", sequence(obs, nil), minute(1), tracker(large), tracker(large)); err == nil {
		t.Error("observations in any order are taken")
	}
}
