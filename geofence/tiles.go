package geofence

// Most points of a cell with edges are near none of them. So the cell of an
// entry is divided into 4×4 tiles, of which the entry knows whether an edge of its
// zone is in a tile or within pad of it, and if none is, what the answer is for all
// of the tile: then no edge needs to be looked at.

const (
	tileShift = 2              // a cell is so many tiles wide, as a power of two
	tileSide  = 1 << tileShift // or so many
	tileCount = tileSide * tileSide

	tilesOpen = 1<<tileCount - 1       // edges in all tiles
	tilesIn   = tilesOpen << tileCount // none, and the answer is yes
)

// tileOf returns where the bit of a point's tile is, for tiles of the size
// 1<<shift; tileCount bits above it is the answer.
func tileOf(e E7, shift uint32) uint32 {
	x, y := e.plane()
	return y>>(shift&31)&(tileSide-1)<<tileShift | x>>(shift&31)&(tileSide-1)
}

// tiles returns the tiles of an item in a cell that is not divided: a bit for
// each in which edges are, row by row from the south-west; and above them one for
// each that is all in the zone.
func (b *builder) tiles(at cell, it *item) uint32 {
	shift := at.shift - tileShift
	west, south, east, north := at.bounds()
	open := uint32(0)
	for _, s := range b.spans[it.runs.from:it.runs.to] {
		chain := s.of(b.tree.vertices)
		v := chain[0]
		for _, w := range chain[1:] {
			col0, col1 := tilesBetween(min(v.Lng, w.Lng), max(v.Lng, w.Lng), west, east, shift)
			row0, row1 := tilesBetween(min(v.Lat, w.Lat), max(v.Lat, w.Lat), south, north, shift)
			for row := row0; row <= row1; row++ {
				for col := col0; col <= col1; col++ {
					bit := uint32(1) << (row<<tileShift | col)
					if open&bit == 0 {
						x, y := west+int64(col)<<shift-pad, south+int64(row)<<shift-pad
						size := int64(1)<<shift + 2*pad
						if met, _ := meets(v, w, x, y, x+size, y+size, 0); met {
							open |= bit
						}
					}
				}
			}
			v = w
		}
	}
	// All of a tile is on the side of those next to it, if no edge is in either.
	in := uint32(0)
	for k := range uint32(tileCount) {
		tile := cell{at.x + uint64(k&(tileSide-1))<<shift, at.y + uint64(k>>tileShift)<<shift, shift}
		ref, ok := tile.reference()
		switch {
		case open>>k&1 != 0:
		case !ok:
			open |= 1 << k // nobody asks
		case k&(tileSide-1) != 0 && open>>(k-1)&1 == 0:
			in |= in >> (k - 1) & 1 << k
		case k >= tileSide && open>>(k-tileSide)&1 == 0:
			in |= in >> (k - tileSide) & 1 << k
		default:
			in |= b.sideOf(it, ref) << k
		}
	}
	return open | in<<tileCount
}

// tilesBetween returns the tiles of a cell, by column or row, that are within pad
// of what is between two coordinates: none if the first is the greater.
func tilesBetween(low, high int32, from, to int64, shift uint32) (first, last int) {
	l, h := max(int64(low)-pad, from), min(int64(high)+pad, to)
	if l > h {
		return 1, 0
	}
	return int((l - from) >> shift), int((h - from) >> shift)
}

// sideOf returns 1 if a point of the cell that is near none of the item's edges
// is in the zone.
func (b *builder) sideOf(it *item, e E7) uint32 {
	in := it.parity
	for _, s := range b.spans[it.runs.from:it.runs.to] {
		chain := s.of(b.tree.vertices)
		odd, _ := crossings(chain, e)
		in ^= odd ^ s.endsNorth(chain, e)
	}
	return in
}

// of returns the vertices of a run.
func (s edgeRun) of(vertices []E7) []E7 { return vertices[s.first : s.first+s.n+1] }

// endsNorth returns 1 if an odd number of the ends of a run that count are to the
// north of a point.
func (s edgeRun) endsNorth(chain []E7, e E7) (odd uint32) {
	if s.begins && chain[0].Lat > e.Lat {
		odd ^= 1
	}
	if s.ends && chain[s.n].Lat > e.Lat {
		odd ^= 1
	}
	return odd
}
