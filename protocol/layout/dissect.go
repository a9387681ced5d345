package layout

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sargas-em/em/protocol/wire"
)

// unparsed is the name of what the layout does not tell.
const unparsed = "unparsed"

// Dissect tells what the bytes of a frame are, for any bytes: every byte is in
// exactly one span, in order, and no span is empty. It takes time and memory in
// proportion to the frame, but for expressions that search it.
func (l *Layout) Dissect(frame []byte) []wire.Span {
	spans, _ := l.dissect(frame)
	return spans
}

// FieldAt returns the name of the field that holds the byte at an offset; other is
// what it returns where the layout tells none. It is for errors: a decoder that
// finds what may stand nowhere in a frame names the field as Dissect does.
func (l *Layout) FieldAt(frame []byte, offset int, other string) string {
	for _, s := range l.Dissect(frame) {
		if s.Offset <= offset && offset < s.Offset+s.Len && s.Name != unparsed {
			return s.Name
		}
	}
	return other
}

// Info tells what kind of frame it is, in the words of the fields that are Titles;
// empty for none.
func (l *Layout) Info(frame []byte) string {
	_, titles := l.dissect(frame)
	return strings.Join(titles, ", ")
}

func (l *Layout) dissect(frame []byte) ([]wire.Span, []string) {
	r := run{vars: make([]value, l.slots), spans: make([]wire.Span, 0, min(len(frame), 24))}
	r.buf, r.end = frame, len(frame)
	r.all(l.fields)
	r.close()
	return r.spans, r.titles
}

// source is the bytes that nodes read: the frame, or a range of it in plain bytes.
type source struct {
	buf      []byte
	at       []int // where each byte and the end stand in the frame; nil: in place
	pos, end int
}

// run is one walk over a frame.
type run struct {
	source
	vars   []value
	spans  []wire.Span
	titles []string
	short  bool // an expression wanted bytes that are not there
}

// place is where a position stands in the frame.
func (s *source) place(pos int) int {
	if s.at == nil {
		return pos
	}
	return s.at[pos]
}

func (r *run) span(n int, name, value, note string) {
	from := r.place(r.pos)
	r.pos += n
	if size := r.place(r.pos) - from; size > 0 {
		r.spans = append(r.spans, wire.Span{Offset: from, Len: size, Name: name, Value: value, Note: note})
	}
}

// close tells what is left of a range.
func (r *run) close() {
	if r.pos < r.end {
		r.span(r.end-r.pos, unparsed, hexText(r.buf[r.pos:r.end]), "")
	}
}

// all walks nodes; false ends the range.
func (r *run) all(nodes []*node) bool {
	for _, n := range nodes {
		if !r.node(n) {
			return false
		}
	}
	return true
}

func (r *run) node(n *node) bool {
	switch n.op {
	case opLet:
		r.vars[n.slots[0]] = r.eval(n.sizeX)
		return true
	case opFail:
		return false
	case opIf:
		return r.eval(n.condX).n == 0 || r.all(n.children)
	case opSwitch:
		for _, c := range n.children {
			if r.eval(c.condX).n != 0 {
				return r.all(c.children)
			}
		}
		return true
	case opWhile:
		for r.eval(n.condX).n != 0 {
			if at := r.pos; !r.all(n.children) || r.pos == at {
				return r.pos != at
			}
		}
		return true
	case opRepeat:
		for range r.eval(n.sizeX).n {
			at := r.pos
			if !r.all(n.children) {
				return false
			}
			if r.pos == at {
				break
			}
		}
		return true
	case opSub:
		size := r.eval(n.sizeX).n
		if size < 0 || size > int64(r.end-r.pos) {
			return false
		}
		outer := r.end
		r.end = r.pos + int(size)
		r.all(n.children)
		r.close()
		r.end = outer
		return true
	case opUnescape, opUnhex:
		return r.inner(n)
	}
	return r.leaf(n)
}

// inner walks the rest of the range in plain bytes.
func (r *run) inner(n *node) bool {
	var in source
	ok := true
	if n.op == opUnescape {
		in, ok = r.unescape(n.escapes)
	} else if in.buf = make([]byte, (r.end-r.pos)/2); (r.end-r.pos)%2 == 0 {
		_, err := hex.Decode(in.buf, r.buf[r.pos:r.end])
		ok = err == nil
		for i := range len(in.buf) + 1 {
			in.at = append(in.at, r.place(r.pos+2*i))
		}
	} else {
		ok = false
	}
	if !ok {
		return false
	}
	in.end = len(in.buf)
	outer := r.source
	r.source = in
	r.all(n.children)
	r.close()
	r.source = outer
	r.pos = r.end
	return true
}

func (r *run) unescape(escapes []Escape) (in source, ok bool) {
	for i := r.pos; i < r.end; {
		found := Escape{string(r.buf[i : i+1]), string(r.buf[i : i+1])}
		for _, e := range escapes {
			if strings.HasPrefix(string(r.buf[i:min(i+len(e.Coded), r.end)]), e.Coded) {
				found = e
				break
			}
		}
		if found.Plain == "" {
			return in, false
		}
		for k := range len(found.Plain) {
			in.at = append(in.at, r.place(i+k))
		}
		in.buf = append(in.buf, found.Plain...)
		i += len(found.Coded)
	}
	in.at = append(in.at, r.place(r.end))
	return in, true
}

