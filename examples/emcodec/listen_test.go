package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/internal/certificate"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/serialline"
)

// background is a command that runs until it is stopped, as with Ctrl-C.
type background struct {
	t         *testing.T
	out, errs lockedBuffer
	cancel    context.CancelFunc
	done      chan error
}

// lockedBuffer can be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	b   bytes.Buffer
	new chan struct{} // one after each write
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.new <- struct{}{}:
	default:
	}
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// wait returns the first match, or its first group, once it is there.
func (b *lockedBuffer) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	end := time.After(20 * time.Second)
	for {
		if m := re.FindStringSubmatch(b.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-b.new:
		case <-end:
			t.Fatalf("no %q in\n%s", pattern, b.String())
		}
	}
}

func start(t *testing.T, args ...string) *background {
	ctx, cancel := context.WithCancel(t.Context())
	b := &background{t: t, cancel: cancel, done: make(chan error, 1)}
	b.out.new, b.errs.new = make(chan struct{}, 1), make(chan struct{}, 1)
	go func() { b.done <- (&tool{out: &b.out, errs: &b.errs}).run(ctx, args) }()
	t.Cleanup(cancel)
	return b
}

// stop is Ctrl-C.
func (b *background) stop() error {
	b.cancel()
	return b.wait()
}

func (b *background) wait() error {
	select {
	case err := <-b.done:
		return err
	case <-time.After(20 * time.Second):
		b.t.Fatalf("it does not end\n%s%s", b.out.String(), b.errs.String())
		return nil
	}
}

// simulated returns a dialect and a device of it.
func simulated(t *testing.T, codec, identity string) (protocol.Device, protocol.Simulator) {
	t.Helper()
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := reg.Device(codec)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := dev.Simulator(identity, 1)
	if err != nil {
		t.Fatal(err)
	}
	return dev, sim
}

// play lets a device of a dialect tell something, until all is acknowledged.
func play(t *testing.T, codec, identity string, conn io.ReadWriteCloser, obs ...em.Observation) {
	t.Helper()
	dev, sim := simulated(t, codec, identity)
	if err := sim.Report(obs...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	link := &protocol.Link{Device: dev, Session: sim, Conn: conn}
	link.Commit = func(context.Context, *protocol.Report) error {
		if sim.(protocol.Resumer).Waiting() == 0 {
			cancel()
		}
		return nil
	}
	if err := link.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// fix is where and when no device ever was.
func fix() em.Observation {
	return em.Observation{
		DeviceAt: time.Date(2026, 3, 14, 9, 30, 0, 0, time.UTC),
		Body:     &em.Fix{LatLng: em.LatLng{Lat: 54.6872, Lng: 25.2797}, Validity: em.FixCurrent, Source: em.SourceGNSS},
	}
}

// What a device sends over TCP is printed, answered and kept, and the record
// decodes to the same; with --codec auto and over TLS too.
func TestListenTCP(t *testing.T) {
	authority := certificate.NewAuthority(t)
	authority.Issue("center", x509.ExtKeyUsageServerAuth)
	for _, c := range []struct {
		name, codec string
		tls         bool
	}{{"named", "gt06", false}, {"auto", "auto", false}, {"TLS", "auto", true}} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "cap.pcapng")
			args := []string{"listen", "--codec", c.codec, "--tcp", "127.0.0.1:0", "--record", file}
			if c.tls {
				args = append(args, "--tls", "--cert", authority.Path("center.pem"), "--key", authority.Path("center.key"))
			}
			l := start(t, args...)
			addr := l.errs.wait(t, `listening for \w+ at (\S+)`)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if c.tls {
				conn = tls.Client(conn, &tls.Config{RootCAs: authority.Pool, ServerName: "127.0.0.1"})
			}
			play(t, "gt06", "990000000000017", conn, fix())
			l.out.wait(t, `"body":"fix"`)
			if err := l.stop(); err != nil {
				t.Error(err)
			}
			for _, want := range []string{`emcodec: 1 connections, 0 rejected, \d+ bytes, 2 frames, 0 of them in error, [2-9] observations`, `1 login`} {
				l.errs.wait(t, want)
			}
			for _, want := range []string{`from the device.*gt06`, `=> login 990000000000017`, `from the center`, `=> ack`} {
				if c.codec != "auto" && strings.Contains(want, "gt06") {
					continue // it was told
				}
				l.out.wait(t, want)
			}
			var out, errs bytes.Buffer
			if err := (&tool{out: &out, errs: &errs}).run(t.Context(), []string{"decode", "--codec", "auto", "--pcap", file}); err != nil {
				t.Error(err)
			}
			for _, want := range []string{"gt06: the capture names it", "=> login 990000000000017", "=> ack", `"lat":54.6872,"lon":25.2797`} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the record has no %q:\n%s", want, out.String())
				}
			}
		})
	}
}

