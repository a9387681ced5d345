package wire

import "unsafe"

// Own returns a new T for the message of c's frame, and keeps the frame's text
// with it: from then on the strings that c returns are parts of that one copy
// and cost nothing. A message, its texts included, is one allocation; with a
// Memory in use it is none.
//
//	r := wire.Own[Report](c)
//	r.Unit = c.FieldText(',', "unit")
func Own[T any](c *Cursor) *T {
	if c.memory != nil {
		return reuse[T](c)
	}
	switch n := len(c.frame); {
	case n <= 64:
		o := new(withText[T, [64]byte])
		c.text = text(o.text[:], c.frame)
		return &o.message
	case n <= 128:
		o := new(withText[T, [128]byte])
		c.text = text(o.text[:], c.frame)
		return &o.message
	case n <= 256:
		o := new(withText[T, [256]byte])
		c.text = text(o.text[:], c.frame)
		return &o.message
	}
	c.text = string(c.frame)
	return new(T)
}

// withText is a message with room for the text that its strings are parts of.
type withText[T, Text any] struct {
	message T
	text    Text
}

// text copies frame to dst, which nobody writes to afterwards, and returns it as a string.
func text(dst, frame []byte) string {
	return unsafe.String(unsafe.SliceData(dst), copy(dst, frame))
}

// owned returns b, which stands at an offset in the frame, as a string that
// does not alias the frame.
func (c *Cursor) owned(offset int, b []byte) string {
	if len(b) > 0 && len(c.text) > 0 {
		return c.text[offset : offset+len(b)]
	}
	return string(b)
}

// Memory is where messages are made by a caller that is done with each before
// it decodes the next, so that a stream is decoded without allocations. Decoding
// with a Memory overwrites the message that was last decoded with it, and the
// text of all its strings: nothing of it may be in use any more. The zero value is
// ready; a Memory serves one goroutine. It holds one message of each type and the
// text of the longest frame.
type Memory struct {
	text     []byte
	messages []any // *T, one of each T
}

// Use makes Own take its memory from m.
func (c *Cursor) Use(m *Memory) { c.memory = m }

// Memory returns what Use has set, for a cursor over a part of the frame.
func (c *Cursor) Memory() *Memory { return c.memory }

func reuse[T any](c *Cursor) *T {
	m := c.memory
	m.text = append(m.text[:0], c.frame...)
	c.text = unsafe.String(unsafe.SliceData(m.text), len(m.text))
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
