package main

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// dataset is a set of zones that every engine gets.
type dataset struct {
	name, source, licence string

	given []geofence.Area // outer rings counter-clockwise, holes clockwise, closed
	split []geofence.Area // given, with edges split so that geodesics follow the straight lines
	odd   []bool          // zones whose rings cross, as those of simplified maps do: inside is by even and odd; nil: none
	names []string        // of the zones, where an engine asks for them
	hash  string          // SHA-256 of split, encoded
	refs  int             // zones of the source that geofence.NewIndex refuses even so, left out
	lost  string          // why the first of them was refused
}

// newDataset brings zones that geofence accepts into one form.
func newDataset(name, source, licence string, areas []geofence.Area, odd []bool) (*dataset, error) {
	d := &dataset{name: name, source: source, licence: licence, odd: odd}
	for _, a := range areas {
		a = oriented(solid(a))
		d.given, d.split = append(d.given, a), append(d.split, splitArea(a))
	}
	if len(d.split) == 0 {
		return nil, fmt.Errorf("%s: no zones", name)
	}
	h := sha256.New()
	if err := writeZones(h, d.split, d.odd); err != nil {
		return nil, err
	}
	d.hash = hex.EncodeToString(h.Sum(nil))
	return d, nil
}

// sifted are zones that geofence accepts, and how many others there were.
type sifted struct {
	areas []geofence.Area
	names []string // if there were any
	odd   []bool   // accepted with EvenOdd only; nil: none
	refs  int
	lost  string // why the first was refused
}

// sift leaves out zones that geofence refuses. Those whose rings cross are kept
// as even-odd ones, but for such about the poles: golang/geo has to be told a
// place that is outside.
func sift(areas []geofence.Area, names []string) sifted {
	var s sifted
	var odd []bool
	for i, a := range areas {
		if len(a) == 0 {
			continue
		}
		a = oriented(solid(a))
		z := geofence.Zone{ID: "z", Kind: geofence.KindPlace, Shape: splitArea(a)}
		_, err := geofence.NewIndex(z)
		crosses := err != nil
		if b := bound([]geofence.Area{a}); crosses && max(b.Max[1], -b.Min[1]) < polarCircle {
			z.EvenOdd = true
			_, err = geofence.NewIndex(z)
		}
		if err != nil {
			if s.refs++; s.refs == 1 {
				s.lost = err.Error()
			}
			continue
		}
		s.areas, odd = append(s.areas, a), append(odd, crosses)
		if names != nil {
			s.names = append(s.names, names[i])
		}
	}
	if slices.Contains(odd, true) {
		s.odd = odd
	}
	return s
}

// isOdd reports whether a zone's inside is by even and odd.
func isOdd(odd []bool, zone int) bool { return odd != nil && odd[zone] }

// evenOdd returns how many zones are even-odd ones.
func (d *dataset) evenOdd() (n int) {
	for _, odd := range d.odd {
		if odd {
			n++
		}
	}
	return n
}

func vertices(areas []geofence.Area) int {
	n := 0
	for _, a := range areas {
		for _, p := range a {
			for _, r := range p {
				n += len(r) - 1
			}
		}
	}
	return n
}

func bound(areas []geofence.Area) orb.Bound {
	b := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	for _, a := range areas {
		b = b.Union(orb.MultiPolygon(a).Bound())
	}
	return b
}

// clone is a deep copy: what an engine keeps of it is the engine's own.
func clone(areas []geofence.Area) []geofence.Area {
	c := make([]geofence.Area, len(areas))
	for i, a := range areas {
		c[i] = geofence.Area(orb.MultiPolygon(a).Clone())
	}
	return c
}

// oriented returns the area with closed rings, outer ones counter-clockwise in
// longitude and latitude and holes clockwise.
func oriented(a geofence.Area) geofence.Area {
	a = geofence.Area(orb.MultiPolygon(a).Clone())
	for _, p := range a {
		for i, r := range p {
			if r[0] != r[len(r)-1] {
				r = append(r, r[0])
				p[i] = r
			}
			if (r.Orientation() == orb.CCW) != (i == 0) {
				r.Reverse()
			}
		}
	}
	return a
}