// A record that cannot be written is the end, and nothing is acknowledged.
func TestListenRecordFails(t *testing.T) {
	c := &center{tool: &tool{out: io.Discard, errs: io.Discard}, format: "text", command: "listen", types: map[string]int{}}
	name := filepath.Join(t.TempDir(), "cap.pcapng")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	c.file = f
	f.Close() // the disk is gone
	reg, _ := protocol.NewRegistry(devices.All()...)
	dev, err := reg.Device("gt06")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	read := make(chan []byte)
	go func() {
		theirs.Write([]byte("\x78\x78\x0D\x01\x09\x90\x00\x00\x00\x00\x00\x17\x00\x01\xD9\xD4\x0D\x0A"))
		b, _ := io.ReadAll(theirs)
		read <- b
	}()
	if err := c.converse(t.Context(), dev, "", ours); !errors.Is(err, errRecord) || !c.isFatal(err) {
		t.Errorf("error %v", err)
	}
	if b := <-read; len(b) > 0 {
		t.Errorf("%x was answered", b)
	}
}

// Datagrams of two senders are two conversations, of one dialect or, where it is found
// by their first one, of two.
func TestListenUDP(t *testing.T) {
	tamper := em.Observation{DeviceAt: time.Now(), Body: &em.Tamper{What: em.TamperOther, Code: "TA"}}
	for _, c := range []struct {
		codec, second, identity string
		obs                     em.Observation
		want                    string
	}{
		{"siadc09", "siadc09", "9017", tamper, `"conn":2,"name":"udp .*"body":"tamper"`},
		{"auto", "laipac", "99000017", fix(), `"codec":"laipac".*"conn":2,"name":"udp .*"body":"fix"`},
	} {
		t.Run(c.codec, func(t *testing.T) {
			l := start(t, "listen", "--codec", c.codec, "--udp", "127.0.0.1:0", "-o", "jsonl")
			addr := l.errs.wait(t, `at (127\S+),`)
			dial := func() net.Conn {
				conn, err := net.Dial("udp", addr)
				if err != nil {
					t.Fatal(err)
				}
				return conn
			}
			play(t, "siadc09", "9017", dial(), tamper)
			play(t, c.second, c.identity, dial(), c.obs)
			l.out.wait(t, c.want)
			if err := l.stop(); err != nil {
				t.Error(err)
			}
			l.errs.wait(t, `emcodec: 2 connections, 0 rejected`)
		})
	}
}

