package em_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

const subject = em.SubjectID("person-1")

// histories is how many random histories each property is tried on; more with
// EM_HISTORIES.
func histories(t *testing.T, n int) int {
	if s := os.Getenv("EM_HISTORIES"); s != "" {
		m, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if testing.Short() {
		return n/10 + 1
	}
	return n
}

// forSeeds runs f with seeded randomness; a failure names its seed, and EM_SEED
// runs that one alone.
func forSeeds(t *testing.T, n int, f func(t *testing.T, rng *rand.Rand)) {
	t.Helper()
	one := func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		defer func() {
			if t.Failed() {
				t.Logf("seed: EM_SEED=%d", seed)
			}
		}()
		f(t, rng)
	}
	if s := os.Getenv("EM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		one(seed)
		return
	}
	for seed := range uint64(histories(t, n)) {
		if one(seed); t.Failed() {
			return
		}
	}
}

// oracle judges observations in the most naive way: all of them sorted, shown
// from the beginning to the end. It shares no code with Timeline. Rules are
// epochs of evaluators; the state is handed over at each boundary.
type oracle struct {
	start, until      time.Time // until: deadlines up to it are fired
	maxLate, maxAhead time.Duration
	rules             []oracleRules
}

type oracleRules struct {
	from time.Time
	evs  []em.Evaluator
}

func (or oracle) events(t *testing.T, obs []em.Observation) map[em.EventID]em.Event {
	t.Helper()
	told := map[em.EventID]em.Event{}
	for _, clock := range []em.Clock{em.EventTime, em.ReceiveTime} {
		or.judge(t, clock, obs, told)
	}
	return told
}

func (or oracle) judge(t testing.TB, clock em.Clock, obs []em.Observation, told map[em.EventID]em.Event) {
	t.Helper()
	type key struct {
		id       em.ObservationID
		received time.Time
	}
	kept := map[key]em.Observation{}
	for _, o := range obs {
		k := key{o.ID, o.Received}
		if clock == em.EventTime {
			k.received = time.Time{}
			late := o.Received.Sub(o.At)
			if late > or.maxLate || late < -or.maxAhead || o.At.Before(or.start) {
				continue
			}
		}
		if was, ok := kept[k]; ok && (was.Received.Before(o.Received) || was.Received.Equal(o.Received) && was.Seq.V <= o.Seq.V) {
			continue
		}
		kept[k] = o
	}
	instant := func(o em.Observation) time.Time {
		if clock == em.ReceiveTime {
			return o.Received
		}
		return o.At
	}
	list := slices.SortedFunc(maps.Values(kept), func(a, b em.Observation) int {
		return cmp.Or(instant(a).Compare(instant(b)), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Seq.V, b.Seq.V),
			cmp.Compare(a.Part, b.Part), cmp.Compare(a.ID.String(), b.ID.String()))
	})

	var epochs []oracleRules
	for _, r := range or.rules {
		e := oracleRules{from: r.from}
		for _, ev := range r.evs {
			if ev.Clock() == clock {
				e.evs = append(e.evs, ev)
			}
		}
		epochs = append(epochs, e)
	}
	evs := epochs[0].evs
	floor := or.start
	tell := func(events []em.Event, at time.Time) {
		for _, e := range events {
			e.Stamp(subject, at)
			if was, ok := told[e.ID]; ok {
				same := e
				same.Concluded = was.Concluded
				if same.Equal(&was) {
					continue
				}
				if !was.Open() {
					t.Fatalf("closed event %v is told again", was)
				}
			}
			told[e.ID] = e
		}
	}
	until := func(limit time.Time) {
		for {
			var first em.Evaluator
			for _, e := range evs {
				if d := e.Deadline(); !d.IsZero() && (first == nil || d.Before(first.Deadline())) {
					first = e
				}
			}
			if len(epochs) > 1 && !epochs[1].from.After(limit) && (first == nil || !first.Deadline().Before(epochs[1].from)) {
				for i, e := range epochs[1].evs {
					var state []byte
					if i < len(evs) {
						state = stateOf(t, evs[i])
					}
					if err := e.UnmarshalBinary(state); err != nil {
						t.Fatal(err)
					}
				}
				epochs = epochs[1:]
				evs, floor = epochs[0].evs, epochs[0].from
				continue
			}
			if first == nil || first.Deadline().After(limit) {
				return
			}
			at := first.Deadline()
			concluded := at
			if at.Before(floor) {
				concluded = floor
			}
			tell(first.Wake(nil, at), concluded)
			if d := first.Deadline(); !d.IsZero() && !d.After(at) {
				t.Fatalf("%T: deadline %v after it was woken at %v", first, d, at)
			}
		}
	}
	for _, o := range list {
		at := instant(o)
		until(at)
		if clock == em.EventTime {
			o.Received, o.Stored = time.Time{}, false
		}
		for _, e := range evs {
			tell(e.Observe(nil, o), at)
			if d := e.Deadline(); !d.IsZero() && !d.After(at) {
				t.Fatalf("%T: deadline %v after an observation of %v", e, d, at)
			}
		}
	}
	until(or.until)
}

