package health

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Kinds of Tamper. KindTamper is the front of one kind for each em.TamperKind:
// "device.tamper.strap". Such an event begins at detection and ends when the
// sensor is in order again. Nothing else ends it: no repair that is planned, no
// visit, no silence; what no sensor clears stays open. Its Class is
// "STRAP_DETECTED" first, "STRAP_SUSTAINED" once it lasts TamperConfig.Transient,
// and "STRAP_TRANSIENT" (em.Technical) where it was cleared sooner. Of what is
// worn (strap, case, removal, other) it is "STRAP_AWAY" or "STRAP_MOVING" instead,
// em.Critical at once, where the wearer is away or moves meanwhile: then it is no
// transient, however short.
//
// KindEquipment, em.Technical, is a task to check the equipment. It is open
// while at least TamperConfig.Transients transients of a device lie within the
// last TamperConfig.Window.
const (
	KindTamper    em.EventKind = "device.tamper."
	KindEquipment em.EventKind = "device.equipment"
)

// TamperConfig says what a passing disturbance is. The zero value works.
type TamperConfig struct {
	Device  em.DeviceID // the only device to watch; where empty each one by itself
	Version string      // of this configuration, for Event.Version

	// Transient is how long a tamper must last to be sustained: 30 seconds where
	// zero, which leaves most of the three minutes in which a cut strap has to
	// be told.
	Transient time.Duration

	// Transients within Window make a task to check the equipment: 3 where zero,
	// at most em.MaxBecause; 24 hours.
	Transients int
	Window     time.Duration

	// Where tells on which side of the places where the wearer should be an
	// observation was made: em.Outside is away. Where nil that is not judged. It
	// must be a pure function, as a zone's or an order's is.
	Where func(em.Observation) em.Side

	// Speed in m/s from which a current satellite fix is of a moving wearer: 2
	// where zero; below zero motion is not judged. Unverified: above a walk, as
	// receivers at rest show up to about 1.
	Speed float64

	// Recent is how long before a tamper the wearer must have been seen away or
	// moving to be so meanwhile: 5 minutes where zero.
	Recent time.Duration
}

// tamperWords says, for each kind, how urgent it is at first and when it is
// sustained, and what it means.
var tamperWords = map[em.TamperKind]struct {
	worn             bool // by the person
	first, sustained em.Severity
	is, was          string
}{
	em.TamperStrap:     {true, em.Warning, em.Critical, "The strap is open", "The strap was open"},
	em.TamperCase:      {true, em.Warning, em.Critical, "The case is open", "The case was open"},
	em.TamperRemoval:   {true, em.Warning, em.Critical, "The device is off the body", "The device was off the body"},
	em.TamperShielding: {false, em.Warning, em.Critical, "The device is shielded", "The device was shielded"},
	em.TamperJamming:   {false, em.Warning, em.Critical, "The device is jammed", "The device was jammed"},
	em.TamperMoved:     {false, em.Technical, em.Violation, "The unit is not in its place", "The unit was not in its place"},
	em.TamperOther:     {true, em.Warning, em.Critical, "The device reports tampering", "The device reported tampering"},
}

// Tamper follows the tamper sensors. It goes by em.EventTime and is not safe
// for concurrent use.
type Tamper struct {
	c        TamperConfig
	episodes episodes
	wear     []wear // by device
	away     mark   // the wearer was last seen away; zero: not lately
	moving   mark   // … moving
}

// wear is what is known of a device's transients within the window.
type wear struct {
	device em.DeviceID
	task   time.Time // since when KindEquipment is open; zero: it is not
	marks  []mark    // the last ones, TamperConfig.Transients at most, oldest first; never none
}

type mark struct {
	at time.Time
	id em.ObservationID
}

func (a wear) compare(b wear) int { return cmp.Compare(a.device, b.device) }

var _ em.Evaluator = (*Tamper)(nil)

// NewTamper returns the evaluator.
func NewTamper(c TamperConfig) (*Tamper, error) {
	var err error
	if c.Transient, err = positive("transient limit", c.Transient, 30*time.Second); err != nil {
		return nil, err
	}
	if c.Window, err = positive("window of transients", c.Window, 24*time.Hour); err != nil {
		return nil, err
	}
	if c.Transients == 0 {
		c.Transients = 3
	}
	if c.Transients < 1 || c.Transients > em.MaxBecause {
		return nil, fmt.Errorf("health: %d transients, not 1 to %d", c.Transients, em.MaxBecause)
	}
	if c.Recent, err = positive("time of recent whereabouts", c.Recent, 5*time.Minute); err != nil {
		return nil, err
	}
	if c.Speed == 0 {
		c.Speed = 2
	}
	if math.IsNaN(c.Speed) {
		return nil, fmt.Errorf("health: a speed of %v", c.Speed)
	}
	return &Tamper{c: c}, nil
}

