package codectest

import (
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Status is what became of a requirement.
type Status string

// Statuses.
const (
	Passed        Status = "passed"
	Failed        Status = "failed"
	Skipped       Status = "skipped"        // not looked at: what it needs was not there
	NotApplicable Status = "not applicable" // nothing to look at in this dialect
)

// Result is one requirement's.
type Result struct {
	Requirement
	Status   Status   `json:"status"`
	Reason   string   `json:"reason,omitempty"`   // of Skipped and NotApplicable
	Count    int      `json:"failures,omitempty"` // how many
	Failures []string `json:"texts,omitempty"`    // the first ten of them
	Notes    []string `json:"notes,omitempty"`    // what was counted
}

// Report says how a device meets the requirements. Two reports of the same device
// differ in At alone.
type Report struct {
	Device   string                 `json:"device"`
	Title    string                 `json:"title"`
	Profile  string                 `json:"profile,omitempty"`
	At       time.Time              `json:"at"` // UTC, whole seconds
	Vectors  int                    `json:"vectors"`
	Messages []string               `json:"messages,omitempty"` // the types that the vectors show
	Commands []protocol.CommandKind `json:"commands,omitempty"`
	External []string               `json:"external,omitempty"` // files of real frames
	Results  []Result               `json:"results"`
	Frames   []Frame                `json:"frames,omitempty"` // one of each type of message
}

// Level is the highest one whose requirements, and those of the levels below, are
// all met. One that was skipped is not met.
func (r *Report) Level() Level {
	reached := LevelProven
	for _, q := range r.Results {
		if q.Status != Passed && q.Status != NotApplicable && q.Level <= reached {
			reached = q.Level - 1
		}
	}
	if len(r.Results) == 0 {
		return LevelNone
	}
	return reached
}

// Add makes one report of r and that of another kit of the same device: one that
// another of its models, or another configuration, is tested with. A requirement is
// met where both meet it, and failures and notes of the other one have name in front.
// Title, Profile and At stay.
func (r *Report) Add(o *Report, name string) {
	r.Vectors += o.Vectors
	r.Messages = union(r.Messages, o.Messages)
	r.Commands = union(r.Commands, o.Commands)
	r.External = union(r.External, o.External)
	for _, f := range o.Frames {
		if !slices.ContainsFunc(r.Frames, func(own Frame) bool { return own.Type == f.Type }) {
			r.Frames = append(r.Frames, f)
		}
	}
	named := func(texts []string) []string {
		var all []string
		for _, s := range texts {
			all = append(all, name+": "+s)
		}
		return all
	}
	// From the one that counts least: what one kit has nothing to show for, another
	// one may have.
	order := []Status{NotApplicable, Passed, Skipped, Failed}
	for i := range r.Results {
		q := &r.Results[i]
		j := slices.IndexFunc(o.Results, func(p Result) bool { return p.ID == q.ID })
		if j < 0 {
			continue
		}
		other := o.Results[j]
		if slices.Index(order, other.Status) > slices.Index(order, q.Status) {
			q.Status, q.Reason = other.Status, other.Reason
		}
		q.Count += other.Count
		q.Failures = append(q.Failures, named(other.Failures)...)
		q.Failures = q.Failures[:min(len(q.Failures), maxFailures)]
		q.Notes = append(q.Notes, named(other.Notes)...)
	}
}

// union is what is in either, in their order.
func union[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// Passed reports whether no requirement failed.
func (r *Report) Passed() bool {
	for _, q := range r.Results {
		if q.Status == Failed {
			return false
		}
	}
	return true
}

// WriteJSON writes the report as one object, with its level.
func (r *Report) WriteJSON(w io.Writer) error {
	type plain Report
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(struct {
		Level string `json:"level"`
		*plain
	}{r.Level().String(), (*plain)(r)}); err != nil {
		return fmt.Errorf("codectest: report: %w", err)
	}
	return nil
}

// ReadReport reads what WriteJSON wrote.
func ReadReport(rd io.Reader) (*Report, error) {
	var r Report
	if err := json.NewDecoder(rd).Decode(&r); err != nil {
		return nil, fmt.Errorf("codectest: report: %w", err)
	}
	return &r, nil
}

// WriteJUnit writes the report as a JUnit test suite, as CI systems read it: a
// test case for each requirement, named by its ID.
func (r *Report) WriteJUnit(w io.Writer) error {
	type message struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *message `xml:"failure"`
		Skipped *message `xml:"skipped"`
		Out     string   `xml:"system-out,omitempty"`
	}
	suite := struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Time     string     `xml:"timestamp,attr"`
		Cases    []testcase `xml:"testcase"`
	}{Name: r.Device, Tests: len(r.Results), Time: r.At.Format("2006-01-02T15:04:05")}
	for _, q := range r.Results {
		c := testcase{Class: r.Device + "." + q.Level.String(), Name: q.ID + " " + q.Name, Out: plainText(strings.Join(q.Notes, "\n"))}
		switch q.Status {
		case Failed:
			suite.Failures++
			c.Failure = &message{q.Title, plainText(strings.Join(q.Failures, "\n"))}
		case Skipped, NotApplicable:
			suite.Skipped++
			c.Skipped = &message{Message: string(q.Status) + ": " + q.Reason}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("codectest: report: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return fmt.Errorf("codectest: report: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("codectest: report: %w", err)
	}
	return nil
}

// plainText replaces what XML cannot hold.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

//go:embed report.html
var page string

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return fmt.Errorf("codectest: report: %w", err)
	}
	if err := t.Execute(w, r); err != nil {
		return fmt.Errorf("codectest: report: %w", err)
	}
	return nil
}

// WriteBadge writes the level as a small SVG picture.
func (r *Report) WriteBadge(w io.Writer) error {
	label, level := "sargas "+r.Device, r.Level().String()
	color := map[Level]string{LevelNone: "#b3261e", LevelDecodes: "#8a6d00", LevelRobust: "#3b6b00", LevelComplete: "#1f6b2e", LevelProven: "#00639b"}[r.Level()]
	// Seven units for a letter of 11: wide enough for all common fonts.
	left, right := 7*len(label)+12, 7*len(level)+12
	text := func(x int, s string) string {
		return fmt.Sprintf(`<text x="%d" y="14">%s</text>`, x, template.HTMLEscapeString(s))
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s"><title>%[2]s: %[3]s</title><rect width="%d" height="20" fill="#444"/><rect x="%[4]d" width="%d" height="20" fill="%s"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">%s%s</g></svg>
`, left+right, template.HTMLEscapeString(label), level, left, right, color, text(6, label), text(left+6, level))
	if err != nil {
		return fmt.Errorf("codectest: report: %w", err)
	}
	return nil
}
