package main

import (
	"fmt"

	"github.com/sargas-em/em/geofence"
)

// growthFigures say how ours fares with more zones.
type growthFigures struct {
	Zones  int     `json:"zones"`
	Load   string  `json:"load"`
	Single float64 `json:"ns_per_point"`
	Batch  float64 `json:"ns_per_point_batch"`
	Weight weight  `json:"weight"`
	Input  int64   `json:"input_bytes"` // of the zones as given, which an index keeps
}

func (c config) measureGrowth(h *head) ([]growthFigures, error) {
	figures := []growthFigures{}
	for _, n := range c.growth {
		fmt.Fprintf(c.log, "growth: %d zones\n", n)
		d, err := newDataset("growth", "", "", exclusionZones(c.seed, n), false)
		if err != nil {
			return nil, err
		}
		_, input, _ := weigh(func() int { return 0 }, func(int) ([]geofence.Zone, error) { return zones(clone(d.split)), nil })
		methods, w, err := weigh(func() []geofence.Area { return clone(d.split) }, func(a []geofence.Area) ([]method, error) { return buildOurs(d, a) })
		if err != nil {
			return nil, err
		}
		theirs, err := buildGoogle(d, d.split)
		if err != nil {
			return nil, err
		}
		for _, l := range c.loads(d)[:2] {
			g := growthFigures{Zones: n, Load: l.name, Weight: w, Input: input.Heap}
			want := collect(theirs[0].finder(), l.pts)
			for _, m := range methods {
				find := m.finder
				m.finder = func() finder { return c.spoil(m.name, find()) }
				if n, first := differences(l.pts, collect(m.finder(), l.pts), want); n > 0 {
					return nil, fmt.Errorf("%w: growth, %s, %s: %d of %d points, the first: %s", errDisagree, m.name, l.name, n, len(l.pts), first)
				}
				h.Points += len(l.pts)
				h.Pairs += int64(len(l.pts)) * int64(n)
				t := measure(m, l.pts, 1, c.passes, c.budget)
				if m.name == oursBatch {
					g.Batch = t.ns
				} else {
					g.Single = t.ns
				}
			}
			figures = append(figures, g)
		}
	}
	return figures, nil
}
