package center

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Bounds of a listener for datagrams.
const (
	maxDatagram = 64 << 10 // the longest there is
	// waitingDatagrams bounds those of one sender that wait while one is made
	// durable. More are dropped and counted: nobody was told that they came, and
	// the device repeats them.
	waitingDatagrams = 16
)

// serveDatagrams serves UDP: each sender's address is a conversation, over which
// each datagram is one frame.
func (c *Center) serveDatagrams(ctx context.Context, l boundListener) error {
	dev, err := c.opts.Registry.Device(l.Codec)
	if err != nil {
		return err
	}
	d := &datagrams{packets: l.packets, peers: map[netip.AddrPort]*datagramConn{}, perAddr: map[netip.Addr]int{}}
	var talks sync.WaitGroup
	defer func() {
		// The socket stays open for the last acknowledgements.
		late := time.AfterFunc(drain, func() { l.packets.Close() })
		talks.Wait()
		late.Stop()
		l.packets.Close()
	}()
	stop := context.AfterFunc(ctx, func() { l.packets.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := l.packets.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			// An ICMP answer to what we sent is reported by the next read.
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("datagrams: %w", err)
			}
			continue
		}
		conn, fresh, reason := d.from(l.DeviceListener, from)
		if reason == nil {
			reason = conn.deliver(buf[:n])
		}
		if reason != nil {
			c.metrics.reject(l.DeviceListener, reason)
		}
		if !fresh {
			continue
		}
		talks.Go(func() {
			defer d.gone(conn)
			c.talk(ctx, c.gate(ctx, l.DeviceListener, from), dev, conn, protocol.Limits{First: firstDatagram})
		})
	}
}

// Reasons for which a datagram is dropped.
var (
	errPeers = errors.New("center: datagrams from too many addresses")
	errQueue = errors.New("center: too many datagrams of one sender wait")
)

// datagrams are the conversations over one socket.
type datagrams struct {
	packets net.PacketConn
	mu      sync.Mutex
	peers   map[netip.AddrPort]*datagramConn
	perAddr map[netip.Addr]int
}

// from returns the conversation with a sender; fresh for a new one.
func (d *datagrams) from(l DeviceListener, from net.Addr) (conn *datagramConn, fresh bool, err error) {
	u, ok := from.(*net.UDPAddr)
	if !ok {
		return nil, false, errPeers
	}
	key := u.AddrPort()
	d.mu.Lock()
	defer d.mu.Unlock()
	if conn := d.peers[key]; conn != nil {
		return conn, false, nil
	}
	host := network(u)
	if len(d.peers) >= l.MaxConns || l.MaxPerAddr > 0 && d.perAddr[host] >= l.MaxPerAddr {
		return nil, false, errPeers
	}
	conn = &datagramConn{packets: d.packets, to: from, key: key, host: host, in: make(chan []byte, waitingDatagrams), closed: make(chan struct{})}
	d.peers[key] = conn
	d.perAddr[host]++
	return conn, true, nil
}

func (d *datagrams) gone(conn *datagramConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.peers, conn.key)
	if d.perAddr[conn.host]--; d.perAddr[conn.host] == 0 {
		delete(d.perAddr, conn.host)
	}
}

// datagramConn is one sender's part of a socket, as a Link reads and writes it.
type datagramConn struct {
	packets net.PacketConn
	to      net.Addr
	key     netip.AddrPort
	host    netip.Addr
	in      chan []byte
	rest    []byte // of a datagram that was read in part
	once    sync.Once
	closed  chan struct{}
}

func (c *datagramConn) deliver(b []byte) error {
	select {
	case c.in <- append([]byte(nil), b...):
		return nil
	default:
		return errQueue
	}
}

func (c *datagramConn) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		select {
		case c.rest = <-c.in:
		case <-c.closed:
			return 0, io.EOF
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *datagramConn) Write(p []byte) (int, error) { return c.packets.WriteTo(p, c.to) }

// SetWriteDeadline does nothing: a datagram is sent or lost, and keeps nobody.
func (c *datagramConn) SetWriteDeadline(time.Time) error { return nil }

func (c *datagramConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}
