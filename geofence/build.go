package geofence

import (
	"cmp"
	"errors"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sargas-em/em"
)

// How far cells are divided. More makes an index faster where its parts are in
// the processor's caches, and larger; so large indexes are divided less.
const (
	fewEdges  = 8  // a cell with fewer edges of all zones is not divided for their number
	leafShift = 7  // nor is one of this size, a metre or so, or the next larger
	fineSpan  = 32 // cells on the border of a zone are no larger than such a part of it

	// From so many zones on fineSpan is a quarter of that, but for cells of this size:
	// small ones hold few of the points and much of the index. From so many on it is a
	// sixteenth, with two more than fewEdges, which keeps a million zones within 600 MB.
	manyZones, manyManyZones = 10_000, 200_000
	manySmall, manyManySmall = 1 << 12, 1 << 15 // 45 m, 360 m

	// The root grid has about so many slots a vertex, but no more than so many.
	rootSlots, maxRootSlots = 2, 1 << 22

	unitsPerMetre = 90 // of latitude, about
)

// build compiles zones into a tree, on as many goroutines as that. The result
// depends on the zones alone. The outline of a single zone may be given.
func build(zones []Zone, known *outline, workers int, progress func(float64) error) (*tree, error) {
	c := compiler{zones: zones, known: known, progress: progress}
	if len(zones) > MaxZones {
		return nil, nowhere(ErrTooLarge, "%d zones", len(zones))
	}
	if err := c.outline(workers); err != nil {
		return nil, err
	}
	c.divide()
	if err := c.compile(workers); err != nil {
		return nil, err
	}
	return c.join()
}

// compiler is what the steps of build hand on.
type compiler struct {
	zones    []Zone
	known    *outline
	progress func(float64) error
	tree     tree
	items    []item
	spans    []edgeRun
	boxes    []extent // by zone
	few      int      // fewEdges of this index
	fine     uint64   // fineSpan
	small    uint64   // cells that fineSpan does not divide
	coarse   bool
	tasks    []task
}

// each calls do for 0 to n-1 on some goroutines, and reports progress from one
// share of the work to another. It returns the error of the lowest number.
func (c *compiler) each(n, workers int, from, to float64, do func(int) error) error {
	var next, done atomic.Int64
	var stop atomic.Bool
	errs := make([]error, n)
	var reporting sync.Mutex
	var told error
	work := func() {
		for !stop.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if errs[i] = do(i); errs[i] != nil {
				stop.Store(true) // lower numbers have begun
			}
			if k := done.Add(1); c.progress != nil {
				reporting.Lock()
				if told == nil {
					if told = c.progress(from + (to-from)*float64(k)/float64(n)); told != nil {
						stop.Store(true)
					}
				}
				reporting.Unlock()
			}
		}
	}
	var wg sync.WaitGroup
	for range min(workers, n) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return told
}

// outlineBlock is how many zones are outlined at a time.
const outlineBlock = 512

