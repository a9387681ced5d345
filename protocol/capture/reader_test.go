package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em/protocol"
)

// story tells the events of a capture, one a line: connection, time, kind, bytes.
func story(t testing.TB, file io.Reader, o Options) (lines []string, r *Reader, err error) {
	t.Helper()
	r, err = NewReader(file, o)
	if err != nil {
		return nil, nil, err
	}
	for {
		e, err := r.Next()
		if err != nil {
			if again, err2 := r.Next(); err2 != err || again.Conn != nil {
				t.Errorf("Next after %v: %v, %v", err, again, err2)
			}
			return lines, r, err
		}
		line := fmt.Sprintf("%d %s ", e.Conn.Number, e.At.Format("15:04:05.999999999"))
		switch e.Kind {
		case 0:
			line += fmt.Sprintf("begin %v device %v center %v %q %q midway %t", e.Conn.Transport, e.Conn.Device, e.Conn.Center, e.Conn.Name, e.Conn.Codec, e.Conn.Midway)
		case protocol.Lost:
			line += fmt.Sprintf("lost %d center %t", e.Missing, e.FromCenter)
		case protocol.Received, protocol.Sent:
			line += fmt.Sprintf("%v %x", e.Kind, e.Data)
		default:
			line += e.Kind.String()
		}
		lines = append(lines, line)
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The files of other tools were composed in Python and looked at with tshark:
// a login whose segments come out of order, overlapping and again, over
// sequence numbers that wrap.
func TestForeign(t *testing.T) {
	const (
		device4, center4 = "192.0.2.17:40017", "198.51.100.5:5023"
		device6, center6 = "[2001:db8::17]:40017", "[2001:db8::5]:5023"
		head, tail       = "78780d010990000000000017", "0001d9d40d0a"
		reply            = "787805010001d9dc0d0a"
	)
	tcp := func(device, center, fraction string) []string {
		at := func(s int) string { return fmt.Sprintf("1 09:26:%02d%s ", s, fraction) }
		return []string{
			at(53) + "begin tcp device " + device + " center " + center + ` "" "" midway false`,
			at(57) + "received 78780d0109900000000000" + "", // up to what came before
			at(57) + "received " + "0017" + tail,
			at(59) + "sent " + reply,
			"1 09:27:02" + fraction + " ended",
		}
	}
	// The first half is 12 bytes, the second began at byte 10: the two bytes that
	// came first stay where they were.
	shape := func(lines []string) []string {
		lines[1] = strings.Replace(lines[1], "78780d0109900000000000", head[:20], 1)
		lines[2] = lines[2][:strings.LastIndex(lines[2], " ")+1] + head[20:] + tail
		return lines
	}
	for _, c := range []struct {
		file string
		want []string
	}{
		{"ethernet.pcap", shape(tcp(device4, center4, ".123456"))},
		{"vlan-big.pcap", shape(tcp(device4, center4, ".123456789"))},
		{"raw6.pcap", shape(tcp(device6, center6, ".123456"))},
		{"sll.pcap", shape(tcp(device4, center4, ".123456"))},
		{"sll2.pcapng", shape(tcp(device6, center6, ".5"))},
		{"null.pcapng", shape(tcp(device4, center4, ".5"))},
		{"loop.pcap", shape(tcp(device6, center6, ".123456"))},
		{"offset.pcapng", shape(tcp(device4, center4, ".5"))},
		{"udp.pcap", []string{
			"1 09:26:53.123456 begin udp device " + device4 + " center " + center4 + ` "" "" midway false`,
			fmt.Sprintf("1 09:26:53.123456 received %x", "#alive,990000000000017*6D\r\n"),
			fmt.Sprintf("1 09:26:54.123456 sent %x", "#ack,0*75\r\n"),
			fmt.Sprintf("1 09:26:56.123456 received %x", "#alive,990000000000017*6D\r\n"),
		}},
		{"gap.pcap", []string{
			"1 09:26:53.123456 begin tcp device " + device4 + " center " + center4 + ` "" "" midway false`,
			"1 09:26:56.123456 sent " + reply,
			"1 09:26:58.123456 lost 18 center false", // a second after its confirmation
			"1 09:26:58.123456 ended",
		}},
		{"midway.pcap", []string{
			"1 09:26:53.123456 begin tcp device " + device4 + " center " + center4 + ` "" "" midway true`,
			"1 09:26:53.123456 received " + head + tail,
			"1 09:26:54.123456 sent " + reply,
			"1 09:26:57.123456 ended",
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, _, err := story(t, bytes.NewReader(readFile(t, c.file)), Options{})
			if err != io.EOF {
				t.Errorf("ends with %v", err)
			}
			if g, w := strings.Join(got, "\n"), strings.Join(c.want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
	t.Run("simple.pcapng", func(t *testing.T) { // packets without times
		got, _, err := story(t, bytes.NewReader(readFile(t, "simple.pcapng")), Options{})
		if err != io.EOF || len(got) != 5 || !strings.HasSuffix(got[2], head[20:]+tail) {
			t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
		}
	})
	t.Run("center by port", func(t *testing.T) {
		r, err := NewReader(bytes.NewReader(readFile(t, "udp.pcap")), Options{Center: portIs(40017)})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := r.Next(); err != nil || e.Conn.Device.Port() != 5023 {
			t.Errorf("the device is %v, %v", e.Conn.Device, err)
		}
	})
}

// A file that is cut off anywhere gives what is whole before the cut, and says
// where it was cut.
func TestCut(t *testing.T) {
	for _, name := range []string{"ethernet.pcap", "sll2.pcapng"} {
		b := readFile(t, name)
		whole, _, _ := story(t, bytes.NewReader(b), Options{})
		clean := 0
		for n := range len(b) {
			got, r, err := story(t, bytes.NewReader(b[:n]), Options{})
			switch {
			case errors.Is(err, io.EOF) && r != nil: // between packets
				clean++
			case !errors.Is(err, ErrCut):
				t.Fatalf("%s cut to %d of %d bytes: %v", name, n, len(b), err)
			}
			var fe *FormatError
			if errors.Is(err, ErrCut) && (!errors.As(err, &fe) || fe.Offset < 0 || fe.Offset > int64(n) || !errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Fatalf("%s cut to %d bytes: %v", name, n, err)
			}
			for i, line := range got {
				// Where the login's first half was cut off, its second follows a gap.
				if strings.Contains(line, " lost ") {
					break
				}
				if line != whole[i] {
					t.Fatalf("%s cut to %d bytes: event %d is %s, was %s", name, n, i, line, whole[i])
				}
			}
		}
		if clean == 0 {
			t.Errorf("%s: no cut was between packets", name)
		}
	}
}

func TestDamaged(t *testing.T) {
	ng := readFile(t, "sll2.pcapng")
	change := func(b []byte, at int, with ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], with)
		return b
	}
	for _, c := range []struct {
		name string
		file []byte
		what string
	}{
		{"no capture", []byte("#alive,990000000000017*6D\r\n"), "first bytes"},
		{"byte order", change(ng, 8, 0, 0), "byte-order magic"},
		{"version", change(ng, 12, 0, 2), "another version"},
		{"block of no length", change(ng, 4, 0, 0, 0, 4), "a block of 4 bytes"},
		{"block of odd length", change(ng, 4, 0, 0, 0, 29), "a block of 29 bytes"},
		{"lengths differ", change(ng, 24, 0, 0, 0, 32), "ends as one of 32"},
		{"huge section", change(ng, 4, 0x7F, 0, 0, 0), "a block of 2130706432 bytes"},
		{"resolution", change(ng, 28+16+4, 0x7F), "resolution of time"},
		{"pcap packet", change(readFile(t, "ethernet.pcap"), 24+8, 0xFF, 0xFF, 0xFF, 0x7F), "a packet of 2147483647 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := story(t, bytes.NewReader(c.file), Options{})
			var fe *FormatError
			if !errors.As(err, &fe) || !errors.Is(err, ErrFormat) || !strings.Contains(fe.What, c.what) {
				t.Errorf("%v, want %q", err, c.what)
			}
		})
	}
}

// A capture of one TCP direction, as a network and a capture tool may have left
// it: cut anyhow, reordered, repeated, overlapping, over any sequence numbers.
// What comes out is the stream; where segments are missing, the lost bytes are
// counted and all else is there.
func TestReassembly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := rapid.SliceOfN(rapid.Byte(), 1, 400).Draw(t, "stream")
		isn := rapid.SampledFrom([]uint32{0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FF80, 12345}).Draw(t, "isn")
		type cut struct{ from, to int }
		var cuts []cut
		for at := 0; at < len(stream); {
			to := min(len(stream), at+rapid.IntRange(1, 60).Draw(t, "length"))
			cuts = append(cuts, cut{max(0, at-rapid.IntRange(0, 9).Draw(t, "overlap")), to})
			at = to
		}
		drop := rapid.SampledFrom([]int{-1, -1, len(cuts) / 2, 0, len(cuts) - 1}).Draw(t, "dropped")
		missing := make([]bool, len(stream))
		if drop >= 0 {
			for i := range missing {
				missing[i] = true
			}
			for i, c := range cuts {
				for k := c.from; i != drop && k < c.to; k++ {
					missing[k] = false
				}
			}
		}
		order := rapid.Permutation(append(cuts, cuts[:len(cuts)/2]...)).Draw(t, "order")
		var file bytes.Buffer
		w, err := NewWriter(&file)
		if err != nil {
			t.Fatal(err)
		}
		device, center := addr("192.0.2.17:40017"), addr("198.51.100.5:5023")
		n := 0
		put := func(s segment) {
			s.proto = protoTCP
			n++
			if err := w.packet(time.Unix(1773480413, int64(n)*1e6), 0, 0, "", s.append); err != nil {
				t.Fatal(err)
			}
		}
		put(segment{src: device, dst: center, flags: flagSYN, seq: isn})
		for _, c := range order {
			if drop >= 0 && c == cuts[drop] {
				continue
			}
			put(segment{src: device, dst: center, flags: flagACK, seq: isn + 1 + uint32(c.from), payload: stream[c.from:c.to]})
		}
		put(segment{src: device, dst: center, flags: flagACK | flagFIN, seq: isn + 1 + uint32(len(stream))})
		r, err := NewReader(&file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		pos := 0
		for {
			e, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for range e.Missing {
				if !missing[pos] {
					t.Fatalf("byte %d is told as lost", pos)
				}
				pos++
			}
			for _, b := range e.Data {
				if b != stream[pos] || missing[pos] {
					t.Fatalf("byte %d is %#x", pos, b)
				}
				pos++
			}
		}
		if pos != len(stream) {
			t.Fatalf("%d of %d bytes", pos, len(stream))
		}
		if s := r.Stats(); s.Conflicts > 0 || r.held != 0 {
			t.Fatalf("%+v, %d bytes held", s, r.held)
		}
	})
}

// Segments that contradict each other are counted; those that came first stay.
func TestConflict(t *testing.T) {
	got, r := segments(t,
		segment{flags: flagSYN, seq: 99},
		segment{flags: flagACK, seq: 104, payload: []byte("EFGH")},
		segment{flags: flagACK, seq: 102, payload: []byte("CDxxG")},
		segment{flags: flagACK, seq: 100, payload: []byte("AB")})
	if got != "AB|CD|EFGH" || r.Stats().Conflicts != 1 {
		t.Errorf("%s, %+v", got, r.Stats())
	}
}

// What waits behind a hole is bounded.
func TestHeldIsBounded(t *testing.T) {
	all := []segment{{flags: flagSYN, seq: 99}}
	const size = 1000
	for i := range 2 * maxHeld / size {
		all = append(all, segment{flags: flagACK, seq: 101 + uint32(size*i), payload: make([]byte, size)})
	}
	got, r := segments(t, all...)
	if !strings.HasPrefix(got, "lost 1|") || r.Stats().Lost != 1 || r.held != 0 {
		t.Errorf("%.40s, %+v", got, r.Stats())
	}
	if n := strings.Count(got, "|"); n != 2*maxHeld/size {
		t.Errorf("%d chunks", n)
	}
	t.Run("tiny", func(t *testing.T) {
		all := []segment{{flags: flagSYN, seq: 99}}
		for i := range 10_000 {
			all = append(all, segment{flags: flagACK, seq: 101 + 2*uint32(i), payload: []byte{1}})
		}
		if _, r := segments(t, all...); r.Stats().Lost != 10_000 {
			t.Errorf("%+v", r.Stats())
		}
	})
	t.Run("far away", func(t *testing.T) {
		_, r := segments(t, segment{flags: flagSYN, seq: 99}, segment{flags: flagACK, seq: 1 << 31, payload: []byte("x")})
		if r.Stats().Skipped["out of the window"] != 1 {
			t.Errorf("%+v", r.Stats())
		}
	})
}

// segments runs a device's segments through a file and a Reader.
func segments(t *testing.T, all ...segment) (string, *Reader) {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		s.src, s.dst, s.proto = addr("192.0.2.17:40017"), addr("198.51.100.5:5023"), protoTCP
		if err := w.packet(time.Unix(1773480413, int64(i)), 0, 0, "", s.append); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewReader(&file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var chunks []string
	for {
		e, err := r.Next()
		if err == io.EOF {
			return strings.Join(chunks, "|"), r
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case protocol.Received:
			chunks = append(chunks, string(e.Data))
		case protocol.Lost:
			chunks = append(chunks, fmt.Sprint("lost ", e.Missing))
		}
	}
}

// The number of connections in mind is bounded, and who is forgotten is told.
func TestConnsAreBounded(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		s, err := w.Open(time.Unix(1773480413, 0), Info{Transport: TCP, Device: addr(fmt.Sprintf("192.0.2.17:%d", 40000+i)), Center: addr("198.51.100.5:5023")})
		if err != nil {
			t.Fatal(err)
		}
		s.Tap(protocol.Traffic{At: time.Unix(1773480413, 0), Kind: protocol.Received, Data: []byte("x")})
	}
	lines, r, err := story(t, &file, Options{MaxConns: 3})
	if err != io.EOF || r.Stats().Forgotten != 7 || strings.Count(strings.Join(lines, "\n"), "stopped") != 7 {
		t.Errorf("%v, %+v\n%s", err, r.Stats(), strings.Join(lines, "\n"))
	}
}

// Whatever the bytes, the Reader gives events of begun connections in order, or
// a typed error; it never makes up bytes.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pcap*")
	if err != nil || len(files) < 10 {
		f.Fatalf("seeds: %v, %v", files, err)
	}
	for _, name := range files {
		f.Add(readFile(f, filepath.Base(name)))
	}
	f.Add(recorded(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b), Options{MaxConns: 4})
		var fe *FormatError
		if err != nil {
			if !errors.As(err, &fe) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		begun := map[*Conn]bool{}
		total := 0
		for {
			e, err := r.Next()
			if err != nil {
				if err != io.EOF && !errors.As(err, &fe) {
					t.Fatalf("untyped error %v", err)
				}
				break
			}
			if begun[e.Conn] == (e.Kind == 0) {
				t.Fatalf("event %v of a connection that has begun: %t", e.Kind, begun[e.Conn])
			}
			begun[e.Conn] = e.Kind != protocol.Ended && e.Kind != protocol.Stopped
			if e.Kind == protocol.Lost && e.Missing <= 0 || e.Kind != protocol.Lost && e.Missing != 0 {
				t.Fatalf("%v of %d bytes", e.Kind, e.Missing)
			}
			total += len(e.Data)
		}
		if total > len(b) || r.held != 0 || len(r.flows) != 0 {
			t.Fatalf("%d bytes out of %d, %d held, %d connections left", total, len(b), r.held, len(r.flows))
		}
	})
}
