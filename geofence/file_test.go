package geofence_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// fileZones are some zones of all sorts.
func fileZones() []Zone {
	zones := syntheticZones(4, 60, .05)
	zones = append(zones,
		Zone{ID: "circle", Version: "v2", Kind: KindHome, Shape: Circle{orb.Point{25.28, 54.69}, 900}},
		Zone{ID: "road", Kind: KindInclusion, Shape: Corridor{orb.LineString{{25.2, 54.6}, {25.3, 54.7}, {25.4, 54.7}}, 300}},
		area("antimeridian", orb.Polygon{box(170, -10, -170, 10)}),
		area("arctic", orb.Polygon{{{0, 85}, {90, 85}, {180, 85}, {-90, 85}}}),
	)
	return zones
}

func written(t testing.TB, x *Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func TestFile(t *testing.T) {
	alone(t)
	zones := fileZones()
	x := mustIndex(t, zones...)
	b := written(t, x)
	path := filepath.Join(t.TempDir(), "zones.index")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	var areas []Area
	for _, z := range zones {
		if a, ok := z.Shape.(Area); ok {
			areas = append(areas, a)
		}
	}
	points := hardPoints(r, areas, 3000)
	for range 1000 {
		points = append(points, em.LatLng{Lat: 54.5 + .3*r.Float64(), Lng: 25.1 + .4*r.Float64()})
	}
	want := x.AppendBatch(nil, points)
	read, err := ReadIndex(bytes.NewReader(b), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := OpenIndex(path, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	unverified, err := OpenIndex(path, OpenOptions{Unverified: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unverified.Verify(), x.Verify(), (*Index)(nil).Verify()); err != nil {
		t.Error(err)
	}
	for name, y := range map[string]*Index{"read": read, "opened": opened, "unverified": unverified} {
		if got := y.AppendBatch(nil, points); !slices.Equal(got, want) {
			t.Errorf("%s: other answers than before", name)
		}
		if !bytes.Equal(written(t, y), b) {
			t.Errorf("%s: written again it differs", name)
		}
		for i, z := range zones {
			if got := y.Zone(i); got.ID != z.ID || got.Version != z.Version || got.Kind != z.Kind {
				t.Errorf("%s: zone %d is %+v", name, i, got)
			}
			if k, ok := y.Lookup(z.ID); !ok || k != i {
				t.Errorf("%s: Lookup(%q) is %d, %v", name, z.ID, k, ok)
			}
			if p := points[i]; x.Distance(i, p) != y.Distance(i, p) {
				t.Errorf("%s: zone %d is at %v, before at %v", name, i, y.Distance(i, p), x.Distance(i, p))
			}
		}
	}
	for name, empty := range map[string]*Index{"nil": nil, "zero": {}, "none": mustIndex(t)} {
		y, err := ReadIndex(bytes.NewReader(written(t, empty)), OpenOptions{})
		if err != nil || y.Len() != 0 || y.Append(nil, em.LatLng{}) != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type always struct{ from string }

func (always) Active(time.Time) bool { return true }

func TestFileActive(t *testing.T) {
	z := area("night", orb.Polygon{box(0, 0, 1, 1)})
	z.Active = always{}
	b := written(t, mustIndex(t, area("day", orb.Polygon{box(0, 0, 1, 1)}), z))
	if _, err := ReadIndex(bytes.NewReader(b), OpenOptions{}); !errors.Is(err, ErrIndexActive) {
		t.Errorf("without Active: %v", err)
	}
	x, err := ReadIndex(bytes.NewReader(b), OpenOptions{Active: func(z Zone) interface{ Active(time.Time) bool } { return always{z.ID} }})
	if err != nil {
		t.Fatal(err)
	}
	if x.Zone(0).Active != nil || x.Zone(1).Active != (always{"night"}) {
		t.Errorf("Active is %v and %v", x.Zone(0).Active, x.Zone(1).Active)
	}
}

// TestFileDamage changes a file in all its parts, and cuts it off.
func TestFileDamage(t *testing.T) {
	alone(t)
	b := written(t, mustIndex(t, fileZones()[50:]...))
	path := filepath.Join(t.TempDir(), "zones.index")
	refused := func(what string, bad []byte) {
		t.Helper()
		if _, err := ReadIndex(bytes.NewReader(bad), OpenOptions{}); !errors.Is(err, ErrIndexFile) {
			t.Errorf("%s: read: %v", what, err)
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenIndex(path, OpenOptions{}); !errors.Is(err, ErrIndexFile) {
			t.Errorf("%s: opened: %v", what, err)
		}
	}
	for _, n := range []int{0, 1, 8, 100, len(b) / 2, len(b) - 1} {
		refused(fmt.Sprintf("cut off at %d", n), b[:n])
	}
	if _, err := OpenIndex(filepath.Join(t.TempDir(), "none"), OpenOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := ReadIndex(io.MultiReader(bytes.NewReader(b[:500]), &failing{}), OpenOptions{}); !errors.Is(err, errFailing) {
		t.Errorf("a reader that fails: %v", err)
	}
	missed := 0
	for at := 0; at < len(b); at += 1 + at/200 {
		bad := slices.Clone(b)
		bad[at] ^= 1 << (at % 8)
		if _, err := ReadIndex(bytes.NewReader(bad), OpenOptions{}); err == nil {
			missed++ // between two sections
		} else if !errors.Is(err, ErrIndexFile) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	if missed > 40 {
		t.Errorf("%d changes were not seen", missed)
	}
}

var errFailing = errors.New("failing")

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errFailing }

// A file of another version is refused by its number, whole as it is otherwise.
func TestFileOfAnotherVersion(t *testing.T) {
	b := written(t, mustIndex(t, fileZones()[50:]...))
	version := b[len("EMGEOIDX"):]
	present := binary.LittleEndian.Uint32(version)
	for _, v := range []uint32{0, 1, 2, 3, present + 1} { // up to 3: anchors could be wrong
		binary.LittleEndian.PutUint32(version, v)
		_, err := ReadIndex(bytes.NewReader(resealed(b)), OpenOptions{})
		if want := fmt.Sprintf("version %d,", v); !errors.Is(err, ErrIndexFile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %q", err, want)
		}
	}
}

// resealed is a file with the sums that its bytes have.
func resealed(b []byte) []byte {
	const sections = 15
	head := 16 + sections*24
	if len(b) < head+4 {
		return b
	}
	b = slices.Clone(b)
	le, table := binary.LittleEndian, crc32.MakeTable(crc32.Castagnoli)
	for k := range sections {
		s := b[16+k*24:]
		if at, n := le.Uint64(s), le.Uint64(s[8:]); at <= uint64(len(b)) && n <= uint64(len(b))-at {
			le.PutUint32(s[16:], crc32.Checksum(b[at:at+n], table))
		}
	}
	le.PutUint32(b[head:], crc32.Checksum(b[:head], table))
	return b
}

// FuzzFile changes files and seals them again: what is accepted answers without
// a panic.
func FuzzFile(f *testing.F) {
	whole := written(f, mustIndex(f, fileZones()[50:]...))
	f.Add(whole, uint32(0), uint32(0), byte(0))
	f.Add(whole, uint32(400), uint32(800), byte(0xff))
	f.Add(written(f, mustIndex(f)), uint32(20), uint32(30), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at, at2 uint32, x byte) {
		if len(b) > 1<<20 {
			return
		}
		if len(b) > 0 {
			b = slices.Clone(b)
			b[at%uint32(len(b))] ^= x
			b[at2%uint32(len(b))] ^= x >> 1
		}
		checkFile(t, resealed(b))
	})
}

func checkFile(t *testing.T, b []byte) bool {
	y, err := ReadIndex(bytes.NewReader(b), OpenOptions{Active: func(Zone) interface{ Active(time.Time) bool } { return always{} }})
	if err != nil {
		if !errors.Is(err, ErrIndexFile) {
			t.Fatal(err)
		}
		return false
	}
	points := []em.LatLng{{Lat: 90}, {Lat: -90}, {Lat: 89.95, Lng: 3}, {Lng: 180}, {Lat: 54.69, Lng: 25.28}, {Lat: 85, Lng: 45}}
	for i := range min(y.Len(), 20) {
		for _, ring := range y.Rings(i) {
			for _, v := range ring[:min(len(ring), 4)] {
				ll := s2.LatLngFromPoint(v)
				points = append(points, em.LatLng{Lat: ll.Lat.Degrees(), Lng: ll.Lng.Degrees()})
			}
		}
	}
	for _, h := range y.AppendBatch(nil, points) {
		if int(h.Zone) >= y.Len() || int(h.Point) >= len(points) {
			t.Fatalf("hit %v", h)
		}
	}
	for _, p := range points {
		y.Append(nil, p)
	}
	return true
}

// TestFileSealedDamage is some of FuzzFile: single words changed, with the
// right sums.
func TestFileSealedDamage(t *testing.T) {
	alone(t)
	b := written(t, mustIndex(t, fileZones()[50:]...))
	seed := uint64(12)
	r := rand.New(rand.NewPCG(seed, 1))
	accepted := 0
	for range 600 {
		bad := slices.Clone(b)
		for range 1 + r.IntN(2) {
			at := 384 + r.IntN(len(b)-388)
			if r.IntN(3) == 0 {
				binary.LittleEndian.PutUint32(bad[at&^3:], r.Uint32()>>r.IntN(32))
			} else {
				bad[at] ^= 1 << r.IntN(8)
			}
		}
		if checkFile(t, resealed(bad)) {
			accepted++
		}
	}
	if accepted < 20 || accepted > 580 {
		t.Errorf("seed %d: %d of 600 changed files accepted", seed, accepted)
	}
}

func TestCovering(t *testing.T) {
	alone(t)
	coverer := &s2.RegionCoverer{MaxLevel: 30, MaxCells: 12}
	r := rand.New(rand.NewPCG(8, 8))
	for _, z := range fileZones()[50:] {
		cells, err := z.Covering(coverer)
		if err != nil {
			t.Fatal(err)
		}
		x := mustIndex(t, z)
		inside := 0
		check := func(p em.LatLng) {
			if len(x.Append(nil, p)) == 0 {
				return
			}
			inside++
			if !cells.ContainsPoint(ToPoint(p.Lng, p.Lat)) {
				t.Fatalf("%s: %v is in the zone, not in its %d cells", z.ID, p, len(cells))
			}
		}
		area := 0.0
		for _, c := range cells {
			area += s2.CellFromCellID(c).ApproxArea()
			for range 40 {
				ll := s2.LatLngFromPoint(s2.CellFromCellID(c.ChildBeginAtLevel(min(30, c.Level()+4)).AdvanceWrap(int64(r.IntN(256)))).Center())
				check(em.LatLng{Lat: ll.Lat.Degrees(), Lng: ll.Lng.Degrees()})
			}
		}
		if a, ok := z.Shape.(Area); ok {
			for _, p := range hardPoints(r, []Area{a}, 300) {
				check(p)
			}
		}
		if len(cells) == 0 || inside < 20 || area > 1 {
			t.Errorf("%s: %d cells of %v steradians, %d points inside", z.ID, len(cells), area, inside)
		}
	}
	if _, err := (Zone{ID: "bad", Kind: KindPlace, Shape: Circle{}}).Covering(coverer); !errors.Is(err, ErrRadius) {
		t.Errorf("a zone that is none: %v", err)
	}
}
