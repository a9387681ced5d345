package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/program"
)

func explain(args []string, out, errs io.Writer) error {
	o, err := parseFlags("explain", args, errs)
	if err != nil {
		return err
	}
	if len(o.rest) != 1 || o.rest[0] == "" {
		return program.Usagef("explain: name one event, or the beginning of its id")
	}
	r, err := replayFiles(o, errs)
	if err != nil {
		return err
	}
	found, of := r.find(strings.ToLower(o.rest[0]))
	switch len(found) {
	case 0:
		return program.Usagef("explain: no event begins with %s", o.rest[0])
	case 1:
	default:
		return program.Usagef("explain: %d events begin with %s", len(found), o.rest[0])
	}
	e := &found[0]
	evidence, err := findEvidence(o.observations, e.Because)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, r.words(of, e, evidence)); err != nil {
		return err
	}
	return r.inputError()
}

// find returns the events whose id begins so, in their last versions, those that
// were withdrawn among them.
func (r *result) find(prefix string) (found []em.Event, of *subject) {
	for _, s := range r.people {
		last := map[em.EventID]em.Event{}
		for _, c := range s.history.Ledger() {
			if strings.HasPrefix(c.Event.ID.String(), prefix) {
				last[c.Event.ID] = c.Event
			}
		}
		for _, e := range last {
			found, of = append(found, e), s
		}
	}
	return found, of
}

// withdrawn reports whether an event was told, but is no more.
func (s *subject) withdrawn(id em.EventID) bool {
	for _, e := range s.history.Present() {
		if e.ID == id {
			return false
		}
	}
	return true
}

// piece is one observation as the file has it.
type piece struct {
	line int
	o    em.Observation
}

// findEvidence reads the file again for observations by ID; of several lines the
// first received.
func findEvidence(name string, ids []em.ObservationID) (map[em.ObservationID]piece, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	want := map[em.ObservationID]bool{}
	for _, id := range ids {
		want[id] = true
	}
	found := map[em.ObservationID]piece{}
	err = scan(f, func(n int, o em.Observation, err error) error {
		if err == nil && want[o.ID] {
			if old, ok := found[o.ID]; !ok || o.Received.Before(old.o.Received) {
				found[o.ID] = piece{n, o}
			}
		}
		return nil
	})
	return found, err
}

// words explains an event to a person.
func (r *result) words(s *subject, e *em.Event, evidence map[em.ObservationID]piece) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	d := &e.Detail
	line("%s", d.Reason)
	line("")
	line("Event     %s", e.ID)
	line("About     %s%s", e.Subject, prefixed(", ", e.About))
	line("What      %s%s (%s)", d.Kind, prefixed(" ", d.Class), d.Severity)
	until := "now: it is still open"
	if !e.Open() {
		until = stamp(e.Until)
	}
	line("When      from %s until %s", stamp(e.At), until)
	line("Rule      %s%s", e.Rule, prefixed(", version ", e.Version))
	switch {
	case s.withdrawn(e.ID):
		line("State     withdrawn: later evidence no longer supports it; this is what was told last")
	case e.Open():
		line("State     provisional: more may come")
	case r.provisional(s, e):
		line("State     provisional: data up to %v late would still change it", r.maxLate)
	default:
		line("State     final: data about it would be too late by now")
	}
	line("Decided   at %s, by what was observed until then", stamp(e.Concluded))

	line("\nThe rule's figures and limits")
	for _, f := range d.Facts {
		name := strings.ReplaceAll(f.Name, "_", " ")
		switch {
		case f.Unit == "" && f.Text == "":
		case f.Unit == "" || f.Text != "":
			line("  %-16s %s", name, f.Text)
		case f.Unit == "1":
			line("  %-16s %g", name, f.Num)
		default:
			line("  %-16s %g %s", name, f.Num, f.Unit)
		}
	}
	if len(d.Facts) == 0 {
		line("  none")
	}

	line("\nThe evidence")
	for _, id := range e.Because {
		p, ok := evidence[id]
		if !ok {
			line("  %s (not in the file)", id)
			continue
		}
		line("  %s, line %d: %s from %s", stamp(p.o.At), p.line, what(p.o.Body), p.o.Device)
		if late := p.o.Received.Sub(p.o.At); late >= time.Minute {
			line("    received %v later", late.Round(time.Second))
		}
	}
	if len(e.Because) == 0 {
		line("  none: it rests on what did not come")
	}

	line("\nHow it was told, as the observations came")
	told := map[em.EventID]bool{e.ID: true}
	ledger := s.history.Ledger()
	for i := len(ledger) - 1; i >= 0; i-- { // late data may have moved it here
		if c := &ledger[i]; c.Kind == em.Moved && told[c.Event.ID] {
			told[c.Was.ID] = true
		}
	}
	for i := range ledger {
		c := &ledger[i]
		if told[c.Event.ID] {
			line("  %s %s%s: %s", stamp(c.Known), c.Kind, prefixed(" ", c.Event.Detail.Class), c.Event.Detail.Reason)
			if c.Cause != (em.ObservationID{}) {
				line("    because of observation %s", c.Cause)
			}
		}
	}
	return b.String()
}

func prefixed(p, s string) string {
	if s == "" {
		return ""
	}
	return p + s
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// what says what a body is: its kind and fields, as JSON has them.
func what(b em.Body) string {
	doc, err := json.Marshal(b)
	if err != nil {
		return string(b.Kind())
	}
	return string(b.Kind()) + " " + string(doc)
}
