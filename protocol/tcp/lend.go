package tcp

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// lending is a connection without a buffer while it waits for its peer: a
// protocol.Link that was started reads with Lend.
type lending struct {
	*net.TCPConn
	raw  syscall.RawConn
	take func(fd uintptr) bool
	lent *[lendSize]byte // nil while it waits
	n    int
	err  error
}

// lendSize is as much as is read at once; a buffer is lent for as long as a report
// is on its way into the log.
const lendSize = 4096

var lendBuffers = sync.Pool{New: func() any { return new([lendSize]byte) }}

// lend returns conn so that it lends its buffers, where it can.
func lend(conn net.Conn) net.Conn {
	t, ok := conn.(*net.TCPConn)
	if !ok || !lends {
		return conn
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return conn // it is closed, as the first read will say
	}
	c := &lending{TCPConn: t, raw: raw}
	c.take = c.read // once, not for each wait
	return c
}

// Lend waits for what the peer sends, as Read does, and returns it in a buffer that
// the caller may use until the next call.
func (c *lending) Lend() ([]byte, error) {
	c.giveBack()
	if err := c.raw.Read(c.take); err != nil {
		c.giveBack()
		return nil, err
	}
	if c.err != nil {
		return nil, &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: c.err}
	}
	if c.n == 0 {
		return nil, io.EOF
	}
	return c.lent[:c.n], nil
}

func (c *lending) giveBack() {
	if c.lent != nil {
		lendBuffers.Put(c.lent)
		c.lent = nil
	}
}
