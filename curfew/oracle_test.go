package curfew_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

// step is the oracle's grain: all of its histories and rules lie on it, so that
// looking at one step after the other is exact.
const step = 10 * time.Second

// label is what the oracle says of one step.
type label byte

const (
	unknown      label = 'u'
	home         label = 'h'
	away         label = 'a'
	beforeReturn label = 'r' // after the last proof of absence, before a proof of presence
	fading       label = 'f' // after the last proof of absence, before it expires
)

// oracle judges with the whole history at hand, step by step, and shares no
// code with the package: no state, no deadlines, no intervals.
type oracle struct {
	order     curfew.Order
	loc       *time.Location
	obs       []em.Observation
	kinds     []string // of obs
	from, to  time.Time
	labels    []label
	episode   []int  // which absence a step belongs to; 0 for none
	said      []said // by observation
	evidences []evidence
}

type evidence struct {
	at   time.Time
	kind byte // h, a, or x where evidence lost its worth
	unit bool
}

const gap = curfew.DefaultMaxGap

// said is what had been said by the time of an observation.
type said struct {
	word        string // of the unit
	since, seen time.Time
	moved, open bool
}

func (o *oracle) listen() {
	var s said
	for i, k := range o.kinds {
		at := o.obs[i].At
		switch k {
		case "moved", "placed":
			s.moved, s.word, s.seen = k == "moved", "", at
		case "off", "on":
			s.word, s.seen = "", at
		case "contact", "lost":
			if s.seen = at; !s.moved && s.word != k {
				s.word, s.since = k, at
			}
		case "beats":
			s.seen = at
		case "open", "shut":
			s.open = k == "open"
		}
		o.said = append(o.said, s)
	}
}

// at is what had been said by t.
func (o *oracle) at(t time.Time) said {
	if t.Before(o.obs[0].At) {
		return said{}
	}
	return o.said[sort.Search(len(o.obs), func(i int) bool { return o.obs[i].At.After(t) })-1]
}

// gather lists the evidence. A loss waits in pend until it has lasted: then it
// is evidence from its beginning on.
func (o *oracle) gather() {
	var list []evidence
	var lastHome, pend, told time.Time
	prev := func() evidence {
		if n := len(list); n > 0 {
			return list[n-1]
		}
		return evidence{kind: 'x'}
	}
	add := func(t time.Time, kind byte, unit bool) {
		if list = append(list, evidence{t, kind, unit}); kind == 'h' {
			lastHome = t
		}
	}
	believe := func() {
		if !pend.IsZero() {
			add(pend, 'a', true)
			add(told, 'a', true)
			pend = time.Time{}
		}
	}
	worthless := func(t time.Time) {
		if !pend.IsZero() {
			t = pend
		}
		add(t, 'x', false)
		pend = time.Time{}
	}
	back := func(t time.Time, unit bool) {
		if p := prev(); !pend.IsZero() && p.kind == 'h' && pend.Sub(p.at) <= gap {
			add(pend, 'h', unit)
		}
		pend = time.Time{}
		add(t, 'h', unit)
	}
	for i, ob := range o.obs {
		t, s := ob.At, o.said[i]
		if !pend.IsZero() && !t.Before(pend.Add(curfew.DefaultLoss)) {
			believe()
		}
		switch k := o.kinds[i]; k {
		case "in":
			if !s.open {
				back(t, false)
			}
		case "out":
			if !s.open && !(s.word == "contact" && !t.After(s.seen.Add(gap))) {
				believe()
				add(t, 'a', false)
			}
		case "open":
			worthless(t)
		case "contact", "lost", "beats", "off", "on", "moved", "placed":
			switch {
			case s.word == "" && k != "beats" && k != "contact" && k != "lost":
				if prev().unit || !pend.IsZero() {
					worthless(t)
				}
			case s.open:
			case s.word == "contact":
				back(t, true)
			case s.word != "lost":
			case prev().kind == 'a' && t.Sub(prev().at) <= gap:
				add(t, 'a', true)
			case s.since.Before(lastHome):
			default:
				if pend.IsZero() {
					pend = t
				}
				if told = t; t.Sub(s.since) >= curfew.DefaultLoss {
					believe()
				}
			}
		}
	}
	if !pend.IsZero() && !o.to.Before(pend.Add(curfew.DefaultLoss)) {
		believe()
	}
	o.evidences = list
}

