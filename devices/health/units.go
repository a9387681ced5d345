package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// KindUnit: a home unit does not do its work: it is silent, without power, not
// in its place or jammed. It is at least em.Technical, and as severe as the
// worst of its causes. About is the unit. Class is that of the first cause that
// holds: "UNIT_MOVED", "UNIT_JAMMED", "UNIT_SILENT", "UNIT_POWER".
const KindUnit em.EventKind = "device.unit"

type cause struct {
	kind      em.EventKind
	class, is string
}

// unitCauses are the kinds of event that KindUnit is made of, the worst first.
var unitCauses = []cause{
	{KindTamper + em.EventKind(em.TamperMoved), "UNIT_MOVED", "not in its place"},
	{KindElsewhere, "UNIT_MOVED", "somewhere else"},
	{KindTamper + em.EventKind(em.TamperJamming), "UNIT_JAMMED", "jammed"},
	{KindTamper + em.EventKind(em.TamperShielding), "UNIT_JAMMED", "shielded"},
	{KindSilence, "UNIT_SILENT", "not heard"},
	{KindPowerOff, "UNIT_POWER", "switched off"},
	{KindPowerCut, "UNIT_POWER", "without its supply"},
}

func unitCause(k em.EventKind) int {
	return slices.IndexFunc(unitCauses, func(c cause) bool { return c.kind == k })
}

// Assignment says that a person is monitored with a unit in [From, To). A
// hostel's unit has many, and a person may have several units.
type Assignment struct {
	Unit     em.DeviceID
	Subject  em.SubjectID
	From, To time.Time // zero To: until further notice
}

func (a Assignment) compare(b Assignment) int {
	return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Subject, b.Subject), a.From.Compare(b.From), a.To.Compare(b.To))
}

// meets reports whether the assignment has an instant in common with [from, to).
func (a *Assignment) meets(from, to time.Time) bool {
	return (to.IsZero() || a.From.Before(to) || a.From.Equal(from) && from.Equal(to)) && (a.To.IsZero() || a.To.After(from))
}

// UnitsConfig says what one trouble of a unit is. The zero value works.
type UnitsConfig struct {
	Version string // of this configuration, for Event.Version

	// Join is how far apart two causes may be that belong to one incident: 15
	// minutes where zero. A unit whose supply was cut is silent when its battery
	// is empty, and heard before it says that its supply is back. Unverified.
	Join time.Duration
	// Settle and Keep are those of MassConfig.
	Settle, Keep time.Duration
	// Assignments is how many are held: 100,000 where zero, at most a million.
	// Four times as many events are held.
	Assignments int
}

// Units makes one incident of what befalls a home unit, whatever the number of
// its causes and of the people that it serves. The unit is a subject of its
// own, with a Silence, a Power and a Tamper on a Timeline of its own, each for
// that device alone; Units is fed with the changes of their events, and with who
// is assigned to the unit. The people's own evaluators do not listen to the unit.
//
// Whom an incident concerns is GroupChange.People: those assigned to the unit at
// any instant of it. One is Covered who has another unit that was in order all
// the time: any unit that hears the bracelet is enough to be at home.
//
// As with Mass what is told in the end does not depend on the order of the
// changes. Units reads no clock and is not safe for concurrent use.
type Units struct {
	c        UnitsConfig
	assigned []Assignment // in order
	facts    facts
	told     ledger
	due      time.Time
}

// NewUnits returns an empty Units.
func NewUnits(c UnitsConfig) (*Units, error) {
	var err error
	for _, x := range []struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{
		{"time to join", &c.Join, 15 * time.Minute}, {"time to settle", &c.Settle, 10 * time.Second}, {"time to keep", &c.Keep, 24 * time.Hour},
	} {
		if *x.v, err = positive(x.name, *x.v, x.def); err != nil {
			return nil, err
		}
	}
	if c.Assignments == 0 {
		c.Assignments = 100_000
	}
	if c.Assignments < 1 || c.Assignments > maxPlaced {
		return nil, fmt.Errorf("health: %d assignments, not 1 to %d", c.Assignments, maxPlaced)
	}
	return &Units{c: c, facts: facts{}}, nil
}

