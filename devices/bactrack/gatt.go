package bactrack

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Dialect names how an instrument speaks; it is told by the preamble.
type Dialect string

// Dialects.
const (
	DialectV Dialect = ""  // Vio and Go, the serial line
	DialectM Dialect = "m" // Mobile, over Bluetooth
	DialectC Dialect = "c" // C6 and C8, over Bluetooth
	DialectS Dialect = "s" // Skyn, over Bluetooth
)

// word is the dialect in a preamble: "bactrack", "bactrack-m".
func (d Dialect) word() string {
	if d == DialectV {
		return dialectWord
	}
	return dialectWord + "-" + string(d)
}

func dialectOf(word string) (Dialect, bool) {
	for _, d := range []Dialect{DialectV, DialectM, DialectC, DialectS} {
		if word == d.word() {
			return d, true
		}
	}
	return "", false
}

// Verbs of the lines that carry a value of a Bluetooth characteristic.
const (
	verbWrite  = "write"  // center → instrument
	verbNotify = "notify" // instrument → center
)

// maxValue bounds a value: what one packet of Bluetooth LE carries, an ATT
// payload of 247 bytes less its header.
const maxValue = 244

// value is a message of a dialect that is spoken over Bluetooth: one value that is
// written to, or notified by, a characteristic.
type value interface {
	protocol.Message
	route() (d Dialect, verb string)
	appendValue(dst []byte) ([]byte, error)
}

// route of the messages of each dialect.
type (
	toMobile   struct{}
	fromMobile struct{}
	toC6       struct{}
	fromC6     struct{}
	toSkyn     struct{}
	fromSkyn   struct{}
)

func (toMobile) route() (Dialect, string)   { return DialectM, verbWrite }
func (fromMobile) route() (Dialect, string) { return DialectM, verbNotify }
func (toC6) route() (Dialect, string)       { return DialectC, verbWrite }
func (fromC6) route() (Dialect, string)     { return DialectC, verbNotify }
func (toSkyn) route() (Dialect, string)     { return DialectS, verbWrite }
func (fromSkyn) route() (Dialect, string)   { return DialectS, verbNotify }

// readGATT reads "<dialect> <value>" behind the verb.
func (c Codec) readGATT(cur *reader, verb string) protocol.Message {
	off := cur.Pos()
	word := cur.Field(' ', "dialect")
	d := bluetooth(word)
	if cur.Err() == nil && d == "" {
		cur.FailAt("dialect", off, fmt.Errorf("%w: %q", wire.ErrValue, word))
	}
	off = cur.Pos()
	text := restOf(cur, "value")
	if cur.Err() != nil {
		return nil
	}
	m, err := c.readHexValue(new(reader), cur.Memory(), d, verb, text)
	if err != nil {
		cur.FailAt("value", off, err)
		return nil
	}
	return m
}

// bluetooth returns the dialect of a word, which is spoken over Bluetooth; "" for none.
func bluetooth(word []byte) Dialect {
	for _, d := range [...]Dialect{DialectM, DialectC, DialectS} {
		if string(word) == string(d) {
			return d
		}
	}
	return ""
}

// readHex reads hexadecimal digits into dst, which has room for those of a line.
func readHex(dst, text []byte) ([]byte, error) {
	if len(dst) < len(text)/2 { // no line of ours
		dst = make([]byte, len(text)/2)
	}
	n, err := hex.Decode(dst, text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrValue, err)
	}
	return dst[:n], nil
}

// readHexValue reads a value with in, which has not begun.
func (c Codec) readHexValue(in *reader, memory *wire.Memory, d Dialect, verb string, text []byte) (m protocol.Message, err error) {
	var room [maxLine / 2]byte
	b, err := readHex(room[:], text)
	lower := byte(0x20) // which digits and small letters have
	for _, c := range text {
		lower &= c
	}
	if err == nil && (len(b) == 0 || len(b) > maxValue || lower == 0) {
		err = fmt.Errorf("%w: not 1 to %d bytes in lower case", wire.ErrValue, maxValue)
	}
	if err != nil {
		return nil, err
	}
	in.Begin(nil, memory)
	switch d {
	case DialectM:
		m = c.readMobile(in, verb, b)
	case DialectC:
		m = readC6(in, verb, b)
	case DialectS:
		m = readSkyn(in, verb, b)
	}
	if n := in.Len(); n > 0 {
		in.Fail("end", fmt.Errorf("%w: %d bytes behind it", protocol.ErrMalformed, n))
	}
	if in.Err() != nil {
		return nil, in.Err()
	}
	return m, nil
}

// ownBehind is own of a value of which the first n bytes are known.
func ownBehind[T any](cur *reader, b []byte, n int) *T {
	m := own[T](cur, b)
	cur.Advance(n)
	return m
}

// appendGATT appends the line's fields behind "EMTUN/1 ".
func appendGATT(b []byte, m value) ([]byte, error) {
	d, verb := m.route()
	v, err := m.appendValue(nil)
	if err != nil {
		return b, err
	}
	return appendGATTValue(b, d, verb, v)
}

func appendGATTValue(b []byte, d Dialect, verb string, v []byte) ([]byte, error) {
	if len(v) > maxValue {
		return b, unsupported("value of %d bytes, at most %d fit", len(v), maxValue)
	}
	b = append(append(append(b, verb...), ' '), d...)
	return hex.AppendEncode(append(b, ' '), v), nil
}

// rawValue is a value whose first byte, or command, is none that is known. Its
// Code says where it belongs: "notify s 0x99".
func rawValue(d Dialect, verb string, op byte, data []byte) *protocol.Raw {
	return &protocol.Raw{Code: rawValueCode(d, verb, op), Data: append([]byte(nil), data...)}
}

func rawValueCode(d Dialect, verb string, op byte) string {
	return verb + " " + string(d) + " " + rawCode(op)
}

// isRawValue reports whether a Raw is a value, with its parts.
func isRawValue(r *protocol.Raw) (d Dialect, verb string, op byte, ok bool) {
	f := strings.Split(r.Code, " ")
	if len(f) != 3 || f[0] != verbWrite && f[0] != verbNotify {
		return "", "", 0, false
	}
	d, verb = Dialect(f[1]), f[0]
	op, ok = parseRawCode(f[2])
	return d, verb, op, ok && (d == DialectM || d == DialectC || d == DialectS)
}

// appendRawValue appends the bytes of a Raw's value, which must not have a
// message of its own.
func appendRawValue(dst []byte, d Dialect, verb string, op byte, data []byte) ([]byte, error) {
	var v []byte
	var err error
	if d == DialectM {
		v, err = appendMobileFrame(nil, op, data...)
	} else {
		v = append([]byte{op}, data...)
	}
	if err != nil {
		return dst, err
	}
	back, err := Codec{}.readHexValue(new(reader), nil, d, verb, []byte(hex.EncodeToString(v)))
	if err != nil {
		return dst, unsupported("raw value: %v", err)
	}
	if _, raw := back.(*protocol.Raw); !raw {
		return dst, unsupported("raw code 0x%02X has a message of its own", op)
	}
	return append(dst, v...), nil
}