func stateOf(t testing.TB, e em.Evaluator) []byte {
	t.Helper()
	b, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// world is a random history: what devices saw, and each reception of it.
type world struct {
	obs   []em.Observation // receptions, by Received
	until time.Time        // wall clock at the end
}

func newWorld(rng *rand.Rand) world {
	var w world
	hours := 6 + rng.IntN(20)
	// Coarse times put observations on grid lines, on deadlines and on each other.
	coarse := []time.Duration{time.Second, time.Minute, 5 * time.Minute}[rng.IntN(3)]
	lat := -3.0
	seq := uint64(rng.IntN(3))
	outage := time.Time{} // what is seen before it is delivered then
	lost := false
	for at := minute(17 * 60); at.Before(minute((17 + hours) * 60)); {
		at = at.Add(time.Duration(rng.ExpFloat64() * float64(8*time.Minute)))
		if rng.IntN(40) == 0 {
			at = at.Add(time.Duration(rng.IntN(180)) * time.Minute)
		}
		if rng.IntN(30) == 0 {
			outage = at.Add(time.Duration(rng.IntN(10*60)) * time.Minute)
		}
		o := em.Observation{Device: em.DeviceID("gt06:99000000000001" + strconv.Itoa(rng.IntN(2))), DeviceAt: at.Truncate(coarse)}
		if rng.IntN(4) > 0 {
			seq++
			o.Seq = em.Some(seq)
		}
		received := at.Add(time.Duration(rng.IntN(90)) * time.Second)
		if received.Before(outage) {
			received, o.Stored = outage, true
		}
		if rng.IntN(25) == 0 {
			received = received.Add(time.Duration(rng.IntN(8*60)) * time.Minute)
		}
		for o.Part = 0; o.Part == 0 || rng.IntN(4) == 0; o.Part++ {
			switch rng.IntN(5) {
			case 0, 1:
				lat += rng.Float64()*4 - 2
				lat = max(-4, min(4, lat))
				o.Body = &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: 25}, Validity: em.FixCurrent, Source: em.SourceGNSS}
			case 2, 3:
				if rng.IntN(4) == 0 {
					lost = !lost
				}
				o.Body = &em.Beacon{Beacon: "home", Radio: "rf", Lost: lost}
			default:
				o.Body = &em.Transdermal{Value: em.Decimal{Coef: int64(rng.IntN(300)), Scale: 4}, Unit: em.UnitSkinGPerDL}
			}
			w.obs = append(w.obs, o.Stamp(received.Truncate(time.Second)))
		}
	}
	for range len(w.obs) / 6 { // re-sent: a new reception under a new serial
		o := w.obs[rng.IntN(len(w.obs))]
		o.Received = o.Received.Add(time.Duration(rng.IntN(6*3600)) * time.Second)
		o.Seq, o.Stored = em.Some(seq+uint64(rng.IntN(100))), true
		w.obs = append(w.obs, o)
	}
	slices.SortFunc(w.obs, func(a, b em.Observation) int { return em.Compare(em.ReceiveTime, &a, &b) })
	w.until = w.obs[len(w.obs)-1].Received.Add(time.Duration(rng.IntN(300)) * time.Minute)
	return w
}

