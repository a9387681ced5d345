package journal

import (
	"sync"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// memory is what a commit is read into. It serves one after the other: under load a
// commit has a thousand reports, and to throw away what they took costs more than to
// read them.
type memory struct {
	unpacked     []byte
	entries      []Entry
	frames       room[protocol.ReportFrame]
	observations room[em.Observation]
}

// Bounds of what is kept for the next commit; a rare large one must not stay.
const (
	mostUnpackedKept = 2 << 20
	mostEntriesKept  = 4096
)

var memories sync.Pool // of *memory

func newMemory() *memory {
	m, ok := memories.Get().(*memory)
	if !ok {
		m = new(memory)
	}
	return m
}

// free takes back all that was cut from m.
func (m *memory) free() {
	if cap(m.unpacked) > mostUnpackedKept {
		m.unpacked = nil
	}
	if cap(m.entries) > mostEntriesKept {
		m.entries = nil
	}
	clear(m.entries)
	m.entries = m.entries[:0]
	m.frames.free(&frameChunks)
	m.observations.free(&observationChunks)
	memories.Put(m)
}

// room is what short lists of things are cut from, chunk by chunk.
type room[T any] struct {
	chunks []*[chunkOf]T
	used   int // of the last one
}

const chunkOf = 64

var frameChunks, observationChunks sync.Pool // of *[chunkOf]T

// list returns an empty list for n things. A longer one than of a chunk grows as it is
// filled: more may be announced than come.
func (r *room[T]) list(chunks *sync.Pool, n int) []T {
	switch {
	case n == 0:
		return nil
	case n > chunkOf:
		return make([]T, 0, chunkOf)
	case len(r.chunks) == 0 || r.used+n > chunkOf:
		c, ok := chunks.Get().(*[chunkOf]T)
		if !ok {
			c = new([chunkOf]T)
		}
		r.chunks, r.used = append(r.chunks, c), 0
	}
	r.used += n
	return r.chunks[len(r.chunks)-1][r.used-n : r.used-n : r.used]
}

func (r *room[T]) free(chunks *sync.Pool) {
	for i, c := range r.chunks {
		clear(c[:])
		chunks.Put(c)
		r.chunks[i] = nil
	}
	r.chunks, r.used = r.chunks[:0], 0
}
