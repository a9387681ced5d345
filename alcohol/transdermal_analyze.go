package alcohol

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Analysis is what a rule says of readings at the skin.
type Analysis struct {
	Rule     TransdermalRule // complete
	Episodes []Episode       // closed, in the order of From
	// Events are the last versions, in the order of At; all but those of a dead
	// sensor or refused readings that go on are closed. They are not stamped:
	// em.Timeline gives events their subject and ID.
	Events []em.Event
	// Points are the levels that were judged, in the order of time.
	Points []Point
}

// Analyze gives the verdicts on readings at hand: a file, or what a store has
// of a person. It takes any observations, in any order, repeated or not, and
// leaves them as they are; as [Transdermal] does it reads *em.Transdermal, and
// *em.Tamper of the same devices. The verdicts are those of a Transdermal on a
// Timeline once its last deadline has passed: the end of the data is a gap.
// Observations need the time At; where they lack an ID, Stamp was not called
// and the error says so. Errors wrap ErrTransdermalRule or ErrObservation.
func Analyze(r TransdermalRule, obs []em.Observation) (*Analysis, error) {
	e, err := NewTransdermal(r)
	if err != nil {
		return nil, err
	}
	obs = slices.Clone(obs)
	for i := range obs {
		if o := &obs[i]; o.ID == (em.ObservationID{}) || o.At.IsZero() || o.Body == nil {
			return nil, fmt.Errorf("alcohol: %w: number %d of %d", ErrObservation, i, len(obs))
		}
	}
	slices.SortStableFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	obs = slices.CompactFunc(obs, func(a, b em.Observation) bool { return a.ID == b.ID && a.At.Equal(b.At) })
	e.out.keep = true
	var evs []em.Event
	for i := range obs {
		for d := e.Deadline(); !d.IsZero() && !d.After(obs[i].At); d = e.Deadline() {
			evs = e.Wake(evs, d)
		}
		evs = e.Observe(evs, obs[i])
	}
	for d := e.Deadline(); !d.IsZero(); d = e.Deadline() {
		evs = e.Wake(evs, d)
	}
	a := &Analysis{Rule: e.l.TransdermalRule, Episodes: e.out.episodes, Points: e.out.points, Events: last(evs)}
	slices.SortStableFunc(a.Episodes, func(x, y Episode) int { return cmp.Or(x.From.Compare(y.From), cmp.Compare(x.Device, y.Device)) })
	slices.SortStableFunc(a.Points, func(x, y Point) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Device, y.Device)) })
	return a, nil
}

// ErrObservation is wrapped by errors about observations that lack an ID, a time
// or a body: em.Observation.Stamp was not called.
var ErrObservation = errors.New("incomplete observation")

// same reports whether two versions are of one event.
func same(a, b *em.Event) bool {
	return a.Rule == b.Rule && a.Detail.Kind == b.Detail.Kind && a.About == b.About && a.Anchor.Equal(b.Anchor)
}

type eventKey struct {
	rule, about string
	kind        em.EventKind
	anchor      int64
}

// last keeps the last version of each event.
func last(versions []em.Event) []em.Event {
	at := map[eventKey]int{}
	var evs []em.Event
	for _, v := range versions {
		k := eventKey{v.Rule, v.About, v.Detail.Kind, v.Anchor.UnixNano()}
		if i, ok := at[k]; ok {
			evs[i] = v
			continue
		}
		at[k] = len(evs)
		evs = append(evs, v)
	}
	slices.SortStableFunc(evs, func(a, b em.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Detail.Kind, b.Detail.Kind), cmp.Compare(a.About, b.About), a.Anchor.Compare(b.Anchor))
	})
	return evs
}

// Series is what a page needs to draw readings at the skin with the verdicts on
// them. It is plain data for encoding/json; times are UTC.
type Series struct {
	Unit      em.AlcoholUnit `json:"unit"`
	Smoothing Smoothing      `json:"smoothing"`
	Points    []SeriesPoint  `json:"points"`
	Dropped   int            `json:"dropped,omitempty"` // points left out by Thin
	Lines     []Line         `json:"lines"`             // horizontal: limits
	Bands     []Band         `json:"bands"`             // vertical: verdicts, wear, refused readings
	Marks     []Mark         `json:"marks"`             // peaks
}

// SeriesPoint is one reading. What the instrument did not give, and the level
// of a reading that was not judged, is null.
type SeriesPoint struct {
	At          time.Time       `json:"at"`
	Device      em.DeviceID     `json:"device"`
	Given       em.Decimal      `json:"given"` // as the instrument gave it
	Unit        em.AlcoholUnit  `json:"unit"`
	Level       em.Opt[float64] `json:"level"`
	Temperature em.Opt[float64] `json:"skin_celsius"`
	IR          em.Opt[float64] `json:"ir_volts"`
	Motion      em.Opt[float64] `json:"motion_g"`
}

