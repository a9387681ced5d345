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

// TestImpactDifferences tells one event of the old zones from one of the new ones.
func TestImpactDifferences(t *testing.T) {
	zone := func(id string, radius float64, active ...[2]float64) Zone {
		z := roundZone(KindExclusion)
		z.ID, z.Shape = id, Circle{orb.Point{place.Lng, place.Lat}, radius}
		if active != nil {
			z.Active = scheduled{windows(active)}
		}
		return z
	}
	// Distances are from the edge of a circle of 100 m.
	cases := []struct {
		name    string
		was, is []Zone
		walk    [][2]float64
		until   float64
		want    []string
	}{{
		"a rule that ends unheard", []Zone{zone("z", 100, [2]float64{0, 60})}, []Zone{zone("z", 100, [2]float64{0, 90})},
		[][2]float64{{49, 500}, {50, -50}}, 80, []string{"updated z 50- was 50-60 told at 60"},
	}, {
		"… at the very instant", []Zone{zone("z", 100, [2]float64{0, 60})}, []Zone{zone("z", 100, [2]float64{0, 90})},
		[][2]float64{{49, 500}, {50, -50}}, 60, []string{"updated z 50- was 50-60 told at 60"},
	}, {
		"… and not before", []Zone{zone("z", 100, [2]float64{0, 60})}, []Zone{zone("z", 100, [2]float64{0, 90})},
		[][2]float64{{49, 500}, {50, -50}}, 59.9, nil,
	}, {
		"a rule that ends between two observations", []Zone{zone("z", 100, [2]float64{0, 60})}, []Zone{zone("z", 100, [2]float64{0, 70})},
		[][2]float64{{49, 500}, {50, -50}, {80, 500}}, 100, []string{"updated z 50-70 was 50-60 told at 60"},
	}, {
		"one zone is not another", []Zone{zone("a", 100)}, []Zone{zone("b", 100)},
		[][2]float64{{1, 500}, {2, -50}, {3, 500}}, 10, []string{"withdrawn a 2-3", "opened b 2-3"},
	}, {
		"a class", []Zone{zone("z", 100)}, []Zone{zone("z", 200, [2]float64{9.5, 60})},
		[][2]float64{{9, 50}, {10, -50}, {11, 500}}, 100, []string{"updated z 10-11 ALREADY was 10-11"},
	}, {
		"times that touch do not overlap", []Zone{zone("z", 100, [2]float64{0, 20})}, []Zone{zone("z", 100, [2]float64{20, 60})},
		[][2]float64{{1, 500}, {10, -50}, {20, -50}, {21, 500}}, 100, []string{"withdrawn z 10-20", "opened z 20-21 ALREADY"},
	}, {
		"… either way", []Zone{zone("z", 100, [2]float64{20, 60})}, []Zone{zone("z", 100, [2]float64{0, 20})},
		[][2]float64{{1, 500}, {10, -50}, {20, -50}, {21, 500}}, 100, []string{"opened z 10-20", "withdrawn z 20-21 ALREADY"},
	}, {
		"one that lasts longer than two", []Zone{zone("z", 100)}, []Zone{zone("z", 300)},
		[][2]float64{{1, 500}, {2, 150}, {3, -50}, {4, 150}, {5, -50}, {6, 500}}, 100, []string{"moved z 2-6 was 3-4", "withdrawn z 5-6"},
	}, {
		"two that are open", []Zone{zone("z", 100)}, []Zone{zone("z", 300)},
		[][2]float64{{1, 500}, {2, 150}, {3, -50}}, 100, []string{"moved z 2- was 3-"},
	}, {
		"one that was open long after", []Zone{zone("z", 100, [2]float64{50, 90})}, []Zone{zone("z", 100, [2]float64{0, 10})},
		[][2]float64{{1, 500}, {2, -50}, {60, -50}}, 70, []string{"opened z 2-10", "withdrawn z 60- ALREADY"},
	}, {
		"… and will be", []Zone{zone("z", 100, [2]float64{0, 10})}, []Zone{zone("z", 100, [2]float64{50, 90})},
		[][2]float64{{1, 500}, {2, -50}, {60, -50}}, 70, []string{"withdrawn z 2-10", "opened z 60- ALREADY"},
	}, {
		"zones in the order of their names", nil, []Zone{zone("b", 100), zone("a", 100)},
		[][2]float64{{1, 500}, {2, -50}, {3, 500}}, 10, []string{"opened a 2-3", "opened b 2-3"},
	}, {
		"a word and a version are no difference", []Zone{zone("z", 100)}, []Zone{{ID: "z", Version: "v9", Kind: KindExclusion, Shape: Circle{orb.Point{place.Lng, place.Lat}, 101}}},
		[][2]float64{{1, 500}, {2, -50}, {3, 500}}, 10, nil,
	}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var obs []em.Observation
			for _, s := range c.walk {
				obs = append(obs, step{at: s[0], distance: s[1], radius: 20}.observation())
			}
			var trackers [2]*Tracker
			for i, zones := range [][]Zone{c.was, c.is} {
				var err error
				if trackers[i], err = NewTracker(mustSet(t, zones...), each(Config{})); err != nil {
					t.Fatal(err)
				}
			}
			changes, err := Impact("s", sequence(obs, nil), minute(c.until), trackers[0], trackers[1])
			if err != nil {
				t.Fatal(err)
			}
			line := func(e em.Event) string {
				s := fmt.Sprintf("%v-", e.At.Sub(noon).Minutes())
				if !e.Open() {
					s += fmt.Sprint(e.Until.Sub(noon).Minutes())
				}
				if e.Detail.Class != "" {
					s += " " + e.Detail.Class
				}
				return s
			}
			var got []string
			for _, c := range changes {
				s := fmt.Sprintf("%v %s %s", c.Kind, c.Event.About, line(c.Event))
				if c.Kind == em.Updated || c.Kind == em.Moved {
					s += " was " + line(c.Was)
				}
				if !c.Was.Open() && c.Was.Until.Equal(minute(60)) {
					s += fmt.Sprintf(" told at %v", c.Was.Concluded.Sub(noon).Minutes())
				}
				if c.Event.Subject != "s" {
					t.Errorf("%s of subject %q", s, c.Event.Subject)
				}
				got = append(got, s)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
