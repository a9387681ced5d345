package layout

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// hexText shows bytes as digits, of long fields the first.
func hexText(b []byte) string {
	const most = 32
	if len(b) > most {
		return fmt.Sprintf("%x… (%d bytes)", b[:most], len(b))
	}
	return hex.EncodeToString(b)
}

// printText shows text in UTF-8; what no terminal should get is \xNN.
func printText(b []byte) string {
	plain := true
	for _, c := range b {
		plain = plain && c >= ' ' && c < 0x7F
	}
	if plain {
		return string(b)
	}
	var s strings.Builder
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case b[i] == '\r':
			s.WriteString(`\r`)
		case b[i] == '\n':
			s.WriteString(`\n`)
		case r == utf8.RuneError && n == 1, hidden(r):
			for _, c := range b[i : i+n] {
				fmt.Fprintf(&s, `\x%02X`, c)
			}
		default:
			s.Write(b[i : i+n])
		}
		i += n
	}
	return s.String()
}

// hidden reports whether a character is a control character, or moves others
// about, or is none.
func hidden(r rune) bool {
	return r < ' ' || r >= 0x7F && r < 0xA0 || r == 0xAD || r >= 0x200B && r <= 0x200F || r >= 0x2028 && r <= 0x202E ||
		r >= 0x2060 && r <= 0x206F || r == 0xFEFF || r >= 0xFFF0 && r <= 0xFFFB || r&0xFFFE == 0xFFFE || r >= 0xE000 && r < 0xF900 || r >= 0xE0000
}

func utf16Text(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return printText([]byte(string(utf16.Decode(u))))
}

// clockText shows year since 2000 to second; "" where they are no time.
func clockText(b []byte) string {
	year, month, day := 2000+int(b[0]), int(b[1]), int(b[2])
	if b[0] > 99 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) || b[3] > 23 || b[4] > 59 || b[5] > 59 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, b[3], b[4], b[5])
}

func monthDays(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func unixText(v int64) string { return time.Unix(v, 0).UTC().Format("2006-01-02T15:04:05") }

// millis is the form of milliseconds since 1970, which are shown up to the year 2200.
const (
	millis    = "ms"
	lastMilli = 7_258_118_400_000
)

// formLetters are the letters of a form, of which each stands for two digits.
const formLetters = "CYMDhms"

// digitPairs reads the digits of a form; ok is false where some are none, or other
// signs are not those of the form.
func digitPairs(s, form string) (at map[byte]int, ok bool) {
	if len(s) < len(form) {
		return nil, false
	}
	at = map[byte]int{}
	for i := 0; i < len(form); i++ {
		letter := form[i]
		if strings.IndexByte(formLetters, letter) < 0 {
			if s[i] != letter {
				return nil, false
			}
			continue
		}
		if s[i] < '0' || s[i] > '9' || s[i+1] < '0' || s[i+1] > '9' {
			return nil, false
		}
		at[letter] = int(s[i]-'0')*10 + int(s[i+1]-'0')
		i++
	}
	return at, true
}

// formText shows the date, the time of day or both that a text of digits has in
// that form; "" where it has none.
func formText(s, form string) string {
	if form == millis {
		v, err := strconv.ParseUint(s, 10, 63)
		if err != nil || v > lastMilli {
			return ""
		}
		return unixText(int64(v / 1000))
	}
	at, ok := digitPairs(s, form)
	if !ok {
		return ""
	}
	year, dated := at['Y']
	century, told := at['C']
	if !told {
		century = 20
	}
	year += 100 * century
	month, day := at['M'], at['D']
	hour, timed := at['h']
	if dated && (month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) || hour > 23 || at['m'] > 59 || at['s'] > 60 {
		return ""
	}
	text := ""
	if dated {
		text = fmt.Sprintf("%04d-%02d-%02d", year, month, day)
	}
	if dated && timed {
		text += "T"
	}
	if timed {
		text += fmt.Sprintf("%02d:%02d:%02d", hour, at['m'], at['s'])
	}
	return text
}

// degrees reads degrees with minutes: the minutes are the two digits before the
// point and all behind it.
func degrees(s string) (deg float64, ok bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) < 2 || len(whole) > 5 || len(fraction) > 9 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	d := whole[:len(whole)-2]
	if d == "" {
		d = "0"
	}
	whole = whole[len(whole)-2:]
	dd, _ := strconv.ParseFloat(d, 64) // digits, as checked
	mm, _ := strconv.ParseFloat(whole+"."+fraction+"0", 64)
	return dd + mm/60, true
}

// fromDegMin reads 100 times degrees and then minutes.
func fromDegMin(v float64) float64 {
	d := math.Floor(math.Abs(v) / 100)
	return math.Copysign(d+(math.Abs(v)-100*d)/60, v)
}

func floatText(v float64, decimals int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return "Inf"
	}
	return fixed(v, decimals)
}

// fixed writes decimals of a number; what rounds to zero has no sign.
func fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.HasPrefix(s, "-") && strings.Trim(s, "-0.") == "" {
		return s[1:]
	}
	return s
}

// signed is a number of that many bits read by its sign.
func signed(v uint64, bits int, how sign) int64 {
	top := uint64(1) << (bits - 1)
	switch {
	case how == unsigned || v&top == 0:
		return int64(v)
	case how == twos:
		return int64(v - top - top)
	}
	return -int64(v - top)
}

// uintText shows a number as the node says.
func (n *node) uintText(raw uint64, v int64) string {
	if s, ok := n.names[v]; ok {
		return s
	}
	switch {
	case n.base == 16:
		return fmt.Sprintf("0x%0*X", 2*n.width, raw) + n.unit
	case n.base == 2:
		return fmt.Sprintf("%0*b", 8*n.width, raw) + n.unit
	case n.div != 0:
		return fixed(float64(v)/n.div, n.decimals) + n.unit
	case n.sign == unsigned:
		return strconv.FormatUint(raw, 10) + n.unit
	}
	return strconv.FormatInt(v, 10) + n.unit
}

// digitsText shows a number as digits like those of a text: as many where they are
// filled up.
func (n *node) digitsText(v int64, like string) string {
	width := 0
	if n.base == 16 || strings.HasPrefix(like, "0") {
		width = min(len(like), 9)
	}
	if n.base == 16 {
		return fmt.Sprintf("%0*X", width, v)
	}
	return fmt.Sprintf("%0*d", width, v)
}

// partsText shows the parts of a word.
func (n *node) partsText(word uint64) string {
	var texts []string
	for i := range n.parts {
		if s := n.parts[i].text(word); s != "" {
			texts = append(texts, s)
		}
	}
	return strings.Join(texts, ", ")
}

// text shows the part of a word.
func (p *Part) text(word uint64) string {
	bits := int(max(p.Count, 1))
	how := unsigned
	if p.Signed {
		how = magnitude
	}
	v := signed(word>>p.From&(1<<bits-1), bits, how)
	s, named := p.Names[v]
	switch {
	case named:
		return s
	case p.Div != 0:
		s = fixed(float64(v)/p.Div, p.Decimals)
	default:
		s = strconv.FormatInt(v, 10)
	}
	if p.Label != "" {
		s = p.Label + " " + s
	}
	return s + p.Unit
}