func (o *oracle) paint() {
	n := int(o.to.Sub(o.from) / step)
	o.labels, o.episode = make([]label, n), make([]int, n)
	k := -1
	for i := range n {
		t := o.from.Add(time.Duration(i) * step)
		for k+1 < len(o.evidences) && !o.evidences[k+1].at.After(t) {
			k++
		}
		l := unknown
		if k >= 0 {
			e := o.evidences[k]
			next := evidence{at: o.to.Add(gap), kind: 'x'}
			if k+1 < len(o.evidences) {
				next = o.evidences[k+1]
			}
			s := o.at(t)
			soon := next.at.Sub(e.at) <= gap
			switch {
			case e.kind == 'h' && t.Before(e.at.Add(gap)):
				l = home
			case e.kind == 'a' && (s.word == "lost" && t.Before(s.seen.Add(gap)) && t.Before(e.at.Add(gap)) || soon && next.kind == 'a'):
				l = away
			case e.kind == 'a' && soon && next.kind == 'h':
				l = beforeReturn
			case e.kind == 'a' && t.Before(e.at.Add(gap)):
				l = fading
			}
		}
		o.labels[i] = l
	}
	// Absences: from evidence of absence to presence that lasts.
	at := func(t time.Time) int { return int(t.Sub(o.from) / step) }
	out, number := false, 0
	var since time.Time
	fill := func(to time.Time) {
		for i := at(since); i < min(at(to), n); i++ {
			o.episode[i] = number
		}
	}
	for k := 0; k < len(o.evidences); k++ {
		e := o.evidences[k]
		switch {
		case e.kind == 'a' && !out:
			out, since = true, e.at
			number++
		case e.kind == 'h' && out:
			// Is it a flicker?
			m := k + 1
			for m < len(o.evidences) && o.evidences[m].kind == 'h' {
				m++
			}
			if m < len(o.evidences) && o.evidences[m].kind == 'a' && o.evidences[m].at.Sub(e.at) < curfew.DefaultFlicker {
				i := at(e.at) - 1
				was := o.labels[i]
				for ; i >= 0 && o.labels[i] == beforeReturn; i-- {
					o.labels[i] = away
				}
				for i := at(e.at); i < at(o.evidences[m].at); i++ {
					if o.labels[i] = away; was == unknown || was == fading {
						o.labels[i] = fading
					}
				}
				k = m - 1
				continue
			}
			fill(e.at)
			out = false
		}
	}
	if out {
		fill(o.to)
	}
}

// instants finds by trial when a local time, minutes after a midnight, is.
func (o *oracle) instants(day time.Time, minutes int) (first, last time.Time) {
	want := day.Add(time.Duration(minutes) * time.Minute)
	wall := func(t time.Time) time.Time {
		l := t.In(o.loc)
		return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC)
	}
	before := want.Add(-20 * time.Hour)
	for t := want.Add(-20 * time.Hour); t.Before(want.Add(20 * time.Hour)); t = t.Add(10 * time.Minute) {
		switch w := wall(t); {
		case w.Equal(want):
			if first.IsZero() {
				first = t
			}
			last = t
		case w.Before(want):
			before = t
		}
	}
	if first.IsZero() { // go on by the clock before the gap
		first = before.Add(want.Sub(wall(before)))
		last = first
	}
	return first, last
}

type duty struct {
	start, end time.Time
	row        int
	leave      bool // MAY_LEAVE
}

