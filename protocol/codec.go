package protocol

import (
	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/wire"
)

// Message is one decoded frame. Each codec has its own types; a message owns
// its memory and never aliases the frame.
type Message interface {
	// Type is the name of the kind of message: "login", "gps". It depends on
	// the type byte or word alone and is from a fixed small set.
	Type() string
}

// Raw is a well-formed frame of a type that the codec does not know. It is
// data, not an error: it is kept, and acknowledged where the dialect asks for it.
type Raw struct {
	Code string // the type as the wire has it: "0x7B", "AVXYZ"
	Name string // what the dialect calls the type, where that is known; only for reading
	Data []byte // the payload, owned
}

// Type returns "unsupported ", the code, and the name where there is one.
func (r *Raw) Type() string {
	if r.Name != "" {
		return "unsupported " + r.Code + " " + r.Name
	}
	return "unsupported " + r.Code
}

// Codec is the wire format of one dialect. It has no state: one value serves
// any number of streams at once.
type Codec interface {
	// Split finds the next frame in b, the unread bytes of a stream.
	// It returns
	//   - the frame, which is not empty and aliases b, and the number n of bytes
	//     it took with what separates it from the next;
	//   - no frame and n == 0 if more bytes are needed;
	//   - no frame and n > 0 to skip n bytes: with an error if they are junk,
	//     without if they mean nothing, such as blank lines.
	// n is never above len(b). Split looks no further than it must: a frame that
	// is complete is returned whatever follows it. Errors wrap ErrJunk,
	// ErrFrameTooLong or one of Decode's. See package codectest for the whole
	// contract, as a test.
	Split(b []byte) (frame []byte, n int, err error)

	// Decode reads one frame as Split returned it. An unknown type gives a *Raw
	// and no error. Errors are a *wire.FieldError, a *ChecksumError or wrap
	// ErrMalformed.
	Decode(frame []byte) (Message, error)

	// Append encodes m to dst as it goes over the wire. A message that the
	// codec cannot encode is an error that wraps ErrUnsupported; dst is
	// returned unchanged then.
	Append(dst []byte, m Message) ([]byte, error)
}

// Dissector is a Codec that can say what each byte of a frame means.
type Dissector interface {
	// Dissect decodes like Decode and returns the frame's fields: every byte is
	// in exactly one span, also where decoding fails.
	Dissect(frame []byte) (Message, []wire.Span, error)
}

// Completer is a Codec that knows what people's copies of its frames lack: the end of
// a line, escapes that a program has undone, the request round a form.
type Completer interface {
	// Complete returns what stood on the wire where copied is a copy of it, and what
	// had to be put back: "the $ at the end". It returns nil where it knows of nothing.
	// The bytes are the caller's own; whether they are a frame Split and Decode say.
	Complete(copied []byte) (wire []byte, lacked string)
}

// Described is a Codec that says what its frames are made of as a description,
// from which Dissect and a dissector for Wireshark come.
type Described interface{ Layout() *layout.Layout }

// Reuser is a Codec that can decode into memory that the caller keeps, for
// streams that are read without allocations.
type Reuser interface {
	// DecodeReuse decodes like Decode. It overwrites the message that was last
	// decoded with memory, with all its texts; a nil memory makes it Decode.
	DecodeReuse(frame []byte, memory *wire.Memory) (Message, error)
}

// Verdict is what Decode and Dissect of a dialect with a check code return for a
// frame that c has read: wrong is the error of a check code that does not fit.
// That comes before what the broken bytes look like, unless relaxed is set, which
// takes such frames.
func Verdict(c *wire.Cursor, m Message, wrong error, relaxed bool) (Message, error) {
	switch {
	case wrong != nil && !relaxed:
		return nil, wrong
	case c.Err() != nil:
		return nil, c.Err()
	}
	return m, nil
}
