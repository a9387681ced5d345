// Package frames reads captured or composed frames as people write them:
// hexadecimal, text with escapes, and files of JSON lines with either.
package frames

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Line is one line of a file: a frame, or several.
type Line struct {
	N    int // its number, from 1
	Data []byte
	Err  error // it is no JSON, or no hexadecimal; there is no Data
}

// longestLine bounds a line in bytes.
const longestLine = 4 << 20

// Lines reads JSON lines with "hex" or "text"; blank ones are passed over. A line
// that cannot be understood does not end the file; the error, which does, is of
// reading.
func Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, longestLine)
		n := 1
		for ; sc.Scan(); n++ {
			if len(bytes.TrimSpace(sc.Bytes())) == 0 {
				continue
			}
			data, err := parseLine(sc.Bytes())
			if !yield(Line{n, data, err}, nil) {
				return
			}
		}
		if err := sc.Err(); err != nil {
			yield(Line{}, fmt.Errorf("line %d: %w", n, err))
		}
	}
}

func parseLine(b []byte) ([]byte, error) {
	var doc struct {
		Hex  string `json:"hex"`
		Text string `json:"text"`
	}
	switch err := json.Unmarshal(b, &doc); {
	case err != nil:
		return nil, fmt.Errorf("no JSON object with hex or text: %w", err)
	case doc.Hex != "":
		return ParseHex(doc.Hex)
	case doc.Text != "":
		// Text is kept without the line ends round it; a dialect that needs none
		// skips them.
		return []byte("\n" + doc.Text + "\r\n"), nil
	}
	return nil, fmt.Errorf("neither hex nor text")
}

// place says where in a text of one line or several an index is, counted from 1.
func place(s string, i int) string {
	line, column := 1+strings.Count(s[:i], "\n"), i-strings.LastIndexByte(s[:i], '\n')
	if !strings.Contains(s, "\n") {
		return fmt.Sprintf("column %d", column)
	}
	return fmt.Sprintf("line %d, column %d", line, column)
}

// ParseHex takes hexadecimal digits with blanks, colons, 0x and # comments to
// the end of a line between them. Errors name the place.
func ParseHex(s string) ([]byte, error) {
	var digits []byte
	last := 0 // index of the last digit
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '#':
			if end := strings.IndexByte(s[i:], '\n'); end >= 0 {
				i += end
			} else {
				i = len(s)
			}
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ':':
		case c == '0' && i+1 < len(s) && (s[i+1] == 'x' || s[i+1] == 'X') && len(digits)%2 == 0:
			i++
		case strings.IndexByte("0123456789abcdefABCDEF", c) >= 0:
			digits = append(digits, c)
			last = i
		default:
			return nil, fmt.Errorf("%s: %q is not a hexadecimal digit", place(s, i), c)
		}
	}
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("%s: an odd number of digits: half a byte is left", place(s, last))
	}
	b := make([]byte, len(digits)/2)
	_, err := hex.Decode(b, digits)
	return b, err
}

// ParseText takes text with the escapes \r \n \t \\ and \xNN. A line end is
// added where there is none, as shells drop it.
func ParseText(s string) ([]byte, error) {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		if i++; i == len(s) {
			return nil, fmt.Errorf(`column %d: a lone \ at the end`, i)
		}
		switch s[i] {
		case 'r':
			b = append(b, '\r')
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case '\\':
			b = append(b, '\\')
		case 'x':
			if i+2 >= len(s) {
				return nil, fmt.Errorf(`column %d: \x needs two digits`, i)
			}
			v, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return nil, fmt.Errorf(`column %d: \x%s is not hexadecimal`, i, s[i+1:i+3])
			}
			b = append(b, v...)
			i += 2
		default:
			return nil, fmt.Errorf(`column %d: unknown escape \%c`, i, s[i])
		}
	}
	if !bytes.HasSuffix(b, []byte("\n")) {
		b = append(b, "\r\n"...)
	}
	return b, nil
}
