package main

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/devices/blebeacon"
	"github.com/sargas-em/em/examples/internal/frames"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
	"github.com/sargas-em/em/protocol/wire"
)

// tshark finds the program; without it the test is skipped, or fails where all
// must run.
func tshark(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("tshark is not installed")
		}
		t.Skip("SKIPPED: tshark is not installed, no dissector is run")
	}
	return path
}

// The dissectors show in Wireshark what Dissect shows here: the same fields at
// the same bytes with the same values, of every frame there is, whole and broken.
// One file has four conversations: all vectors in a stream of small pieces, so
// that frames are put together again, of a port that nobody tells; each vector, and
// what damage leaves of it, as a datagram; a serial line; and a stream with junk
// between the frames, behind which they are found where the codec finds them. Outside
// frames of watch3g tell wrong lengths at times: where those end among junk, a layout
// cannot know, and that dialect's own vectors are among junk alone.
func TestDissectors(t *testing.T) {
	alone(t)
	program := tshark(t)
	for _, d := range devices.All() {
		described, ok := d.Codec.(protocol.Described)
		if !ok || described.Layout().Name() != d.Name { // another dialect's codec
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			vectors := vectorBytes(t, d.Name)
			l := described.Layout()
			x := &dissection{t: t, program: program, name: l.Name(), script: l.Lua(toldPort), dissect: l.Dissect, dir: t.TempDir()}
			const seed = 17
			whole, pieces := streamOf(t, d, vectors)
			broken := datagramsOf(vectors, seed)
			own, begin := streamOf(t, d, ownVectors(t, d.Name))
			among := whole
			if d.Name == "watch3g" {
				among = own
			}
			found, junk := junkBetween(d, among, begin[0], seed)
			file := x.record(
				sent{capture.TCP, pieces}, sent{capture.UDP, broken}, sent{capture.Serial, vectors[:1]}, sent{capture.TCP, junk})
			got := x.run(file)
			n := min(len(got), len(whole)+len(broken)+1)
			x.compare(slices.Concat(whole, broken, vectors[:1]), got[:n])
			x.contains(found, got[n:])
			t.Logf("%d frames in a stream, %d datagrams, %d frames among junk, seed %d", len(whole), len(broken), len(found), seed)
		})
	}
}

// Frames that share a flag are shown one by one.
func TestDissectorSharedFlags(t *testing.T) {
	alone(t)
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := reg.Device("jt808")
	if err != nil {
		t.Fatal(err)
	}
	l := d.Codec.(protocol.Described).Layout()
	x := &dissection{t: t, program: tshark(t), name: l.Name(), script: l.Lua(toldPort), dissect: l.Dissect, dir: t.TempDir()}
	whole, _ := streamOf(t, d, ownVectors(t, d.Name))
	pieces, twice := [][]byte{whole[0]}, [][]byte{whole[0]}
	for i, f := range whole[1:] {
		twice = append(twice, f)
		if f[0] == whole[i][len(whole[i])-1] {
			f = f[1:]
			twice = append(twice, []byte("\x7E\x7E")) // flags that mean nothing
		}
		pieces = append(pieces, f)
	}
	if len(pieces) < 10 {
		t.Fatalf("%d frames", len(pieces))
	}
	stream := slices.Concat(pieces...)
	halves := make([][]byte, 0, 2*len(pieces))
	for _, p := range pieces {
		halves = append(halves, p[:len(p)/2], p[len(p)/2:])
	}
	// In one piece, cut within frames, behind each shared flag, there and in the midst,
	// and where none is shared.
	x.compare(slices.Concat(whole, whole, whole, whole, whole), x.run(x.record(
		sent{capture.TCP, [][]byte{stream}}, sent{capture.TCP, [][]byte{stream[:20], stream[20:400], stream[400:]}},
		sent{capture.TCP, pieces}, sent{capture.TCP, halves}, sent{capture.TCP, twice})))
	// Wireshark looks at packets again.
	x.compare(slices.Concat(whole, whole, whole), x.run(x.record(
		sent{capture.TCP, pieces}, sent{capture.TCP, halves}, sent{capture.TCP, twice}), "-2"))
}

