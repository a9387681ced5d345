package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/examples/internal/certificate"
	"github.com/sargas-em/em/examples/internal/loopback"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
	"github.com/sargas-em/em/protocol/serialline"
)

// Over TLS the center's certificate is checked, and the device shows its own where
// it has one.
func TestTLS(t *testing.T) {
	a := certificate.NewAuthority(t)
	server := a.Issue("center", x509.ExtKeyUsageServerAuth)
	a.Issue("device", x509.ExtKeyUsageClientAuth)
	args := func(c *center, more ...string) []string {
		return append([]string{"--codec", "gt06", "--tls", c.addr, "--scenario", "testdata/short.json"}, more...)
	}

	plain := startCenter(t, "gt06", &tls.Config{Certificates: []tls.Certificate{server}})
	total, truth := emsim(t, args(plain, "--ca", a.Path("ca.pem"))...)
	plain.drain(total.Connections)
	if lost := plain.lacking(truth); len(lost) > 0 || total.Reports == 0 {
		t.Errorf("%+v, lost %v", total, lost)
	}
	fails(t, 4, "certificate", append([]string{"run"}, args(plain)...)...)

	mutual := startCenter(t, "gt06", &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool})
	total, truth = emsim(t, args(mutual, "--ca", a.Path("ca.pem"), "--cert", a.Path("device.pem"), "--key", a.Path("device.key"))...)
	mutual.drain(total.Connections)
	if lost := mutual.lacking(truth); len(lost) > 0 {
		t.Errorf("lost %v", lost)
	}
	fails(t, 4, "certificate", append([]string{"run", "--speed", "max"}, args(mutual, "--ca", a.Path("ca.pem"))...)...)
	fails(t, 4, "no such file", append([]string{"run"}, args(mutual, "--ca", a.Path("nosuch"))...)...)
	fails(t, 4, "no PEM certificate", append([]string{"run"}, args(mutual, "--ca", a.Path("device.key"))...)...)
}

// fails runs emsim and checks its exit status and what it says.
func fails(t *testing.T, status int, says string, args ...string) {
	t.Helper()
	err := run(t.Context(), args, io.Discard, io.Discard)
	got := program.Status(err, exitIO)
	if err == nil || got != status || !strings.Contains(err.Error(), says) {
		t.Errorf("%q: status %d, %v; want %d and %q", args, got, err, status, says)
	}
}

// Before anything is dialled, what is not loopback is refused.
func TestLoopbackOnly(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // somebody who would notice
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, addr := range []string{"192.0.2.1:5023", "[2001:db8::1]:5023", "example.org:5023", ":5023", "0.0.0.0:5023", "127.0.0.1.example.org:5023", "[::ffff:192.0.2.1]:1"} {
		for _, flag := range []string{"--tcp", "--tls", "--listen"} {
			fails(t, 2, "loopback", "run", "--codec", "gt06", flag, addr, "--scenario", "strap-cut")
		}
		fails(t, 2, "loopback", "run", "--codec", "siadc09", "--udp", addr, "--scenario", "tunnel")
		fails(t, 2, "loopback", "load", "--target", addr)
	}
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"} {
		fails(t, 2, "no address", "run", "--codec", "gt06", "--tcp", addr, "--scenario", "strap-cut")
	}
	for addr, remote := range map[string]bool{"127.0.0.1:1": false, "127.3.2.1:1": false, "[::1]:1": false, "localhost:1": false, "192.0.2.1:1": true} {
		if err := loopback.Allow(addr, remote); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// A device that is dialled: the center comes to it.
func TestListen(t *testing.T) {
	dev := registry(t, "laipac")
	c := startCenter(t, "laipac", nil) // for its memory
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(t.Context(), []string{"run", "--codec", "laipac", "--listen", "127.0.0.1:0", "--scenario", "testdata/short.json", "--speed", "max"}, io.Discard, pw)
		pw.CloseWithError(io.EOF)
		done <- err
	}()
	line := make([]byte, 200)
	n, err := pr.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, pr)
	addr := regexp.MustCompile(`127\.0\.0\.1:\d+`).Find(line[:n])
	for ended := false; !ended; { // it loses the network in between, and is dialled again
		conn, err := net.Dial("tcp", string(addr))
		if err == nil {
			link := protocol.Link{Device: dev, Conn: conn, Commit: c.commit}
			err = link.Run(t.Context())
		}
		select {
		case runErr := <-done:
			if runErr != nil {
				t.Error(runErr)
			}
			ended = true
		default:
			if err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "refused") && !strings.Contains(err.Error(), "reset") {
				t.Fatal(err)
			}
		}
	}
	if len(c.seen) < 60 {
		t.Errorf("%d observations", len(c.seen))
	}
}

