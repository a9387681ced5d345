package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sargas-em/em/protocol"
)

// seed of the kit's random junk and orders; tests print it.
const seed = 20260314

// runChunking: however the network cuts the stream — at every byte, into single
// bytes, not at all, two frames in one piece — the same frames come out, and
// nothing else.
func runChunking(t tester, k Kit, good []goodVector) {
	d := k.device(t)
	expect := func(what string, want []goodVector, chunks ...[]byte) {
		all := feed(t, d, false, chunks...)
		same := slices.EqualFunc(all, want, func(o outcome, v goodVector) bool { return bytes.Equal(o.frame, v.frame) })
		if !same {
			var names []string
			for _, v := range want {
				names = append(names, v.Name)
			}
			t.Errorf("%s of %q gives %v", what, names, all)
		}
	}
	var stream []byte
	for _, v := range good {
		for n := range len(v.wire) {
			expect(fmt.Sprintf("cut at %d", n), []goodVector{v}, v.wire[:n], v.wire[n:])
		}
		for _, w := range good[:min(len(good), 40)] {
			expect("two glued", []goodVector{v, w}, slices.Concat(v.wire, w.wire))
		}
		stream = append(stream, v.wire...)
	}
	if k.Device.MaxFrame < len(stream) {
		t.Logf("the glued stream of %d bytes is above MaxFrame (%d), as it should be able to", len(stream), k.Device.MaxFrame)
	}
	expect("all glued", good, stream)
	if d.Shared != "" {
		var shared []byte
		for i, v := range good {
			if i > 0 && v.wire[0] == shared[len(shared)-1] && strings.IndexByte(d.Shared, v.wire[0]) >= 0 {
				shared = shared[:len(shared)-1]
			}
			shared = append(shared, v.wire...)
		}
		if len(shared) == len(stream) {
			t.Errorf("no vector ends as another begins, with one of the bytes %q that frames share", d.Shared)
		}
		expect("all with shared flags", good, shared)
		expect("all with shared flags, byte by byte", good, slices.Collect(slices.Chunk(shared, 1))...)
	}
	expect("byte by byte", good, slices.Collect(slices.Chunk(stream, 1))...)
	for size := 2; size < 64; size += 7 {
		expect(fmt.Sprintf("chunks of %d", size), good, slices.Collect(slices.Chunk(stream, size))...)
	}
}

