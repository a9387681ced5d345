package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sargas-em/em/protocol/wire"
)

// reads are all ways to take bytes, each with a frame that holds exactly one
// value; the values were worked out by hand.
var reads = []struct {
	name  string
	frame string
	read  func(*wire.Cursor) any
	want  any
}{
	{"U8", "\xfe", func(c *wire.Cursor) any { return c.U8("f") }, uint8(254)},
	{"U16", "\x01\x02", func(c *wire.Cursor) any { return c.U16("f") }, uint16(258)},
	{"U24", "\x01\x02\x03", func(c *wire.Cursor) any { return c.U24("f") }, uint32(66051)},
	{"U32", "\x80\x00\x00\x01", func(c *wire.Cursor) any { return c.U32("f") }, uint32(2147483649)},
	{"U64", "\x01\x00\x00\x00\x00\x00\x00\x02", func(c *wire.Cursor) any { return c.U64("f") }, uint64(72057594037927938)},
	{"LE16", "\x01\x02", func(c *wire.Cursor) any { return c.LE16("f") }, uint16(513)},
	{"LE32", "\x01\x00\x00\x80", func(c *wire.Cursor) any { return c.LE32("f") }, uint32(2147483649)},
	{"Bytes", "\x00\xff\x10", func(c *wire.Cursor) any { return string(c.Bytes(3, "f")) }, "\x00\xff\x10"},
	{"Bytes, long", strings.Repeat("\xab", 40), func(c *wire.Cursor) any { return len(c.Bytes(40, "f")) }, 40},
	{"Rest", "\x01\x02", func(c *wire.Cursor) any { return string(c.Rest("f")) }, "\x01\x02"},
	{"Text", "a\"\xff", func(c *wire.Cursor) any { return c.Text(3, "f") }, "a\"\xff"},
	{"Chars", "a\"\xff", func(c *wire.Cursor) any { return string(c.Chars(3, "f")) }, "a\"\xff"},
	{"BCD", "\x09\x90\x17", func(c *wire.Cursor) any { return c.BCD(3, "f") }, "099017"},
	{"Field to a separator", "ab,", func(c *wire.Cursor) any { return string(c.Field(',', "f")) }, "ab"},
	{"Field to the end", "ab", func(c *wire.Cursor) any { return string(c.Field(',', "f")) }, "ab"},
	{"Field, empty", ",", func(c *wire.Cursor) any { return string(c.Field(',', "f")) }, ""},
	{"Expect text", "$AV", func(c *wire.Cursor) any { c.Expect("$AV", "f"); return nil }, nil},
	{"Expect bytes", "\x78\x78", func(c *wire.Cursor) any { c.Expect("\x78\x78", "f"); return nil }, nil},
	{"Expect binary", "\x0d\x0a", func(c *wire.Cursor) any { c.Expect("\r\n", "f"); return nil }, nil},
}

func TestReads(t *testing.T) {
	for _, r := range reads {
		t.Run(r.name, func(t *testing.T) {
			c := wire.New([]byte(r.frame))
			if got := r.read(&c); got != r.want || c.Err() != nil {
				t.Errorf("got %v, %v; want %v", got, c.Err(), r.want)
			}
			if c.Pos() != len(r.frame) || c.Len() != 0 {
				t.Errorf("at byte %d with %d left", c.Pos(), c.Len())
			}
		})
	}
}