// Requests of a unit over HTTP, whose bodies have a length or come in chunks, are
// shown, answered and kept, and the record decodes; what is none of them is counted.
func TestListenHTTP(t *testing.T) {
	authority := certificate.NewAuthority(t)
	authority.Issue("center", x509.ExtKeyUsageServerAuth)
	const form = "i=990000000000017&t=1773480413000&id=39163&rc=65538&idt=140736414711817"
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "cap.pcapng")
			args := []string{"listen", "--codec", "rftrack", "--http", "127.0.0.1:0", "--record", file}
			if scheme == "https" {
				args = append(args, "--tls", "--cert", authority.Path("center.pem"), "--key", authority.Path("center.key"))
			}
			l := start(t, args...)
			url := scheme + "://" + l.errs.wait(t, `at (127\S+), HTTP`)
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool}, ForceAttemptHTTP2: true}
			client := &http.Client{Transport: transport}
			for i, body := range []io.Reader{strings.NewReader(form), io.MultiReader(strings.NewReader(form[:20]), strings.NewReader(form[20:]))} {
				resp, err := client.Post(url+"/deviceDataUpload.do", "application/x-www-form-urlencoded", body) // a MultiReader's length is not known
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK || string(b) != "{}" || resp.ProtoMajor != 1 {
					t.Errorf("request %d: %d %q %v", i, resp.StatusCode, b, err)
				}
			}
			resp, err := client.Get(url + "/")
			if err != nil || resp.StatusCode != http.StatusNotFound {
				t.Errorf("another path: %v, %v", resp, err)
			}
			resp.Body.Close()
			transport.CloseIdleConnections()
			if err := l.stop(); err != nil {
				t.Error(err)
			}
			l.errs.wait(t, `emcodec: 1 connections, 1 rejected, \d+ bytes, 2 frames, 0 of them in error, \d+ observations`)
			out, errs, status := emcodec(t, "decode", "--codec", "auto", "--pcap", file)
			if status != 0 || strings.Count(out, "=> report 990000000000017") != 2 || strings.Count(out, "=> reply") != 2 || !strings.Contains(out, `"code":"0001:0002"`) {
				t.Errorf("status %d: %s%s", status, out, errs)
			}
		})
	}
	for _, args := range [][]string{{"--codec", "gt06", "--http", "127.0.0.1:0"}, {"--codec", "auto", "--http", "127.0.0.1:0"}, {"--codec", "rftrack", "--http", "192.0.2.1:80"}} {
		if _, errs, status := emcodec(t, append([]string{"listen"}, args...)...); status != program.Usage {
			t.Errorf("%v: status %d: %s", args, status, errs)
		}
	}
}

// A request that is under way at the end is answered.
func TestListenHTTPLastReply(t *testing.T) {
	const form = "i=990000000000017&t=1773480413000&id=39163&rc=65538&idt=140736414711817"
	l := start(t, "listen", "--codec", "rftrack", "--http", "127.0.0.1:0")
	addr := l.errs.wait(t, `at (127\S+), HTTP`)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /deviceDataUpload.do HTTP/1.1\r\nHost: center\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(form))
	in := bufio.NewReader(conn)
	for range 2 { // "100 Continue", and an empty line
		if line, err := in.ReadString('\n'); err != nil {
			t.Fatalf("%q, %v", line, err)
		}
	}
	stopped := make(chan error, 1)
	go func() { stopped <- l.stop() }()
	for {
		other, err := net.Dial("tcp", addr)
		if err != nil {
			break // it listens no more
		}
		other.Close()
	}
	io.WriteString(conn, form)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Errorf("%q, %v", line, err)
	}
	conn.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// An instrument at a serial port, which a pair of pseudo-terminals stands in for.
func TestListenSerial(t *testing.T) {
	master, port, err := serialline.OpenPTY()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("SKIPPED: no pseudo-terminals on this system")
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cap.pcapng")
	l := start(t, "listen", "--codec", "alcoholuart", "--serial", port, "--identity", "kiosk-17", "--record", file)
	l.errs.wait(t, "9600 baud")
	// The reply to a read, as the module's manual has it.
	if _, err := master.Write([]byte("\xFF\x86\x00\x00\x00\x00\x00\x20\x5A")); err != nil {
		t.Fatal(err)
	}
	l.out.wait(t, `"device":"alcoholuart:kiosk-17"`)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	master.Close()
	l.errs.wait(t, `1 connections, 0 rejected, 9 bytes, 1 frames, 0 of them in error, 1 observations`)
	var out, errs bytes.Buffer
	if err := (&tool{out: &out, errs: &errs}).run(t.Context(), []string{"decode", "--codec", "auto", "--pcap", file, "--identity", "kiosk-17"}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), `"device":"alcoholuart:kiosk-17"`) {
		t.Errorf("the record:\n%s", out.String())
	}
}
