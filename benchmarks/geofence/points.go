package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"math/rand/v2"

	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
)

// load is a list of points to look up.
type load struct {
	name string
	pts  []em.LatLng
	hash string // SHA-256 of the points, encoded
}

func newLoad(name string, pts []em.LatLng) load {
	h := sha256.New()
	writePoints(h, pts) // a hash takes everything
	return load{name, pts, hex.EncodeToString(h.Sum(nil))}
}

// writePoints writes longitude and latitude of each point as float64,
// little-endian.
func writePoints(w io.Writer, pts []em.LatLng) error {
	var b []byte
	for i, p := range pts {
		b = appendFloats(b, p.Lng, p.Lat)
		if len(b) >= 1<<16 || i == len(pts)-1 {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	return nil
}

// uniform are points anywhere in the bounding box.
func uniform(r *rand.Rand, b orb.Bound, n int) []em.LatLng {
	pts := make([]em.LatLng, n)
	for i := range pts {
		pts[i] = em.LatLng{Lng: b.Min[0] + r.Float64()*(b.Max[0]-b.Min[0]), Lat: b.Min[1] + r.Float64()*(b.Max[1]-b.Min[1])}
	}
	return pts
}

// clusters is the number of vertices round which clustered points lie.
const clusters = 200

// clustered are points of which four of five lie round some vertices, normally
// distributed with a hundredth of the box's short side; the rest is uniform.
func clustered(r *rand.Rand, d *dataset, n int) []em.LatLng {
	b := bound(d.split)
	sigma := min(b.Max[0]-b.Min[0], b.Max[1]-b.Min[1]) / 100
	pick := newPicker(d)
	var centers [clusters]orb.Point
	for i := range centers {
		centers[i], _ = pick.edge(r)
	}
	pts := uniform(r, b, n)
	for i := range pts {
		if r.IntN(5) == 0 {
			continue
		}
		for {
			c := centers[r.IntN(clusters)]
			p := em.LatLng{Lng: c[0] + sigma*r.NormFloat64(), Lat: c[1] + sigma*r.NormFloat64()}
			if p.Valid() {
				pts[i] = p
				break
			}
		}
	}
	return pts
}

// nearEdge are points on edges and vertices, and a hair beside them.
func nearEdge(r *rand.Rand, d *dataset, n int) []em.LatLng {
	pick := newPicker(d)
	pts := make([]em.LatLng, 0, n)
	for len(pts) < n {
		a, b := pick.edge(r)
		p := em.LatLng{Lng: a[0], Lat: a[1]} // the vertex itself
		switch r.IntN(4) {
		case 0:
		case 1: // on the straight line
			t := r.Float64()
			p.Lng += t * (b[0] - a[0])
			p.Lat += t * (b[1] - a[1])
		default: // on the geodesic
			ll := s2.LatLngFromPoint(s2.Interpolate(r.Float64(), spherePoint(a[0], a[1]), spherePoint(b[0], b[1])))
			p.Lng, p.Lat = ll.Lng.Degrees(), ll.Lat.Degrees()
		}
		if k := r.IntN(12); k > 0 { // 1e-15 … 1e-5 degrees, or nothing
			off := math.Pow10(-16 + k)
			p.Lng += off * (2*r.Float64() - 1)
			p.Lat += off * (2*r.Float64() - 1)
		}
		if p.Valid() {
			pts = append(pts, p)
		}
	}
	return pts
}

// picker draws edges of a data set, each as likely as any other.
type picker struct {
	rings []orb.Ring
	ends  []int // number of edges of the rings up to and with each
}

func newPicker(d *dataset) *picker {
	p := new(picker)
	n := 0
	for _, a := range d.split {
		for _, polygon := range a {
			for _, r := range polygon {
				n += len(r) - 1
				p.rings, p.ends = append(p.rings, r), append(p.ends, n)
			}
		}
	}
	return p
}

func (p *picker) edge(r *rand.Rand) (from, to orb.Point) {
	k := r.IntN(p.ends[len(p.ends)-1])
	lo, hi := 0, len(p.ends)-1
	for lo < hi {
		if mid := (lo + hi) / 2; p.ends[mid] > k {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	ring := p.rings[lo]
	k -= p.ends[lo] - (len(ring) - 1)
	return ring[k], ring[k+1]
}

// roundE7 rounds points to 1e-7 degrees.
func roundE7(pts []em.LatLng) []em.LatLng {
	for i, p := range pts {
		q := round(orb.Point{p.Lng, p.Lat})
		pts[i] = em.LatLng{Lng: q[0], Lat: q[1]}
	}
	return pts
}
