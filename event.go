package em

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"time"
)

// EventID identifies an event through all its versions: the first 16 bytes of
// a SHA-256 over Subject, Rule, Detail.Kind, About and Anchor.
type EventID [16]byte

// String returns 32 hexadecimal digits.
func (id EventID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes the hexadecimal form.
func (id EventID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (id *EventID) UnmarshalText(b []byte) error { return unhex(id[:], b) }

// MaxBecause bounds Event.Because: a verdict names the observations that
// decided it, not all that it saw. Timeline keeps the first MaxBecause.
const MaxBecause = 16

// Event is one version of a verdict: a proposal with its evidence, about an
// interval [At, Until). An evaluator fills all but ID, Subject and Concluded,
// which Timeline stamps. To tell a new version (a longer absence, its end) the
// evaluator emits an event with the same Rule, Detail.Kind, About and Anchor
// again. Once a version with Until was emitted the event is closed, and its ID
// is not emitted again.
type Event struct {
	ID        EventID         `json:"id"`
	Subject   SubjectID       `json:"subject"`
	Rule      string          `json:"rule"`              // "zones", "curfew", "alcohol", …
	Version   string          `json:"version,omitempty"` // of the rule's configuration: order or zone version
	About     string          `json:"about,omitempty"`   // zone, place or device
	Anchor    time.Time       `json:"anchor"`            // tells two events of one kind and About apart
	At        time.Time       `json:"at"`
	Until     time.Time       `json:"until,omitzero"` // zero: still open
	Concluded time.Time       `json:"concluded"`      // evaluator-clock instant of the deciding step
	Because   []ObservationID `json:"because,omitempty"`
	Detail    Detail          `json:"detail"`
}

// Open reports whether the event has no end yet.
func (e *Event) Open() bool { return e.Until.IsZero() }

// Equal reports whether two versions are the same in every field.
func (e *Event) Equal(o *Event) bool {
	return e.ID == o.ID && e.Subject == o.Subject && e.Rule == o.Rule && e.Version == o.Version &&
		e.About == o.About && e.Anchor.Equal(o.Anchor) && e.At.Equal(o.At) && e.Until.Equal(o.Until) &&
		e.Concluded.Equal(o.Concluded) && slices.Equal(e.Because, o.Because) && e.Detail.Equal(&o.Detail)
}

// Stamp sets Subject and ID, and Concluded to at. Timeline calls it.
func (e *Event) Stamp(s SubjectID, at time.Time) {
	e.Subject, e.Concluded = s, at
	var buf [192]byte
	b := AppendString(buf[:0], string(s))
	b = AppendString(b, e.Rule)
	b = AppendString(b, string(e.Detail.Kind))
	b = AppendString(b, e.About)
	b = AppendTime(b, e.Anchor)
	sum := sha256.Sum256(b)
	e.ID = EventID(sum[:16])
}

// EventKind names what happened: "zone.enter", "curfew.absence". Each
// evaluator's package lists its own.
type EventKind string

// Severity proposes how urgent an event is; the center's policy decides.
type Severity uint8

// Severities, rising. Info is never an incident: it notes that all was well.
const (
	Info Severity = iota
	Technical
	Warning
	Violation
	Critical
)

var severities = [...]string{"info", "technical", "warning", "violation", "critical"}

// String returns the lower-case name.
func (s Severity) String() string {
	if int(s) < len(severities) {
		return severities[s]
	}
	return fmt.Sprintf("severity(%d)", s)
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(b []byte) error {
	i := slices.Index(severities[:], string(b))
	if i < 0 {
		return fmt.Errorf("em: unknown severity %q", b)
	}
	*s = Severity(i)
	return nil
}

// Detail is what an event says, as data and in words.
type Detail struct {
	Kind     EventKind `json:"kind"`
	Class    string    `json:"class,omitempty"` // the verdict within the kind: "RETURN_LATE"; a later version may change it
	Severity Severity  `json:"severity"`
	Reason   string    `json:"reason"` // one English sentence that a person understands
	Facts    []Fact    `json:"facts,omitempty"`
}

// Fact is one number or word that a verdict rests on: measured values, limits
// and parameters, in a fixed order.
type Fact struct {
	Name string  `json:"name"`
	Text string  `json:"text,omitempty"`
	Num  float64 `json:"num,omitempty"` // meaningful where Unit is set; never NaN
	Unit string  `json:"unit,omitempty"`
}

// Equal reports whether two details say the same.
func (d *Detail) Equal(o *Detail) bool {
	return d.Kind == o.Kind && d.Class == o.Class && d.Severity == o.Severity && d.Reason == o.Reason &&
		slices.Equal(d.Facts, o.Facts)
}

const eventVersion = 1

// AppendBinary appends the canonical form. It implements encoding.BinaryAppender.
func (e Event) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, eventVersion)
	dst = append(dst, e.ID[:]...)
	for _, s := range []string{string(e.Subject), e.Rule, e.Version, e.About} {
		dst = AppendString(dst, s)
	}
	for _, t := range []time.Time{e.Anchor, e.At, e.Until, e.Concluded} {
		dst = AppendTime(dst, t)
	}
	dst = AppendUint(dst, uint64(len(e.Because)))
	for _, id := range e.Because {
		dst = append(dst, id[:]...)
	}
	d := &e.Detail
	dst = AppendString(AppendString(dst, string(d.Kind)), d.Class)
	return AppendFacts(AppendString(append(dst, byte(d.Severity)), d.Reason), d.Facts), nil
}

// AppendFacts appends facts as an event's canonical form has them, for the states of
// evaluators.
func AppendFacts(dst []byte, facts []Fact) []byte {
	dst = AppendUint(dst, uint64(len(facts)))
	for _, f := range facts {
		dst = AppendString(AppendString(dst, f.Name), f.Text)
		dst = AppendString(AppendFloat(dst, f.Num), f.Unit)
	}
	return dst
}

// ReadFacts reads what AppendFacts wrote; nil if there are none.
func ReadFacts(r *StateReader) (facts []Fact) {
	for n := r.Len(); n > 0 && r.err == nil; n-- {
		facts = append(facts, Fact{r.String(), r.String(), r.Float(), r.String()})
	}
	return facts
}

// UnmarshalBinary reads what AppendBinary wrote; errors wrap ErrState.
func (e *Event) UnmarshalBinary(b []byte) error {
	r := NewStateReader(b)
	v := ReadEvent(r)
	if err := r.Close(); err != nil {
		return err
	}
	*e = v
	return nil
}

// ReadEvent reads one event inside a larger state.
func ReadEvent(r *StateReader) Event {
	var e Event
	if v := r.Bytes(1); v != nil && v[0] != eventVersion {
		r.fail(fmt.Sprintf("event version %d", v[0]))
	}
	copy(e.ID[:], r.Bytes(len(e.ID)))
	e.Subject, e.Rule, e.Version, e.About = SubjectID(r.String()), r.String(), r.String(), r.String()
	e.Anchor, e.At, e.Until, e.Concluded = r.Time(), r.Time(), r.Time(), r.Time()
	for n := r.Len(); n > 0 && r.err == nil; n-- {
		var id ObservationID
		copy(id[:], r.Bytes(len(id)))
		e.Because = append(e.Because, id)
	}
	d := &e.Detail
	d.Kind, d.Class = EventKind(r.String()), r.String()
	if s := r.Bytes(1); s != nil {
		d.Severity = Severity(s[0])
	}
	d.Reason, d.Facts = r.String(), ReadFacts(r)
	return e
}

// Clock says by which of an observation's times an evaluator is fed.
type Clock uint8

// EventTime evaluators judge what happened and when: zones, curfew, alcohol.
// They see zero Received and Stored. ReceiveTime evaluators judge what we heard
// and when: silence. A re-sent observation is a new reception to them.
const (
	EventTime Clock = iota
	ReceiveTime
)

// Evaluator turns the observations of one subject into events. Its output is a
// function of its configuration, its state bytes and the calls alone: it reads
// no clock, does no I/O, starts no goroutine. Timeline is its only caller.
type Evaluator interface {
	Clock() Clock

	// Observe takes the next observation in Compare order and appends the
	// events that it decides to dst.
	Observe(dst []Event, o Observation) []Event

	// Deadline is the instant of the evaluator's clock at which it wants to be
	// woken if nothing comes before; zero for none. It always lies after the
	// instant of the last call. Before the first call it is zero, unless the
	// configuration itself has a beginning.
	Deadline() time.Time

	// Wake tells that at, which is Deadline(), has been reached. It comes
	// before observations of the same instant.
	Wake(dst []Event, at time.Time) []Event

	// The state in canonical bytes: what the past decided, nothing that the
	// configuration says of the future (no cached next obligation, no running
	// totals). UnmarshalBinary of no bytes is the state before the first call.
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// Selective is an Evaluator that has nothing to do with some kinds of bodies. Heeds is
// false for a kind where Observe appends nothing, and leaves state and Deadline as they
// are, whatever the observation says and whenever it comes. UnmarshalBinary alone may
// change it. A Timeline asks behind that, and shows it no such observations.
type Selective interface {
	Evaluator
	Heeds(k BodyKind) bool
}

// Heeds reports whether e may do something with bodies of a kind.
func Heeds(e Evaluator, k BodyKind) bool {
	s, ok := e.(Selective)
	return !ok || s.Heeds(k)
}

// ChangeKind says how what was told before has changed.
type ChangeKind uint8

// Kinds of change.
const (
	Opened    ChangeKind = iota + 1 // first told; may already be closed
	Updated                         // a new version of an open event, or one revised by late data
	Closed                          // got its end
	Withdrawn                       // evidence no longer supports it; Event is the version told before
	Moved                           // late data moved its anchor; Was has the old ID
)

var changeKinds = [...]string{"", "opened", "updated", "closed", "withdrawn", "moved"}

// String returns the lower-case name.
func (k ChangeKind) String() string {
	if int(k) < len(changeKinds) && k > 0 {
		return changeKinds[k]
	}
	return fmt.Sprintf("change(%d)", k)
}

// MarshalText writes the name.
func (k ChangeKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the name.
func (k *ChangeKind) UnmarshalText(b []byte) error {
	i := slices.Index(changeKinds[:], string(b))
	if i < 1 {
		return fmt.Errorf("em: unknown change %q", b)
	}
	*k = ChangeKind(i)
	return nil
}

// Change is one entry of the ledger of what was told. Applying all changes in
// order gives the present events: Withdrawn removes Event.ID, Moved removes
// Was.ID, and all but Withdrawn put Event in place.
type Change struct {
	Kind       ChangeKind
	Clock      Clock         // of the evaluator that decided; History.Events asks by it
	Event, Was Event         // Was: the version told before, zero for Opened
	Known      time.Time     // wall clock, as the caller gave it
	Cause      ObservationID // the observation that brought it, zero for a deadline or a change of rules
}

// Checkpoint is the state of all evaluators of one clock after every step
// strictly before At, on a fixed grid.
type Checkpoint struct {
	Clock Clock
	At    time.Time
	State [][]byte // one per evaluator of that clock, in their order
	Open  []Event  // versions as of At of the events that were open then, by ID
}

const checkpointVersion = 1

// AppendBinary appends a canonical form for stores. It implements
// encoding.BinaryAppender.
func (c Checkpoint) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, checkpointVersion, byte(c.Clock))
	dst = AppendTime(dst, c.At)
	dst = AppendUint(dst, uint64(len(c.State)))
	for _, s := range c.State {
		dst = append(AppendUint(dst, uint64(len(s))), s...)
	}
	dst = AppendUint(dst, uint64(len(c.Open)))
	var err error
	for _, e := range c.Open {
		if dst, err = e.AppendBinary(dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// UnmarshalBinary reads what AppendBinary wrote; errors wrap ErrState. The
// checkpoint owns its memory.
func (c *Checkpoint) UnmarshalBinary(b []byte) error {
	r := NewStateReader(b)
	v := readCheckpoint(r)
	if err := r.Close(); err != nil {
		return err
	}
	*c = v
	return nil
}

func readCheckpoint(r *StateReader) Checkpoint {
	var c Checkpoint
	if v := r.Bytes(1); v != nil && v[0] != checkpointVersion {
		r.fail(fmt.Sprintf("checkpoint version %d", v[0]))
	}
	if k := r.Bytes(1); k != nil {
		if c.Clock = Clock(k[0]); c.Clock > ReceiveTime {
			r.fail("unknown clock")
		}
	}
	c.At = r.Time()
	for n := r.Len(); n > 0 && r.err == nil; n-- {
		c.State = append(c.State, slices.Clone(r.Bytes(r.Len())))
	}
	for n := r.Len(); n > 0 && r.err == nil; n-- {
		c.Open = append(c.Open, ReadEvent(r))
	}
	return c
}

// History is what the caller's store knows of one subject. It sees the
// committed results of all earlier calls, and may already hold the observations
// that are being fed. MemoryHistory is the reference implementation.
//
// All instants that Timeline asks for lie in [1970, 2262), so that they fit
// nanoseconds in an int64. Timeline may stop an iteration early (implementations
// should read lazily), and never starts one while another is under way, so that
// one database connection is enough. What is yielded is not changed, and must
// not change later.
type History interface {
	// Checkpoints yields stored checkpoints with At <= notAfter, newest first.
	Checkpoints(c Clock, notAfter time.Time) iter.Seq2[Checkpoint, error]

	// Observations yields those with from <= instant < to of that clock in
	// Compare order, the refused among them. For EventTime the instant is At,
	// and of several receptions with one ID the one with the earliest Received
	// counts (others may be yielded too if they have the same At). For
	// ReceiveTime the instant is Received, and every reception counts: a re-sent
	// observation is yielded again. Body, DeviceAt, Received and Stored are as
	// they were fed.
	Observations(c Clock, from, to time.Time) iter.Seq2[Observation, error]

	// Events yields the present versions with Concluded >= from, of the
	// evaluators of that clock (Change.Clock), in any order.
	Events(c Clock, from time.Time) iter.Seq2[Event, error]
}

// Span is the half-open interval (From, To] of a clock.
type Span struct {
	Clock    Clock
	From, To time.Time
}

// Result is what one call decided. The caller commits it, with the observations
// fed and its position in the log, in one transaction and before the next call
// to the same Timeline; if that fails it calls Timeline.Restore. A Result
// belongs to one Timeline; after the commit, Reset makes it ready for the next
// call.
type Result struct {
	Changes []Change
	Void    []Span       // delete stored checkpoints with At in (From, To] first
	Save    []Checkpoint // then insert these, replacing those of the same Clock and At
	Refused []Refused    // observations beyond the late limits: kept and shown, never judged
}

// Reset empties r and keeps its memory for the next call.
func (r *Result) Reset() {
	clear(r.Changes)
	clear(r.Save)
	clear(r.Refused)
	r.Changes, r.Void, r.Save, r.Refused = r.Changes[:0], r.Void[:0], r.Save[:0], r.Refused[:0]
}

// Refused is an observation that the late limits kept from the evaluators of
// EventTime. Evaluators of ReceiveTime see it: a device with a wrong clock was
// heard.
type Refused struct {
	Observation Observation
	Reason      RefusedReason
	Off         time.Duration // Received-At of the observation
}

// RefusedReason says which limit refused an observation.
type RefusedReason string

// Reasons to refuse an observation.
const (
	TooLate     RefusedReason = "late"   // Received-At > MaxLate
	TooFarAhead RefusedReason = "ahead"  // At-Received > MaxAhead
	BeforeStart RefusedReason = "before" // At before Config.Start
)
