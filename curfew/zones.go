package curfew

import (
	"slices"
	"time"
)

// Zones holds each zone once, for programs with many orders: of what a Schedule
// takes, its zone is most. The zero value is ready. It is for one goroutine; the
// schedules that it returns are for any number.
type Zones struct {
	byName map[string]*time.Location
}

// Share returns the same schedule with the zones of those before it.
func (z *Zones) Share(s Schedule) Schedule {
	if s.t == nil {
		return s
	}
	t := *s.t
	t.zones = slices.Clone(t.zones)
	for i, l := range t.zones {
		if have, ok := z.byName[l.String()]; ok {
			t.zones[i] = have
			continue
		}
		if z.byName == nil {
			z.byName = map[string]*time.Location{}
		}
		z.byName[l.String()] = l
	}
	return Schedule{&t}
}