// Clock returns em.EventTime.
func (t *Tamper) Clock() em.Clock { return em.EventTime }

// Observe implements em.Evaluator.
func (t *Tamper) Observe(dst []em.Event, o em.Observation) []em.Event {
	t.episodes.forget(o.At)
	dst = t.whereabouts(dst, o)
	b, ok := o.Body.(*em.Tamper)
	if !ok || t.c.Device != "" && o.Device != t.c.Device {
		return dst
	}
	what := b.What
	if _, known := tamperWords[what]; !known {
		what = em.TamperOther
	}
	kind := KindTamper + em.EventKind(what)
	if !b.Cleared {
		if t.episodes.find(o, kind) != nil {
			return dst // told again
		}
		n := episode{kind: kind, code: b.Code}
		if tamperWords[what].worn {
			n.grade, n.by = t.seen()
		}
		n = t.episodes.begin(o, n)
		return append(dst, t.event(n, time.Time{}, em.ObservationID{}))
	}
	e, ok := t.episodes.end(o, kind)
	if !ok {
		return dst // nothing to clear
	}
	dst = append(dst, t.event(e, o.At, o.ID))
	if e.grade == begun {
		dst = t.count(dst, o)
	}
	return dst
}

// whereabouts takes what o tells of where the wearer is, and raises what is open.
func (t *Tamper) whereabouts(dst []em.Event, o em.Observation) []em.Event {
	for _, m := range []*mark{&t.away, &t.moving} {
		if !m.at.IsZero() && !o.At.Before(m.at.Add(t.c.Recent)) {
			*m = mark{}
		}
	}
	if t.c.Where != nil {
		switch t.c.Where(o) {
		case em.Outside:
			t.away = mark{o.At, o.ID}
		case em.Inside:
			t.away = mark{}
		}
	}
	if f, ok := o.Body.(*em.Fix); ok && t.c.Speed > 0 && f.Current() && f.Source == em.SourceGNSS && f.Speed.OK {
		t.moving = mark{}
		if f.Speed.V >= t.c.Speed {
			t.moving = mark{o.At, o.ID}
		}
	}
	g, by := t.seen()
	if g == begun {
		return dst
	}
	for i := range t.episodes.open {
		if e := &t.episodes.open[i]; e.grade == begun && tamperWords[tamperKind(e.kind)].worn {
			e.grade, e.by = g, by
			dst = append(dst, t.event(*e, time.Time{}, em.ObservationID{}))
		}
	}
	return dst
}

// seen returns the grade of a tamper by what is known of where the wearer is.
func (t *Tamper) seen() (grade, em.ObservationID) {
	switch {
	case !t.away.at.IsZero():
		return away, t.away.id
	case !t.moving.at.IsZero():
		return moving, t.moving.id
	}
	return begun, em.ObservationID{}
}

func tamperKind(k em.EventKind) em.TamperKind {
	return em.TamperKind(strings.TrimPrefix(string(k), string(KindTamper)))
}

// count takes note of a transient that o ended.
func (t *Tamper) count(dst []em.Event, o em.Observation) []em.Event {
	i, found := slices.BinarySearchFunc(t.wear, wear{device: o.Device}, wear.compare)
	if !found {
		t.wear = slices.Insert(t.wear, i, wear{device: o.Device})
	}
	w := &t.wear[i]
	w.marks = append(w.marks, mark{o.At, o.ID})
	w.marks = slices.Delete(w.marks, 0, max(0, len(w.marks)-t.c.Transients))
	if w.task.IsZero() && len(w.marks) == t.c.Transients {
		w.task = o.At
		dst = append(dst, t.equipment(w, time.Time{}))
	}
	return dst
}

// Deadline implements em.Evaluator.
func (t *Tamper) Deadline() (at time.Time) {
	for _, e := range t.episodes.open {
		if e.grade == begun {
			at = earlier(at, e.since.Add(t.c.Transient))
		}
	}
	for _, w := range t.wear {
		at = earlier(at, w.marks[0].at.Add(t.c.Window))
	}
	return at
}

