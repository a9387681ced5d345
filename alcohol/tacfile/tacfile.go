// Package tacfile reads files of readings at the skin as observations: exports
// of ankle instruments, a row every half hour, and streams of wrist
// instruments, a row every 20 seconds.
//
// A file is text with a comma between cells and one row a line. The first line
// names the columns, in any order, each with its unit:
//
//	local_time   2017-05-02T10:36:54, by the clock on the wall (Options.Location)
//	time         2017-05-02T08:36:54Z, or with another offset; instead of local_time
//	unix_s       seconds since 1970, with decimals or without; instead of local_time
//	unix_ms      milliseconds since 1970; instead of local_time
//	tac_g_dl     g/dL, ankle; kept as em.UnitSkinGPerDL
//	tac_ug_l     µg/L, wrist; kept as em.UnitSkinUgPerL
//	ir_volts     infrared voltage (may be missing, or its cells empty)
//	temp_c       skin temperature in °C (may be missing …)
//	temp_f       the same in °F; em.Transdermal has °C, so it is converted
//	motion_g     motion in g (may be missing …)
//
// The concentration is kept as it is written, with its decimals and its unit;
// it is never converted. A negative one is no error here: package alcohol tells
// what it is. Anything that is not a plain decimal number is ("NaN", "1e-3", an
// empty cell): see [Error], which names line and column. An unknown column is an
// error too, since a unit could hide in it. A vendor's own layout is read by
// saying what its columns are: Options.Columns and Options.Comma.
//
// # Local time
//
// A local time that the clock skipped is an error. One that it showed twice
// means the earlier instant, unless the rows before it have passed that: then
// the later. A file that begins within the doubled hour can so be off by an
// hour; a column time with an offset cannot.
package tacfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Options say what a file does not.
type Options struct {
	Device em.DeviceID // of all rows; required
	// Location is where the clock of local_time hung. Without it a file with
	// local_time is refused: times are never taken for UTC by silence.
	Location *time.Location
	// Columns says which of the columns above a vendor's column is: its name, as
	// the file has it, and the one above, or "" for a column that is not read.
	// Names that it does not have must be those above.
	Columns map[string]string
	// Comma stands between cells: ',' where zero, or ';' or a tab.
	Comma byte
	// Received is when the file came. Zero: each reading is taken as received
	// when it was made.
	Received time.Time
}

// Errors within an Error.
var (
	ErrHeader   = errors.New("not a header of readings at the skin")
	ErrRow      = errors.New("number of cells differs from the header's")
	ErrNumber   = errors.New("not a plain decimal number")
	ErrEmpty    = errors.New("no figure")
	ErrTime     = errors.New("not a time")
	ErrSkipped  = errors.New("the clock skipped this local time")
	ErrLocation = errors.New("local time without a location")
	ErrTooLong  = errors.New("line is too long")
)

// Error is what is wrong with a file, and where.
type Error struct {
	Line   int    // from 1
	Column int    // the cell's first byte in the line, from 1; 0: the whole line
	Name   string // of the column, where there is one
	Text   string // what stands there, cut to 40 bytes
	Err    error
}

