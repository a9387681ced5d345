package health

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// KindMass, em.Critical, Class "MASS_SILENCE": many devices that have something
// in common fell silent together, so that the cause is a system and not a
// person. About is the Label that they have in common.
const KindMass em.EventKind = "device.silence.mass"

// Label is something that devices have in common: {"operator", "24601"},
// {"cell", "246-01-71-2203"}, {"provider", "…"}, {"unit", "…"}.
type Label struct{ Kind, Name string }

// String returns "operator=24601".
func (l Label) String() string { return l.Kind + "=" + l.Name }

func (l Label) compare(o Label) int {
	return cmp.Or(cmp.Compare(l.Kind, o.Kind), cmp.Compare(l.Name, o.Name))
}

// Placed is a device with what it has in common with others.
type Placed struct {
	Subject em.SubjectID // whose silence is told by which device
	Device  em.DeviceID  // SilenceConfig.Device, which is Event.About
	Labels  []Label      // at most 8, in any order
}

// carrier tells silences apart that are told by one subject.
type carrier struct {
	subject em.SubjectID
	device  em.DeviceID
}

const (
	maxLabels = 8 // operator, provider, cell, unit, contract, firmware … of one device
	maxPlaced = 1_000_000
	maxPerOne = 4 // silences of one device within Keep that are held, on the average
)

// MassConfig says what many and together are. The zero value works.
type MassConfig struct {
	Version string       // of this configuration, for Event.Version
	Subject em.SubjectID // of the incidents: "system" where empty

	// Share is the part of a label's devices, 0 to 1, that must be silent: 0.3
	// where zero. Unverified.
	Share float64
	// Least is how many must be silent in any case: 5 where zero, at least 2. Unverified.
	Least int
	// Window is the time within which they must have become overdue: 15 minutes
	// where zero. It should not be below the longest interval of reports, by which
	// an outage that strikes all at once is found at different times. Unverified.
	Window time.Duration

	// Settle is for how long changes are collected before they are judged: 10
	// seconds where zero. Thousands of devices fall silent in a few seconds.
	Settle time.Duration
	// Keep is for how long after its end a silence can still change an incident:
	// 24 hours where zero.
	Keep time.Duration
	// Devices is how many can be placed: 100,000 where zero, at most a million.
	// Four times as many silences are held; each takes some 300 bytes of memory.
	Devices int
}

// Mass finds devices that fall silent together. It is fed with the changes of
// all subjects' KindSilence events, and groups them into one incident; the
// silences themselves stay as they are.
//
//	overdue within Window, still silent, max(Least, Share of all) of a label → incident
//	each further one within Window of the last belongs to it
//	fewer than half of the number that made it still silent → over
//
// A device has several labels, and an operator's outage silences all its cells:
// a silence belongs to one incident only. Of the labels whose incidents would
// hold at least nine tenths of what the largest would hold, the one with the
// highest share of its devices silent is told, and the rest is judged again
// without its members.
//
// What is told in the end is a function of the silences and of where the devices
// were placed when they fell silent, and not of the order in which they are
// told; only the changes on the way differ. It reads no clock, is no
// em.Evaluator (it has many subjects) and is not safe for concurrent use.
type Mass struct {
	c      MassConfig
	placed map[carrier][]Label
	count  map[Label]int
	facts  facts
	told   ledger
	due    time.Time // when to judge; zero: nothing is new
}

// NewMass returns an empty Mass.
func NewMass(c MassConfig) (*Mass, error) {
	var err error
	for _, x := range []struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{
		{"window of silences", &c.Window, 15 * time.Minute}, {"time to settle", &c.Settle, 10 * time.Second}, {"time to keep", &c.Keep, 24 * time.Hour},
	} {
		if *x.v, err = positive(x.name, *x.v, x.def); err != nil {
			return nil, err
		}
	}
	if c.Subject == "" {
		c.Subject = "system"
	}
	if c.Share == 0 {
		c.Share = 0.3
	}
	if c.Least == 0 {
		c.Least = 5
	}
	if c.Devices == 0 {
		c.Devices = 100_000
	}
	switch {
	case !(c.Share > 0 && c.Share <= 1):
		return nil, fmt.Errorf("health: share of %v is not within 0 to 1", c.Share)
	case c.Least < 2:
		return nil, fmt.Errorf("health: %d devices are not many", c.Least)
	case c.Devices < 1 || c.Devices > maxPlaced:
		return nil, fmt.Errorf("health: %d devices, not 1 to %d", c.Devices, maxPlaced)
	}
	return &Mass{c: c, placed: map[carrier][]Label{}, count: map[Label]int{}, facts: facts{}}, nil
}

