package wire_test

import (
	"strings"
	"testing"

	"github.com/sargas-em/em/protocol/wire"
)

// pair is a message of two fields.
type pair struct{ A, B string }

func readPair(frame []byte, memory *wire.Memory) *pair {
	c := wire.New(frame)
	c.Use(memory)
	p := wire.Own[pair](&c)
	p.A = c.FieldText(',', "a")
	p.B = c.Text(c.Len(), "b")
	return p
}

// TestOwn: texts do not alias the frame, whatever its length, and a message is
// one allocation, or none with the caller's memory.
func TestOwn(t *testing.T) {
	for _, n := range []int{0, 1, 60, 61, 62, 63, 64, 124, 126, 128, 252, 254, 256, 300} {
		a, b := strings.Repeat("a", n), strings.Repeat("b", max(0, 254-n))
		frame := []byte(a + "," + b)
		var memory wire.Memory
		for name, m := range map[string]*wire.Memory{"own": nil, "reused": &memory} {
			p := readPair(frame, m)
			for i := range frame {
				frame[i] = '!'
			}
			if p.A != a || p.B != b {
				t.Errorf("%s, %d bytes: %q and %q", name, len(frame), p.A, p.B)
			}
			copy(frame, a+","+b)
		}
		want := 1.0
		if len(frame) > 256 {
			want = 2
		}
		if got := testing.AllocsPerRun(100, func() { readPair(frame, nil) }); got != want {
			t.Errorf("%d bytes: %v allocations, want %v", len(frame), got, want)
		}
		if got := testing.AllocsPerRun(100, func() { readPair(frame, &memory) }); got != 0 {
			t.Errorf("%d bytes: %v allocations with memory", len(frame), got)
		}
	}
}

// TestOwnStartsEmpty: memory holds nothing of the message before, and each type
// has its own place.
func TestOwnStartsEmpty(t *testing.T) {
	type other struct{ N int }
	var memory wire.Memory
	p := readPair([]byte("a,b"), &memory)
	c := wire.New([]byte("long enough"))
	c.Use(&memory)
	o := wire.Own[other](&c)
	if o.N != 0 {
		t.Error("another type starts with something")
	}
	o.N = 7
	c = wire.New([]byte("x"))
	c.Use(&memory)
	if again := wire.Own[pair](&c); *again != (pair{}) || again != p {
		t.Errorf("the message starts as %+v", *again)
	}
	if again := wire.Own[other](&c); again.N != 0 || again != o {
		t.Errorf("the other message starts as %+v", *again)
	}
}
