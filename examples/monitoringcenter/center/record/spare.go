package record

import (
	"bytes"

	"github.com/sargas-em/em"
)

// spare is memory that a writer's transaction leaves to the next one: a center under
// load has some tens in a second, each of as many reports.
type spare struct {
	touched []*slot
	fed     []cameIn
	frames  []byte // of a chunk, as they came
	packed  bytes.Buffer
	pieces  []byte
	row     []byte
}

// What spare keeps of one transaction: those of a start or of an import are larger,
// and theirs goes.
const (
	spareStreams = 4 << 10
	spareBytes   = 2 * chunkBytes
)

// lend gives a new transaction what there is.
func (s *spare) lend(t *Tx) {
	t.touched, s.touched = s.touched, nil
	t.fed.list = s.fed[:0]
}

// back takes it back from one that has ended.
func (s *spare) back(t *Tx) {
	for _, l := range t.touched {
		l.next = nil
	}
	if clear(t.touched); cap(t.touched) <= spareStreams {
		s.touched = t.touched[:0]
	}
	if s.fed = t.fed.list; cap(s.fed) > 4*spareStreams {
		s.fed = nil
	}
	for _, b := range []*[]byte{&s.frames, &s.pieces, &s.row} {
		if cap(*b) > spareBytes {
			*b = nil
		}
	}
	if s.packed.Cap() > spareBytes {
		s.packed = bytes.Buffer{}
	}
}

// cameIn is the frame that an observation came in.
type cameIn struct {
	id    em.ObservationID
	frame int64
}

// cameInAll are those of a transaction. Mostly it is the last one that is asked for.
type cameInAll struct {
	list []cameIn
	by   map[em.ObservationID]int64 // of the list, up to upTo
	upTo int
}

func (c *cameInAll) note(id em.ObservationID, frame int64) {
	c.list = append(c.list, cameIn{id, frame})
}

func (c *cameInAll) of(id em.ObservationID) int64 {
	if n := len(c.list); n > 0 && c.list[n-1].id == id {
		return c.list[n-1].frame
	}
	if c.by == nil {
		c.by = map[em.ObservationID]int64{}
	}
	for ; c.upTo < len(c.list); c.upTo++ {
		c.by[c.list[c.upTo].id] = c.list[c.upTo].frame
	}
	return c.by[id]
}