// Place says what a device has in common with others from now on: call it when
// the device is assigned, and when it changes its cell. What fell silent before
// keeps the labels that it had. Errors wrap ErrFull.
func (m *Mass) Place(p Placed) error {
	labels := slices.Clone(p.Labels)
	slices.SortFunc(labels, Label.compare)
	labels = slices.Compact(labels)
	if len(labels) > maxLabels {
		return fmt.Errorf("%w: %d labels of one device, at most %d", ErrFull, len(labels), maxLabels)
	}
	at := carrier{p.Subject, p.Device}
	before, found := m.placed[at]
	if !found && len(m.placed) >= m.c.Devices {
		return fmt.Errorf("%w: %d devices", ErrFull, m.c.Devices)
	}
	m.tally(before, -1)
	m.placed[at] = labels
	m.tally(labels, 1)
	return nil
}

// Remove forgets a device: it is no longer assigned. A silence of it that is
// open stays until its event is closed.
func (m *Mass) Remove(s em.SubjectID, d em.DeviceID) {
	at := carrier{s, d}
	m.tally(m.placed[at], -1)
	delete(m.placed, at)
}

func (m *Mass) tally(labels []Label, by int) {
	for _, l := range labels {
		if m.count[l] += by; m.count[l] == 0 {
			delete(m.count, l)
		}
	}
}

// Observe takes a change of a KindSilence event, told at now. Errors wrap
// ErrKind, ErrUnknown where the device was not placed, and ErrFull; all leave
// everything as it is.
func (m *Mass) Observe(now time.Time, c em.Change) error {
	if c.Event.Detail.Kind != KindSilence {
		return fmt.Errorf("%w: %s", ErrKind, c.Event.Detail.Kind)
	}
	labels, placed := m.placed[carrier{c.Event.Subject, em.DeviceID(c.Event.About)}]
	if m.facts[c.Event.ID] == nil && m.facts[c.Was.ID] == nil && c.Kind != em.Withdrawn {
		switch {
		case !placed:
			return fmt.Errorf("%w: its silence is told before it was placed", ErrUnknown)
		case len(m.facts) >= maxPerOne*m.c.Devices:
			return fmt.Errorf("%w: %d silences", ErrFull, len(m.facts))
		}
	}
	if x := m.facts.apply(&c); x != nil && x.labels == nil {
		x.labels = labels
		for _, l := range labels {
			x.of = append(x.of, m.count[l])
		}
	}
	if m.due.IsZero() {
		m.due = now.Round(0).UTC().Add(m.c.Settle)
	}
	return nil
}

// Deadline is when Wake is to be called; zero: not before the next Observe.
func (m *Mass) Deadline() time.Time { return m.due }

// Wake judges what is known and appends what has changed to dst; at is
// Deadline() or later.
func (m *Mass) Wake(dst []GroupChange, at time.Time) []GroupChange {
	if m.due.IsZero() || at.Before(m.due) {
		return dst
	}
	m.due = time.Time{}
	derived := m.derive()
	dst = m.told.tell(dst, at, derived)
	settle(m.facts, &m.told, derived, at, m.c.Keep)
	return dst
}

// cluster is devices of one label that fell silent together.
type cluster struct {
	label    Label
	of, need int
	members  []*fact
	decided  time.Time // when they were many enough
	over     time.Time // zero: not yet
}

// derive finds the incidents.
func (m *Mass) derive() []incident {
	by := map[Label][]labelled{}
	for _, x := range m.facts.inOrder() {
		for i, l := range x.labels {
			by[l] = append(by[l], labelled{x, x.of[i]})
		}
	}
	taken := map[*fact]bool{}
	found := map[Label][]cluster{}
	for l, xs := range by {
		if cs := m.clusters(l, xs, taken); len(cs) > 0 {
			found[l] = cs
		}
	}
	var all []incident
	told := map[em.EventID]bool{}
	for len(found) > 0 {
		best := pick(found)
		x := m.incident(&best)
		for told[x.event.ID] { // another of the label began at that instant, and was over at once
			x.event.Anchor = x.event.Anchor.Add(1)
			x.event.Stamp(m.c.Subject, x.event.Concluded)
		}
		told[x.event.ID] = true
		all = append(all, x)
		stale := map[Label]bool{}
		for _, x := range best.members {
			taken[x] = true
			for _, l := range x.labels {
				stale[l] = true
			}
		}
		for l := range stale {
			if _, ok := found[l]; !ok {
				continue
			}
			if found[l] = m.clusters(l, by[l], taken); len(found[l]) == 0 {
				delete(found, l)
			}
		}
	}
	return all
}

// pick returns the cluster that explains best: see Mass.
func pick(found map[Label][]cluster) (best cluster) {
	most := 0
	for _, cs := range found {
		for i := range cs {
			most = max(most, len(cs[i].members))
		}
	}
	for _, cs := range found {
		for i := range cs {
			c := &cs[i]
			if 10*len(c.members) < 9*most {
				continue
			}
			if best.members == nil || cmp.Or(
				cmp.Compare(len(c.members)*best.of, len(best.members)*c.of), // the higher share
				cmp.Compare(len(c.members), len(best.members)),
				best.label.compare(c.label),
				best.members[0].compare(c.members[0]),
			) > 0 {
				best = *c
			}
		}
	}
	return best
}

type labelled struct {
	*fact
	of int
}