// config returns a random configuration.
func config(rng *rand.Rand, h em.History) em.Config {
	c := em.Config{Subject: subject, Start: minute(16 * 60), History: h}
	c.Every = []time.Duration{0, 7 * time.Minute, 30 * time.Minute}[rng.IntN(3)]
	c.Window = []time.Duration{0, 40 * time.Minute, 2 * time.Hour, 24 * time.Hour}[rng.IntN(4)]
	c.Save = 0
	if c.Every != 0 {
		c.Save = c.Every * time.Duration(1+rng.IntN(8))
	}
	c.MaxLate, c.MaxAhead = 6*time.Hour, 0
	return c
}

func (w world) oracle(c em.Config, rules ...oracleRules) oracle {
	o := oracle{start: c.Start, until: w.until, maxLate: c.MaxLate, maxAhead: 5 * time.Minute, rules: rules}
	return o
}

// deliver returns the receptions in another order: some out of place, some
// twice, at times all shuffled.
func (w world) deliver(rng *rand.Rand) []em.Observation {
	obs := slices.Clone(w.obs)
	for range len(obs) / 8 {
		obs = slices.Insert(obs, rng.IntN(len(obs)), obs[rng.IntN(len(obs))])
	}
	switch rng.IntN(3) {
	case 0:
		rng.Shuffle(len(obs), func(i, k int) { obs[i], obs[k] = obs[k], obs[i] })
	case 1:
		for range len(obs) / 5 {
			i := rng.IntN(len(obs))
			k := min(len(obs)-1, i+rng.IntN(30))
			obs[i], obs[k] = obs[k], obs[i]
		}
	}
	return obs
}

// center is a caller of Timeline: it stores, feeds, commits and restarts.
type center struct {
	t    *testing.T
	rng  *rand.Rand
	h    *em.MemoryHistory
	cfg  em.Config
	tl   *em.Timeline
	mk   func() []em.Evaluator
	told map[em.EventID]em.Event // ledger added up
	now  time.Time
	r    em.Result

	replays, restarts int
}

func newCenter(t *testing.T, rng *rand.Rand, mk func() []em.Evaluator) *center {
	t.Helper()
	h := new(em.MemoryHistory)
	c := &center{t: t, rng: rng, h: h, cfg: config(rng, h), mk: mk, told: map[em.EventID]em.Event{}}
	c.build()
	return c
}

