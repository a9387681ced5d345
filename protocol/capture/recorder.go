package capture

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Recorder is a connection whose bytes are recorded on their way, for programs
// without a Link; a Link's Tap records the very instants of its reports, which
// this cannot. It is a net.Conn; deadlines work where the connection inside has
// them, and are os.ErrNoDeadline elsewhere. Reading and writing may go on at the
// same time, each by one goroutine.
type Recorder struct {
	conn   io.ReadWriteCloser
	stream *Stream
	now    func() time.Time
	once   sync.Once
}

var _ net.Conn = (*Recorder)(nil)

// Wrap records a connection of the center's side. now stamps the packets:
// time.Now in programs. Bytes that cannot be recorded are not handed on: Read
// and Write then return the Writer's error.
func (s *Stream) Wrap(conn io.ReadWriteCloser, now func() time.Time) *Recorder {
	return &Recorder{conn: conn, stream: s, now: now}
}

// Read reads and records.
func (r *Recorder) Read(p []byte) (int, error) {
	n, err := r.conn.Read(p)
	if n > 0 {
		if e := r.stream.Tap(protocol.Traffic{At: r.now(), Kind: protocol.Received, Data: p[:n]}); e != nil {
			return 0, e
		}
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		if e := r.end(protocol.Ended); e != nil {
			err = errors.Join(err, e) // the error itself where nothing else failed: callers compare it with io.EOF
		}
	}
	return n, err
}

// Write writes and records what was written.
func (r *Recorder) Write(p []byte) (int, error) {
	n, err := r.conn.Write(p)
	if n > 0 {
		if e := r.stream.Tap(protocol.Traffic{At: r.now(), Kind: protocol.Sent, Data: p[:n]}); e != nil {
			err = errors.Join(err, e)
		}
	}
	return n, err
}

// Close closes the connection and ends the stream.
func (r *Recorder) Close() error {
	e := r.end(protocol.Stopped)
	if err := r.conn.Close(); err != nil {
		return err
	}
	return e
}

func (r *Recorder) end(k protocol.TrafficKind) (err error) {
	r.once.Do(func() { err = r.stream.Tap(protocol.Traffic{At: r.now(), Kind: k}) })
	return err
}

// LocalAddr is the center's address, as the stream was opened with it.
func (r *Recorder) LocalAddr() net.Addr { return r.addr(r.stream.info.Center) }

// RemoteAddr is the device's address, as the stream was opened with it.
func (r *Recorder) RemoteAddr() net.Addr { return r.addr(r.stream.info.Device) }

func (r *Recorder) addr(a netip.AddrPort) net.Addr {
	switch r.stream.info.Transport {
	case TCP:
		return net.TCPAddrFromAddrPort(a)
	case UDP:
		return net.UDPAddrFromAddrPort(a)
	}
	return lineAddr(r.stream.info.Name)
}

// lineAddr is the name of a serial line as an address.
type lineAddr string

func (lineAddr) Network() string  { return "serial" }
func (a lineAddr) String() string { return string(a) }

// SetDeadline sets both deadlines.
func (r *Recorder) SetDeadline(t time.Time) error {
	if err := r.SetReadDeadline(t); err != nil {
		return err
	}
	return r.SetWriteDeadline(t)
}

// SetReadDeadline hands the deadline on.
func (r *Recorder) SetReadDeadline(t time.Time) error {
	if c, ok := r.conn.(interface{ SetReadDeadline(time.Time) error }); ok {
		return c.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}

// SetWriteDeadline hands the deadline on.
func (r *Recorder) SetWriteDeadline(t time.Time) error {
	if c, ok := r.conn.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return c.SetWriteDeadline(t)
	}
	return os.ErrNoDeadline
}
