package geofence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// A file of an index is a header and sections. All numbers are little-endian.
// The header is fileMagic, fileVersion as a uint32, the number of zones as a
// uint32, for each section its first byte and its number of bytes as uint64
// and its checksum (CRC-32C) as a uint32 with four bytes of zero; and the
// checksum of all of that. Sections begin at multiples of fileAlign, in order,
// and hold the arrays of a tree as they are in memory.
const (
	fileMagic   = "EMGEOIDX"
	fileVersion = 4 // 3 could have a wrong anchor where a zone of several polygons touches a pole
	fileAlign   = 64

	headerSize  = len(fileMagic) + 8 + sectionCount*24 + 4
	sectionSlot = 24
)

// Sections, in order.
const (
	sectionFrame    = iota // frame
	sectionRoot            // tree.root
	sectionNodes           // tree.nodes
	sectionEntries         // tree.entries
	sectionVertices        // tree.vertices
	sectionZones           // tree.zones
	sectionRings           // tree.rings
	sectionRounds          // tree.rounds
	sectionSouth           // tree.polar
	sectionNorth
	sectionAnchors // tree.anchors
	sectionSorted  // Index.sorted
	sectionKinds   // a byte for each zone: place in fileKinds, and kindActive
	sectionEnds    // for each zone where its ID ends in names, and its Version
	sectionNames
	sectionCount
)

var sectionNamesText = [sectionCount]string{"frame", "root", "nodes", "entries", "vertices", "zones", "rings", "rounds",
	"south", "north", "anchors", "sorted", "kinds", "ends", "names"} // never changed

// fileKinds are the kinds in files; new ones go to the end.
var fileKinds = [...]Kind{KindExclusion, KindInclusion, KindBuffer, KindHome, KindPlace, KindRoute} // never changed

const kindActive = 1 << 7 // the zone had an Active

// Errors of files. Both are wrapped with what is wrong and where.
var (
	ErrIndexFile   = errors.New("geofence: not an index file, or damaged")
	ErrIndexActive = errors.New("geofence: the index file has zones with an Active, and OpenOptions.Active is nil")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // never changed

// littleEndian reports whether memory is in the order of files.
func littleEndian() bool {
	return binary.NativeEndian.Uint16([]byte{1, 0}) == 1
}

// bytesOf is a slice's memory; T has no pointers and no gaps.
func bytesOf[T any](s []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
}

// viewOf is the inverse; ok is false if the bytes are not some T.
func viewOf[T any](b []byte) (s []T, ok bool) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if len(b)%size != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%unsafe.Alignof(zero) != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/size), true
}

// WriteTo writes the index, for OpenIndex and ReadIndex: what was compiled, and
// of the zones ID, Version and Kind, and that they have an Active; not their
// shapes. It implements io.WriterTo. On a processor that is not little-endian
// the error is errors.ErrUnsupported.
//
// An index file that is in use must not be changed: write a new one next to it
// and rename it.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	if !littleEndian() {
		return 0, fmt.Errorf("geofence: index file: %w", errors.ErrUnsupported)
	}
	if x == nil || x.tree == nil {
		empty, err := NewIndex()
		if err != nil {
			return 0, err
		}
		x = empty
	}
	t := x.tree
	kinds := make([]byte, len(x.zones))
	ends := make([]uint32, 0, 2*len(x.zones))
	var names []byte
	for i := range x.zones {
		z := &x.zones[i]
		kinds[i] = byte(slices.Index(fileKinds[:], z.Kind))
		if z.Active != nil {
			kinds[i] |= kindActive
		}
		names = append(names, z.ID...)
		ends = append(ends, uint32(len(names)))
		names = append(names, z.Version...)
		ends = append(ends, uint32(len(names)))
		if uint64(len(names)) > 1<<31 {
			return 0, fmt.Errorf("geofence: index file: %w: IDs and versions take more than 2 GB", ErrTooLarge)
		}
	}
	sections := [sectionCount][]byte{
		bytesOf([]frame{t.frame}), bytesOf(t.root), bytesOf(t.nodes), bytesOf(t.entries), bytesOf(t.vertices), bytesOf(t.zones),
		bytesOf(t.rings), bytesOf(t.rounds), bytesOf(t.polar[0]), bytesOf(t.polar[1]), bytesOf(t.anchors), bytesOf(x.sorted),
		kinds, bytesOf(ends), names,
	}
	head := append(make([]byte, 0, headerSize), fileMagic...)
	head = binary.LittleEndian.AppendUint32(head, fileVersion)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(x.zones)))
	at := align(uint64(headerSize))
	for _, s := range sections {
		head = binary.LittleEndian.AppendUint64(head, at)
		head = binary.LittleEndian.AppendUint64(head, uint64(len(s)))
		head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(s, castagnoli))
		head = append(head, 0, 0, 0, 0)
		at = align(at + uint64(len(s)))
	}
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	written := int64(0)
	var padding [fileAlign]byte
	for _, s := range append([][]byte{head}, sections[:]...) {
		for _, part := range [...][]byte{s, padding[:align(uint64(len(s)))-uint64(len(s))]} {
			n, err := w.Write(part)
			written += int64(n)
			if err != nil {
				return written, fmt.Errorf("geofence: index file: %w", err)
			}
		}
	}
	runtime.KeepAlive(x)
	return written, nil
}

