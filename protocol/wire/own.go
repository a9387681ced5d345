package wire

import (
	"encoding/binary"
	"encoding/hex"
	"unsafe"
)

// Own returns a new T for the message of c's frame, and keeps the frame's bytes
// with it: from then on the texts and data that c returns as owned are parts of
// that one copy and cost nothing. A message, its texts included, is one allocation
// (two above 1,024 bytes); with a Memory in use it is none.
//
//	r := wire.Own[Report](c)
//	r.Unit = c.FieldText(',', "unit")
func Own[T any](c *Cursor) *T { return own[T](c, c.frame) }

// OwnFrame is Own for a frame that was made to be read, such as one that stands in a
// message as hexadecimal digits: c, which has begun with none, reads what T keeps of
// it. frame itself is not kept and may be on the stack.
func OwnFrame[T any](c *Cursor, frame []byte) *T { return own[T](c, frame) }

func own[T any](c *Cursor, frame []byte) *T {
	if c.memory != nil {
		return reuse[T](c, frame)
	}
	switch n := len(frame) + c.spare; {
	case n <= 64:
		o := new(withText[T, [64]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 96:
		o := new(withText[T, [96]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 128:
		o := new(withText[T, [128]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 160:
		o := new(withText[T, [160]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 192:
		o := new(withText[T, [192]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 256:
		o := new(withText[T, [256]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 384:
		o := new(withText[T, [384]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 512:
		o := new(withText[T, [512]byte])
		c.keep(o.text[:], frame)
		return &o.message
	case n <= 1024:
		o := new(withText[T, [1024]byte])
		c.keep(o.text[:], frame)
		return &o.message
	default:
		c.keep(make([]byte, n), frame)
		return new(T)
	}
}

// OwnList is Own for a message with a list of n elements: list is empty and has
// room for them, in the same allocation where they are few, and is nil for none.
func OwnList[T, E any](c *Cursor, n int) (m *T, list []E) { return ownList[T, E](c, c.frame, n) }

// OwnFrameList is OwnFrame for a message with a list, as OwnList.
func OwnFrameList[T, E any](c *Cursor, frame []byte, n int) (m *T, list []E) {
	return ownList[T, E](c, frame, n)
}

func ownList[T, E any](c *Cursor, frame []byte, n int) (m *T, list []E) {
	switch {
	case c.memory != nil || n <= 0 || n > 32:
		m = own[T](c, frame)
		return m, List[E](c, n)
	case n <= 2:
		o := own[withList[T, [2]E]](c, frame)
		return &o.message, o.list[:0:n]
	case n <= 4:
		o := own[withList[T, [4]E]](c, frame)
		return &o.message, o.list[:0:n]
	case n <= 8:
		o := own[withList[T, [8]E]](c, frame)
		return &o.message, o.list[:0:n]
	case n <= 12:
		o := own[withList[T, [12]E]](c, frame)
		return &o.message, o.list[:0:n]
	}
	o := own[withList[T, [32]E]](c, frame)
	return &o.message, o.list[:0:n]
}

// List returns an empty list with room for n elements of a message, of the
// caller's memory where there is one; nil for none. The message's Own comes first.
func List[E any](c *Cursor, n int) []E {
	switch {
	case n <= 0:
		return nil
	case c.memory == nil:
		return make([]E, 0, n)
	}
	return reuseList[E](c.memory, n)
}

// withList is a message with room for a list of its.
type withList[T, Array any] struct {
	message T
	list    Array
}

// withText is a message with room for the text that its strings are parts of.
type withText[T, Text any] struct {
	message T
	text    Text
}

// keep makes dst, which has room for frame and spare, what owned texts and data
// are parts of, and what c reads where it has begun with nothing.
func (c *Cursor) keep(dst, frame []byte) {
	n := copy(dst, frame)
	c.text, c.room = dst[:n], dst[n:]
	if len(c.frame) == 0 {
		c.Begin(c.text, c.memory)
	}
}

// Spare makes Own keep n bytes more than the frame has, for texts that do not
// stand in it; see Digits.
func (c *Cursor) Spare(n int) { c.spare = n }

// owned returns b, which stands at an offset in the frame, as a string that
// does not alias the frame.
func (c *Cursor) owned(offset int, b []byte) string {
	switch {
	case len(b) == 0:
		return ""
	case len(c.text) > 0:
		return unsafe.String(&c.text[offset], len(b))
	}
	return string(b)
}

// TextAt returns n bytes at an offset of what was read as text, owned.
func (c *Cursor) TextAt(offset, n int) string { return c.owned(offset, c.frame[offset:offset+n]) }

// Data is Bytes with an owned copy; nil where n is 0. No other read may give the
// same bytes as text, which the owner of the data could change then.
func (c *Cursor) Data(n int, name string) []byte {
	start := c.pos
	if len(c.Bytes(n, name)) == 0 {
		return nil
	}
	return c.DataAt(start, n)
}

// DataAt returns n bytes at an offset of what was read as data, owned; nil where n is
// 0, or after an error.
func (c *Cursor) DataAt(offset, n int) []byte {
	switch {
	case n == 0 || c.err != nil:
		return nil
	case len(c.text) > 0:
		return c.text[offset : offset+n : offset+n]
	}
	return append([]byte(nil), c.frame[offset:offset+n]...)
}

// RestData is Rest with an owned copy; nil where nothing is left.
func (c *Cursor) RestData(name string) []byte {
	if n := c.Len(); n > 0 {
		return c.Data(n, name)
	}
	return nil
}

// Digits returns b as lower-case hexadecimal digits, in what Spare has left room for.
func (c *Cursor) Digits(b []byte) string {
	n := 2 * len(b)
	dst := c.room
	if len(dst) < n {
		dst = make([]byte, n)
	} else {
		c.room = dst[n:]
	}
	i := 0
	for ; i+4 <= len(b); i += 4 {
		putDigits(dst[2*i:], binary.LittleEndian.Uint32(b[i:]))
	}
	switch {
	case i == len(b):
	case i > 0: // four bytes again, of which some were done
		putDigits(dst[n-8:], binary.LittleEndian.Uint32(b[len(b)-4:]))
	default:
		hex.Encode(dst, b)
	}
	return unsafe.String(unsafe.SliceData(dst), n)
}

// putDigits writes the digits of four bytes, the first in the lowest of the word.
func putDigits(dst []byte, b uint32) {
	// Four bytes apart, then the halves of each, the first in the lowest byte.
	w := uint64(b)
	w = (w | w<<16) & 0x0000FFFF_0000FFFF
	w = (w | w<<8) & 0x00FF00FF_00FF00FF
	w = (w>>4 | w<<8) & (0x0F * ones)
	letters := w >> 3 & (w>>2 | w>>1) & ones // of 10 and above
	binary.LittleEndian.PutUint64(dst, w+'0'*ones+letters*('a'-'0'-10))
}

// Memory is where messages are made by a caller that is done with each before
// it decodes the next, so that a stream is decoded without allocations. Decoding
// with a Memory overwrites the message that was last decoded with it, with its
// lists and the text of all its strings: nothing of it may be in use any more. The
// zero value is ready; a Memory serves one goroutine. It holds one message of each
// type, the text of the longest frame, and of each kind of list as many elements as
// one message had at most.
type Memory struct {
	text     []byte
	scratch  []byte
	messages []any // *T, one of each T
	lists    []any // *lists[E], one of each E
	count    int   // of messages that were made
}

// lists is where the lists of one kind are made.
type lists[E any] struct {
	all  []E
	used int
	of   int // which message they are of, by Memory.count
}

func reuseList[E any](m *Memory, n int) []E {
	var l *lists[E]
	for _, v := range m.lists {
		if found, ok := v.(*lists[E]); ok {
			l = found
		}
	}
	if l == nil {
		l = new(lists[E])
		m.lists = append(m.lists, l)
	}
	if l.of != m.count {
		l.of, l.used = m.count, 0
	}
	if len(l.all)-l.used < n { // lists that were made keep what they are in
		l.all, l.used = make([]E, l.used+n), 0
	}
	list := l.all[l.used : l.used : l.used+n]
	l.used += n
	return list
}

// Scratch returns an empty slice with room for n bytes, for a frame as it is before
// it is read; of the memory where there is one (m may be nil). The next Scratch
// gives the same.
func (m *Memory) Scratch(n int) []byte {
	if m == nil {
		return make([]byte, 0, n)
	}
	if cap(m.scratch) < n {
		m.scratch = make([]byte, 0, n)
	}
	return m.scratch
}

// Memory returns what Begin has set, for a cursor over a part of the frame.
func (c *Cursor) Memory() *Memory { return c.memory }

func reuse[T any](c *Cursor, frame []byte) *T {
	m := c.memory
	m.count++
	if n := len(frame) + c.spare; len(m.text) < n {
		m.text = make([]byte, n)
	}
	c.keep(m.text, frame)
	for _, v := range m.messages {
		if t, ok := v.(*T); ok {
			*t = *new(T)
			return t
		}
	}
	t := new(T)
	m.messages = append(m.messages, t)
	return t
}
