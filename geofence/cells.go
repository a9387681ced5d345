package geofence

import (
	"math"
	"slices"
	"unsafe"
)

// cells are squares in and round a drawing. Each knows which edges may be the
// nearest to a place in it: few, and these alone are looked at. A square with
// many is divided into four, and these again.
//
// Which of two places is the nearer one to a third is decided by a straight line
// between them: what is nearer to all corners of a square is nearer to all of it.
// So an edge is of no interest to a square if some place of another is nearer to
// the corners than all of the edge.
type cells struct {
	west, south float64 // corner
	scale, unit float64 // units of a cell to one of the chart, and of the chart to one of a cell
	words       []uint32
	rootShift   uint8 // a cell of the root has 1<<rootShift units on a side
	area        bool  // these are the edges of an area, all of them
}

// Words of cells are first those of the root, in rows from the south on, and then
// fours of slots, and lists of runs. A slot is one run, or says where a list or
// four slots are; or, with cellMany alone, that there are too many. A run is where
// it begins, and how many edges it has.
const (
	cellFours  = 1 << 31
	cellInside = 1 << 30 // the middle is inside, if this is an area
	cellVague  = 1 << 29 // it is not known whether the middle is inside
	cellMany   = 1 << 28 // runs
	cellPlace  = 1<<28 - 1

	runBits = 6
	runMost = 1<<runBits - 1
	runLast = 1 << 31 // of a list
)

const (
	cellBits = 14 // of a position in the square of all cells

	// A few edges are looked at as they are. To divide the surroundings takes some
	// microseconds an edge, once: of more edges than these nobody waits for it.
	cellLeast, cellMost = 8, 1 << 12

	cellEnough = 12 // edges are not worth a division
	cellRoom   = 1  // words an edge for divisions
	cellCrowd  = 96 // edges are searched in another way
	runGap     = 8  // edges between two runs are looked at as well
)

// cellBuilder divides the surroundings of a drawing.
type cellBuilder struct {
	cells
	spots   []spot
	all     []int32
	stack   []int32 // the lists of a cell and of those it is part of
	crowded []square
	next    []square
}

// square is a cell to be.
type square struct {
	x, y  uint // south-western corner, in units
	shift uint // 1<<shift units on a side
	slot  int
	edges []int32
	odd   uint64 // the middle is inside
	vague bool   // that is not known
}

// divide makes the cells of a drawing. Its spots move to where the words are: so
// that a question is about few pages.
func (d *drawing) divide() {
	area := d.area
	d.cells = newCells(d.spots)
	d.area = area
	n, words := len(d.spots), len(d.words)
	if words == 0 {
		return
	}
	// A spot is two words. What is after the spots has no pointers in it either.
	all := make([]spot, n+(words+1)/2)
	copy(all, d.spots)
	d.spots = all[:n:n]
	packed := unsafe.Slice((*uint32)(unsafe.Pointer(&all[n])), words)
	copy(packed, d.words)
	d.words = packed
}

// packed is an edge set with its spots and cells, if they are few.
type packed struct {
	edgeSet
	room [packedSpots]spot
}

const packedSpots = 120

// packed returns the edges in one piece with their spots and cells, if there is
// room: so that a question is about one page, and lines of the cache in a row.
func (s *edgeSet) packed() *edgeSet {
	n, words := len(s.spots), len(s.words)
	all := n + (words+1)/2
	if words == 0 || all > packedSpots {
		return s
	}
	p := &packed{edgeSet: *s}
	p.spots = append(p.room[:0:n], s.spots...)
	p.words = unsafe.Slice((*uint32)(unsafe.Pointer(&p.room[n])), words)
	copy(p.words, s.words)
	return &p.edgeSet
}

