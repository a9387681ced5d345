package protocol

import (
	"errors"
	"fmt"
)

// Errors that callers branch on.
var (
	// ErrJunk: bytes between frames that belong to none.
	ErrJunk = errors.New("protocol: junk between frames")
	// ErrFrameTooLong: a frame exceeds the device's MaxFrame.
	ErrFrameTooLong = errors.New("protocol: frame too long")
	// ErrMalformed: a frame that breaks the dialect's rules as a whole.
	ErrMalformed = errors.New("protocol: malformed frame")
	// ErrChecksum: a frame whose check code is wrong.
	ErrChecksum = errors.New("protocol: wrong checksum")
	// ErrNoIdentity: a message came before the device had said who it is.
	ErrNoIdentity = errors.New("protocol: no identity yet")
	// ErrIdentity: a device changed its identity on one connection, or sent one
	// that its format does not allow.
	ErrIdentity = errors.New("protocol: bad identity")
	// ErrUnsupported: the dialect has no way to say this.
	ErrUnsupported = errors.New("protocol: unsupported by the dialect")
)

// ChecksumError says which code was found and which one the bytes need. It is
// an ErrChecksum.
type ChecksumError struct {
	Algorithm       string // "CRC-16/X-25"
	Offset          int    // of the code in the frame
	Found, Expected uint32
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("protocol: wrong checksum: found %#04x, expected %#04x (%s) at byte %d", e.Found, e.Expected, e.Algorithm, e.Offset)
}

// Is makes errors.Is(err, ErrChecksum) true.
func (e *ChecksumError) Is(target error) bool { return target == ErrChecksum }

// FrameError is a part of a stream that gave no message: junk, a frame that
// does not decode, one that the session refused. The stream stays usable.
type FrameError struct {
	Offset int64  // of Raw in the stream
	Raw    []byte // owned; at most MaxFrame bytes of it are kept
	Err    error
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("%v (%d bytes at stream offset %d)", e.Err, len(e.Raw), e.Offset)
}

func (e *FrameError) Unwrap() error { return e.Err }
