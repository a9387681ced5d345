package record

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// The seconds that may be asked for.
const (
	minSeconds = math.MinInt64
	maxSeconds = math.MaxInt64
)

// view reads evidence: of a transaction, or of all that were committed.
type view struct {
	q       querier
	days    []int64 // sorted; far is first
	buckets map[int64]bucket
	gone    func(bucket int64) bool // it was dropped meanwhile
}

func (t *Tx) view() view {
	v := view{q: t.tx, days: t.bucketDays(), buckets: map[int64]bucket{}, gone: func(int64) bool { return false }}
	for _, d := range v.days {
		v.buckets[d], _ = t.lookBucket(d)
	}
	return v
}

// snapshot returns what is committed, and the streams of a subject. Memory is
// looked at first: what is packed while we read is then seen twice, not never.
func (s *Store) snapshot(subject em.SubjectID) (view, []*stream, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return view{}, nil, fmt.Errorf("record: %w", sql.ErrConnDone)
	}
	v := view{q: s.r, buckets: map[int64]bucket{}, gone: func(b int64) bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		_, ok := s.buckets[b]
		return !ok
	}}
	for d, b := range s.buckets {
		v.days = append(v.days, d)
		v.buckets[d] = b
	}
	slices.Sort(v.days)
	var all []*stream
	for _, l := range s.subjects[subject] {
		all = append(all, l.now) // what is next is the writer's
	}
	return v, all, nil
}

func (v view) has(b int64) bool { _, ok := v.buckets[b]; return ok }

// instant is the instant of an arrival on a clock.
func instant(c em.Clock, o *em.Observation) time.Time {
	if c == em.ReceiveTime {
		return o.Received
	}
	return o.At
}

