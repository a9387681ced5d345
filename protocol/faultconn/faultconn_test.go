package faultconn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a dialect of text lines: "\n" ends a frame, "#" is junk.
func lines(b []byte) ([]byte, int, error) {
	if b[0] == '#' {
		return nil, 1, errors.New("junk")
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], i + 1, nil
	}
	return nil, 0, nil
}

// buffer is a connection that keeps what is written, call by call, and has input.
type buffer struct {
	in     io.Reader
	writes [][]byte
	closed bool
}

func (b *buffer) Read(p []byte) (int, error) { return b.in.Read(p) }
func (b *buffer) Write(p []byte) (int, error) {
	if b.closed {
		return 0, net.ErrClosed
	}
	b.writes = append(b.writes, bytes.Clone(p))
	return len(p), nil
}
func (b *buffer) Close() error                     { b.closed = true; return nil }
func (b *buffer) SetReadDeadline(time.Time) error  { return nil }
func (b *buffer) SetWriteDeadline(time.Time) error { return nil }
func (b *buffer) text() string                     { return string(bytes.Join(b.writes, nil)) }

// Certain faults have outcomes that can be worked out by hand.
func TestCertainFaults(t *testing.T) {
	for _, c := range []struct {
		name     string
		faults   Faults
		unframed bool
		in, want string
		told     string
		err      error
	}{
		{"none", Faults{}, false, "a\nbb\n", "a\nbb\n", "", nil},
		{"drop all but the login", Faults{Drop: 1, Spare: 1}, false, "a\nbb\nccc\n", "a\n", "1 drop, 2 drop", nil},
		{"duplicate", Faults{Duplicate: 1}, false, "a\nbb\n", "a\na\nbb\nbb\n", "0 duplicate, 1 duplicate", nil},
		{"reorder swaps pairs", Faults{Reorder: 1}, false, "a\nb\nc\nd\n", "b\na\nd\nc\n", "0 reorder, 2 reorder", nil},
		{"reorder holds the last back", Faults{Reorder: 1}, false, "a\nb\nc\n", "b\na\n", "0 reorder, 2 reorder", nil},
		{"doubled frames change places", Faults{Reorder: 1, Duplicate: 1}, false, "a\nb\n", "b\nb\na\na\n", "0 duplicate, 0 reorder, 1 duplicate", nil},
		{"lost is lost", Faults{Drop: 1, Duplicate: 1, Reorder: 1, Flip: 1}, false, "a\n", "", "0 drop", nil},
		{"junk is left alone", Faults{Drop: 1}, false, "##a\n#", "###", "0 drop", nil},
		{"half a frame waits", Faults{}, false, "a\nb", "a\n", "", nil},
		{"no frame is that long", Faults{Drop: 1}, false, strings.Repeat("x", 20), strings.Repeat("x", 20), "", nil},
		{"drop of cells", Faults{Drop: 1, Spare: 1}, true, strings.Repeat("x", 16) + strings.Repeat("y", 40), strings.Repeat("x", 16), "1 drop, 2 drop, 3 drop", nil},
		{"cells do not wait", Faults{}, true, "abc", "abc", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &buffer{}
			var told []string
			config := Config{Seed: 1, Write: c.faults, Split: lines, MaxFrame: 10, OnFault: func(f Fault) { told = append(told, fmt.Sprint(f.Unit, " ", f.Kind)) }}
			if c.unframed {
				config.Split = nil
			}
			conn, err := New(b, config)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Write([]byte(c.in)); err != c.err || err == nil && n != len(c.in) {
				t.Errorf("Write: %d, %v", n, err)
			}
			if got := b.text(); got != c.want {
				t.Errorf("written %q, want %q", got, c.want)
			}
			if got := strings.Join(told, ", "); got != c.told {
				t.Errorf("told %q, want %q", got, c.told)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A flip changes one bit of each frame or cell; a cut leaves a part of the first
// and closes the connection.
func TestFlipAndCut(t *testing.T) {
	in := []byte("abcdefg\nhijklmn\n0123456\n")
	for _, split := range []func([]byte) ([]byte, int, error){lines, nil} {
		size := 8
		if split == nil {
			size = cell
			in = bytes.Repeat([]byte("0123456789abcdef"), 3)
		}
		for seed := range uint64(50) {
			b := &buffer{}
			conn, err := New(b, Config{Seed: seed, Write: Faults{Flip: 1}, Split: split})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(in); err != nil {
				t.Fatal(err)
			}
			got := []byte(b.text())
			if len(got) != len(in) {
				t.Fatalf("seed %d: %d bytes became %d", seed, len(in), len(got))
			}
			for unit := 0; unit < len(in); unit += size {
				bits := 0
				for i := unit; i < unit+size; i++ {
					for x := in[i] ^ got[i]; x != 0; x &= x - 1 {
						bits++
					}
				}
				if bits != 1 {
					t.Errorf("seed %d: %d bits are wrong in the unit at byte %d", seed, bits, unit)
				}
			}

			b = &buffer{}
			conn, err = New(b, Config{Seed: seed, Write: Faults{Cut: 1, Drop: 1, Spare: 1}, Split: split})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(in); !errors.Is(err, ErrCut) {
				t.Errorf("seed %d: Write returns %v after a cut", seed, err)
			}
			if got := b.text(); !strings.HasPrefix(string(in), got) || len(got) < size || len(got) >= 2*size || !b.closed {
				t.Errorf("seed %d: %d bytes before the cut of the second unit of %d; closed %t", seed, len(got), size, b.closed)
			}
			if _, err := conn.Write(in); !errors.Is(err, ErrCut) {
				t.Errorf("seed %d: then %v", seed, err)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrCut) {
				t.Errorf("seed %d: Read returns %v", seed, err)
			}
		}
	}
}

// The outcome follows from the seed and the stream: how it was cut into writes
// and reads changes nothing, and the directions do not know each other.
func TestTimingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		framed := rapid.Bool().Draw(t, "framed")
		p := rapid.Float64Range(0, 0.5)
		f := Faults{
			Drop: p.Draw(t, "drop"), Flip: p.Draw(t, "flip"), Cut: rapid.SampledFrom([]float64{0, 0, 0.02}).Draw(t, "cut"),
			Pieces: rapid.IntRange(0, 9).Draw(t, "pieces"), Spare: rapid.IntRange(0, 3).Draw(t, "spare"),
		}
		if framed {
			f.Duplicate, f.Reorder = p.Draw(t, "duplicate"), p.Draw(t, "reorder")
		}
		seed := rapid.Uint64().Draw(t, "seed")
		var stream []byte
		for range rapid.IntRange(1, 25).Draw(t, "frames") {
			stream = append(stream, rapid.StringMatching("#?[a-z]{0,12}\n").Draw(t, "frame")...)
		}
		config := func(told *[]Fault) Config {
			c := Config{Seed: seed, Write: f, Read: f, OnFault: func(x Fault) { *told = append(*told, x) }}
			if framed {
				c.Split = lines
			}
			return c
		}
		written := func(chunk func(left int) int) (string, []Fault) {
			b, told := &buffer{}, []Fault(nil)
			conn, err := New(b, config(&told))
			if err != nil {
				t.Fatal(err)
			}
			for rest := stream; len(rest) > 0 && err == nil; {
				n := chunk(len(rest))
				_, err = conn.Write(rest[:n])
				rest = rest[n:]
			}
			return b.text(), told
		}
		read := func(chunk func(left int) int) (string, []Fault) {
			var told []Fault
			conn, err := New(&buffer{in: &chunks{stream, chunk}}, config(&told))
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for {
				p := make([]byte, chunk(40))
				n, err := conn.Read(p)
				got = append(got, p[:n]...)
				if err != nil {
					return string(got), told
				}
			}
		}
		whole := func(left int) int { return left }
		rnd := rand.New(rand.NewPCG(seed, 99))
		torn := func(left int) int { return 1 + rnd.IntN(min(left, 40)) }
		for name, f := range map[string]func(func(int) int) (string, []Fault){"written": written, "read": read} {
			a, at := f(whole)
			b, bt := f(torn)
			if a != b || !slices.Equal(at, bt) {
				t.Fatalf("%s whole %q %v\n%s torn  %q %v", name, a, at, name, b, bt)
			}
		}
	})
}

// chunks gives a stream in chunks of a function's choice.
type chunks struct {
	left  []byte
	chunk func(left int) int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.left[:min(len(p), c.chunk(len(c.left)))])
	c.left = c.left[n:]
	return n, nil
}