func align(n uint64) uint64 { return (n + fileAlign - 1) &^ (fileAlign - 1) }

// OpenOptions are for OpenIndex and ReadIndex. The zero value works for files
// of zones without an Active.
type OpenOptions struct {
	// Active returns the Active of a zone that had one when the file was
	// written: a file does not hold it. The zone has no shape. Nil is an error
	// if there is such a zone, as without it the rule would always be in force.
	Active func(Zone) interface{ Active(time.Time) bool }

	// Unverified leaves out Verify, which reads all of a file. With it the
	// time to open one is some twenty nanoseconds a zone. A file that is damaged may
	// then give wrong answers, or make a lookup panic; call Verify before, or
	// at leisure.
	Unverified bool
}

// OpenIndex maps an index file into memory, where the operating system has
// that; elsewhere it reads it. The mapping ends when the Index is no longer
// reachable: there is nothing to close, and an Index that was swapped for
// another may be in use as long as it takes. Errors wrap ErrIndexFile for a
// file that is none or is damaged, and ErrIndexActive.
//
// Zone has no shapes for such an Index; a Live of it cannot Merge.
func OpenIndex(path string, o OpenOptions) (*Index, error) {
	b, release, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("geofence: index file: %w", err)
	}
	x, err := indexOf(b, o)
	if err != nil {
		if release != nil {
			release(b)
		}
		return nil, err
	}
	if release != nil {
		runtime.AddCleanup(x, release, b)
	}
	return x, nil
}

// ReadIndex reads an index file into memory of its own, which for large indexes
// makes lookups faster than a mapped file does. It reads no further than the
// file's end. Errors are those of OpenIndex.
func ReadIndex(r io.Reader, o OpenOptions) (*Index, error) {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrIndexFile, err)
	}
	h, err := readHeader(head)
	if err != nil {
		return nil, err
	}
	// Memory is taken as the bytes come: what the header says may be wrong.
	size := h.size()
	b := makeLarge[uint64](int(min(size, readStep) / 8))
	copy(bytesOf(b), head)
	for have := uint64(headerSize); ; {
		end := min(size, uint64(len(b))*8)
		if _, err := io.ReadFull(r, bytesOf(b)[have:end]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrIndexFile, err)
		}
		if have = end; have == size {
			settle(b)
			return indexOf(bytesOf(b)[:size], o)
		}
		larger := makeLarge[uint64](int(min(size, 4*have) / 8))
		copy(larger, b)
		b = larger
	}
}

// readStep is how many bytes ReadIndex takes memory for before any was read.
const readStep = 1 << 24

type header struct {
	zones    uint32
	sections [sectionCount]struct {
		at, n uint64
		sum   uint32
	}
}

// size is how long the file is.
func (h *header) size() uint64 {
	last := h.sections[sectionCount-1]
	return align(last.at + last.n)
}

func readHeader(b []byte) (*header, error) {
	if len(b) < headerSize || string(b[:len(fileMagic)]) != fileMagic {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrIndexFile, fileMagic)
	}
	b = b[:headerSize]
	le := binary.LittleEndian
	if crc32.Checksum(b[:headerSize-4], castagnoli) != le.Uint32(b[headerSize-4:]) {
		return nil, fmt.Errorf("%w: header: checksum", ErrIndexFile)
	}
	if v := le.Uint32(b[8:]); v != fileVersion {
		return nil, fmt.Errorf("%w: version %d, and this is %d", ErrIndexFile, v, fileVersion)
	}
	h := &header{zones: le.Uint32(b[12:])}
	end := align(uint64(headerSize))
	for i := range h.sections {
		s, at := &h.sections[i], b[16+i*sectionSlot:]
		s.at, s.n, s.sum = le.Uint64(at), le.Uint64(at[8:]), le.Uint32(at[16:])
		if s.at != end || s.n > 1<<34 {
			return nil, fmt.Errorf("%w: section %s: at %d, %d bytes", ErrIndexFile, sectionNamesText[i], s.at, s.n)
		}
		end = align(s.at + s.n)
	}
	return h, nil
}

