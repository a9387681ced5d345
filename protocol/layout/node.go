package layout

import "maps"

// op is what a node does. The words are those of the Lua table too.
type op string

// The operations: first those that show bytes, then those that lead to others.
const (
	opUint   op = "uint"
	opFloat  op = "float"
	opBits   op = "bits"
	opBytes  op = "bytes"
	opText   op = "text"
	opUTF16  op = "utf16"
	opWord   op = "word"
	opDegMin op = "degmin"
	opDigits op = "digits"
	opClock  op = "clock"
	opUnix   op = "unix"
	opLit    op = "lit"
	opCheck  op = "check"

	opLet      op = "let"
	opFail     op = "fail"
	opIf       op = "if"
	opSwitch   op = "switch"
	opWhile    op = "while"
	opRepeat   op = "repeat"
	opSub      op = "sub"
	opUnescape op = "unescape"
	opUnhex    op = "unhex"
)

// Node is one step of a description: a field, or what decides which fields come.
// The functions of this package make nodes; methods return a changed copy. A
// method that makes no sense for a node is an error of New.
type Node struct {
	op    op
	name  string
	let   string // a variable that gets the value, besides that of the name
	size  string // an expression, in bytes; the count of a repeat
	width int    // in bytes, where it is fixed

	little   bool
	sign     sign
	base     int // 10 where 0
	div      float64
	decimals int
	unit     string
	names    map[int64]string // the value's text
	notes    map[int64]string
	meanings map[string]string // notes of a text
	form     string            // of a date or time in digits
	expect   string            // expression of the only right value
	title    bool
	degMin   bool
	coord    int // digits

	lit        string
	sep        string // one byte
	skip, drop int    // digits
	trim       string // one digit
	bcd        bool
	charset    string
	decode     func([]byte) string
	sum        Sum
	inHex      bool
	hidden     bool
	from, to   string // expressions
	parts      []Part // of a number; for a text its note
	escapes    []Escape

	cond string
	kids []Node
}

type sign uint8

const (
	unsigned  sign = iota
	twos           // two's complement
	magnitude      // the highest bit alone is the sign
)

// Part is some bits of a word, for Bits.
type Part struct {
	From, Count uint8 // the lowest bit, and how many; 0 is taken for 1

	// How the part is shown: by its name where Names has one, which may be empty
	// for nothing, otherwise as Label, number and Unit.
	Names    map[int64]string
	Label    string
	Unit     string
	Div      float64 // the number is divided by it and has Decimals, where it is not 0
	Decimals int
	Signed   bool // the highest bit of the part is its sign, without complement
}

// Escape is what stands in an escaped range for other bytes. Where Plain is empty,
// Coded must not be there.
type Escape struct{ Coded, Plain string }

// Uint is a whole number of 1 to 8 bytes, big-endian and without sign unless a
// method says otherwise, shown in decimal.
func Uint(name string, width int) Node { return Node{op: opUint, name: name, width: width} }

// Float is a number of 4 or 8 bytes by IEEE 754, shown with that many decimals.
func Float(name string, width, decimals int) Node {
	return Node{op: opFloat, name: name, width: width, decimals: decimals}
}

// Bits is a word of 1 to 4 bytes whose parts have meanings of their own: the value
// is the texts of the parts in their order. Its variable is the whole word.
func Bits(name string, width int, parts ...Part) Node {
	return Node{op: opBits, name: name, width: width, parts: parts}
}

// Bytes is size bytes, shown in hexadecimal digits.
func Bytes(name, size string) Node { return Node{op: opBytes, name: name, size: size} }

// Rest is all that is left of the range, shown like Bytes; nothing where nothing
// is left.
func Rest(name string) Node { return Bytes(name, "left") }

// Text is size bytes of text in UTF-8 or ASCII; see the package comment on how text
// is shown. Its variable is the text.
func Text(name, size string) Node { return Node{op: opText, name: name, size: size} }

