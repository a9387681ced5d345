package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// perRow is how many bytes stand on one row of a dump.
const perRow = 8

// Colours of a terminal.
const (
	red   = "\x1b[31m"
	green = "\x1b[32m"
	faint = "\x1b[2m"
	plain = "\x1b[0m"
)

// paint colours a text where the output is a terminal.
func (t *tool) paint(colour, s string) string {
	if !t.colour || s == "" {
		return s
	}
	return colour + s + plain
}

// print writes a result in one of the forms dump, text and jsonl.
func (t *tool) print(r *result, format string) error {
	if format == "jsonl" {
		r.Pieces = r.pieces()
		e := json.NewEncoder(t.out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	var b strings.Builder
	t.heading(&b, r)
	told := false
	for _, p := range r.pieces() {
		if format == "dump" {
			width := 8
			for _, f := range p.Fields {
				width = max(width, utf8.RuneCountInString(f.Name))
			}
			for _, f := range p.Fields {
				t.dumpField(&b, f, width)
			}
		}
		switch {
		case p.Error != "":
			told = true
			fmt.Fprintf(&b, "=> %s\n", t.paint(red, "error: "+p.Error))
		case p.Type != "":
			_, identity, _ := strings.Cut(string(r.Device), ":")
			fmt.Fprintf(&b, "=> %s\n", t.paint(green, strings.TrimSpace(p.Type+" "+identity)))
		}
	}
	for _, o := range r.Observations {
		doc, err := json.Marshal(o)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "   %s\n", doc)
	}
	if r.Note != "" {
		fmt.Fprintf(&b, "   note: %s\n", r.Note)
	}
	if !r.OK && !told {
		fmt.Fprintf(&b, "=> %s\n", t.paint(red, "error: "+r.Error))
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

// heading says whose frames follow, where there is something to say.
func (t *tool) heading(b *strings.Builder, r *result) {
	var words []string
	if r.Conn > 0 {
		words = append(words, fmt.Sprintf("connection %d", r.Conn), r.Name)
		if r.From != "" {
			words = append(words, "from the "+r.From)
		}
		if r.N > 0 {
			words = append(words, fmt.Sprintf("packet %d", r.N))
		}
		if r.Received != nil {
			words = append(words, r.Received.Format(time.RFC3339Nano))
		}
	}
	if r.Why != "" {
		words = append(words, r.Codec+": "+r.Why)
	}
	if r.Completed != "" {
		words = append(words, "with "+r.Completed+", put back: the copy lacks it")
	}
	if len(words) > 0 {
		fmt.Fprintf(b, "%s\n", t.paint(faint, "# "+strings.Join(words, ", ")))
	}
}

// dumpField shows the bytes of one field, and what they mean; width is that of the
// longest name.
func (t *tool) dumpField(b *strings.Builder, f field, width int) {
	raw, _ := hex.DecodeString(f.Hex) // we made it
	for i := 0; i < len(raw); i += perRow {
		fmt.Fprintf(b, "%04X  ", f.Offset+int64(i))
		row := fmt.Sprintf("% X", raw[i:min(len(raw), i+perRow)])
		if i > 0 {
			fmt.Fprintf(b, "%s\n", row)
			continue
		}
		value := strings.TrimSpace(f.Value + " " + f.Note)
		if strings.Contains(f.Note, "WRONG") {
			value = t.paint(red, value)
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-24s %-*s %s", row, width, f.Name, value), " ") + "\n")
	}
}