func (o *oracle) duties() []duty {
	var list []duty
	plan := o.order.Schedule.Plan()
	first := o.from.In(o.loc).AddDate(0, 0, -2)
	for day := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, time.UTC); day.Before(o.to); day = day.AddDate(0, 0, 1) {
		add := func(r curfew.Row) {
			a, b := int(r.Start), int(r.End)
			if r.AllDay || b <= a {
				b += 1440
			}
			d := duty{row: len(list), leave: r.Kind == curfew.MayLeave}
			d.start, _ = o.instants(day, a)
			_, d.end = o.instants(day, b)
			if d.start.Before(d.end) {
				list = append(list, d)
			}
		}
		today := day.Format(time.DateOnly)
		if r := plan.Release; r != nil {
			if today < r.Date.String() {
				continue
			}
			if today == r.Date.String() {
				d := duty{row: len(list)}
				d.start, _ = o.instants(day, int(r.Start))
				_, d.end = o.instants(day, 1440+int(r.End))
				list = append(list, d)
				continue
			}
		}
		weekday := day.Weekday()
		for _, c := range plan.Calendars {
			for _, h := range c.Days {
				if h.Date.String() != today {
					continue
				}
				if h.Replace {
					weekday = -1
				}
				if h.Like.OK {
					weekday = h.Like.V
				}
				for _, r := range h.Rows {
					add(r)
				}
			}
		}
		for _, r := range plan.Weekly {
			if r.Day == weekday {
				add(r)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b duty) int {
		if c := a.start.Compare(b.start); c != 0 {
			return c
		}
		if c := a.end.Compare(b.end); c != 0 {
			return c
		}
		return a.row - b.row
	})
	return list
}

// verdicts returns one line for each absence and each night that ends by the
// limit.
func (o *oracle) verdicts(limit time.Time) []string {
	o.from = o.obs[0].At
	if from := o.order.From; !from.IsZero() && from.Before(o.from) {
		o.from = from
	}
	o.listen()
	o.gather()
	o.paint()
	taken := make([]bool, len(o.labels))
	var lines []string
	plan := o.order.Schedule.Plan()
	// lifted says whether something allows not to be home at t, and whether that
	// was known by then.
	lifted := func(t time.Time) (known, later bool) {
		one := func(from, to, at time.Time) {
			if !t.Before(from) && (to.IsZero() || t.Before(to)) {
				known, later = known || !t.Before(at), later || t.Before(at)
			}
		}
		for _, p := range plan.Permits {
			if p.RevokedAt.IsZero() || t.Before(p.RevokedAt) {
				one(p.From, p.To, p.KnownFrom)
			}
		}
		for _, p := range plan.Suspensions {
			one(p.From, p.To, p.ApprovedAt)
		}
		return known, later
	}
	all := o.duties()
	g := o.order.Grace
	for _, d := range all {
		if d.leave {
			continue
		}
		if d.start.Before(o.order.From) {
			d.start = o.order.From
		}
		if !d.start.Before(d.end) || !d.end.After(o.from) || d.end.After(o.to) {
			continue
		}
		i0, i1 := max(0, int(d.start.Sub(o.from)/step)), int(d.end.Sub(o.from)/step)
		asked := make([]bool, i1)
		counts := make([]bool, i1)
		excused := make([]bool, i1)
		some := false
		for i := i0; i < i1; i++ {
			t := o.from.Add(time.Duration(i) * step)
			if taken[i] {
				continue
			}
			taken[i] = true
			asked[i] = true
			known, later := lifted(t)
			asked[i], excused[i] = !known, later
			for _, w := range all {
				if w.leave && !t.Before(w.start) && t.Before(w.end) {
					asked[i] = false
				}
			}
			if !asked[i] {
				excused[i] = false
				continue
			}
			some = true
			// The second pass: an hour ago the clock showed the same.
			_, now := t.In(o.loc).Zone()
			_, before := t.Add(-time.Hour).In(o.loc).Zone()
			counts[i] = o.order.CountRepeatedHour || before-now != 3600
		}
		if !some || d.end.After(limit) {
			continue
		}
		breach, slack, known := time.Duration(0), time.Duration(0), time.Duration(0)
		incidents := 0
		var sum [256]time.Duration
		longest, silence := time.Duration(0), time.Duration(0)
		for i := i0; i < i1; i++ {
			if o.labels[i] != unknown {
				silence = 0
			}
			if asked[i] {
				sum[o.labels[i]] += step
				if o.labels[i] == unknown {
					silence += step
					longest = max(longest, silence)
				}
			}
		}
		for i := i0; i < i1; {
			n := o.episode[i]
			if n == 0 {
				i++
				continue
			}
			j := i
			for j < i1 && o.episode[j] == n {
				j++
			}
			first, last := -1, -1
			var counted, forgiven time.Duration
			broken := false
			for k := i; k < j; k++ {
				switch o.labels[k] {
				case unknown:
					broken = true
				case away:
					last = k + 1
					if asked[k] && first < 0 {
						first = k
					}
					if counts[k] {
						counted += step
						if excused[k] {
							forgiven += step
						}
					}
				}
			}
			began := i > 0 && o.episode[i-1] == n || o.from.Add(time.Duration(i)*step).Equal(d.start)
			began = began && !o.from.After(d.start)
			if first >= 0 {
				late := first == i0 || !asked[first-1]
				tail := o.labels[j-1]
				allowed, class := g.Short, "LEFT_DURING"
				if late {
					allowed, class = g.Start, "OUT_PAST_COMMENCEMENT"
				}
				closing := d.end.Sub(o.from.Add(time.Duration(first)*step)) <= g.End
				if !late && asked[i1-1] && closing {
					allowed = max(g.Short, g.End)
				}
				until := last
				switch {
				case j < i1 || tail == beforeReturn:
					if late {
						class = "RETURN_LATE"
					}
				case tail == away && late && !broken && began && i == i0:
					class = "OUT_ENTIRE_PERIOD"
				case tail == away:
					class = "OUT_AT_END"
					if !late && asked[i1-1] {
						allowed = min(allowed, g.End)
					}
				}
				if counted > allowed {
					incidents++
					breach += counted
					lines = append(lines, fmt.Sprintf("%s %s %v excused %v: %s-%s", d.start.Format(time.RFC3339), class, counted.Minutes(), forgiven.Minutes(),
						o.from.Add(time.Duration(first)*step).Format(time.RFC3339), o.from.Add(time.Duration(until)*step).Format(time.RFC3339)))
				} else {
					slack += counted
				}
			}
			i = j
		}
		known = sum[unknown]
		class := "COMPLIANT"
		switch {
		case incidents > 0:
			class = "BREACH"
		case longest > curfew.DefaultUnknown || known > curfew.DefaultUnknown:
			class = "UNKNOWN"
		case slack > 0:
			class = "WITHIN_GRACE"
		}
		lines = append(lines, fmt.Sprintf("%s %s counted %v grace %v home %v away %v unknown %v", d.start.Format(time.RFC3339), class,
			breach.Minutes(), slack.Minutes(), sum[home].Minutes(), sum[away].Minutes(), known.Minutes()))
	}
	slices.Sort(lines)
	return lines
}

