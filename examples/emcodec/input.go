package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// line is one piece of input: a frame, or several.
type line struct {
	n    int // its number, from 1
	data []byte
	err  error // it is no JSON, or no hexadecimal
}

// longestLine bounds a line of a JSON lines file.
const longestLine = 4 << 20

// readFile reads JSON lines with "hex" or "text". A line that cannot be read is
// a result of its own and does not end the file.
func readFile(name string, stdin io.Reader) ([]line, error) {
	r := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	var lines []line
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, longestLine)
	for n := 1; sc.Scan(); n++ {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		l := line{n: n}
		var doc struct {
			Hex  string `json:"hex"`
			Text string `json:"text"`
		}
		switch err := json.Unmarshal(sc.Bytes(), &doc); {
		case err != nil:
			l.err = err
		case doc.Hex != "":
			l.data, l.err = parseHex(doc.Hex)
		case doc.Text != "":
			// Text is kept without the line ends round it; a dialect that needs
			// none skips them.
			l.data = []byte("\n" + doc.Text + "\r\n")
		default:
			l.err = fmt.Errorf("neither hex nor text")
		}
		lines = append(lines, l)
	}
	return lines, sc.Err()
}

// parseArgument reads a frame from the command line; @FILE names a file that
// holds it.
func parseArgument(arg string, text bool) ([]byte, error) {
	if name, ok := strings.CutPrefix(arg, "@"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		arg = strings.TrimRight(string(b), "\r\n")
	}
	if text {
		return parseText(arg)
	}
	return parseHex(arg)
}

// parseHex takes hexadecimal digits with blanks, colons, 0x and # comments to
// the end of a line between them. Errors name the column, counted from 1.
func parseHex(s string) ([]byte, error) {
	var digits []byte
	last := 0 // column of the last digit
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
			last = i + 1
		default:
			return nil, fmt.Errorf("column %d: %q is not a hexadecimal digit", i+1, c)
		}
	}
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("column %d: an odd number of digits: half a byte is left", last)
	}
	b := make([]byte, len(digits)/2)
	_, err := hex.Decode(b, digits)
	return b, err
}

// parseText takes text with the escapes \r \n \t \\ and \xNN. A line end is
// added where there is none, as shells drop it.
func parseText(s string) ([]byte, error) {
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
