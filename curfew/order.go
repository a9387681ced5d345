package curfew

import (
	"encoding"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Order is what a court or officer wants of one person, for one place.
type Order struct {
	ID      string // tells the person's orders apart; part of the events' About
	Version string // of this text of the order

	// From and Until bound this version of the order, [From, Until): what is
	// under way at From binds from then on. With a From the evaluator expects
	// evidence from it on; without, from the first observation, or from the last
	// one that the version before has seen. A zero Until is open.
	From, Until time.Time

	Schedule Schedule

	// Place says which rows of the schedule Where and Units answer for: those
	// with the same Place. An order with two places has two evaluators.
	Place string

	Grace Grace

	// CountRepeatedHour: absence in the second pass of an hour that clocks
	// repeat counts, so that a night of 13 hours can have 780 minutes of it.
	CountRepeatedHour bool

	// Where tells whether an observation puts the wearer at the place, outside
	// or leaves it open. It must be a function of the observation alone. It is
	// not asked about fixes that are not current, and not about what a unit of
	// Units reports. Nil where only units are asked.
	Where func(em.Observation) em.Side

	// Follow is in the place of Where for what tells better by all of the wearer's
	// positions than by each: it makes a Follower that has seen nothing yet. Each
	// evaluator has one of its own.
	Follow func() Follower

	Units []Unit // home units and beacons at the place

	// Worn names the devices on the wearer's body: when one says that it
	// switches off, that it does not hear a unit proves nothing. Where none is
	// named, no device counts as switched off. Straps, shielding and jamming are
	// believed of every device that is no unit, or of those named here.
	Worn []em.DeviceID
}

// Follower tells from one observation after the other whether the wearer is at the
// place, like Order.Where, but may remember what it was told. What it remembers is
// part of the Evaluator's state: no bytes are the state before the first observation.
type Follower interface {
	// Follow takes the next observation in the order of event time; what comes
	// earlier than the last, or what Order.Where is not asked about, it does not get.
	// Away is for how long after one Outside the wearer cannot be back, as nobody is
	// so fast: so long is an absence, which one observation alone then proves. Zero
	// leaves it to the next one: an absence lasts from its first evidence to its last.
	Follow(o em.Observation) (side em.Side, away time.Duration)

	// Why tells of the last observation that Follow put on a side why it did: in words
	// that go on from "a position", and as facts. It is asked right after Follow, and
	// of evidence alone on which an event may rest.
	Why() (words string, facts []em.Fact)

	encoding.BinaryAppender
	encoding.BinaryUnmarshaler // errors wrap em.ErrState
}

// Unit is a home unit or beacon that hears, or is heard by, the worn device.
// Several people may share a unit, each with the identity of the own bracelet,
// and a person may have several units: whoever is heard by one is home, and
// whoever is heard by none of those that report is not.
type Unit struct {
	// ID is what em.Beacon names: of a unit that reports by itself, the bracelet
	// that it hears or its own identity, as its protocol has it; else the beacon
	// that the worn device hears.
	ID string

	// Device is set where the unit itself reports contacts and their loss. Its
	// last word then holds for as long as anything is heard of it. Where the
	// worn device reports, it is empty, and each report is worth as much as a
	// fix.
	Device em.DeviceID

	// Hold is set where the unit reports each contact, and not only the first
	// and their loss: for how long one contact proves presence, such as three
	// intervals of the bracelet's radio (T_rf). Then a unit that is heard
	// without a contact for longer has lost the wearer, as of the last contact
	// and Hold; where the loss is reported earlier, as of then.
	Hold time.Duration
}

// MaxUnits bounds Order.Units.
const MaxUnits = 64

// Grace is how much absence is no incident. Zero is none: the law is the
// order's, not the library's.
type Grace struct {
	// Start is how late a return may be: at 19:05:00 with 5 minutes it is in
	// time. What is later counts from the obligation's start.
	Start time.Duration

	// Short is how long an absence during the obligation may last.
	Short time.Duration

	// End is how long before the obligation's end one may leave: with zero, who
	// is out at the end by a second is told.
	End time.Duration
}

// Config is what monitoring assumes of the evidence. The zero value works.
type Config struct {
	// MaxGap is how long evidence holds: presence is unknown once there was
	// none for longer. Default 15 minutes. It must not be shorter than the
	// interval in which devices report or upload.
	MaxGap time.Duration

	// Contact is for how long after a contact that the worn device reports a
	// fix outside is not believed. Default 3 minutes, three beacons lost at one
	// a minute.
	Contact time.Duration

	// Loss is how long a unit must miss the wearer before that is absence (T_loss),
	// which then counts from the loss on: a shorter one is bad radio and leaves
	// no trace. A position outside confirms it at once. Default 5 minutes; one
	// nanosecond is as good as none. Must be shorter than MaxGap.
	Loss time.Duration

	// Flicker is how short a presence must be to not interrupt an absence.
	// Default 60 seconds; must be shorter than MaxGap.
	Flicker time.Duration

	// Unknown is how long presence may be unknown within an obligation before
	// it is told. Default 15 minutes.
	Unknown time.Duration
}

// The defaults of Config.
const (
	DefaultMaxGap  = 15 * time.Minute
	DefaultContact = 3 * time.Minute
	DefaultLoss    = 5 * time.Minute
	DefaultFlicker = 60 * time.Second
	DefaultUnknown = 15 * time.Minute
)

// maxDuration bounds all durations of Order and Config.
const maxDuration = 7 * 24 * time.Hour

// ErrOrder and ErrConfig are wrapped by errors of NewEvaluator about an Order
// and a Config that make no sense.
var (
	ErrOrder  = errors.New("curfew: invalid order")
	ErrConfig = errors.New("curfew: invalid config")
)

func (c *Config) complete() error {
	for _, v := range [...]struct {
		name string
		d    *time.Duration
		def  time.Duration
	}{
		{"MaxGap", &c.MaxGap, DefaultMaxGap},
		{"Contact", &c.Contact, DefaultContact},
		{"Loss", &c.Loss, DefaultLoss},
		{"Flicker", &c.Flicker, DefaultFlicker},
		{"Unknown", &c.Unknown, DefaultUnknown},
	} {
		if *v.d < 0 || *v.d > maxDuration {
			return fmt.Errorf("%w: %s is %v", ErrConfig, v.name, *v.d)
		}
		if *v.d == 0 {
			*v.d = v.def
		}
	}
	if c.Flicker >= c.MaxGap || c.Loss >= c.MaxGap {
		return fmt.Errorf("%w: Flicker %v or Loss %v is not shorter than MaxGap %v", ErrConfig, c.Flicker, c.Loss, c.MaxGap)
	}
	return nil
}

func (o *Order) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrOrder, fmt.Sprintf(format, args...))
	}
	switch {
	case o.ID == "":
		return bad("no ID")
	case !o.From.IsZero() && !judgeable(o.From), !o.Until.IsZero() && !judgeable(o.Until):
		return bad("From or Until %v", ErrInstant)
	case !o.From.IsZero() && !o.Until.IsZero() && !o.From.Before(o.Until):
		return bad("Until is not after From")
	case o.Where != nil && o.Follow != nil:
		return bad("both Where and Follow")
	case o.Where == nil && o.Follow == nil && len(o.Units) == 0:
		return bad("neither Where nor Follow nor Units says whether the person is home")
	case len(o.Units) > MaxUnits:
		return bad("%d units", len(o.Units))
	}
	for _, g := range []time.Duration{o.Grace.Start, o.Grace.Short, o.Grace.End} {
		if g < 0 || g > maxDuration {
			return bad("a grace of %v", g)
		}
	}
	seen := map[string]bool{}
	for _, u := range o.Units {
		if u.ID == "" || seen[u.key()] {
			return bad("unit %q is unnamed or named twice", u.ID)
		}
		if u.Hold < 0 || u.Hold > maxDuration {
			return bad("unit %q holds for %v", u.ID, u.Hold)
		}
		seen[u.key()] = true
	}
	if len(o.Worn) > MaxUnits {
		return bad("%d worn devices", len(o.Worn))
	}
	if list := o.Schedule.Places(); len(list) > 0 && !slices.Contains(list, o.Place) {
		return bad("no row of the schedule is for place %q", o.Place)
	}
	return nil
}

// clip is what of an obligation the order asks for; false where nothing is
// left, or where it is for another place.
func (o *Order) clip(b Obligation) (Obligation, bool) {
	if !o.From.IsZero() {
		b.Start = later(b.Start, o.From)
	}
	if !o.Until.IsZero() {
		b.End = sooner(b.End, o.Until)
	}
	return b, b.Kind != MayLeave && b.Row.Place == o.Place && b.Start.Before(b.End)
}

// about is the events' About.
func (o *Order) about() string {
	if o.Place == "" {
		return o.ID
	}
	return o.ID + "/" + o.Place
}
