package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/examples/internal/loopback"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
	"github.com/sargas-em/em/protocol/serialline"
	"github.com/sargas-em/em/protocol/tcp"
)

// center is the other end of a device's conversation: what listen and send run.
type center struct {
	*tool
	command                   string // for messages
	tcp, udp, http            string
	dial, serial              string
	secure, remote, relaxed   bool
	cert, key, record         string
	codec, identity, format   string
	baud                      int
	started                   func(*protocol.Link)                   // before a link runs; may be nil
	reported                  func(*protocol.Link, *protocol.Report) // after a report was printed; may be nil
	dev                       protocol.Device                        // no Name for auto
	file                      *os.File
	capture                   *capture.Writer
	mu                        sync.Mutex // of all below, and of the output
	conns, bad, frames, bytes int
	observations, rejected    int
	complained                time.Time // of a datagram
	types                     map[string]int
	failed                    error
}

// connFlags are the flags that listen and send share.
func (c *center) connFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.tcp, "tcp", "", "listen at `address` host:port")
	fs.BoolVar(&c.secure, "tls", false, "the connections are TLS; needs --cert and --key")
	fs.StringVar(&c.cert, "cert", "", "`file` of our PEM certificate")
	fs.StringVar(&c.key, "key", "", "`file` of its PEM key")
	fs.StringVar(&c.udp, "udp", "", "take datagrams at `address`")
	fs.StringVar(&c.serial, "serial", "", "speak over the serial `port`")
	fs.IntVar(&c.baud, "baud", 0, "of --serial; the dialect's usual one where 0")
	fs.StringVar(&c.record, "record", "", "keep all that passes in a capture `file` (pcapng), before it is answered")
	fs.StringVar(&c.identity, "identity", "", "`identity` of a device whose wire carries none")
	fs.StringVar(&c.format, "o", "text", "`form` of the output: text, dump (annotated bytes) or jsonl")
	fs.BoolVar(&c.relaxed, "relaxed", false, "accept wrong checksums")
	fs.BoolVar(&c.remote, "allow-remote", false, "allow addresses that are not this machine's loopback")
}

// check says what is wrong with the flags, before anything is opened.
func (c *center) check() (err error) {
	given := 0
	for _, s := range []string{c.tcp, c.udp, c.http, c.dial, c.serial} {
		if s != "" {
			given++
		}
	}
	switch {
	case c.codec == "":
		return program.Usagef("%s: --codec is missing", c.command)
	case given != 1:
		return program.Usagef("%s: say where the device is: one address or serial port", c.command)
	case !slices.Contains([]string{"dump", "text", "jsonl"}, c.format):
		return program.Usagef("%s: -o %q: dump, text or jsonl", c.command, c.format)
	case c.secure && (c.tcp == "" && c.http == "" || c.cert == "" || c.key == ""):
		return program.Usagef("%s: --tls goes with a listening --tcp or --http, and --cert and --key", c.command)
	case c.http != "" && c.codec != rftrack.Name:
		return program.Usagef("%s: --http is for codec %s, whose frames are requests", c.command, rftrack.Name)
	case c.baud != 0 && c.serial == "":
		return program.Usagef("%s: --baud belongs to --serial", c.command)
	case c.codec == "auto" && (c.serial != "" || c.dial != ""):
		return program.Usagef("%s: --codec auto is for devices that speak first over a network: name the codec", c.command)
	}
	for _, addr := range []string{c.tcp, c.udp, c.http, c.dial} {
		if addr == "" {
			continue
		}
		if err := loopback.Allow(addr, c.remote); err != nil {
			return err
		}
	}
	if c.codec != "auto" {
		if c.dev, err = c.device(c.codec); err != nil {
			return err
		}
		if c.relaxed {
			c.dev = c.dev.Relax()
		}
	}
	if c.serial != "" && !c.dev.Serial {
		return program.Usagef("%s: codec %s is not spoken over serial lines", c.command, c.dev.Name)
	}
	return nil
}