// leaf tells one field.
func (r *run) leaf(n *node) bool {
	size := n.width
	switch {
	case n.sizeX != nil:
		v := r.eval(n.sizeX).n
		if v < 0 || v > int64(r.end-r.pos) {
			return false
		}
		size = int(v)
	case n.op == opWord || n.op == opDegMin:
		return r.words(n)
	case n.op == opLit:
		size = len(n.lit)
	case n.inHex:
		size = 2 * n.width
	}
	if size > r.end-r.pos {
		return false
	}
	b := r.buf[r.pos : r.pos+size]
	value, note := "", ""
	switch n.op {
	case opUint:
		raw := number(b, n.little)
		v := signed(raw, 8*size, n.sign)
		if size <= 4 {
			r.set(n, num(v))
		}
		value = n.uintText(raw, v)
		if note = n.notes[v]; n.expectX != nil {
			switch want := r.eval(n.expectX).n; {
			case want < 0:
				note = "WRONG"
			case want != v:
				note = "WRONG, expected " + n.uintText(uint64(want), want)
			}
		}
	case opBits:
		raw := number(b, n.little)
		r.set(n, num(int64(raw)))
		value, note = n.partsText(raw), n.notes[int64(raw)]
	case opFloat:
		raw := number(b, n.little)
		v := math.Float64frombits(raw)
		if size == 4 {
			v = float64(math.Float32frombits(uint32(raw)))
		}
		value = floatText(v, n.decimals) + n.unit
		if n.degMin && math.Abs(v) <= 18_000 {
			note = fixed(fromDegMin(v), 6) + "°"
		}
	case opBytes:
		if value = hexText(b); n.hidden {
			value = fmt.Sprintf("%d bytes, not shown", size)
		}
	case opText:
		if n.trim != "" {
			b = []byte(strings.TrimRight(string(b), n.trim))
		}
		value, note = r.text(n, b)
		if n.decode != nil {
			if decoded := n.decode(b); !strings.ContainsRune(decoded, '\uFFFD') {
				value = printText([]byte(decoded))
			}
		}
	case opUTF16:
		value = utf16Text(b)
	case opDigits:
		digits := hex.EncodeToString(b)
		value, note = r.text(n, []byte(strings.TrimRight(digits[n.skip:len(digits)-n.drop], n.trim)))
		if n.coord > 0 {
			if deg, ok := degrees(digits[:n.coord-4] + "." + digits[n.coord-4:n.coord]); ok {
				note = fixed(deg, 6) + "°"
			}
		}
	case opClock:
		plain := b
		if n.bcd {
			plain = make([]byte, size)
			for i, v := range b {
				if plain[i] = v>>4*10 + v&15; v>>4 > 9 || v&15 > 9 {
					plain[i] = 0xFF
				}
			}
		}
		if value = clockText(plain); value == "" {
			value = hexText(b)
		}
	case opUnix:
		value = unixText(int64(number(b, n.little)))
	case opLit:
		if string(b) != n.lit {
			value, note = hexText(b), "WRONG, expected "+hexText([]byte(n.lit))
		}
	case opCheck:
		value, note = r.check(n, b)
	}
	if n.title && value != "" {
		r.titles = append(r.titles, value)
	}
	r.span(size, n.name, value, note)
	return true
}

func (r *run) set(n *node, v value) {
	for _, s := range n.slots {
		r.vars[s] = v
	}
}

// text is the value and note of a field of text.
func (r *run) text(n *node, b []byte) (shown, note string) {
	s := string(b)
	r.set(n, value{s: s, text: true})
	if note = n.meanings[s]; n.form != "" {
		note = formText(s, n.form)
	} else if n.parts != nil {
		if raw, err := strconv.ParseUint(s, 10, 63); err == nil {
			note = n.partsText(raw)
		}
	}
	if n.expectX != nil {
		switch want := r.eval(n.expectX); {
		case want.text && want.s != s:
			note = "WRONG, expected " + printText([]byte(want.s))
		case !want.text && want.n < 0:
			note = "WRONG"
		case !want.text && want.n != digits(s, max(n.base, 10)):
			note = "WRONG, expected " + n.digitsText(want.n, s)
		}
	}
	return printText(b), note
}

// words tells a field up to its separator, or the two of a coordinate.
func (r *run) words(n *node) bool {
	b, size := r.word(n.sep[0])
	if n.op == opWord {
		value, note := r.text(n, b)
		if n.title && value != "" {
			r.titles = append(r.titles, value)
		}
		r.span(size, n.name, value, note)
		return true
	}
	r.span(size, n.name, printText(b), "")
	deg, ok := degrees(strings.Trim(string(b), " "))
	h, size := r.word(n.sep[0])
	note := ""
	switch hemisphere := strings.Trim(string(h), " "); {
	case !ok:
	case hemisphere == "N" || hemisphere == "E":
		note = fixed(deg, 6) + "°"
	case hemisphere == "S" || hemisphere == "W":
		note = fixed(-deg, 6) + "°"
	}
	r.span(size, n.secondName, printText(h), note)
	return true
}

func (r *run) word(sep byte) (b []byte, size int) {
	b = r.buf[r.pos:r.end]
	for i, c := range b {
		if c == sep {
			return b[:i], i + 1
		}
	}
	return b, len(b)
}

func (r *run) check(n *node, b []byte) (value, note string) {
	from, to := r.eval(n.fromX).n, r.eval(n.toX).n
	if from < 0 || to < from || to > int64(len(r.buf)) {
		from, to = 0, 0
	}
	form := "0x%0*X"
	var found string
	if n.inHex {
		form = "%0*X"
		found = printText(b)
	} else {
		found = fmt.Sprintf(form, 2*len(b), number(b, n.little))
	}
	want := fmt.Sprintf(form, 2*n.width, n.sum.of(r.buf[from:to]))
	if found == want {
		return found, "OK   " + string(n.sum)
	}
	return found, "WRONG, expected " + want + "   " + string(n.sum)
}