// TestTruncation: a frame that ends inside the field is an error that names the
// field and its first byte; the value is zero, nothing is taken, and later
// reads do nothing.
func TestTruncation(t *testing.T) {
	for _, r := range reads {
		if strings.HasPrefix(r.name, "Field") || r.name == "Rest" {
			continue // they end where the data does
		}
		t.Run(r.name, func(t *testing.T) {
			for n := range len(r.frame) {
				c := wire.New([]byte("\x00" + r.frame[:n]))
				c.U8("before")
				zero := r.read(&c)
				var fe *wire.FieldError
				if err := c.Err(); !errors.As(err, &fe) || !errors.Is(err, wire.ErrTruncated) || fe.Field != "f" || fe.Offset != 1 {
					t.Fatalf("with %d of %d bytes: %v", n, len(r.frame), c.Err())
				}
				if s := fmt.Sprint(zero); s != "0" && s != "" && s != "<nil>" {
					t.Errorf("with %d of %d bytes the value is %v", n, len(r.frame), zero)
				}
				first := c.Err()
				c.U8("after")
				c.Field(',', "after")
				c.Fail("after", wire.ErrValue)
				if c.Err() != first || c.Len() != 0 || c.Rest("after") != nil {
					t.Errorf("the first error does not stay: %v", c.Err())
				}
			}
		})
	}
	var empty wire.Cursor
	if empty.U8("f"); !errors.Is(empty.Err(), wire.ErrTruncated) {
		t.Errorf("the zero cursor gives %v", empty.Err())
	}
	c := wire.New([]byte("abc"))
	if c.Bytes(-1, "f"); !errors.Is(c.Err(), wire.ErrTruncated) {
		t.Errorf("a negative count gives %v", c.Err())
	}
}

func TestBadValues(t *testing.T) {
	for _, c := range []struct {
		name string
		read func(*wire.Cursor)
		want string
	}{
		{"BCD", func(c *wire.Cursor) { c.BCD(2, "phone") }, "phone at byte 1: bad value: 616d is not decimal"},
		{"Expect", func(c *wire.Cursor) { c.Expect("aX", "head") }, "head at byte 1: bad value: found 616d, expected 6158"},
		{"Fail", func(c *wire.Cursor) { c.Fail("tail", wire.ErrValue) }, "tail at byte 1: bad value"},
		{"FailAt", func(c *wire.Cursor) { c.FailAt("sum", 7, wire.ErrValue) }, "sum at byte 7: bad value"},
	} {
		cur := wire.New([]byte("-am"))
		cur.U8("first")
		c.read(&cur)
		if err := cur.Err(); err == nil || err.Error() != c.want || !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		frame string
		want  string // the fields, each with a bar behind it
	}{
		{"", ""},
		{"a", "a|"},
		{"a,b", "a|b|"},
		{"a,,b", "a||b|"},
		{"a,", "a||"},
		{",", "||"},
		{",,", "|||"},
	} {
		cur := wire.New([]byte(c.frame))
		got := ""
		for range 10 {
			f := cur.Field(',', "f")
			if cur.Err() != nil {
				break
			}
			got += string(f) + "|"
		}
		if got != c.want || !errors.Is(cur.Err(), wire.ErrTruncated) {
			t.Errorf("%q: %q, want %q, and then %v", c.frame, got, c.want, cur.Err())
		}
	}
}

func TestFieldsText(t *testing.T) {
	for _, c := range []struct {
		frame, want string // behind the first field
		more        bool
		fails       bool
	}{
		{"a", "", false, false},
		{"a,", ",", true, false},
		{"a,b", ",b", true, false},
		{"a,b,,c,", ",b,,c,", true, false},
		{"", "", false, true},
		{",", ",", true, false},
		{",,", ",,", true, false},
	} {
		cur := wire.New([]byte(c.frame))
		cur.Field(',', "first")
		if more := cur.More(','); more != c.more {
			t.Errorf("%q: more behind the first field: %v", c.frame, more)
		}
		if got := cur.FieldsText(',', "rest"); got != c.want || (cur.Err() != nil) != c.fails || cur.Len() != 0 || cur.Err() == nil && cur.Pos() != len(c.frame) {
			t.Errorf("%q: %q up to byte %d (%v), want %q", c.frame, got, cur.Pos(), cur.Err(), c.want)
		}
	}
	// The empty last field is there once.
	cur := wire.New([]byte("a,"))
	cur.Field(',', "first")
	if cur.Field(',', "last"); cur.More(',') || cur.Err() != nil {
		t.Errorf("more behind the last field (%v)", cur.Err())
	}
	if got := cur.FieldsText(',', "rest"); got != "" || !errors.Is(cur.Err(), wire.ErrTruncated) {
		t.Errorf("%q behind the last field, and %v", got, cur.Err())
	}
}

