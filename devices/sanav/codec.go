package sanav

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// cota starts a COTA.
const cota = "@PC"

// Codec is the wire format. A frame is a line without its end, or the head of an
// HTTP message with its blank line.
type Codec struct {
	// RelaxedChecksum takes RMC sentences with a wrong check code or none.
	RelaxedChecksum bool
}

// Decode reads one frame. A report with another sentence than RMC becomes a
// *protocol.Raw with the sentence's name.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	f := reader{frame: frame}
	f.Begin(frame, memory)
	if r := f.plainReport(); r != nil {
		return r, nil
	}
	m := f.message()
	return protocol.Verdict(&f.Cursor, m, f.flaw, c.RelaxedChecksum)
}

// Dissect reads one frame and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// reader reads one frame.
type reader struct {
	wire.Cursor
	frame []byte
	flaw  error   // of the check code, which the relaxed codec forgives
	made  *Report // by plainReport
}

func (f *reader) message() protocol.Message {
	m := f.read()
	if f.Err() == nil && f.Len() > 0 {
		f.FailAt("end", f.Pos(), wire.ErrValue)
	}
	return m
}

func (f *reader) read() protocol.Message {
	switch {
	case reportHead(f.frame):
		return f.report()
	case bytes.HasPrefix(f.frame, []byte(get)):
		return f.get()
	case bytes.HasPrefix(f.frame, []byte(http)):
		return f.httpReply()
	case len(f.frame) > 0 && f.frame[0] == '#':
		return f.command()
	case bytes.HasPrefix(f.frame, []byte(cota)):
		f.Expect(cota, "start")
		m, args := wire.OwnList[COTA, string](&f.Cursor, f.count()-1)
		m.Function = f.word("function", maxWord)
		m.Args = f.texts(args, "argument")
		return m
	case bytes.HasPrefix(f.frame, []byte("imei")):
		if i := bytes.Index(f.frame, []byte(" "+http)); i >= 0 {
			f.FailAt(frames().FieldAt(f.frame, i, "method"), i, fmt.Errorf("%w: the end of a GET without its start", wire.ErrValue))
		}
		return f.legacy()
	}
	if _, ok := outcome(string(f.frame)); ok {
		if i := bytes.IndexFunc(f.frame, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			f.FailAt("reply", i, fmt.Errorf("%w: not printable", wire.ErrValue))
		}
		m := wire.Own[Reply](&f.Cursor)
		m.Text = f.Text(f.Len(), "reply")
		return m
	}
	f.FailAt("reply", 0, fmt.Errorf("%w: neither report nor command", wire.ErrValue))
	return nil
}

// word reads a field of letters and digits.
func (f *reader) word(name string, most int) string {
	at := f.Pos()
	s := nmea.ReadText(&f.Cursor, name)
	if f.Err() == nil && !nmea.Word(s, most) {
		f.FailAt(name, at, fmt.Errorf("%w: not 1 to %d letters, digits and - . _", wire.ErrValue, most))
	}
	return s
}

// texts appends all fields that are left to list, which has room for them; nil
// where nothing is left, not even a comma.
func (f *reader) texts(list []string, name string) []string {
	if f.Err() != nil || f.Len() == 0 && (f.Pos() == 0 || f.frame[f.Pos()-1] != ',') {
		return nil
	}
	for range f.count() {
		list = append(list, nmea.ReadText(&f.Cursor, name))
	}
	return list
}

// count returns how many fields are left.
func (f *reader) count() int { return nmea.Count(f.frame[f.Pos() : f.Pos()+f.Len()]) }

func (f *reader) command() *Command {
	f.Expect("#", "start")
	if !bytes.HasSuffix(f.frame, []byte("*")) {
		f.FailAt("end", len(f.frame), wire.ErrTruncated)
		return nil
	}
	outer := f.Limit(f.Len()-1, "command")
	m, args := wire.OwnList[Command, string](&f.Cursor, f.count()-3)
	m.Username, m.Password, m.Function = f.word("username", maxWord), f.word("password", maxWord), f.word("function", maxWord)
	at := f.Pos()
	m.Args = f.texts(args, "argument")
	for _, a := range m.Args {
		if err := clean(a); err != nil {
			f.FailAt("argument", at, fmt.Errorf("%w: %w", wire.ErrValue, err))
		}
		at += len(a) + len(",")
	}
	f.Restore(outer)
	f.Expect("*", "end")
	return m
}

// head reads the rest of an HTTP head behind its first line.
func (f *reader) head() {
	if !bytes.HasSuffix(f.frame, []byte(blankLine)) {
		f.FailAt("headers", len(f.frame), wire.ErrTruncated)
		return
	}
	f.Chars(f.Len(), "headers")
}

