package center

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// view is what the page is told about one person; the engine keeps it current.
type view struct {
	web.Person              // people adds Position, OpenIncidents and Worst
	last       web.Position // of fixAt

	fixAt, powerAt time.Time // zero: none
	changed        uint64    // engine.shown as of then

	open map[int64]em.Severity // incidents that are not closed
}

// people returns persons by ID: see web.Backend.
func (e *engine) people(since uint64) web.People {
	e.mu.RLock()
	of := web.People{List: []web.Person{}, Whole: since < e.anew, Version: e.shown}
	for _, v := range e.views {
		if !of.Whole && v.changed <= since {
			continue
		}
		p := v.Person
		if !v.fixAt.IsZero() {
			last := v.last
			p.Position = &last
		}
		p.OpenIncidents = len(v.open)
		worst := em.Info
		for _, s := range v.open {
			worst = max(worst, s)
		}
		if len(v.open) > 0 {
			p.Worst = worst.String()
		}
		of.List = append(of.List, p)
	}
	e.mu.RUnlock()
	slices.SortFunc(of.List, func(a, b web.Person) int { return strings.Compare(a.ID, b.ID) })
	return of
}

// count is how many persons there are.
func (e *engine) count() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.views)
}

func (e *engine) name(s em.SubjectID) string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if v := e.views[s]; v != nil {
		return v.Name
	}
	if d, ok := roster.UnitOf(s); ok {
		return "Home unit " + string(d)
	}
	if w, p, ok := roster.PairOf(s); ok && e.views[em.SubjectID(w)] != nil && e.views[em.SubjectID(p)] != nil {
		return e.views[em.SubjectID(w)].Name + " – " + e.views[em.SubjectID(p)].Name
	}
	if s == systemSubject {
		return "System"
	}
	return string(s)
}

// show schedules a change of a person's view for when the transaction is through.
func (s *step) show(id em.SubjectID, f func(*view)) {
	if s.part > 0 {
		return // the head shows it
	}
	s.views = append(s.views, func() {
		if v := s.engine.views[id]; v != nil {
			v.changed = s.engine.shown
			f(v)
		}
	})
}

// sighting is what an observation says about a person's present state.
type sighting struct {
	subject      em.SubjectID
	At, Received time.Time
	Body         em.Body
}

// seen notes an observation for when the transaction is through.
func (s *step) seen(id em.SubjectID, o *em.Observation) {
	if s.part > 0 {
		return // the head shows it
	}
	switch o.Body.(type) {
	case *em.Fix, *em.Power:
	default: // it says when the person was heard, as do others of the report
		if n := len(s.sightings); n > 0 && s.sightings[n-1].subject == id && s.sightings[n-1].Received.Equal(o.Received) {
			return
		}
	}
	s.sightings = append(s.sightings, sighting{id, o.At, o.Received, o.Body})
}

func (o *sighting) show(v *view, shown uint64) {
	v.changed = shown
	if o.Received.After(v.LastHeard) {
		v.LastHeard = o.Received
	}
	if o.At.After(o.Received.Add(maxAhead)) {
		return // a wrong clock: nothing that comes would ever be newer
	}
	switch b := o.Body.(type) {
	case *em.Fix:
		// A fix without validity says nothing new about where the person is.
		if !b.Valid() || b.Validity == em.FixInvalid || o.At.Before(v.fixAt) {
			return
		}
		r, reported := b.Radius95(roster.AssumedAccuracy)
		v.fixAt = o.At
		v.last = web.Position{Lat: b.Lat, Lon: b.Lng, At: o.At, Radius95: r, Assumed: !reported, Validity: string(b.Validity)}
	case *em.Power:
		if b.Level.OK && !o.At.Before(v.powerAt) {
			v.powerAt, v.Battery = o.At, &b.Level.V
		}
	}
}

// recount keeps the number of open incidents. Those of a pair count with the
// wearer.
func (s *step) recount(was, is record.Incident) {
	id := is.Event.Subject
	if w, _, ok := roster.PairOf(id); ok {
		id = em.SubjectID(w)
	}
	s.show(id, func(v *view) {
		delete(v.open, was.ID)
		if is.Handling != record.Closed {
			v.open[is.ID] = is.Event.Detail.Severity
		}
	})
}

// showPerson makes or renews a person's view from the roster.
func (s *step) showPerson(p roster.Person) {
	id := em.SubjectID(p.ID)
	role := s.engine.roster.Role(p)
	s.views = append(s.views, func() {
		v := s.engine.views[id]
		if v == nil {
			v = &view{open: map[int64]em.Severity{}}
			s.engine.views[id] = v
			s.engine.anew = s.engine.shown
		}
		v.changed = s.engine.shown
		v.ID, v.Name, v.Role, v.Since, v.Zones = p.ID, p.Name, role, p.Since, p.Zones
		v.Devices = nil
		for _, a := range p.Devices {
			v.Devices = append(v.Devices, string(a.ID))
		}
		v.Home = nil
		if h := p.Home; h != nil {
			v.Home = &web.Circle{Lat: h.Lat, Lon: h.Lon, Radius: h.Radius}
		}
	})
}