func (c *center) build() {
	c.t.Helper()
	tl, err := em.NewTimeline(c.cfg, c.mk()...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.tl = tl
}

func (c *center) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// commit applies a result, checks what must hold after each call, and forgets.
func (c *center) commit(obs ...em.Observation) {
	c.t.Helper()
	for i := range c.r.Changes {
		c.add(&c.r.Changes[i])
	}
	c.replays += len(c.r.Void)
	c.h.Commit(&c.r, obs...)
	c.r.Reset()
	if d := c.tl.Deadline(); !d.IsZero() && !d.After(c.now) {
		c.t.Errorf("after a call at %v, a deadline of %v is pending", c.now, d)
	}
}

// add is the ledger: each change must fit what was told before.
func (c *center) add(ch *em.Change) {
	c.t.Helper()
	was, told := c.told[ch.Event.ID]
	bad := func(why string) {
		c.t.Helper()
		c.t.Errorf("%v of %v: %s", ch.Kind, ch.Event, why)
	}
	switch ch.Kind {
	case em.Opened:
		if told || ch.Was.ID != (em.EventID{}) {
			bad("told before")
		}
	case em.Updated, em.Closed:
		if !told || !was.Equal(&ch.Was) || was.Equal(&ch.Event) {
			bad("Was is not what was told")
		}
		if closes := was.Open() && !ch.Event.Open(); closes != (ch.Kind == em.Closed) {
			bad("wrong kind")
		}
	case em.Withdrawn:
		if !told || !was.Equal(&ch.Event) {
			bad("never told so")
		}
		delete(c.told, ch.Event.ID)
		return
	case em.Moved:
		if old, ok := c.told[ch.Was.ID]; !ok || told || !old.Equal(&ch.Was) {
			bad("Was is not what was told")
		}
		delete(c.told, ch.Was.ID)
	default:
		bad("no kind")
	}
	if !ch.Known.Equal(c.now) {
		bad("Known is not the wall clock")
	}
	c.told[ch.Event.ID] = ch.Event
}

// restart takes one of the ways to begin anew.
func (c *center) restart() {
	c.t.Helper()
	c.restarts++
	switch c.rng.IntN(4) {
	case 0:
		c.must(c.tl.Restore(&c.r, c.now))
		c.commit()
	case 1:
		c.build()
		c.must(c.tl.Restore(&c.r, c.now))
		c.commit()
	case 2:
		c.build() // the next call restores
	case 3:
		snap, err := c.tl.AppendBinary(nil)
		c.must(err)
		c.build()
		c.must(c.tl.UnmarshalBinary(snap))
		again, err := c.tl.AppendBinary(nil)
		c.must(err)
		if !bytes.Equal(snap, again) {
			c.t.Error("a snapshot changes in a round trip")
		}
	}
}

// live runs deliveries with random batches, ticks and restarts.
func (c *center) live(obs []em.Observation, until time.Time) {
	c.t.Helper()
	for i := 0; i < len(obs); {
		n := min(len(obs)-i, 1+c.rng.IntN(6))
		if c.rng.IntN(12) == 0 {
			n = min(len(obs)-i, 1+c.rng.IntN(80))
		}
		batch := obs[i : i+n]
		i += n
		// The wall clock: mostly at the last reception, at times behind it.
		c.now = batch[n-1].Received
		if c.rng.IntN(10) == 0 {
			c.now = c.now.Add(-time.Duration(c.rng.IntN(120)) * time.Minute)
		}
		if c.now.After(until) {
			c.now = until
		}
		if c.rng.IntN(2) == 0 {
			c.h.Store(batch...)
			if c.rng.IntN(8) == 0 { // stored, and then restarted before it is fed
				c.restart()
			}
		}
		c.must(c.tl.Feed(&c.r, c.now, batch...))
		c.commit(batch...)
		if c.rng.IntN(10) == 0 {
			c.now = c.now.Add(time.Duration(c.rng.IntN(30)) * time.Minute)
			if c.now.After(until) {
				c.now = until
			}
			c.must(c.tl.Advance(&c.r, c.now))
			c.commit()
		}
		if c.rng.IntN(12) == 0 {
			c.restart()
		}
	}
	c.now = until
	c.must(c.tl.Advance(&c.r, c.now))
	c.commit()
}

func sameEvents(t *testing.T, what string, got, want map[em.EventID]em.Event) {
	t.Helper()
	for id, w := range want {
		if g, ok := got[id]; !ok {
			t.Errorf("%s: missing %s", what, show(w))
		} else if !g.Equal(&w) {
			t.Errorf("%s:\n got %s\nwant %s", what, show(g), show(w))
		}
	}
	for id, g := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("%s: unexpected %s", what, show(g))
		}
	}
}

func show(e em.Event) string {
	const f = "02T15:04:05"
	until := "open"
	if !e.Open() {
		until = e.Until.Format(f)
	}
	return fmt.Sprintf("%s %s/%s %s [%s, %s) anchor %s concluded %s because %d", e.Rule, e.Detail.Kind, e.Detail.Class, e.Version,
		e.At.Format(f), until, e.Anchor.Format(f), e.Concluded.Format(f), len(e.Because))
}

func byID(events []em.Event) map[em.EventID]em.Event {
	m := map[em.EventID]em.Event{}
	for _, e := range events {
		m[e.ID] = e
	}
	return m
}