// newCells makes the cells of a drawing; none if they are not worth it.
func newCells(spots []spot) cells {
	if len(spots) <= cellLeast || len(spots) > cellMost {
		return cells{}
	}
	b := cellBuilder{spots: spots, all: make([]int32, 0, len(spots))}
	low, high := spots[0], spots[0]
	for i, s := range spots {
		if s.isGap() {
			continue
		}
		low = spot{min(low.x, s.x), min(low.y, s.y)}
		high = spot{max(high.x, s.x), max(high.y, s.y)}
		if i+1 < len(spots) && !spots[i+1].isGap() {
			b.all = append(b.all, int32(i))
		}
	}
	width := max(float64(high.x)-float64(low.x), float64(high.y)-float64(low.y))
	if !(width > 0) {
		return cells{}
	}
	level, n := 2, len(b.all)
	for 1<<(2*level) < n*3/2 && level < cellBits/2 {
		level++
	}
	side := 3 * width
	b.west, b.south = (float64(low.x)+float64(high.x)-side)/2, (float64(low.y)+float64(high.y)-side)/2
	b.scale, b.unit, b.rootShift = (1<<cellBits)/side, side/(1<<cellBits), uint8(cellBits-level)
	b.words = make([]uint32, 1<<(2*level), (cellRoom+1)*n+2<<(2*level))
	top := square{shift: cellBits, edges: b.all}
	b.settle(&top, nil)
	b.root(&top)
	// What there is of room goes to the larger cells first.
	room := len(b.words) + cellRoom*n
	for len(b.next) > 0 && len(b.words) < room {
		b.crowded, b.next = b.next, b.crowded[:0]
		for i := range b.crowded {
			if len(b.words) < room {
				b.divide(&b.crowded[i])
			}
		}
	}
	return b.cells
}

// root fills the root within a square.
func (b *cellBuilder) root(s *square) {
	if s.shift == uint(b.rootShift) {
		s.slot = int(s.y>>s.shift<<(cellBits-s.shift) + s.x>>s.shift)
		b.write(s)
		return
	}
	n := len(b.stack)
	for k := range uint(4) {
		q := b.quarter(s, k)
		b.root(&q)
		b.stack = b.stack[:n]
	}
}

// divide divides a cell into four.
func (b *cellBuilder) divide(s *square) {
	at := len(b.words)
	b.words = append(b.words, 0, 0, 0, 0)
	b.words[s.slot] = cellFours | uint32(at)
	for k := range uint(4) {
		b.stack = b.stack[:0]
		q := b.quarter(s, k)
		q.slot = at + int(k)
		b.write(&q)
	}
}

// quarter returns a quarter of a square.
func (b *cellBuilder) quarter(s *square, k uint) square {
	q := square{shift: s.shift - 1}
	q.x, q.y = s.x+k&1<<q.shift, s.y+k>>1<<q.shift
	f := b.settle(&q, s)
	q.edges = b.near(s.edges, &q, &f)
	return q
}

// write fills a cell's slot.
func (b *cellBuilder) write(s *square) {
	list, n := len(b.words), 0
	for i := 0; i < len(s.edges); {
		from, to := s.edges[i], s.edges[i]
		for i++; i < len(s.edges) && s.edges[i]-to <= runGap+1 && s.edges[i]-from < runMost && !b.gapBetween(to, s.edges[i]); i++ {
			to = s.edges[i]
		}
		n += int(to - from + 1)
		b.words = append(b.words, uint32(from)<<runBits|uint32(to-from+1))
	}
	if n > cellEnough && s.shift > 0 {
		kept := *s
		kept.edges = slices.Clone(s.edges)
		b.next = append(b.next, kept)
	}
	slot := uint32(0)
	switch {
	case n > cellCrowd:
		slot = cellMany
		b.words = b.words[:list]
	case len(b.words) == list+1:
		slot = b.words[list]
		b.words = b.words[:list]
	default:
		b.words[len(b.words)-1] |= runLast
		slot = cellMany | uint32(list)
	}
	slot |= uint32(s.odd) * cellInside
	if s.vague {
		slot |= cellVague
	}
	b.words[s.slot] = slot
}

func (b *cellBuilder) gapBetween(e, next int32) bool {
	return next > e+1 && slices.ContainsFunc(b.spots[e+1:next], spot.isGap)
}

// settle looks for the edge nearest to the middle of a square, which is part of
// another if that is not nil. It finds out whether the middle is inside, by the
// way from that of the other.
func (b *cellBuilder) settle(s, of *square) finder {
	f := finder{best2: math.Inf(1), fromX: farX, fromY: farY}
	f.x, f.y = b.middle(s.x, s.y, s.shift)
	if of == nil || of.vague {
		for _, e := range b.all {
			f.look(b.spots[e : e+2])
		}
	} else {
		f.odd = of.odd
		f.fromX, f.fromY = b.middle(of.x, of.y, of.shift)
		f.fromX, f.fromY = f.fromX-f.x, f.fromY-f.y
		for list := of.edges; len(list) > 0; {
			n := 1
			for n < len(list) && list[n] == list[0]+int32(n) {
				n++
			}
			f.look(b.spots[list[0]:][:n+1])
			list = list[n:]
		}
	}
	const near = 1e-9 // some millimetres
	s.odd, s.vague = f.odd, !(f.best2 > near*near)
	return f
}