// run serves until ctx ends, which is no error, or something fails.
func (c *center) run(ctx context.Context) (err error) {
	c.types = map[string]int{}
	if c.record != "" {
		if c.file, err = os.Create(c.record); err != nil {
			return err
		}
		if c.capture, err = capture.NewWriter(c.file); err != nil {
			return errors.Join(err, c.file.Close())
		}
		defer func() { err = errors.Join(err, c.file.Close()) }()
	}
	switch {
	case c.tcp != "":
		err = c.serveTCP(ctx)
	case c.udp != "":
		err = c.serveUDP(ctx)
	case c.http != "":
		err = c.serveHTTP(ctx)
	case c.dial != "":
		var conn net.Conn
		if conn, err = (&tcp.Dialer{Addr: c.dial}).Dial(ctx); err == nil {
			err = c.converse(ctx, c.dev, "", conn)
		}
	default:
		err = c.serveSerial(ctx)
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		err = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(err, c.failed)
}

// say tells something on standard error.
func (c *center) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.errs, "emcodec: "+format+"\n", args...)
}

// reject counts what was not served, and says why.
func (c *center) reject(addr any, reason error) {
	c.mu.Lock()
	c.rejected++
	c.mu.Unlock()
	c.say("rejected %v: %v", addr, reason)
}

