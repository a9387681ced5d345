package em

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config says whose timeline it is and how much of it is kept at hand. Subject
// and History are required; a zero in any other field means its default.
type Config struct {
	Subject SubjectID

	// Start is when supervision begins: what happened before is refused. The
	// default is the beginning of 1970.
	Start time.Time

	// Every is the grid of the checkpoints in memory: a late observation is
	// judged by replaying from the grid line before it. Default 5 minutes.
	Every time.Duration

	// Window is how far back, behind the newest observation, checkpoints and
	// observations stay in memory, so that late data within it needs nothing
	// from the History but events. The default of zero keeps one checkpoint and
	// no observations, for services with many subjects.
	Window time.Duration

	// Save is the grid of the checkpoints that go into the History by
	// Result.Save, a multiple of Every: a restart, and late data older than
	// Window, replay from there. Default 6 hours, or the next multiple of Every.
	Save time.Duration

	// MaxLate bounds Received-At and MaxAhead bounds At-Received of an
	// observation for evaluators of EventTime; the wall clock plays no part.
	// Defaults 72 hours and 5 minutes.
	MaxLate, MaxAhead time.Duration

	History History
}

// The defaults of Config.
const (
	defaultEvery    = 5 * time.Minute
	defaultSave     = 6 * time.Hour
	defaultMaxLate  = 72 * time.Hour
	defaultMaxAhead = 5 * time.Minute
)