// Beacons' payloads are shown within the packets of a capture of Bluetooth, behind what
// Wireshark itself makes of them.
func TestBeaconDissector(t *testing.T) {
	alone(t)
	const seed = 17
	random := rand.New(rand.NewPCG(seed, 0))
	var payloads [][]byte
	for _, text := range []string{ // iBeacon, AltBeacon, Eddystone TLM, and what is none
		"020106 1aff4c000215 990000000000000000000000000000 17 0001 0002 c5",
		"1bff1801beac 990000000000000000000000000000 17 0001 0002 c5 07",
		"020106 0303aafe 1116aafe 2000 0bb8 1580 00000064 000003e8",
		"020106 05094d2d3137 00 ffff",
	} {
		b, err := frames.ParseHex(text)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, b)
	}
	if dir := os.Getenv("EM_VECTORS"); dir != "" {
		payloads = append(payloads, readVectors(t, filepath.Join(dir, "ble-beacon.jsonl"))...)
	}
	for _, b := range payloads[:len(payloads):len(payloads)] {
		broken := bytes.Clone(b)
		broken[random.IntN(len(b))] ^= 1 << random.IntN(8)
		payloads = append(payloads, broken, b[:1+random.IntN(len(b))])
	}
	var script bytes.Buffer
	if err := (&tool{out: &script, errs: os.Stderr}).run(t.Context(), []string{"dissector", "--codec", "blebeacon"}); err != nil {
		t.Fatal(err)
	}
	x := &dissection{t: t, program: tshark(t), name: "blebeacon", script: script.String(), dir: t.TempDir()}
	x.dissect = func(frame []byte) []wire.Span { _, spans, _ := blebeacon.Dissect(frame); return spans }
	file := filepath.Join(x.dir, "air.pcap")
	if err := os.WriteFile(file, advertisements(payloads), 0o666); err != nil {
		t.Fatal(err)
	}
	x.compare(payloads, x.run(file))
}

// advertisements makes a capture file of Bluetooth's link layer.
func advertisements(payloads [][]byte) []byte {
	const linkLayer = 251 // LINKTYPE_BLUETOOTH_LE_LL
	le := binary.LittleEndian
	var b []byte
	for _, v := range []uint32{0xA1B2C3D4, 4<<16 | 2, 0, 0, 1 << 16, linkLayer} {
		b = le.AppendUint32(b, v)
	}
	for i, p := range payloads {
		packet := le.AppendUint32(nil, 0x8E89BED6)                         // of all that advertise
		packet = append(packet, 2, byte(6+len(p)), 0x17, 0, 0, 0, 0, 0xC0) // to everybody, and from whom
		packet = append(append(packet, p...), 0, 0, 0)                     // a check code, not made
		for _, v := range []int{i, 0, len(packet), len(packet)} {
			b = le.AppendUint32(b, uint32(v))
		}
		b = append(b, packet...)
	}
	return b
}

// externalFiles are the files of outside frames whose name is not the dialect's.
var externalFiles = map[string]string{
	"alcoholuart": "alcohol-uart", "blebeacon": "ble-beacon", "sanav": "sanav-ot", "siadc09": "sia-dc09", "watch3g": "watch-3g",
}

// ownVectors reads the dialect's vectors.
func ownVectors(t *testing.T, name string) [][]byte {
	return readVectors(t, filepath.Join("../../devices", name, "testdata/vectors.jsonl"))
}

// vectorBytes reads the dialect's vectors, and outside frames where there are any.
func vectorBytes(t *testing.T, name string) [][]byte {
	all := ownVectors(t, name)
	if dir := os.Getenv("EM_VECTORS"); dir != "" {
		file := name
		if other := externalFiles[name]; other != "" {
			file = other
		}
		if file = filepath.Join(dir, file+".jsonl"); exists(file) {
			all = append(all, readVectors(t, file)...)
		}
	}
	return all
}

