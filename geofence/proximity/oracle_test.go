package proximity_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence/proximity"
	"github.com/sargas-em/em/geofence/proximity/proximitytest"
)

// walk is a random history of a pair: two people who wander through some
// kilometres, in whole seconds, with gaps, bad fixes and repeated instants.
func walk(seed uint64, n int) []em.Observation {
	r := rand.New(rand.NewPCG(seed, 11))
	var obs []em.Observation
	for i, device := range []em.DeviceID{tag, phone} {
		period := 1 + r.IntN(90)
		fast := 1 + 20*r.Float64()*r.Float64()
		north, east := 3000*(r.Float64()-.5), 3000*(r.Float64()-.5)
		at0, vn, ve := r.IntN(100), 0.0, 0.0
		for range n {
			step := 1 + r.IntN(2*period)
			switch r.IntN(40) {
			case 0:
				step += 600 // a gap
			case 1:
				step = 0
			}
			if r.IntN(4) == 0 {
				angle := 2 * math.Pi * r.Float64()
				vn, ve = fast*r.Float64()*math.Cos(angle), fast*r.Float64()*math.Sin(angle)
				vn, ve = vn-north*0.001, ve-east*0.001 // they stay about
				if r.IntN(3) == 0 {
					vn, ve = 0, 0 // and rest
				}
			}
			at0 += step
			north, east = north+float64(step)*vn, east+float64(step)*ve
			if math.Hypot(north, east) > 6000 {
				vn, ve = -vn, -ve
			}
			f := &em.Fix{LatLng: at(north, east), Validity: em.FixCurrent, Source: em.SourceGNSS}
			f.Accuracy = r95(5 + 50*r.Float64())
			switch r.IntN(20) {
			case 0:
				f.Validity = em.FixLastKnown
			case 1:
				f.Accuracy = em.Opt[float64]{}
			case 2:
				f.Accuracy = r95(5000)
			case 3, 4, 5:
				f.Source, f.Accuracy = em.SourceWiFi, r95(30+40*r.Float64())
				f.LatLng = at(north+200*(r.Float64()-.5), east)
			case 6:
				f.Source, f.Accuracy = em.SourceCell, r95(400)
			}
			if r.IntN(3) > 0 && f.Source == em.SourceGNSS {
				f.Speed = em.Some(math.Hypot(vn, ve))
			}
			o := em.Observation{Device: device, DeviceAt: second(float64(at0)), Body: f, Part: uint16(i)}.Stamp(second(float64(at0)))
			obs = append(obs, o)
		}
	}
	slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	return slices.CompactFunc(obs, func(a, b em.Observation) bool { return a.ID == b.ID })
}

func walkConfig() Config {
	c := pair()
	c.Since = noon
	c.Zones = []Zone{{ID: "home", Center: at(300, 200), Radius: 400}}
	return c
}

// TestOracle compares an Evaluator with the oracle on random histories.
func TestOracle(t *testing.T) {
	counts := map[em.EventKind]int{}
	for seed := range uint64(32) {
		obs := walk(seed, 120)
		end := second(math.Ceil(obs[len(obs)-1].At.Sub(noon).Seconds()) + 1000)
		var got []proximitytest.Interval
		for _, e := range present(t, walkConfig(), end, obs) {
			got = append(got, proximitytest.Of(&e, noon))
			counts[e.Detail.Kind]++
		}
		proximitytest.Sort(got)
		if d := cmp.Diff(proximitytest.Judge(walkConfig(), noon, end, obs), got); d != "" {
			t.Fatalf("seed %d: oracle (-), evaluator (+):\n%s", seed, d)
		}
	}
	for _, k := range []em.EventKind{EventAlert, EventPreAlert, EventStale} {
		if counts[k] < 40 {
			t.Errorf("%d events of %s: too few to tell", counts[k], k)
		}
	}
	t.Log(counts)
}
