package main

import (
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// scene is where a person was, and what is true of the zones.
type scene struct {
	name  string // never printed: it may be of somebody's day
	path  path
	zones []laid
	hours []span // of curfew; nil is all the time
	index *geofence.Index
	truth []zoneTruth // by zone of the index
}

// newScene works out the truth of all zones.
func newScene(name string, p path, zones []laid, hours []span) (*scene, error) {
	s := &scene{name: name, path: p, zones: zones, hours: hours}
	list := make([]geofence.Zone, len(zones))
	for i, l := range zones {
		list[i] = l.zone
	}
	var err error
	if s.index, err = geofence.NewIndex(list...); err != nil {
		return nil, err
	}
	for i := range zones {
		t := judge(&s.path, zones[i].outside(), func(at em.LatLng) float64 { return s.index.Distance(i, at) })
		if zones[i].class == classHome && hours != nil {
			t = t.within(hours)
		}
		s.truth = append(s.truth, t)
	}
	return s, nil
}

// unit is a scene as one device reported it.
type unit struct {
	*scene
	set     string
	every   int64 // of the reports
	reports []report
	obs     []em.Observation // the reports
	seen    []int64          // instants of current satellite fixes
}

func newUnit(s *scene, set string, every int64, reports []report) *unit {
	u := &unit{scene: s, set: set, every: every, reports: reports}
	u.hear(ownDevice, reports)
	return u
}

// ownDevice is that of the person whom a unit is about.
const ownDevice = "benchmark:1"

// hear adds what a device reported to what evaluators get.
func (u *unit) hear(device em.DeviceID, reports []report) {
	for i := range reports {
		r := &reports[i]
		if r.satellites() {
			u.seen = append(u.seen, r.at)
		}
		o := em.Observation{Device: device, DeviceAt: instant(r.at), Body: &r.fix}
		u.obs = append(u.obs, o.Stamp(o.DeviceAt))
	}
}

// result is what one rule made of one unit.
type result struct {
	set, rule string
	every     int64
	name      string
	known     int64 // time in which the truth is known
	reports   int
	by        map[string]tally // by class of zone
}

// measure runs rules over a unit.
func (u *unit) measure(rules []rule) ([]result, error) {
	var out []result
	uncertain := u.uncertain()
	for _, r := range rules {
		alerts, err := r.run(u)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", u.set, r.name, err)
		}
		res := result{set: u.set, rule: r.name, every: u.every, name: u.name, known: u.path.known(), reports: len(u.reports), by: map[string]tally{}}
		for z := range u.zones {
			t := count(&u.truth[z], alerts[z], u.seen, u.every, func(s span) string { return u.why(z, s) })
			t.Uncertain = uncertain[z]
			class := u.zones[z].class
			sum := res.by[class]
			sum.add(&t)
			res.by[class] = sum
		}
		out = append(out, res)
	}
	return out, nil
}

// uncertain is for each zone the time, while the truth is known, after reports
// that decide nothing about it: no current position, or one whose 95 % circle
// meets the edge.
func (u *unit) uncertain() []int64 {
	sums := make([]int64, len(u.zones))
	k := 0
	for i := range u.reports {
		r := &u.reports[i]
		to := u.path.end
		if i+1 < len(u.reports) {
			to = u.reports[i+1].at
		}
		to = min(to, r.at+2*u.every)
		var known int64
		for k < len(u.path.samples) && u.path.until(k) <= r.at {
			k++
		}
		for j := k; j < len(u.path.samples) && u.path.samples[j].at < to; j++ {
			if u.path.samples[j].known {
				known += min(to, u.path.until(j)) - max(r.at, u.path.samples[j].at)
			}
		}
		radius, _ := r.fix.Radius95(geofence.DefaultAssumedAccuracy)
		for z := range u.zones {
			if r.fix.Current() {
				if side, _ := u.index.Classify(z, r.fix.LatLng, radius); side != em.SideUnknown {
					continue
				}
			}
			sums[z] += known
		}
	}
	return sums
}
