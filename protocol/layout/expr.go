package layout

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// expr is an expression: an operation with its operands, of which a number, a text
// and a variable have none.
type expr struct {
	op   string // "num", "str", "var", or an operator's sign or a function's name
	args []*expr
	n    int64
	s    string
	slot int // of a variable
}

// functions are the names of the functions, with their least and greatest number
// of arguments.
var functions = map[string][2]int{
	"byte": {1, 1}, "be16": {1, 1}, "le16": {1, 1}, "be32": {1, 1}, "le32": {1, 1},
	"find": {1, 3}, "findfold": {1, 3}, "count": {1, 1}, "starts": {1, 1}, "run": {1, 1}, "until": {1, 1}, "outside": {1, 1}, "date": {1, 1}, "trimmed": {1, 1},
	"decimal": {2, 2}, "dec": {1, 1}, "hex": {1, 1}, "len": {1, 1}, "min": {2, 2}, "max": {2, 2}, "if": {3, 3}, "in": {2, 99},
}

// levels are the binary operators, loosest first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!=", "<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/", "%", "&", ">>"}}

// parser reads one expression; slot gives the place of a variable.
type parser struct {
	src, left string
	slot      func(name string) int
}

func parse(src string, slot func(string) int) (*expr, error) {
	p := &parser{src: src, left: src, slot: slot}
	e, err := p.binary(0)
	if err == nil && strings.TrimSpace(p.left) != "" {
		err = fmt.Errorf("%q is too much", p.left)
	}
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", src, err)
	}
	return e, nil
}

// take reports whether the next sign is one of these, and reads it.
func (p *parser) take(signs ...string) (string, bool) {
	p.left = strings.TrimLeft(p.left, " \n\t")
	for _, s := range signs {
		if rest, ok := strings.CutPrefix(p.left, s); ok && (s != "&" || !strings.HasPrefix(rest, "&")) {
			p.left = rest
			return s, true
		}
	}
	return "", false
}

func (p *parser) binary(level int) (*expr, error) {
	if level == len(levels) {
		return p.unary()
	}
	a, err := p.binary(level + 1)
	for err == nil {
		sign, ok := p.take(levels[level]...)
		if !ok {
			return a, nil
		}
		var b *expr
		b, err = p.binary(level + 1)
		a = &expr{op: sign, args: []*expr{a, b}}
	}
	return nil, err
}

func (p *parser) unary() (*expr, error) {
	if _, ok := p.take("!"); ok {
		a, err := p.unary()
		return &expr{op: "!", args: []*expr{a}}, err
	}
	if _, ok := p.take("-"); ok {
		a, err := p.unary()
		return &expr{op: "-", args: []*expr{{op: "num"}, a}}, err
	}
	if _, ok := p.take("("); ok {
		a, err := p.binary(0)
		if _, ok := p.take(")"); err == nil && !ok {
			err = fmt.Errorf("a bracket is not closed")
		}
		return a, err
	}
	if strings.HasPrefix(p.left, "'") {
		return p.text()
	}
	n := 0
	for n < len(p.left) && (p.left[n] == '_' || p.left[n] >= '0' && p.left[n] <= '9' || p.left[n]|0x20 >= 'a' && p.left[n]|0x20 <= 'z') {
		n++
	}
	word := p.left[:n]
	p.left = p.left[n:]
	switch {
	case word == "":
		return nil, fmt.Errorf("a value is missing before %q", p.left)
	case word[0] >= '0' && word[0] <= '9':
		v, err := strconv.ParseInt(word, 0, 64)
		if err != nil || v > 1<<53 {
			return nil, fmt.Errorf("%q is no number below 2^53", word)
		}
		return &expr{op: "num", n: v}, nil
	}
	if _, ok := p.take("("); !ok {
		switch word {
		case "pos", "left", "size":
			return &expr{op: word}, nil
		}
		return &expr{op: "var", s: word, slot: p.slot(word)}, nil
	}
	args, ok := functions[word]
	if !ok {
		return nil, fmt.Errorf("no function %q", word)
	}
	e := &expr{op: word}
	for {
		a, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, a)
		if _, ok := p.take(","); !ok {
			break
		}
	}
	if _, ok := p.take(")"); !ok {
		return nil, fmt.Errorf("%s: a bracket is not closed", word)
	}
	if len(e.args) < args[0] || len(e.args) > args[1] {
		return nil, fmt.Errorf("%s: %d arguments", word, len(e.args))
	}
	switch word {
	case "find", "findfold", "count", "starts", "run", "until", "outside":
		if e.args[0].op != "str" || e.args[0].s == "" {
			return nil, fmt.Errorf("%s: the first argument is no text", word)
		}
	}
	return e, nil
}

// text reads 'text' with Go's escapes.
func (p *parser) text() (*expr, error) {
	var s []byte
	for rest := p.left[1:]; rest != ""; {
		if rest[0] == '\'' {
			p.left = rest[1:]
			return &expr{op: "str", s: string(s)}, nil
		}
		r, multibyte, tail, err := strconv.UnquoteChar(rest, '\'')
		if err != nil {
			return nil, fmt.Errorf("%q: %w", rest, err)
		}
		if multibyte {
			s = append(s, string(r)...)
		} else {
			s = append(s, byte(r))
		}
		rest = tail
	}
	return nil, fmt.Errorf("a text is not closed")
}

// value is a number or a text.
type value struct {
	n    int64
	s    string
	text bool
}

func num(n int64) value { return value{n: n} }

func truth(b bool) value {
	if b {
		return value{n: 1}
	}
	return value{}
}