// Invariants 1, 3, 4, 5 and 7: whatever order, batches, repetitions, ticks and
// restarts, stored before or after, the final events are those of the naive
// loop; the ledger adds up to them; no deadline stays pending.
func TestAnyDeliveryGivesTheSameEvents(t *testing.T) {
	replays, restarts, events := 0, 0, 0
	forSeeds(t, 70, func(t *testing.T, rng *rand.Rand) {
		w := newWorld(rng)
		c := newCenter(t, rng, func() []em.Evaluator { return rules(1) })
		c.live(w.deliver(rng), w.until)
		want := w.oracle(c.cfg, oracleRules{c.cfg.Start, rules(1)}).events(t, w.obs)
		sameEvents(t, "store", byID(c.h.Present()), want)
		sameEvents(t, "ledger", c.told, want)
		replays, restarts, events = replays+c.replays, restarts+c.restarts, events+len(want)
	})
	t.Logf("%d replays, %d restarts, %d events", replays, restarts, events)
	if !t.Failed() && os.Getenv("EM_SEED") == "" && (replays == 0 || restarts == 0 || events == 0) {
		t.Error("the histories try nothing")
	}
}

// mirror runs the same calls on two timelines that must not differ.
type mirror struct{ a, b *center }

func newMirror(t *testing.T, seed uint64) mirror {
	t.Helper()
	mk := func() []em.Evaluator { return rules(1) }
	m := mirror{newCenter(t, rand.New(rand.NewPCG(seed, 2)), mk), newCenter(t, rand.New(rand.NewPCG(seed, 2)), mk)}
	return m
}

// commit commits both, after which both must have told the same.
func (m mirror) commit(t *testing.T, obs []em.Observation) {
	t.Helper()
	m.a.commit(obs...)
	m.b.commit(obs...)
	sameEvents(t, "b against a", m.b.told, m.a.told)
	if a, b := m.a.tl.Deadline(), m.b.tl.Deadline(); !a.Equal(b) {
		t.Errorf("Deadline %v of a, %v of b", a, b)
	}
}

// batches cuts deliveries at random.
func batches(rng *rand.Rand, obs []em.Observation, f func(batch []em.Observation)) {
	for i := 0; i < len(obs); {
		n := min(len(obs)-i, 1+rng.IntN(6))
		if rng.IntN(10) == 0 {
			n = min(len(obs)-i, 1+rng.IntN(60))
		}
		f(obs[i : i+n])
		i += n
	}
}

// both feeds the same batches to two timelines, after prepare.
func both(t *testing.T, rng *rand.Rand, prepare func(m mirror, batch []em.Observation)) {
	t.Helper()
	w := newWorld(rng)
	m := newMirror(t, rng.Uint64())
	batches(rng, w.deliver(rng), func(batch []em.Observation) {
		now := batch[len(batch)-1].Received
		m.a.now, m.b.now = now, now
		prepare(m, batch)
		m.a.must(m.a.tl.Feed(&m.a.r, now, batch...))
		m.b.must(m.b.tl.Feed(&m.b.r, now, batch...))
		m.commit(t, batch)
	})
}

// Invariant 2: stopping a replay where it has converged changes nothing, after
// no call.
func TestStoppingIsNotStopping(t *testing.T) {
	forSeeds(t, 30, func(t *testing.T, rng *rand.Rand) {
		both(t, rng, func(m mirror, _ []em.Observation) { em.ReplayFully(m.b.tl) })
	})
}

// Invariant 3: storing observations before they are fed changes nothing.
func TestStoringBeforeIsStoringAfter(t *testing.T) {
	forSeeds(t, 30, func(t *testing.T, rng *rand.Rand) {
		both(t, rng, func(m mirror, batch []em.Observation) { m.b.h.Store(batch...) })
	})
}

// Invariant 5: state and snapshots survive a round trip at every step, and an
// evaluator's deadline lies after its last step (the oracle checks that).
func TestSnapshotAtEveryStep(t *testing.T) {
	forSeeds(t, 30, func(t *testing.T, rng *rand.Rand) {
		both(t, rng, func(m mirror, _ []em.Observation) {
			snap, err := m.b.tl.AppendBinary(nil)
			m.b.must(err)
			m.b.build()
			m.b.must(m.b.tl.UnmarshalBinary(snap))
		})
	})
}