// rows reads the rows of a stream in a bucket that may hold something of within.
func (v view) rows(ctx context.Context, s *stream, b int64, c em.Clock, within span) ([]arrival, error) {
	if !v.has(b) {
		return nil, nil
	}
	where := ` WHERE stream = ? AND at_to >= ? AND at_from <= ?`
	if c == em.ReceiveTime {
		where = ` WHERE stream = ? AND heard_to >= ? AND heard_from <= ?`
	}
	data, err := collect(ctx, v.q, func(r row, b *[]byte) error { return r.Scan(b) }, `SELECT data FROM `+segmentTable(b)+where, s.n, within.from, within.to)
	if err != nil {
		if v.gone(b) {
			return nil, nil
		}
		return nil, err
	}
	size := 0
	for _, d := range data {
		size += len(d)
	}
	all := make([]arrival, 0, size/usualBytes)
	for _, d := range data {
		var c coder
		if all, err = c.readAll(all, d, s.device); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// load reads what a stream has in a bucket that may be within, open segments too.
func (v view) load(ctx context.Context, s *stream, b int64, c em.Clock, within span) ([]arrival, error) {
	all, err := v.rows(ctx, s, b, c, within)
	if err != nil {
		return nil, err
	}
	for _, o := range s.open {
		if o.bucket != b {
			continue
		}
		var c coder
		if all, err = c.readAll(all, o.data, s.device); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// window is a part of the time that is read at once.
type window struct {
	from, to time.Time
	buckets  []int64 // but for far, by event time
}

// windows cuts [from, to) into what is read at once, in order.
func (v view) windows(c em.Clock, from, to time.Time) []window {
	if !from.Before(to) {
		return nil
	}
	first, last := dayOf(from), dayOf(to.Add(-1))
	var all []window
	if c == em.EventTime {
		for _, d := range v.days {
			if d != farBucket && d >= first && d <= last {
				all = append(all, window{from, to, []int64{d}})
			}
		}
		if all == nil {
			return []window{{from, to, nil}}
		}
		for i := 1; i < len(all); i++ {
			cut := time.Unix(all[i].buckets[0]*secondsPerDay, 0).UTC()
			all[i-1].to, all[i].from = cut, cut
		}
		return all
	}
	heard := span{maxSeconds, minSeconds}
	for _, b := range v.buckets {
		if !b.empty {
			heard.join(b.heard)
		}
	}
	if heard.from > heard.to {
		return nil
	}
	first, last = max(first, dayOf(time.Unix(heard.from, 0))), min(last, dayOf(time.Unix(heard.to, 0)))
	for d := first; d <= last; d++ {
		w := window{from: time.Unix(d*secondsPerDay, 0).UTC()}
		w.to = w.from.Add(24 * time.Hour)
		for _, b := range v.days {
			if h := v.buckets[b]; !h.empty && h.heard.to >= w.from.Unix() && h.heard.from < w.to.Unix() {
				w.buckets = append(w.buckets, b)
			}
		}
		if w.from.Before(from) {
			w.from = from
		}
		if w.to.After(to) {
			w.to = to
		}
		if len(w.buckets) > 0 {
			all = append(all, w)
		}
	}
	return all
}

// reading is a subject's arrivals on a clock, window by window.
type reading struct {
	view
	ctx     context.Context
	streams []*stream
	clock   em.Clock
	windows []window
	far     []arrival // by event time, of all windows
}

func (v view) read(ctx context.Context, streams []*stream, c em.Clock, from, to time.Time) (*reading, error) {
	r := &reading{view: v, ctx: ctx, streams: streams, clock: c, windows: v.windows(c, from, to)}
	if c == em.EventTime && v.has(farBucket) {
		for _, s := range streams {
			some, err := v.load(ctx, s, farBucket, c, span{from.Unix(), to.Unix()})
			if err != nil {
				return nil, err
			}
			r.far = append(r.far, some...)
		}
	}
	return r, nil
}

// window reads one window, in Compare order, each observation, or by the time of
// reception each arrival, once.
func (r *reading) window(i int) ([]arrival, error) {
	w := r.windows[i]
	outside := func(a arrival) bool {
		at := instant(r.clock, &a.Observation)
		return at.Before(w.from) || !at.Before(w.to)
	}
	all := slices.DeleteFunc(slices.Clone(r.far), outside)
	for _, b := range w.buckets {
		for _, s := range r.streams {
			some, err := r.load(r.ctx, s, b, r.clock, span{w.from.Unix(), w.to.Unix()})
			if err != nil {
				return nil, err
			}
			if some = slices.DeleteFunc(some, outside); len(all) == 0 {
				all = some // of one device in one bucket, as they mostly are
			} else {
				all = append(all, some...)
			}
		}
	}
	return normalize(r.clock, all), nil
}

// normalize puts arrivals into Compare order, and keeps of those of one ID and
// instant the one that counts: the first one, and of those received together the
// one with the lowest serial number. They mostly are in order already.
func normalize(c em.Clock, all []arrival) []arrival {
	byInstant := func(a, b arrival) int {
		return instant(c, &a.Observation).Compare(instant(c, &b.Observation))
	}
	if !slices.IsSortedFunc(all, byInstant) {
		slices.SortFunc(all, byInstant)
	}
	kept := all[:0]
	for i := 0; i < len(all); {
		n := i + 1
		for n < len(all) && byInstant(all[i], all[n]) == 0 {
			n++
		}
		run := all[i:n]
		if i = n; len(run) > 1 {
			slices.SortFunc(run, func(a, b arrival) int {
				return cmp.Or(bytes.Compare(a.ID[:], b.ID[:]), a.Received.Compare(b.Received), compareSerial(a.Seq, b.Seq))
			})
			run = slices.CompactFunc(run, func(a, b arrival) bool { return a.ID == b.ID })
			slices.SortFunc(run, func(a, b arrival) int { return em.Compare(c, &a.Observation, &b.Observation) })
		}
		kept = append(kept, run...)
	}
	return kept
}

func compareSerial(a, b em.Opt[uint64]) int {
	switch {
	case a.OK && b.OK:
		return cmp.Compare(a.V, b.V)
	case a.OK:
		return 1
	case b.OK:
		return -1
	}
	return 0
}

// each yields all windows' arrivals in order.
func (v view) each(ctx context.Context, streams []*stream, c em.Clock, from, to time.Time) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		if len(streams) == 0 {
			return
		}
		r, err := v.read(ctx, streams, c, from, to)
		if err != nil {
			yield(em.Observation{}, err)
			return
		}
		for i := range r.windows {
			all, err := r.window(i)
			if err != nil {
				yield(em.Observation{}, err)
				return
			}
			for j := range all {
				if !yield(all[j].Observation, nil) {
					return
				}
			}
		}
	}
}

// newest calls f with each window's arrivals, oldest first, from the newest window
// on, until it returns false.
func (v view) newest(ctx context.Context, streams []*stream, from, to time.Time, f func([]arrival) bool) error {
	if len(streams) == 0 {
		return nil
	}
	r, err := v.read(ctx, streams, em.EventTime, from, to)
	if err != nil {
		return err
	}
	for i := len(r.windows) - 1; i >= 0; i-- {
		all, err := r.window(i)
		if err != nil {
			return err
		}
		if !f(all) {
			return nil
		}
	}
	return nil
}

// Track is the positions of a subject in [from, to), oldest first, at most n of
// the newest. It reads that subject's rows of those days alone.
func (s *Store) Track(ctx context.Context, subject em.SubjectID, from, to time.Time, n int) ([]em.Observation, error) {
	return s.Series(ctx, subject, em.KindFix, from, to, n)
}

// Series is what a subject's own devices reported of one kind in [from, to),
// oldest first, at most n of the newest.
func (s *Store) Series(ctx context.Context, subject em.SubjectID, kind em.BodyKind, from, to time.Time, n int) ([]em.Observation, error) {
	v, streams, err := s.snapshot(subject)
	if err != nil {
		return nil, err
	}
	var all []em.Observation
	err = v.newest(ctx, own(streams), from, to, func(some []arrival) bool {
		all = slices.Grow(all, max(0, min(n-len(all), len(some))))
		for i := len(some) - 1; i >= 0 && len(all) < n; i-- {
			if some[i].Body.Kind() == kind {
				all = append(all, some[i].Observation)
			}
		}
		return len(all) < n
	})
	slices.Reverse(all)
	return all, err
}

// own are the streams of a subject's own devices.
func own(all []*stream) []*stream {
	return slices.DeleteFunc(slices.Clone(all), func(s *stream) bool { return !s.own })
}

// Fixes yields all of a subject's positions in [from, to) that the late limits did
// not refuse, in the order of At, some thousand at a time.
func (s *Store) Fixes(ctx context.Context, subject em.SubjectID, from, to time.Time) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		refused, err := refusedOf(ctx, s.r, subject)
		if err != nil {
			yield(em.Observation{}, err)
			return
		}
		v, streams, err := s.snapshot(subject)
		if err != nil {
			yield(em.Observation{}, err)
			return
		}
		for o, err := range v.each(ctx, own(streams), em.EventTime, from, to) {
			if err == nil && (o.Body.Kind() != em.KindFix || refused[o.ID]) {
				continue
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// refusedOf are the observations of a subject that the late limits refused.
func refusedOf(ctx context.Context, q querier, subject em.SubjectID) (map[em.ObservationID]bool, error) {
	ids, err := collect(ctx, q, func(r row, id *[]byte) error { return r.Scan(id) }, `SELECT id FROM refused WHERE subject = ?`, string(subject))
	all := map[em.ObservationID]bool{}
	for _, id := range ids {
		all[em.ObservationID(id)] = true
	}
	return all, err
}

// latestSegments is in how many of a device's newest rows Latest looks.
const latestSegments = 8

// Latest returns, of a subject, the newest position and battery report that the
// late limits did not refuse, and what was received last, with the reception's
// own times. It looks at the newest few hundred arrivals only, and at none of a
// device whose clock is far off.
func (t *Tx) Latest(subject em.SubjectID) ([]em.Observation, error) {
	var found [3]*em.Observation
	refused, err := refusedOf(t.ctx, t.tx, subject)
	if err != nil {
		return nil, err
	}
	take := func(all []arrival, far bool) {
		for i := range all {
			o := &all[i].Observation
			if found[2] == nil || !o.Received.Before(found[2].Received) {
				found[2] = o
			}
			place := slices.Index([]em.BodyKind{em.KindFix, em.KindPower}, o.Body.Kind())
			if far || place < 0 || refused[o.ID] || found[place] != nil && o.At.Before(found[place].At) {
				continue
			}
			found[place] = o
		}
	}
	days := t.bucketDays()
	for _, s := range own(t.of(subject)) {
		for _, o := range s.open {
			var c coder
			all, err := c.readAll(nil, o.data, s.device)
			if err != nil {
				return nil, err
			}
			take(all, o.bucket == farBucket)
		}
		looked := 0
		for _, d := range slices.Backward(days) {
			if d == farBucket || looked >= latestSegments {
				break
			}
			if found[0] != nil && found[1] != nil && d < min(dayOf(found[0].At), dayOf(found[1].At)) {
				break
			}
			since := int64(minSeconds)
			if found[0] != nil && found[1] != nil {
				since = min(found[0].At.Unix(), found[1].At.Unix())
			}
			rows, err := collect(t.ctx, t.tx, func(r row, b *[]byte) error { return r.Scan(b) },
				`SELECT data FROM `+segmentTable(d)+` WHERE stream = ? AND at_to >= ? ORDER BY at_to DESC LIMIT ?`, s.n, since, latestSegments-looked)
			if err != nil {
				return nil, err
			}
			for _, data := range rows {
				var c coder
				all, err := c.readAll(nil, data, s.device)
				if err != nil {
					return nil, err
				}
				take(all, false)
				looked++
			}
		}
	}
	var all []em.Observation
	for _, o := range found {
		if o != nil {
			all = append(all, *o)
		}
	}
	return all, nil
}
