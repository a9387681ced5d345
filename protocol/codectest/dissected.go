package codectest

import (
	"bytes"
	"encoding/hex"
	"slices"

	"github.com/sargas-em/em/protocol"
)

// Frame is a vector's frame, field by field, as Dissect tells it.
type Frame struct {
	Vector string  `json:"vector"` // its name
	Type   string  `json:"type"`   // the message's
	Fields []Field `json:"fields"`
}

// Field is some bytes of a frame, and what they are.
type Field struct {
	Offset int    `json:"offset"`
	Hex    string `json:"hex"`
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Note   string `json:"note,omitempty"`
}

// dissected tells the first vector of each type of message; nil where the codec
// is no protocol.Dissector.
func dissected(k Kit, good []goodVector) (all []Frame) {
	d, ok := k.Device.Codec.(protocol.Dissector)
	if !ok {
		return nil
	}
	for _, v := range good {
		typ := v.msg.Type()
		if !slices.ContainsFunc(all, func(o Frame) bool { return o.Type == typ }) {
			all = append(all, Frame{v.Name, typ, fieldsOf(d, v.frame)})
		}
	}
	return all
}

// fieldsOf is the frame's fields; none where a codec is so wrong that it panics or
// tells of bytes that are not there, which fails the requirements.
func fieldsOf(d protocol.Dissector, frame []byte) (all []Field) {
	defer func() {
		if recover() != nil {
			all = nil
		}
	}()
	_, spans, _ := d.Dissect(bytes.Clone(frame))
	for _, s := range spans {
		all = append(all, Field{s.Offset, hex.EncodeToString(frame[s.Offset:][:s.Len]), s.Name, s.Value, s.Note})
	}
	return all
}