func (f *reader) httpReply() *HTTPReply {
	f.Expect(http, "http")
	f.Chars(1, "minor version")
	f.Expect(" 200", "status")
	f.head()
	return wire.Own[HTTPReply](&f.Cursor)
}

func (f *reader) get() protocol.Message {
	f.Expect(get[:len(get)-1], "method")
	line, _, _ := bytes.Cut(f.frame, []byte("\r\n"))
	query := bytes.IndexByte(line, '?')
	end := bytes.Index(line, []byte(" "+http))
	if query < 0 || end < query {
		f.FailAt("target", f.Pos(), fmt.Errorf("%w: a GET without a report", wire.ErrValue))
		return nil
	}
	from := f.Pos()
	f.Chars(query-from, "path")
	f.Expect("?", "query")
	outer := f.Limit(end-f.Pos(), "query")
	m := f.legacy()
	if f.Err() == nil && f.Len() > 0 {
		f.FailAt("end", f.Pos(), wire.ErrValue)
	}
	f.Restore(outer)
	f.head()
	if l, ok := m.(*Legacy); ok && l != nil && f.Err() == nil {
		l.Path = f.TextAt(from, query-from)
	}
	return m
}

// legacy reads "imei=…&rmc=" or "imei:…rmc:", a sentence and fields.
func (f *reader) legacy() protocol.Message {
	rest := f.frame[f.Pos() : f.Pos()+f.Len()]
	const least = 12 // of the commas are in the sentence
	m, fields := wire.OwnList[Legacy, string](&f.Cursor, f.count()-least)
	m.Colon = bytes.HasPrefix(rest, []byte("imei:"))
	start, middle, end := "imei=", "&rmc=", "&"
	if m.Colon {
		start, middle, end = "imei:", "rmc:", "rmc:"
	}
	f.Expect(start, "start")
	n := bytes.Index(rest[min(len(start), len(rest)):], []byte(end))
	if n < 0 {
		f.FailAt("imei", f.Pos(), wire.ErrTruncated)
		return nil
	}
	m.IMEI = f.identity(n)
	if v := f.frame[f.Pos() : f.Pos()+f.Len()]; !m.Colon && f.Err() == nil && !bytes.HasPrefix(v, []byte(middle)) {
		// Another value than a sentence.
		f.Expect("&", "separator")
		key, _, ok := bytes.Cut(v[1:], []byte("="))
		if !ok || !nmea.Word(string(key), maxWord) {
			f.Fail("key", fmt.Errorf("%w: neither a sentence nor a value", wire.ErrValue))
			return nil
		}
		f.Text(len(key)+1, "key")
		return &protocol.Raw{Code: string(key), Data: bytes.Clone(f.Bytes(f.Len(), "data"))}
	}
	f.Expect(middle, "rmc")
	m.BadCheck = f.rmc(&m.RMC)
	if f.Err() == nil && f.Len() > 0 {
		f.Expect(",", "separator")
		m.Fields = f.texts(fields, "field")
	}
	return m
}

func (f *reader) identity(n int) string {
	at := f.Pos()
	s := f.Text(n, "imei")
	if f.Err() == nil && !nmea.Word(s, maxIdentity) {
		f.FailAt("imei", at, fmt.Errorf("%w: not 1 to %d letters, digits and - . _", wire.ErrValue, maxIdentity))
	}
	return s
}

// rmc reads a sentence and judges its check code.
func (f *reader) rmc(r *nmea.RMC) (bad bool) {
	start := f.Pos()
	r.Read(&f.Cursor, f.frame)
	if f.Err() != nil {
		return false
	}
	if r.Check == "" {
		f.flaw = &wire.FieldError{Field: "rmc checksum", Offset: f.Pos(), Err: wire.ErrTruncated}
		return true
	}
	at := f.Pos() - len(r.Check)
	found, err := nmea.ParseCheck(f.frame[at:f.Pos()])
	if want := checksum.Xor8(f.frame[start+1 : at-1]); err != nil || found != want {
		f.flaw = &protocol.ChecksumError{Algorithm: "XOR-8", Offset: at, Found: uint32(found), Expected: uint32(want)}
		bad = true
	}
	r.Check = ""
	return bad
}

