//go:build unix

package tcp

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// prompt is one write that does not wait.
type prompt struct {
	b   []byte
	n   int
	err error
	try func(fd uintptr) bool // write, made once
}

var prompts = sync.Pool{New: func() any {
	p := new(prompt)
	p.try = p.write
	return p
}}

func (p *prompt) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), p.b)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			p.n, p.err = 0, nil
		case err != nil:
			p.n, p.err = 0, os.NewSyscallError("write", err)
		default:
			p.n, p.err = n, nil
		}
		return true // whatever it was: nobody waits
	}
}

// WriteNow writes as much of b as the system takes at once, and returns how much that
// was: a protocol.Link needs a deadline for the rest alone.
func (c *lending) WriteNow(b []byte) (int, error) {
	p := prompts.Get().(*prompt)
	defer prompts.Put(p)
	p.b = b
	err := c.raw.Write(p.try)
	p.b = nil
	switch {
	case err != nil:
		return 0, err
	case p.err != nil:
		return 0, &net.OpError{Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: p.err}
	}
	return p.n, nil
}