// Assign takes the assignments that are valid now or can still matter, told at
// now, in place of all before. An error wraps ErrFull.
func (u *Units) Assign(now time.Time, all ...Assignment) error {
	if len(all) > u.c.Assignments {
		return fmt.Errorf("%w: %d assignments", ErrFull, len(all))
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].From, all[i].To = all[i].From.Round(0).UTC(), all[i].To.Round(0).UTC()
	}
	slices.SortFunc(all, Assignment.compare)
	u.assigned = slices.CompactFunc(all, func(a, b Assignment) bool { return a.compare(b) == 0 })
	u.touch(now)
	return nil
}

func (u *Units) touch(now time.Time) {
	if u.due.IsZero() {
		u.due = now.Round(0).UTC().Add(u.c.Settle)
	}
}

// Observe takes a change of an event of a unit, told at now. Errors wrap ErrKind
// for a kind that is no cause of KindUnit, ErrUnknown for an event whose About
// is no device, and ErrFull; all leave everything as it is.
func (u *Units) Observe(now time.Time, c em.Change) error {
	switch {
	case unitCause(c.Event.Detail.Kind) < 0:
		return fmt.Errorf("%w: %s", ErrKind, c.Event.Detail.Kind)
	case c.Event.About == "":
		return fmt.Errorf("%w: the event names none", ErrUnknown)
	case u.facts[c.Event.ID] == nil && c.Kind != em.Withdrawn && len(u.facts) >= maxPerOne*u.c.Assignments:
		return fmt.Errorf("%w: %d events", ErrFull, len(u.facts))
	}
	u.facts.apply(&c)
	u.touch(now)
	return nil
}

// Deadline is when Wake is to be called; zero: not before the next Observe.
func (u *Units) Deadline() time.Time { return u.due }

// Wake judges what is known and appends what has changed to dst; at is
// Deadline() or later.
func (u *Units) Wake(dst []GroupChange, at time.Time) []GroupChange {
	if u.due.IsZero() || at.Before(u.due) {
		return dst
	}
	u.due = time.Time{}
	derived := u.derive()
	dst = u.told.tell(dst, at, derived)
	settle(u.facts, &u.told, derived, at, u.c.Keep)
	return dst
}

// trouble is one incident of a unit.
type trouble struct {
	unit     em.DeviceID
	at, till time.Time
	causes   []*fact
}

func (u *Units) derive() []incident {
	by := map[em.DeviceID][]trouble{}
	for _, x := range u.facts.inOrder() {
		ts := by[x.device]
		if n := len(ts); n > 0 {
			if t := &ts[n-1]; t.till.IsZero() || !x.from.After(t.till.Add(u.c.Join)) {
				t.causes = append(t.causes, x)
				if x.until.IsZero() || !t.till.IsZero() && x.until.After(t.till) {
					t.till = x.until
				}
				continue
			}
		}
		by[x.device] = append(ts, trouble{x.device, x.from, x.until, []*fact{x}})
	}
	units := map[em.SubjectID][]Assignment{}
	for _, a := range u.assigned {
		units[a.Subject] = append(units[a.Subject], a)
	}
	var all []incident
	for _, unit := range slices.Sorted(maps.Keys(by)) {
		for _, t := range by[unit] {
			all = append(all, u.incident(&t, u.people(&t, units, by)))
		}
	}
	return all
}

// people returns whom a trouble concerns.
func (u *Units) people(t *trouble, units map[em.SubjectID][]Assignment, by map[em.DeviceID][]trouble) []AffectedPerson {
	var all []AffectedPerson
	i, _ := slices.BinarySearchFunc(u.assigned, t.unit, func(a Assignment, d em.DeviceID) int { return cmp.Compare(a.Unit, d) })
	for _, a := range u.assigned[i:] {
		if a.Unit != t.unit {
			break
		}
		if !a.meets(t.at, t.till) {
			continue
		}
		from, to := t.at, t.till // while it concerns the person
		if a.From.After(from) {
			from = a.From
		}
		if !a.To.IsZero() && (to.IsZero() || a.To.Before(to)) {
			to = a.To
		}
		covered := slices.ContainsFunc(units[a.Subject], func(b Assignment) bool {
			return b.Unit != t.unit && !b.From.After(from) && (b.To.IsZero() || !to.IsZero() && !b.To.Before(to)) &&
				!slices.ContainsFunc(by[b.Unit], func(x trouble) bool {
					return (to.IsZero() || x.at.Before(to)) && (x.till.IsZero() || x.till.After(from))
				})
		})
		all = append(all, AffectedPerson{a.Subject, covered})
	}
	return sortPeople(all)
}