// near returns which of some edges may be the nearest to a place in a square, of
// whose middle the nearest was found.
//
// From the middle, a place v is farther than q from all corners (±h, ±h) if
// |v|²-|q|² is more than 2h (|vx-qx| + |vy-qy|). Between the ends of an edge of
// length l the difference of both is at least that of one end, less l²/4.
func (b *cellBuilder) near(edges []int32, s *square, f *finder) []int32 {
	const wider = .01 // units, for rounding
	h := (float64(uint(1)<<s.shift)/2 + wider) / b.scale
	q2 := f.best2 * (1 + 1e-9)
	n := len(b.stack)
	for _, e := range edges {
		ax, ay := float64(b.spots[e].x)-f.x, float64(b.spots[e].y)-f.y
		bx, by := float64(b.spots[e+1].x)-f.x, float64(b.spots[e+1].y)-f.y
		dx, dy := bx-ax, by-ay
		farA := ax*ax + ay*ay - q2 - 2*h*(math.Abs(ax-f.nx)+math.Abs(ay-f.ny))
		farB := bx*bx + by*by - q2 - 2*h*(math.Abs(bx-f.nx)+math.Abs(by-f.ny))
		if l2 := dx*dx + dy*dy; farA > l2/4 && farB > l2/4 {
			continue
		}
		// Few are left to be measured.
		short := shortness(dx, dy)
		for _, c := range [...][2]float64{{-h, -h}, {h, -h}, {-h, h}, {h, h}} {
			x, y, toX, toY := ax-c[0], ay-c[1], f.nx-c[0], f.ny-c[1]
			t := along(x, y, dx, dy, short)
			if x, y = x+t*dx, y+t*dy; x*x+y*y <= (toX*toX+toY*toY)*(1+1e-9) {
				b.stack = append(b.stack, e)
				break
			}
		}
	}
	return b.stack[n:]
}

// middle returns the middle of a cell.
func (c *cells) middle(x, y, shift uint) (mx, my float64) {
	half := float64(uint(1)<<shift) / 2
	return c.west + (float64(x)+half)*c.unit, c.south + (float64(y)+half)*c.unit
}

// has reports whether a place is in one of the cells.
func (c *cells) has(x, y float64) bool {
	u, v := (x-c.west)*c.scale, (y-c.south)*c.scale
	return u >= 0 && v >= 0 && u < 1<<cellBits && v < 1<<cellBits && len(c.words) != 0
}

// find returns the run with the edge nearest to a place in a cell, by scan. There is
// none if the cell has many edges. It also returns on which side the place is, if
// this is an area, and whether that is known.
func (c *cells) find(spots []spot, x, y float64) (run []spot, least int64, odd uint64, known bool) {
	u, v, shift := uint(int((x-c.west)*c.scale)), uint(int((y-c.south)*c.scale)), uint(c.rootShift&15)
	slot := c.words[v>>shift<<(cellBits-shift)+u>>shift]
	for slot&cellFours != 0 {
		shift--
		slot = c.words[uint(slot&^cellFours)+u>>shift&1+v>>shift&1<<1]
	}
	if slot&(cellMany|cellPlace) == cellMany {
		return nil, 0, 0, false
	}
	fromX, fromY := c.middle(u>>shift<<shift, v>>shift<<shift, shift)
	fromX, fromY = fromX-x, fromY-y
	odd, known = uint64(slot/cellInside&1), slot&cellVague == 0
	if slot&cellMany == 0 {
		run = spots[slot&cellPlace>>runBits:][:slot&runMost+1]
		least, crossed := scan(run, x, y, fromX, fromY)
		return run, least, odd ^ crossed, known
	}
	least = math.MaxInt64
	for _, word := range c.words[slot&cellPlace:] {
		r := spots[word&^runLast>>runBits:][:word&runMost+1]
		l, crossed := scan(r, x, y, fromX, fromY)
		if odd ^= crossed; l|scanMost < least|scanMost {
			run, least = r, l
		}
		if word&runLast != 0 {
			break
		}
	}
	return run, least, odd, known
}