// UTF16 is size bytes of big-endian UTF-16.
func UTF16(name, size string) Node { return Node{op: opUTF16, name: name, size: size} }

// Word is text up to the byte sep, which belongs to the field but not to its
// value, or up to the end of the range; nothing where nothing is left.
func Word(name string, sep byte) Node { return Node{op: opWord, name: name, sep: string([]byte{sep})} }

// Words is a Word of each name, one after the other.
func Words(sep byte, names ...string) Node {
	var words []Node
	for _, name := range names {
		words = append(words, Word(name, sep))
	}
	return Seq(words...)
}

// DegMin is two words, degrees with minutes ("5441.2320") and hemisphere ("N"). The
// second, called by the name with " hemisphere", notes the degrees.
func DegMin(name string, sep byte) Node {
	return Node{op: opDegMin, name: name, sep: string([]byte{sep})}
}

// Digits is width bytes of two digits each, as binary coded decimals are, shown as
// digits. Its variable is those digits, as text.
func Digits(name string, width int) Node { return Node{op: opDigits, name: name, width: width} }

// Clock is six bytes, year since 2000, month, day, hour, minute and second, shown
// as a time if they are one.
func Clock(name string) Node { return Node{op: opClock, name: name, width: 6} }

// Unix is four bytes of seconds since 1970, shown as a time in UTC.
func Unix(name string) Node { return Node{op: opUnix, name: name, width: 4} }

// Lit is bytes that are always the same. They are shown only where they are not,
// with a note.
func Lit(name, bytes string) Node { return Node{op: opLit, name: name, lit: bytes} }

// Check is a check code over the bytes from and to, which are expressions for
// offsets, the second one behind the last byte. It is as wide as sum, big-endian
// unless LE says otherwise.
func Check(name string, sum Sum, from, to string) Node {
	return Node{op: opCheck, name: name, sum: sum, from: from, to: to}
}

// LE makes a number little-endian.
func (n Node) LE() Node { n.little = true; return n }

// Signed makes a number one in two's complement.
func (n Node) Signed() Node { n.sign = twos; return n }

// SignBit makes the highest bit of a number its sign.
func (n Node) SignBit() Node { n.sign = magnitude; return n }

// Hex shows a number as 0x and digits for its width. Of a text it says that the
// digits which Expect looks at are hexadecimal.
func (n Node) Hex() Node { n.base = 16; return n }

// Binary shows a number as the digits of its bits.
func (n Node) Binary() Node { n.base = 2; return n }

// Scale shows a number divided by div, with that many decimals.
func (n Node) Scale(div float64, decimals int) Node { n.div, n.decimals = div, decimals; return n }

// Unit is text behind a number, with the blank in front of it.
func (n Node) Unit(text string) Node { n.unit = text; return n }

// Names shows the named values by their names.
func (n Node) Names(names map[int64]string) Node { n.names = maps.Clone(names); return n }

// Notes adds a note to some values.
func (n Node) Notes(notes map[int64]string) Node { n.notes = maps.Clone(notes); return n }

// Meanings adds a note to some texts.
func (n Node) Meanings(notes map[string]string) Node { n.meanings = maps.Clone(notes); return n }

// Date notes of a text of digits which time it is. The form has the letters C (the
// century, 20 where it is not told), Y, M, D, h, m and s, two of each, in the order
// of the digits, and between them the signs that stand between the digits; what
// follows in the text does not matter.
func (n Node) Date(form string) Node { n.form = form; return n }

// UnixMilli notes of a text of digits the time, in UTC, that is as many milliseconds
// after 1970, up to the year 2200.
func (n Node) UnixMilli() Node { n.form = millis; return n }

// Parts notes of a text of decimal digits, a number of up to 63 bits, what its bits
// mean. No part has more than 24.
func (n Node) Parts(parts ...Part) Node { n.parts = parts; return n }

