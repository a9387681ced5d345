package geofence_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// flat is a zone on a plane in metres round place.
type flat struct {
	zone Zone
	d    func(x, y float64) float64 // to the edge, negative inside
}

func drawFlat(t *rapid.T, id string) flat {
	m := func(what string, low, high int) float64 { return float64(rapid.IntRange(low, high).Draw(t, id+what)) }
	at := func(x, y float64) orb.Point { p := metresFrom(x, y); return orb.Point{p.Lng, p.Lat} }
	x, y := m("x", -300, 300), m("y", -300, 300)
	z := Zone{ID: id, Kind: rapid.SampledFrom([]Kind{KindExclusion, KindExclusion, KindInclusion, KindBuffer, KindPlace, KindHome, KindRoute}).Draw(t, id+"kind")}
	switch rapid.IntRange(0, 2).Draw(t, id+"shape") {
	case 0:
		r := m("radius", 20, 300)
		z.Shape = Circle{at(x, y), r}
		return flat{z, func(px, py float64) float64 { return math.Hypot(px-x, py-y) - r }}
	case 1:
		w, h := m("width", 20, 200), m("height", 20, 200)
		a, b := at(x-w, y-h), at(x+w, y+h)
		z.Shape = Area{{box(a[0], a[1], b[0], b[1])}}
		return flat{z, func(px, py float64) float64 {
			dx, dy := math.Abs(px-x)-w, math.Abs(py-y)-h
			return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0)
		}}
	}
	x2, y2, half := x+m("to x", 50, 300), y+m("to y", -100, 100), m("half width", 10, 60)
	z.Shape = Corridor{orb.LineString{at(x, y), at(x2, y2)}, half}
	return flat{z, func(px, py float64) float64 {
		l2 := (x2-x)*(x2-x) + (y2-y)*(y2-y)
		part := max(0, min(1, ((px-x)*(x2-x)+(py-y)*(y2-y))/l2))
		return math.Hypot(px-x-part*(x2-x), py-y-part*(y2-y)) - half
	}}
}

// TestOracle compares a Tracker that asks for no rows of fixes with a loop over
// plane geometry: wrong once the whole circle is on the wrong side, and right
// again once it is on the other, by the margin where it was wrong to be inside.
func TestOracle(t *testing.T) {
	alone(t)
	told := 0
	rapid.Check(t, func(t *rapid.T) {
		var zones []flat
		for i := range rapid.IntRange(1, 6).Draw(t, "zones") {
			zones = append(zones, drawFlat(t, fmt.Sprint("z", i)))
		}
		config := each(Config{ClearMargin: float64(rapid.IntRange(0, 2).Draw(t, "margin")) * 15, Stays: true})
		config.Buffer = float64(rapid.IntRange(0, 2).Draw(t, "buffer")) * 40
		var all []Zone
		for _, z := range zones {
			all = append(all, z.zone)
		}
		set, err := NewSet(all...)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := NewTracker(set, config)
		if err != nil {
			t.Fatal(err)
		}

		since := map[string]time.Time{} // when the open event began, by kind and zone
		x, y := 0., 0.
		for k := range rapid.IntRange(1, 60).Draw(t, "fixes") {
			at := minute(float64(k))
			x += float64(rapid.IntRange(-120, 120).Draw(t, "dx"))
			y += float64(rapid.IntRange(-120, 120).Draw(t, "dy"))
			r := float64(rapid.IntRange(2, 60).Draw(t, "radius"))
			f := &em.Fix{LatLng: metresFrom(x, y), Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: r95(r)}

			permitted, doubt := false, false
			for _, z := range zones {
				d := z.d(x, y)
				// A plane is no sphere: what is decided by half a metre is not asked.
				for _, edge := range []float64{d, d - config.Buffer} {
					doubt = doubt || math.Abs(math.Abs(edge)-r) < .5 || math.Abs(edge-r-config.ClearMargin) < .5
				}
				permitted = permitted || z.zone.Kind == KindRoute && d <= r
			}
			if doubt {
				continue
			}
			var want []string
			for _, z := range zones {
				judge := func(kind em.EventKind, d float64, wrongInside, pardoned bool) {
					wrong, right := d <= -r, d > r+config.ClearMargin
					if !wrongInside {
						wrong, right = d > r, d <= -r
					}
					key := string(kind) + " " + z.zone.ID
					began, open := since[key]
					switch {
					case !open && wrong && !pardoned:
						since[key] = at
						want = append(want, fmt.Sprintf("%s %v", key, at.Unix()))
					case open && right:
						delete(since, key)
						want = append(want, fmt.Sprintf("%s %v %v", key, began.Unix(), at.Unix()))
					}
				}
				d := z.d(x, y)
				switch z.zone.Kind {
				case KindExclusion:
					judge(EventExclusion, d, true, permitted)
					if config.Buffer > 0 {
						judge(EventBuffer, d-config.Buffer, true, permitted)
					}
				case KindInclusion:
					judge(EventLeft, d, false, permitted)
				case KindBuffer:
					judge(EventBuffer, d, true, permitted)
				case KindHome, KindPlace:
					judge(EventStay, d, true, false)
				}
			}
			var got []string
			for _, e := range tr.Observe(nil, em.Observation{Device: "test:990000000000017", At: at, Body: f}) {
				s := fmt.Sprintf("%s %s %v", e.Detail.Kind, e.About, e.At.Unix())
				if !e.Open() {
					s += fmt.Sprintf(" %v", e.Until.Unix())
				}
				got = append(got, s)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("fix %d at %.0f, %.0f ± %.0f: got %q, want %q", k, x, y, r, got, want)
			}
			told += len(got)
		}
	})
	if told < 50 {
		t.Errorf("only %d events", told)
	}
}