// Invariant 6: without late data, what is closed stays as it is, nothing is
// withdrawn, and no replay is needed.
func TestInOrderClosedStaysClosed(t *testing.T) {
	forSeeds(t, 40, func(t *testing.T, rng *rand.Rand) {
		w := newWorld(rng)
		c := newCenter(t, rng, func() []em.Evaluator {
			return slices.DeleteFunc(rules(1), func(e em.Evaluator) bool { return e.Clock() == em.ReceiveTime })
		})
		obs := slices.Clone(w.obs) // first receptions, as they happened
		slices.SortFunc(obs, func(a, b em.Observation) int { return a.Received.Compare(b.Received) })
		seen := map[em.ObservationID]bool{}
		obs = slices.DeleteFunc(obs, func(o em.Observation) bool {
			again := seen[o.ID]
			seen[o.ID] = true
			return again || o.Received.Sub(o.At) > c.cfg.MaxLate
		})
		slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
		closed := map[em.EventID]bool{}
		batches(rng, obs, func(batch []em.Observation) {
			c.now = batch[len(batch)-1].At
			c.must(c.tl.Feed(&c.r, c.now, batch...))
			for _, ch := range c.r.Changes {
				if closed[ch.Event.ID] || ch.Kind == em.Withdrawn || ch.Kind == em.Moved {
					t.Errorf("%v after it was closed, or without late data: %s", ch.Kind, show(ch.Event))
				}
				closed[ch.Event.ID] = !ch.Event.Open()
			}
			c.commit(batch...)
		})
		if c.replays > 0 {
			t.Errorf("%d replays", c.replays)
		}
	})
}

// faulty is a History that fails at a chosen step of its reading.
type faulty struct {
	em.History
	left int // steps until it fails; negative: never
}

var errDisk = errors.New("disk on fire")

func faultySeq[T any](f *faulty, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for v, err := range seq {
			if f.left == 0 {
				yield(zero, errDisk)
				return
			}
			f.left--
			if !yield(v, err) {
				return
			}
		}
		if f.left == 0 {
			yield(zero, errDisk)
			return
		}
		f.left--
	}
}

func (f *faulty) Checkpoints(c em.Clock, notAfter time.Time) iter.Seq2[em.Checkpoint, error] {
	return faultySeq(f, f.History.Checkpoints(c, notAfter))
}

func (f *faulty) Observations(c em.Clock, from, to time.Time) iter.Seq2[em.Observation, error] {
	return faultySeq(f, f.History.Observations(c, from, to))
}

func (f *faulty) Events(c em.Clock, from time.Time) iter.Seq2[em.Event, error] {
	return faultySeq(f, f.History.Events(c, from))
}