// The instants that Timeline works with fit nanoseconds in an int64.
var (
	startOfTime = time.Unix(0, 0).UTC()
	endOfTime   = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

var (
	// ErrConfig is wrapped by errors about a Config or a list of evaluators.
	ErrConfig = errors.New("em: timeline: bad configuration")
	// ErrObservation is wrapped by errors about observations that lack an ID, a
	// body or a time: Observation.Stamp was not called.
	ErrObservation = errors.New("em: timeline: incomplete observation")
	// ErrEvaluator is wrapped by errors about an Evaluator that broke its
	// contract: a deadline that does not lie ahead, a state it cannot write.
	ErrEvaluator = errors.New("em: timeline: evaluator broke its contract")
	// ErrHistory is wrapped by errors of the History and by errors about what
	// it yields.
	ErrHistory = errors.New("em: timeline: history")
)

func (c Config) complete() (Config, error) {
	bad := func(what string) (Config, error) { return c, fmt.Errorf("%w: %s", ErrConfig, what) }
	c.Start = plain(c.Start)
	if c.Start.Before(startOfTime) {
		if !c.Start.IsZero() {
			return bad("Start before 1970")
		}
		c.Start = startOfTime
	}
	switch {
	case c.Subject == "":
		return bad("no Subject")
	case c.History == nil:
		return bad("no History; MemoryHistory is one")
	case c.Every < 0 || c.Window < 0 || c.Save < 0 || c.MaxLate < 0 || c.MaxAhead < 0:
		return bad("a negative duration")
	case !c.Start.Before(endOfTime):
		return bad("Start after 2261")
	}
	c.Every = orDefault(c.Every, defaultEvery)
	c.Save = orDefault(c.Save, (defaultSave+c.Every-1)/c.Every*c.Every)
	if c.Save%c.Every != 0 {
		return bad(fmt.Sprintf("Save %v is no multiple of Every %v", c.Save, c.Every))
	}
	c.MaxLate = orDefault(c.MaxLate, defaultMaxLate)
	c.MaxAhead = orDefault(c.MaxAhead, defaultMaxAhead)
	return c, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// plain strips what makes equal instants differ.
func plain(t time.Time) time.Time { return t.Round(0).UTC() }

// Timeline feeds one subject's observations to its evaluators in the order in
// which they happened (EventTime) or were received (ReceiveTime), wakes each
// evaluator at its deadline, and keeps the events right when data comes late:
// it goes back to a checkpoint, replays, and tells the difference as Changes.
// For any order, repetition and batching of the same observations, and however
// often it is restarted, the events end up the same.
//
// A Timeline does no I/O of its own and reads no clock: it asks Config.History,
// and hands what is to be written to the caller in a Result. It is not safe for
// concurrent use, and owns its evaluators.
//
// # Restart
//
// A Timeline out of NewTimeline knows nothing yet; its first call goes on from
// the newest checkpoints in the History and replays what happened since. So a
// restart is NewTimeline and Restore (or any other call; Deadline is in the
// past until then). Where rules have changed in between, Since tells of each
// change before the first call. A snapshot (AppendBinary, UnmarshalBinary)
// makes the first call need no replay.
type Timeline struct {
	cfg      Config
	lanes    [2]lane // by Clock
	complete time.Time
	buf      []Event // reused: what an evaluator appends to
	full     bool    // replays never stop early; tests compare
}

// NewTimeline returns the timeline of one subject, judged by evs, which from
// now on belong to it. Errors wrap ErrConfig.
func NewTimeline(cfg Config, evs ...Evaluator) (*Timeline, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	t := &Timeline{cfg: cfg}
	split, err := t.split(evs)
	if err != nil {
		return nil, err
	}
	if len(evs) == 0 {
		return nil, fmt.Errorf("%w: no evaluators", ErrConfig)
	}
	for c := range t.lanes {
		t.lanes[c].clock = Clock(c)
		t.lanes[c].epochs = []epoch{newEpoch(cfg.Start, split[c])}
	}
	return t, nil
}

// split sorts evaluators by clock, and checks that none is lost against the
// rules in force.
func (t *Timeline) split(evs []Evaluator) (split [2][]Evaluator, err error) {
	for i, e := range evs {
		if e == nil {
			return split, fmt.Errorf("%w: evaluator %d is nil", ErrConfig, i)
		}
		c := e.Clock()
		if c > ReceiveTime {
			return split, fmt.Errorf("%w: evaluator %d has clock %d", ErrConfig, i, c)
		}
		split[c] = append(split[c], e)
	}
	for c := range t.lanes {
		if es := t.lanes[c].epochs; len(es) > 0 && len(split[c]) < len(es[len(es)-1].evs) {
			return split, fmt.Errorf("%w: %d evaluators of clock %d cannot take over from %d",
				ErrConfig, len(split[c]), c, len(es[len(es)-1].evs))
		}
	}
	return split, nil
}

// Since says, before the first call, that from that instant on evs judge
// instead: a change of rules that the History already knows of, in a Timeline
// that is built anew. Changes are told in their order, by the same rules as for
// Rederive. Those older than the oldest checkpoint that is still needed may be
// left out by giving their successors to NewTimeline.
func (t *Timeline) Since(from time.Time, evs ...Evaluator) error {
	from = plain(from)
	split, err := t.split(evs)
	if err != nil {
		return err
	}
	for c := range t.lanes {
		l := &t.lanes[c]
		if l.warm {
			return fmt.Errorf("%w: Since after the first call; use Rederive", ErrConfig)
		}
		if last := l.epochs[len(l.epochs)-1]; !from.After(last.from) {
			return fmt.Errorf("%w: Since %v is not after %v", ErrConfig, from, last.from)
		}
	}
	for c := range t.lanes {
		t.lanes[c].epochs = append(t.lanes[c].epochs, newEpoch(from, split[c]))
	}
	return nil
}

// Feed takes observations, in any order, and fires all deadlines up to now. It
// appends what has changed to r. A whole upload belongs in one call: feeding a
// late backlog one by one replays for each.
//
// Of several observations with one ID the one with the earliest Received
// counts on EventTime, as on their first arrival; the others change nothing. At
// of an ID is fixed when it is first stored: a caller that corrects clocks
// feeds a re-sent observation with the At it has stored. On ReceiveTime every
// reception counts, and only the same ID with the same Received is ignored.
//
// Observations beyond the late limits go to r.Refused, each time they are fed.
//
// Errors leave the Timeline and r as they were; they wrap ErrObservation,
// ErrHistory or ErrEvaluator. After an ErrEvaluator the Timeline forgets what
// it has in memory and goes on from the History at the next call.
func (t *Timeline) Feed(r *Result, now time.Time, obs ...Observation) error {
	x := t.begin(r, now)
	for i := range obs {
		o := &obs[i]
		if o.Body == nil || o.ID == (ObservationID{}) || o.At.IsZero() || o.Received.IsZero() {
			return x.fail(fmt.Errorf("%w: number %d of %d", ErrObservation, i, len(obs)))
		}
		if reason := t.refuse(o); reason != "" {
			r.Refused = append(r.Refused, Refused{*o, reason, o.Received.Sub(o.At)})
		}
	}
	return x.run(obs)
}

// Advance fires all deadlines up to now.
func (t *Timeline) Advance(r *Result, now time.Time) error {
	x := t.begin(r, now)
	return x.run(nil)
}

// Restore forgets what is in memory, goes on from the newest checkpoints of the
// History, and fires all deadlines up to now. It is the call after a restart,
// and after a Result could not be committed.
func (t *Timeline) Restore(r *Result, now time.Time) error {
	for c := range t.lanes {
		t.lanes[c].forget()
	}
	return t.Advance(r, now)
}

// Rederive makes evs judge from that instant on, in the past or in the future,
// instead of all rules told for then and later, and replays what lies behind
// now. Old rules keep judging before from, whenever late data makes it
// necessary.
//
// Each evaluator takes over the state of its predecessor, the one at the same
// place among those of its clock: so a person at home stays at home. Further
// ones begin without state; fewer than before are an error, for nobody would
// close what they opened: a rule that ends is an evaluator without orders. An
// evaluator whose configuration no longer knows what its state speaks of closes
// the event at its first call. Errors leave the Timeline and r as they were.
func (t *Timeline) Rederive(r *Result, now, from time.Time, evs ...Evaluator) error {
	from = plain(from)
	if from.Before(t.cfg.Start) {
		from = t.cfg.Start
	}
	if !from.Before(endOfTime) {
		return fmt.Errorf("%w: rules from %v on", ErrConfig, from)
	}
	split, err := t.split(evs)
	if err != nil {
		return err
	}
	x := t.begin(r, now)
	return x.rederive(from, split)
}

// Deadline is when Advance has something to do: the earliest deadline of all
// evaluators or the beginning of new rules; zero for none. After a call it lies
// after that call's now. Before the first call it is Config.Start.
func (t *Timeline) Deadline() time.Time {
	var d time.Time
	for c := range t.lanes {
		l := &t.lanes[c]
		switch {
		case l.idle():
		case !l.warm:
			d = earliest(d, t.cfg.Start)
		default:
			d = earliest(d, l.due)
			if l.cur+1 < len(l.epochs) {
				d = earliest(d, l.epochs[l.cur+1].from)
			}
		}
	}
	return d
}

// earliest is the earlier of two instants of which zero means none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Complete says that the subject's devices have delivered all that happened
// before at: their watermark, known to the caller who speaks their protocol. It
// never goes back, and is part of a snapshot but not of the History.
func (t *Timeline) Complete(at time.Time) {
	if at = plain(at); at.After(t.complete) {
		t.complete = at
	}
}

// Final is the instant before which verdicts are final: now - MaxLate, or what
// Complete said if that is later. Now is the wall clock, or while a log is
// caught up with, the time of the log's position.
func (t *Timeline) Final(now time.Time) time.Time {
	f := plain(now).Add(-t.cfg.MaxLate)
	if t.complete.After(f) {
		return t.complete
	}
	return f
}

// refuse says why evaluators of EventTime do not see o; empty if they do.
func (t *Timeline) refuse(o *Observation) RefusedReason {
	late := o.Received.Sub(o.At)
	switch {
	case late > t.cfg.MaxLate:
		return TooLate
	case late < -t.cfg.MaxAhead:
		return TooFarAhead
	case o.At.Before(t.cfg.Start):
		return BeforeStart
	}
	return ""
}

// accept says whether evaluators of c see o. It is a function of o alone, so
// that a replay from the History decides as the first time.
func (t *Timeline) accept(c Clock, o *Observation) bool {
	if c == ReceiveTime {
		return !o.Received.Before(t.cfg.Start)
	}
	return t.refuse(o) == ""
}

// call is one call of a Timeline under way.
type call struct {
	t   *Timeline
	r   *Result
	now time.Time
	len [4]int   // of r's slices at the beginning
	re  *rewrite // not nil during a replay
}

func (t *Timeline) begin(r *Result, now time.Time) call {
	return call{t: t, r: r, now: plain(now), len: [4]int{len(r.Changes), len(r.Void), len(r.Save), len(r.Refused)}}
}

// fail takes back what was appended to the result.
func (x *call) fail(err error) error {
	r := x.r
	r.Changes, r.Void, r.Save, r.Refused = r.Changes[:x.len[0]], r.Void[:x.len[1]], r.Save[:x.len[2]], r.Refused[:x.len[3]]
	return err
}

// run takes observations and fires deadlines. First come the parts that read
// the History and can fail, for both clocks, then those in order, which cannot.
func (x *call) run(obs []Observation) error {
	var fresh, behind, ahead [2][]Observation
	settle := false
	for c := range x.t.lanes {
		l := &x.t.lanes[c]
		if l.idle() {
			continue
		}
		fresh[c] = x.t.prepare(l.clock, obs)
		if l.warm {
			behind[c], ahead[c] = l.sift(fresh[c])
		}
		settle = settle || !l.warm || len(behind[c]) > 0
	}
	if settle {
		before, err := x.t.keep()
		if err != nil {
			return x.broken(err)
		}
		for c := range x.t.lanes {
			l := &x.t.lanes[c]
			if l.idle() {
				continue
			}
			if !l.warm {
				if err := l.start(x); err != nil {
					return x.undo(before, err)
				}
				behind[c], ahead[c] = l.sift(fresh[c])
			}
			if err := l.settle(x, behind[c]); err != nil {
				return x.undo(before, err)
			}
		}
	}
	for c := range x.t.lanes {
		l := &x.t.lanes[c]
		if l.idle() {
			continue
		}
		for i := range ahead[c] {
			o := &ahead[c][i]
			if settle && !l.after(o) {
				return x.broken(fmt.Errorf("%w: a replay went beyond what was fed", ErrHistory))
			}
			if err := l.observe(x, o); err != nil {
				return x.broken(err)
			}
		}
	}
	return x.finish()
}

// finish fires what is due.
func (x *call) finish() error {
	for c := range x.t.lanes {
		l := &x.t.lanes[c]
		if l.idle() {
			continue
		}
		if x.now.After(l.horizon) {
			l.horizon = x.now
		}
		if err := l.fire(x, l.horizon); err != nil {
			return x.broken(err)
		}
	}
	clear(x.t.buf[:cap(x.t.buf)])
	if cap(x.t.buf) > 2 {
		x.t.buf = nil
	}
	return nil
}

// broken ends a call in which an evaluator broke its contract: nobody knows its
// state any more, so the next call begins from the History.
func (x *call) broken(err error) error {
	for c := range x.t.lanes {
		x.t.lanes[c].forget()
	}
	return x.fail(err)
}

// keep notes the state of both lanes.
func (t *Timeline) keep() (before [2]kept, err error) {
	for c := range t.lanes {
		if before[c], err = t.lanes[c].keep(); err != nil {
			return before, err
		}
	}
	return before, nil
}

// undo puts both lanes back to what they were.
func (x *call) undo(before [2]kept, err error) error {
	for c := range x.t.lanes {
		if e := x.t.lanes[c].restore(before[c]); e != nil {
			err = errors.Join(err, e)
			x.t.lanes[c].forget()
		}
	}
	return x.fail(err)
}

func (x *call) rederive(from time.Time, split [2][]Evaluator) error {
	before, err := x.t.keep()
	if err != nil {
		return x.broken(err)
	}
	for c := range x.t.lanes {
		l := &x.t.lanes[c]
		n := slices.IndexFunc(l.epochs, func(e epoch) bool { return !e.from.Before(from) })
		if n < 0 {
			n = len(l.epochs)
		}
		l.epochs = append(slices.Clone(l.epochs[:n]), newEpoch(from, split[c]))
		if l.idle() {
			continue
		}
		if err := l.rederive(x, before[c], from); err != nil {
			return x.undo(before, err)
		}
	}
	if err := x.finish(); err != nil {
		for c := range x.t.lanes {
			x.t.lanes[c].epochs = before[c].lane.epochs
		}
		return err
	}
	return nil
}

// maxPairs is up to how many observations of one batch are checked for
// repetitions by comparing each with each.
const maxPairs = 16

// prepare returns what evaluators of c are to see of obs, in Compare order and
// without repetitions: obs itself where it is so already.
func (t *Timeline) prepare(c Clock, obs []Observation) []Observation {
	ready := true
	for i := range obs {
		if !t.accept(c, &obs[i]) || i > 0 && Compare(c, &obs[i-1], &obs[i]) >= 0 {
			ready = false
			break
		}
		for k := i - 1; ready && k >= 0 && obs[k].instant(c).Equal(obs[i].instant(c)); k-- {
			ready = obs[k].ID != obs[i].ID && i-k <= maxPairs
		}
		if !ready {
			break
		}
	}
	if ready {
		return obs
	}
	list := make([]Observation, 0, len(obs))
	for i := range obs {
		if t.accept(c, &obs[i]) {
			list = append(list, obs[i])
		}
	}
	slices.SortFunc(list, func(a, b Observation) int { return a.instant(c).Compare(b.instant(c)) })
	n := 0
	for i := 0; i < len(list); {
		k := i + 1
		for k < len(list) && list[k].instant(c).Equal(list[i].instant(c)) {
			k++
		}
		n += copy(list[n:], normalize(c, list[i:k]))
		i = k
	}
	return list[:n]
}
