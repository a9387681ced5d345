package geofence

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sargas-em/em"
)

// changes is up to some thousands of fences, made anew for each change: a tree
// of boxes over fences in an order in which neighbours are near each other.
type changes struct {
	byID   []*fence
	placed []placed // by key
	levels [][]box  // of changesFan fences, and of as many boxes of the level below
}

// placed is a fence with the place of its middle on a curve through the globe,
// and its outer box.
type placed struct {
	key   uint64
	fence *fence
	outer box
}

func comparePlaced(a, b placed) int {
	return cmp.Or(cmp.Compare(a.key, b.key), byFenceID(a.fence, b.fence))
}

// onCurve places a fence on a Z-order curve.
func onCurve(f *fence) placed {
	x, y := f.outer.x+f.outer.w/2, f.outer.y+f.outer.h/2
	return placed{spread(x) | spread(y)<<1, f, f.outer}
}

// spread puts a zero before each bit.
func spread(v uint32) uint64 {
	w := uint64(v)
	w = (w | w<<16) & 0x0000ffff0000ffff
	w = (w | w<<8) & 0x00ff00ff00ff00ff
	w = (w | w<<4) & 0x0f0f0f0f0f0f0f0f
	w = (w | w<<2) & 0x3333333333333333
	return (w | w<<1) & 0x5555555555555555
}

const changesFan = 16

// clone returns a copy to be changed, without its levels.
func (c *changes) clone() changes {
	return changes{byID: slices.Clone(c.byID), placed: slices.Clone(c.placed)}
}

func (c *changes) search(id string) (int, bool) {
	return slices.BinarySearchFunc(c.byID, id, func(f *fence, id string) int { return strings.Compare(f.zone.ID, id) })
}

func (c *changes) find(id string) *fence {
	if i, ok := c.search(id); ok {
		return c.byID[i]
	}
	return nil
}

func (c *changes) remove(id string) bool {
	i, ok := c.search(id)
	if !ok {
		return false
	}
	at, _ := slices.BinarySearchFunc(c.placed, onCurve(c.byID[i]), comparePlaced)
	c.placed = slices.Delete(c.placed, at, at+1)
	c.byID = slices.Delete(c.byID, i, i+1)
	return true
}

// insert adds fences whose IDs it does not have.
func (c *changes) insert(fences []*fence) {
	if len(fences) > 16 {
		c.byID = append(c.byID, fences...)
		slices.SortFunc(c.byID, byFenceID)
		for _, f := range fences {
			c.placed = append(c.placed, onCurve(f))
		}
		slices.SortFunc(c.placed, comparePlaced)
		return
	}
	for _, f := range fences {
		i, _ := c.search(f.zone.ID)
		c.byID = slices.Insert(c.byID, i, f)
		i, _ = slices.BinarySearchFunc(c.placed, onCurve(f), comparePlaced)
		c.placed = slices.Insert(c.placed, i, onCurve(f))
	}
}

// build makes the levels: of each, changesFan boxes make one of the next.
func (c *changes) build() {
	var boxes []box
	for i := 0; i < len(c.placed); i += changesFan {
		boxes = append(boxes, unionBox(c.placed[i:min(i+changesFan, len(c.placed))], func(p *placed) *box { return &p.outer }))
	}
	c.levels = [][]box{boxes}
	for len(boxes) > changesFan {
		var above []box
		for i := 0; i < len(boxes); i += changesFan {
			above = append(above, unionBox(boxes[i:min(i+changesFan, len(boxes))], func(b *box) *box { return b }))
		}
		c.levels, boxes = append(c.levels, above), above
	}
}

// unionBox returns a box that holds the boxes of some things.
func unionBox[T any](things []T, boxOf func(*T) *box) box {
	var s span
	first := boxOf(&things[0]).x
	for i := range things {
		b := boxOf(&things[i])
		x := int64(int32(b.x - first))
		s.add(x, int64(b.y))
		s.add(x+int64(b.w), int64(b.y)+int64(b.h))
	}
	u := s.box(growth{})
	if u.w != everywhere.w {
		u.x += first
	}
	return u
}

// append appends the zones that contain a valid position.
func (c *changes) append(dst []*Zone, p em.LatLng) []*Zone {
	if len(c.placed) == 0 {
		return dst
	}
	o := place{p: p}
	top := len(c.levels) - 1
	return c.descend(dst, &o, toTurns(p), top, 0, len(c.levels[top]))
}

// descend looks into some boxes of a level; the fences are level -1.
func (c *changes) descend(dst []*Zone, o *place, t turns, level, from, to int) []*Zone {
	if level < 0 {
		for i := from; i < to; i++ {
			if p := &c.placed[i]; p.outer.has(t) {
				if p.fence.settle(o) {
					dst = append(dst, &p.fence.zone)
				}
			}
		}
		return dst
	}
	below := len(c.placed)
	if level > 0 {
		below = len(c.levels[level-1])
	}
	for i := from; i < to; i++ {
		if c.levels[level][i].has(t) {
			dst = c.descend(dst, o, t, level-1, i*changesFan, min((i+1)*changesFan, below))
		}
	}
	return dst
}