// Over a pair of pseudo-terminals the center opens the port that emsim names, and
// has what the truth says: a module whose line carries no identity.
func TestSerial(t *testing.T) {
	dev := registry(t, "alcoholuart")
	const identity = "990000000000100"
	c := &center{seen: startCenter(t, "alcoholuart", nil).seen}
	var out bytes.Buffer
	truthFile := filepath.Join(t.TempDir(), "truth.jsonl")
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(t.Context(), []string{"run", "--codec", "alcoholuart", "--pty", "--scenario", "testdata/breath.json", "--speed", "max", "--truth", truthFile}, &out, pw)
		pw.Close()
	}()
	line := make([]byte, 200)
	n, err := pr.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, pr)
	port := string(regexp.MustCompile(`/dev/\S+`).Find(line[:n]))
	conn, err := serialline.Open(serialline.Config{Port: port, Baud: dev.BaudRate})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	arrived := make(chan struct{}, 100)
	link := protocol.Link{Device: dev, Session: dev.Sessions(protocol.SessionConfig{Identity: identity}), Conn: conn, Commit: func(ctx context.Context, r *protocol.Report) error {
		for range r.Frames {
			arrived <- struct{}{}
		}
		return c.commit(ctx, r)
	}}
	wg.Go(func() { _ = link.Run(ctx) })
	for range 5 {
		<-arrived
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	cancel()
	wg.Wait()
	doc, err := os.ReadFile(truthFile)
	if err != nil {
		t.Fatal(err)
	}
	truth := parseTruth(t, doc)
	if lost := c.lacking(truth); len(lost) > 0 {
		t.Errorf("lost %v", lost)
	}
	if len(c.seen) != 5 {
		t.Errorf("%d readings, not 5: %s", len(c.seen), out.String())
	}
	fails(t, 2, "serial lines", "run", "--codec", "gt06", "--pty", "--scenario", "strap-cut")
	fails(t, 2, "--speed 1", "run", "--codec", "bactrack", "--pty", "--scenario", "testdata/breath.json", "--speed", "max")
	fails(t, 4, "/dev/nosuch", "run", "--codec", "alcoholuart", "--serial", "/dev/nosuch", "--scenario", "testdata/breath.json")
}

