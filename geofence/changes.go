package geofence

import (
	"slices"
	"strings"

	"github.com/sargas-em/em"
)

// changes is up to some thousands of fences, made anew for each change.
type changes struct {
	byID  []boxed
	cells cellTable
}

// boxed is a fence, with its outer box next to those of others.
type boxed struct {
	*fence
	outer box
}

// clone returns a copy to be changed, without its cells.
func (c *changes) clone() changes { return changes{byID: slices.Clone(c.byID)} }

func (c *changes) search(id string) (int, bool) {
	return slices.BinarySearchFunc(c.byID, id, func(f boxed, id string) int { return strings.Compare(f.zone.ID, id) })
}

func (c *changes) find(id string) *fence {
	if i, ok := c.search(id); ok {
		return c.byID[i].fence
	}
	return nil
}

func (c *changes) remove(id string) bool {
	i, ok := c.search(id)
	if ok {
		c.byID = slices.Delete(c.byID, i, i+1)
	}
	return ok
}

// insert adds fences whose IDs it does not have.
func (c *changes) insert(fences []*fence) {
	if len(fences) > 16 {
		for _, f := range fences {
			c.byID = append(c.byID, boxed{f, f.outer})
		}
		slices.SortFunc(c.byID, func(a, b boxed) int { return byFenceID(a.fence, b.fence) })
		return
	}
	for _, f := range fences {
		i, _ := c.search(f.zone.ID)
		c.byID = slices.Insert(c.byID, i, boxed{f, f.outer})
	}
}

// build makes the cells.
func (c *changes) build() { c.cells = newCellTable(c.byID) }

// append appends the zones that contain a valid position.
func (c *changes) append(dst []*Zone, p em.LatLng) []*Zone {
	t := toTurns(p)
	if c.cells.may(t) == 0 {
		return dst
	}
	o := place{p: p}
	c.cells.find(c.byID, t, func(f *fence) {
		if f.settle(&o) {
			dst = append(dst, &f.zone)
		}
	})
	return dst
}

// near returns those of up to stagePoints positions that may be in one of the fences, in
// memory of the stage.
func (c *changes) near(s *stage, pts []em.LatLng) []uint8 {
	if len(c.byID) == 0 {
		return nil
	}
	n := 0
	for i, p := range pts {
		if s.some[n&(stagePoints-1)] = uint8(i); p.Valid() {
			n += int(c.cells.may(toTurns(p)))
		}
	}
	return s.some[:n]
}
