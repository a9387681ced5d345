package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/protocol"
)

// Bounds of requests to a center over HTTP.
const (
	longestReply = 64 << 10
	replyWithin  = 30 * time.Second
	mostReplies  = 64 // that the device has not read yet
)

// overHTTP reports whether a dialect's frames are whole requests of HTTP.
func overHTTP(d protocol.Device) bool { return d.Name == rftrack.Name }

// requests is a connection to a center behind an HTTP server. What the device
// writes are whole requests, each of which goes by an HTTP client, with the head and
// the encoding of the body that one has; the replies come back as the dialect's.
type requests struct {
	net.Conn // to serve
	center   net.Addr
	stop     context.CancelFunc // of a request under way
	serving  *sync.WaitGroup
}

func (r requests) RemoteAddr() net.Addr { return r.center }

// Close gives up a request under way, and waits until nothing of the connection is left.
func (r requests) Close() error {
	r.stop()
	err := r.Conn.Close()
	r.serving.Wait()
	return err
}

// dialHTTP checks that the center is there and begins a connection. chunked sends
// the bodies without a length, in chunks.
func dialHTTP(ctx context.Context, addr string, chunked bool) (conn, error) {
	var dialer net.Dialer
	first, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	dials := make(chan net.Conn, 1)
	dials <- first
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		select {
		case c := <-dials:
			return c, nil
		default:
			return dialer.DialContext(ctx, network, addr)
		}
	}}
	client := &http.Client{Transport: transport, Timeout: replyWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ours, served := net.Pipe()
	replies := make(chan []byte, mostReplies)
	under, stop := context.WithCancel(context.Background())
	serving := new(sync.WaitGroup)
	serving.Go(func() {
		defer served.Close()
		for b := range replies {
			if _, err := served.Write(b); err != nil {
				break
			}
		}
		for range replies { // the device has gone
		}
	})
	serving.Go(func() {
		defer func() {
			close(replies)
			transport.CloseIdleConnections()
			select {
			case c := <-dials:
				c.Close()
			default:
			}
		}()
		for in := bufio.NewReader(served); ; {
			b, err := exchange(under, client, in, addr, chunked)
			if err != nil {
				return // the device hung up or spoke no HTTP, or the center did
			}
			replies <- b
		}
	})
	return requests{ours, first.RemoteAddr(), stop, serving}, nil
}

// exchange reads one request, and returns the center's reply to it.
func exchange(ctx context.Context, client *http.Client, in *bufio.Reader, addr string, chunked bool) ([]byte, error) {
	said, err := http.ReadRequest(in)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(said.Body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, said.Method, "http://"+addr+said.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if req.Header = said.Header; chunked {
		req.ContentLength, req.Body = -1, io.NopCloser(bytes.NewReader(body))
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, longestReply))
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", resp.Status, len(text), text), nil
}