// brief writes final events as the oracle writes its lines.
func brief(t *testing.T, events []em.Event, limit time.Time) []string {
	var lines []string
	for _, ev := range events {
		from, err := time.Parse(time.RFC3339, fact(ev, "obligation_from").Text)
		if err != nil {
			t.Fatal(err)
		}
		to, _ := time.Parse(time.RFC3339, fact(ev, "obligation_to").Text)
		start := from.UTC().Format(time.RFC3339)
		num := func(name string) float64 { return fact(ev, name).Num }
		switch {
		case to.After(limit):
		case ev.Detail.Kind == curfew.KindAbsence:
			lines = append(lines, fmt.Sprintf("%s %s %v excused %v: %s-%s", start, ev.Detail.Class, num("counted"), num("excused"),
				ev.At.Format(time.RFC3339), ev.Until.Format(time.RFC3339)))
		case ev.Detail.Kind == curfew.KindNight:
			lines = append(lines, fmt.Sprintf("%s %s counted %v grace %v home %v away %v unknown %v", start, ev.Detail.Class,
				num("counted"), num("within_grace"), num("home"), num("away"), num("unknown")))
		}
	}
	slices.Sort(lines)
	return lines
}

// randomOrder makes an order on the ten-minute grid for some nights from a day
// on.
func randomOrder(t *testing.T, rnd *rand.Rand, day time.Time) curfew.Order {
	t.Helper()
	clock := func() curfew.TimeOfDay { return curfew.TimeOfDay(rnd.IntN(144) * 10) }
	plan := curfew.Plan{Zone: "Europe/Vilnius"}
	for range 1 + rnd.IntN(6) {
		r := curfew.Row{Day: time.Weekday((int(day.Weekday()) + rnd.IntN(3)) % 7), Start: clock(), End: clock()}
		switch {
		case rnd.IntN(8) == 0:
			r.AllDay, r.Start, r.End = true, 0, 0
		case r.Start == r.End:
			continue
		case rnd.IntN(3) == 0:
			r.Start, r.End = curfew.Clock(19+rnd.IntN(5), 0), curfew.Clock(rnd.IntN(8), 0)
		}
		plan.Weekly = append(plan.Weekly, r)
	}
	for range rnd.IntN(3) {
		from := day.Add(time.Duration(rnd.IntN(3*144)) * 10 * time.Minute)
		p := curfew.Permit{From: from, To: from.Add(time.Duration(1+rnd.IntN(40)) * 10 * time.Minute), ApprovedBy: "officer 12",
			ApprovedAt: from.Add(-24 * time.Hour), KnownFrom: from.Add(time.Duration(rnd.IntN(30)-20) * 10 * time.Minute)}
		if rnd.IntN(4) == 0 {
			p.RevokedBy, p.RevokedAt = "officer 7", p.KnownFrom.Add(time.Duration(rnd.IntN(30))*10*time.Minute)
		}
		plan.Permits = append(plan.Permits, p)
	}
	date := func() curfew.Date {
		d := day.AddDate(0, 0, rnd.IntN(3))
		return curfew.Date{Year: d.Year(), Month: d.Month(), Day: d.Day()}
	}
	for range rnd.IntN(3) {
		plan.Weekly = append(plan.Weekly, curfew.Row{Day: date().Weekday(), Start: curfew.Clock(rnd.IntN(12), 0), End: curfew.Clock(12+rnd.IntN(12), 30), Kind: curfew.MayLeave})
	}
	if h := (curfew.Holiday{Date: date(), Name: "Founders Day"}); rnd.IntN(2) == 0 {
		switch rnd.IntN(3) {
		case 0:
			h.Like = em.Some(date().Weekday())
		case 1:
			h.Replace = true
		}
		if rnd.IntN(2) == 0 {
			h.Rows = append(h.Rows, curfew.Row{Start: curfew.Clock(rnd.IntN(24), 10), End: curfew.Clock(rnd.IntN(24), 0)})
		}
		plan.Calendars = []curfew.Calendar{{Days: []curfew.Holiday{h}}}
	}
	if rnd.IntN(4) == 0 {
		plan.Release = &curfew.Release{Date: date(), Start: clock(), End: clock()}
		if len(plan.Calendars) > 0 && plan.Calendars[0].Days[0].Date == plan.Release.Date {
			plan.Calendars = nil
		}
	}
	if rnd.IntN(4) == 0 {
		from := day.Add(time.Duration(rnd.IntN(3*144)) * 10 * time.Minute)
		p := curfew.Suspension{From: from, ApprovedBy: "officer 12", ApprovedAt: from.Add(time.Duration(rnd.IntN(30)-20) * 10 * time.Minute)}
		if rnd.IntN(2) == 0 {
			p.To = from.Add(time.Duration(1+rnd.IntN(100)) * 10 * time.Minute)
		}
		plan.Suspensions = []curfew.Suspension{p}
	}
	s, err := curfew.NewSchedule(plan)
	if err != nil {
		t.Fatal(err)
	}
	grace := func() time.Duration { return time.Duration(rnd.IntN(5)) * 150 * time.Second }
	var begins time.Time
	if rnd.IntN(3) == 0 {
		begins = day.Add(time.Duration(rnd.IntN(2*8640)-8640) * step).UTC()
	}
	return curfew.Order{
		ID: "order-1", Version: "1", From: begins, Schedule: s, Where: where, CountRepeatedHour: rnd.IntN(2) == 0,
		Grace: curfew.Grace{Start: grace(), Short: grace(), End: grace()},
		Units: []curfew.Unit{{ID: "unit-1", Device: unitDevice}},
	}
}