// Datagrams, where the dialect has them: each is one frame, and is answered as one.
func TestUDP(t *testing.T) {
	for _, codec := range having(mustRegistry(t), overUDP) {
		t.Run(codec, func(t *testing.T) {
			dev := registry(t, codec)
			pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			if err := pc.SetReadBuffer(1 << 20); err != nil { // not all dialects wait for an answer
				t.Fatal(err)
			}
			c := &center{seen: map[em.ObservationID]em.Observation{}}
			var wg sync.WaitGroup
			wg.Go(func() {
				sessions := map[netip.AddrPort]protocol.Session{}
				buf := make([]byte, 2048)
				for {
					n, from, err := pc.ReadFromUDPAddrPort(buf)
					if err != nil {
						return
					}
					if sessions[from] == nil {
						sessions[from] = dev.NewSession()
					}
					split := protocol.NewSplitter(dev)
					split.Write(buf[:n])
					frame, _, ok, ferr := split.Next()
					if !ok || ferr != nil {
						t.Errorf("%q holds no frame: %v", buf[:n], ferr)
						continue
					}
					m, err := dev.Codec.Decode(frame)
					if err != nil {
						t.Errorf("%q: %v", frame, err)
						continue
					}
					if _, _, more, _ := split.Next(); more {
						t.Errorf("%q holds more than a frame", buf[:n])
					}
					var o protocol.Output
					_ = sessions[from].Handle(time.Now(), m, &o) // a time outside of the window is answered all the same
					r := &protocol.Report{Frames: []protocol.ReportFrame{{}}}
					for _, x := range o.Observations {
						r.Frames[0].Observations = append(r.Frames[0].Observations, x.Stamp(time.Now()))
					}
					if err := c.commit(t.Context(), r); err != nil {
						t.Error(err)
					}
					for _, m := range o.Send {
						b, err := dev.Codec.Append(nil, m)
						if err == nil {
							_, err = pc.WriteToUDPAddrPort(b, from)
						}
						if err != nil {
							t.Error(err)
						}
					}
				}
			})
			file := filepath.Join(t.TempDir(), "cap.pcapng")
			total, truth := emsim(t, "--codec", codec, "--udp", pc.LocalAddr().String(), "--scenario", "testdata/short.json", "--record", file)
			for last := -1; last != c.total(); time.Sleep(50 * time.Millisecond) { // until no more comes
				last = c.total()
			}
			pc.Close()
			wg.Wait()
			if lost := c.lacking(truth); len(lost) > 0 || total.Reports < 60 || total.Waiting > 0 {
				t.Errorf("%+v, lost %v", total, lost)
			}
			if n := derived(t, file, dev); n < 60 && codec != "siadc09" {
				t.Errorf("%d observations in the capture", n)
			}
		})
	}
	fails(t, 2, "no datagrams", "run", "--codec", "gt06", "--udp", "127.0.0.1:1", "--scenario", "strap-cut")
}