// plainReport reads a Report that is as most are, and nil of all others, right or wrong,
// which are for report.
func (f *reader) plainReport() *Report {
	b := f.frame
	if !reportHead(b) {
		return nil
	}
	r := wire.Own[Report](&f.Cursor)
	f.made = r // for report too
	text := f.TextAt(0, len(b))
	r.IMEI = text[:reportDigits]
	start := reportDigits + len(",")
	i := r.RMC.Plain(b, text, start)
	if i >= len(b) || b[i] != ',' {
		return nil
	}
	star := i - len("*00")
	if check, err := nmea.ParseCheck(b[star+1 : i]); err != nil || check != checksum.Xor8(b[start+1:star]) {
		return nil
	}
	r.RMC.Check = ""
	r.Event, i = nmea.PlainText(text, i+1)
	r.Bracelet, i = nmea.PlainText(text, i)
	r.Reserved[0], i = nmea.PlainText(text, i)
	r.Reserved[1], i = nmea.PlainText(text, i)
	r.Reserved[2], i = nmea.PlainText(text, i)
	r.Counter, i = nmea.PlainUint[uint32](b, i, 1<<32-1)
	if i >= len(b) || b[i]|0x20 != 'm' {
		return nil
	}
	if r.CSQ, i = nmea.PlainUint[uint8](b, i+1, 99); !r.CSQ.OK {
		return nil
	}
	unit := i
	for unit < len(b) && b[unit]-'0' <= 9 {
		unit++
	}
	if len(b)-unit < len("mv,") || b[unit]|0x20 != 'm' || b[unit+1]|0x20 != 'v' || b[unit+2] != ',' {
		return nil
	}
	if r.Millivolts, _ = nmea.PlainUint[uint16](b[:unit], i, 65535); !r.Millivolts.OK {
		return nil
	}
	r.Sensitivity, i = nmea.PlainNumber(b, unit+len("mv,"))
	r.HDOP, i = nmea.PlainNumber(b, i)
	r.MCC, i = nmea.PlainUint[uint16](b, i, 999)
	r.MNC, i = nmea.PlainUint[uint16](b, i, 999)
	r.LAC, i = nmea.PlainHex[uint32](b, i, 1<<24-1)
	r.CID, i = nmea.PlainHex[uint32](b, i, 1<<28-1)
	r.Level, i = nmea.PlainUint[uint8](b, i, 255)
	switch {
	case i == nmea.Odd:
		return nil
	case i <= len(b):
		r.Neighbours = text[i-1:]
	}
	return r
}

func (f *reader) report() protocol.Message {
	m := f.made
	if m == nil {
		m = wire.Own[Report](&f.Cursor)
	}
	*m = Report{IMEI: f.Text(reportDigits, "imei")} // digits: else it were no report
	f.Expect(",", "separator")
	if rest := f.frame[f.Pos():]; len(rest) < 6 || string(rest[3:6]) != "RMC" {
		if len(rest) < 7 || !nmea.Word(string(rest[1:6]), 5) || rest[6] != ',' {
			f.Fail("sentence", fmt.Errorf("%w: not a sentence", wire.ErrValue))
			return nil
		}
		f.Text(7, "sentence")
		return &protocol.Raw{Code: string(rest[1:6]), Data: bytes.Clone(f.Rest("data"))}
	}
	m.BadCheck = f.rmc(&m.RMC)
	f.Expect(",", "separator")
	m.Event = nmea.ReadText(&f.Cursor, "event")
	m.Bracelet = nmea.ReadText(&f.Cursor, "bracelet")
	for i := range m.Reserved {
		m.Reserved[i] = nmea.ReadText(&f.Cursor, "reserved")
	}
	m.Counter = nmea.ReadUint[uint32](&f.Cursor, "counter", 1<<32-1)
	m.CSQ = affixed[uint8](f, "csq", "m", "", 99)
	m.Millivolts = affixed[uint16](f, "battery", "", "mv", 65535)
	m.Sensitivity = nmea.ReadNumber(&f.Cursor, "gps sensitivity")
	m.HDOP = nmea.ReadNumber(&f.Cursor, "hdop")
	m.MCC = nmea.ReadUint[uint16](&f.Cursor, "mcc", 999)
	m.MNC = nmea.ReadUint[uint16](&f.Cursor, "mnc", 999)
	m.LAC = nmea.ReadHex[uint32](&f.Cursor, "lac", 1<<24-1)
	m.CID = nmea.ReadHex[uint32](&f.Cursor, "cid", 1<<28-1)
	m.Level = nmea.ReadUint[uint8](&f.Cursor, "level", 255)
	if f.More(',') {
		m.Neighbours = f.FieldsText(',', "neighbour")
	}
	return m
}

// affixed reads a number with letters, in any case, before or behind it; absent
// where the field is empty.
func affixed[T nmea.Unsigned](f *reader, name, prefix, suffix string, most T) em.Opt[T] {
	at := f.Pos()
	s := f.Field(',', name)
	if f.Err() != nil || len(s) == 0 {
		return em.Opt[T]{}
	}
	digits, starts := s, hasFold(s, prefix)
	if starts {
		digits = digits[len(prefix):]
	}
	ends := len(digits) >= len(suffix) && hasFold(digits[len(digits)-len(suffix):], suffix)
	if ends {
		digits = digits[:len(digits)-len(suffix)]
	}
	n, ok := nmea.ParseUint(digits)
	if !starts || !ends || !ok || n > uint64(most) {
		f.FailAt(name, at, fmt.Errorf("%w: %q is not a number up to %d with %q", wire.ErrValue, s, most, prefix+suffix))
	}
	return em.Some(T(n))
}

