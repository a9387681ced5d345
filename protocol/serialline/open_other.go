//go:build !linux

package serialline

import (
	"io"

	"go.bug.st/serial"
)

// line is the library's port. Its Read returns no bytes and no error at a
// timeout, so none is set.
type line struct{ serial.Port }

func open(name string, m *serial.Mode) (io.ReadWriteCloser, error) {
	port, err := serial.Open(name, m)
	if err != nil {
		return nil, err
	}
	return line{port}, nil
}

// Write writes all of b, however often the system takes a part.
func (l line) Write(b []byte) (int, error) {
	for done := 0; ; {
		n, err := l.Port.Write(b[done:])
		if done += n; err != nil || done == len(b) {
			return done, err
		}
		if n == 0 {
			return done, io.ErrShortWrite
		}
	}
}