// derived reads a capture, and counts what its devices' frames become. Those of
// siadc09 carry the center's clock, and a capture has the scenario's.
func derived(t *testing.T, file string, dev protocol.Device) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rd, err := capture.NewReader(f, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = capture.Derive(rd, func(c *capture.Conn) (*protocol.Derivation, error) {
		if c.Codec != dev.Name {
			t.Errorf("the capture says %+v", c.Info)
		}
		return protocol.NewDerivation(dev, protocol.SessionConfig{}, c.Name, protocol.Limits{}, func(r *protocol.Report) error {
			for _, f := range r.Frames {
				if f.Err != nil && dev.Name != "siadc09" {
					t.Errorf("the capture: %v", f.Err)
				}
				n += len(f.Observations)
			}
			return nil
		}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Requests to an HTTP server, with the length of their bodies or in chunks.
func TestHTTP(t *testing.T) {
	for name, more := range map[string][]string{"length": nil, "chunks": {"--chunked"}} {
		t.Run(name, func(t *testing.T) {
			c := &center{seen: map[em.ObservationID]em.Observation{}}
			h, err := rftrack.NewHandler(rftrack.HandlerConfig{Commit: c.commit, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			chunked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ContentLength < 0 {
					chunked++
				}
				h.ServeHTTP(w, r)
			}))
			defer server.Close()
			file := filepath.Join(t.TempDir(), "cap.pcapng")
			total, truth := emsim(t, append([]string{"--codec", "rftrack", "--http", server.Listener.Addr().String(), "--scenario", "testdata/short.json", "--record", file}, more...)...)
			if lost := c.lacking(truth); len(lost) > 0 || total.Reports < 60 || total.Waiting > 0 || total.Undecoded > 0 || total.Unanswered > 0 {
				t.Errorf("%+v, lost %v", total, lost)
			}
			if (chunked >= total.Reports) != (more != nil) || more == nil && chunked > 0 {
				t.Errorf("%d requests in chunks", chunked)
			}
			if n := derived(t, file, registry(t, "rftrack")); n < 60 {
				t.Errorf("%d observations in the capture", n)
			}
		})
	}
	fails(t, 2, "not spoken over HTTP; these are: [rftrack]", "run", "--codec", "gt06", "--http", "127.0.0.1:1", "--scenario", "strap-cut")
	fails(t, 2, "--chunked belongs", "run", "--codec", "rftrack", "--tcp", "127.0.0.1:1", "--chunked", "--scenario", "strap-cut")
	fails(t, 4, "refused", "run", "--codec", "rftrack", "--http", "127.0.0.1:1", "--scenario", "strap-cut", "--skip-unsupported")
}

// Close gives up the request under way, and leaves nothing of the connection.
func TestHTTPLeavesNothing(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	c, err := dialHTTP(t.Context(), server.Listener.Addr().String(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(rftrack.Frame([]byte("i=990000000000017"))); err != nil {
		t.Fatal(err)
	}
	<-asked
	c.Close()
	stacks := make([]byte, 1<<20)
	if stacks = stacks[:runtime.Stack(stacks, true)]; bytes.Contains(stacks, []byte(".dialHTTP.func")) {
		t.Errorf("a goroutine of the connection is left:\n%s", stacks)
	}
}

// The devices of one dialect that have simulators of their own.
func TestModels(t *testing.T) {
	for _, m := range models(mustRegistry(t)) {
		if m.Device.Name != "bactrack" {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			c := startCenter(t, "bactrack", nil)
			file := filepath.Join(t.TempDir(), "cap.pcapng")
			total, truth := emsim(t, "--codec", m.name, "--tcp", c.addr, "--scenario", "testdata/breath.json", "--record", file)
			c.drain(total.Connections)
			if lost := c.lacking(truth); len(lost) > 0 || total.Reports != 5 || total.Waiting > 0 || len(c.bad) > 0 {
				t.Errorf("%+v, lost %v, bad %v", total, lost, c.bad)
			}
			b, err := os.ReadFile(file)
			if hello := "hello " + m.name + " "; err != nil || !bytes.Contains(b, []byte(hello)) {
				t.Errorf("no %q on the wire (%v)", hello, err)
			}
			if n := derived(t, file, registry(t, "bactrack")); n < 5 {
				t.Errorf("%d observations in the capture", n)
			}
		})
	}
	fails(t, 2, "no codec", "run", "--codec", "bactrack-x", "--tcp", "127.0.0.1:1", "--scenario", "testdata/breath.json")
}

// A capture of a seed has the same packets each time, but for how the center's
// answers were cut.
func TestRecordCapture(t *testing.T) {
	sent := func(seed string) string {
		c := startCenter(t, "laipac", nil)
		file := filepath.Join(t.TempDir(), "cap.pcapng")
		emsim(t, "--codec", "laipac", "--tcp", c.addr, "--scenario", "testdata/short.json", "--seed", seed, "--fault", "drop=3%,cut=1%", "--record", file)
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rd, err := capture.NewReader(f, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		answers := 0
		for {
			e, err := rd.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch e.Kind {
			case protocol.Received:
				fmt.Fprintf(&all, "%d %v %v %q\n", e.Conn.Number, e.Conn.Device, e.At.UTC(), e.Data)
			case protocol.Sent:
				answers++
			}
		}
		if answers < 60 {
			t.Errorf("%d answers", answers)
		}
		return all.String()
	}
	first := sent("7")
	if again := sent("7"); again != first || strings.Count(first, "\n") < 60 {
		t.Errorf("two captures of a seed differ:\n%s\n%s", first, again)
	}
	if sent("8") == first {
		t.Error("another seed sends the same")
	}
}

// A center that is not there, and one that hangs up at once, are said, and end the
// run.
func TestBadCenter(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	})
	fails(t, 4, "ended 20 connections", "run", "--codec", "gt06", "--tcp", addr, "--scenario", "strap-cut", "--speed", "max")
	ln.Close()
	wg.Wait()
	fails(t, 4, "refused", "run", "--codec", "gt06", "--tcp", addr, "--scenario", "strap-cut")
	fails(t, 4, "refused", "load", "--target", addr, "--devices", "3")
}

// A center that answers nothing leaves all unacknowledged, and that is an exit
// status of its own.
func TestMuteCenter(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { io.Copy(io.Discard, conn); conn.Close() })
		}
	})
	fails(t, 1, "not acknowledged", "run", "--codec", "xexun2", "--tcp", ln.Addr().String(), "--scenario", "testdata/short.json", "--speed", "max", "--patience", "1ms")
	ln.Close()
	wg.Wait()
}