// hasFold reports whether s begins with letters, in lower case, in any case.
func hasFold(s []byte, letters string) bool {
	if len(s) < len(letters) {
		return false
	}
	for i := range len(letters) {
		if s[i]|0x20 != letters[i] {
			return false
		}
	}
	return true
}

// clean is an error where a text holds a sign that its field cannot hold.
func clean(s string) error {
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(",*#", r) }); i >= 0 {
		return fmt.Errorf("the text %q has a sign that its field cannot hold", s)
	}
	return nil
}

// Append writes one line with CR LF behind it, a command too, or one HTTP head.
// The check code of a sentence is computed, and its time has three decimals.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var b []byte
	var err error
	end := "\r\n"
	switch m := m.(type) {
	case *Report:
		b, err = m.line()
	case *Legacy:
		b, err = m.line()
		if m.Path != "" {
			end = blankLine
		}
	case *Reply:
		b = []byte(m.Text)
		if _, ok := outcome(m.Text); !ok || strings.IndexFunc(m.Text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			err = fmt.Errorf("%q is not a reply", m.Text)
		}
	case *Command:
		b, err = m.text()
	case *COTA:
		b, err = m.text()
	case *HTTPReply:
		b, end = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0"), blankLine
	default:
		return dst, fmt.Errorf("sanav: %T: %w", m, protocol.ErrUnsupported)
	}
	b = append(b, end...)
	if err == nil && len(b) > maxFrame {
		err = fmt.Errorf("%d bytes are too long", len(b))
	}
	if err == nil {
		// A text can hold what begins or ends a frame.
		frame, n, _ := c.Split(b)
		if back, e := c.Decode(frame); e != nil || n != len(b) || back.Type() != m.Type() {
			err = fmt.Errorf("%q would be read as something else", b)
		}
	}
	if err != nil {
		return dst, fmt.Errorf("sanav: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	return append(dst, b...), nil
}

// sentence returns the sentence with its check code.
func sentence(r nmea.RMC) ([]byte, error) {
	if len(r.Talker) != 2 || r.Talker[0] != 'G' || r.Status != 'A' && r.Status != 'V' {
		return nil, fmt.Errorf("talker %q or status %q", r.Talker, r.Status)
	}
	for _, s := range []string{r.Talker, r.Variation, r.VariationDir, r.Mode} {
		if err := clean(s); err != nil {
			return nil, err
		}
	}
	if err := r.Seal(); err != nil {
		return nil, err
	}
	return r.Append(nil)
}

func (m *Legacy) line() ([]byte, error) {
	b := []byte("imei=" + m.IMEI + "&rmc=")
	if m.Colon {
		b = []byte("imei:" + m.IMEI + "rmc:")
	}
	s, err := sentence(m.RMC)
	if err != nil {
		return nil, err
	}
	b = append(b, s...)
	if b, err = arguments(b, m.Fields, ""); err != nil || m.Path == "" {
		return b, err
	}
	if strings.ContainsAny(m.Path, "? \r\n") {
		return nil, fmt.Errorf("the path %q", m.Path)
	}
	return fmt.Appendf(nil, "GET %s?%s HTTP/1.0", m.Path, b), nil
}

func (m *Report) line() ([]byte, error) {
	s, err := sentence(m.RMC)
	if err != nil {
		return nil, err
	}
	fields := []string{m.Event, m.Bracelet, m.Reserved[0], m.Reserved[1], m.Reserved[2], affix("", m.Counter, ""),
		affix("M", m.CSQ, ""), affix("", m.Millivolts, "mV"),
		string(nmea.AppendNumber(nil, m.Sensitivity)), string(nmea.AppendNumber(nil, m.HDOP)),
		affix("", m.MCC, ""), affix("", m.MNC, ""), hexadecimal(m.LAC), hexadecimal(m.CID), affix("", m.Level, "")}
	if m.Neighbours != "" {
		if m.Neighbours[0] != ',' {
			return nil, errors.New("no comma in front of the neighbours")
		}
		fields = append(fields, strings.Split(m.Neighbours[1:], ",")...)
	}
	return arguments(append([]byte(m.IMEI+","), s...), fields, "")
}

// affix returns a number between letters, or nothing where it is absent.
func affix[T nmea.Unsigned](prefix string, n em.Opt[T], suffix string) string {
	if !n.OK {
		return ""
	}
	return prefix + strconv.FormatUint(uint64(n.V), 10) + suffix
}

func hexadecimal(n em.Opt[uint32]) string {
	if !n.OK {
		return ""
	}
	return fmt.Sprintf("%04X", n.V)
}