// indexOf makes an index of a file's bytes, and keeps them.
func indexOf(b []byte, o OpenOptions) (*Index, error) {
	if !littleEndian() {
		return nil, fmt.Errorf("geofence: index file: %w", errors.ErrUnsupported)
	}
	h, err := readHeader(b)
	if err != nil {
		return nil, err
	}
	if uint64(len(b)) != h.size() {
		return nil, fmt.Errorf("%w: %d bytes, and the header says %d", ErrIndexFile, len(b), h.size())
	}
	file := &indexFile{bytes: b, header: h}
	x := &Index{tree: &tree{}, file: file}
	t := x.tree
	var frames []frame
	var ends []uint32
	if err := errors.Join(
		section(file, sectionFrame, &frames), section(file, sectionRoot, &t.root), section(file, sectionNodes, &t.nodes),
		section(file, sectionEntries, &t.entries), section(file, sectionVertices, &t.vertices), section(file, sectionZones, &t.zones),
		section(file, sectionRings, &t.rings), section(file, sectionRounds, &t.rounds), section(file, sectionSouth, &t.polar[0]),
		section(file, sectionNorth, &t.polar[1]), section(file, sectionAnchors, &t.anchors), section(file, sectionSorted, &x.sorted),
		section(file, sectionEnds, &ends),
	); err != nil {
		return nil, err
	}
	n := int(h.zones)
	kinds := file.section(sectionKinds)
	if len(frames) != 1 || len(t.zones) != n || len(x.sorted) != n || len(kinds) != n || len(ends) != 2*n {
		return nil, fmt.Errorf("%w: sections are not of %d zones", ErrIndexFile, n)
	}
	t.frame = frames[0]
	if uint64(t.cols)*uint64(t.rows) != uint64(len(t.root)) || t.shift > 32 {
		return nil, fmt.Errorf("%w: root of %d×%d of 2^%d", ErrIndexFile, t.cols, t.rows, t.shift)
	}
	if !o.Unverified {
		if err := x.Verify(); err != nil {
			return nil, err
		}
	}
	names := string(file.section(sectionNames)) // copied: IDs outlive the index
	x.zones = make([]Zone, n)
	x.edges = make([]atomic.Pointer[edgeSet], n)
	from := uint32(0)
	cut := func(end uint32) (s string, ok bool) {
		if end < from || uint64(end) > uint64(len(names)) {
			return "", false
		}
		s, from = names[from:end], end
		return s, true
	}
	for i := range x.zones {
		z := &x.zones[i]
		var ok, ok2 bool
		z.ID, ok = cut(ends[2*i])
		z.Version, ok2 = cut(ends[2*i+1])
		k := int(kinds[i] &^ kindActive)
		if !ok || !ok2 || k >= len(fileKinds) {
			return nil, fmt.Errorf("%w: zone %d", ErrIndexFile, i)
		}
		z.Kind = fileKinds[k]
		x.note(i)
		if kinds[i]&kindActive != 0 {
			if o.Active == nil {
				return nil, fmt.Errorf("%w: zone %d (%q)", ErrIndexActive, i, z.ID)
			}
			z.Active = o.Active(*z)
		}
	}
	for k, i := range x.sorted {
		if int(i) >= n || !o.Unverified && k > 0 && strings.Compare(x.zones[x.sorted[k-1]].ID, x.zones[i].ID) >= 0 {
			return nil, fmt.Errorf("%w: section sorted: entry %d", ErrIndexFile, k)
		}
	}
	return x, nil
}

// indexFile is the file of an index.
type indexFile struct {
	bytes  []byte
	header *header
}

func (f *indexFile) section(i int) []byte {
	s := f.header.sections[i]
	return f.bytes[s.at : s.at+s.n : s.at+s.n]
}

func section[T any](f *indexFile, i int, s *[]T) (err error) {
	var ok bool
	if *s, ok = viewOf[T](f.section(i)); !ok {
		return fmt.Errorf("%w: section %s: %d bytes", ErrIndexFile, sectionNamesText[i], f.header.sections[i].n)
	}
	return nil
}

// Verify reads all of an index that comes from a file, and checks the sums of
// its sections, and that what they say of each other makes sense. An index of
// which that is so does not panic. It is nil for an index that was built.
// Errors wrap ErrIndexFile.
func (x *Index) Verify() error {
	if x == nil || x.file == nil {
		return nil
	}
	defer runtime.KeepAlive(x)
	for i, s := range x.file.header.sections {
		if crc32.Checksum(x.file.section(i), castagnoli) != s.sum {
			return fmt.Errorf("%w: section %s: checksum", ErrIndexFile, sectionNamesText[i])
		}
	}
	if what := x.tree.check(); what != "" {
		return fmt.Errorf("%w: %s", ErrIndexFile, what)
	}
	return nil
}

