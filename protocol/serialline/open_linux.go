package serialline

import (
	"errors"
	"io"
	"os"
	"syscall"

	"go.bug.st/serial"
)

// line reads and writes through a file of its own; the library's port, opened on
// the same device, keeps the line's settings and the exclusive access. The
// library's own Read uses select(2): it panics where the descriptor is above
// 1023, as it is in a process with many connections, and Close cannot end a
// Write.
type line struct {
	*os.File
	port serial.Port
}

func open(name string, m *serial.Mode) (io.ReadWriteCloser, error) {
	// The file comes first: exclusive access keeps out who opens later. It does
	// not block, so that the runtime's poller serves it.
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	port, err := serial.Open(name, m)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &line{f, port}, nil
}

// Close ends a Read and a Write and frees the port.
func (l *line) Close() error {
	return errors.Join(l.File.Close(), l.port.Close())
}
