package health

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Errors of Mass, Units and Identities.
var (
	// ErrFull is wrapped where a limit of the configuration is reached.
	ErrFull = errors.New("health: no room for more")
	// ErrKind is wrapped where an event is of a kind that is not grouped.
	ErrKind = errors.New("health: not an event to group")
	// ErrUnknown is wrapped where a device was not placed, or a unit not assigned.
	ErrUnknown = errors.New("health: unknown device")
)

// GroupChange is a change of an incident that groups the events of several
// subjects. None of those is suppressed: they stand as they are, and Members
// says which belong together.
type GroupChange struct {
	em.Change
	Members []em.EventID     // grouped now, sorted; the caller's to keep; nil where withdrawn
	People  []AffectedPerson // whom it concerns, sorted by Subject; the same
}

// AffectedPerson is one whom an incident concerns.
type AffectedPerson struct {
	Subject em.SubjectID
	Covered bool // another of the person's units is in order meanwhile
}

// fact is one event of one subject, as far as grouping needs it.
type fact struct {
	id          em.EventID
	subject     em.SubjectID
	device      em.DeviceID
	kind        em.EventKind
	severity    em.Severity
	from, until time.Time // zero until: open
	labels      []Label   // of Mass: where the device was placed when it fell silent
	of          []int     // … with how many others, for each label
}

func (a *fact) compareID(b *fact) int { return slices.Compare(a.id[:], b.id[:]) }

func (a *fact) compare(b *fact) int { return cmp.Or(a.from.Compare(b.from), a.compareID(b)) }

// lasts reports whether the fact reaches beyond t.
func (a *fact) lasts(t time.Time) bool { return a.until.IsZero() || a.until.After(t) }

// facts are those that can still belong to an incident.
type facts map[em.EventID]*fact

// apply takes a change of an event. It returns the fact that is new or changed,
// or nil.
func (f facts) apply(c *em.Change) *fact {
	switch c.Kind {
	case em.Withdrawn:
		delete(f, c.Event.ID)
		return nil
	}
	x := f[c.Event.ID]
	if x == nil {
		x = &fact{id: c.Event.ID, subject: c.Event.Subject, device: em.DeviceID(c.Event.About), kind: c.Event.Detail.Kind}
		if was := f[c.Was.ID]; c.Kind == em.Moved && was != nil {
			x.labels, x.of = was.labels, was.of
		}
		f[x.id] = x
	}
	if c.Kind == em.Moved {
		delete(f, c.Was.ID)
	}
	x.severity, x.from, x.until = c.Event.Detail.Severity, c.Event.At, c.Event.Until
	return x
}

// inOrder returns the facts by their beginning.
func (f facts) inOrder() []*fact { return slices.SortedFunc(maps.Values(f), (*fact).compare) }

// incident is what the facts give now.
type incident struct {
	event   em.Event // stamped
	members []em.EventID
	people  []AffectedPerson
}

// ledger is what was told and can still change, by ID.
type ledger []em.Event

func (l ledger) find(id em.EventID) (int, bool) {
	return slices.BinarySearchFunc(l, id, func(e em.Event, id em.EventID) int { return slices.Compare(e.ID[:], id[:]) })
}

// tell appends the changes that lead from what was told to what is derived now.
// An incident that late facts gave another anchor is Moved.
func (l *ledger) tell(dst []GroupChange, at time.Time, derived []incident) []GroupChange {
	slices.SortFunc(derived, func(a, b incident) int { return slices.Compare(a.event.ID[:], b.event.ID[:]) })
	var gone, next ledger
	for _, e := range *l {
		if _, still := slices.BinarySearchFunc(derived, e.ID, func(d incident, id em.EventID) int { return slices.Compare(d.event.ID[:], id[:]) }); !still {
			gone = append(gone, e)
		}
	}
	change := func(k em.ChangeKind, d *incident, was em.Event) {
		c := GroupChange{Change: em.Change{Kind: k, Clock: em.ReceiveTime, Event: d.event, Was: was, Known: at}}
		c.Members, c.People = d.members, d.people
		dst = append(dst, c)
	}
	for i := range derived {
		d := &derived[i]
		next = append(next, d.event)
		if j, found := l.find(d.event.ID); found {
			was := (*l)[j]
			switch {
			case was.Equal(&d.event):
			case was.Open() && !d.event.Open():
				change(em.Closed, d, was)
			default:
				change(em.Updated, d, was)
			}
			continue
		}
		j := slices.IndexFunc(gone, func(e em.Event) bool { return e.About == d.event.About && overlap(&e, &d.event) })
		if j < 0 {
			change(em.Opened, d, em.Event{})
			continue
		}
		change(em.Moved, d, gone[j])
		gone = slices.Delete(gone, j, j+1)
	}
	for _, e := range gone {
		dst = append(dst, GroupChange{Change: em.Change{Kind: em.Withdrawn, Clock: em.ReceiveTime, Event: e, Was: e, Known: at}})
	}
	*l = next
	return dst
}