// Line is a limit.
type Line struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Band is a span of time with a verdict. Until zero: it goes on.
type Band struct {
	Kind     em.EventKind `json:"kind"` // "onset": when drinking began, estimated
	Class    string       `json:"class,omitempty"`
	Severity em.Severity  `json:"severity"`
	From     time.Time    `json:"from"`
	Until    time.Time    `json:"until,omitzero"`
	Text     string       `json:"text"`
}

// Mark is a point of note.
type Mark struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
	Text  string    `json:"text"`
}

// Series returns what is to be drawn of [from, to]; zero times for all. obs are
// the observations of the analysis. Figures that are not numbers are null.
func (a *Analysis) Series(obs []em.Observation, from, to time.Time) Series {
	within := func(x, y time.Time) bool {
		return (to.IsZero() || !x.After(to)) && (from.IsZero() || y.IsZero() || !y.Before(from))
	}
	s := Series{Unit: a.Rule.Unit, Smoothing: a.Rule.Smoothing, Lines: []Line{
		{"level", a.Rule.Level.Float()}, {"zero", a.Rule.Zero.Float()},
	}}
	levels := map[em.ObservationID]float64{}
	for _, p := range a.Points {
		levels[p.ID] = p.Level
	}
	seen := map[em.ObservationID]bool{}
	for i := range obs {
		o := &obs[i]
		r, ok := o.Body.(*em.Transdermal)
		if !ok || seen[o.ID] || !within(o.At, o.At) {
			continue
		}
		seen[o.ID] = true
		p := SeriesPoint{
			At: o.At, Device: o.Device, Given: r.Value, Unit: r.Unit,
			Temperature: finite(r.Temperature), IR: finite(r.IR), Motion: finite(r.Motion),
		}
		if v, ok := levels[o.ID]; ok {
			p.Level = em.Some(v)
		}
		s.Points = append(s.Points, p)
	}
	slices.SortStableFunc(s.Points, func(x, y SeriesPoint) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Device, y.Device)) })
	for _, e := range a.Events {
		if within(e.At, e.Until) {
			s.Bands = append(s.Bands, Band{e.Detail.Kind, e.Detail.Class, e.Detail.Severity, e.At, e.Until, e.Detail.Reason})
		}
	}
	for _, e := range a.Episodes {
		if within(e.Onset[0], e.Onset[1]) {
			s.Bands = append(s.Bands, Band{
				Kind: "onset", From: e.Onset[0], Until: e.Onset[1],
				Text: "Drinking began in this time, by an estimate of how far the skin lags.",
			})
		}
		if within(e.Peak.At, e.Peak.At) {
			s.Marks = append(s.Marks, Mark{e.Peak.At, e.Peak.Level, fmt.Sprintf("peak %.4f %s", e.Peak.Level, a.Rule.Unit)})
		}
	}
	return s
}

func finite(o em.Opt[float64]) em.Opt[float64] {
	if math.IsNaN(o.V) || math.IsInf(o.V, 0) {
		return em.Opt[float64]{}
	}
	return o
}

// Explanation lays open a verdict on readings at the skin.
type Explanation struct {
	Event    em.Event        `json:"event"`   // as derived again
	Episode  em.Opt[Episode] `json:"episode"` // where the verdict is on an episode
	Checks   []Check         `json:"checks"`  // what was measured against which limit
	Readings []Use           `json:"readings"`
	Rule     TransdermalRule `json:"rule"` // complete
	Series   Series          `json:"series"`
}

// Check is one comparison that a verdict rests on.
type Check struct {
	Name     string  `json:"name"`
	Measured float64 `json:"measured"`
	Limit    float64 `json:"limit"`
	Unit     string  `json:"unit"`
	OK       bool    `json:"ok"` // at or below the limit for a rate; at or above it for a peak
}

// Use is a reading within the span of a verdict.
type Use struct {
	Point
	Given  em.Decimal      `json:"given"`
	Judged bool            `json:"judged"` // took part; otherwise refused, or thinned out
	Role   string          `json:"role,omitempty"`
	Temp   em.Opt[float64] `json:"skin_celsius"`
	IR     em.Opt[float64] `json:"ir_volts"`
}

// ErrNotDerived means that rule and observations do not give the event that is
// to be explained: observations are missing, or came since, or the rule is
// another.
var ErrNotDerived = errors.New("alcohol: the observations do not give this verdict")

