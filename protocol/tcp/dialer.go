package tcp

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// Dialer makes a connection again and again: the device's side.
type Dialer struct {
	Addr      string        // host:port
	TLSConfig *tls.Config   // TLS where set, 1.2 or 1.3; ServerName is Addr's host where empty
	Timeout   time.Duration // for connecting and the TLS handshake; 10 seconds where zero

	// The pause after a failure starts at Min and doubles up to Max; a random
	// half of it is cut off, so that devices that lost the center together do
	// not come back together. A second and two minutes where zero. A connection
	// that lasted Max starts anew at Min.
	Min, Max time.Duration
	Seed     uint64 // of the jitter; give each device its own

	// OnRetry, where set, is told why there is a pause, and of its length. err is
	// nil where the connection ended without an error.
	OnRetry func(err error, pause time.Duration)

	// Connect replaces the plain TCP connection, for proxies and tests.
	Connect func(ctx context.Context, addr string) (net.Conn, error)
}

func (d *Dialer) orDefault(v, def time.Duration) time.Duration {
	if v == 0 {
		return def
	}
	return v
}

// Dial makes one connection, without retrying.
func (d *Dialer) Dial(ctx context.Context) (net.Conn, error) {
	if err := checkVersions(d.TLSConfig); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.orDefault(d.Timeout, 10*time.Second))
	defer cancel()
	connect := d.Connect
	if connect == nil {
		connect = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	conn, err := connect(ctx, d.Addr)
	if err != nil {
		return nil, fmt.Errorf("tcp: dial: %w", err)
	}
	if d.TLSConfig == nil {
		return conn, nil
	}
	config := modern(d.TLSConfig)
	if config.ServerName == "" && !config.InsecureSkipVerify {
		host, _, err := net.SplitHostPort(d.Addr)
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("tcp: dial: %w", err)
		}
		config = config.Clone()
		config.ServerName = host
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	return secure, nil
}

// Run connects, runs f, closes the connection when f returns, and begins anew
// after a pause, until ctx ends. It returns the context's cause.
func (d *Dialer) Run(ctx context.Context, f func(ctx context.Context, conn net.Conn) error) error {
	shortest, longest := d.orDefault(d.Min, time.Second), d.orDefault(d.Max, 2*time.Minute)
	rnd := rand.New(rand.NewPCG(d.Seed, 0))
	next := shortest
	for {
		conn, err := d.Dial(ctx)
		if err == nil {
			start := time.Now()
			err = f(ctx, conn)
			conn.Close()
			if time.Since(start) >= longest {
				next = shortest
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pause := next/2 + time.Duration(rnd.Int64N(int64(next/2)+1))
		next = min(2*next, longest)
		if d.OnRetry != nil {
			d.OnRetry(err, pause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
