//go:build unix

package tcp

import (
	"os"
	"syscall"
)

const lends = true

// read reads what is there; false where that is nothing, and the connection is to
// wait.
func (c *lending) read(fd uintptr) bool {
	c.lent = lendBuffers.Get().(*[lendSize]byte)
	for {
		n, err := syscall.Read(int(fd), c.lent[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			c.giveBack()
			return false
		case err != nil:
			c.n, c.err = 0, os.NewSyscallError("read", err)
		default:
			c.n, c.err = n, nil
		}
		return true
	}
}
