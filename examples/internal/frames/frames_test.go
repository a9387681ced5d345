package frames

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name  string
		parse func(string) ([]byte, error)
		in    string
		want  string
		err   string
	}{
		{name: "plain", parse: ParseHex, in: "78780D01", want: "xx\r\x01"},
		{name: "tolerant", parse: ParseHex, in: "0x78 0X78:0d # length\n\t01", want: "xx\r\x01"},
		{name: "a comment ends the text", parse: ParseHex, in: "78 # more", want: "x"},
		{name: "nothing", parse: ParseHex, in: ""},
		{name: "odd", parse: ParseHex, in: "78 7", err: "column 4: an odd number of digits"},
		{name: "odd, then blanks", parse: ParseHex, in: "787  ", err: "column 3: an odd number of digits"},
		{name: "no digit", parse: ParseHex, in: "78\n7g", err: "line 2, column 2: 'g' is not"},
		{name: "0 is a digit where x follows a half", parse: ParseHex, in: "70x8", err: "column 3: 'x' is not"},
		{name: "text", parse: ParseText, in: `$A,\x41\t\\\r\n`, want: "$A,A\t\\\r\n"},
		{name: "a line end is added", parse: ParseText, in: "$A", want: "$A\r\n"},
		{name: "a lone backslash", parse: ParseText, in: `$A\`, err: "column 3: a lone"},
		{name: "half an escape", parse: ParseText, in: `\x4`, err: "column 1: \\x needs two digits"},
		{name: "no such escape", parse: ParseText, in: `\q`, err: "column 1: unknown escape"},
		{name: "no hexadecimal", parse: ParseText, in: `\xzz`, err: "column 1: \\xzz is not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.parse(c.in)
			if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestLines(t *testing.T) {
	in := `{"hex":"78 79"}

{"text":"$A"}
{"hex":"7"}
{}
nonsense
{"hex":"7a","name":"last"}`
	var got strings.Builder
	for l, err := range Lines(strings.NewReader(in)) {
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString(string(rune('0'+l.N)) + ":" + string(l.Data))
		if l.Err != nil {
			got.WriteString("error")
		}
		got.WriteByte(' ')
	}
	if want := "1:xy 3:\n$A\r\n 4:error 5:error 6:error 7:z "; got.String() != want {
		t.Errorf("%q, not %q", got.String(), want)
	}
	var end error
	for _, err := range Lines(io.MultiReader(strings.NewReader("{}\n"), iotest.ErrReader(errors.New("torn")))) {
		end = err
	}
	if end == nil || end.Error() != "line 2: torn" {
		t.Errorf("a torn file: %v", end)
	}
	for range Lines(strings.NewReader(in)) {
		break // the reader may stop
	}
}
