package main

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/checkin"
)

// eventLine is an event as it is printed.
type eventLine struct {
	Event       em.EventID         `json:"event"`
	Subject     em.SubjectID       `json:"subject"`
	Rule        string             `json:"rule"`
	Version     string             `json:"version,omitempty"`
	About       string             `json:"about,omitempty"`
	Kind        em.EventKind       `json:"kind"`
	Class       string             `json:"class"`
	Severity    em.Severity        `json:"severity"`
	From        time.Time          `json:"from"`
	To          *time.Time         `json:"to"`                // null: still open
	Minutes     *float64           `json:"minutes,omitempty"` // of which the rule speaks, or how long it lasted
	Counted     *float64           `json:"counted,omitempty"` // of them, where the rule counts
	Provisional bool               `json:"provisional"`       // open, or late data may still change it
	Reason      string             `json:"reason"`
	Because     []em.ObservationID `json:"because"`
	Facts       []em.Fact          `json:"facts,omitempty"`
}

// summaryLine is what came of one order, or of one rule that is no order's.
type summaryLine struct {
	Summary     em.SubjectID   `json:"summary"`
	Rule        string         `json:"rule"`
	Order       string         `json:"order,omitempty"`
	Events      map[string]int `json:"events"` // by kind and class
	Provisional int            `json:"provisional"`
	Absence     *absenceLine   `json:"absence,omitempty"`
}

// absenceLine is the accumulated absence of an order.
type absenceLine struct {
	Minutes   float64 `json:"minutes"` // in the total
	Excluded  int     `json:"excluded"`
	Allowance float64 `json:"allowance"`
	Left      float64 `json:"left"`
	Step      string  `json:"step"`
	Reason    string  `json:"reason"`
}

// endLine closes the output.
type endLine struct {
	At        time.Time `json:"at"`
	Lines     int       `json:"lines"`
	Used      int       `json:"used"`
	Later     int       `json:"received_later"`
	Strangers int       `json:"carried_by_nobody"`
	Refused   int       `json:"not_judged"`
	Bad       int       `json:"bad"`
}

func (r *result) provisional(s *subject, e *em.Event) bool {
	return e.Open() || !e.Concluded.Before(s.tl.Final(r.at))
}

func fact(e *em.Event, name string) *float64 {
	for i := range e.Detail.Facts {
		if f := &e.Detail.Facts[i]; f.Name == name && f.Unit == "min" {
			return &f.Num
		}
	}
	return nil
}

func (r *result) line(s *subject, e *em.Event) eventLine {
	d := &e.Detail
	l := eventLine{
		Event: e.ID, Subject: e.Subject, Rule: e.Rule, Version: e.Version, About: e.About, Kind: d.Kind, Class: d.Class, Severity: d.Severity,
		From: e.At, Minutes: fact(e, "minutes"), Counted: fact(e, "counted"), Provisional: r.provisional(s, e),
		Reason: d.Reason, Because: e.Because, Facts: d.Facts,
	}
	if l.Because == nil {
		l.Because = []em.ObservationID{}
	}
	if !e.Open() {
		l.To = &e.Until
		if l.Minutes == nil && e.Until.After(e.At) {
			m := e.Until.Sub(e.At).Round(time.Second).Minutes()
			l.Minutes = &m
		}
	}
	return l
}

// order is the order that an event belongs to; empty where the rule is no
// order's.
func (s *subject) order(e *em.Event) string {
	switch e.Rule {
	case curfew.Rule:
		return e.About
	case checkin.RuleName:
		for _, c := range s.extra.CheckIns {
			if id := c.Rule.ID; e.About == id || strings.HasPrefix(e.About, id+"/") {
				return id
			}
		}
	}
	return ""
}

func (r *result) print(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, s := range r.people {
		for _, e := range s.history.Present() {
			if err := enc.Encode(r.line(s, &e)); err != nil {
				return err
			}
		}
	}
	for _, s := range r.people {
		if err := r.summary(s, enc); err != nil {
			return err
		}
	}
	return enc.Encode(endLine{r.at, r.lines, r.used, r.later, r.strangers, r.refused, r.bad})
}

func (r *result) summary(s *subject, enc *json.Encoder) error {
	lines := map[string]*summaryLine{}
	accounts := map[string]*curfew.Account{}
	of := func(rule, order string) *summaryLine {
		key := rule + "\x00" + order
		if lines[key] == nil {
			lines[key] = &summaryLine{Summary: s.id, Rule: rule, Order: order, Events: map[string]int{}}
		}
		return lines[key]
	}
	for _, id := range s.curfews {
		of(curfew.Rule, id)
		accounts[id] = &curfew.Account{}
		for _, d := range s.extra.Decisions {
			if d.At.After(r.at) {
				continue
			}
			if err := accounts[id].Decide(d); err != nil { // was checked
				return err
			}
		}
	}
	for _, c := range s.extra.CheckIns {
		of(checkin.RuleName, c.Rule.ID)
	}
	for _, e := range s.history.Present() {
		l := of(e.Rule, s.order(&e))
		l.Events[strings.TrimSpace(string(e.Detail.Kind)+" "+e.Detail.Class)]++
		if r.provisional(s, &e) {
			l.Provisional++
		}
		if a := accounts[e.About]; a != nil && e.Rule == curfew.Rule {
			a.Apply(em.Change{Kind: em.Opened, Event: e, Known: r.at})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		l := lines[key]
		if a := accounts[l.Order]; a != nil && l.Rule == curfew.Rule {
			v := s.extra.Review
			st := a.Statement(curfew.Review{
				From: v.From, Until: v.Until, Allowance: time.Duration(v.Allowance), Single: time.Duration(v.Single), KeepEntire: v.KeepEntire,
			})
			l.Absence = &absenceLine{Minutes: st.Total.Minutes(), Allowance: st.Allowance.Minutes(), Left: st.Left.Minutes(), Step: st.Step.String(), Reason: st.Reason}
			for _, x := range st.Lines {
				if x.Excluded {
					l.Absence.Excluded++
				}
			}
		}
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}
