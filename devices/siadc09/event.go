package siadc09

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sargas-em/em/protocol/wire"
)

// events reads the data of a DCS or ContactID message: the one grammar behind
// Decode, Dissect and Message.Events. Other messages have none.
func (r reader) events(id string) (account string, events []Event) {
	if id != DCS && id != ContactID {
		return "", nil
	}
	if r.next() == '#' {
		n := bytes.IndexByte(r.rest(), '|')
		if n < 0 {
			r.Fail("account in the data", fmt.Errorf("%w: no bar behind it", wire.ErrValue))
			return "", nil
		}
		account = strings.TrimPrefix(r.Text(n, "account in the data"), "#")
	}
	if r.next() == '|' {
		r.Text(1, "bar")
	}
	if id == ContactID {
		return account, r.contactID()
	}
	return account, r.codes()
}

// codes reads blocks of SIA codes. What stands in front of a code (area, user,
// time) holds for the codes behind it until it is said anew.
func (r reader) codes() (events []Event) {
	start, now := r.Pos(), Event{}
	r.age(&now)
	for r.Len() > 0 {
		rest := r.rest()
		pair := rest[:min(2, len(rest))]
		switch {
		case rest[0] == '/':
			r.Text(1, "separator")
		case rest[0] == '^' || rest[0] == '*':
			n := bytes.IndexByte(rest[1:], rest[0])
			if n < 0 {
				n = len(rest) - 2
			}
			attach(events, strings.Trim(r.Text(n+2, "text"), string(rest[0])))
		case rest[0] == '|':
			n := 1 + r.upToBar(rest[1:])
			if strings.HasPrefix(string(rest), "|N") || strings.HasPrefix(string(rest), "|O") {
				r.Text(1, "bar")
				now = Event{}
				r.age(&now)
				continue
			}
			attach(events, strings.TrimPrefix(r.Text(n, "text"), "|A"))
		case len(pair) == 2 && isLower(pair[0]) && isLower(pair[1]):
			r.modifier(&now)
		case len(pair) == 2 && isUpper(pair[0]) && isUpper(pair[1]):
			e := now
			e.Code = r.Text(2, "event code")
			if n := r.count(isDigit); n > 0 {
				e.Address = r.Text(n, "address")
			}
			if n := r.count(func(c byte) bool { return !isMark(c) }); n > 0 {
				e.Text = r.Text(n, "text")
			}
			events = append(events, e)
		default:
			r.Fail("event code", fmt.Errorf("%w: not two capitals", wire.ErrValue))
			return nil
		}
	}
	if len(events) == 0 {
		r.FailAt("event code", start, fmt.Errorf("%w: no event", wire.ErrValue))
	}
	return events
}

// age reads the sign that tells new events from old ones; it may be missing.
func (r reader) age(e *Event) {
	if c := r.next(); c == 'N' || c == 'O' {
		r.Text(1, "new or old")
		e.Old = c == 'O'
	}
}

func (r reader) upToBar(b []byte) int {
	if n := bytes.IndexByte(b, '|'); n >= 0 {
		return n
	}
	return len(b)
}

// attach adds text to the last event. Text in front of all events is dropped
// here; Message.Data has it.
func attach(events []Event, text string) {
	if len(events) == 0 || text == "" {
		return
	}
	e := &events[len(events)-1]
	if e.Text != "" {
		e.Text += " "
	}
	e.Text += text
}

// modifier reads two small letters and their value, which may be followed by an
// event code without a separator.
func (r reader) modifier(e *Event) {
	kind := r.Text(2, "modifier")
	value := ""
	if n := r.count(func(c byte) bool { return !isMark(c) && !isUpper(c) }); n > 0 {
		value = r.Text(n, "value")
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
func (r reader) contactID() []Event {
	at := r.Pos()
	e := Event{}
	q := r.Text(1, "qualifier")
	e.Code = r.Text(3, "event code")
	r.Expect(" ", "blank")
	e.Area = r.Text(2, "group")
	r.Expect(" ", "blank")
	e.Address = r.Text(3, "zone or user")
	if r.Len() > 0 {
		r.Fail("end of the data", fmt.Errorf("%w: more than one event", wire.ErrValue))
	}
	if r.Err() != nil {
		return nil
	}
	if q != "1" && q != "3" && q != "6" {
		r.FailAt("qualifier", at, fmt.Errorf("%w: not 1, 3 or 6", wire.ErrValue))
	}
	for i, s := range []string{e.Code, e.Area, e.Address} {
		for j := range len(s) {
			if c := s[j]; !isDigit(c) && !(i > 0 && isHex(c)) {
				r.FailAt("Contact ID", at, fmt.Errorf("%w: not digits", wire.ErrValue))
			}
		}
	}
	e.Qualifier = q[0]
	return []Event{e}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// isMark reports whether c parts blocks.
func isMark(c byte) bool { return c == '/' || c == '^' || c == '*' || c == '|' }