func readVectors(t *testing.T, file string) (all [][]byte) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for line, err := range frames.Lines(f) {
		if err != nil {
			t.Fatal(err)
		}
		if n := len(line.Data); n > 0 && n < 60_000 {
			all = append(all, line.Data)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return all
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// framesOf cuts what goes over the wire into frames that decode, and reports
// whether nothing else is in it.
func framesOf(d protocol.Device, b []byte) (frames [][]byte, clean bool) {
	clean = true
	for len(b) > 0 {
		frame, n, err := d.Codec.Split(b)
		if n == 0 { // a line end may be the start of the next frame
			return frames, clean && len(bytes.Trim(b, "\r\n")) == 0
		}
		if clean = clean && err == nil; frame != nil {
			if _, err := d.Codec.Decode(frame); err != nil {
				clean = false
			}
			frames = append(frames, frame)
		}
		b = b[n:]
	}
	return frames, clean
}

// dissection runs tshark over what is sent by a dialect.
type dissection struct {
	t       *testing.T
	program string
	name    string // of the dialect
	script  string
	dissect func(frame []byte) []wire.Span // what is to be seen
	dir     string
}

// sent is the pieces that a device sends, in their order.
type sent struct {
	transport capture.Transport
	pieces    [][]byte
}

// record makes a capture file of conversations.
func (x *dissection) record(conversations ...sent) string {
	x.t.Helper()
	name := filepath.Join(x.dir, "all.pcapng")
	f, err := os.Create(name)
	if err != nil {
		x.t.Fatal(err)
	}
	defer f.Close()
	w, err := capture.NewWriter(f)
	if err != nil {
		x.t.Fatal(err)
	}
	device, center := netip.MustParseAddrPort("192.0.2.17:4017"), netip.MustParseAddr("192.0.2.1")
	at := time.Date(2026, 3, 14, 9, 30, 0, 0, time.UTC)
	for i, c := range conversations {
		s, err := w.Open(at, capture.Info{Transport: c.transport, Device: device, Center: netip.AddrPortFrom(center, toldPort-1+uint16(i)), Name: "/dev/ttyUSB0"})
		if err != nil {
			x.t.Fatal(err)
		}
		for _, p := range c.pieces {
			at = at.Add(time.Millisecond)
			if err := s.Tap(protocol.Traffic{At: at, Kind: protocol.Received, Data: p}); err != nil {
				x.t.Fatal(err)
			}
		}
	}
	return name
}

// toldPort is that of the datagrams.
const toldPort = 5023

// seen is a frame as tshark shows it.
type seen struct {
	size   int
	fields []string
}

// fieldText is what both sides tell of a field.
func fieldText(offset, size int, name, value, note string) string {
	if value != "" && note != "" {
		value += " "
	}
	text := strings.TrimSpace(name + ": " + value + note)
	const most = 200 // a label has 240 bytes at most
	if len(text) > most {
		text = text[:most]
	}
	return fmt.Sprintf("%d+%d %s", offset, size, text)
}

// run returns the frames that the dissector has found in a file.
func (x *dissection) run(file string, options ...string) []seen {
	x.t.Helper()
	script := filepath.Join(x.dir, "dissector.lua")
	if err := os.WriteFile(script, []byte(x.script), 0o666); err != nil {
		x.t.Fatal(err)
	}
	cmd := exec.Command(x.program, "-X", "lua_script:"+script, "-r", file, "-T", "pdml", "-J", x.name, "-o", x.name+".datagrams:TRUE")
	cmd.Args = append(cmd.Args, options...)
	cmd.Env = append(os.Environ(), "HOME="+x.dir, "LC_ALL=C.UTF-8")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	complaints := strings.ReplaceAll(errs.String(), "Running as user \"root\" and group \"root\". This could be dangerous.\n", "")
	if err != nil || strings.TrimSpace(complaints) != "" {
		x.t.Fatalf("tshark: %v\n%s", err, errs.String())
	}
	type item struct {
		Name     string `xml:"name,attr"`
		Showname string `xml:"showname,attr"`
		Show     string `xml:"show,attr"`
		Pos      int    `xml:"pos,attr"`
		Size     int    `xml:"size,attr"`
		Fields   []item `xml:"field"`
	}
	var doc struct {
		Packets []struct {
			Protos []item `xml:"proto"`
		} `xml:"packet"`
	}
	if err := xml.Unmarshal(out, &doc); err != nil {
		x.t.Fatal(err)
	}
	var all []seen
	for _, p := range doc.Packets {
		for _, pr := range p.Protos {
			malformed := pr.Name == "_ws.malformed" && !strings.Contains(pr.Showname, "BT Common") // Wireshark's own
			if malformed || slices.ContainsFunc(pr.Fields, func(f item) bool { return strings.HasPrefix(f.Show, "Lua Error") }) {
				x.t.Fatalf("%+v", pr)
			}
			if pr.Name != x.name {
				continue
			}
			s := seen{size: pr.Size}
			for _, f := range pr.Fields {
				if !strings.HasPrefix(f.Name, x.name+".") {
					x.t.Errorf("the field %+v", f)
					continue
				}
				s.fields = append(s.fields, fieldText(f.Pos-pr.Pos, f.Size, "", f.Showname, ""))
			}
			all = append(all, s)
		}
	}
	return all
}

// want is a frame as the layout shows it.
func (x *dissection) want(frame []byte) seen {
	s := seen{size: len(frame)}
	for _, f := range x.dissect(frame) {
		s.fields = append(s.fields, strings.Replace(fieldText(f.Offset, f.Len, f.Name, f.Value, f.Note), " ", " : ", 1))
	}
	return s
}

// compare tells each frame that is shown otherwise; after many it is enough.
func (x *dissection) compare(frames [][]byte, got []seen) {
	x.t.Helper()
	if len(got) != len(frames) {
		x.t.Errorf("%d frames are shown, %d were sent", len(got), len(frames))
	}
	wrong := 0
	for i := range min(len(got), len(frames)) {
		want := x.want(frames[i])
		if got[i].size == want.size && slices.Equal(got[i].fields, want.fields) {
			continue
		}
		if wrong++; wrong > 5 {
			continue
		}
		for k := range max(len(got[i].fields), len(want.fields)) {
			var g, w string
			if k < len(got[i].fields) {
				g = got[i].fields[k]
			}
			if k < len(want.fields) {
				w = want.fields[k]
			}
			if g != w {
				x.t.Errorf("frame %d, %x: tshark shows %q, Dissect %q", i, frames[i][:min(len(frames[i]), 100)], g, w)
				break
			}
		}
	}
	if wrong > 0 {
		x.t.Errorf("%d of %d frames are shown otherwise", wrong, len(frames))
	}
}

// contains tells each frame that is not shown, in the order of frames; others may be
// shown between them.
func (x *dissection) contains(frames [][]byte, got []seen) {
	x.t.Helper()
	missing := 0
	for i, f := range frames {
		want := x.want(f)
		near := got[:min(len(got), 20)] // the same frame comes again further on
		at := slices.IndexFunc(near, func(s seen) bool { return s.size == want.size && slices.Equal(s.fields, want.fields) })
		if at < 0 {
			if missing++; missing <= 5 {
				x.t.Errorf("frame %d among junk is not shown: %.300q", i, f)
			}
			continue
		}
		got = got[at+1:]
	}
	if missing > 0 {
		x.t.Errorf("%d of %d frames among junk are not shown", missing, len(frames))
	}
}

// streamOf makes one stream of the vectors that decode: their frames, and the pieces.
func streamOf(t *testing.T, d protocol.Device, wire [][]byte) (frames, pieces [][]byte) {
	var all []byte
	first := 0
	for _, b := range wire {
		if f, clean := framesOf(d, b); clean {
			if all == nil {
				first = len(b) - 3 // by which the dissector knows the dialect
			}
			frames = append(frames, f...)
			all = append(all, b...)
		}
	}
	if len(frames) == 0 {
		t.Fatal("no clean frames")
	}
	return frames, append([][]byte{all[:first]}, slices.Collect(slices.Chunk(all[first:], 11))...)
}

// junkBetween makes a stream with junk between the frames, which begins with the start
// of one that is known by it: noise, what others send, and beginnings of frames. It
// returns the frames that the codec finds and reads.
func junkBetween(d protocol.Device, whole [][]byte, start []byte, seed uint64) (found, pieces [][]byte) {
	random := rand.New(rand.NewPCG(seed, 1))
	stream := bytes.Clone(start)
	for i, f := range slices.Concat(whole, whole) {
		var junk []byte
		switch i % 4 {
		case 0:
			junk = make([]byte, 1+random.IntN(16))
			for k := range junk {
				junk[k] = byte(random.Uint32())
			}
		case 1:
			junk = []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		case 2:
			junk = f[:random.IntN(len(f))]
		}
		stream = slices.Concat(stream, f, []byte("\r\n"), junk)
	}
	pieces = slices.Collect(slices.Chunk(stream, 611))
	s := protocol.NewSplitter(d)
	for _, p := range pieces {
		s.Write(p)
		for {
			frame, _, ok, err := s.Next()
			if err != nil {
				continue
			}
			if !ok {
				break
			}
			if _, err := d.Codec.Decode(frame); err == nil {
				found = append(found, bytes.Clone(frame))
			}
		}
	}
	return found, pieces
}

// datagramsOf makes of every vector itself, its beginning, and one with a bit changed.
func datagramsOf(wire [][]byte, seed uint64) (all [][]byte) {
	random := rand.New(rand.NewPCG(seed, 0))
	for _, b := range wire {
		b = b[:min(len(b), 1400)]
		broken := bytes.Clone(b)
		broken[random.IntN(len(b))] ^= 1 << random.IntN(8)
		all = append(all, b, b[:1+random.IntN(len(b))], broken)
	}
	return all
}

// Info has the words of the layout's titles.
func TestDissectorInfo(t *testing.T) {
	alone(t)
	program := tshark(t)
	dir := t.TempDir()
	script, file := filepath.Join(dir, "gt06.lua"), filepath.Join(dir, "field.pcapng")
	if err := writeCapture(file); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	tool := &tool{out: &out, errs: os.Stderr}
	if err := tool.run(t.Context(), []string{"dissector", "--codec", "gt06", "--port", "5023"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-X", "lua_script:"+script, "-r", file, "-Y", "gt06", "-T", "fields", "-e", "_ws.col.Info", "-e", "gt06.imei", "-e", "gt06.serial")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(got); !strings.HasPrefix(text, "login\t990000000000017\t1\n") || !strings.Contains(text, "position 0x10\t") {
		t.Errorf("tshark prints:\n%s", text)
	}
}