// solid leaves out rings and polygons that rounding left without an inside.
func solid(a geofence.Area) geofence.Area {
	var kept geofence.Area
	for _, p := range a {
		var q orb.Polygon
		for i, r := range p {
			distinct := slices.Clone(r)
			slices.SortFunc(distinct, func(a, b orb.Point) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
			if len(slices.Compact(distinct)) >= 3 {
				q = append(q, r)
			} else if i == 0 {
				break
			}
		}
		if len(q) > 0 {
			kept = append(kept, q)
		}
	}
	return kept
}

// Vertices of split zones are rounded to 1e-7 degrees, and their edges split so
// that geodesics follow the straight lines in longitude and latitude, both as
// package geofence does but a little closer: it has nothing left to round or to
// split, and all engines on the sphere have the same vertices.

// splitTolerance is how far a geodesic may lie from the straight line, in
// degrees (a centimetre on a meridian), and about the poles in metres.
const (
	splitTolerance      = 1.05e-7
	splitTolerancePolar = .015
	polarCircle         = 89.9 // edges that cross it are split there
)

// splitArea rounds the vertices of an area and splits its edges.
func splitArea(a geofence.Area) geofence.Area {
	rounded := make(geofence.Area, len(a))
	var cuts []float64 // latitudes of vertices on the antimeridian, where both sides of a cut need a vertex
	for i, p := range a {
		rounded[i] = make(orb.Polygon, len(p))
		for j, r := range p {
			out := make(orb.Ring, len(r))
			for k, v := range r {
				if out[k] = round(v); math.Abs(out[k][0]) == 180 {
					cuts = append(cuts, out[k][1])
				}
			}
			rounded[i][j] = out
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for _, p := range rounded {
		for j, r := range p {
			p[j] = splitRing(r, cuts)
		}
	}
	return rounded
}

func round(p orb.Point) orb.Point {
	return orb.Point{math.Round(p[0]*1e7) / 1e7, math.Round(p[1]*1e7) / 1e7}
}

func splitRing(r orb.Ring, cuts []float64) orb.Ring {
	out := make(orb.Ring, 0, len(r))
	for i, a := range r[:len(r)-1] {
		if b := r[i+1]; a != b {
			out = appendSplit(out, a, b, cuts)
		}
	}
	if len(out) == 0 { // all of it is one point
		out = append(out, r[0])
	}
	return append(out, out[0])
}

// appendSplit appends the points of an edge without its end. The same edge the
// other way has the same points.
func appendSplit(dst orb.Ring, a, b orb.Point, cuts []float64) orb.Ring {
	if math.Abs(a[1]) == 90 && a[1] == b[1] { // along a pole
		return append(dst, a)
	}
	turn := math.Remainder(b[0]-a[0], 360)
	if b[1] < a[1] || b[1] == a[1] && turn < 0 {
		from := len(dst)
		dst = append(appendSplit(dst, b, a, cuts), a)
		slices.Reverse(dst[from:])
		return dst[:len(dst)-1]
	}
	var stops []orb.Point
	at := func(t float64) orb.Point {
		return round(orb.Point{math.Remainder(a[0]+t*turn, 360), a[1] + t*(b[1]-a[1])})
	}
	for _, lat := range []float64{-polarCircle, polarCircle} {
		if a[1] < lat && lat < b[1] {
			p := at((lat - a[1]) / (b[1] - a[1]))
			p[1] = lat
			stops = append(stops, p)
		}
	}
	if math.Abs(a[0]) == 180 && turn == 0 { // along the antimeridian
		for _, lat := range cuts {
			if lat > a[1] && lat < b[1] {
				stops = append(stops, orb.Point{a[0], lat})
			}
		}
	}
	slices.SortFunc(stops, func(p, q orb.Point) int { return cmp.Compare(p[1], q[1]) })
	for _, p := range append(stops, b) {
		if turn == 0 {
			p[0] = a[0] // one of the antimeridian's two names
		}
		dst = appendParts(dst, a, p, math.Remainder(p[0]-a[0], 360))
		a = p
	}
	return dst
}

// appendParts splits an edge evenly. Where a point moves at constant dlng and
// dlat, geodesics leave its path by an eighth of their bend against it.
func appendParts(dst orb.Ring, a, b orb.Point, turn float64) orb.Ring {
	const rad = math.Pi / 180
	east, north := turn*rad, (b[1]-a[1])*rad
	low, high := min(math.Abs(a[1]), math.Abs(b[1])), max(math.Abs(a[1]), math.Abs(b[1]))
	if (a[1] > 0) != (b[1] > 0) {
		low = 0
	}
	n := max(1, math.Abs(turn)/40, math.Abs(b[1]-a[1])/40)
	if high > polarCircle {
		bend := math.Hypot(math.Cos(low*rad)*east*east, 2*east*north)
		n = max(n, math.Sqrt(bend/8*em.EarthRadius/splitTolerancePolar))
	} else {
		level := min(max(low, 45), high) // where sin cos is greatest
		sin, cos := math.Sincos(level * rad)
		bend := math.Hypot(2*math.Tan(high*rad)*east*north, sin*cos*east*east)
		n = max(n, math.Sqrt(bend/8/(splitTolerance*rad)))
	}
	n = math.Ceil(n)
	dst = append(dst, a)
	for i := 1.0; i < n; i++ {
		p := round(orb.Point{math.Remainder(a[0]+i/n*turn, 360), a[1] + i/n*(b[1]-a[1])})
		if turn == 0 {
			p[0] = a[0]
		}
		dst = append(dst, p)
	}
	return dst
}

// The encoding of zones, which the data's hash is of and which the programs in
// C++ read: a count of zones; of each a count of polygons; of each a count of
// rings; of each a count of positions and the positions, the last of which
// repeats the first, as longitude and latitude. Counts are uint32, coordinates
// float64, all little-endian. A count of polygons has oddFlag for an even-odd zone.

const oddFlag = 1 << 31

func writeZones(w io.Writer, areas []geofence.Area, odd []bool) error {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(areas)))
	for i, a := range areas {
		polygons := uint32(len(a))
		if isOdd(odd, i) {
			polygons |= oddFlag
		}
		b = binary.LittleEndian.AppendUint32(b, polygons)
		for _, p := range a {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
			for _, r := range p {
				b = binary.LittleEndian.AppendUint32(b, uint32(len(r)))
				for _, v := range r {
					b = appendFloats(b, v[0], v[1])
				}
				if len(b) >= 1<<16 {
					if _, err := w.Write(b); err != nil {
						return err
					}
					b = b[:0]
				}
			}
		}
	}
	_, err := w.Write(b)
	return err
}

func appendFloats(b []byte, fs ...float64) []byte {
	for _, f := range fs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}

// readZones reads what writeZones wrote.
func readZones(r io.Reader) (areas []geofence.Area, odd []bool, err error) {
	br := bufio.NewReaderSize(r, 1<<20)
	var buf [16]byte
	count := func() int64 {
		if _, err := io.ReadFull(br, buf[:4]); err != nil {
			return -1
		}
		return int64(binary.LittleEndian.Uint32(buf[:4]))
	}
	cut := fmt.Errorf("zones: %w", io.ErrUnexpectedEOF)
	n := count()
	if n < 0 {
		return nil, nil, cut
	}
	odd = make([]bool, n)
	for i := range n {
		polygons := count()
		if polygons < 0 {
			return nil, nil, cut
		}
		odd[i] = polygons&oddFlag != 0
		var a geofence.Area
		for range polygons &^ oddFlag {
			rings := count()
			if rings < 0 {
				return nil, nil, cut
			}
			var p orb.Polygon
			for range rings {
				positions := count()
				if positions < 4 {
					return nil, nil, cut
				}
				var ring orb.Ring
				for range positions {
					if _, err := io.ReadFull(br, buf[:]); err != nil {
						return nil, nil, cut
					}
					ring = append(ring, orb.Point{
						math.Float64frombits(binary.LittleEndian.Uint64(buf[:8])), math.Float64frombits(binary.LittleEndian.Uint64(buf[8:]))})
				}
				p = append(p, slices.Clip(ring))
			}
			a = append(a, p)
		}
		areas = append(areas, a)
	}
	if !slices.Contains(odd, true) {
		odd = nil
	}
	return areas, odd, nil
}

// writeFile makes a file of what write writes.
func writeFile(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
