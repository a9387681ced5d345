package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/sargas-em/em/examples/internal/loopback"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/serialline"
	"github.com/sargas-em/em/protocol/tcp"
)

// conn is a connection with deadlines: TCP, TLS, UDP, and serial ports on Linux.
type conn interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// target is where a device's bytes go, as the flags say.
type target struct {
	tcp, tls, udp, http, listen, serial string
	chunked, pty                        bool
	baud                                int
	ca, cert, key, serverName           string
	remote                              bool
}

func (t *target) flags(fs *flag.FlagSet) {
	fs.StringVar(&t.tcp, "tcp", "", "dial the center at `address` host:port")
	fs.StringVar(&t.tls, "tls", "", "the same over TLS; the certificate is checked")
	fs.StringVar(&t.udp, "udp", "", "send datagrams to `address`, where the dialect has them")
	fs.StringVar(&t.http, "http", "", "send requests to the HTTP server at `address`, where the dialect's frames are such")
	fs.BoolVar(&t.chunked, "chunked", false, "with --http: the bodies go in chunks, without a length")
	fs.StringVar(&t.listen, "listen", "", "the device is dialled: accept at `address`; each further device of a fleet one port higher")
	fs.StringVar(&t.serial, "serial", "", "speak over the serial `port`")
	fs.BoolVar(&t.pty, "pty", false, "speak over a pair of pseudo-terminals, whose port is told on standard error")
	fs.IntVar(&t.baud, "baud", 0, "of --serial; the dialect's usual one where 0")
	t.tlsFlags(fs)
}

func (t *target) tlsFlags(fs *flag.FlagSet) {
	fs.StringVar(&t.ca, "ca", "", "`file` of PEM certificates that the center's is checked with; the system's where empty")
	fs.StringVar(&t.cert, "cert", "", "`file` of the device's own PEM certificate, for mutual TLS")
	fs.StringVar(&t.key, "key", "", "`file` of its PEM key")
	fs.StringVar(&t.serverName, "server-name", "", "`name` in the center's certificate; the address's host where empty")
	fs.BoolVar(&t.remote, "allow-remote", false, "allow addresses that are not this machine's loopback")
}

// having lists the dialects that are spoken some way.
func having(reg *protocol.Registry, ok func(protocol.Device) bool) (names []string) {
	for _, d := range reg.All() {
		if ok(d) {
			names = append(names, d.Name)
		}
	}
	return names
}

func overUDP(d protocol.Device) bool { return d.Datagrams }

// check says what is wrong with the flags, before anything is opened.
func (t *target) check(reg *protocol.Registry, d protocol.Device, devices int) error {
	given := 0
	for _, s := range []string{t.tcp, t.tls, t.udp, t.http, t.listen, t.serial} {
		if s != "" {
			given++
		}
	}
	if t.pty {
		given++
	}
	switch {
	case given != 1:
		return program.Usagef("run: give one of --tcp, --tls, --udp, --http, --listen, --serial and --pty")
	case (t.serial != "" || t.pty) && !d.Serial:
		return program.Usagef("run: codec %s is not spoken over serial lines", d.Name)
	case (t.serial != "" || t.pty) && devices != 1:
		return program.Usagef("run: a serial line has one device")
	case t.udp != "" && !overUDP(d):
		return program.Usagef("run: codec %s has no datagrams; these have: %v", d.Name, having(reg, overUDP))
	case t.http != "" && !overHTTP(d):
		return program.Usagef("run: codec %s is not spoken over HTTP; these are: %v", d.Name, having(reg, overHTTP))
	case t.chunked && t.http == "":
		return program.Usagef("run: --chunked belongs to --http")
	case t.baud != 0 && t.serial == "":
		return program.Usagef("run: --baud belongs to --serial")
	}
	for _, addr := range []string{t.tcp, t.tls, t.udp, t.http, t.listen} {
		if addr == "" {
			continue
		}
		if err := loopback.Allow(addr, t.remote); err != nil {
			return err
		}
	}
	return nil
}

func (t *target) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{ServerName: t.serverName, MinVersion: tls.VersionTLS12}
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", t.ca)
		}
	}
	if t.cert != "" || t.key != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// opener makes one device's connections, one after the other.
