package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/sargas-em/em/examples/emcodec/catalogue"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// description is what describe tells, besides the catalogue's entry.
type description struct {
	Title    string                 `json:"title"`
	Over     string                 `json:"over"`
	MaxFrame int                    `json:"longest_frame"` // bytes
	Relaxed  bool                   `json:"relaxed"`       // has a form that takes wrong check codes
	Commands []protocol.CommandKind `json:"commands,omitempty"`
	catalogue.Entry
}

// describe says all that the code says of a dialect.
func (t *tool) describe(_ context.Context, args []string) error {
	fs := t.flags("describe")
	format := fs.String("o", "text", "`form` of the output: text or json")
	rest, err := program.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return program.Usagef("describe: name one codec; list has them")
	}
	d, err := t.device(rest[0])
	if err != nil {
		return err
	}
	entries, err := catalogue.Entries()
	if err != nil {
		return err
	}
	all := description{d.Title, over(d), d.MaxFrame, d.Relaxed != nil, d.Commands, entries[d.Name]}
	switch *format {
	case "json":
		e := json.NewEncoder(t.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(all)
	case "text":
		_, err := fmt.Fprint(t.out, all.text())
		return err
	}
	return program.Usagef("describe: -o %q: text or json", *format)
}

func (d *description) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", d.Codec, d.Title)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	checks := cmp.Or(strings.Join(d.Checks, ", "), "none")
	if d.Relaxed {
		checks += "; --relaxed takes wrong ones"
	}
	var commands []string
	for _, c := range d.Commands {
		commands = append(commands, string(c))
	}
	fmt.Fprintf(w, "kind\t%s\nover\t%s\nlongest frame\t%d bytes\ncheck codes\t%s\ncommands\t%s\n",
		cmp.Or(d.Profile, "not said"), d.Over, d.MaxFrame, checks, cmp.Or(strings.Join(commands, ", "), "none"))
	w.Flush() // into memory
	section := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n\n%s\n", strings.ToUpper(title), text)
		}
	}
	section("Framing", d.About)
	var table strings.Builder
	w = tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MESSAGE\tFROM\tBECOMES")
	for _, m := range d.Messages {
		fmt.Fprintf(w, "%s\t%s\t%s\n", m.Type, strings.Join(m.From, ", "), strings.Join(m.Observes, ", "))
	}
	w.Flush()
	section("Messages", strings.TrimRight(table.String(), "\n")+fmt.Sprintf("\n\nAs the %d composed vectors show them.", d.Vectors))
	for _, s := range d.Sections {
		section(s.Title, s.Text)
	}
	var notes []string
	for _, s := range d.Unverified {
		notes = append(notes, "  - "+s)
	}
	section("Marked as unverified in the code", strings.Join(notes, "\n"))
	return b.String()
}
