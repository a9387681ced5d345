package center

import (
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/geofence/proximity"
)

// sides is what the engine knows of pairs to tell both sides: the events that
// proximity.Disclosure looks at, and when it is to be asked next.
type sides struct {
	grid   time.Duration // of Disclosure; tests shorten it
	next   time.Time     // line of the grid
	events map[em.SubjectID][]em.Event
}

func (e *sides) disclosure(p roster.Pair) proximity.Disclosure {
	d := p.Disclosure()
	d.Grid = e.grid
	return d
}

func (e *sides) due(now time.Time) bool { return !now.Before(e.next) }

// loadSides reads all pairs' events.
func (s *step) loadSides() error {
	s.sides.events, s.sides.next = map[em.SubjectID][]em.Event{}, s.sides.disclosure(roster.Pair{}).Next(s.now)
	for _, p := range s.engine.roster.AllPairs() {
		events, err := s.eventsOf(p.Subject())
		if err != nil {
			return err
		}
		s.sides.events[p.Subject()] = s.recent(events)
	}
	return nil
}

// eventsOf reads a subject's events by event time.
func (s *step) eventsOf(id em.SubjectID) (events []em.Event, err error) {
	if s.parts > 0 {
		return s.tx.PartEvents(partOf(id, s.parts), id, em.EventTime, time.Unix(0, 0))
	}
	for e, err := range record.NewHistory(id, func() *record.Tx { return s.tx }).Events(em.EventTime, time.Unix(0, 0)) {
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// recent leaves out what ended too long ago for any notice: Disclosure looks back
// by two cells of the grid.
func (s *step) recent(events []em.Event) []em.Event {
	grid := s.sides.disclosure(roster.Pair{}).Next(time.Unix(0, 0)).Sub(time.Unix(0, 0))
	return slices.DeleteFunc(events, func(e em.Event) bool { return !e.Open() && e.Until.Before(s.now.Add(-4*grid)) })
}

// pairEvents are a pair's events as of this step.
func (s *step) pairEvents(id em.SubjectID) []em.Event {
	if events, ok := s.pairs[id]; ok {
		return events
	}
	return s.sides.events[id]
}

// sidesChanged takes what a Timeline decided about a pair. A rise of the
// protected person's level is told at once.
func (s *step) sidesChanged(id em.SubjectID, changes []em.Change) error {
	_, protected, ok := roster.PairOf(id)
	if !ok || len(changes) == 0 {
		return nil
	}
	events := slices.Clone(s.pairEvents(id))
	for i := range changes {
		c := &changes[i]
		events = slices.DeleteFunc(events, func(e em.Event) bool {
			return e.ID == c.Event.ID || c.Kind == em.Moved && e.ID == c.Was.ID
		})
		if c.Kind != em.Withdrawn {
			events = append(events, c.Event)
		}
	}
	if s.pairs == nil {
		s.pairs = map[em.SubjectID][]em.Event{}
	}
	s.pairs[id] = s.recent(events)
	s.views = append(s.views, func() { s.sides.events[id] = s.pairs[id] })
	for _, r := range s.engine.roster.Recipients() {
		if r.Who == roster.Protected && r.Person == protected {
			if err := s.tellSide(&r, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// wakeSides tells both sides what is to be told on lines of the grid alone.
func (s *step) wakeSides() error {
	if !s.sides.due(s.now) {
		return nil
	}
	for _, r := range s.engine.roster.Recipients() {
		if !r.Side() {
			continue
		}
		if err := s.tellSide(&r, true); err != nil {
			return err
		}
	}
	next := s.sides.disclosure(roster.Pair{}).Next(s.now)
	s.views = append(s.views, func() { s.sides.next = next })
	return nil
}

// tellSide writes what one side of pairs is to be told, if it is another than was
// told: of all the pairs in which the person is on that side, the most urgent. It
// holds a level and nothing else, and falls, like all that a wearer is told, on
// lines of the grid alone.
func (s *step) tellSide(r *roster.Recipient, line bool) error {
	var (
		protected proximity.ProtectedNotice
		wearer    proximity.WearerNotice
	)
	for _, p := range s.engine.roster.Pairs(r.Person) {
		d, events := s.sides.disclosure(p), s.pairEvents(p.Subject())
		if p.Protected == r.Person {
			protected.Level = max(protected.Level, d.Protected(s.now, events).Level)
		} else {
			wearer.KeepAway = wearer.KeepAway || d.Wearer(s.now, events).KeepAway
		}
	}
	if !r.At(s.now) { // whoever is no longer told is told that it is over
		protected, wearer = proximity.ProtectedNotice{}, proximity.WearerNotice{}
	}
	notice, silence := web.ForProtected(protected), web.ForProtected(proximity.ProtectedNotice{})
	if r.Who == roster.Wearer {
		notice, silence = web.ForWearer(wearer), web.ForWearer(proximity.WearerNotice{})
	}
	list, err := s.tx.SideNotices(r.ID)
	if err != nil {
		return err
	}
	if !line && protected.Level <= lastLevel(list) {
		return nil
	}
	o := settle(list, notice.Says(), silence.Says())
	if o.drop != "" {
		if err := s.dropNotice(list[len(list)-1], o.drop, false); err != nil {
			return err
		}
	}
	if !o.say {
		return nil
	}
	return s.addNotice(r, 0, notice.Type, notice.Says(), &notice.ID, &notice)
}

// lastLevel is what a protected person was told last, or is about to be.
func lastLevel(list []record.Notice) (l proximity.Level) {
	for i := range list {
		if n := &list[i]; n.Heard() || n.State == record.Pending {
			if err := l.UnmarshalText([]byte(n.Says)); err != nil {
				return proximity.Clear // what a past version said
			}
		}
	}
	return l
}
