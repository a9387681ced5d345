package tcp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
	"github.com/sargas-em/em/protocol/tcp"
)

// shared is a port of two dialects: the sample, and one that says Yes to "#s".
func shared(t *testing.T) *protocol.Registry {
	t.Helper()
	other := sample.Device()
	other.Name = "other"
	other.Match = func(p []byte) protocol.Match {
		switch {
		case bytes.HasPrefix(p, []byte("#s")), bytes.HasPrefix(p, []byte("@@@")):
			return protocol.Yes
		case bytes.HasPrefix([]byte("#s"), p), bytes.HasPrefix([]byte("@@@"), p), bytes.HasPrefix(p, []byte("?")):
			return protocol.Maybe
		}
		return protocol.No
	}
	d := sample.Device()
	d.Match = func(p []byte) protocol.Match {
		switch {
		case bytes.HasPrefix(p, []byte("#a")), bytes.HasPrefix(p, []byte("#s")):
			return protocol.Yes
		case bytes.HasPrefix([]byte("#a"), p), bytes.HasPrefix(p, []byte("?")):
			return protocol.Maybe
		}
		return protocol.No
	}
	r, err := protocol.NewRegistry(d, other)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name       string
		say        string
		hangUp     bool
		device     string
		err, cause error
		candidates []string
		after      time.Duration
	}{
		{"first", alive, false, "sample", nil, nil, nil, 0},
		{"second", "@@@ and more", false, "other", nil, nil, nil, 0},
		{"nobody's", "GET / HTTP/1.1\r\n", false, "", protocol.ErrUnknown, nil, nil, 0},
		{"both's", "#s", false, "", protocol.ErrAmbiguous, os.ErrDeadlineExceeded, []string{"sample", "other"}, 30 * time.Second},
		{"slow", "#", false, "", protocol.ErrUndecided, os.ErrDeadlineExceeded, []string{"sample", "other"}, 30 * time.Second},
		{"silent", "", false, "", protocol.ErrUndecided, os.ErrDeadlineExceeded, []string{"sample", "other"}, 30 * time.Second},
		{"ends", "#", true, "", protocol.ErrUndecided, io.EOF, []string{"sample", "other"}, 0},
		{"long", string(bytes.Repeat([]byte("?"), 5000)), false, "", protocol.ErrUndecided, nil, []string{"sample", "other"}, 0},
	} {
		for _, size := range []int{1, 3, 10_000} { // however the network cuts it
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					near, far := net.Pipe()
					go func() {
						for b := range slices.Chunk([]byte(c.say), size) {
							far.Write(b)
						}
						if c.hangUp {
							far.Close()
						}
					}()
					start := time.Now()
					d := tcp.Detector{Devices: shared(t)}
					dev, conn, err := d.Detect(t.Context(), near)
					if got := time.Since(start); got != c.after {
						t.Errorf("took %v", got)
					}
					if c.err == nil {
						if err != nil || dev.Name != c.device {
							t.Fatalf("%q, %v", dev.Name, err)
						}
						b := make([]byte, len(c.say)) // no byte is lost
						if _, err := io.ReadFull(conn, b); err != nil || string(b) != c.say {
							t.Errorf("reads %q, %v", b, err)
						}
						conn.Close()
						return
					}
					var de *protocol.DetectError
					if !errors.As(err, &de) || !errors.Is(err, c.err) || c.cause != nil && !errors.Is(err, c.cause) || !slices.Equal(de.Candidates, c.candidates) {
						t.Fatalf("%v", err)
					}
					if !bytes.HasPrefix([]byte(c.say), de.Prefix) || len(de.Prefix) > 4096 {
						t.Errorf("the prefix is %q", de.Prefix)
					}
					near.Close()
					far.Close()
				})
			})
		}
	}
}

// A server with a shared port gives the handler the dialect, and all the bytes.
func TestServerDetects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		var reasons []error
		s := &tcp.Server{
			Detect: &tcp.Detector{Devices: shared(t)},
			Handler: func(ctx context.Context, conn net.Conn) {
				d, _ := tcp.Device(ctx)
				l := &protocol.Link{Device: d, Conn: conn}
				ended <- l.Run(ctx)
			},
			OnReject: func(_ net.Addr, err error) { reasons = append(reasons, err) },
		}
		l, stop := serve(t, s)
		conn := l.connect("198.51.100.7")
		go io.WriteString(conn, alive)
		ack := make([]byte, 11)
		if _, err := io.ReadFull(conn, ack); err != nil || !bytes.HasPrefix(ack, []byte("#ack,0")) {
			t.Errorf("the answer is %q, %v", ack, err)
		}
		conn.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		stranger := l.connect("198.51.100.8")
		io.WriteString(stranger, "GET / HTTP/1.1")
		synctest.Wait()
		if !isClosed(stranger) || len(reasons) != 1 || !errors.Is(reasons[0], protocol.ErrUnknown) {
			t.Errorf("rejected for %v", reasons)
		}
		// One that is being looked at does not hold up the end.
		slow := l.connect("198.51.100.9")
		io.WriteString(slow, "#")
		synctest.Wait()
		start := time.Now()
		if err := stop(); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if st := s.Stats(); st.Accepted != 1 || st.RejectedDialects != 2 {
			t.Errorf("%+v", st)
		}
		slow.Close()
	})
}