// Wake implements em.Evaluator.
func (t *Tamper) Wake(dst []em.Event, at time.Time) []em.Event {
	t.episodes.forget(at)
	for i := range t.episodes.open {
		if e := &t.episodes.open[i]; e.grade == begun && !at.Before(e.since.Add(t.c.Transient)) {
			e.grade = worse
			dst = append(dst, t.event(*e, time.Time{}, em.ObservationID{}))
		}
	}
	for i := range t.wear {
		w := &t.wear[i]
		old := *w
		for len(w.marks) > 0 && !at.Before(w.marks[0].at.Add(t.c.Window)) {
			w.marks = w.marks[1:]
		}
		if !w.task.IsZero() && len(w.marks) < t.c.Transients {
			dst = append(dst, t.equipment(&old, at))
			w.task = time.Time{}
		}
	}
	t.wear = slices.DeleteFunc(t.wear, func(w wear) bool { return len(w.marks) == 0 })
	return dst
}

// event returns the present version of e; until is zero while it is open.
func (t *Tamper) event(e episode, until time.Time, by em.ObservationID) em.Event {
	what := tamperKind(e.kind)
	words := tamperWords[what]
	v := e.event(t.c.Version, words.is, words.was, until, by)
	d := &v.Detail
	class := "DETECTED"
	d.Severity = words.first
	switch {
	case e.grade == away:
		class, d.Severity = "AWAY", em.Critical
		d.Reason = strings.TrimSuffix(d.Reason, ".") + "; the wearer was seen away."
	case e.grade == moving:
		class, d.Severity = "MOVING", em.Critical
		d.Reason = strings.TrimSuffix(d.Reason, ".") + "; the wearer was seen moving."
		d.Facts = append(d.Facts, em.Fact{Name: "moving from", Num: t.c.Speed, Unit: "m/s"})
	case e.grade == worse:
		class, d.Severity = "SUSTAINED", words.sustained
	case !until.IsZero():
		class, d.Severity = "TRANSIENT", em.Technical
	}
	d.Class = strings.ToUpper(string(what)) + "_" + class
	d.Facts = append(d.Facts, seconds("transient below", t.c.Transient))
	if e.code != "" {
		d.Facts = append(d.Facts, em.Fact{Name: "code", Text: e.code})
	}
	return v
}

func (t *Tamper) equipment(w *wear, until time.Time) em.Event {
	e := newEvent(t.c.Version, w.device, KindEquipment, w.task)
	e.Until = until
	var ids []em.ObservationID
	for _, m := range w.marks {
		ids = append(ids, m.id)
	}
	e.Because = because(ids...)
	e.Detail = em.Detail{
		Kind: KindEquipment, Class: "TRANSIENTS", Severity: em.Technical,
		Reason: fmt.Sprintf("The tamper sensors were disturbed for a moment at least %d times within %s: the device should be checked.",
			t.c.Transients, span(t.c.Window)),
		Facts: []em.Fact{
			{Name: "transients", Num: float64(len(w.marks)), Unit: "1"},
			seconds("window", t.c.Window), seconds("transient below", t.c.Transient),
		},
	}
	return e
}

// AppendBinary implements em.Evaluator.
func (t *Tamper) AppendBinary(dst []byte) ([]byte, error) {
	dst = t.episodes.append(append(dst, stateVersion))
	for _, m := range []mark{t.away, t.moving} {
		dst = appendID(em.AppendTime(dst, m.at), m.id)
	}
	dst = em.AppendUint(dst, uint64(len(t.wear)))
	for _, w := range t.wear {
		dst = em.AppendTime(em.AppendString(dst, string(w.device)), w.task)
		dst = em.AppendUint(dst, uint64(len(w.marks)))
		for _, m := range w.marks {
			dst = appendID(em.AppendTime(dst, m.at), m.id)
		}
	}
	return dst, nil
}

// UnmarshalBinary implements em.Evaluator.
func (t *Tamper) UnmarshalBinary(b []byte) error {
	v := Tamper{c: t.c}
	err := readState(b, func(r *em.StateReader) {
		v.episodes = readEpisodes(r, func(k em.EventKind) bool {
			what, ok := strings.CutPrefix(string(k), string(KindTamper))
			_, known := tamperWords[em.TamperKind(what)]
			return ok && known
		})
		v.away, v.moving = mark{r.Time(), readID(r)}, mark{r.Time(), readID(r)}
		v.wear = readSorted(r, func() wear {
			w := wear{device: em.DeviceID(r.String()), task: r.Time()}
			for n := r.Len(); n > 0 && r.Err() == nil; n-- {
				w.marks = append(w.marks, mark{r.Time(), readID(r)})
			}
			if len(w.marks) == 0 {
				r.Fail("a device without transients")
			}
			return w
		}, wear.compare)
	})
	if err == nil {
		*t = v
	}
	return err
}