// randomHistory makes three days of evidence, one observation at an instant.
func randomHistory(rnd *rand.Rand, start time.Time) (obs []em.Observation, kinds []string) {
	end := start.Add(72 * time.Hour)
	calm := rnd.IntN(2) == 0 // long stretches, and nothing odd in them
	for t := start; t.Before(end); {
		// A stretch of one kind of life.
		until := t.Add(time.Duration(1+rnd.IntN(600)) * time.Minute)
		if calm {
			until = until.Add(10 * time.Hour)
		}
		life := [][]string{
			{"in"}, {"out"}, {"contact"}, {"beats"}, {"in", "beats"}, {"out", "beats"}, {"lost", "beats"}, {"contact", "out"},
			{"in", "out", "contact", "lost"}, {"unsure"}, {"in", "out"}, {"in", "lost", "beats"},
		}[rnd.IntN(12)]
		every := []int{1, 3, 6, 30, 60, 90, 91}[rnd.IntN(7)]
		for t.Before(until) && t.Before(end) {
			kind := life[rnd.IntN(len(life))]
			switch {
			case calm:
			case rnd.IntN(60) == 0:
				kind = []string{"off", "on", "moved", "placed", "placed", "open", "shut", "shut", "shut", "lost", "contact"}[rnd.IntN(11)]
			case rnd.IntN(20) == 0:
				kind = []string{"in", "out", "contact", "lost"}[rnd.IntN(4)]
			}
			obs, kinds = append(obs, observe(kind, t)), append(kinds, kind)
			n := every
			if rnd.IntN(4) == 0 {
				n = 1 + rnd.IntN(2*every)
			}
			t = t.Add(time.Duration(n) * step)
		}
		if rnd.IntN(3) == 0 {
			t = t.Add(time.Duration(rnd.IntN(400)) * step)
		}
	}
	return obs, kinds
}

