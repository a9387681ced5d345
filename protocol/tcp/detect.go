package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Detector finds out what a connection speaks, from its first bytes. It may be
// used by many connections at once.
type Detector struct {
	Devices *protocol.Registry // the dialects that the port takes; see Registry.Only

	// MaxPrefix is how many bytes may come before it must be clear; 4096 where
	// zero, which holds the longest first frame of any of the SDK's dialects.
	MaxPrefix int

	// Timeout is how long it may take; 30 seconds where zero. A device that waits
	// for the center to speak first cannot be detected.
	Timeout time.Duration
}

// Detect reads until one device's Match says Yes. The connection that it returns
// gives the bytes that were read again; use it in place of conn. The error is a
// *protocol.DetectError with the bytes that came, and what kept more from
// coming: os.ErrDeadlineExceeded, io.EOF, the cause of ctx; conn is left open.
func (d *Detector) Detect(ctx context.Context, conn net.Conn) (protocol.Device, net.Conn, error) {
	most, limit := d.MaxPrefix, d.Timeout
	if most == 0 {
		most = 4096
	}
	if limit == 0 {
		limit = 30 * time.Second
	}
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return protocol.Device{}, nil, fmt.Errorf("tcp: detect: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 0, 512)
	for {
		buf = slices.Grow(buf, 1)
		n, err := conn.Read(buf[len(buf):min(cap(buf), most)])
		buf = buf[:len(buf)+n]
		dev, derr := d.Devices.Detect(buf)
		if derr == nil {
			if !stop() && ctx.Err() != nil {
				return protocol.Device{}, nil, context.Cause(ctx)
			}
			if err := conn.SetReadDeadline(time.Time{}); err != nil {
				return protocol.Device{}, nil, fmt.Errorf("tcp: detect: %w", err)
			}
			return dev, &readAgain{conn, buf}, nil
		}
		switch {
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case err == nil && len(buf) >= most:
			err = fmt.Errorf("tcp: not clear after %d bytes", len(buf))
		case err != nil && errors.Is(err, os.ErrDeadlineExceeded):
			err = fmt.Errorf("tcp: not clear after %v: %w", limit, err)
		}
		var de *protocol.DetectError
		if errors.As(derr, &de) && (err != nil || de.Err == protocol.ErrUnknown) {
			de.Prefix, de.Cause = buf, err
			return protocol.Device{}, nil, de
		}
	}
}

type deviceKey struct{}

// Device returns what Server.Detect found for the handler's connection.
func Device(ctx context.Context) (protocol.Device, bool) {
	d, ok := ctx.Value(deviceKey{}).(protocol.Device)
	return d, ok
}

// readAgain is a connection whose first bytes were read already.
type readAgain struct {
	net.Conn
	first []byte
}

func (c *readAgain) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	if c.first = c.first[n:]; len(c.first) == 0 {
		c.first = nil // an idle connection does not keep it
	}
	return n, nil
}
