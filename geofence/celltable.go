package geofence

import "math/bits"

// cellTable finds boxes by position. The globe is cut into cells, of each size that
// boxes have, and a box is known by the cells that it reaches, which are four at most:
// their numbers are scattered over a bit for each of many, of which most are not set
// where there is no box, and over the heads of lists. The zero value is of no boxes.
type cellTable struct {
	sizes []uint8 // of cells, as logarithms
	bits  []uint64
	heads []uint16 // the first corner of a list and 1, for bitsPerList bits
	next  []uint16 // of each corner of each box, likewise
	shift uint8    // of a scattered number to that of a bit
}

const (
	bitsPerBox  = 64
	bitsPerList = 16

	_ = uint16(4 * MaxChanges) // what heads and next hold
)

// The corners of a box.
const (
	cornerEast  = 1
	cornerNorth = 2
	corners     = 4
)

// newCellTable returns the table of the boxes of up to MaxChanges fences.
func newCellTable(fences []boxed) (c cellTable) {
	if len(fences) == 0 {
		return c
	}
	log := bits.Len(uint(len(fences)*bitsPerBox - 1))
	c.bits, c.shift = make([]uint64, 1<<log/64), uint8(64-log)
	lists := make([]uint16, 1<<log/bitsPerList+corners*len(fences))
	c.heads, c.next = lists[:1<<log/bitsPerList], lists[1<<log/bitsPerList:]
	sizes := uint64(0)
	for i := range fences {
		b := &fences[i].outer
		size := cellSize(b)
		sizes |= 1 << size
		x, y := b.x>>size, b.y>>size
		c.add(x, y, size, corners*i)
		east, north := (b.x+b.w)>>size, (b.y+b.h)>>size
		if east != x {
			c.add(east, y, size, corners*i+cornerEast)
		}
		if north != y {
			c.add(x, north, size, corners*i+cornerNorth)
		}
		if east != x && north != y {
			c.add(east, north, size, corners*i+cornerEast+cornerNorth)
		}
	}
	c.sizes = make([]uint8, 0, bits.OnesCount64(sizes))
	for ; sizes != 0; sizes &= sizes - 1 {
		c.sizes = append(c.sizes, uint8(bits.TrailingZeros64(sizes)))
	}
	return c
}

// cellSize returns the size of cells of which a box reaches into no more than two each
// way. There is but each second one: each costs all positions a look.
func cellSize(b *box) uint8 { return uint8(bits.Len32(max(b.w, b.h))+1) &^ 1 }

// bit returns the number of a cell's bit.
func (c *cellTable) bit(x, y uint32, size uint8) uint64 {
	const golden = 0x9E3779B97F4A7C15 // brings neighbours far apart
	return (uint64(x)<<32 | uint64(y) ^ uint64(size)<<26) * golden >> c.shift
}

func (c *cellTable) add(x, y uint32, size uint8, corner int) {
	at := c.bit(x, y, size)
	c.bits[at/64] |= 1 << (at % 64)
	head := &c.heads[at/bitsPerList]
	c.next[corner], *head = *head, uint16(corner+1)
}

// may returns 1 if a position may be in one of the boxes, and 0 if it is in none.
func (c *cellTable) may(t turns) (yes uint64) {
	for _, size := range c.sizes {
		at := c.bit(t.x>>size, t.y>>size, size)
		yes |= c.bits[at/64] >> (at % 64)
	}
	return yes & 1
}

// find tells the fences whose box has a position, each once.
func (c *cellTable) find(fences []boxed, t turns, tell func(*fence)) {
	for _, size := range c.sizes {
		at := c.bit(t.x>>size, t.y>>size, size)
		if c.bits[at/64]>>(at%64)&1 == 0 {
			continue
		}
		for k := c.heads[at/bitsPerList]; k != 0; k = c.next[k-1] {
			f, corner := &fences[(k-1)/corners], 0
			if !f.outer.has(t) || cellSize(&f.outer) != size {
				continue
			}
			if t.x>>size != f.outer.x>>size {
				corner |= cornerEast
			}
			if t.y>>size != f.outer.y>>size {
				corner |= cornerNorth
			}
			if int(k-1)%corners == corner { // other corners may be in the list too
				tell(f.fence)
			}
		}
	}
}
