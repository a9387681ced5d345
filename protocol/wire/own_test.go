package wire_test

import (
	"strings"
	"testing"

	"github.com/sargas-em/em/protocol/wire"
)

// pair is a message of two fields.
type pair struct{ A, B string }

func readPair(frame []byte, memory *wire.Memory) *pair {
	var c wire.Cursor
	c.Begin(frame, memory)
	p := wire.Own[pair](&c)
	p.A = c.FieldText(',', "a")
	p.B = c.Text(c.Len(), "b")
	return p
}

// TestOwn: texts do not alias the frame, whatever its length, and a message is
// one allocation, or none with the caller's memory.
func TestOwn(t *testing.T) {
	for _, n := range []int{0, 1, 60, 61, 62, 63, 64, 124, 126, 128, 252, 254, 256, 300, 1100} {
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
		if len(frame) > 1024 {
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
	var c wire.Cursor
	c.Begin([]byte("long enough"), &memory)
	o := wire.Own[other](&c)
	if o.N != 0 {
		t.Error("another type starts with something")
	}
	o.N = 7
	c = wire.Cursor{}
	c.Begin([]byte("x"), &memory)
	if again := wire.Own[pair](&c); *again != (pair{}) || again != p {
		t.Errorf("the message starts as %+v", *again)
	}
	if again := wire.Own[other](&c); again.N != 0 || again != o {
		t.Errorf("the other message starts as %+v", *again)
	}
}

// batch is a message with a list, data, and a number that is sent as bytes.
type batch struct {
	ID    string
	Items []item
}

type item struct {
	Name string
	Data []byte
}

// readBatch reads a byte of a number and items: a sign and two bytes each.
func readBatch(frame []byte, memory *wire.Memory) *batch {
	var c wire.Cursor
	c.Begin(frame, memory)
	c.Spare(2)
	b, items := wire.OwnList[batch, item](&c, (len(frame)-1)/3)
	b.ID = c.Digits(c.Bytes(1, "id"))
	for c.Len() > 0 {
		items = append(items, item{c.Text(1, "name"), c.Data(2, "data")})
		b.Items = items
	}
	return b
}

// TestOwnList: lists and what is in them are of the message's one block, or of the
// memory, and share nothing with the frame or with each other.
func TestOwnList(t *testing.T) {
	var memory wire.Memory
	for _, n := range []int{0, 1, 4, 5, 12, 13, 32, 33, 2} {
		frame := []byte("\xA7" + strings.Repeat("nxy", n))
		for name, m := range map[string]*wire.Memory{"own": nil, "reused": &memory} {
			b := readBatch(frame, m)
			for i := range frame {
				frame[i] = '!'
			}
			if b.ID != "a7" || len(b.Items) != n || n == 0 && b.Items != nil {
				t.Errorf("%s, %d items: %+v", name, n, b)
			}
			for i := range b.Items {
				_ = append(b.Items[i].Data, 'Z') // reaches no other
			}
			for i, it := range b.Items {
				if it.Name != "n" || string(it.Data) != "xy" {
					t.Errorf("%s, item %d of %d: %q %q", name, i, n, it.Name, it.Data)
				}
			}
			copy(frame, "\xA7"+strings.Repeat("nxy", n))
		}
		want := 1.0
		if n > 32 {
			want = 2 // the list is one of its own
		}
		if got := testing.AllocsPerRun(100, func() { readBatch(frame, nil) }); got != want {
			t.Errorf("%d items: %v allocations, want %v", n, got, want)
		}
		if got := testing.AllocsPerRun(100, func() { readBatch(frame, &memory) }); got != 0 {
			t.Errorf("%d items: %v allocations with memory", n, got)
		}
	}
}

// TestLists: the lists of one message have places of their own in the memory, and
// the next message takes them over.
func TestLists(t *testing.T) {
	var memory wire.Memory
	read := func(first, second int) (a, b []int) {
		var c wire.Cursor
		c.Begin(nil, &memory)
		wire.Own[pair](&c)
		a, b = wire.List[int](&c, first), wire.List[int](&c, second)
		for i := range first {
			a = append(a, i)
		}
		for i := range second {
			b = append(b, -i)
		}
		return a, b
	}
	for _, n := range [][2]int{{1, 1}, {3, 5}, {0, 7}, {20, 2}, {2, 20}} {
		a, b := read(n[0], n[1])
		if len(a) != n[0] || len(b) != n[1] || cap(a) != n[0] || cap(b) != n[1] {
			t.Fatalf("%v: %d of %d and %d of %d", n, len(a), cap(a), len(b), cap(b))
		}
		for i, v := range a {
			if v != i {
				t.Errorf("%v: the first list is %v", n, a)
			}
		}
		for i, v := range b {
			if v != -i {
				t.Errorf("%v: the second list is %v", n, b)
			}
		}
	}
	if got := testing.AllocsPerRun(100, func() { read(20, 20); read(3, 4) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestOwnedWithoutOwn(t *testing.T) {
	frame := []byte("ab\x01\x99cd")
	c := wire.New(frame)
	if s := c.Digits([]byte{0x01, 0xFE}); s != "01fe" {
		t.Errorf("digits %q", s)
	}
	data := c.Data(2, "data")
	digits := c.BCD(2, "digits")
	if got := string(c.Ahead()); got != "cd" {
		t.Errorf("ahead %q", got)
	}
	rest := c.RestData("rest")
	text := c.TextAt(0, 2)
	for i := range frame {
		frame[i] = '!'
	}
	if string(data) != "ab" || digits != "0199" || string(rest) != "cd" || text != "ab" || c.Err() != nil {
		t.Errorf("%q %q %q %q, %v", data, digits, rest, text, c.Err())
	}
	if c.RestData("nothing") != nil || c.Data(0, "nothing") != nil || c.Err() != nil {
		t.Error("no bytes are not nil")
	}
	if c.Data(1, "beyond") != nil || c.Err() == nil || c.Ahead() != nil {
		t.Error("data beyond the end is no error")
	}
}

func TestScratch(t *testing.T) {
	var none *wire.Memory
	if b := none.Scratch(5); len(b) != 0 || cap(b) != 5 {
		t.Errorf("%d of %d", len(b), cap(b))
	}
	var memory wire.Memory
	if b := memory.Scratch(9); len(b) != 0 || cap(b) < 9 {
		t.Errorf("%d of %d", len(b), cap(b))
	}
	if got := testing.AllocsPerRun(100, func() { memory.Scratch(3) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestOwnFrame: a cursor that has begun with nothing reads the message's copy, and the
// frame, here on the stack, can be used again.
func TestOwnFrame(t *testing.T) {
	type note struct {
		Code uint8
		Text string
		Data []byte
	}
	var memory wire.Memory
	read := func(m *wire.Memory) (n *note, list []uint16, err error) {
		var frame [5]byte
		copy(frame[:], "\x07abcd")
		var c wire.Cursor
		c.Begin(nil, m)
		n, list = wire.OwnFrameList[note, uint16](&c, frame[:], 2)
		clear(frame[:])
		n.Code, n.Text, n.Data = c.U8("code"), c.Text(2, "text"), c.RestData("data")
		return n, append(list, 1, 2), c.Err()
	}
	for _, m := range []*wire.Memory{nil, &memory} {
		n, list, err := read(m)
		if err != nil || n.Code != 7 || n.Text != "ab" || string(n.Data) != "cd" || len(list) != 2 {
			t.Errorf("%+v, %v, %v", n, list, err)
		}
		want := 1.0
		if m != nil {
			want = 0
		}
		if got := testing.AllocsPerRun(100, func() { _, _, _ = read(m) }); got != want {
			t.Errorf("%v allocations, want %v", got, want)
		}
	}
	var c wire.Cursor
	c.Begin(nil, nil)
	wire.OwnFrame[note](&c, []byte{1})
	if c.U16("word"); c.Err() == nil || c.Err().Error() != "word at byte 0: truncated" {
		t.Errorf("a short frame: %v", c.Err())
	}
}