// Error returns "tacfile: line 7, column 21 (tac_g_dl) "NaN": not a plain
// decimal number".
func (e *Error) Error() string {
	s := fmt.Sprintf("tacfile: line %d", e.Line)
	if e.Column > 0 {
		s += fmt.Sprintf(", column %d", e.Column)
	}
	if e.Name != "" {
		s += " (" + e.Name + ")"
	}
	if e.Text != "" {
		s += fmt.Sprintf(" %q", e.Text)
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// maxLine bounds the memory for a line: a row of eight figures has a hundred bytes.
const maxLine = 4096

// maxErrors bounds the errors that Read returns.
const maxErrors = 100

// Read returns the readings of all good rows and, joined, an *Error for each of
// the others (for the first hundred, and a word on how many more there are): a
// bad row costs that row, and is never dropped in silence. An error of r, a bad
// header and a line over 4096 bytes end the reading. Rows may be out of order
// or repeated; they stay so.
func Read(r io.Reader, o Options) ([]em.Observation, error) {
	var obs []em.Observation
	var errs []error
	more := 0
	for x, err := range Rows(r, o) {
		switch {
		case err == nil:
			obs = append(obs, x)
		case len(errs) < maxErrors:
			errs = append(errs, err)
		default:
			more++
		}
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("tacfile: %d more errors", more))
	}
	return obs, errors.Join(errs...)
}

// Rows yields the rows one by one, each as an observation or an error, in the
// memory of one line.
func Rows(r io.Reader, o Options) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		sc := bufio.NewScanner(r)
		sc.Buffer(make([]byte, 0, maxLine), maxLine)
		var h header
		var last time.Time
		line := 0
		for sc.Scan() {
			line++
			text := strings.TrimSuffix(sc.Text(), "\r")
			if line == 1 {
				var err *Error
				if h, err = readHeader(strings.TrimPrefix(text, "\ufeff"), &o); err != nil {
					yield(em.Observation{}, err)
					return
				}
				continue
			}
			if strings.TrimSpace(text) == "" {
				continue
			}
			x, err := h.row(text, &o, last)
			if err != nil {
				err.Line = line
				if !yield(em.Observation{}, err) {
					return
				}
				continue
			}
			last = x.At
			if !yield(x, nil) {
				return
			}
		}
		err := sc.Err()
		switch {
		case errors.Is(err, bufio.ErrTooLong):
			yield(em.Observation{}, &Error{Line: line + 1, Err: ErrTooLong})
		case err != nil:
			yield(em.Observation{}, fmt.Errorf("tacfile: after line %d: %w", line, err))
		case line == 0:
			yield(em.Observation{}, &Error{Line: 1, Err: ErrHeader})
		}
	}
}

// header is the names of the columns, "" for one that is not read.
type header []string

// times are the columns of time: a file has one.
var times = []string{"local_time", "time", "unix_s", "unix_ms"}

var known = []string{"local_time", "time", "unix_s", "unix_ms", "tac_g_dl", "tac_ug_l", "ir_volts", "temp_c", "temp_f", "motion_g"}

func readHeader(text string, o *Options) (header, *Error) {
	if o.Comma == 0 {
		o.Comma = ','
	}
	if o.Comma != ',' && o.Comma != ';' && o.Comma != '\t' {
		return nil, &Error{Line: 1, Err: fmt.Errorf("%w: %q does not stand between cells", ErrHeader, o.Comma)}
	}
	var h header
	for c := range cells(text, o.Comma) {
		bad := func(what string) (header, *Error) {
			return nil, &Error{Line: 1, Column: c.at, Text: cut(c.text), Err: fmt.Errorf("%w: %s", ErrHeader, what)}
		}
		name, renamed := o.Columns[c.text]
		if !renamed {
			name = c.text
		}
		if !slices.Contains(known, name) && !(renamed && name == "") {
			return bad("unknown column")
		}
		if name != "" && slices.Contains(h, name) {
			return bad("column twice")
		}
		h = append(h, name)
	}
	count := func(names ...string) (n int) {
		for _, name := range names {
			if slices.Contains(h, name) {
				n++
			}
		}
		return n
	}
	if count(times...) != 1 || count("tac_g_dl", "tac_ug_l") != 1 || count("temp_c", "temp_f") > 1 {
		return nil, &Error{Line: 1, Text: cut(text), Err: fmt.Errorf("%w: one column of time, one of concentration and at most one of temperature", ErrHeader)}
	}
	if o.Device == "" {
		return nil, &Error{Line: 1, Err: fmt.Errorf("%w: no device named in the options", ErrHeader)}
	}
	if slices.Contains(h, "local_time") && o.Location == nil {
		return nil, &Error{Line: 1, Name: "local_time", Err: ErrLocation}
	}
	return h, nil
}

type cell struct {
	at   int // from 1
	text string
}

func cells(line string, comma byte) iter.Seq[cell] {
	return func(yield func(cell) bool) {
		at := 0
		for {
			i := strings.IndexByte(line[at:], comma)
			end := len(line)
			if i >= 0 {
				end = at + i
			}
			raw := line[at:end]
			text := strings.TrimLeft(raw, " \t")
			if !yield(cell{at + 1 + len(raw) - len(text), strings.TrimRight(text, " \t")}) || i < 0 {
				return
			}
			at = end + 1
		}
	}
}