func (u *Units) incident(t *trouble, affected []AffectedPerson) incident {
	x := incident{people: affected}
	worst, sev := len(unitCauses), em.Technical
	last := t.at
	var is []string
	held := map[int]bool{}
	for _, f := range t.causes {
		x.members = append(x.members, f.id)
		i := unitCause(f.kind)
		worst, sev = min(worst, i), max(sev, f.severity)
		held[i] = true
		if f.from.After(last) {
			last = f.from
		}
	}
	for _, i := range slices.Sorted(maps.Keys(held)) {
		is = append(is, unitCauses[i].is)
	}
	covered := 0
	for _, p := range affected {
		if p.Covered {
			covered++
		}
	}
	x.members = sortIDs(x.members)
	e := newEvent(u.c.Version, t.unit, KindUnit, t.at)
	e.Until = t.till
	d := &e.Detail
	d.Class, d.Severity = unitCauses[worst].class, sev
	what := strings.Join(is, " and ")
	d.Reason = fmt.Sprintf("The home unit of %s is %s since %s", people(len(affected)), what, clock(t.at))
	if !t.till.IsZero() {
		d.Reason = fmt.Sprintf("The home unit of %s was %s for %s, from %s to %s", people(len(affected)), what, span(t.till.Sub(t.at)), clock(t.at), clock(t.till))
		last = t.till
	}
	if covered > 0 {
		d.Reason += fmt.Sprintf("; another unit covers %s", people(covered))
	}
	d.Reason += "."
	d.Facts = []em.Fact{
		{Name: "people", Num: float64(len(affected)), Unit: "1"}, {Name: "people covered by another unit", Num: float64(covered), Unit: "1"},
		{Name: "causes", Text: strings.Join(is, ", ")}, {Name: "events", Num: float64(len(t.causes)), Unit: "1"}, seconds("joined within", u.c.Join),
	}
	e.Stamp(t.causes[0].subject, last)
	x.event = e
	return x
}

// AppendBinary appends the canonical state. It implements
// encoding.BinaryAppender and never fails.
func (u *Units) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendTime(append(dst, stateVersion), u.due)
	dst = em.AppendUint(dst, uint64(len(u.assigned)))
	for _, a := range u.assigned {
		dst = em.AppendString(em.AppendString(dst, string(a.Unit)), string(a.Subject))
		dst = em.AppendTime(em.AppendTime(dst, a.From), a.To)
	}
	return appendLedger(appendFacts(dst, u.facts), u.told), nil
}

// UnmarshalBinary replaces the state by what AppendBinary wrote; no bytes are
// the empty Units. Errors wrap em.ErrState and leave the state as it was.
func (u *Units) UnmarshalBinary(b []byte) error {
	v := Units{c: u.c, facts: facts{}}
	err := readState(b, func(r *em.StateReader) {
		v.due = r.Time()
		v.assigned = readSorted(r, func() Assignment {
			return Assignment{em.DeviceID(r.String()), em.SubjectID(r.String()), r.Time(), r.Time()}
		}, Assignment.compare)
		v.facts, v.told = readFacts(r), readLedger(r)
		if len(v.assigned) > v.c.Assignments || len(v.facts) > maxPerOne*v.c.Assignments {
			r.Fail("too many assignments")
		}
		for _, x := range v.facts {
			if unitCause(x.kind) < 0 {
				r.Fail("a cause that is none")
			}
		}
	})
	if err == nil {
		*u = v
	}
	return err
}