// DegMin notes of a Float, which is 100 times degrees and then minutes, the degrees.
func (n Node) DegMin() Node { n.degMin = true; return n }

// Coordinate notes of Digits, of which that many are degrees, two digits of minutes
// and four decimals, the degrees.
func (n Node) Coordinate(digits int) Node { n.coord = digits; return n }

// Expect notes where a number or text is not the value of the expression; below
// zero there is no right number. Of a text whose expression is a number the digits
// are compared, up to nine decimal ones; see Hex.
func (n Node) Expect(expr string) Node { n.expect = expr; return n }

// Let names a variable that gets the value too: for fields whose name is no word.
func (n Node) Let(name string) Node { n.let = name; return n }

// Title makes the value's text a part of the frame's title.
func (n Node) Title() Node { n.title = true; return n }

// Skip leaves out the first digits.
func (n Node) Skip(digits int) Node { n.skip = digits; return n }

// Drop leaves out the last digits.
func (n Node) Drop(digits int) Node { n.drop = digits; return n }

// Trim leaves out a digit in hexadecimal that fills up Digits at the end; of a text
// the byte that does.
func (n Node) Trim(filler byte) Node { n.trim = string([]byte{filler}); return n }

// BCD makes a Clock one whose bytes are two decimal digits each.
func (n Node) BCD() Node { n.bcd = true; return n }

// Charset says what a text that is not ASCII is in: lua names the constant of
// Wireshark ("ENC_GB18030"), decode makes UTF-8 of it, with U+FFFD for what it does
// not know; such a text is shown as it came. Character sets are like GBK, with one
// byte below 0x80 or two.
func (n Node) Charset(lua string, decode func([]byte) string) Node {
	n.charset, n.decode = lua, decode
	return n
}

// Hidden shows of Bytes only how many they are: for those that hold a secret.
func (n Node) Hidden() Node { n.hidden = true; return n }

// InHex makes a check code one in upper-case hexadecimal digits.
func (n Node) InHex() Node { n.inHex = true; return n }

// Let sets a variable and takes no bytes.
func Let(name, expr string) Node { return Node{op: opLet, let: name, size: expr} }

// Fail ends the range: what is left of it is unparsed.
func Fail() Node { return Node{op: opFail} }

// If is its nodes where cond is not 0.
func If(cond string, nodes ...Node) Node { return Node{op: opIf, cond: cond, kids: nodes} }

// Switch is the first of its cases whose condition is not 0, or none.
func Switch(cases ...Node) Node { return Node{op: opSwitch, kids: cases} }

// Case is one of the cases of a Switch.
func Case(cond string, nodes ...Node) Node { return If(cond, nodes...) }

// Else is the last case of a Switch.
func Else(nodes ...Node) Node { return If("1", nodes...) }

// Seq is nodes one after the other, as one.
func Seq(nodes ...Node) Node { return If("1", nodes...) }

// While is its nodes again and again while cond is not 0, which ends at the latest
// where they take no more bytes.
func While(cond string, nodes ...Node) Node { return Node{op: opWhile, cond: cond, kids: nodes} }

// Repeat is its nodes count times, which ends early where they take no more bytes.
func Repeat(count string, nodes ...Node) Node { return Node{op: opRepeat, size: count, kids: nodes} }

// Sub is a range of size bytes. What its nodes leave, or cannot read, is unparsed,
// and what comes behind the range is read all the same.
func Sub(size string, nodes ...Node) Node { return Node{op: opSub, size: size, kids: nodes} }

// Unescape is the rest of the range with its escapes resolved: its nodes read the
// plain bytes, and positions are those in them. Of the escapes the first that fits
// counts; bytes that must not be there make the range unparsed.
func Unescape(escapes []Escape, nodes ...Node) Node {
	return Node{op: opUnescape, escapes: escapes, kids: nodes}
}

// Unhex is like Unescape for a range of hexadecimal digits.
func Unhex(nodes ...Node) Node { return Node{op: opUnhex, kids: nodes} }
