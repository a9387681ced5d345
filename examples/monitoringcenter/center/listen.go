package center

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// Bounds of one device listener. 20,000 open files are a common limit of a
// process; the page and the stores need some.
const maxConns = 15_000

type boundListener struct {
	DeviceListener
	net.Listener
}

func closeAll(ls []boundListener) {
	for _, l := range ls {
		l.Listener.Close()
	}
}

func (c *Center) listenDevices() ([]boundListener, error) {
	var ls []boundListener
	for _, d := range c.opts.Devices {
		l, err := net.Listen("tcp", d.Addr)
		if err != nil {
			closeAll(ls)
			return nil, fmt.Errorf("center: devices %s: %w", d.Codec, err)
		}
		ls = append(ls, boundListener{d, l})
	}
	return ls, nil
}

func (c *Center) serveDevices(ctx context.Context, l boundListener) error {
	dev, err := c.opts.Registry.Device(l.Codec)
	if err != nil {
		return err
	}
	srv := &tcp.Server{
		MaxConns:  maxConns,
		TLSConfig: l.TLS,
		Grace:     drain,
		Handler: func(ctx context.Context, conn net.Conn) {
			c.talk(ctx, dev, dev.NewSession(), conn, conn.RemoteAddr().String(), protocol.Limits{})
		},
	}
	if err := srv.Serve(ctx, l.Listener); err != nil && !errors.Is(err, tcp.ErrGrace) {
		return err
	}
	return nil
}

// talk drives one conversation until it ends.
func (c *Center) talk(ctx context.Context, dev protocol.Device, s protocol.Session, conn io.ReadWriteCloser, name string, limits protocol.Limits) {
	conv := c.conns.open()
	defer c.conns.close(conv)
	link := &protocol.Link{
		Device: dev, Session: s, Conn: conn, Name: name, Limits: limits,
		Commit: func(ctx context.Context, r *protocol.Report) error {
			if err := c.append(ctx, r); err != nil {
				return err
			}
			if c.conns.conflict(conv, r.Device) {
				c.reportConflict(ctx, r)
			}
			return nil
		},
	}
	if err := link.Run(ctx); err != nil && ctx.Err() == nil {
		// The peer's address is all that is told: no identity above debug.
		c.log.Debug("conversation ended", "codec", dev.Name, "peer", name, "error", err)
	}
}

// reportConflict makes an incident of one identity on two live connections.
func (c *Center) reportConflict(ctx context.Context, r *protocol.Report) {
	err := c.engine.do(ctx, func(s *step) error {
		id := s.roster.Carrier(r.Device, r.Received)
		if id == "" {
			return nil
		}
		return s.raise(id, "device.identity", string(r.Device), r.Received, em.Technical,
			"The same device identity sends over two connections at once: one of them may not be the device.",
			em.Fact{Name: "codec", Text: r.Codec})
	})
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errStopped) {
		c.log.Error("identity conflict not recorded", "error", err)
	}
}

// connections knows which conversation speaks for which device.
type connections struct {
	mu    sync.Mutex
	next  uint64
	live  map[uint64][]em.DeviceID // for which devices each has reported
	owner map[em.DeviceID]uint64   // the conversation that reported last
	lost  map[em.DeviceID]uint64   // the one that it took over from
}

func (c *connections) open() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil {
		c.live, c.owner, c.lost = map[uint64][]em.DeviceID{}, map[em.DeviceID]uint64{}, map[em.DeviceID]uint64{}
	}
	c.next++
	c.live[c.next] = nil
	return c.next
}

func (c *connections) close(conv uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.live[conv] {
		if c.owner[d] == conv {
			delete(c.owner, d)
		}
		if c.lost[d] == conv {
			delete(c.lost, d)
		}
	}
	delete(c.live, conv)
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.live)
}

// conflict notes that conv has reported as device. A device that reconnects
// leaves its old connection silent; it is a conflict only when a conversation
// reports again after another has taken over.
func (c *connections) conflict(conv uint64, d em.DeviceID) bool {
	if d == "" {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if devices := c.live[conv]; !slices.Contains(devices, d) {
		if len(devices) >= maxIdentities {
			return false
		}
		c.live[conv] = append(devices, d)
	}
	owner, owned := c.owner[d]
	if !owned || owner == conv {
		c.owner[d] = conv
		return false
	}
	back := c.lost[d] == conv
	c.owner[d], c.lost[d] = conv, owner
	return back
}

// maxIdentities bounds what is remembered of one conversation: a gateway may
// speak for several devices, an attacker for any number.
const maxIdentities = 64