func TestLimit(t *testing.T) {
	c := wire.New([]byte("abcdef"))
	c.U8("head")
	outer := c.Limit(3, "body")
	if c.Len() != 3 {
		t.Errorf("%d bytes left within the limit", c.Len())
	}
	inner := c.Limit(2, "inner")
	if got := string(c.Rest("inner")); got != "bc" {
		t.Errorf("inner rest %q", got)
	}
	c.Restore(inner)
	if got := string(c.Field(',', "field")); got != "d" {
		t.Errorf("field %q", got)
	}
	if c.Rest("nothing") != nil || c.Err() != nil {
		t.Errorf("the rest of nothing gives %v", c.Err())
	}
	c.Restore(outer)
	if got := c.Text(2, "tail"); got != "ef" || c.Err() != nil {
		t.Errorf("tail %q, %v", got, c.Err())
	}

	for _, n := range []int{-1, 7} {
		c := wire.New([]byte("abcdef"))
		outer := c.Limit(n, "body")
		c.Restore(outer)
		if !errors.Is(c.Err(), wire.ErrTruncated) {
			t.Errorf("Limit(%d) gives %v", n, c.Err())
		}
	}

	within := wire.New([]byte("abcdef"))
	within.Limit(1, "body")
	if within.U16("f"); !errors.Is(within.Err(), wire.ErrTruncated) {
		t.Errorf("a read beyond the limit gives %v", within.Err())
	}
}

// TestSlicesCannotReachTheFrame: appending to a result leaves the frame alone.
func TestSlicesCannotReachTheFrame(t *testing.T) {
	frame := []byte("ab,cd")
	c := wire.New(frame)
	_ = append(c.Field(',', "f"), 'X')
	_ = append(c.Bytes(1, "f"), 'X')
	if string(frame) != "ab,cd" {
		t.Errorf("the frame is now %q", frame)
	}
}

func TestDoesNotAllocate(t *testing.T) {
	frame := []byte("\x01\x02\x03\x04,field,")
	if n := testing.AllocsPerRun(100, func() {
		c := wire.New(frame)
		c.U16("a")
		c.LE16("b")
		c.Field(',', "c")
		c.Field(',', "d")
		if c.Err() != nil {
			t.Fatal(c.Err())
		}
	}); n != 0 {
		t.Errorf("%v allocations to read a frame", n)
	}
}

// FuzzCursor makes reads in any order: none panics or goes back, and after an error
// nothing is read.
func FuzzCursor(f *testing.F) {
	f.Add([]byte("\x01\x02,\x03,"), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Fuzz(func(t *testing.T, frame, program []byte) {
		func() {
			c := wire.New(frame)
			for i, op := range program {
				n, at, failed := i%5, c.Pos(), c.Err() != nil
				got := ""
				switch op % 14 {
				case 0:
					got += fmt.Sprint(c.U8("f"))
				case 1:
					got += fmt.Sprint(c.U16("f"))
				case 2:
					got += fmt.Sprint(c.U24("f"))
				case 3:
					got += fmt.Sprint(c.U32("f"))
				case 4:
					got += fmt.Sprint(c.U64("f"))
				case 5:
					got += fmt.Sprint(c.LE16("f"), c.LE32("f"))
				case 6:
					got += fmt.Sprint(c.Bytes(n-1, "f"))
				case 7:
					got += c.Text(n, "f")
				case 8:
					got += c.BCD(n, "f")
				case 9:
					got += string(c.Field(',', "f"))
				case 10:
					c.Expect(string(program[:n]), "f")
				case 11:
					defer c.Restore(c.Limit(n, "f"))
				case 12:
					c.Restore(c.Limit(n, "f"))
				case 13:
					got += string(c.Rest("f"))
				}
				if c.Pos() < at || c.Pos() > len(frame) || failed && (c.Pos() != at || strings.Trim(got, "[]0 ") != "") {
					t.Fatalf("operation %d from byte %d to %d, after an error %t: %q", op%14, at, c.Pos(), failed, got)
				}
			}
		}()
	})
}

func ExampleCursor() {
	c := wire.New([]byte("\x01\x00\x11\x09\x90OK"))
	typ := c.U8("type")
	length := c.U16("length")
	phone := c.BCD(2, "phone")
	rest := c.Text(8, "status")
	fmt.Println(typ, length, phone, rest == "", c.Err())
	// Output:
	// 1 17 0990 true status at byte 5: truncated
}