// days on which histories begin: two of them before clocks change.
var days = []string{"2026-03-27", "2026-10-23", "2026-06-10"}

// TestOracle compares final verdicts on random orders and histories with an
// oracle that looks at each step of ten seconds with all evidence at hand.
func TestOracle(t *testing.T) {
	const seed = 20260302
	all := uint64(60)
	if testing.Short() {
		all = 20
	}
	t.Logf("seed %d", seed)
	seen := map[string]int{}
	for round := range all {
		rnd := rand.New(rand.NewPCG(seed, round))
		loc, err := time.LoadLocation("Europe/Vilnius")
		if err != nil {
			t.Fatal(err)
		}
		day, _ := time.ParseInLocation(time.DateOnly, days[rnd.IntN(len(days))], loc)
		order := randomOrder(t, rnd, day)
		obs, kinds := randomHistory(rnd, day.Add(time.Duration(rnd.IntN(4000))*step).UTC())
		fresh := func() *curfew.Evaluator {
			e, err := curfew.NewEvaluator(order, curfew.Config{})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		limit := obs[len(obs)-1].At.Add(24 * time.Hour)
		until := limit.Add(24 * time.Hour)
		roundTrip := fresh
		if round%4 != 0 {
			roundTrip = nil
		}
		got := brief(t, final(drive(t, fresh(), roundTrip, obs, until)), limit)
		o := &oracle{order: order, loc: loc, obs: obs, kinds: kinds, to: until}
		want := o.verdicts(limit)
		if !slices.Equal(got, want) {
			plan, _ := json.Marshal(order)
			t.Fatalf("round %d: %s\n(-oracle +evaluator):\n%s", round, plan, cmp.Diff(want, got))
		}
		for _, l := range want {
			seen[strings.Fields(l)[1]]++
		}
	}
	t.Log(seen)
	for _, class := range []string{
		curfew.OutPastCommencement, curfew.ReturnLate, curfew.LeftDuring, curfew.OutAtEnd, curfew.OutEntirePeriod,
		curfew.Compliant, curfew.WithinGrace, curfew.NightUnknown, curfew.Breach,
	} {
		if !testing.Short() && seen[class] == 0 {
			t.Errorf("no random history led to %s: the test proves little", class)
		}
	}
}
