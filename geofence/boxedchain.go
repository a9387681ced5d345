package geofence

import "math"

// boxedChain is a chain without breaks, and the boxes of runs of its edges: a
// point that is in none of them need not be compared with the edges.
type boxedChain struct {
	chain []E7
	boxes []chainBox // none for a chain of one run
}

// chainBox is the least and the greatest coordinates of a run.
type chainBox struct{ south, west, north, east int32 }

const chainRun = 16 // edges

func newBoxedChain(chain []E7) boxedChain {
	c := boxedChain{chain: chain}
	n := (len(chain) - 1 + chainRun - 1) / chainRun
	if n <= 1 {
		return c
	}
	c.boxes = make([]chainBox, n)
	for i := range c.boxes {
		b := chainBox{math.MaxInt32, math.MaxInt32, math.MinInt32, math.MinInt32}
		for _, v := range c.run(i) {
			b.south, b.north = min(b.south, v.Lat), max(b.north, v.Lat)
			b.west, b.east = min(b.west, v.Lng), max(b.east, v.Lng)
		}
		c.boxes[i] = b
	}
	return c
}

func (c *boxedChain) run(i int) []E7 {
	return c.chain[i*chainRun : min((i+1)*chainRun+1, len(c.chain))]
}

// crossings is crossings of the chain.
func (c *boxedChain) crossings(p E7) (odd uint32, near bool) {
	if len(c.boxes) == 0 {
		return crossings(c.chain, p)
	}
	x, y := int64(p.Lng), int64(p.Lat)
	for i := range c.boxes {
		b := &c.boxes[i]
		if y < int64(b.south)-band || y > int64(b.north)+band || x < int64(b.west)-band {
			continue
		}
		run := c.run(i)
		if x > int64(b.east)+band { // the ray crosses if the run begins and ends on different sides
			if (run[0].Lat <= p.Lat) != (run[len(run)-1].Lat <= p.Lat) {
				odd ^= 1
			}
			continue
		}
		o, n := crossings(run, p)
		odd, near = odd^o, near || n
	}
	return odd, near
}