// eval computes an expression. Bytes outside of the range's buffer are -1, and
// set short.
func (r *run) eval(e *expr) value {
	switch e.op {
	case "num":
		return value{n: e.n}
	case "str":
		return value{s: e.s, text: true}
	case "var":
		return r.vars[e.slot]
	case "pos":
		return num(int64(r.pos))
	case "left":
		return num(int64(r.end - r.pos))
	case "size":
		return num(int64(len(r.buf)))
	case "&&":
		return truth(r.eval(e.args[0]).n != 0 && r.eval(e.args[1]).n != 0)
	case "||":
		return truth(r.eval(e.args[0]).n != 0 || r.eval(e.args[1]).n != 0)
	case "if":
		if r.eval(e.args[0]).n != 0 {
			return r.eval(e.args[1])
		}
		return r.eval(e.args[2])
	case "in":
		v := r.eval(e.args[0])
		for _, a := range e.args[1:] {
			if v == r.eval(a) {
				return num(1)
			}
		}
		return num(0)
	case "find", "findfold":
		from := r.pos
		if len(e.args) > 1 {
			from = int(r.eval(e.args[1]).n)
		}
		to, whole := r.end, false
		if len(e.args) > 2 {
			n := r.eval(e.args[2]).n
			to, whole = int(min(n, int64(r.end))), n <= int64(r.end)
		}
		if from >= 0 && from < to {
			in, text := r.buf[from:to], []byte(e.args[0].s)
			if e.op == "findfold" {
				in, text = lower(in), lower(text)
			}
			if i := bytes.Index(in, text); i >= 0 {
				return num(int64(from + i))
			}
		}
		r.short = r.short || !whole
		return num(-1)
	case "count":
		return num(int64(bytes.Count(r.buf[r.pos:r.end], []byte(e.args[0].s))))
	case "run", "until":
		n := 0
		for _, c := range r.buf[r.pos:r.end] {
			if (strings.IndexByte(e.args[0].s, c) >= 0) != (e.op == "run") {
				break
			}
			n++
		}
		return num(int64(n))
	case "outside":
		n, quoted, escaped := 0, false, false
		for _, c := range r.buf[r.pos:r.end] {
			switch {
			case escaped:
				escaped = false
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case !quoted && strings.IndexByte(e.args[0].s, c) >= 0:
				return num(int64(n))
			}
			n++
		}
		return num(int64(n))
	case "starts":
		return truth(bytes.HasPrefix(r.buf[r.pos:r.end], []byte(e.args[0].s)))
	}
	a := r.eval(e.args[0])
	switch e.op {
	case "!":
		return truth(a.n == 0)
	case "byte":
		return num(r.peek(a.n, 1, false))
	case "be16":
		return num(r.peek(a.n, 2, false))
	case "le16":
		return num(r.peek(a.n, 2, true))
	case "be32":
		return num(r.peek(a.n, 4, false))
	case "le32":
		return num(r.peek(a.n, 4, true))
	case "date":
		return truth(a.n >= 0 && a.n <= int64(len(r.buf)-6) && clockText(r.buf[a.n:a.n+6]) != "")
	case "trimmed":
		end := r.end
		for end > r.pos && int64(r.buf[end-1]) == a.n {
			end--
		}
		return num(int64(end))
	case "len":
		return num(int64(len(a.s)))
	case "dec":
		return num(digits(a.s, 10))
	case "hex":
		return num(digits(a.s, 16))
	}
	b := r.eval(e.args[1])
	switch e.op {
	case "decimal":
		if a.n < 0 || b.n < a.n || b.n > int64(len(r.buf)) {
			return num(-1)
		}
		return num(digits(strings.Trim(string(r.buf[a.n:b.n]), " "), 10))
	case "==":
		return truth(a == b)
	case "!=":
		return truth(a != b)
	case "<":
		return truth(a.n < b.n)
	case "<=":
		return truth(a.n <= b.n)
	case ">":
		return truth(a.n > b.n)
	case ">=":
		return truth(a.n >= b.n)
	case "+":
		return num(a.n + b.n)
	case "-":
		return num(a.n - b.n)
	case "*":
		return num(a.n * b.n)
	case "/":
		if b.n <= 0 || a.n < 0 {
			return num(0)
		}
		return num(a.n / b.n)
	case "%":
		if b.n <= 0 || a.n < 0 {
			return num(0)
		}
		return num(a.n % b.n)
	case "&": // of 32 bits
		return num(int64(uint32(a.n) & uint32(b.n)))
	case ">>":
		if a.n < 0 || b.n < 0 || b.n > 31 {
			return num(0)
		}
		return num(a.n >> b.n)
	case "min":
		return num(min(a.n, b.n))
	}
	return num(max(a.n, b.n))
}

// peek returns the number at an offset, or -1 where the buffer has no such bytes.
func (r *run) peek(at int64, width int, little bool) int64 {
	if at < 0 || at > int64(len(r.buf)-width) {
		r.short = true
		return -1
	}
	return int64(number(r.buf[at:at+int64(width)], little))
}

func number(b []byte, little bool) (v uint64) {
	for i := range b {
		if little {
			v |= uint64(b[i]) << (8 * i)
		} else {
			v = v<<8 | uint64(b[i])
		}
	}
	return v
}

// lower is b with small letters for the capital ones of ASCII.
func lower(b []byte) []byte {
	b = bytes.Clone(b)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// digits reads up to nine digits as a number; -1 for anything else.
func digits(s string, base int) int64 {
	if s == "" || len(s) > 9 {
		return -1
	}
	v, err := strconv.ParseUint(s, base, 64)
	if err != nil {
		return -1
	}
	return int64(v)
}
