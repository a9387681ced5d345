package jt808

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Bounds of what one conversation keeps of messages in parts.
const (
	// maxParts is what one request for missing parts can name in its one byte.
	maxParts = 255
	// maxMessage is the longest message in bytes, but for media: some 1,000 positions
	// with their items, more than a batch is known to have.
	maxMessage = 64 << 10
	// mostMedia bounds Config.MaxMedia: a conversation keeps as much.
	mostMedia = 16 << 20
	// maxOpen is how many messages may be unfinished at once. A terminal sends
	// the parts of one message in a row.
	maxOpen = 4

	// partPatience is how long to wait for the next part before those that are
	// missing are asked for, and partTries how often that is done.
	partPatience = 10 * time.Second
	partTries    = 3
)

// ErrParts is wrapped by the session's errors about messages in parts that
// cannot be put together: too long, too many at once, or never completed. It is a
// protocol.ErrMalformed.
var ErrParts = fmt.Errorf("jt808: %w: a message in parts", protocol.ErrMalformed)

// assembly is one message of which parts have come.
type assembly struct {
	code         uint16
	first, total uint16 // serial of the first part
	parts        [][]byte
	missing      int
	size         int
	due          time.Time
	tries        int
	head         Header // of the newest part
}

// assemblies are the unfinished messages of one conversation.
type assemblies struct{ open []*assembly }

// size is that of all, which are few.
func (a *assemblies) size() (n int) {
	for _, s := range a.open {
		n += s.size
	}
	return n
}

// limits returns how many parts and bytes a message of a type may have where a medium
// may have that many bytes.
func limits(code uint16, media int) (parts, size int) {
	if code == typeMedia {
		return max(maxParts, 2*media/lengthMask), media // parts may be half empty
	}
	return maxParts, maxMessage
}

// inParts reports whether messages of the type are put together. Others are told
// as they come.
func inParts(code uint16) bool {
	return known(code) && !platforms(code) && !compact(code) && code != typeRegister && code != typeAuth
}

// add takes a part. It returns the whole message when its last part has come. A medium
// has up to media bytes.
func (a *assemblies) add(now time.Time, m *Part, media int) (protocol.Message, error) {
	parts, size := limits(m.Header.Code, media)
	if m.Index == 0 || m.Index > m.Total || int(m.Total) > parts {
		return nil, fmt.Errorf("%w: part %d of %d", ErrParts, m.Index, m.Total)
	}
	first := m.Serial - (m.Index - 1)
	i := slices.IndexFunc(a.open, func(s *assembly) bool {
		return s.code == m.Header.Code && s.first == first && s.total == m.Total
	})
	if i < 0 {
		if len(a.open) == maxOpen {
			return nil, fmt.Errorf("%w: more than %d at once", ErrParts, maxOpen)
		}
		i = len(a.open)
		a.open = append(a.open, &assembly{
			code: m.Header.Code, first: first, total: m.Total, parts: make([][]byte, m.Total), missing: int(m.Total),
		})
	}
	s := a.open[i]
	s.head, s.due, s.tries = m.Header, now.Add(partPatience), 0
	if s.parts[m.Index-1] == nil {
		s.size += len(m.Data)
		if all := max(maxOpen*maxMessage, media); s.size > size || a.size() > all {
			a.open = slices.Delete(a.open, i, i+1)
			return nil, fmt.Errorf("%w: above %d bytes, or %d with others", ErrParts, size, all)
		}
		s.parts[m.Index-1] = append([]byte{}, m.Data...)
		s.missing--
	}
	if s.missing > 0 {
		return nil, nil
	}
	a.open = slices.Delete(a.open, i, i+1)
	h := m.Header
	h.Total, h.Index, h.Tail = 0, 0, nil
	f := wire.New(slices.Concat(s.parts...))
	whole := readBody(&f, &h)
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("%w: 0x%04X in %d parts: %w", ErrParts, h.Code, s.total, err)
	}
	return whole, nil
}

// deadline is when to ask for what is missing; zero for never.
func (a *assemblies) deadline() (due time.Time) {
	for _, s := range a.open {
		if due.IsZero() || s.due.Before(due) {
			due = s.due
		}
	}
	return due
}

// wake asks for missing parts. A message that nothing comes of is given up, which
// is an error.
func (a *assemblies) wake(now time.Time, ask func(Header, *Resend)) error {
	var errs []error
	a.open = slices.DeleteFunc(a.open, func(s *assembly) bool {
		if s.due.After(now) {
			return false
		}
		if s.tries++; s.tries > partTries {
			errs = append(errs, fmt.Errorf("%w: 0x%04X lacks %d of %d", ErrParts, s.code, s.missing, s.total))
			return true
		}
		s.due = now.Add(partPatience)
		m := &Resend{First: s.first}
		for i, p := range s.parts {
			if p == nil && len(m.Parts) < maxParts { // others by the next request
				m.Parts = append(m.Parts, uint16(i+1))
			}
		}
		ask(s.head, m)
		return false
	})
	return errors.Join(errs...)
}