// Invariant 8: an error of the History, wherever it comes, leaves Timeline and
// Result as they were, and the same call succeeds later.
func TestHistoryErrorLeavesItAsItWas(t *testing.T) {
	failed := 0
	forSeeds(t, 20, func(t *testing.T, rng *rand.Rand) {
		w := newWorld(rng)
		c := newCenter(t, rng, func() []em.Evaluator { return rules(1) })
		f := &faulty{History: c.h, left: -1}
		c.cfg.History = f
		c.build()
		snapshot := func() []byte {
			b, err := c.tl.AppendBinary(nil)
			c.must(err)
			return b
		}
		batches(rng, w.deliver(rng), func(batch []em.Observation) {
			c.now = batch[len(batch)-1].Received
			if rng.IntN(15) == 0 {
				c.build()
			}
			before, deadline := snapshot(), c.tl.Deadline()
			mark := em.Result{Void: []em.Span{{Clock: 7}}, Save: []em.Checkpoint{{}}, Changes: []em.Change{{}}, Refused: []em.Refused{{}}}
			for f.left = rng.IntN(4); ; f.left += rng.IntN(150) {
				n := f.left
				r := mark
				err := c.tl.Feed(&r, c.now, batch...)
				if err == nil {
					r.Void, r.Save, r.Changes, r.Refused = r.Void[1:], r.Save[1:], r.Changes[1:], r.Refused[1:]
					c.r = r
					break
				}
				failed++
				if !errors.Is(err, errDisk) || !errors.Is(err, em.ErrHistory) {
					t.Fatalf("unexpected error %v", err)
				}
				if !bytes.Equal(before, snapshot()) || !deadline.Equal(c.tl.Deadline()) {
					t.Fatal("an error changed the timeline")
				}
				if len(r.Void) != 1 || len(r.Save) != 1 || len(r.Changes) != 1 || len(r.Refused) != 1 {
					t.Fatal("an error left something in the result")
				}
				f.left = n + 1
			}
			f.left = -1
			c.commit(batch...)
		})
		c.now = w.until
		c.must(c.tl.Advance(&c.r, c.now))
		c.commit()
		want := w.oracle(c.cfg, oracleRules{c.cfg.Start, rules(1)}).events(t, w.obs)
		sameEvents(t, "store", byID(c.h.Present()), want)
	})
	if failed == 0 && os.Getenv("EM_SEED") == "" {
		t.Error("nothing failed")
	}
}

// Invariant 9: Rederive is a fresh run with the new rules from then on, and with
// the old ones before, whenever and how often it is called.
func TestRederiveIsAFreshRun(t *testing.T) {
	forSeeds(t, 60, func(t *testing.T, rng *rand.Rand) {
		w := newWorld(rng)
		var changes []oracleRules // in force, by from
		c := newCenter(t, rng, func() []em.Evaluator { return rules(1) })
		changes = []oracleRules{{c.cfg.Start, nil}}
		versions := []int{1}
		mkRules := func(v int) []em.Evaluator {
			evs := rules(v)
			if v > 2 { // a rule is added
				evs = append(evs, &episode{limit: 250, version: "added", about: "added"})
			}
			return evs
		}
		rebuild := func() {
			c.build()
			for i, e := range changes[1:] {
				c.must(c.tl.Since(e.from, mkRules(versions[i+1])...))
			}
		}
		next := 2
		batches(rng, w.deliver(rng), func(batch []em.Observation) {
			c.now = batch[len(batch)-1].Received
			c.must(c.tl.Feed(&c.r, c.now, batch...))
			c.commit(batch...)
			if rng.IntN(25) == 0 && next < 6 {
				from := c.now.Add(time.Duration(rng.IntN(20*60)-15*60) * time.Minute)
				if rng.IntN(3) == 0 {
					from = from.Truncate(5 * time.Minute)
				}
				if !from.After(c.cfg.Start) {
					from = c.cfg.Start
				}
				n := slices.IndexFunc(changes, func(e oracleRules) bool { return !e.from.Before(from) })
				if n < 0 {
					n = len(changes)
				}
				if from.Equal(c.cfg.Start) {
					return // these would be other first rules: build and mk differ
				}
				if rng.IntN(3) == 0 {
					rebuild() // cold
				}
				c.must(c.tl.Rederive(&c.r, c.now, from, mkRules(next)...))
				changes, versions = append(changes[:n], oracleRules{from, nil}), append(versions[:n], next)
				next++
				c.commit()
			}
			if rng.IntN(15) == 0 {
				snap, err := c.tl.AppendBinary(nil)
				c.must(err)
				rebuild()
				if rng.IntN(2) == 0 {
					c.must(c.tl.UnmarshalBinary(snap))
				}
			}
		})
		c.now = w.until
		c.must(c.tl.Advance(&c.r, c.now))
		c.commit()
		for i := range changes {
			changes[i].evs = mkRules(versions[i])
		}
		want := w.oracle(c.cfg, changes...).events(t, w.obs)
		sameEvents(t, fmt.Sprint("store, rules ", versions), byID(c.h.Present()), want)
		sameEvents(t, "ledger", c.told, want)
	})
}
