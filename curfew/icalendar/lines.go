package icalendar

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-ical"
)

// Bounds of a calendar: ten thousand events of an ordinary size fit.
const (
	MaxBytes  = 16 << 20
	MaxEvents = 20_000

	maxLine   = 64 << 10 // of a line, unfolded: longer ones hold pictures
	maxParams = 4 << 10  // of its parameters, which the parser copies byte by byte
	maxDepth  = 4        // VCALENDAR, VEVENT, VALARM and one to spare
)

// lineParam is the parameter that carries a property's line through the parser.
const lineParam = "X-EM-LINE"

// read parses a calendar. Every property has its line in lineParam; events holds
// the lines on which the events begin, in their order.
func read(r io.Reader) (cal *ical.Component, events []int, err error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("icalendar: %w", err)
	}
	if len(b) > MaxBytes {
		return nil, nil, &Error{Err: fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBytes)}
	}
	s := scanner{out: make([]byte, 0, len(b)+len(b)/2)}
	if err := s.scan(bytes.TrimPrefix(b, []byte("\uFEFF"))); err != nil {
		return nil, nil, err
	}
	c, err := ical.NewDecoder(bytes.NewReader(s.out)).Decode()
	if err != nil {
		return nil, nil, &Error{Err: fmt.Errorf("%w: %w", ErrSyntax, err)}
	}
	return c.Component, s.events, nil
}

// scanner unfolds lines, checks that the parser will understand them, and marks
// them with their numbers: the parser knows none, and panics at some lines that
// end too soon.
type scanner struct {
	out    []byte
	stack  []string
	events []int
	closed bool // the calendar is over
}

func (s *scanner) fail(line int, format string, args ...any) error {
	return &Error{Line: line, Err: fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...))}
}

func (s *scanner) scan(b []byte) error {
	var logical []byte
	begin := 0
	n := 0
	for len(b) > 0 {
		n++
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if begin == 0 {
				return s.fail(n, "a continuation of nothing")
			}
			if len(logical)+len(line) > maxLine {
				return &Error{Line: begin, Err: fmt.Errorf("%w: a line of more than %d bytes", ErrTooLarge, maxLine)}
			}
			logical = append(logical, line[1:]...)
			continue
		}
		if begin > 0 {
			if err := s.content(begin, logical); err != nil {
				return err
			}
		}
		begin, logical = 0, logical[:0]
		if len(line) > maxLine {
			return &Error{Line: n, Err: fmt.Errorf("%w: a line of more than %d bytes", ErrTooLarge, maxLine)}
		}
		if len(line) > 0 {
			begin, logical = n, append(logical, line...)
		}
	}
	if begin > 0 {
		if err := s.content(begin, logical); err != nil {
			return err
		}
	}
	switch {
	case len(s.stack) > 0:
		return s.fail(n, "END:%s is missing", s.stack[len(s.stack)-1])
	case !s.closed:
		return s.fail(max(n, 1), "no BEGIN:VCALENDAR")
	}
	return nil
}

// content takes one unfolded line.
func (s *scanner) content(n int, line []byte) error {
	if !utf8.Valid(line) {
		return s.fail(n, "no UTF-8")
	}
	i := bytes.IndexAny(line, ";:")
	if i <= 0 {
		return s.fail(n, "no colon")
	}
	name := strings.ToUpper(string(line[:i]))
	if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return s.fail(n, "%.40q is no property's name", name)
	}
	colon, err := params(line[i:])
	if err != nil {
		return s.fail(n, "%s: %v", name, err)
	}
	if colon > maxParams {
		return &Error{Line: n, Property: name, Err: fmt.Errorf("%w: parameters of more than %d bytes", ErrTooLarge, maxParams)}
	}
	value := strings.ToUpper(string(line[i+colon+1:]))
	switch {
	case s.closed:
		return s.fail(n, "something after END:VCALENDAR")
	case name == "BEGIN":
		switch {
		case len(s.stack) == 0 && value != ical.CompCalendar:
			return s.fail(n, "BEGIN:%.40s instead of BEGIN:VCALENDAR", value)
		case len(s.stack) == maxDepth:
			return s.fail(n, "components nested too deep")
		case len(s.stack) == 1 && value == ical.CompEvent:
			if len(s.events) == MaxEvents {
				return &Error{Line: n, Err: fmt.Errorf("%w: more than %d events", ErrTooLarge, MaxEvents)}
			}
			s.events = append(s.events, n)
		}
		s.stack = append(s.stack, value)
	case len(s.stack) == 0:
		return s.fail(n, "%.40s before BEGIN:VCALENDAR", name)
	case name == "END":
		top := s.stack[len(s.stack)-1]
		if value != top {
			return s.fail(n, "END:%.40s where %s is to end", value, top)
		}
		s.stack = s.stack[:len(s.stack)-1]
		s.closed = len(s.stack) == 0
	default:
		s.out = append(append(s.out, name...), ";"+lineParam+"="...)
		s.out = append(strconv.AppendInt(s.out, int64(n), 10), line[i:]...)
		s.out = append(s.out, '\n')
		return nil
	}
	s.out = append(append(s.out, name+":"...), value...)
	s.out = append(s.out, '\n')
	return nil
}

// params returns where the parameters end, which is at the colon of the value.
func params(b []byte) (colon int, err error) {
	i := 0
	for i < len(b) && b[i] == ';' {
		i++
		eq := bytes.IndexByte(b[i:], '=')
		if eq <= 0 || bytes.ContainsAny(b[i:i+eq], `;:,"`) {
			return 0, fmt.Errorf("a parameter without a name or value")
		}
		if strings.EqualFold(string(b[i:i+eq]), lineParam) {
			return 0, fmt.Errorf("the parameter %s is not for files", lineParam)
		}
		i += eq
		for i < len(b) && (b[i] == '=' || b[i] == ',') {
			i++
			if i < len(b) && b[i] == '"' {
				end := bytes.IndexByte(b[i+1:], '"')
				if end < 0 {
					return 0, fmt.Errorf("a quotation mark is missing")
				}
				i += end + 2
				continue
			}
			for i < len(b) && !bytes.ContainsRune([]byte(`;:,"`), rune(b[i])) {
				i++
			}
		}
	}
	if i >= len(b) || b[i] != ':' {
		return 0, fmt.Errorf("no colon after its parameters")
	}
	return i, nil
}

// lineOf is the line of a property.
func lineOf(p *ical.Prop) int {
	n, _ := strconv.Atoi(p.Params.Get(lineParam))
	return n
}