// check says what is wrong with a tree, or nothing.
func (t *tree) check() string {
	for i, v := range t.vertices {
		if !v.Valid() {
			return fmt.Sprintf("vertex %d", i)
		}
	}
	inVertices := func(first, n uint32) bool { return n > 0 && uint64(first)+uint64(n) <= uint64(len(t.vertices)) }
	for i, r := range t.rings {
		if r.n < 2 || !inVertices(r.first, r.n) {
			return fmt.Sprintf("ring %d", i)
		}
	}
	for i, z := range t.zones {
		if uint64(z.firstRing)+uint64(z.rings) > uint64(len(t.rings)) || uint64(z.round) > uint64(len(t.rounds)) || z.round == 0 && z.rings == 0 {
			return fmt.Sprintf("shape of zone %d", i)
		}
	}
	for k, p := range t.polar {
		for i, z := range p {
			if int(z>>2) >= len(t.zones) || z&3 == polarNone || i > 0 && z>>2 <= p[i-1]>>2 {
				return fmt.Sprintf("polar zone %d of %d", i, k)
			}
		}
	}
	for i, a := range t.anchors {
		if int(a.zone) >= len(t.zones) || a.inside > 1 || a.parity > 1 || i > 0 && a.zone <= t.anchors[i-1].zone {
			return fmt.Sprintf("anchor %d", i)
		}
	}
	records, bad := t.checkEntries(inVertices)
	if bad != "" {
		return bad
	}
	below := make([]uint8, 0, len(t.nodes)) // levels below a node
	has := func(set []uint64, i uint32) bool { return i/64 < uint32(len(set)) && set[i/64]>>(i%64)&1 == 1 }
	slot := func(s uint32) (levels uint8, ok bool) {
		v := s & slotMask
		switch s >> slotBits {
		case slotEmpty:
			return 0, v == 0
		case slotZone:
			return 0, int(v) < len(t.zones)
		case slotRecord:
			n, place := v>>slotCount, v&placeMask
			return 0, has(records, place) && t.isRecordOf(place, n)
		}
		if int(v) >= len(below) { // nodes come after those that they lead to
			return 0, false
		}
		return below[v], true
	}
	for i := range t.nodes {
		deepest := uint8(0)
		for _, s := range t.nodes[i] {
			levels, ok := slot(s)
			if !ok || levels > 32 {
				return fmt.Sprintf("slot of the node at %d", i)
			}
			deepest = max(deepest, levels)
		}
		below = append(below, deepest+nodeLevels)
	}
	for i, s := range t.root {
		if levels, ok := slot(s); !ok || uint32(levels) > t.shift {
			return fmt.Sprintf("root slot %d", i)
		}
	}
	return ""
}

// isRecordOf reports whether a record has n+1 entries; or for slotMany, at least.
func (t *tree) isRecordOf(place, n uint32) bool {
	for _, e := range t.entries[place : place+n] {
		if e.zone&entryLast != 0 {
			return false
		}
	}
	return n == slotMany || t.entries[place+n].zone&entryLast != 0
}

// checkEntries checks all entries, and returns where records begin.
func (t *tree) checkEntries(inVertices func(first, n uint32) bool) (begins []uint64, bad string) {
	if len(t.entries) == 0 || t.entries[0] != nobody {
		return nil, "the first entry"
	}
	begins = make([]uint64, len(t.entries)/64+1)
	before := zoneEntry{zone: entryLast}
	for i, e := range t.entries[1:] {
		at := i + 1
		if before.zone&entryLast != 0 {
			begins[at/64] |= 1 << (at % 64)
			before = zoneEntry{}
		} else if before.zone&entryMore == 0 && e.zone>>entryBits <= before.zone>>entryBits {
			return nil, fmt.Sprintf("order of the entry at %d", at)
		}
		more := before.zone&entryMore != 0
		if e.zone>>entryBits >= uint32(len(t.zones)) || more != (e.zone&entryRest != 0) ||
			more && (e.zone^before.zone)>>entryBits != 0 || more && (e.zone^before.zone)&entryRound != 0 ||
			e.zone&entryMore != 0 && e.zone&entryLast != 0 {
			return nil, fmt.Sprintf("zone of the entry at %d", at)
		}
		open, round := e.tiles&tilesOpen != 0, e.zone&entryRound != 0
		if round && (t.zones[e.zone>>entryBits].round == 0 || e.tiles != tilesOpen) || e.tiles&tilesOpen<<tileCount&e.tiles != 0 {
			return nil, fmt.Sprintf("tiles of the entry at %d", at)
		}
		alone := e.zone&(entryMore|entryRest) == 0 // so that it may have no edges, if nothing is open to them or it is a circle
		if e.edges() > 0 && !inVertices(e.first, e.edges()+1) || e.edges() == 0 && (!alone || open && !round) {
			return nil, fmt.Sprintf("edges of the entry at %d", at)
		}
		before = e
	}
	if before.zone&entryLast == 0 && len(t.entries) > 1 {
		return nil, "the last entry"
	}
	return begins, ""
}
