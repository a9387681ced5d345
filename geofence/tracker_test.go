package geofence_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

func minute(m float64) time.Time { return noon.Add(time.Duration(m * float64(time.Minute))) }

// r95 is an accuracy whose 95 % radius is this many metres.
func r95(metres float64) em.Opt[float64] {
	return em.Some(metres / math.Sqrt(math.Log(0.05)/math.Log(0.32)))
}

// The zones of the scripts lie round this place, with a radius of 100 m.
var place = em.LatLng{Lat: 54.687, Lng: 25.28}

// step is an observation at a minute. A fix lies that many metres from the edge
// of the zone, negative inside, and is good to radius metres.
type step struct {
	at, distance, radius float64
	change               func(*em.Observation)
}

func (s step) observation() em.Observation {
	f := &em.Fix{LatLng: place, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: r95(s.radius)}
	f.Lat += (100 + s.distance) / em.EarthRadius * 180 / math.Pi
	o := em.Observation{Device: "test:990000000000017", DeviceAt: minute(s.at), Body: f}
	if s.change != nil {
		s.change(&o)
	}
	o = o.Stamp(minute(s.at))
	o.Received = time.Time{} // as evaluators on event time see it
	return o
}

func body(b em.Body) func(*em.Observation) { return func(o *em.Observation) { o.Body = b } }

func validity(v em.FixValidity) func(*em.Observation) {
	return func(o *em.Observation) { o.Body.(*em.Fix).Validity = v }
}

func source(v em.FixSource) func(*em.Observation) {
	return func(o *em.Observation) { o.Body.(*em.Fix).Source = v }
}

func speed(mps float64) func(*em.Observation) {
	return func(o *em.Observation) { o.Body.(*em.Fix).Speed = em.Some(mps) }
}

func device(id em.DeviceID) func(*em.Observation) { return func(o *em.Observation) { o.Device = id } }

// windows is in force during [from, to) of each pair of minutes.
type windows [][2]float64

func (w windows) Active(t time.Time) bool {
	for _, p := range w {
		if !t.Before(minute(p[0])) && t.Before(minute(p[1])) {
			return true
		}
	}
	return false
}

// scheduled are windows that know their changes.
type scheduled struct{ windows }