func cut(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return strings.ToValidUTF8(s, "?")
}

// row reads one row; last is the instant of the row before it.
func (h header) row(text string, o *Options, last time.Time) (em.Observation, *Error) {
	var none em.Observation
	if n := strings.Count(text, string(rune(o.Comma))) + 1; n != len(h) {
		return none, &Error{Text: cut(text), Err: fmt.Errorf("%w: %d, not %d", ErrRow, n, len(h))}
	}
	t := &em.Transdermal{}
	x := em.Observation{Device: o.Device, Stored: true, Body: t}
	i := -1
	for c := range cells(text, o.Comma) {
		i++
		name := h[i]
		var err error
		switch name {
		case "local_time":
			x.DeviceAt, err = local(c.text, o.Location, last)
		case "time":
			if x.DeviceAt, err = time.Parse(time.RFC3339, c.text); err != nil {
				err = ErrTime
			}
			x.DeviceAt = x.DeviceAt.UTC()
		case "unix_s", "unix_ms":
			x.DeviceAt, err = unix(c.text, name)
		case "tac_g_dl", "tac_ug_l":
			t.Unit = em.UnitSkinGPerDL
			if name == "tac_ug_l" {
				t.Unit = em.UnitSkinUgPerL
			}
			t.Value, err = number(c.text)
		case "ir_volts":
			t.IR, err = optional(c.text)
		case "temp_c":
			t.Temperature, err = optional(c.text)
		case "temp_f":
			if t.Temperature, err = optional(c.text); t.Temperature.OK {
				t.Temperature.V = (t.Temperature.V - 32) / 1.8
			}
		case "motion_g":
			t.Motion, err = optional(c.text)
		}
		if err == nil && i == slices.IndexFunc(h, func(s string) bool { return slices.Contains(times, s) }) &&
			(x.DeviceAt.Year() < 1970 || x.DeviceAt.Year() > 2261) {
			err = ErrTime
		}
		if err != nil {
			return none, &Error{Column: c.at, Name: name, Text: cut(c.text), Err: err}
		}
	}
	received := o.Received
	if received.IsZero() {
		received = x.DeviceAt
	}
	return x.Stamp(received), nil
}

// unix reads seconds or milliseconds since 1970.
func unix(s, name string) (time.Time, error) {
	d, err := number(s)
	if err != nil {
		return time.Time{}, ErrTime
	}
	if name == "unix_ms" {
		d.Scale += 3
	}
	if d.Scale > 12 || d.Coef < 0 {
		return time.Time{}, ErrTime
	}
	unit := int64(1)
	for range d.Scale {
		unit *= 10
	}
	nano := d.Coef % unit
	for scale := d.Scale; scale != 9; {
		if scale < 9 {
			nano, scale = nano*10, scale+1
		} else {
			nano, scale = nano/10, scale-1
		}
	}
	return time.Unix(d.Coef/unit, nano).UTC(), nil
}

func number(s string) (em.Decimal, error) {
	if s == "" {
		return em.Decimal{}, ErrEmpty
	}
	d, err := em.ParseDecimal(s)
	if err != nil {
		return d, ErrNumber
	}
	return d, nil
}

func optional(s string) (em.Opt[float64], error) {
	if s == "" {
		return em.Opt[float64]{}, nil
	}
	d, err := number(s)
	if err != nil {
		return em.Opt[float64]{}, err
	}
	return em.Some(d.Float()), nil
}

// local resolves a time of the clock on the wall.
func local(s string, loc *time.Location, last time.Time) (time.Time, error) {
	wall, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil {
		if wall, err = time.Parse("2006-01-02 15:04:05", s); err != nil {
			return time.Time{}, ErrTime
		}
	}
	const day = 25 * time.Hour // no zone changes twice within it
	var found []time.Time
	for _, d := range []time.Duration{-day, day} {
		_, offset := wall.Add(d).In(loc).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, is := t.In(loc).Zone(); is == offset && !slices.ContainsFunc(found, t.Equal) {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return time.Time{}, ErrSkipped
	}
	slices.SortFunc(found, time.Time.Compare)
	for _, t := range found {
		if !t.Before(last) {
			return t, nil
		}
	}
	return found[0], nil
}