// As many frames are hit as the probabilities say: within four standard
// deviations of 20,000.
func TestProbabilities(t *testing.T) {
	if testing.Short() {
		t.Skip("long, in one goroutine")
	}
	const n = 20_000
	count := map[Kind]float64{}
	b := &buffer{}
	conn, err := New(b, Config{Seed: 3, Split: lines, Write: Faults{Drop: 0.02, Duplicate: 0.05, Flip: 0.1}, OnFault: func(f Fault) {
		if !f.Written {
			t.Error("a fault of what was read")
		}
		count[f.Kind]++
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(bytes.Repeat([]byte("abc\n"), n)); err != nil {
		t.Fatal(err)
	}
	for k, p := range map[Kind]float64{Dropped: 0.02, Duplicated: 0.05 * 0.98, Flipped: 0.1 * 0.98} {
		if d := math.Abs(count[k]-n*p) / math.Sqrt(n*p*(1-p)); d > 4 {
			t.Errorf("%s: %v of %d, %.1f standard deviations from %v", k, count[k], n, d, n*p)
		}
	}
}

func TestPieces(t *testing.T) {
	b := &buffer{}
	conn, err := New(b, Config{Seed: 5, Write: Faults{Pieces: 7}})
	if err != nil {
		t.Fatal(err)
	}
	in := strings.Repeat("0123456789", 100)
	if _, err := conn.Write([]byte(in)); err != nil {
		t.Fatal(err)
	}
	sizes := map[int]bool{}
	for _, w := range b.writes {
		sizes[len(w)] = true
	}
	if b.text() != in || len(sizes) != 7 || sizes[0] || !sizes[7] {
		t.Errorf("pieces of %v bytes", sizes)
	}
}

// Delays last as long as they say, end early at a deadline and at Close, and go
// on after a deadline where they were.
func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		conn, err := New(near, Config{Split: lines, Read: Faults{MinDelay: time.Second, MaxDelay: time.Second}, Write: Faults{MinDelay: time.Minute, MaxDelay: 2 * time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		got := make(chan string)
		go func() {
			b := make([]byte, 10)
			n, _ := far.Read(b)
			got <- string(b[:n])
			far.Write([]byte("x\ny\n"))
		}()
		if _, err := conn.Write([]byte("a\n")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < time.Minute || took > 2*time.Minute || <-got != "a\n" {
			t.Errorf("a write took %v", took)
		}

		start = time.Now()
		p := make([]byte, 10)
		conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := conn.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a delay beyond the deadline: %v", err)
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("the deadline came after %v", took)
		}
		conn.SetReadDeadline(time.Time{})
		for _, want := range []struct {
			text string
			at   time.Duration
		}{{"x\n", time.Second}, {"y\n", 2 * time.Second}} {
			n, err := conn.Read(p)
			if took := time.Since(start); err != nil || string(p[:n]) != want.text || took != want.at {
				t.Errorf("read %q, %v after %v; want %q after %v", p[:n], err, took, want.text, want.at)
			}
		}

		conn.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte("b\n")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write beyond its deadline: %v", err)
		}
		conn.SetWriteDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { conn.Close() })
		start = time.Now()
		if _, err := conn.Write([]byte("c\n")); !errors.Is(err, net.ErrClosed) || time.Since(start) != time.Second {
			t.Errorf("Close ends a delay with %v after %v", err, time.Since(start))
		}
	})
}

// The end of the stream delivers what waits: half a frame, and one held back.
func TestEndOfStream(t *testing.T) {
	conn, err := New(&buffer{in: strings.NewReader("a\nb\nc\nhal")}, Config{Split: lines, Read: Faults{Reorder: 1}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "b\na\nhalc\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// A cut reaches the other end as the end of the stream, and both directions here.
func TestCutOverTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	conn, err := New(raw, Config{Seed: 1, Split: lines, Write: Faults{Cut: 1, Spare: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if conn.LocalAddr().String() != raw.LocalAddr().String() || conn.RemoteAddr().String() != raw.RemoteAddr().String() {
		t.Error("the addresses are not the connection's")
	}
	read := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		read <- err
	}()
	if _, err := conn.Write([]byte("one\ntwotwotwo\n")); !errors.Is(err, ErrCut) {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, ErrCut) {
		t.Errorf("Read ends with %v", err)
	}
	got, err := io.ReadAll(far)
	if err != nil || !strings.HasPrefix("one\ntwotwotwo\n", string(got)) || len(got) < 4 || len(got) > 13 {
		t.Errorf("the other end has %q, %v", got, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// bare is a connection without deadlines and addresses.
type bare struct{ io.ReadWriteCloser }

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
		want string
	}{
		{"above one", Config{Read: Faults{Drop: 1.1}}, "Read.Drop"},
		{"no number", Config{Write: Faults{Flip: math.NaN()}}, "Write.Flip"},
		{"negative", Config{Write: Faults{Cut: -1}}, "Write.Cut"},
		{"delays", Config{Write: Faults{MinDelay: 2, MaxDelay: 1}}, "delay"},
		{"pieces", Config{Read: Faults{Pieces: -1}}, "Pieces"},
		{"no frames to reorder", Config{Read: Faults{Reorder: 0.1}}, "Split"},
		{"no frames to double", Config{Read: Faults{Duplicate: 0.1}}, "Split"},
		{"MaxFrame", Config{MaxFrame: -1}, "MaxFrame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(&buffer{}, c.c); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not speak of %q", err, c.want)
			}
		})
	}
	conn, err := New(bare{&buffer{}}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Time{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("deadlines over a connection without: %v", err)
	}
	if conn.LocalAddr().String() != "faultconn" || conn.RemoteAddr().Network() != "faultconn" {
		t.Error("addresses out of nowhere")
	}
}