func (s scheduled) NextChange(after time.Time) time.Time {
	var next time.Time
	for _, p := range s.windows {
		for _, m := range p {
			if t := minute(m); t.After(after) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}

// player feeds a script to a Tracker as Timeline would, and to a second one
// that is restored from bytes before every call.
type player struct {
	t    *testing.T
	make func() *Tracker
	main *Tracker
	now  time.Time
	told []em.Event
	at   []time.Time // of telling
}

func (p *player) call(at time.Time, f func(*Tracker) []em.Event) {
	p.t.Helper()
	state, err := p.main.AppendBinary([]byte("x"))
	if err != nil {
		p.t.Fatal(err)
	}
	restored := p.make()
	if err := restored.UnmarshalBinary(state[1:]); err != nil {
		p.t.Fatalf("at %v: %v", at, err)
	}
	if again, _ := restored.AppendBinary(nil); !bytes.Equal(again, state[1:]) {
		p.t.Fatalf("at %v: the state changed on its way", at)
	}
	if a, b := p.main.Deadline(), restored.Deadline(); !a.Equal(b) {
		p.t.Fatalf("at %v: deadline %v, restored %v", at, a, b)
	}
	events, others := f(p.main), f(restored)
	if d := cmp.Diff(events, others); d != "" {
		p.t.Fatalf("at %v: a restored tracker differs: %s", at, d)
	}
	p.told = append(p.told, events...)
	for range events {
		p.at = append(p.at, at)
	}
	p.now = at
	if d := p.main.Deadline(); !d.IsZero() && !d.After(at) {
		p.t.Fatalf("after %v: deadline %v is not later", at, d)
	}
	for _, e := range events {
		if len(e.Because) == 0 || len(e.Because) > em.MaxBecause || !e.Anchor.Truncate(time.Millisecond).Equal(e.At.Truncate(time.Millisecond)) || e.Rule != Rule || e.Detail.Reason == "" {
			p.t.Fatalf("at %v: malformed %+v", at, e)
		}
	}
}

func (p *player) wakeUntil(at time.Time) {
	p.t.Helper()
	for d := p.main.Deadline(); !d.IsZero() && !d.After(at); d = p.main.Deadline() {
		p.call(d, func(t *Tracker) []em.Event { return t.Wake(nil, d) })
	}
}

func (p *player) play(steps ...step) {
	p.t.Helper()
	for _, s := range steps {
		o := s.observation()
		p.wakeUntil(o.At)
		p.call(o.At, func(t *Tracker) []em.Event { return t.Observe(nil, o) })
	}
}

// story is what was told, in minutes: "zone.exclusion 2-" for one that opened
// and "zone.exclusion 2-5" for one that ended.
func (p *player) story() []string {
	var lines []string
	closed := map[em.EventID]bool{}
	for _, e := range p.told {
		e.Stamp("subject", e.At)
		if closed[e.ID] {
			p.t.Errorf("%s at %v was told after it was closed", e.Detail.Kind, e.At)
		}
		closed[e.ID] = !e.Open()
		line := fmt.Sprintf("%s %v-", e.Detail.Kind, e.At.Sub(noon).Minutes())
		if !e.Open() {
			line += fmt.Sprint(e.Until.Sub(noon).Minutes())
			if !e.Until.After(e.At) {
				p.t.Errorf("%s is an empty interval", line)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func newPlayer(t *testing.T, c Config, zones ...Zone) *player {
	t.Helper()
	x := mustIndex(t, zones...)
	p := &player{t: t, make: func() *Tracker {
		tr, err := NewTracker(x, c)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}}
	p.main = p.make()
	return p
}

// each is EachFix but for what c asks for.
func each(c Config) Config {
	e := EachFix()
	e.AssumedAccuracy, e.DeviceAccuracy, e.MaxRadius95, e.OutlierRun, e.DriftHold = c.AssumedAccuracy, c.DeviceAccuracy, c.MaxRadius95, c.OutlierRun, c.DriftHold
	e.Buffer, e.Stays, e.Unused = c.Buffer, c.Stays, c.Unused
	if c.Alert != (Confirm{}) {
		e.Alert = c.Alert
	}
	if c.Clear != (Confirm{}) {
		e.Clear = c.Clear
	}
	for _, v := range [...]struct {
		to   *float64
		from float64
	}{{&e.ClearMargin, c.ClearMargin}, {&e.MaxSpeed, c.MaxSpeed}, {&e.DriftReach, c.DriftReach}} {
		if v.from != 0 {
			*v.to = v.from
		}
	}
	if c.PassGap != 0 {
		e.PassGap = c.PassGap
	}
	return e
}

func roundZone(k Kind) Zone {
	return Zone{ID: "z", Version: "v3", Kind: k, Shape: Circle{orb.Point{place.Lng, place.Lat}, 100}}
}

func TestTrackerScripts(t *testing.T) {
	two := Confirm{Fixes: 2}
	during := func(k Kind, a interface{ Active(time.Time) bool }) Zone {
		z := roundZone(k)
		z.Active = a
		return z
	}
	for _, c := range []struct {
		name   string
		config Config
		zone   Zone
		steps  []step
		until  float64 // wake up to this minute
		want   []string
	}{
		{"in and out", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 0, distance: 500, radius: 20}, {at: 1, distance: -50, radius: 20}, {at: 2, distance: -60, radius: 20}, {at: 3, distance: 50, radius: 20}, {at: 4, distance: 500, radius: 20}}, 0,
			[]string{"zone.exclusion 1-", "zone.exclusion 1-3"}},
		{"inside from the first fix", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}}, 0, []string{"zone.exclusion 0-"}},
		{"noise at the edge", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 0, distance: 30, radius: 20}, {at: 1, distance: -15, radius: 20}, {at: 2, distance: 19, radius: 20}, {at: 3, distance: -19, radius: 20}, {at: 4, distance: 5, radius: 20}}, 0, nil},
		{"noise at the edge from inside", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -30, radius: 20}, {at: 1, distance: 15, radius: 20}, {at: 2, distance: -19, radius: 20}, {at: 3, distance: 19, radius: 20}}, 0, []string{"zone.exclusion 0-"}},
		{"again, as a second event", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 1, distance: -50, radius: 20}, {at: 2, distance: 50, radius: 20}, {at: 3, distance: -50, radius: 20}, {at: 4, distance: 50, radius: 20}}, 0,
			[]string{"zone.exclusion 1-", "zone.exclusion 1-2", "zone.exclusion 3-", "zone.exclusion 3-4"}},
		{"too uncertain to be in a zone so small", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -99, radius: 101}}, 0, nil},
		{"worse than the cap, though far outside", each(Config{MaxRadius95: 300}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 1, distance: 5000, radius: 301}, {at: 2, distance: 5000, radius: 299}}, 0, []string{"zone.exclusion 0-", "zone.exclusion 0-2"}},
		{"accuracy assumed", each(Config{AssumedAccuracy: 30}), roundZone(KindExclusion), // 48.6 m
			[]step{{at: 0, distance: -48, change: func(o *em.Observation) { o.Body.(*em.Fix).Accuracy.OK = false }},
				{at: 1, distance: -49, change: func(o *em.Observation) { o.Body.(*em.Fix).Accuracy.OK = false }}}, 0, []string{"zone.exclusion 1-"}},
		{"fixes that are not current", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20, change: validity(em.FixLastKnown)}, {at: 1, distance: -50, radius: 20, change: validity(em.FixInvalid)},
				{at: 2, radius: 20, change: func(o *em.Observation) { o.Body.(*em.Fix).Lat = math.NaN() }}}, 0, nil},
		{"silence and other bodies leave it open", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 60, change: body(&em.Comms{Event: em.CommsHeartbeat})}, {at: 900, change: body(&em.Power{Event: em.PowerOff})}, {at: 2000, distance: 500, radius: 20, change: validity(em.FixLastKnown)}}, 5000, []string{"zone.exclusion 0-"}},
		{"margin of exit", each(Config{ClearMargin: 25}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -21, radius: 20}, {at: 1, distance: 44, radius: 20}, {at: 2, distance: 46, radius: 20}}, 0, []string{"zone.exclusion 0-", "zone.exclusion 0-2"}},
		{"one outlier does not enter", each(Config{Alert: two}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 1, distance: 50, radius: 20}, {at: 2, distance: -50, radius: 20}, {at: 3, distance: 50, radius: 20}}, 0, nil},
		{"two in a row enter, from the first", each(Config{Alert: two}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 1, distance: 50, radius: 20}, {at: 2, distance: -50, radius: 20}, {at: 3, distance: -50, radius: 20}}, 0, []string{"zone.exclusion 2-"}},
		{"an uncertain fix does not break the row", each(Config{Alert: two}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 1, distance: 5, radius: 20}, {at: 2, distance: -50, radius: 20}}, 0, []string{"zone.exclusion 0-"}},
		{"nor does it count", each(Config{Alert: two}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 1, distance: -5, radius: 20}}, 0, nil},
		{"one outlier does not leave", each(Config{Clear: two}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 1, distance: 50, radius: 20}, {at: 2, distance: -50, radius: 20}, {at: 3, distance: 50, radius: 20}, {at: 4, distance: 60, radius: 20}}, 0, []string{"zone.exclusion 0-", "zone.exclusion 0-3"}},
		{"dwell: passing through", each(Config{Alert: Confirm{Dwell: 5 * time.Minute}}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 2, distance: -50, radius: 20}, {at: 4.9, distance: -50, radius: 20}, {at: 5, distance: 50, radius: 20}}, 60, nil},
		{"dwell: staying", each(Config{Alert: Confirm{Dwell: 5 * time.Minute}}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 4, distance: -50, radius: 20}, {at: 5, distance: -50, radius: 20}}, 0, []string{"zone.exclusion 0-"}},
		{"dwell: silence does not confirm", each(Config{Alert: Confirm{Dwell: 5 * time.Minute}}), roundZone(KindExclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 10, change: body(&em.Comms{Event: em.CommsHeartbeat})}}, 60, nil},

		{"left and returned", each(Config{}), roundZone(KindInclusion),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 1, distance: 50, radius: 20}, {at: 2, distance: 15, radius: 20}, {at: 3, distance: -21, radius: 20}}, 0, []string{"zone.left 1-", "zone.left 1-3"}},
		{"out from the first fix", each(Config{}), roundZone(KindInclusion),
			[]step{{at: 0, distance: 50_000, radius: 20}}, 0, []string{"zone.left 0-"}},
		{"no margin of leaving an inclusion zone", each(Config{ClearMargin: 25}), roundZone(KindInclusion),
			[]step{{at: 0, distance: 19, radius: 20}, {at: 1, distance: 21, radius: 20}}, 0, []string{"zone.left 1-"}},
		{"leaving is confirmed by Alert, returning by Clear", each(Config{Alert: two, Clear: Confirm{Fixes: 3}}), roundZone(KindInclusion),
			[]step{{at: 0, distance: 50, radius: 20}, {at: 1, distance: -50, radius: 20}, {at: 2, distance: 50, radius: 20}, {at: 3, distance: 50, radius: 20}, {at: 4, distance: -50, radius: 20}, {at: 5, distance: -50, radius: 20}, {at: 6, distance: -50, radius: 20}}, 0, []string{"zone.left 2-", "zone.left 2-4"}},

		{"buffer", each(Config{}), roundZone(KindBuffer), []step{{at: 0, distance: -50, radius: 20}}, 0, []string{"zone.buffer 0-"}},
		{"home is not told", each(Config{}), roundZone(KindHome), []step{{at: 0, distance: -50, radius: 20}}, 0, nil},
		{"home is told where stays are asked for", each(Config{Stays: true}), roundZone(KindHome),
			[]step{{at: 0, distance: -50, radius: 20}, {at: 9, distance: 50, radius: 20}}, 0, []string{"zone.stay 0-", "zone.stay 0-9"}},

		{"not in force", each(Config{}), during(KindExclusion, windows{{10, 20}}), []step{{at: 0, distance: -50, radius: 20}, {at: 20, distance: -50, radius: 20}}, 0, nil},
		{"already inside when it comes into force", each(Config{}), during(KindExclusion, windows{{10, 20}}),
			[]step{{at: 5, distance: -50, radius: 20}, {at: 11, distance: -50, radius: 20}, {at: 15, distance: 50, radius: 20}}, 0, []string{"zone.exclusion 11-", "zone.exclusion 11-15"}},
		{"over at the next observation", each(Config{}), during(KindExclusion, windows{{10, 20}}),
			[]step{{at: 15, distance: -50, radius: 20}, {at: 25, change: body(&em.Comms{Event: em.CommsHeartbeat})}}, 0, []string{"zone.exclusion 15-", "zone.exclusion 15-25"}},
		{"over when a schedule says so", each(Config{}), during(KindExclusion, scheduled{windows{{10, 20}}}),
			[]step{{at: 15, distance: -50, radius: 20}}, 100, []string{"zone.exclusion 15-", "zone.exclusion 15-20"}},
		{"windows that meet are one", each(Config{}), during(KindExclusion, scheduled{windows{{10, 20}, {20, 30}}}),
			[]step{{at: 15, distance: -50, radius: 20}}, 100, []string{"zone.exclusion 15-", "zone.exclusion 15-30"}},
		{"once in each window", each(Config{}), during(KindExclusion, scheduled{windows{{10, 20}, {30, 40}}}),
			[]step{{at: 15, distance: -50, radius: 20}, {at: 25, distance: -50, radius: 20}, {at: 30, distance: -50, radius: 20}}, 100, []string{"zone.exclusion 15-", "zone.exclusion 15-20", "zone.exclusion 30-", "zone.exclusion 30-40"}},
		{"evidence of one window does not count in the next", each(Config{Alert: two}), during(KindExclusion, scheduled{windows{{10, 20}, {30, 40}}}),
			[]step{{at: 19, distance: -50, radius: 20}, {at: 31, distance: -50, radius: 20}, {at: 32, distance: -50, radius: 20}}, 0, []string{"zone.exclusion 31-"}},
		{"nor past a fix between windows", each(Config{Alert: two}), during(KindExclusion, windows{{10, 20}, {30, 40}}),
			[]step{{at: 19, distance: -50, radius: 20}, {at: 25, distance: -50, radius: 20}, {at: 31, distance: -50, radius: 20}}, 0, nil},
		{"an exit that the end of the rule overtakes", each(Config{Clear: two}), during(KindExclusion, scheduled{windows{{10, 20}}}),
			[]step{{at: 15, distance: -50, radius: 20}, {at: 19, distance: 50, radius: 20}, {at: 21, distance: 50, radius: 20}}, 0, []string{"zone.exclusion 15-", "zone.exclusion 15-20"}},

		{"two devices at one instant", each(Config{}), roundZone(KindExclusion),
			[]step{{at: 1, distance: -50, radius: 20}, {at: 1, distance: 50, radius: 20, change: device("test:990000000000025")}, {at: 1, distance: -50, radius: 20, change: device("test:990000000000033")}, {at: 2, distance: 50, radius: 20}}, 0,
			[]string{"zone.exclusion 1-", "zone.exclusion 1-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlayer(t, c.config, c.zone)
			p.play(c.steps...)
			p.wakeUntil(minute(c.until))
			if got := p.story(); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			open := len(c.want) > 0 && c.want[len(c.want)-1][len(c.want[len(c.want)-1])-1] == '-'
			if state, _ := p.main.AppendBinary(nil); len(c.want) > 0 && open != (state[1] != 0) {
				t.Errorf("the state has a last step: %v, while an event is open: %v", state[1] != 0, open)
			}
		})
	}
}