// showStored fills the views of a new start from the record.
func (s *step) showStored() error {
	if s.parts > 0 {
		if err := s.showParts(); err != nil {
			return err
		}
	}
	for id := range s.subjects {
		if err := s.showLatest(s.tx, id); err != nil {
			return err
		}
	}
	open, err := s.tx.OpenIncidents()
	for _, i := range open {
		s.recount(i, i)
	}
	return err
}

// showLatest fills a subject's view from what holds it.
func (s *step) showLatest(from *record.Tx, id em.SubjectID) error {
	latest, err := from.Latest(id)
	for i := range latest {
		s.seen(id, &latest[i])
	}
	return err
}

// load takes a whole people file.
func (s *step) load(f *roster.File) error {
	zones, err := s.roster.WithZones(f.Zones)
	if err != nil {
		return err
	}
	units, err := zones.WithUnits(s.now, f.Units...)
	if err != nil {
		return err
	}
	next, err := units.With(s.now, f.People...)
	if err != nil {
		return err
	}
	if next, err = next.WithRecipients(s.now, f.Recipients...); err != nil {
		return err
	}
	old := s.engine.roster
	if err := s.adopt("center", next, f.Units, f.People); err != nil {
		return err
	}
	return s.putRecipients("center", old, f.Recipients)
}

// adopt makes next the roster, stores what changed, brings new and changed
// persons under evaluation and gives them what their devices sent before.
func (s *step) adopt(actor string, next *roster.Roster, units []roster.Unit, changed []roster.Person) error {
	old := s.engine.roster
	s.undo = func() { s.engine.roster = old }
	s.engine.roster = next
	s.entering = true
	defer func() { s.entering = false }()
	had := map[string][]byte{}
	for _, z := range old.ZoneDocs() {
		had[z.ID] = z.JSON
	}
	var docs []record.VersionDoc // what partitions are to know
	for _, z := range next.ZoneDocs() {
		if s.part > 0 || bytes.Equal(had[z.ID], z.JSON) {
			continue
		}
		if err := s.tx.PutZone(z); err != nil {
			return err
		}
		if err := s.tx.Audit(s.now, actor, "put zone", "zone "+z.ID, nil); err != nil {
			return err
		}
		docs = append(docs, record.VersionDoc{Kind: record.DocZone, Doc: z})
	}
	for _, u := range units {
		u, _ := next.Unit(u.ID)
		if s.part > 0 && !s.mine(roster.UnitSubject(u.ID)) {
			continue
		}
		rules, err := roster.UnitRules(u)
		if err != nil {
			return err
		}
		doc, err := json.Marshal(u)
		if err != nil {
			return err
		}
		since, changed, err := s.putRules(actor, "unit", string(u.ID), roster.UnitSubject(u.ID), u.Version, u.Since, rules)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if s.part == 0 {
			of := record.Doc{ID: string(u.ID), Since: u.Since, JSON: doc}
			if err := s.tx.PutUnit(of); err != nil {
				return err
			}
			if err := s.placeDevice(roster.UnitSubject(u.ID), u.ID, nil); err != nil {
				return err
			}
			docs = append(docs, record.VersionDoc{Kind: record.DocUnit, Doc: of})
		}
		if _, err := s.enrol(roster.UnitSubject(u.ID), u.Since, since, rules, []roster.Assignment{{ID: u.ID}}); err != nil {
			return err
		}
	}
	assign := false
	waited := map[string][]em.Observation{}
	for _, p := range changed {
		p, _ := next.Person(p.ID)
		if s.part > 0 && !s.mine(em.SubjectID(p.ID)) {
			continue
		}
		rules, err := next.Rules(p)
		if err != nil {
			return err
		}
		doc, err := json.Marshal(p)
		if err != nil {
			return err
		}
		since, changed, err := s.putRules(actor, "person", p.ID, em.SubjectID(p.ID), p.Version, p.Since, rules)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if err := s.hearUnits(em.SubjectID(p.ID), since, p.Hears()); err != nil {
			return err
		}
		if s.part == 0 {
			of := record.Doc{ID: p.ID, Since: p.Since, JSON: doc}
			if err := s.tx.PutPerson(of); err != nil {
				return err
			}
			if was, ok := old.Person(p.ID); ok && len(was.Devices) > 0 && (len(p.Devices) == 0 || was.Devices[0].ID != p.Devices[0].ID) {
				s.groups.mass.Remove(em.SubjectID(p.ID), was.Devices[0].ID)
				s.placed = true
			}
			if was, _ := old.Person(p.ID); len(was.Hears())+len(p.Hears()) > 0 {
				assign = true
			}
			if err := s.place(p); err != nil {
				return err
			}
			s.showPerson(p)
			docs = append(docs, record.VersionDoc{Kind: record.DocPerson, Doc: of})
		}
		if waited[p.ID], err = s.enrol(em.SubjectID(p.ID), p.Since, since, rules, p.Devices); err != nil {
			return err
		}
	}
	if err := s.adoptPairs(actor, waited, changed); err != nil {
		return err
	}
	if s.parts > 0 && len(docs) > 0 && s.part == 0 {
		v, err := s.tx.PutVersion(s.now, docs)
		if err != nil {
			return err
		}
		s.put = v
	}
	if !assign {
		return nil
	}
	return s.assign()
}