// foreign is what else comes to an open port, composed for this kit. The frames
// with a device's framing have a wrong check code, so that they are nobody's.
var foreign = []struct {
	name  string
	bytes []byte
}{
	{"http", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
	{"tls", []byte("\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03ABCDEFGHIJKLMNOPQRSTUVWXYZ012345\x00\x00\x02\x13\x01\x01\x00")},
	{"ssh", []byte("SSH-2.0-Scanner\r\n")},
	{"nmea", []byte("$GPRMC,092653.00,A,5441.2294,N,02516.7873,E,0.13,309.62,140326,,,A*59\r\n")},
	{"gsm modem", []byte("+CREG: 1,\"00C3\",\"5C02\"\r\nOK\r\n")},
	{"7878 login", []byte("\x78\x78\x0d\x01\x09\x90\x00\x00\x00\x00\x00\x17\x00\x01\x00\x00\x0d\x0a")},
	{"7e frame", []byte("\x7e\x00\x02\x00\x00\x09\x90\x00\x00\x00\x17\x00\x01\x00\x7e")},
	{"zeros", make([]byte, 32)},
	{"ones", bytes.Repeat([]byte{0xFF}, 32)},
	{"line noise", []byte("\r\n\r\n\x00\x00\xff\xfe\x55\xaa")},
}

// runResync: after junk the good frames are found again. With junk and copies
// of one good frame behind it, all but one come out; where junk can fake a
// length (Kit.LengthPrefixed), all but what one longest frame can swallow. That
// holds whether they come one by one or in one piece.
// Junk is random bytes, others' frames, and the dialect's own frame cut off at
// every length. How many were lost is logged.
func runResync(t tester, k Kit, good []goodVector) {
	d := k.Device // not watched: splitting alone is hundreds of thousands of calls
	rnd := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	tries, lost, worst := 0, 0, 0
	for _, v := range good {
		type junk struct {
			name  string
			bytes []byte
		}
		var junks []junk
		for _, f := range foreign {
			junks = append(junks, junk{f.name, f.bytes})
		}
		for n := range len(v.wire) {
			junks = append(junks, junk{fmt.Sprintf("its first %d bytes", n), v.wire[:n]})
		}
		for range 40 {
			b := make([]byte, 1+rnd.IntN(64))
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			junks = append(junks, junk{"random", b})
		}
		allowed := 1
		if k.LengthPrefixed {
			allowed = 1 + (d.MaxFrame+len(v.wire)-1)/len(v.wire)
		}
		copies := allowed + 3
		for _, j := range junks {
			for _, glued := range []bool{false, true} {
				n := 0
				guard(t, "Split", j.bytes, func() { n = found(d, v, j.bytes, copies, glued) })
				tries++
				lost += max(0, copies-n)
				worst = max(worst, copies-n)
				if copies-n > allowed {
					t.Errorf("%s after %s: %d of %d frames found, %d may be lost (glued %t)\n\tjunk %s", v.Name, j.name, n, copies, allowed, glued, show(j.bytes))
				}
			}
		}
	}
	t.Logf("%d tries, %d good frames lost in all, %d at worst", tries, lost, worst)
}

// found returns how many copies of v's frame come out behind junk, of pieces
// that come one by one or all at once.
func found(d protocol.Device, v goodVector, junk []byte, copies int, glued bool) (n int) {
	pieces := append([][]byte{junk}, slices.Repeat([][]byte{v.wire}, copies)...)
	if glued {
		pieces = [][]byte{slices.Concat(pieces...)}
	}
	s := protocol.NewSplitter(d)
	for _, p := range pieces {
		s.Write(p)
		for {
			frame, _, ok, _ := s.Next()
			if !ok {
				break
			}
			if bytes.Equal(frame, v.frame) {
				n++
			}
		}
	}
	return n
}

// runMaxFrame: the start of a frame that never ends keeps no more than MaxFrame
// bytes in memory, whatever follows, and the stream goes on behind it. Where
// the Kit gives an Endless start, it leads to ErrFrameTooLong.
func runMaxFrame(t tester, k Kit, good []goodVector) {
	d := k.device(t)
	const chunk = 512
	endless := func(start []byte, filler byte) (tooLong bool) {
		stream := append(bytes.Clone(start), bytes.Repeat([]byte{filler}, 3*d.MaxFrame+2*chunk)...)
		s := protocol.NewSplitter(d)
		for c := range slices.Chunk(stream, chunk) {
			s.Write(c)
			for {
				_, _, ok, err := s.Next()
				if err != nil && errors.Is(err, protocol.ErrFrameTooLong) {
					tooLong = true
				}
				if !ok && err == nil {
					break
				}
			}
			if s.Buffered() > d.MaxFrame {
				t.Fatalf("start %s, filler %#02x: the splitter holds %d bytes, MaxFrame is %d", show(start), filler, s.Buffered(), d.MaxFrame)
			}
		}
		return tooLong
	}
	fillers := []byte{0x00, 'A', '0'}
	tried := map[string]bool{"": true}
	for _, v := range good {
		if len(v.frame) > d.MaxFrame {
			t.Errorf("%s: a good frame of %d bytes is above MaxFrame, %d", v.Name, len(v.frame), d.MaxFrame)
		}
		for _, n := range []int{1, 2, 3, len(v.wire) / 2, len(v.wire) - 1} {
			start := v.wire[:min(n, len(v.wire))]
			if tried[string(start)] {
				continue
			}
			tried[string(start)] = true
			for _, f := range fillers {
				endless(start, f)
			}
		}
	}
	if len(k.Endless) == 0 {
		return
	}
	for _, f := range fillers {
		if !endless(k.Endless, f) {
			t.Errorf("Endless and filler %#02x do not give ErrFrameTooLong", f)
		}
	}
}

// runForeign: frames of other protocols are rejected or unsupported, never a
// panic. Where frames have a checksum, none becomes a message; elsewhere that
// is only counted. Besides the kit's own, all external files but the dialect's
// own and its kin's (Kit.Overlaps) are used where they are at hand.
func runForeign(t tester, k Kit, good []goodVector) {
	d := k.device(t)
	try := func(t tester, name string, b []byte) (taken int) {
		t.Helper()
		for _, o := range feed(t, d, true, b) {
			if _, raw := o.msg.(*protocol.Raw); o.msg == nil || raw {
				continue
			}
			taken++
			if k.Protected != nil {
				t.Errorf("%s: taken for a %s: %s", name, o.msg.Type(), show(b))
			}
		}
		return taken
	}
	for _, f := range foreign {
		try(t, f.name, f.bytes)
	}
	t.Run("external", func(t tester) {
		for _, file := range externalFiles(t) {
			if slices.Contains(k.External, file) || slices.Contains(k.Overlaps, file) {
				continue
			}
			taken := 0
			for _, v := range outside(t, file) {
				if b, err := v.Bytes(); err == nil {
					taken += try(t, file, b)
					taken += try(t, file, append(b[:len(b):len(b)], "\r\n"...))
				}
			}
			if taken > 0 {
				t.Logf("%s: %d frames taken for messages", file, taken)
			}
		}
	})
}
