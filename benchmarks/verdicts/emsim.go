package main

import (
	"fmt"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/emsim/scenario"
	"github.com/sargas-em/em/geofence"
)

const setEmsim = "emsim"

// emsimScenarios are those that are built in and have a zone and positions.
var emsimScenarios = []string{"night-breach", "backlog-after-outage", "jamming", "tunnel", "spoofed-position"}

func emsimName(scenario string, seed uint64, n int) string {
	return fmt.Sprintf("%s/%s/%d/%d", setEmsim, scenario, seed, n)
}

// played is what came of a scenario of the device simulator: the ground truth of
// the simulator, and what its device told.
type played struct {
	path    path
	reports []report
	setting scenario.Setting
}

func play(name string, seed uint64, n int) (*played, error) {
	s, err := scenario.Builtin(name)
	if err != nil {
		return nil, err
	}
	dev := gt06.Device()
	sim, err := dev.Simulator("990000000000017", seed)
	if err != nil {
		return nil, err
	}
	script, err := s.Play(scenario.Options{Seed: seed, Number: n, Skip: true}, dev.Name, sim)
	if err != nil {
		return nil, err
	}
	var w played
	p := path{end: script.End.UnixMilli()}
	for _, t := range script.Truth {
		switch t.What {
		case "start":
			w.setting = *t.Setting
		case "fix":
			if t.Told != nil {
				if f, ok := t.Told.Body.(*em.Fix); ok {
					w.reports = append(w.reports, report{t.At.UnixMilli(), *f})
				}
			}
		}
		if t.True != nil {
			at := t.At.UnixMilli()
			if k := len(p.samples); k > 0 && p.samples[k-1].at == at {
				p.samples[k-1].p = *t.True
			} else {
				p.samples = append(p.samples, sample{at: at, p: *t.True, u: exactTo, known: true})
			}
		}
	}
	w.path = finer(p)
	return &w, nil
}

// emsimUnit is a scenario about one person.
func emsimUnit(name string, seed uint64, n int) (*unit, error) {
	w, err := play(name, seed, n)
	if err != nil {
		return nil, err
	}
	var zones []laid
	for _, z := range w.setting.Zones {
		zones = append(zones, laid{classAt, geofence.Zone{ID: z.ID, Version: "1", Kind: geofence.KindExclusion,
			Shape: geofence.Circle{Center: orb.Point{z.Lng, z.Lat}, Radius: z.Radius}}})
	}
	h := w.setting.Home
	zones = append(zones, laid{classHome, geofence.Zone{ID: "home", Version: "1", Kind: geofence.KindHome,
		Shape: geofence.Circle{Center: orb.Point{h.Lng, h.Lat}, Radius: h.Radius}}})
	sc, err := newScene(emsimName(name, seed, n), w.path, zones, nil)
	if err != nil {
		return nil, err
	}
	return newUnit(sc, setEmsim, 30*second, w.reports), nil
}

// finer puts a sample at each second of the straight lines between samples.
func finer(p path) path {
	q := path{end: p.end}
	for i, s := range p.samples {
		q.samples = append(q.samples, s)
		if i+1 == len(p.samples) || p.samples[i+1].p == s.p {
			continue
		}
		next := p.samples[i+1]
		way := planeAt(s.p).to(next.p)
		for t := s.at + second; t < next.at; t += second {
			part := float64(t-s.at) / float64(next.at-s.at)
			q.samples = append(q.samples, sample{at: t, p: offset(s.p, way.times(part)), u: s.u, known: s.known})
		}
	}
	return q
}
