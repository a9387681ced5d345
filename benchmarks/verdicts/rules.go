package main

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/geofence"
)

// rule tells alerts of a unit: of each zone, in the order in which they were told.
type rule struct {
	name string
	what string // its settings, where they are not the defaults
	run  func(*unit) ([][]alert, error)
}

// naive is a rule by which so many fixes in a row say that somebody is in a zone
// or out of it; anything is satellites alone, or all sources.
func naive(name string, fixes int, allSources bool) rule {
	return rule{name: name, run: func(u *unit) ([][]alert, error) {
		alerts := make([][]alert, len(u.zones))
		run := make([]int, len(u.zones))     // of fixes that say otherwise
		first := make([]int64, len(u.zones)) // of them
		open := make([]bool, len(u.zones))
		for i := range u.reports {
			r := &u.reports[i]
			if !r.fix.Current() || !allSources && !r.satellites() {
				continue
			}
			in := make([]bool, len(u.zones))
			var buf [64]int
			for _, z := range u.index.Append(buf[:0], r.fix.LatLng) {
				in[z] = true
			}
			for z := range u.zones {
				l := &u.zones[z]
				wrong := in[z] != l.outside()
				if l.class == classHome && u.hours != nil && !within(u.hours, r.at) {
					wrong = false
				}
				if wrong == open[z] {
					run[z] = 0
					continue
				}
				if run[z]++; run[z] == 1 {
					first[z] = r.at
				}
				if run[z] < fixes {
					continue
				}
				run[z], open[z] = 0, wrong
				if wrong {
					alerts[z] = append(alerts[z], alert{from: first[z], told: r.at, until: never})
				} else {
					alerts[z][len(alerts[z])-1].until = r.at
				}
			}
		}
		return alerts, nil
	}}
}

// ours is package geofence, and package curfew for homes.
func ours(name string, c geofence.Config, cc curfew.Config) rule {
	return rule{name: name, run: func(u *unit) ([][]alert, error) {
		t, err := geofence.NewTracker(u.index, c)
		if err != nil {
			return nil, err
		}
		alerts, err := feed(u, t, func(e *em.Event) int {
			switch e.Detail.Kind {
			case geofence.EventDoubted:
				return doubts(u)
			case geofence.EventExclusion, geofence.EventLeft, geofence.EventBuffer, geofence.EventPassed, geofence.EventUnknown:
				if z, ok := u.index.Lookup(e.About); ok {
					return z
				}
			}
			return -1
		})
		if err != nil {
			return nil, err
		}
		track, err := health.NewTrack(health.TrackConfig{})
		if err != nil {
			return nil, err
		}
		odd, err := feed(u, track, func(*em.Event) int { return doubts(u) })
		if err != nil {
			return nil, err
		}
		said := append(alerts[doubts(u)], untilNext(odd[doubts(u)])...)
		alerts[doubts(u)] = nil
		for z := range u.zones {
			for _, a := range said {
				a.doubt = true
				alerts[z] = append(alerts[z], a)
			}
		}
		for z := range u.zones {
			if u.zones[z].class != classHome {
				continue
			}
			ev, err := curfewOf(u, z, c.AssumedAccuracy, cc)
			if err != nil {
				return nil, err
			}
			told, err := feed(u, ev, func(e *em.Event) int {
				if k := e.Detail.Kind; k == curfew.KindAbsence || k == curfew.KindUnknown {
					return z
				}
				return -1
			})
			if err != nil {
				return nil, err
			}
			alerts[z] = told[z]
			for _, a := range said {
				a.doubt = true
				alerts[z] = append(alerts[z], a)
			}
		}
		return alerts, nil
	}}
}

// doubts is the place, after the zones, of what is told about all of them.
func doubts(u *unit) int { return len(u.zones) }

// untilNext makes what is told of single positions last until the next is told, an
// hour at most: where the way goes on after a jump, nobody knows better.
func untilNext(odd []alert) []alert {
	for i := range odd {
		a := &odd[i]
		if a.until != never {
			a.until = max(a.until, a.told+hour)
			if i+1 < len(odd) {
				a.until = min(a.until, odd[i+1].told)
			}
		}
	}
	return odd
}

// curfewOf is the evaluator of an order to be at home.
func curfewOf(u *unit, z int, assumed float64, c curfew.Config) (em.Evaluator, error) {
	plan := curfew.Plan{Zone: "Europe/Vilnius"}
	for d := time.Sunday; d <= time.Saturday; d++ {
		row := curfew.Row{Day: d, Start: curfew.Clock(19, 0), End: curfew.Clock(7, 0)}
		if u.hours == nil {
			row = curfew.Row{Day: d, AllDay: true}
		}
		plan.Weekly = append(plan.Weekly, row)
	}
	s, err := curfew.NewSchedule(plan)
	if err != nil {
		return nil, err
	}
	at, err := geofence.PresenceAt(u.index.Zone(z), assumed)
	if err != nil {
		return nil, err
	}
	follow := func() curfew.Follower { return at() }
	return curfew.NewEvaluator(curfew.Order{ID: "order", Version: "1", Schedule: s, Follow: follow}, c)
}

// feed gives all observations to an evaluator, and wakes it when it wants to be.
// zone says to which zone an event belongs; negative is none, and doubts all. What
// it numbers beyond is for the caller.
func feed(u *unit, e em.Evaluator, zone func(*em.Event) int) ([][]alert, error) {
	type key struct {
		about  string
		kind   em.EventKind
		anchor int64
	}
	alerts := make([][]alert, len(u.zones)+1)
	known := map[key]int{}
	var events []em.Event
	take := func(at int64) {
		for i := range events {
			ev := &events[i]
			z := zone(ev)
			if z < 0 {
				continue
			}
			for z >= len(alerts) {
				alerts = append(alerts, nil)
			}
			k := key{ev.About, ev.Detail.Kind, ev.Anchor.UnixNano()}
			n, ok := known[k]
			if !ok {
				n = len(alerts[z])
				known[k] = n
				kind := ev.Detail.Kind
				alerts[z] = append(alerts[z], alert{from: ev.At.UnixMilli(), told: at, until: never, passing: kind == geofence.EventPassed, unsure: kind == geofence.EventUnknown || kind == curfew.KindUnknown})
			}
			switch a := &alerts[z][n]; {
			case ev.Open():
				a.until = never
			case a.passing, a.unsure:
				a.until = ev.Until.UnixMilli()
			default:
				a.until = at
			}
		}
	}
	end := u.path.end
	wake := func(until time.Time) error {
		for n := 0; ; n++ {
			d := e.Deadline()
			if d.IsZero() || d.After(until) {
				return nil
			}
			if n > 1000 {
				return fmt.Errorf("an evaluator wants to be woken without end")
			}
			events = e.Wake(events[:0], d)
			take(d.UnixMilli())
		}
	}
	for _, o := range u.obs {
		if err := wake(o.At); err != nil {
			return nil, err
		}
		events = e.Observe(events[:0], o)
		take(o.At.UnixMilli())
		end = max(end, o.At.UnixMilli())
	}
	return alerts, wake(instant(end))
}