// clusters finds the clusters of one label among facts in order, without those
// that are taken.
func (m *Mass) clusters(l Label, xs []labelled, taken map[*fact]bool) (all []cluster) {
	var window []labelled
	var c *cluster
	var ends []time.Time // of the members that are still silent, rising
	silent := 0
	last := time.Time{} // that joined
	finish := func(t time.Time) {
		for c != nil && len(ends) > 0 && !ends[0].After(t) {
			end := ends[0]
			ends = ends[1:]
			if silent--; 2*silent < c.need {
				c.over = end
				all, c = append(all, *c), nil
			}
		}
	}
	join := func(x *fact) {
		c.members = append(c.members, x)
		silent++
		last = x.from
		if !x.until.IsZero() {
			i, _ := slices.BinarySearchFunc(ends, x.until, time.Time.Compare)
			ends = slices.Insert(ends, i, x.until)
		}
	}
	forever := time.Unix(1<<40, 0)
	for _, x := range xs {
		if taken[x.fact] {
			continue
		}
		finish(x.from)
		if c != nil && x.from.Sub(last) > m.c.Window { // the wave is over; its end is still to come
			finish(forever)
			if c != nil {
				all, c = append(all, *c), nil
			}
		}
		if c != nil {
			join(x.fact)
			continue
		}
		window = slices.DeleteFunc(window, func(w labelled) bool {
			return x.from.Sub(w.from) >= m.c.Window || !w.lasts(x.from)
		})
		window = append(window, x)
		need := max(m.c.Least, int(math.Ceil(m.c.Share*float64(x.of)-1e-9)))
		if len(window) < need {
			continue
		}
		c = &cluster{label: l, of: x.of, need: need, decided: x.from}
		ends, silent = nil, 0
		for _, w := range window {
			join(w.fact)
		}
		window = nil
	}
	finish(forever)
	if c != nil {
		all = append(all, *c)
	}
	return all
}

// incident is a cluster as it is told.
func (m *Mass) incident(c *cluster) incident {
	first, last, still := c.members[0].from, c.decided, 0
	x := incident{}
	for _, f := range c.members {
		if f.from.Before(first) {
			first = f.from
		}
		if f.from.After(last) {
			last = f.from
		}
		if f.until.IsZero() {
			still++
		}
		x.members = append(x.members, f.id)
		x.people = append(x.people, AffectedPerson{Subject: f.subject})
	}
	x.members, x.people = sortIDs(x.members), sortPeople(x.people)
	e := newEvent(m.c.Version, em.DeviceID(c.label.String()), KindMass, first)
	e.Until = c.over
	n := len(c.members)
	d := &e.Detail
	d.Class, d.Severity = "MASS_SILENCE", em.Critical
	d.Reason = fmt.Sprintf("%d of %d devices with %s fell silent together from %s on; %d are still silent.", n, max(c.of, n), c.label, clock(first), still)
	if !c.over.IsZero() {
		d.Reason = fmt.Sprintf("%d of %d devices with %s fell silent together from %s on; most were heard again by %s.", n, max(c.of, n), c.label, clock(first), clock(c.over))
		last = c.over
	}
	count := func(name string, n int) em.Fact { return em.Fact{Name: name, Num: float64(n), Unit: "1"} }
	d.Facts = []em.Fact{
		count("devices", n), count("of", max(c.of, n)), count("still silent", still), count("people", len(x.people)),
		count("needed", c.need), percent("share needed", m.c.Share), count("needed at least", m.c.Least), seconds("window", m.c.Window),
	}
	e.Stamp(m.c.Subject, last)
	x.event = e
	return x
}

// AppendBinary appends the canonical state: the silences and what was told of them.
// Where the devices are placed is not in it: it is the caller's to know, and would be
// most of the state. It implements encoding.BinaryAppender and never fails.
func (m *Mass) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendTime(append(dst, stateVersion), m.due)
	return appendLedger(appendFacts(dst, m.facts), m.told), nil
}

// UnmarshalBinary replaces the state by what AppendBinary wrote; no bytes are the
// state before the first silence. Devices stay where they are placed. Errors wrap
// em.ErrState and leave the state as it was.
func (m *Mass) UnmarshalBinary(b []byte) error {
	v := *m
	v.facts, v.told, v.due = facts{}, nil, time.Time{}
	err := readState(b, func(r *em.StateReader) {
		v.due = r.Time()
		v.facts, v.told = readFacts(r), readLedger(r)
		if len(v.facts) > maxPerOne*v.c.Devices {
			r.Fail("too many silences")
		}
	})
	if err != nil {
		return err
	}
	*m = v
	return nil
}

func appendLabels(dst []byte, ls []Label) []byte {
	dst = em.AppendUint(dst, uint64(len(ls)))
	for _, l := range ls {
		dst = em.AppendString(em.AppendString(dst, l.Kind), l.Name)
	}
	return dst
}

func readLabels(r *em.StateReader) []Label {
	ls := readSorted(r, func() Label { return Label{r.String(), r.String()} }, Label.compare)
	if len(ls) > maxLabels {
		r.Fail("too many labels")
	}
	return ls
}