// Explain derives a closed event again from the observations, and lays open
// what it rests on. It compares all that the event says; where the outcome
// differs the error wraps ErrNotDerived. Series reaches from six hours before
// the event to six hours after it.
func Explain(r TransdermalRule, obs []em.Observation, ev em.Event) (*Explanation, error) {
	a, err := Analyze(r, obs)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(a.Events, func(e em.Event) bool { return same(&e, &ev) })
	if i < 0 {
		return nil, fmt.Errorf("%w: %s at %s is not told", ErrNotDerived, ev.Detail.Kind, ev.Anchor.Format(time.RFC3339))
	}
	got := a.Events[i]
	got.ID, got.Subject, got.Concluded = ev.ID, ev.Subject, ev.Concluded
	if !got.Equal(&ev) {
		return nil, fmt.Errorf("%w: %s at %s is now %s (%s)", ErrNotDerived, ev.Detail.Class, ev.Anchor.Format(time.RFC3339), got.Detail.Class, got.Detail.Reason)
	}
	x := &Explanation{Event: got, Rule: a.Rule}
	until := got.Until
	if until.IsZero() {
		until = got.At
	}
	x.Series = a.Series(obs, got.At.Add(-6*time.Hour), until.Add(6*time.Hour))
	levels := map[em.ObservationID]Point{}
	for _, p := range a.Points {
		levels[p.ID] = p
	}
	roles := map[em.ObservationID]string{}
	for n, e := range a.Episodes {
		if got.Detail.Kind != KindTransdermal || !e.First.Equal(got.Anchor) || string(e.Device) != got.About {
			continue
		}
		x.Episode = em.Some(a.Episodes[n])
		perHour := string(a.Rule.Unit) + " per hour"
		x.Checks = append(x.Checks, Check{"peak", e.Peak.Level, a.Rule.Level.Float(), string(a.Rule.Unit), e.Peak.Level >= a.Rule.Level.Float()})
		if e.Rise.OK && !a.Rule.NoRates {
			x.Checks = append(x.Checks, Check{"rise", e.Rise.V, e.RiseMax, perHour, e.Why != WhyRise && e.Why != WhyBoth && e.Rise.V <= e.RiseMax})
		}
		if e.Fall.OK && !a.Rule.NoRates {
			x.Checks = append(x.Checks, Check{"fall", e.Fall.V, e.FallMax, perHour, e.Why != WhyFall && e.Why != WhyBoth && e.Fall.V <= e.FallMax})
		}
		roles[e.Start.ID], roles[e.End.ID], roles[e.Peak.ID] = "start", "end", "peak"
	}
	for i := range obs {
		o := &obs[i]
		t, ok := o.Body.(*em.Transdermal)
		if !ok || string(o.Device) != got.About || o.At.Before(got.At) || o.At.After(until) {
			continue
		}
		u := Use{Point: Point{Device: o.Device, ID: o.ID, At: o.At}, Given: t.Value, Role: roles[o.ID], Temp: finite(t.Temperature), IR: finite(t.IR)}
		if p, ok := levels[o.ID]; ok {
			u.Point, u.Judged = p, true
		}
		x.Readings = append(x.Readings, u)
	}
	slices.SortStableFunc(x.Readings, func(a, b Use) int { return a.At.Compare(b.At) })
	x.Readings = slices.CompactFunc(x.Readings, func(a, b Use) bool { return a.ID == b.ID })
	return x, nil
}

// Text is the explanation in words, for a file or a court.
func (x *Explanation) Text() string {
	var b strings.Builder
	d := &x.Event.Detail
	fmt.Fprintf(&b, "%s (%s), rule %q version %q.\n%s\n", d.Class, d.Kind, x.Event.Rule, x.Event.Version, d.Reason)
	fmt.Fprintf(&b, "This is a proposal for a person to decide. No concentration in blood or breath follows from it.\n")
	if len(x.Checks) > 0 {
		fmt.Fprintf(&b, "\nCompared:\n")
	}
	for _, c := range x.Checks {
		says := "within the limit"
		switch {
		case c.Name == "peak" && c.OK:
			says = "reaches the limit"
		case c.Name == "peak":
			says = "below the limit"
		case !c.OK:
			says = "beyond the limit"
		}
		fmt.Fprintf(&b, "  %s %.4f against %.4f %s: %s\n", c.Name, c.Measured, c.Limit, c.Unit, says)
	}
	fmt.Fprintf(&b, "\nFacts and parameters:\n")
	for _, f := range d.Facts {
		fmt.Fprintf(&b, "  %s: %s\n", f.Name, f.Text)
	}
	fmt.Fprintf(&b, "\nReadings:\n")
	for _, u := range x.Readings {
		level := "not judged"
		if u.Judged {
			level = fmt.Sprintf("level %.4f", u.Level)
		}
		fmt.Fprintf(&b, "  %s %s %s", u.At.Format(time.RFC3339), u.Given, level)
		if u.Role != "" {
			fmt.Fprintf(&b, ", %s", u.Role)
		}
		fmt.Fprintf(&b, " [%s]\n", u.ID)
	}
	return b.String()
}
