package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
)

// Bounds of an HTTP server that anyone can send to, beside the handler's own.
const (
	headWithin  = 10 * time.Second
	requestIdle = 2 * time.Minute
	longestHead = 8 << 10
	lastReplies = 2 * time.Second // at the end
)

// served is one connection of an HTTP server. Its requests come one by one.
type served struct {
	*shown
	stream    *capture.Stream // nil where nothing is recorded
	committed bool            // the request under way
}

// servedKey is a request's context's key of its connection.
type servedKey struct{}

// serveHTTP takes requests of rftrack's units. What is shown and recorded of one is
// the shortest that says the same, whatever head it had and whether its body came in
// chunks, so that the record decodes.
func (c *center) serveHTTP(ctx context.Context) error {
	config, err := c.tlsConfig()
	if err != nil {
		return err
	}
	units, err := rftrack.NewHandler(rftrack.HandlerConfig{Now: time.Now, Commit: func(ctx context.Context, r *protocol.Report) error {
		return ctx.Value(servedKey{}).(*served).commit(r)
	}})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.http)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var open sync.Map // of *served, by connection
	one := new(http.Protocols)
	one.SetHTTP1(true) // HTTP/2's requests come all at once
	server := &http.Server{
		Protocols:         one,
		ReadHeaderTimeout: headWithin, IdleTimeout: requestIdle, MaxHeaderBytes: longestHead, TLSConfig: config,
		ErrorLog: log.New(io.Discard, "", 0), // what it could say is counted as rejected
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			s, err := c.serve(conn)
			if err != nil {
				stop(err)
				conn.Close()
			}
			open.Store(conn, s)
			return context.WithValue(ctx, servedKey{}, s)
		},
		ConnState: func(conn net.Conn, state http.ConnState) {
			if state != http.StateClosed {
				return
			}
			if s, ok := open.LoadAndDelete(conn); ok {
				if err := s.(*served).tap(protocol.Traffic{At: time.Now(), Kind: protocol.Ended}); err != nil {
					stop(err)
				}
			}
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := r.Context().Value(servedKey{}).(*served).request(units, w, r); err != nil {
				stop(err)
			}
		}),
	}
	ended := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		defer close(ended)
		late, cancel := context.WithTimeout(context.Background(), lastReplies)
		defer cancel()
		if server.Shutdown(late) != nil {
			server.Close()
		}
	})
	c.say("listening for %s at %v, HTTP", c.codec, ln.Addr())
	if config != nil {
		err = server.ServeTLS(ln, "", "")
	} else {
		err = server.Serve(ln)
	}
	if end() { // it ended by itself
		return err
	}
	<-ended // the last replies are out
	return context.Cause(ctx)
}

// serve begins the record of a connection.
func (c *center) serve(conn net.Conn) (*served, error) {
	info := capture.InfoOf(conn, "", c.dev.Name)
	s := &served{shown: c.show(c.dev, "", info)}
	if c.capture == nil {
		return s, nil
	}
	var err error
	if s.stream, err = c.capture.Open(time.Now(), info); err != nil {
		err = fmt.Errorf("%w: %w", errRecord, err)
	}
	return s, err
}

// request serves one request, and shows what it was answered with.
func (s *served) request(units http.Handler, w http.ResponseWriter, r *http.Request) error {
	s.committed = false
	reply := &keptReply{ResponseWriter: w, status: http.StatusOK}
	units.ServeHTTP(reply, r)
	if !s.committed {
		s.c.reject(r.RemoteAddr, fmt.Errorf("a request that is none of %s: %d", s.dev.Name, reply.status))
		return nil
	}
	b, err := s.dev.Codec.Append(nil, &rftrack.Reply{Status: reply.status, Body: reply.body.String()})
	if err != nil {
		return err
	}
	return s.tap(protocol.Traffic{At: time.Now(), Kind: protocol.Sent, Data: b})
}

// commit records a request and shows what it says, before it is answered.
func (s *served) commit(r *protocol.Report) error {
	s.committed = true
	if err := s.tap(protocol.Traffic{At: r.Received, Kind: protocol.Received, Data: r.Frames[0].Raw}); err != nil {
		return err
	}
	if err := s.c.sync(); err != nil {
		return err
	}
	return s.report(r)
}

func (s *served) tap(t protocol.Traffic) error {
	if s.stream != nil {
		if err := s.stream.Tap(t); err != nil {
			return fmt.Errorf("%w: %w", errRecord, err)
		}
	}
	return s.traffic(t)
}

// keptReply keeps what a handler answers.
type keptReply struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (k *keptReply) Unwrap() http.ResponseWriter { return k.ResponseWriter }

func (k *keptReply) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *keptReply) Write(b []byte) (int, error) {
	k.body.Write(b)
	return k.ResponseWriter.Write(b)
}
