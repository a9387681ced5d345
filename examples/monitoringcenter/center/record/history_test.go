package record_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/geofence"
)

// A Timeline over the record decides, call by call, exactly what it decides over
// the SDK's own History in memory, whatever the order, the repetition and the
// lateness of the observations, and although the file is closed and opened in
// between.
func TestHistoryIsThatOfMemory(t *testing.T) {
	one := func(seed uint64) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			runHistory(t, rand.New(rand.NewPCG(seed, 1)))
			if t.Failed() {
				t.Logf("again: EM_SEED=%d", seed)
			}
		})
	}
	if s := os.Getenv("EM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		one(seed)
		return
	}
	histories := uint64(5) // more with EM_HISTORIES: the race detector makes the store slow
	if s := os.Getenv("EM_HISTORIES"); s != "" {
		var err error
		if histories, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range histories {
		one(seed)
	}
}

// rules are evaluators of both clocks; the second set is what they change to.
func rules(t *testing.T, set int) []em.Evaluator {
	t.Helper()
	zone := geofence.Zone{ID: "school-1", Version: strconv.Itoa(set), Kind: geofence.KindExclusion,
		Shape: geofence.Circle{Center: [2]float64{25.28, 54.72}, Radius: 300 + 200*float64(set)}}
	index, err := geofence.NewIndex(zone)
	if err != nil {
		t.Fatal(err)
	}
	zones, err := geofence.NewTracker(index, geofence.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tamper, err := health.NewTamper(health.TamperConfig{})
	if err != nil {
		t.Fatal(err)
	}
	silence, err := health.NewSilence(health.SilenceConfig{Device: "gt06:1", Start: base, Interval: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return []em.Evaluator{zones, tamper, silence}
}

// twin is one person's Timeline on the record, and another one in memory.
type twin struct {
	*file
	rng     *rand.Rand
	tx      *record.Tx
	memory  em.MemoryHistory
	first   map[em.ObservationID]time.Time // At as first stored
	changed []time.Time                    // when rules changed
	tl      [2]*em.Timeline
	ledger  [][]byte
}

func (w *twin) start() {
	w.t.Helper()
	cfg := em.Config{Subject: wearer, Start: base, Every: 2 * time.Minute, Save: 4 * time.Minute, MaxLate: time.Hour, MaxAhead: time.Minute}
	histories := [2]em.History{record.NewHistory(wearer, func() *record.Tx { return w.tx }), &w.memory}
	for i, h := range histories {
		cfg.History = h
		var err error
		if w.tl[i], err = em.NewTimeline(cfg, rules(w.t, 0)...); err != nil {
			w.t.Fatal(err)
		}
		for set, from := range w.changed {
			if err := w.tl[i].Since(from, rules(w.t, set+1)...); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// both makes one call on both timelines, and commits what they decide.
func (w *twin) both(obs []em.Observation, call func(*em.Timeline, *em.Result) error) {
	w.t.Helper()
	w.update(func(tx *record.Tx) error {
		w.tx = tx
		var got, want em.Result
		for i, o := range obs {
			o, whose, err := tx.AddObservation(o, wearer, 1)
			if err != nil || whose != wearer {
				w.t.Fatalf("AddObservation gives it to %q: %v", whose, err)
			}
			obs[i] = o
			if _, known := w.first[o.ID]; !known {
				w.first[o.ID] = o.At
			}
			if !o.At.Equal(w.first[o.ID]) {
				w.t.Errorf("%v comes back with at %v, not %v as first stored", o.ID, o.At, w.first[o.ID])
			}
		}
		w.memory.Store(obs...)
		if err := call(w.tl[0], &got); err != nil {
			w.t.Fatal(err)
		}
		if err := call(w.tl[1], &want); err != nil {
			w.t.Fatal(err)
		}
		if a, b := flat(w.t, &got), flat(w.t, &want); !slices.EqualFunc(a, b, bytes.Equal) {
			w.t.Errorf("over the record: %d changes, void %v, %d checkpoints, %d refused;\nin memory: %d, %v, %d, %d\n%v\n%v",
				len(got.Changes), got.Void, len(got.Save), len(got.Refused), len(want.Changes), want.Void, len(want.Save), len(want.Refused), got.Changes, want.Changes)
		}
		for i := range want.Changes {
			now, err := want.Changes[i].Event.AppendBinary(nil)
			if err != nil {
				return err
			}
			w.ledger = append(w.ledger, append([]byte(want.Changes[i].Kind.String()), now...))
		}
		w.memory.Commit(&want)
		return tx.Apply(wearer, &got)
	})
}

// flat is a result in canonical bytes.
func flat(t *testing.T, r *em.Result) [][]byte {
	t.Helper()
	var all [][]byte
	add := func(b []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		add(append(em.AppendTime([]byte{byte(c.Kind), byte(c.Clock)}, c.Known), c.Cause[:]...), nil)
		add(c.Event.AppendBinary(nil))
		add(c.Was.AppendBinary(nil))
	}
	for _, v := range r.Void {
		add(em.AppendTime(em.AppendTime([]byte{byte(v.Clock)}, v.From), v.To), nil)
	}
	for _, cp := range r.Save {
		add(cp.AppendBinary(nil))
	}
	for _, ref := range r.Refused {
		add(append([]byte(ref.Reason), ref.Observation.ID[:]...), nil)
	}
	return all
}

func runHistory(t *testing.T, rng *rand.Rand) {
	w := &twin{file: create(t), rng: rng, first: map[em.ObservationID]time.Time{}}
	w.start()
	feed := arrivals(rng)
	now := base
	for len(feed) > 0 {
		n := min(len(feed), 1+rng.IntN(12))
		batch := slices.Clone(feed[:n])
		feed = feed[n:]
		for _, o := range batch {
			if o.Received.After(now) {
				now = o.Received
			}
		}
		w.both(batch, func(tl *em.Timeline, r *em.Result) error { return tl.Feed(r, now, batch...) })
		switch rng.IntN(8) {
		case 0:
			now = now.Add(time.Duration(rng.IntN(600)) * time.Second)
			w.both(nil, func(tl *em.Timeline, r *em.Result) error { return tl.Advance(r, now) })
		case 1, 2:
			w.reopen()
			w.start()
			w.both(nil, func(tl *em.Timeline, r *em.Result) error { return tl.Restore(r, now) })
		case 3:
			if last := append([]time.Time{base}, w.changed...); len(last) == 3 || !now.After(last[len(last)-1]) {
				break
			}
			w.changed = append(w.changed, now)
			// Evaluators belong to one timeline each.
			w.both(nil, func(tl *em.Timeline, r *em.Result) error {
				return tl.Rederive(r, now, now, rules(t, len(w.changed))...)
			})
		}
		if t.Failed() {
			return
		}
	}
	now = now.Add(2 * time.Hour)
	w.both(nil, func(tl *em.Timeline, r *em.Result) error { return tl.Advance(r, now) })
	w.reopen()
	w.compareStored()
}

// compareStored compares what is left in both stores.
func (w *twin) compareStored() {
	w.t.Helper()
	var got, want [][]byte
	collect := func(h em.History, all *[][]byte) {
		for _, c := range []em.Clock{em.EventTime, em.ReceiveTime} {
			var events [][]byte
			for e, err := range h.Events(c, time.Unix(0, 0)) {
				b, err2 := e.AppendBinary(nil)
				if err != nil || err2 != nil {
					w.t.Fatal(err, err2)
				}
				events = append(events, b)
			}
			slices.SortFunc(events, bytes.Compare)
			*all = append(*all, events...)
			for cp, err := range h.Checkpoints(c, base.Add(1000*time.Hour)) {
				b, err2 := cp.AppendBinary(nil)
				if err != nil || err2 != nil {
					w.t.Fatal(err, err2)
				}
				*all = append(*all, b)
			}
			for o, err := range h.Observations(c, time.Unix(0, 0), base.Add(1000*time.Hour)) {
				b, err2 := o.AppendBinary(nil)
				if err != nil || err2 != nil {
					w.t.Fatal(err, err2)
				}
				*all = append(*all, b)
			}
		}
	}
	w.update(func(tx *record.Tx) error {
		collect(record.NewHistory(wearer, func() *record.Tx { return tx }), &got)
		return nil
	})
	collect(&w.memory, &want)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		w.t.Errorf("the record holds %d events, checkpoints and observations, or other ones than memory, %d", len(got), len(want))
	}
	if len(w.memory.Present()) == 0 || len(w.memory.Ledger()) < len(w.memory.Present()) {
		w.t.Errorf("%d events and %d changes: this history tested nothing", len(w.memory.Present()), len(w.memory.Ledger()))
	}
	// The ledger, read event by event, is what was told.
	var rows int
	for _, e := range w.memory.Present() {
		all, err := w.ChangesOf(w.t.Context(), e.ID, 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(all) == 0 || !all[len(all)-1].Event.Equal(&e) {
			w.t.Errorf("the ledger of %v does not end in its present version", e.ID)
		}
		for _, c := range all {
			b, err := c.Event.AppendBinary(nil)
			if err != nil {
				w.t.Fatal(err)
			}
			if !slices.ContainsFunc(w.ledger, func(l []byte) bool { return bytes.Equal(l, append([]byte(c.Kind), b...)) }) {
				w.t.Errorf("the ledger has %s of %v, which was never told", c.Kind, e.ID)
			}
		}
		rows += len(all)
	}
	if rows < len(w.memory.Present()) {
		w.t.Errorf("%d rows of ledger for %d events", rows, len(w.memory.Present()))
	}
}

// arrivals is a random walk in and out of the zone with strap reports, as it
// reaches us: late, shuffled, sent again under other serial numbers.
func arrivals(rng *rand.Rand) []em.Observation {
	var all []em.Observation
	lat := 54.70
	for i := range 60 + rng.IntN(60) {
		at := base.Add(time.Duration(i)*30*time.Second + time.Duration(rng.IntN(3))*10*time.Second)
		if rng.IntN(6) == 0 {
			lat = 54.70 + 0.02*float64(rng.IntN(2))
		}
		o := em.Observation{Device: "gt06:1", DeviceAt: at, Seq: em.Some(uint64(i)), Part: uint16(rng.IntN(2))}
		switch {
		case rng.IntN(10) == 0:
			o.Body = &em.Tamper{What: em.TamperStrap, Cleared: rng.IntN(2) == 0}
		default:
			o.Body = &em.Fix{LatLng: em.LatLng{Lat: lat + rng.Float64()*1e-4, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS}
		}
		if rng.IntN(8) == 0 {
			o.DeviceAt = time.Time{}
		}
		delay := time.Duration(rng.IntN(20)) * time.Second
		switch rng.IntN(12) {
		case 0:
			delay = time.Duration(rng.IntN(90)) * time.Minute // some beyond the limit
		case 1:
			delay = -2 * time.Minute // the device's clock is ahead
		}
		received := at.Add(delay)
		all = append(all, o.Stamp(received))
		for rng.IntN(3) == 0 { // once more, in part at the same instant, in part before
			again := o
			again.Seq = em.Some(uint64(1000 + rng.IntN(1000)))
			if rng.IntN(3) == 0 {
				again.Seq = em.Opt[uint64]{}
			}
			again.Stored = true
			if o.DeviceAt.IsZero() {
				all = append(all, again.Stamp(received))
				continue
			}
			if rng.IntN(4) == 0 {
				again.At = o.DeviceAt.Add(3 * time.Second) // corrected otherwise
			}
			all = append(all, again.Stamp(received.Add(time.Duration(rng.IntN(7)-2)*20*time.Second)))
		}
	}
	// Mostly in the order of reception, with some disorder between connections.
	slices.SortStableFunc(all, func(a, b em.Observation) int { return a.Received.Compare(b.Received) })
	for range len(all) / 4 {
		i := rng.IntN(len(all))
		j := min(len(all)-1, i+rng.IntN(25))
		all[i], all[j] = all[j], all[i]
	}
	return all
}
