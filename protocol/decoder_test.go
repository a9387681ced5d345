package protocol_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

// part is a frame or an error of a stream, in a form to compare.
type part struct {
	offset int64
	frame  string
	raw    string
	err    error
}

func (p part) String() string {
	if p.err != nil {
		return fmt.Sprintf("%d: %.40q is %v", p.offset, p.raw, p.err)
	}
	return fmt.Sprintf("%d: %q", p.offset, p.frame)
}

func same(a, b part) bool {
	return a.offset == b.offset && a.frame == b.frame && a.raw == b.raw && (a.err == b.err || errors.Is(a.err, b.err) || errors.Is(b.err, a.err))
}

func drain(s *protocol.Splitter) (parts []part) {
	for {
		frame, off, ok, err := s.Next()
		switch {
		case err != nil:
			parts = append(parts, part{offset: err.Offset, raw: string(err.Raw), err: err.Err})
		case !ok:
			return parts
		default:
			parts = append(parts, part{offset: off, frame: string(frame)})
		}
	}
}

const (
	good1 = "#alive,990000000000017*6D\r\n"
	good2 = "#ack,0*75\r\n"
)

func TestSplitter(t *testing.T) {
	long := "#" + strings.Repeat("x", 200)
	for _, c := range []struct {
		name   string
		chunks []string
		want   []part
	}{
		{"nothing", nil, nil},
		{"one frame", []string{good1}, []part{{frame: good1}}},
		{"two glued", []string{good1 + good2}, []part{{frame: good1}, {offset: 27, frame: good2}}},
		{"cut in two", []string{good1[:7], good1[7:]}, []part{{frame: good1}}},
		{"blank lines between", []string{"\r\n\n" + good2 + "\r\n"}, []part{{offset: 3, frame: good2}}},
		{"junk, told with the frame behind it", []string{"junk" + good2}, []part{
			{offset: 0, raw: "junk", err: protocol.ErrJunk}, {offset: 4, frame: good2}}},
		{"junk alone, told at once", []string{"junk", good2}, []part{
			{raw: "junk", err: protocol.ErrJunk}, {offset: 4, frame: good2}}},
		{"neighbouring junk of one write is one", []string{"junk#more#again" + good2}, []part{
			{raw: "junk#more#again", err: protocol.ErrJunk}, {offset: 15, frame: good2}}},
		{"blank lines inside junk", []string{"junk\r\nmore\n" + good2}, []part{
			{raw: "junk\r\nmore\n", err: protocol.ErrJunk}, {offset: 11, frame: good2}}},
		{"a frame that lost its end", []string{"#alive,99", good2}, []part{
			{raw: "#alive,99", err: protocol.ErrJunk}, {offset: 9, frame: good2}}},
		{"the stream ends inside a frame", []string{good2 + "#ali"}, []part{
			{frame: good2}, {offset: 11, raw: "#ali", err: io.ErrUnexpectedEOF}}},
		{"a frame without end", []string{long[:100], long[100:], good2}, []part{
			{raw: long[:128], err: protocol.ErrFrameTooLong}, {offset: 201, frame: good2}}},
		{"a frame with an end, too long", []string{long + "\r\n" + good2}, []part{
			{raw: (long + "\r\n")[:128], err: protocol.ErrFrameTooLong}, {offset: 203, frame: good2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := protocol.NewSplitter(sample.Device())
			var got []part
			for _, chunk := range c.chunks {
				s.Write([]byte(chunk))
				got = append(got, drain(s)...)
			}
			s.End()
			got = append(got, drain(s)...)
			if !slices.EqualFunc(got, c.want, same) {
				t.Errorf("got\n%v\nwant\n%v", got, c.want)
			}
			if s.Buffered() != 0 {
				t.Errorf("%d bytes are left", s.Buffered())
			}
		})
	}
}

// prefixed is a codec with a length byte in front: junk can fake a length.
type prefixed struct{ protocol.Codec }

func (prefixed) Split(b []byte) ([]byte, int, error) {
	n := 1 + int(b[0])
	if len(b) < n {
		return nil, 0, nil
	}
	return b[:n], n, nil
}

// TestSplitterFindsWhatAnUnfinishedFrameHid: a wrong length swallowed good
// frames; at the end of the stream they are found.
func TestSplitterFindsWhatAnUnfinishedFrameHid(t *testing.T) {
	s := protocol.NewSplitter(protocol.Device{Codec: prefixed{}, MaxFrame: 64})
	s.Write([]byte("\x30\x02ab\x01c"))
	if got := drain(s); got != nil {
		t.Fatalf("got %v before the end", got)
	}
	s.End()
	want := []part{
		{raw: "\x30", err: io.ErrUnexpectedEOF},
		{offset: 1, frame: "\x02ab"},
		{offset: 4, frame: "\x01c"},
	}
	if got := drain(s); !slices.EqualFunc(got, want, same) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSplitterFindsWhatATooLongFrameHid: nor does a wrong length above MaxFrame
// take the good frames with it.
func TestSplitterFindsWhatATooLongFrameHid(t *testing.T) {
	s := protocol.NewSplitter(protocol.Device{Codec: prefixed{}, MaxFrame: 4})
	s.Write([]byte("\x30\x02ab\x01c"))
	want := []part{
		{raw: "\x30", err: protocol.ErrFrameTooLong},
		{offset: 1, frame: "\x02ab"},
		{offset: 4, frame: "\x01c"},
	}
	if got := drain(s); !slices.EqualFunc(got, want, same) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// flagged is a codec whose frames stand between flags and hold letters alone.
type flagged struct{ protocol.Codec }

func (flagged) Split(b []byte) ([]byte, int, error) {
	if b[0] != '|' {
		return nil, max(1, bytes.IndexByte(b, '|')), protocol.ErrJunk
	}
	end := bytes.IndexByte(b[1:], '|') + 1
	switch {
	case end == 0:
		return nil, 0, nil
	case end == 1:
		return nil, 1, nil
	case bytes.ContainsAny(b[1:end], "0123456789"):
		return nil, end, protocol.ErrMalformed
	}
	return b[:end+1], end + 1, nil
}

// TestSplitterSharesFlags: one flag may end a frame and begin the next, however the
// stream is cut; junk behind a frame does not take its flag.
func TestSplitterSharesFlags(t *testing.T) {
	for _, c := range []struct {
		stream string
		want   []part
	}{
		{"|a|b|c|", []part{{frame: "|a|"}, {offset: 2, frame: "|b|"}, {offset: 4, frame: "|c|"}}},
		{"|a||b|", []part{{frame: "|a|"}, {offset: 3, frame: "|b|"}}},
		{"|a|||b|c|", []part{{frame: "|a|"}, {offset: 4, frame: "|b|"}, {offset: 6, frame: "|c|"}}},
		{"|a|1|b|", []part{{frame: "|a|"}, {offset: 3, raw: "1", err: protocol.ErrMalformed}, {offset: 4, frame: "|b|"}}},
		{"1|a|1", []part{{raw: "1", err: protocol.ErrJunk}, {offset: 1, frame: "|a|"}, {offset: 4, raw: "1", err: io.ErrUnexpectedEOF}}},
		{"|a|b", []part{{frame: "|a|"}, {offset: 3, raw: "b", err: io.ErrUnexpectedEOF}}},
		{"|1|b|c|", []part{{raw: "|1", err: protocol.ErrMalformed}, {offset: 2, frame: "|b|"}, {offset: 4, frame: "|c|"}}},
	} {
		for size := 1; size <= len(c.stream); size++ {
			s := protocol.NewSplitter(protocol.Device{Codec: flagged{}, MaxFrame: 8, Shared: "|"})
			var got []part
			for chunk := range slices.Chunk([]byte(c.stream), size) {
				s.Write(chunk)
				got = append(got, drain(s)...)
				if s.Buffered() > 8 {
					t.Errorf("%q by %d: %d bytes are kept", c.stream, size, s.Buffered())
				}
			}
			s.End()
			got = append(got, drain(s)...)
			if !slices.EqualFunc(got, c.want, same) {
				t.Errorf("%q by %d gives\n%v\nwant\n%v", c.stream, size, got, c.want)
			}
		}
	}
	s := protocol.NewSplitter(protocol.Device{Codec: flagged{}, MaxFrame: 8, Shared: "|"})
	for _, c := range []byte("|a|" + strings.Repeat("b", 30) + "||c|") { // too long
		s.Write([]byte{c})
		if got := drain(s); s.Buffered() > 8 {
			t.Errorf("%d bytes are kept, %v", s.Buffered(), got)
		} else if c == 'c' && len(got) > 0 {
			t.Errorf("behind a frame that is too long: %v", got)
		}
	}
	s = protocol.NewSplitter(protocol.Device{Codec: flagged{}, MaxFrame: 8})
	s.Write([]byte("|a|b|"))
	if got := drain(s); len(got) == 0 || got[len(got)-1].err == nil {
		t.Errorf("where no flag is shared: %v", got)
	}
}

// broken is a codec whose Split breaks its contract.
type broken struct {
	protocol.Codec
	n     func(b []byte) int
	frame []byte
}

func (c broken) Split(b []byte) ([]byte, int, error) { return c.frame, c.n(b), nil }

func TestSplitterSurvivesABrokenCodec(t *testing.T) {
	for _, c := range []struct {
		name string
		n    func([]byte) int
	}{
		{"below zero", func([]byte) int { return -1 }},
		{"above the data", func(b []byte) int { return len(b) + 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := protocol.NewSplitter(protocol.Device{Codec: broken{n: c.n}, MaxFrame: 8})
			s.Write([]byte("abcdef"))
			want := []part{{raw: "abcdef", err: protocol.ErrMalformed}}
			if got := drain(s); !slices.EqualFunc(got, want, same) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestSplitterIsBounded: whatever comes, no more than MaxFrame bytes stay and
// every byte is told once.
func TestSplitterIsBounded(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	d := sample.Device()
	s := protocol.NewSplitter(d)
	next, total := int64(0), 0
	for range 2000 {
		chunk := make([]byte, rnd.IntN(300))
		for i := range chunk {
			chunk[i] = "#*ab,01\r\n\x00\xff"[rnd.IntN(11)]
		}
		total += len(chunk)
		s.Write(chunk)
		for _, p := range drain(s) {
			if p.offset < next {
				t.Fatalf("%v begins before the end of the last part, %d", p, next)
			}
			if len(p.raw) > d.MaxFrame || len(p.frame) > d.MaxFrame {
				t.Fatalf("%v is longer than MaxFrame", p)
			}
			next = p.offset + int64(len(p.frame)+len(p.raw))
		}
		if s.Buffered() > d.MaxFrame {
			t.Fatalf("%d bytes are kept", s.Buffered())
		}
	}
	if int64(total) < next {
		t.Errorf("%d bytes were told of %d", next, total)
	}
}

func TestSplitterDoesNotAllocate(t *testing.T) {
	s := protocol.NewSplitter(sample.Device())
	stream := []byte(good1 + good2)
	if n := testing.AllocsPerRun(100, func() {
		s.Write(stream)
		for {
			if _, _, ok, _ := s.Next(); !ok {
				break
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for two good frames", n)
	}
}

func TestDecoder(t *testing.T) {
	stream := "junk" + good1 + "#alive,x*00\r\n" + good2 + "#ali"
	cut := errors.New("cable cut")
	for _, c := range []struct {
		name string
		r    io.Reader
		end  error
	}{
		{"whole", strings.NewReader(stream), io.EOF},
		{"byte by byte", iotest.OneByteReader(strings.NewReader(stream)), io.EOF},
		{"data with the end", iotest.DataErrReader(strings.NewReader(stream)), io.EOF},
		{"another error", io.MultiReader(strings.NewReader(stream), iotest.ErrReader(cut)), cut},
		{"no progress", io.MultiReader(strings.NewReader(stream), stalled{}), io.ErrNoProgress},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := protocol.NewDecoder(c.r, sample.Device())
			var types []string
			var errs []error
			var end error
			next := int64(0)
			for end == nil {
				f, err := d.Next()
				var ferr *protocol.FrameError
				switch {
				case errors.As(err, &ferr):
					errs = append(errs, err)
					if ferr.Offset != next || !strings.HasPrefix(stream[ferr.Offset:], string(ferr.Raw)) {
						t.Errorf("%q at %d, expected at %d", ferr.Raw, ferr.Offset, next)
					}
					next += int64(len(ferr.Raw))
				case err != nil:
					end = err
				default:
					types = append(types, f.Message.Type())
					if f.Offset != next || !strings.HasPrefix(stream[f.Offset:], string(f.Raw)) {
						t.Errorf("%q at %d, expected at %d", f.Raw, f.Offset, next)
					}
					next += int64(len(f.Raw))
				}
			}
			if !slices.Equal(types, []string{"alive", "ack"}) {
				t.Errorf("messages %v", types)
			}
			if !errors.Is(end, c.end) {
				t.Errorf("ends with %v, want %v", end, c.end)
			}
			if _, again := d.Next(); !errors.Is(again, c.end) {
				t.Errorf("then gives %v", again)
			}
			if next != int64(len(stream)) {
				t.Errorf("told of %d bytes of %d", next, len(stream))
			}
			all := errors.Join(errs...)
			for _, want := range []error{protocol.ErrJunk, protocol.ErrChecksum, io.ErrUnexpectedEOF} {
				if !errors.Is(all, want) {
					t.Errorf("errors %v lack %v", errs, want)
				}
			}
		})
	}
}

// stalled gives neither bytes nor an error.
type stalled struct{}

func (stalled) Read([]byte) (int, error) { return 0, nil }

func TestDecoderFramesOwnTheirMemory(t *testing.T) {
	d := protocol.NewDecoder(iotest.OneByteReader(strings.NewReader(good1+good2)), sample.Device())
	f, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Next(); err != nil {
		t.Fatal(err)
	}
	if string(f.Raw) != good1 {
		t.Errorf("the first frame now holds %q", f.Raw)
	}
}

// FuzzDecoder: for any stream, every byte between the parts is one that means
// nothing, and the parts do not depend on how the stream is cut.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte(good1 + good2))
	f.Add([]byte("junk" + good1 + "\r\n#" + good2))
	f.Add([]byte("#" + strings.Repeat("x", 300)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		read := func(r io.Reader) (frames []string) {
			d := protocol.NewDecoder(r, sample.Device())
			for next := int64(0); ; {
				fr, err := d.Next()
				var ferr *protocol.FrameError
				off, raw := fr.Offset, fr.Raw
				if errors.As(err, &ferr) {
					off, raw = ferr.Offset, ferr.Raw
				} else if err != nil {
					return frames
				} else {
					frames = append(frames, string(raw))
				}
				if off < next || !bytes.HasPrefix(stream[off:], raw) || len(raw) == 0 {
					t.Fatalf("part %q at %d, the last ended at %d", raw, off, next)
				}
				next = off + int64(len(raw))
			}
		}
		whole := read(bytes.NewReader(stream))
		if single := read(iotest.OneByteReader(bytes.NewReader(stream))); !slices.Equal(whole, single) {
			t.Errorf("whole gives %q, byte by byte %q", whole, single)
		}
	})
}

func TestRegistry(t *testing.T) {
	d := sample.Device()
	other := d
	other.Name = "other"
	bare := func(f func(*protocol.Device)) protocol.Device {
		d := sample.Device()
		f(&d)
		return d
	}
	for _, c := range []struct {
		name string
		list []protocol.Device
		want string // in the error
	}{
		{"two", []protocol.Device{d, other}, ""},
		{"none", nil, ""},
		{"twice", []protocol.Device{d, d}, "twice"},
		{"no name", []protocol.Device{bare(func(d *protocol.Device) { d.Name = "" })}, "no name"},
		{"no codec", []protocol.Device{bare(func(d *protocol.Device) { d.Codec = nil })}, "incomplete"},
		{"no sessions", []protocol.Device{bare(func(d *protocol.Device) { d.Sessions = nil })}, "incomplete"},
		{"no simulator", []protocol.Device{bare(func(d *protocol.Device) { d.Simulator = nil })}, "incomplete"},
		{"no match", []protocol.Device{bare(func(d *protocol.Device) { d.Match = nil })}, "incomplete"},
		{"no bound", []protocol.Device{bare(func(d *protocol.Device) { d.MaxFrame = 0 })}, "MaxFrame"},
	} {
		_, err := protocol.NewRegistry(c.list...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	r, err := protocol.NewRegistry(d, other)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Device("other"); err != nil || got.Name != "other" {
		t.Errorf("Device = %q, %v", got.Name, err)
	}
	if _, err := r.Device("gone"); err == nil || !strings.Contains(err.Error(), "sample other") {
		t.Errorf("an unknown name gives %v", err)
	}
	r.All()[0].Name = "changed"
	if r.All()[0].Name != "sample" {
		t.Error("All gives away the registry's own list")
	}
	if c, ok := d.Relax().Codec.(sample.Codec); !ok || !c.Relaxed {
		t.Error("Relax keeps the strict codec")
	}
	other.Relaxed = nil
	if c, ok := other.Relax().Codec.(sample.Codec); !ok || c.Relaxed {
		t.Error("Relax without a relaxed codec changes the codec")
	}
}

func ExampleDecoder() {
	stream := strings.NewReader("noise#strap,990000000000017,1773480413,1*47\r\n#ack,0*00\r\n")
	d := protocol.NewDecoder(stream, sample.Device())
	for {
		f, err := d.Next()
		var part *protocol.FrameError
		switch {
		case errors.As(err, &part):
			fmt.Println("lost:", part)
		case err != nil:
			fmt.Println("end:", err)
			return
		default:
			fmt.Printf("%d: %s %+v\n", f.Offset, f.Message.Type(), f.Message)
		}
	}
	// Output:
	// lost: protocol: junk between frames (5 bytes at stream offset 0)
	// 5: strap &{Identity:990000000000017 At:1773480413 Open:true}
	// lost: protocol: wrong checksum: found 0x0000, expected 0x0075 (XOR-8) at byte 7 (11 bytes at stream offset 45)
	// end: EOF
}

// longest is a codec that looks for an end in all that it is given, and has none.
type longest struct {
	sample.Codec
	seen *int
}

func (c longest) Split(b []byte) ([]byte, int, error) {
	*c.seen = max(*c.seen, len(b))
	return nil, 0, nil
}

// However much is written at once, a codec is handed what a connection would have
// read: else what is long takes time by the square of its length.
func TestSplitterHandsOverNoMoreThanARead(t *testing.T) {
	d, seen := sample.Device(), 0
	d.Codec = longest{seen: &seen}
	s := protocol.NewSplitter(d)
	s.Write(make([]byte, 100_000))
	junk := 0
	for {
		_, _, ok, ferr := s.Next()
		if !ok {
			break
		}
		if !errors.Is(ferr.Err, protocol.ErrFrameTooLong) {
			t.Fatal(ferr)
		}
		junk++
	}
	if most := d.MaxFrame + 4096; seen != most || junk != 1 || s.Buffered() != d.MaxFrame {
		t.Errorf("Split saw %d bytes, not %d; %d errors; %d bytes wait", seen, most, junk, s.Buffered())
	}
}
