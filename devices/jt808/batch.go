package jt808

import (
	"encoding/binary"

	"github.com/sargas-em/em/protocol/wire"
)

// maxBroken is how many reports of a batch may be kept as broken: a batch may say
// that it has thousands of no bytes.
const maxBroken = 16

// batch reads the reports of a batch, each with a length of width bytes in front: n of
// them, or up to the end where n is below 0.
type batch struct {
	*wire.Cursor
	n, width int
}

func readBatch(f *wire.Cursor, h *Header) *Batch {
	body := f.Pos()
	n, kind := int(f.U16("reports")), f.U8("kind")
	m := (batch{f, n, 2}).read(h, body)
	m.Kind = kind
	return m
}

func readShortBatch(f *wire.Cursor, h *Header) *Batch { return batch{f, -1, 1}.read(h, f.Pos()) }

// read reads a batch whose body begins at an offset. Where some reports do not read the
// others are told all the same; where none does it fails.
func (f batch) read(h *Header, body int) *Batch {
	room := f.Len()/(f.width+reportLen) + 1
	if f.n >= 0 {
		room = min(room, f.n)
	}
	m, reports := wire.OwnList[Batch, Report](f.Cursor, room)
	m.Header, m.Reports = *h, reports
	all, exact := f.walk()
	if before := *f.Cursor; f.Err() == nil && !all {
		if f.some(m, body, exact); len(m.Reports) > 0 {
			return m
		}
		*f.Cursor = before // for the error
	}
	for i := 0; f.more(i); i++ {
		if f.width == 1 {
			f.report(m, int(f.U8("report length")))
		} else {
			f.report(m, int(f.U16("report length")))
		}
	}
	return m
}

// more reports whether there should be a report with that index.
func (f batch) more(i int) bool {
	return f.Err() == nil && (i < f.n || f.n < 0 && f.Len() > 0)
}

// report reads a report of n bytes.
func (f batch) report(m *Batch, n int) {
	m.Reports = append(m.Reports, Report{})
	readReport(f.Cursor, &m.Reports[len(m.Reports)-1], n)
}

// walk follows the lengths: all says that each report is there and long enough, exact
// that they are as many as stated and end with the batch.
func (f batch) walk() (all, exact bool) {
	b := f.Ahead()
	all = true
	for i := 0; i < f.n || f.n < 0 && len(b) > 0; i++ {
		n, ok := f.next(b)
		if !ok {
			return false, false
		}
		all = all && n >= reportLen
		b = b[f.width+n:]
	}
	return all, len(b) == 0
}

// next returns the length of the report that b begins with; ok is false where b ends
// before it.
func (f batch) next(b []byte) (n int, ok bool) {
	switch {
	case len(b) < f.width:
		return 0, false
	case f.width == 1:
		n = int(b[0])
	default:
		n = int(binary.BigEndian.Uint16(b))
	}
	return n, n <= len(b)-f.width
}

// some reads those reports of a batch that read. Where the lengths do not lead to its
// end one of them is wrong, perhaps not the one that shows it: then only sound reports
// are taken, up to the first that is not.
func (f batch) some(m *Batch, body int, exact bool) {
	for i := 0; f.more(i); i++ {
		b := f.Ahead()
		n, ok := f.next(b)
		if ok && n >= reportLen && (exact || sound(b[f.width:f.width+n])) {
			f.Advance(f.width)
			f.report(m, n)
			continue
		}
		if m.Broken == nil {
			m.Broken = wire.List[BrokenReport](f.Cursor, maxBroken)
		}
		broken := BrokenReport{Index: i, Offset: f.Pos() - body}
		if exact && len(m.Broken) < maxBroken-1 {
			broken.Data = f.Data(f.width+n, "broken report")
		} else {
			broken.Data = f.RestData("broken report")
		}
		if m.Broken = append(m.Broken, broken); f.Len() == 0 {
			return
		}
	}
}

// sound reports whether the bytes of a report cannot well be others: they have a time, a
// place on earth, and whole items up to the end.
func sound(b []byte) bool {
	lat, lng := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	items := Items(b[reportLen:])
	return lat <= 90e6 && lng <= 180e6 && items.whole() == len(items) && !Clock(b[reportLen-6:reportLen]).Local().IsZero()
}
