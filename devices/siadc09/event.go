package siadc09

import (
	"fmt"
	"strings"

	"github.com/sargas-em/em/protocol/wire"
)

// data reads the data of a DCS or ContactID message: the one grammar behind Decode
// and Message.Events. Other messages have none. The first error stays, and after it
// nothing is read.
type data struct {
	text   string
	pos    int // of the next byte in text
	keep   bool
	events []Event // where keep is set: to check the data none need be made
	count  int     // of events
	err    *wire.FieldError
}

func (d *data) read(id string) (account string) {
	if id != DCS && id != ContactID {
		return ""
	}
	if d.next() == '#' {
		n := strings.IndexByte(d.rest(), '|')
		if n < 0 {
			d.fail("account in the data", d.pos, fmt.Errorf("%w: no bar behind it", wire.ErrValue))
			return ""
		}
		account = d.take(n, "account in the data")[1:]
	}
	if d.next() == '|' {
		d.pos++
	}
	if id == ContactID {
		d.contactID()
	} else {
		d.codes()
	}
	if d.err != nil {
		d.events = nil
	}
	return account
}

func (d *data) rest() string { return d.text[d.pos:] }

// next is the next byte; 0 where there is none.
func (d *data) next() byte {
	if d.pos == len(d.text) {
		return 0
	}
	return d.text[d.pos]
}

func (d *data) fail(name string, at int, err error) {
	if d.err == nil {
		d.err = &wire.FieldError{Field: name, Offset: at, Err: err}
	}
}

// take reads n bytes.
func (d *data) take(n int, name string) string {
	if d.err == nil && n > len(d.text)-d.pos {
		d.fail(name, d.pos, wire.ErrTruncated)
	}
	if d.err != nil {
		return ""
	}
	d.pos += n
	return d.text[d.pos-n : d.pos]
}

// upTo reads up to the next byte of one of these kinds.
func (d *data) upTo(ends kind) string {
	from, to := d.pos, d.pos
	for to < len(d.text) && kinds[d.text[to]]&ends == 0 {
		to++
	}
	d.pos = to
	return d.text[from:to]
}

// codes reads blocks of SIA codes. What stands in front of a code (area, user,
// time) holds for the codes behind it until it is said anew.
func (d *data) codes() {
	now := Event{}
	d.age(&now)
	for d.pos < len(d.text) && d.err == nil {
		rest := d.rest()
		switch c := rest[0]; {
		case c == '/':
			d.pos++
		case c == '^' || c == '*':
			n := 1 + strings.IndexByte(rest[1:], c)
			if n < 1 {
				n = len(rest) - 1
			}
			d.attach(strings.Trim(d.take(n+1, "text"), rest[:1]))
		case c == '|':
			if strings.HasPrefix(rest, "|N") || strings.HasPrefix(rest, "|O") {
				d.pos++
				now = Event{}
				d.age(&now)
				continue
			}
			n := 1 + strings.IndexByte(rest[1:], '|')
			if n < 1 {
				n = len(rest)
			}
			d.attach(strings.TrimPrefix(d.take(n, "text"), "|A"))
		case len(rest) > 1 && isLower(c) && isLower(rest[1]):
			d.modifier(&now)
		case len(rest) > 1 && isUpper(c) && isUpper(rest[1]):
			code := d.take(2, "event code")
			address := d.upTo(anyButDigit)
			text := d.upTo(anyMark)
			if d.count++; d.keep {
				e := now
				e.Code, e.Address, e.Text = code, address, text
				d.events = append(d.events, e)
			}
		default:
			d.fail("event code", d.pos, fmt.Errorf("%w: not two capitals", wire.ErrValue))
		}
	}
	if d.count == 0 {
		d.fail("event code", d.pos, fmt.Errorf("%w: no event", wire.ErrTruncated))
	}
}

// age reads the sign that tells new events from old ones; it may be missing.
func (d *data) age(e *Event) {
	if c := d.next(); c == 'N' || c == 'O' {
		d.pos++
		e.Old = c == 'O'
	}
}

// attach adds text to the last event. Text in front of all events is dropped
// here; Message.Data has it.
func (d *data) attach(text string) {
	if len(d.events) == 0 || text == "" {
		return
	}
	e := &d.events[len(d.events)-1]
	if e.Text != "" {
		e.Text += " "
	}
	e.Text += text
}

// modifier reads two small letters and their value, which may be followed by an
// event code without a separator.
func (d *data) modifier(e *Event) {
	kind := d.take(2, "modifier")
	value := d.upTo(anyMark | anyCapital)
	if !d.keep {
		return
	}
	switch kind {
	case "ti":
		e.Time = value
	case "ri":
		e.Area = value
	case "id":
		e.User = value
	case "pi":
		e.Peripheral = value
	}
}

// contactID reads "Qeee gg zzz".
func (d *data) contactID() {
	at := d.pos
	e := Event{}
	q := d.take(1, "qualifier")
	e.Code = d.take(3, "event code")
	d.blank()
	e.Area = d.take(2, "group")
	d.blank()
	e.Address = d.take(3, "zone or user")
	if d.err == nil && d.pos < len(d.text) {
		d.fail("end of the data", d.pos, fmt.Errorf("%w: more than one event", wire.ErrValue))
	}
	if d.err != nil {
		return
	}
	if q != "1" && q != "3" && q != "6" {
		d.fail("qualifier", at, fmt.Errorf("%w: not 1, 3 or 6", wire.ErrValue))
	}
	for i, s := range [...]string{e.Code, e.Area, e.Address} {
		for j := range len(s) {
			if c := s[j]; !isDigit(c) && !(i > 0 && isHex(c)) {
				name := [...]string{"event code", "group", "zone or user"}[i]
				d.fail(name, at+[...]int{1, 5, 8}[i], fmt.Errorf("%w: not digits", wire.ErrValue))
			}
		}
	}
	e.Qualifier = q[0]
	if d.count++; d.keep {
		d.events = append(d.events, e)
	}
}

func (d *data) blank() {
	at := d.pos
	if s := d.take(1, "blank"); d.err == nil && s != " " {
		d.fail("blank", at, fmt.Errorf("%w: found %x, expected %x", wire.ErrValue, s, " "))
	}
}

// kind is a set of kinds of bytes, of which an event is made.
type kind uint8

const (
	anyButDigit kind = 1 << iota
	anyCapital
	anyMark // which parts blocks
)

var kinds = func() (all [256]kind) {
	for i := range all {
		switch c := byte(i); {
		case isDigit(c):
		case isUpper(c):
			all[i] = anyButDigit | anyCapital
		case c == '/', c == '^', c == '*', c == '|':
			all[i] = anyButDigit | anyMark
		default:
			all[i] = anyButDigit
		}
	}
	return all
}()

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