// tlsConfig is what --tls asks for; nil where it is not given.
func (c *center) tlsConfig() (*tls.Config, error) {
	if !c.secure {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// show begins to show a conversation.
func (c *center) show(dev protocol.Device, why string, info capture.Info) *shown {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns++
	return &shown{c: c, number: c.conns, name: endpoints(&capture.Conn{Info: info}), dev: dev, why: why, replies: newStream(dev, 0)}
}

// sync puts the record on the disk, before an answer.
func (c *center) sync() error {
	if c.file == nil {
		return nil
	}
	if err := c.file.Sync(); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return nil
}

func (c *center) serveTCP(ctx context.Context) (err error) {
	s := &tcp.Server{OnReject: func(addr net.Addr, reason error) { c.reject(addr, reason) }, Grace: 2 * time.Second}
	if s.TLSConfig, err = c.tlsConfig(); err != nil {
		return err
	}
	if c.dev.Name == "" {
		s.Detect = &tcp.Detector{Devices: c.reg}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s.Handler = func(hctx context.Context, conn net.Conn) {
		dev, why := c.dev, ""
		if found, ok := tcp.Device(hctx); ok {
			dev, why = found, "by its first bytes"
			if c.relaxed {
				dev = dev.Relax()
			}
		}
		if err := c.converse(hctx, dev, why, conn); c.isFatal(err) {
			stop(err)
		}
	}
	ln, err := net.Listen("tcp", c.tcp)
	if err != nil {
		return err
	}
	c.say("listening for %s at %v", c.codec, ln.Addr())
	if err := s.Serve(ctx, ln); err != nil && !errors.Is(err, tcp.ErrGrace) {
		return err
	}
	return context.Cause(ctx)
}

// errRecord: the record cannot be written. Nothing can be acknowledged then.
var errRecord = errors.New("the record cannot be written")

func (c *center) isFatal(err error) bool { return errors.Is(err, errRecord) }

func (c *center) serveSerial(ctx context.Context) error {
	baud := c.baud
	if baud == 0 {
		baud = c.dev.BaudRate
	}
	port, err := serialline.Open(serialline.Config{Port: c.serial, Baud: baud})
	if err != nil {
		return err
	}
	c.say("listening for %s at %s, %d baud", c.codec, c.serial, baud)
	return c.converse(ctx, c.dev, "", port)
}

// converse runs one conversation to its end.
func (c *center) converse(ctx context.Context, dev protocol.Device, why string, conn io.ReadWriteCloser) error {
	info := capture.InfoOf(conn, "", dev.Name)
	if info.Transport == capture.Serial {
		info.Name = c.serial
	}
	info.Dialed = c.dial != ""
	shown := c.show(dev, why, info)
	link := &protocol.Link{
		Device: dev, Session: dev.Sessions(protocol.SessionConfig{Identity: c.identity}), Conn: conn,
		Name: fmt.Sprintf("%s %d", c.command, shown.number),
	}
	if info.Transport == capture.Serial {
		link.Limits.First, link.Limits.Idle = -1, -1 // an instrument is silent until somebody uses it
	} else if c.udp != "" {
		link.Limits.Idle = peerIdle
	}
	var stream *capture.Stream
	if c.capture != nil {
		var err error
		if stream, err = c.capture.Open(time.Now(), info); err != nil {
			conn.Close()
			return fmt.Errorf("%w: %w", errRecord, err)
		}
	}
	link.Tap = func(t protocol.Traffic) error {
		if stream != nil {
			if err := stream.Tap(t); err != nil {
				return fmt.Errorf("%w: %w", errRecord, err)
			}
		}
		return shown.traffic(t)
	}
	// What is answered is on the disk before.
	link.Commit = func(_ context.Context, r *protocol.Report) error {
		if err := c.sync(); err != nil {
			return err
		}
		if err := shown.report(r); err != nil {
			return err
		}
		if c.reported != nil {
			c.reported(link, r)
		}
		return nil
	}
	if c.started != nil {
		c.started(link)
	}
	err := link.Run(ctx)
	if err != nil && ctx.Err() == nil {
		c.say("connection %d: %v", shown.number, err)
	}
	return err
}

// shown is one conversation as it is printed.
type shown struct {
	c       *center
	number  int
	name    string
	why     string
	dev     protocol.Device
	replies *stream
}

func (s *shown) result(at time.Time, from string) result {
	r := result{
		OK: true, Codec: s.dev.Name, Why: s.why, Conn: s.number, Name: s.name, From: from, Received: &at, dev: s.dev,
		Messages: []message{}, Observations: []em.Observation{},
	}
	s.why = ""
	return r
}

// report prints what the device said.
func (s *shown) report(rep *protocol.Report) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for _, f := range rep.Frames {
		r := s.result(rep.Received, "device")
		r.Device, r.Observations = rep.Device, append(r.Observations, f.Observations...)
		s.c.observations += len(f.Observations)
		if f.Raw != nil {
			s.c.frames++
			piece := frame{offset: f.Offset, raw: f.Raw, err: f.Err, junk: f.Type == "" && f.Err != nil}
			if f.Type != "" {
				s.c.types[f.Type]++
				msg, err := s.dev.Codec.Decode(f.Raw)
				if piece.msg, piece.err = msg, err; err == nil {
					r.Messages = append(r.Messages, message{f.Type, msg})
				}
				if f.Err != nil { // the session's, or of an answer
					r.Note = f.Err.Error()
				}
			} else if frame, _, err := s.dev.Codec.Split(f.Raw); err == nil && len(frame) == len(f.Raw) {
				piece.junk = false // a frame that does not decode
			}
			r.frames = []frame{piece}
			if piece.err != nil {
				s.c.bad++
				r.fail(piece.err)
			}
		} else if f.Err != nil {
			r.fail(f.Err)
		}
		if err := s.c.print(&r, s.c.format); err != nil {
			return err
		}
	}
	return nil
}

// traffic counts, and prints what we said.
func (s *shown) traffic(t protocol.Traffic) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	switch t.Kind {
	case protocol.Received:
		s.c.bytes += len(t.Data)
	case protocol.Sent:
		s.replies.feed(t.Data)
		for {
			f, ok := s.replies.next()
			if !ok {
				return nil
			}
			r := s.result(t.At, "center")
			r.take(f, nil, t.At)
			if err := s.c.print(&r, s.c.format); err != nil {
				return err
			}
		}
	}
	return nil
}

// totals prints what was counted.
func (c *center) totals() {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.errs, "emcodec: %d connections, %d rejected, %d bytes, %d frames, %d of them in error, %d observations\n",
		c.conns, c.rejected, c.bytes, c.frames, c.bad, c.observations)
	for _, name := range slices.Sorted(maps.Keys(c.types)) {
		fmt.Fprintf(c.errs, "emcodec: %6d %s\n", c.types[name], name)
	}
}