// outline checks the zones and lays out their vertices: zones that are near
// each other on the ground, near each other.
func (c *compiler) outline(workers int) error {
	n := len(c.zones)
	order := make([]ordered, n)
	for i := range c.zones {
		order[i] = ordered{curveKey(&c.zones[i]), uint32(i)}
	}
	slices.SortFunc(order, func(a, b ordered) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.zone, b.zone)) })

	type block struct {
		outlines []outline
		vertices []E7
	}
	blocks := make([]block, (n+outlineBlock-1)/outlineBlock)
	failed := make([]*ZoneError, len(blocks))
	err := c.each(len(blocks), workers, 0, .4, func(k int) error {
		b := &blocks[k]
		for _, o := range order[k*outlineBlock : min(n, (k+1)*outlineBlock)] {
			out, err := c.outlineOf(&c.zones[o.zone])
			if err != nil {
				var e *ZoneError
				if !errors.As(err, &e) {
					return err
				}
				if e.Zone, e.Index = c.zones[o.zone].ID, int(o.zone); failed[k] == nil || failed[k].Index > e.Index {
					failed[k] = e
				}
				continue
			}
			for i, chain := range out.chains { // copied, so that they lie side by side
				from := len(b.vertices)
				b.vertices = append(b.vertices, chain...)
				out.chains[i] = b.vertices[from:len(b.vertices):len(b.vertices)]
			}
			b.outlines = append(b.outlines, out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var first *ZoneError
	for _, e := range failed {
		if e != nil && (first == nil || e.Index < first.Index) {
			first = e
		}
	}
	if first != nil {
		return first
	}

	vertices, rings, rounds := 0, 0, 0
	for _, b := range blocks {
		vertices += len(b.vertices)
		for i := range b.outlines {
			rings += len(b.outlines[i].chains)
			if b.outlines[i].round.reach > 0 {
				rounds++
			}
		}
	}
	if vertices > math.MaxInt32 {
		return nowhere(ErrTooLarge, "%d vertices", vertices)
	}
	t := &c.tree
	t.vertices = makeLarge[E7](vertices)[:0]
	t.zones = make([]zoneRow, n)
	t.rings = make([]ringRow, 0, rings)
	t.rounds = make([]roundRow, 0, rounds)
	c.boxes = make([]extent, n)
	c.items = make([]item, n)
	k := 0
	for _, b := range blocks {
		for i := range b.outlines {
			c.lay(order[k].zone, &b.outlines[i])
			k++
		}
	}
	for _, p := range &t.polar {
		slices.Sort(p)
	}
	slices.SortFunc(t.anchors, func(a, b anchor) int { return cmp.Compare(a.zone, b.zone) })
	return nil
}

func (c *compiler) outlineOf(z *Zone) (outline, error) {
	if c.known != nil {
		return *c.known, nil
	}
	return newOutline(z)
}

type ordered struct {
	key  uint64
	zone uint32
}

// curveKey is where a zone lies, along a curve that fills the plane.
func curveKey(z *Zone) uint64 {
	var p em.LatLng
	switch s := z.Shape.(type) {
	case Area:
		if len(s) > 0 && len(s[0]) > 0 && len(s[0][0]) > 0 {
			p = em.LatLng{Lat: s[0][0][0].Lat(), Lng: s[0][0][0].Lon()}
		}
	case Circle:
		p = em.LatLng{Lat: s.Center.Lat(), Lng: s.Center.Lon()}
	case Corridor:
		if len(s.Line) > 0 {
			p = em.LatLng{Lat: s.Line[0].Lat(), Lng: s.Line[0].Lon()}
		}
	}
	if !p.Valid() {
		return 0
	}
	return mortonOf(roundE7(p))
}

// mortonOf interleaves the coordinates.
func mortonOf(e E7) uint64 {
	x, y := e.plane()
	return interleave(x) | interleave(y)<<1
}

func interleave(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// lay lays out one zone.
func (c *compiler) lay(zone uint32, o *outline) {
	t := &c.tree
	row := zoneRow{firstRing: uint32(len(t.rings)), rings: uint32(len(o.chains))}
	it := item{zone: zone, kind: itemArea, whole: o.box != wholeBox, runs: pair{from: uint32(len(c.spans))}}
	for _, chain := range o.chains {
		first := uint32(len(t.vertices))
		t.rings = append(t.rings, ringRow{first, uint32(len(chain))})
		t.vertices = append(t.vertices, chain...)
		if o.round.reach > 0 {
			c.spans = append(c.spans, edgeRun{first: first, n: uint32(len(chain) - 1)})
			continue
		}
		for run := range unbroken(chain) {
			run.begins = o.anchor != nil && chain[run.first].Lng == -half
			run.ends = o.anchor != nil && chain[run.first+run.n].Lng == -half
			run.first += first
			c.spans = append(c.spans, run)
		}
	}
	it.runs.to = uint32(len(c.spans))
	if o.round.reach > 0 {
		t.rounds = append(t.rounds, o.round)
		row.round = uint32(len(t.rounds))
		it.kind, it.round = itemRound, row.round-1
	}
	if o.anchor != nil {
		a := *o.anchor
		a.zone = zone
		t.anchors = append(t.anchors, a)
		it.parity = a.parity
	}
	t.zones[zone] = row
	for k := range t.polar {
		if o.poles[k] != polarNone {
			t.polar[k] = append(t.polar[k], zone<<2|uint32(o.poles[k]))
		}
	}
	c.boxes[zone] = o.box
	c.items[zone] = it
}

// item is what a cell has to do with a zone.
type item struct {
	zone   uint32
	kind   itemKind
	parity uint32
	round  uint32
	runs   pair // in spans
	whole  bool // the runs are all of an area that reaches neither a pole nor the antimeridian
}

type itemKind uint32

const (
	itemWhole itemKind = iota // contains the cell
	itemArea
	itemRound
)

type pair struct{ from, to uint32 }

// cell is a square of the plane; coordinates as E7.plane has them.
type cell struct {
	x, y  uint64
	shift uint32
}

func (c cell) size() uint64 { return 1 << c.shift }

func (c cell) child(k int) cell {
	s := c.shift - 1
	return cell{c.x + uint64(k&1)<<s, c.y + uint64(k>>1)<<s, s}
}

// key is where the cell lies along the curve of mortonOf.
func (c cell) key() uint64 { return interleave(uint32(c.x)) | interleave(uint32(c.y))<<1 }

// bounds returns the corners as longitudes and latitudes, both within.
func (c cell) bounds() (west, south, east, north int64) {
	west, south = int64(c.x)-half, int64(c.y)-quarter
	return west, south, west + int64(c.size()) - 1, south + int64(c.size()) - 1
}

// reference is a point of the cell at which parities are taken. ok is false if
// the cell has none that a tree is asked about.
func (c cell) reference() (e E7, ok bool) {
	west, south, east, north := c.bounds()
	lng, lat := max(west, -half+seam), max(south, -polar+1)
	return E7{int32(lat), int32(lng)}, lng <= min(east, half-seam) && lat <= min(north, polar-1)
}

// task is a part of the plane that is compiled by itself.
type task struct {
	cell  cell
	small []uint32 // zones in few tasks
	items []item   // others
	spans []edgeRun

	slots   []uint32 // of the root cells, in Morton order
	nodes   []node
	entries []zoneEntry
}

// divide chooses the root grid and hands the zones to tasks.
func (c *compiler) divide() {
	t := &c.tree
	all := noBox
	for _, b := range c.boxes {
		all.add(b.low)
		all.add(b.high)
	}
	if len(c.items) == 0 {
		return
	}
	c.few, c.fine = fewEdges, fineSpan
	switch {
	case len(c.zones) >= manyManyZones:
		c.few, c.fine, c.small, c.coarse = fewEdges+2, fineSpan/16, manyManySmall, true
	case len(c.zones) >= manyZones:
		c.fine, c.small = fineSpan/4, manySmall
	}
	x0, y0 := all.low.plane()
	x1, y1 := all.high.plane()
	limit := uint64(min(maxRootSlots, max(64, rootSlots*len(t.vertices))))
	for t.shift = 12; ; t.shift++ {
		t.col, t.row = x0>>t.shift, y0>>t.shift
		t.cols, t.rows = x1>>t.shift-t.col+1, y1>>t.shift-t.row+1
		if uint64(t.cols)*uint64(t.rows) <= limit {
			break
		}
	}
	t.root = makeLarge[uint32](int(t.cols) * int(t.rows))

	// Some hundreds of tasks, so that all workers end at about the same time.
	// Zones that lie in few of them are taken there by their boxes, others by the
	// quadtree.
	wide := uint32(bits.Len32(max(x1-x0, y1-y0)))
	least := max(t.shift, wide-min(5, wide))
	col, row := x0>>least, y0>>least
	cols := x1>>least - col + 1
	small := make([][]uint32, cols*(y1>>least-row+1))
	var large []item
	for i := range c.items {
		west, south, east, north, ok := c.cells(&c.items[i], least)
		if !ok || (east-west+1)*(north-south+1) > 4 {
			large = append(large, c.items[i])
			continue
		}
		for y := max(south, row); y <= min(north, y1>>least); y++ {
			for x := max(west, col); x <= min(east, x1>>least); x++ {
				at := &small[(y-row)*cols+x-col]
				*at = append(*at, uint32(i))
			}
		}
	}
	b := builder{compiler: c, spans: c.spans}
	b.hand(cell{0, 0, 32}, large, least)
	for i := range c.tasks {
		x, y := uint32(c.tasks[i].cell.x>>least)-col, uint32(c.tasks[i].cell.y>>least)-row
		if at := y*cols + x; x < cols && at < uint32(len(small)) { // and not in the pad about all zones
			c.tasks[i].small, small[at] = small[at], nil
		}
	}
	for i, zones := range small {
		if zones != nil {
			x, y := uint64(col)+uint64(i)%uint64(cols), uint64(row)+uint64(i)/uint64(cols)
			c.tasks = append(c.tasks, task{cell: cell{x << least, y << least, least}, small: zones})
		}
	}
	slices.SortFunc(c.tasks, func(a, b task) int { return cmp.Compare(a.cell.key(), b.cell.key()) })
}

// cells returns the cells of the size 1<<shift that an item may have to do with,
// by column and row. It is not ok for one that its box says too little about.
func (c *compiler) cells(it *item, shift uint32) (west, south, east, north uint32, ok bool) {
	box := &c.boxes[it.zone]
	west, south = box.low.plane()
	east, north = box.high.plane()
	if !it.whole || min(west, south) < pad || east > 2*half-pad || north > 2*quarter-pad {
		return 0, 0, 0, 0, false
	}
	return (west - pad) >> shift, (south - pad) >> shift, (east + pad) >> shift, (north + pad) >> shift, true
}

// hand hands the items of a cell to tasks.
func (b *builder) hand(at cell, items []item, least uint32) {
	if len(items) == 0 {
		return
	}
	if at.shift == least {
		t := task{cell: at}
		for _, it := range items {
			from := uint32(len(t.spans))
			t.spans = append(t.spans, b.spans[it.runs.from:it.runs.to]...)
			it.runs = pair{from, uint32(len(t.spans))}
			t.items = append(t.items, it)
		}
		b.tasks = append(b.tasks, t)
		return
	}
	for k := range 4 {
		mark := b.mark()
		b.hand(at.child(k), b.enter(at.child(k), items), least)
		b.release(mark)
	}
}

// compile compiles the tasks.
func (c *compiler) compile(workers int) error {
	return c.each(len(c.tasks), workers, .4, 1, func(i int) error {
		t := &c.tasks[i]
		b := builder{compiler: c, spans: t.spans, whole: map[string]uint32{}}
		items := make([]item, 0, len(t.small)+len(t.items))
		for _, zone := range t.small {
			it := c.items[zone]
			from := uint32(len(b.spans))
			b.spans = append(b.spans, c.spans[it.runs.from:it.runs.to]...)
			it.runs = pair{from, uint32(len(b.spans))}
			items = append(items, it)
		}
		items = append(slices.Clone(b.enter(t.cell, items)), t.items...)
		slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.zone, b.zone) })
		t.slots = make([]uint32, 1<<(2*(t.cell.shift-c.tree.shift)))
		b.fill(t.slots, t.cell, items)
		t.nodes, t.entries = b.nodes, b.entries
		t.small, t.items, t.spans = nil, nil, nil
		return nil
	})
}

// join puts the tasks together.
func (c *compiler) join() (*tree, error) {
	t := &c.tree
	c.items, c.spans = nil, nil
	nodes, entries := 0, 1
	for i := range c.tasks {
		nodes += len(c.tasks[i].nodes)
		entries += len(c.tasks[i].entries)
	}
	if nodes > maxNodes || entries > placeMask {
		return nil, nowhere(ErrTooLarge, "the index takes %d nodes and %d entries", nodes, entries)
	}
	t.nodes, t.entries = makeLarge[node](nodes)[:0], append(makeLarge[zoneEntry](entries)[:0], nobody)
	for i := range c.tasks {
		k := &c.tasks[i]
		moved := [...]uint32{slotRecord: uint32(len(t.entries)), slotNode: uint32(len(t.nodes))}
		for i := range k.nodes {
			for j, s := range k.nodes[i] {
				k.nodes[i][j] = s + moved[s>>slotBits]
			}
		}
		t.nodes = append(t.nodes, k.nodes...)
		t.entries = append(t.entries, k.entries...)
		col, row := uint32(k.cell.x>>t.shift), uint32(k.cell.y>>t.shift)
		for j, s := range k.slots {
			x, y := col+deinterleave(uint32(j))-t.col, row+deinterleave(uint32(j)>>1)-t.row
			if x < t.cols && y < t.rows {
				t.root[y*t.cols+x] = s + moved[s>>slotBits]
			}
		}
		*k = task{}
	}
	settle(t.root)
	settle(t.nodes)
	settle(t.entries)
	settle(t.vertices)
	made := *t // and nothing else of the compiler is kept
	return &made, nil
}

// deinterleave returns the even bits.
func deinterleave(v uint32) uint32 {
	v &= 0x55555555
	v = (v | v>>1) & 0x33333333
	v = (v | v>>2) & 0x0f0f0f0f
	v = (v | v>>4) & 0x00ff00ff
	return (v | v>>8) & 0x0000ffff
}
