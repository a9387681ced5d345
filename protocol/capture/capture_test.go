package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func portIs(port uint16) func(netip.AddrPort) bool {
	return func(a netip.AddrPort) bool { return a.Port() == port }
}

var (
	start  = time.Date(2026, 3, 14, 9, 26, 53, 123456789, time.UTC)
	device = addr("192.0.2.17:40017")
	center = addr("198.51.100.5:5023")
)

const (
	alive = "#alive,990000000000017*6D\r\n"
	ack   = "#ack,0*75\r\n"
)

// recorded is a capture of one conversation over each transport.
func recorded(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for i, info := range []Info{
		{Transport: TCP, Device: device, Center: center, Name: "one", Codec: "sample"},
		{Transport: TCP, Device: addr("[2001:db8::17]:40017"), Center: addr("[2001:db8::5]:5023"), Name: "six", Codec: "sample", Dialed: true},
		{Transport: TCP, Device: addr("192.0.2.18:1"), Center: addr("[::]:5023"), Name: "mixed"},
		{Transport: UDP, Device: device, Center: center, Name: "datagrams", Codec: "sample"},
		{Transport: Serial, Name: "/dev/ttyUSB0", Codec: "sample"},
	} {
		at := start.Add(time.Duration(i) * time.Minute)
		s, err := w.Open(at, info)
		if err != nil {
			t.Fatal(err)
		}
		for k, tr := range []protocol.Traffic{
			{Kind: protocol.Received, Data: []byte(alive)},
			{Kind: protocol.Sent, Data: []byte(ack)},
			{Kind: protocol.Woken},
			{Kind: protocol.Received, Data: []byte("#al")},
			{Kind: protocol.Lost, Missing: 100},
			{Kind: protocol.Received, Data: []byte("7*6D\r\n")},
			{Kind: []protocol.TrafficKind{protocol.Ended, protocol.Stopped}[i%2]},
		} {
			tr.At = at.Add(time.Duration(k+1) * time.Nanosecond)
			if err := s.Tap(tr); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Tap(protocol.Traffic{At: at, Kind: protocol.Woken}); err != ErrEnded {
			t.Errorf("a tap after the end gives %v", err)
		}
	}
	return file.Bytes()
}

// What was recorded is read back: identity, direction, bytes, marks and
// nanoseconds, over each transport.
func TestRoundTrip(t *testing.T) {
	got, r, err := story(t, bytes.NewReader(recorded(t)), Options{})
	if err != io.EOF {
		t.Fatal(err)
	}
	var want []string
	for i, c := range []string{
		`tcp device 192.0.2.17:40017 center 198.51.100.5:5023 "one" "sample"`,
		`tcp device [2001:db8::17]:40017 center [2001:db8::5]:5023 "six" "sample"`,
		`tcp device [::ffff:192.0.2.18]:1 center [::]:5023 "mixed" ""`,
		`udp device 192.0.2.17:40017 center 198.51.100.5:5023 "datagrams" "sample"`,
		`serial device invalid AddrPort center invalid AddrPort "/dev/ttyUSB0" "sample"`,
	} {
		want = append(want, fmt.Sprintf("%d 09:%02d:53.123456789 begin %s midway false", i+1, 26+i, c))
		for k, l := range []string{fmt.Sprintf("received %x", alive), fmt.Sprintf("sent %x", ack), "woken", fmt.Sprintf("received %x", "#al"),
			"lost 100 center false", fmt.Sprintf("received %x", "7*6D\r\n"), []string{"ended", "stopped"}[i%2]} {
			want = append(want, fmt.Sprintf("%d 09:%02d:53.%09d ", i+1, 26+i, 123456790+k)+l)
		}
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "123456790 ", "12345679 ", 1) // as times are written
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
	if s := r.Stats(); s.Lost != 500 || s.Conns != 5 {
		t.Errorf("%+v", s)
	}
}

// The frame of the specification, packet by packet: worked out by hand from RFC
// 791, RFC 9293 and the pcapng draft; the check sums with Python.
func TestBytes(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	head := file.Len()
	s := segment{src: device, dst: center, proto: protoTCP, flags: flagPSH | flagACK, seq: 1, ack: 2, payload: []byte("#ack")}
	if err := w.packet(time.Unix(0, 0x0102_0304_0506_0708), 0, inbound, "hi", s.append); err != nil {
		t.Fatal(err)
	}
	const section = "0a0d0d0a30000000" + "4d3c2b1a01000000" + "ffffffffffffffff" + "04000900" + "7361726761732d656d000000" + "00000000" + "30000000" // 9 letters, padded
	const iface = "0100000028000000" + "65000000" + "00000400" + "02000200" + "69700000" + "09000100" + "09000000" + "00000000" + "28000000"
	if got, want := fmt.Sprintf("%x", file.Bytes()[:head]), section+iface; got != want {
		t.Errorf("head\n%s\nwant\n%s", got, want)
	}
	const ip = "4500002c00004000" + "4006" + "4e82" + "c0000211" + "c6336405"
	const tcp = "9c51139f" + "00000001" + "00000002" + "5018ffff" + "8cbe" + "0000" + "2361636b"
	want := "0600000060000000" + "00000000" + "04030201" + "08070605" + "2c000000" + "2c000000" + ip + tcp +
		"01000200" + "68690000" + "02000400" + "01000000" + "00000000" + "60000000"
	if got := fmt.Sprintf("%x", file.Bytes()[head:]); got != want {
		t.Errorf("packet\n%s\nwant\n%s", got, want)
	}
}

// Evidence: what links reported while they were recorded is derived from the
// file again, byte for byte: frames, junk, wake-ups, observations and their IDs.
func TestDerive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		w, err := NewWriter(&file)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		live, derived := map[string][]*protocol.Report{}, map[string][]*protocol.Report{}
		var wait sync.WaitGroup
		for i := range 3 {
			name := fmt.Sprint("device ", i)
			stream, err := w.Open(time.Now(), Info{Transport: TCP, Device: netip.AddrPortFrom(device.Addr(), uint16(40000+i)), Center: center, Name: name, Codec: "sample"})
			if err != nil {
				t.Fatal(err)
			}
			near, far := net.Pipe()
			wait.Go(func() {
				l := &protocol.Link{Device: sample.Device(), Conn: near, Name: name, Tap: stream.Tap, Commit: func(_ context.Context, r *protocol.Report) error {
					mu.Lock()
					defer mu.Unlock()
					live[name] = append(live[name], r)
					return nil
				}}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
				defer cancel()
				l.Run(ctx)
			})
			wait.Go(func() {
				go io.Copy(io.Discard, far)
				for k, text := range []string{
					alive, "noise", alive + "#pos,990000000000017,1773480413,54.687157,25.279652,0*4F\r\n#strap,99000",
					"0000000017,1773480413,1*47\r\n", "#alive,990000000000017*00\r\n", "#al",
				} {
					time.Sleep(time.Duration(1+i*k)*time.Second + 1234567*time.Nanosecond)
					far.Write([]byte(text))
				}
				if i == 1 {
					far.Close() // the others are hung up on by the session, which is woken
				}
			})
		}
		wait.Wait()
		r, err := NewReader(bytes.NewReader(file.Bytes()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = Derive(r, func(c *Conn) (*protocol.Derivation, error) {
			return protocol.NewDerivation(sample.Device(), protocol.SessionConfig{}, c.Name, protocol.Limits{}, func(r *protocol.Report) error {
				derived[c.Name] = append(derived[c.Name], r)
				return nil
			}), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(live, derived, cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); d != "" {
			t.Errorf("-live +derived\n%s", d)
		}
		frames, observations := 0, 0
		for _, rs := range derived {
			for _, r := range rs {
				for _, f := range r.Frames {
					frames++
					observations += len(f.Observations)
				}
			}
		}
		if frames < 18 || observations != 12 {
			t.Errorf("%d frames, %d observations", frames, observations)
		}
		lines, _, _ := story(t, bytes.NewReader(file.Bytes()), Options{})
		all := strings.Join(lines, "\n")
		if strings.Count(all, "woken") != 2 || strings.Count(all, "stopped") != 2 || strings.Count(all, "ended") != 1 || strings.Count(all, "sent") < 9 {
			t.Errorf("the record is\n%s", all)
		}
	})
}

// A link whose record fails acknowledges nothing.
func TestTapFails(t *testing.T) {
	disk := &limited{left: 1000}
	w, err := NewWriter(disk)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := w.Open(start, Info{Transport: TCP, Device: device, Center: center})
	if err != nil {
		t.Fatal(err)
	}
	disk.left = 0
	near, far := net.Pipe()
	var said bytes.Buffer
	done := make(chan struct{})
	go func() { defer close(done); io.Copy(&said, far) }()
	go far.Write([]byte(alive))
	committed := 0
	l := &protocol.Link{Device: sample.Device(), Conn: near, Tap: stream.Tap, Commit: func(context.Context, *protocol.Report) error { committed++; return nil }}
	if err := l.Run(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("the link ends with %v", err)
	}
	<-done
	if committed > 0 || said.Len() > 0 {
		t.Errorf("%d reports committed, %q answered", committed, said.String())
	}
	if _, err := w.Open(start, Info{Name: "x"}); !errors.Is(err, errFull) {
		t.Errorf("Open after the failure gives %v", err)
	}
}

var errFull = errors.New("no space left")

type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestOpenRefuses(t *testing.T) {
	w, err := NewWriter(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	tcp := Info{Transport: TCP, Device: device, Center: center}
	s, err := w.Open(start, tcp)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		info Info
		want error
	}{
		{"twice", tcp, ErrOpen},
		{"no addresses", Info{Transport: TCP}, ErrAddr},
		{"same ends", Info{Transport: UDP, Device: device, Center: device}, ErrAddr},
		{"transport", Info{Transport: 9, Device: device, Center: center}, ErrAddr},
	} {
		if _, err := w.Open(start, c.info); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	s.Tap(protocol.Traffic{At: start, Kind: protocol.Ended})
	if _, err := w.Open(start, tcp); err != nil {
		t.Errorf("the same addresses after the end: %v", err)
	}
	u, err := w.Open(start, Info{Transport: UDP, Device: device, Center: center})
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Tap(protocol.Traffic{At: start, Kind: protocol.Sent, Data: make([]byte, 70_000)}); err == nil {
		t.Error("a datagram of 70,000 bytes is taken")
	}
}

// Long reads become several packets and come back whole; several goroutines
// may record at once.
func TestConcurrentAndLong(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			s, err := w.Open(start, Info{Transport: TCP, Device: netip.AddrPortFrom(device.Addr(), uint16(1000+i)), Center: center})
			if err != nil {
				t.Error(err)
				return
			}
			for range 5 {
				if err := s.Tap(protocol.Traffic{At: start, Kind: protocol.Received, Data: bytes.Repeat([]byte{byte(i)}, 100_000)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	r, err := NewReader(&file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[uint16]int{}
	for {
		e, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == protocol.Received && e.Data[0] == byte(e.Conn.Device.Port()-1000) {
			got[e.Conn.Device.Port()] += len(e.Data)
		}
	}
	for i := range 8 {
		if n := got[uint16(1000+i)]; n != 500_000 {
			t.Errorf("connection %d: %d bytes", i, n)
		}
	}
}

// A Recorder is the connection itself, and leaves its bytes in the file.
func TestRecorder(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	s, err := w.Open(start, InfoOf(near, "pipe", ""))
	if err != nil {
		t.Fatal(err)
	}
	now := start
	r := s.Wrap(near, func() time.Time { now = now.Add(time.Second); return now })
	go func() {
		far.Write([]byte(alive))
		io.ReadFull(far, make([]byte, len(ack)))
		far.Close()
	}()
	if err := r.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	b := make([]byte, 100)
	n, err := r.Read(b)
	if err != nil || string(b[:n]) != alive {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if _, err := r.Write([]byte(ack)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if got := r.RemoteAddr().String(); got != "pipe" {
		t.Errorf("address %q", got)
	}
	got, _, _ := story(t, &file, Options{})
	want := []string{
		`1 09:26:53.123456789 begin serial device invalid AddrPort center invalid AddrPort "pipe" "" midway false`,
		fmt.Sprintf("1 09:26:54.123456789 received %x", alive), fmt.Sprintf("1 09:26:55.123456789 sent %x", ack), "1 09:26:56.123456789 ended",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A replay gives each connection its bytes at their pauses, scaled.
func TestReplay(t *testing.T) {
	for _, c := range []struct {
		speed float64
		want  time.Duration
	}{{0, 4*time.Minute + 7}, {60, 4 * time.Second}, {-1, 0}} {
		t.Run(fmt.Sprint("speed ", c.speed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := NewReader(bytes.NewReader(recorded(t)), Options{})
				if err != nil {
					t.Fatal(err)
				}
				var mu sync.Mutex
				got := map[string]string{}
				begin := time.Now()
				p := Replay{Speed: c.speed}
				err = p.Run(t.Context(), r, func(_ context.Context, conn *ReplayConn) {
					b, err := io.ReadAll(conn)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					got[conn.Conn.Name] = string(b)
				})
				if err != nil {
					t.Error(err)
				}
				if d := time.Since(begin); d.Round(10) != c.want.Round(10) {
					t.Errorf("took %v, want %v", d, c.want)
				}
				for _, name := range []string{"one", "six", "mixed", "datagrams", "/dev/ttyUSB0"} {
					if want := alive + "#al7*6D\r\n"; got[name] != want {
						t.Errorf("%s: %q", name, got[name])
					}
				}
			})
		})
	}
	t.Run("left", func(t *testing.T) { // a server that hangs up does not stop the others
		r, _ := NewReader(bytes.NewReader(recorded(t)), Options{})
		served := 0
		p := Replay{Speed: -1}
		if err := p.Run(t.Context(), r, func(context.Context, *ReplayConn) { served++ }); err != nil {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, _ := NewReader(bytes.NewReader(recorded(t)), Options{})
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			p := Replay{}
			if err := p.Run(ctx, r, func(_ context.Context, c *ReplayConn) { io.Copy(io.Discard, c) }); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	})
}

// Wireshark's own reader sees well-formed packets with right check sums, and
// the same bytes.
func TestTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("tshark is not installed, and EM_REQUIRE demands the tests with it")
		}
		t.Skip("SKIPPED: tshark is not installed, nobody else reads our captures")
	}
	name := filepath.Join(t.TempDir(), "cap.pcapng")
	if err := os.WriteFile(name, recorded(t), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(tshark, append([]string{"-n", "-r", name, "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"}, args...)...)
		cmd.Env = append(os.Environ(), "TZ=UTC")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("tshark %q: %v\n%s", args, err, errs.String())
		}
		return string(out)
	}
	if out := run("-Y", `_ws.malformed || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" || ip.checksum.status == "Bad" || tcp.analysis.retransmission`); out != "" {
		t.Errorf("tshark finds fault:\n%s", out)
	}
	if out := run("-Y", `tcp.checksum.status == "Good" || udp.checksum.status == "Good"`); strings.Count(out, "\n") < 30 {
		t.Errorf("tshark finds few check sums right:\n%s", out)
	}
	// Direction, time and payload of every packet that carries bytes.
	got := run("-Y", "tcp.len > 0", "-T", "fields", "-e", "tcp.stream", "-e", "frame.packet_flags_direction", "-e", "frame.time_epoch", "-e", "tcp.payload")
	var want strings.Builder
	for i := range 3 {
		for k, line := range []string{0: alive, 1: ack, 3: "#al", 5: "7*6D\r\n"} {
			if line != "" {
				direction := inbound
				if line == ack {
					direction = outbound
				}
				at := start.Add(time.Duration(i)*time.Minute + time.Duration(k+1))
				fmt.Fprintf(&want, "%d\t0x%08x\t%d.%09d\t%x\n", i, direction, at.Unix(), at.Nanosecond(), line)
			}
		}
	}
	if got != want.String() {
		t.Errorf("tshark sees\n%s\nwant\n%s", got, want.String())
	}
	if got := run("-Y", "frame.interface_name == \"/dev/ttyUSB0\" && frame.len > 0", "-T", "fields", "-e", "frame.encap_type", "-e", "frame.len"); strings.Count(got, "\n") != 4 {
		t.Errorf("of the serial line tshark sees\n%s", got)
	}
}

func ExampleWriter() {
	var file bytes.Buffer // an *os.File
	w, err := NewWriter(&file)
	if err != nil {
		panic(err)
	}
	at := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	stream, err := w.Open(at, Info{Transport: TCP, Device: device, Center: center, Name: "dock 7", Codec: "sample"})
	if err != nil {
		panic(err)
	}
	link := protocol.Link{Tap: stream.Tap} // and the rest of it; Run taps from here on
	link.Tap(protocol.Traffic{At: at, Kind: protocol.Received, Data: []byte(alive)})

	r, err := NewReader(&file, Options{})
	if err != nil {
		panic(err)
	}
	for {
		e, err := r.Next()
		if IsEnd(err) {
			break
		} else if err != nil {
			panic(err)
		}
		if e.Kind == protocol.Received {
			fmt.Printf("%s %s: %q\n", e.At.Format(time.RFC3339), e.Conn.Name, e.Data)
		}
	}
	// Output: 2026-03-14T09:26:53Z dock 7: "#alive,990000000000017*6D\r\n"
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		i    netInterface
		ts   uint64
		want string
	}{
		{netInterface{exp: 6}, 1773480413_000001, "2026-03-14T09:26:53.000001Z"},
		{netInterface{exp: 9}, 1773480413_000000001, "2026-03-14T09:26:53.000000001Z"},
		{netInterface{exp: 0, offset: 3600}, 1773480413, "2026-03-14T10:26:53Z"},
		{netInterface{exp: 19}, 15_000_000_000_000_000_000, "1970-01-01T00:00:01.5Z"},
		{netInterface{exp: 63, binary: true}, 3 << 62, "1970-01-01T00:00:01.5Z"},
		{netInterface{exp: 0, binary: true}, 1, "1970-01-01T00:00:01Z"},
		{netInterface{exp: 0}, 1 << 62, ""},
		{netInterface{exp: 0}, 1 << 39, ""},
	} {
		at, ok := c.i.time(c.ts)
		if got := at.Format(time.RFC3339Nano); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%+v %d: %s, %t; want %s", c.i, c.ts, got, ok, c.want)
		}
	}
}