type opener func(ctx context.Context) (conn, error)

// open returns what makes the connections of the n-th device, and what ends it.
func (t *target) open(d protocol.Device, n int, seed uint64, errs io.Writer) (opener, func() error, error) {
	nothing := func() error { return nil }
	switch {
	case t.tcp != "" || t.tls != "":
		dialer := tcp.Dialer{Addr: t.tcp, Seed: seed + uint64(n)}
		if t.tls != "" {
			config, err := t.tlsConfig()
			if err != nil {
				return nil, nil, err
			}
			dialer.Addr, dialer.TLSConfig = t.tls, config
		}
		return func(ctx context.Context) (conn, error) { return dialer.Dial(ctx) }, nothing, nil
	case t.udp != "":
		return func(ctx context.Context) (conn, error) { return new(net.Dialer).DialContext(ctx, "udp", t.udp) }, nothing, nil
	case t.http != "":
		return func(ctx context.Context) (conn, error) { return dialHTTP(ctx, t.http, t.chunked) }, nothing, nil
	case t.listen != "":
		return t.accept(n, errs)
	case t.serial != "":
		c := serialline.Config{Port: t.serial, Baud: t.baud}
		if c.Baud == 0 {
			c.Baud = d.BaudRate
		}
		return func(context.Context) (conn, error) {
			port, err := serialline.Open(c)
			if err != nil {
				return nil, err
			}
			line, ok := port.(conn)
			if !ok {
				port.Close()
				return nil, fmt.Errorf("%s: this system's serial ports have no deadlines, which emsim needs", t.serial)
			}
			return line, nil
		}, nothing, nil
	}
	master, port, err := serialline.OpenPTY()
	if err != nil {
		return nil, nil, err
	}
	// Our own hold on the other end keeps the line up while the center opens and
	// closes it, and shows what it has not read.
	slave, err := os.OpenFile(port, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	fmt.Fprintf(errs, "emsim: the device is at the serial port %s\n", port)
	// Over the life of the pair there is one connection: closing it is losing it.
	return func(context.Context) (conn, error) { return keptOpen{master}, nil },
		func() error { return errors.Join(awaitRead(slave), slave.Close(), master.Close()) }, nil
}

// keptOpen is a pseudo-terminal that outlives its Close.
type keptOpen struct{ conn }

func (keptOpen) Close() error { return nil }

// awaitRead waits until the center has read what is on a serial line, for closing
// the line throws it away; five seconds at most.
func awaitRead(slave *os.File) error {
	empty := 0
	for end := time.Now().Add(5 * time.Second); empty < 3 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		n, err := unread(slave)
		if err != nil {
			return err
		}
		if empty++; n > 0 {
			empty = 0 // three times in a row: bytes on their way into the line are in no count
		}
	}
	return nil
}

// accept is for devices that are dialled.
func (t *target) accept(n int, errs io.Writer) (opener, func() error, error) {
	host, port, err := net.SplitHostPort(t.listen)
	if err != nil {
		return nil, nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, nil, err
	}
	if number > 0 {
		number += n
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(number)))
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(errs, "emsim: device %d waits to be dialled at %s\n", n, ln.Addr())
	return func(ctx context.Context) (conn, error) {
		stop := context.AfterFunc(ctx, func() { ln.Close() })
		defer stop()
		return ln.Accept()
	}, ln.Close, nil
}

// dialer returns what makes connections to an address from a given one, or from
// any.
func (f *loadFlags) dialer(addr string) (func(context.Context, net.Addr) (net.Conn, error), error) {
	var config *tls.Config
	if f.secure {
		var err error
		if config, err = f.tlsConfig(); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, from net.Addr) (net.Conn, error) {
		d := tcp.Dialer{Addr: addr, TLSConfig: config, Timeout: time.Minute, Connect: func(ctx context.Context, addr string) (net.Conn, error) {
			nd := net.Dialer{LocalAddr: from}
			if from != nil {
				nd.Control = bindLate
			}
			return nd.DialContext(ctx, "tcp", addr)
		}}
		return d.Dial(ctx)
	}, nil
}