// putRules stores the rules of a person or unit, if they are not those that hold
// already, and returns from when on they do.
func (s *step) putRules(actor, what, id string, subject em.SubjectID, version string, begin time.Time, rules []byte) (since time.Time, changed bool, err error) {
	stored, err := s.tx.Rules(string(subject))
	if err != nil {
		return since, false, err
	}
	since = begin
	if n := len(stored); n > 0 {
		if bytes.Equal(stored[n-1].JSON, rules) {
			return since, false, nil // a file that is read again at every start changes nothing
		}
		since = s.now
		if s.part > 0 {
			since = s.entered // as the head has it
		}
		if since.Before(begin) { // it has not begun yet: as if it had been so from the start
			since = begin
		}
	}
	if s.part == 0 {
		if err := s.tx.Audit(s.now, actor, "put "+what, what+" "+id, map[string]string{"version": version}); err != nil {
			return since, false, err
		}
	}
	return since, true, s.tx.PutRules(string(subject), since, rules)
}

// enrol starts evaluation of a new person or unit, or goes on under its changed
// rules from since, and judges what waited in quarantine, which it returns.
func (s *step) enrol(id em.SubjectID, begin, since time.Time, rules []byte, devices []roster.Assignment) ([]em.Observation, error) {
	if s.mine(id) {
		s.touched = append(s.touched, id)
	}
	// What waited comes first: a new person's rules then see it at once, and raise
	// nothing that it refutes.
	var waiting []em.Observation
	for _, a := range devices {
		from := a.From
		if from.IsZero() {
			from = begin
		}
		if s.part > 0 {
			obs, err := s.borrow(a.ID, id, from, a.To, id, 0)
			if err != nil {
				return nil, err
			}
			waiting = append(waiting, obs...)
			continue
		}
		obs, err := s.tx.Adopt(a.ID, id, from, a.To)
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, obs...)
		if err := s.tx.Release(a.ID); err != nil {
			return nil, err
		}
	}
	for i := range waiting {
		s.seen(id, &waiting[i])
	}
	if !s.mine(id) {
		return waiting, nil // its partition judges it
	}
	if sub := s.subjects[id]; sub != nil {
		evs, err := roster.Evaluators(rules, since)
		if err != nil {
			return nil, err
		}
		var r em.Result
		if err := sub.tl.Rederive(&r, s.now, since, evs...); err != nil {
			return nil, fmt.Errorf("center: new rules: %w", err)
		}
		if err := s.apply(sub, &r); err != nil {
			return nil, err
		}
	} else if err := s.restore(id, begin); err != nil {
		return nil, err
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	return waiting, s.feedSubject(s.subjects[id], waiting)
}

func (e *engine) putPerson(ctx context.Context, actor string, doc []byte) error {
	p, err := roster.ParsePerson(doc)
	if err != nil {
		return fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	return e.enter(ctx, func(s *step) error {
		next, err := s.engine.roster.With(s.now, p)
		if err != nil {
			return fmt.Errorf("%w: %w", web.ErrBadInput, err)
		}
		return s.adopt(actor, next, nil, []roster.Person{p})
	})
}

func (e *engine) putZones(ctx context.Context, actor string, doc []byte) error {
	return e.enter(ctx, func(s *step) error {
		next, err := s.engine.roster.WithZones(doc)
		if err != nil {
			return fmt.Errorf("%w: %w", web.ErrBadInput, err)
		}
		// Whoever has one of the zones goes on under its new shape.
		return s.adopt(actor, next, nil, next.People())
	})
}

func (e *engine) putUnit(ctx context.Context, actor string, doc []byte) error {
	u, err := roster.ParseUnit(doc)
	if err != nil {
		return fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	return e.enter(ctx, func(s *step) error {
		next, err := s.engine.roster.WithUnits(s.now, u)
		if err != nil {
			return fmt.Errorf("%w: %w", web.ErrBadInput, err)
		}
		return s.adopt(actor, next, []roster.Unit{u}, nil)
	})
}