// TestTrackerHole walks through a hole, in which one is outside.
func TestTrackerHole(t *testing.T) {
	c := orb.Point{place.Lng, place.Lat}
	square := func(half float64) orb.Ring { return box(c[0]-2*half, c[1]-half, c[0]+2*half, c[1]+half) }
	p := newPlayer(t, each(Config{}), Zone{ID: "z", Kind: KindExclusion, Shape: Area{{square(.02), square(.01)}}})
	for m, lat := range []float64{-.03, -.015, 0, .015, .03} {
		p.play(step{at: float64(m), change: func(o *em.Observation) {
			o.Body.(*em.Fix).LatLng = em.LatLng{Lat: place.Lat + lat, Lng: place.Lng}
			o.Body.(*em.Fix).Accuracy = r95(20)
		}})
	}
	want := []string{"zone.exclusion 1-", "zone.exclusion 1-2", "zone.exclusion 3-", "zone.exclusion 3-4"}
	if got := p.story(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTrackerManyZones checks that events of one step come in the order of IDs.
func TestTrackerManyZones(t *testing.T) {
	var zones []Zone
	for _, id := range []string{"c", "a", "b"} {
		z := roundZone(KindExclusion)
		z.ID = id
		zones = append(zones, z)
	}
	left := roundZone(KindInclusion)
	left.ID, left.Shape = "aa", Circle{orb.Point{0, 0}, 5}
	p := newPlayer(t, each(Config{}), append(zones, left)...)
	p.play(step{at: 0, distance: -50, radius: 20}, step{at: 1, distance: 50, radius: 20})
	var got []string
	for _, e := range p.told {
		got = append(got, e.About)
	}
	if want := []string{"a", "aa", "b", "c", "a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestNextZone leaves one zone while evidence gathers about the next.
func TestNextZone(t *testing.T) {
	next := roundZone(KindExclusion)
	next.ID, next.Shape = "next", Circle{orb.Point{place.Lng, place.Lat + 1000/em.EarthRadius*180/math.Pi}, 100}
	p := newPlayer(t, each(Config{Alert: Confirm{Fixes: 2}}), roundZone(KindExclusion), next)
	p.play(step{at: 0, distance: -50, radius: 20}, step{at: 1, distance: -50, radius: 20},
		step{at: 2, distance: 900, radius: 20}, step{at: 3, distance: 900, radius: 20})
	want := []string{"zone.exclusion 0-", "zone.exclusion 0-2", "zone.exclusion 2-"}
	if got := p.story(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEventInFull pins all that an event says.
func TestEventInFull(t *testing.T) {
	p := newPlayer(t, each(Config{Alert: Confirm{Fixes: 2, Dwell: time.Minute}, ClearMargin: 10}), roundZone(KindExclusion))
	steps := []step{{at: 1, distance: -30, radius: 19}, {at: 3, distance: -41, radius: 19}, {at: 9, distance: 50, radius: 12}}
	var ids []em.ObservationID
	for _, s := range steps {
		ids = append(ids, s.observation().ID)
	}
	p.play(steps...)
	entered := em.Event{
		Rule: "zones", Version: "v3", About: "z", Anchor: minute(1), At: minute(1), Because: ids[:2],
		Detail: em.Detail{
			Kind: EventExclusion, Severity: em.Violation,
			Reason: "Entered exclusion zone z: 41 m inside its edge, position good to ±19 m.",
			Facts: []em.Fact{
				{Name: "rule", Text: "zones/9"},
				{Name: "distance_m", Num: -41, Unit: "m"},
				{Name: "margin_m", Num: 22, Unit: "m"},
				{Name: "radius95_m", Text: "reported", Num: 19, Unit: "m"},
				{Name: "fixes", Num: 2, Unit: "1"},
				{Name: "dwell_s", Num: 120, Unit: "s"},
				{Name: "min_fixes", Num: 2, Unit: "1"},
				{Name: "min_dwell_s", Num: 60, Unit: "s"},
			},
		},
	}
	left := entered
	left.Until, left.Because = minute(9), ids
	left.Detail.Reason = "In exclusion zone z for 8m0s, then left it: 50 m outside its edge, position good to ±12 m; at some time in the 6m0s since the fix before."
	left.Detail.Facts = append(slices.Clip(entered.Detail.Facts),
		em.Fact{Name: "end_distance_m", Num: 50, Unit: "m"},
		em.Fact{Name: "end_margin_m", Num: 38, Unit: "m"},
		em.Fact{Name: "end_radius95_m", Text: "reported", Num: 12, Unit: "m"},
		em.Fact{Name: "end_fixes", Num: 1, Unit: "1"},
		em.Fact{Name: "end_dwell_s", Num: 0, Unit: "s"},
		em.Fact{Name: "end_gap_s", Num: 360, Unit: "s"},
		em.Fact{Name: "end_min_fixes", Num: 1, Unit: "1"},
		em.Fact{Name: "end_min_dwell_s", Num: 0, Unit: "s"},
		em.Fact{Name: "end_clear_margin_m", Num: 10, Unit: "m"})
	if d := cmp.Diff([]em.Event{entered, left}, p.told); d != "" {
		t.Error(d)
	}

	reasons := map[string]string{}
	for _, k := range []Kind{KindInclusion, KindBuffer, KindPlace} {
		p := newPlayer(t, each(Config{Stays: true}), roundZone(k))
		in, out := step{at: 1, distance: -41, change: func(o *em.Observation) { o.Body.(*em.Fix).Accuracy.OK = false }}, step{at: 2, distance: 50, radius: 12}
		p.play(out, step{at: 3, distance: -41, radius: 12}, step{at: 4, distance: 50, radius: 12})
		for _, e := range p.told {
			reasons[e.Detail.Reason] = e.Detail.Severity.String()
		}
		p = newPlayer(t, each(Config{Stays: true}), roundZone(k))
		p.play(in)
		for _, e := range p.told {
			reasons[e.Detail.Reason] = e.Detail.Severity.String()
		}
	}
	want := map[string]string{
		"Left inclusion zone z: 50 m outside its edge, position good to ±12 m.":                          "violation",
		"Out of inclusion zone z for 1m0s, then returned: 41 m inside its edge, position good to ±12 m.": "violation",
		"Entered buffer zone z: 41 m inside its edge, position good to ±12 m.":                           "warning",
		"In buffer zone z for 1m0s, then left it: 50 m outside its edge, position good to ±12 m.":        "warning",
		"Entered buffer zone z: 41 m inside its edge, position of unstated accuracy, taken as ±16 m.":    "warning",
		"Came to place z: 41 m inside its edge, position good to ±12 m.":                                 "info",
		"At place z for 1m0s, then left it: 50 m outside its edge, position good to ±12 m.":              "info",
		"Came to place z: 41 m inside its edge, position of unstated accuracy, taken as ±16 m.":          "info",
	}
	if d := cmp.Diff(want, reasons); d != "" {
		t.Error(d)
	}
}

// TestManyFixes checks that evidence is bounded, and keeps the first fixes and
// the last.
func TestManyFixes(t *testing.T) {
	p := newPlayer(t, each(Config{Alert: Confirm{Fixes: 100}, Clear: Confirm{Fixes: 100}}), roundZone(KindExclusion))
	var ids []em.ObservationID
	for i := range 200 {
		s := step{at: float64(i), distance: -50, radius: 20}
		if i >= 100 {
			s.distance = 50
		}
		ids = append(ids, s.observation().ID)
		p.play(s)
	}
	want := slices.Concat(ids[:7], ids[99:107], ids[199:])
	if len(p.told) != 2 || !slices.Equal(p.told[1].Because, want) {
		t.Errorf("%d events, the last because of %d observations", len(p.told), len(p.told[len(p.told)-1].Because))
	}
}

// TestChangedRules restores a state under other zones.
func TestChangedRules(t *testing.T) {
	other := roundZone(KindExclusion)
	other.ID = "other"
	moved := roundZone(KindExclusion)
	moved.Version, moved.Shape = "v4", Circle{orb.Point{0, 0}, 100}
	for _, c := range []struct {
		name  string
		zones []Zone
		want  string
	}{
		{"withdrawn", []Zone{other}, "In exclusion zone z for 5m0s, until the zone was withdrawn."},
		{"of another kind", []Zone{other, roundZone(KindInclusion)}, "In exclusion zone z for 5m0s, until the rule of the zone changed."},
		{"no longer told", []Zone{other, roundZone(KindHome)}, "In exclusion zone z for 5m0s, until the rule of the zone changed."},
	} {
		p := newPlayer(t, each(Config{}), roundZone(KindExclusion))
		p.play(step{at: 1, distance: -50, radius: 20})
		state, _ := p.main.AppendBinary(nil)
		q := newPlayer(t, each(Config{}), c.zones...)
		if err := q.main.UnmarshalBinary(state); err != nil {
			t.Fatal(err)
		}
		q.play(step{at: 6, change: body(&em.Comms{Event: em.CommsHeartbeat})}, step{at: 7, change: body(&em.Comms{Event: em.CommsHeartbeat})})
		if len(q.told) != 1 || q.told[0].Detail.Reason != c.want || !q.told[0].Until.Equal(minute(6)) {
			t.Errorf("%s: %+v", c.name, q.told)
		}
	}

	// A deadline lies after the last step, under the new rules too.
	p := newPlayer(t, each(Config{}), roundZone(KindExclusion))
	p.play(step{at: 1, distance: -50, radius: 20}, step{at: 20, distance: -50, radius: 20})
	state, _ := p.main.AppendBinary(nil)
	z := roundZone(KindExclusion)
	z.Active = scheduled{windows{{0, 10}, {15, 40}}}
	q := newPlayer(t, each(Config{}), z)
	if err := q.main.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	if d := q.main.Deadline(); !d.Equal(minute(40)) {
		t.Errorf("deadline %v, want minute 40", d)
	}

	// A zone of another version goes on: the event keeps the version it began under.
	p = newPlayer(t, each(Config{}), roundZone(KindExclusion))
	p.play(step{at: 1, distance: -50, radius: 20})
	state, _ = p.main.AppendBinary(nil)
	q = newPlayer(t, each(Config{}), other, moved)
	if err := q.main.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	q.play(step{at: 6, distance: 50, radius: 20})
	if len(q.told) != 1 || q.told[0].Version != "v3" || q.told[0].Open() {
		t.Errorf("moved: %+v", q.told)
	}
}

// TestWithoutWake feeds a Tracker that nobody wakes: the event still ends when
// the rule did.
func TestWithoutWake(t *testing.T) {
	z := roundZone(KindExclusion)
	z.Active = scheduled{windows{{10, 20}}}
	p := newPlayer(t, each(Config{}), z)
	p.play(step{at: 15, distance: -50, radius: 20})
	told := p.main.Observe(nil, step{at: 50, distance: -50, radius: 20}.observation())
	if len(told) != 1 || !told[0].Until.Equal(minute(20)) {
		t.Errorf("%+v", told)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []Config{
		{AssumedAccuracy: -1}, {AssumedAccuracy: math.NaN()}, {MaxRadius95: -1}, {MaxRadius95: math.Inf(1)},
		{ClearMargin: math.Inf(-1)}, {ClearMargin: math.NaN()}, {Alert: Confirm{Fixes: -1}}, {Clear: Confirm{Dwell: -1}}, {Alert: Confirm{Sure: math.NaN()}},
		{DeviceAccuracy: map[string]float64{"gt06": 0}}, {MaxSpeed: math.NaN()}, {Contacts: []em.Contact{{Beacon: "unit", Reporter: "unit:1"}}}, {Contacts: []em.Contact{{}}}, {Contacts: make([]em.Contact, em.MaxContacts+1)}, {OutlierRun: 1}, {OutlierRun: MaxOutlierRun + 1}, {DriftReach: math.Inf(1)}, {DriftHold: -1}, {Buffer: -1},
		{UnknownAfter: -1}, {UnknownSpeed: -1}, {UnknownReach: math.NaN()},
	} {
		if _, err := NewTracker(nil, c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	tr, err := NewTracker(nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if tr.Clock() != em.EventTime || len(tr.Observe(nil, step{radius: 1}.observation())) != 0 || !tr.Deadline().IsZero() {
		t.Error("a tracker without zones says something")
	}
}

func TestMalformedState(t *testing.T) {
	p := newPlayer(t, each(Config{Clear: Confirm{Fixes: 2}}), roundZone(KindExclusion))
	p.play(step{at: 1, distance: -50, radius: 20}, step{at: 2, distance: 50, radius: 20})
	good, err := p.main.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if n == 0 {
			continue // no bytes are the state before the first call
		}
		if err := p.main.UnmarshalBinary(good[:n]); !errors.Is(err, em.ErrState) {
			t.Errorf("%d bytes of %d: %v", n, len(good), err)
		}
	}
	// Two states of one zone each make one of two, in the order of their IDs.
	var header []byte
	bodies := map[string][]byte{}
	for _, id := range []string{"a", "b"} {
		z := roundZone(KindExclusion)
		z.ID = id
		q := newPlayer(t, each(Config{}), z)
		q.play(step{at: 1, distance: -50, radius: 20})
		state, _ := q.main.AppendBinary(nil)
		n := bytes.LastIndex(state, append([]byte{1, 1}, id...)) // one entry, whose ID has one byte
		header, bodies[id] = append(slices.Clone(state[:n]), 2), state[n+1:]
	}
	if err := p.main.UnmarshalBinary(slices.Concat(header, bodies["a"], bodies["b"])); err != nil {
		t.Error(err)
	}
	if err := p.main.UnmarshalBinary(good); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"order":      slices.Concat(header, bodies["b"], bodies["a"]),
		"twice":      slices.Concat(header, bodies["a"], bodies["a"]),
		"version":    append([]byte{8}, good[1:]...),
		"trailing":   append(slices.Clone(good), 0),
		"no content": {3, 0, 0, 0},
	} {
		if err := p.main.UnmarshalBinary(b); !errors.Is(err, em.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again, _ := p.main.AppendBinary(nil); !bytes.Equal(again, good) {
		t.Error("a state that was refused left traces")
	}
	if err := p.main.UnmarshalBinary(nil); err != nil {
		t.Error(err)
	}
	if b, _ := p.main.AppendBinary(nil); len(b) != 0 || !p.main.Deadline().IsZero() {
		t.Error("no bytes are not the first state")
	}
}

func TestHome(t *testing.T) {
	where, err := Home(roundZone(KindHome), 20) // 32.4 m
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		step step
		want em.Side
	}{
		{"wholly within", step{distance: -50, radius: 49.9}, em.Inside},
		{"not quite", step{distance: -50, radius: 50.1}, em.SideUnknown},
		{"wholly away", step{distance: 50, radius: 49.9}, em.Outside},
		{"perhaps not away", step{distance: 50, radius: 50.1}, em.SideUnknown},
		{"accuracy assumed, within", step{distance: -33, change: func(o *em.Observation) { o.Body.(*em.Fix).Accuracy.OK = false }}, em.Inside},
		{"accuracy assumed, unknown", step{distance: -32, change: func(o *em.Observation) { o.Body.(*em.Fix).Accuracy.OK = false }}, em.SideUnknown},
		{"wholly away, moving", step{distance: 50, radius: 40, change: speed(1)}, em.Outside},
		{"away, but standing", step{distance: 189, radius: 40, change: speed(.9)}, em.SideUnknown},
		{"far away, standing", step{distance: 191, radius: 40, change: speed(.9)}, em.Outside},
		{"home, standing", step{distance: -50, radius: 40, change: speed(0)}, em.Inside},
		{"away by a cell", step{distance: 500, radius: 40, change: source(em.SourceCell)}, em.SideUnknown},
		{"home by an access point", step{distance: -50, radius: 40, change: source(em.SourceWiFi)}, em.Inside},
		{"last known", step{distance: -50, radius: 10, change: validity(em.FixLastKnown)}, em.SideUnknown},
		{"invalid", step{distance: -50, radius: 10, change: validity(em.FixInvalid)}, em.SideUnknown},
		{"no fix", step{change: body(&em.Beacon{Beacon: "home", Radio: "rf"})}, em.SideUnknown},
	} {
		if got := where(c.step.observation()); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := where(em.Observation{}); got != em.SideUnknown {
		t.Errorf("no body: %v", got)
	}
	if _, err := Home(roundZone("house"), 0); !errors.Is(err, ErrKind) {
		t.Errorf("bad zone: %v", err)
	}
	if _, err := Home(roundZone(KindHome), -1); !errors.Is(err, ErrConfig) {
		t.Errorf("bad accuracy: %v", err)
	}
}