func overlap(a, b *em.Event) bool {
	return (a.Open() || a.Until.After(b.At)) && (b.Open() || b.Until.After(a.At))
}

// settle forgets what ended before at − keep and is no part of what is open.
func settle(f facts, l *ledger, derived []incident, at time.Time, keep time.Duration) {
	floor := at.Add(-keep)
	held := map[em.EventID]bool{} // by an incident that stays
	for _, d := range derived {
		if d.event.Open() || !d.event.Until.Before(floor) {
			for _, id := range d.members {
				held[id] = true
			}
		}
	}
	maps.DeleteFunc(f, func(_ em.EventID, x *fact) bool { return !x.until.IsZero() && x.until.Before(floor) && !held[x.id] })
	*l = slices.DeleteFunc(*l, func(e em.Event) bool { return !e.Open() && e.Until.Before(floor) })
}

func appendFacts(dst []byte, f facts) []byte {
	dst = em.AppendUint(dst, uint64(len(f)))
	for _, id := range sortIDs(slices.Collect(maps.Keys(f))) {
		x := f[id]
		dst = em.AppendString(em.AppendString(append(dst, x.id[:]...), string(x.subject)), string(x.device))
		dst = append(em.AppendString(dst, string(x.kind)), byte(x.severity))
		dst = em.AppendTime(em.AppendTime(dst, x.from), x.until)
		dst = appendLabels(dst, x.labels)
		for _, n := range x.of {
			dst = em.AppendUint(dst, uint64(n))
		}
	}
	return dst
}

func readFacts(r *em.StateReader) facts {
	all := facts{}
	for _, x := range readSorted(r, func() fact {
		var x fact
		copy(x.id[:], r.Bytes(len(x.id)))
		x.subject, x.device, x.kind = em.SubjectID(r.String()), em.DeviceID(r.String()), em.EventKind(r.String())
		if b := r.Bytes(1); b != nil {
			x.severity = em.Severity(b[0])
		}
		x.from, x.until = r.Time(), r.Time()
		x.labels = readLabels(r)
		for range x.labels {
			n := r.Uint()
			if n > maxPlaced {
				r.Fail("devices of a label")
				n = 0
			}
			x.of = append(x.of, int(n))
		}
		return x
	}, func(a, b fact) int { return a.compareID(&b) }) {
		all[x.id] = &x
	}
	return all
}

func appendLedger(dst []byte, l ledger) []byte {
	dst = em.AppendUint(dst, uint64(len(l)))
	for _, e := range l {
		dst, _ = e.AppendBinary(dst) // never fails
	}
	return dst
}

func readLedger(r *em.StateReader) ledger {
	return readSorted(r, func() em.Event { return em.ReadEvent(r) }, func(a, b em.Event) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

// sortPeople sorts and makes each person one, covered only where always so.
func sortPeople(people []AffectedPerson) []AffectedPerson {
	slices.SortFunc(people, func(a, b AffectedPerson) int { return cmp.Compare(a.Subject, b.Subject) })
	var all []AffectedPerson
	for _, p := range people {
		if n := len(all); n > 0 && all[n-1].Subject == p.Subject {
			all[n-1].Covered = all[n-1].Covered && p.Covered
			continue
		}
		all = append(all, p)
	}
	return all
}

func sortIDs(ids []em.EventID) []em.EventID {
	slices.SortFunc(ids, func(a, b em.EventID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
