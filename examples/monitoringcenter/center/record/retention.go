package record

import (
	"maps"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Retention says for how long evidence is kept that no verdict rests on; zero is
// for ever. What a verdict rests on is copied when it is told (cited.go), and stays
// with it.
type Retention struct {
	Tracks time.Duration // arrivals, by the day on which they happened
	Frames time.Duration // raw frames, by the day of their reception
}

// Dropped is what Drop has dropped: the arrivals or the raw frames of a day, or both.
type Dropped struct {
	Day            time.Time // its beginning
	Tracks, Frames bool
}

// Drop drops the oldest day that is kept no longer, with its tables; nil where
// there is none, and nothing more is to be done for a while. What a Timeline would
// still go on from, after the newest checkpoint of a subject that has not been
// heard for so long, is put by. Tracks must be kept for longer than an observation
// may come late, and some.
func (t *Tx) Drop(now time.Time, keep Retention) (*Dropped, error) {
	tracks, frames := int64(minSeconds), int64(minSeconds) // days before them go
	if keep.Tracks > 0 {
		tracks = dayOf(now.Add(-keep.Tracks))
		t.oldest = tracks
	}
	if keep.Frames > 0 {
		frames = dayOf(now.Add(-keep.Frames))
	}
	for _, day := range t.bucketDays() {
		if day == farBucket {
			continue
		}
		b, _ := t.lookBucket(day)
		d := &Dropped{time.Unix(day*secondsPerDay, 0).UTC(), day < tracks && !b.empty, day < frames && b.frames > 0}
		if b.empty && b.frames == 0 && day < tracks && day < frames {
			if err := t.remove(day); err != nil {
				return nil, err
			}
			continue
		}
		if !d.Tracks && !d.Frames {
			continue
		}
		if d.Tracks {
			if err := t.putBy(day); err != nil {
				return nil, err
			}
		}
		return d, t.drop(day, d.Tracks, d.Frames)
	}
	return nil, t.trim(now, keep)
}

// drop drops tables of a day, and makes them anew, empty: the rest of the day, or
// what comes later, finds them there.
func (t *Tx) drop(day int64, tracks, frames bool) error {
	b, err := t.bucket(day)
	if err != nil {
		return err
	}
	create := t.tx.d.newBucket(bucketName(day), day)
	forFrames := len(create) - 1 // the last one
	var queries []string
	if tracks {
		queries = append(append(queries, `DROP TABLE `+segmentTable(day)), create[:forFrames]...)
		b.empty, b.heard, b.observations, b.fixes, b.receptions = true, span{}, 0, 0, 0
		maps.DeleteFunc(t.s.indexes, func(k indexKey, _ *index) bool { return k.bucket == day })
	}
	if frames {
		queries = append(queries, `DROP TABLE `+framesTable(day), create[forFrames])
		b.frames, b.frameErrors = 0, 0
	}
	for _, q := range queries {
		if err := t.exec(q); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a day that has nothing any more.
func (t *Tx) remove(day int64) error {
	for _, table := range []string{segmentTable(day), framesTable(day)} {
		if err := t.exec(`DROP TABLE ` + table); err != nil {
			return err
		}
	}
	t.removed = append(t.removed, day)
	return t.exec(`DELETE FROM bucket WHERE day = ?`, day)
}

// putBy takes what is still needed of a day that is dropped into the far bucket,
// and ends the open segments of that day.
func (t *Tx) putBy(day int64) error {
	needed, err := t.needed(time.Unix((day+1)*secondsPerDay, 0))
	if err != nil {
		return err
	}
	for _, l := range t.s.streams {
		s := l.look()
		open := slices.ContainsFunc(s.open, func(o *open) bool { return o.bucket == day })
		since, wanted := needed[l.subject]
		if !open && !wanted {
			continue
		}
		s = t.changed(l)
		var rest []arrival
		if wanted {
			all, err := t.view().load(t.ctx, s, day, em.EventTime, span{minSeconds, maxSeconds})
			if err != nil {
				return err
			}
			for _, a := range all {
				// What happened after it was not received a day before.
				if a.Received.Unix() >= since.Unix()-farAhead {
					rest = append(rest, a)
				}
			}
		}
		t.end(s, day)
		for i := range rest {
			if _, err := t.append(s, &rest[i], farBucket); err != nil {
				return err
			}
		}
	}
	return nil
}

// needed returns the subjects whose newest checkpoint, on either clock, lies before
// an instant, and where it lies. Whoever has none needs all.
func (t *Tx) needed(before time.Time) (map[em.SubjectID]time.Time, error) {
	if err := t.save(); err != nil {
		return nil, err
	}
	type newest struct {
		subject em.SubjectID
		at      int64
	}
	all, err := collect(t.ctx, t.tx, func(r row, n *newest) error { return r.Scan(&n.subject, &n.at) },
		`SELECT subject, min(newest) FROM (SELECT subject, clock, max(at) AS newest FROM checkpoint GROUP BY subject, clock) AS c GROUP BY subject`)
	if err != nil {
		return nil, err
	}
	since := map[em.SubjectID]time.Time{}
	for subject := range t.s.subjects {
		if subject != "" {
			since[subject] = time.Time{}
		}
	}
	for _, n := range all {
		if at := fromNanos(n.at); at.Before(before) {
			since[n.subject] = at
		} else {
			delete(since, n.subject)
		}
	}
	return since, nil
}

// trim deletes what is in no day: rows of the far bucket that were received too
// long ago, and checkpoints from before the newest one that lies behind.
func (t *Tx) trim(now time.Time, keep Retention) error {
	if keep.Tracks <= 0 {
		return nil
	}
	if err := t.save(); err != nil {
		return err
	}
	cut := time.Unix(dayOf(now.Add(-keep.Tracks))*secondsPerDay, 0)
	if err := t.exec(`DELETE FROM checkpoint WHERE at < ?1 AND EXISTS (SELECT 1 FROM checkpoint AS c
		WHERE c.subject = checkpoint.subject AND c.clock = checkpoint.clock AND c.at > checkpoint.at AND c.at <= ?1)`, nanos(cut)); err != nil {
		return err
	}
	if _, has := t.lookBucket(farBucket); !has {
		return nil
	}
	needed, err := t.needed(cut)
	if err != nil {
		return err
	}
	old, err := collect(t.ctx, t.tx, func(r row, n *int64) error { return r.Scan(n) },
		`SELECT DISTINCT stream FROM `+segmentTable(farBucket)+` WHERE heard_to < ?`, cut.Unix())
	if err != nil {
		return err
	}
	whose := map[int64]em.SubjectID{}
	for _, l := range t.s.streams {
		whose[l.n] = l.subject
	}
	for _, n := range old {
		heard := cut.Unix()
		if since, wanted := needed[whose[n]]; wanted {
			heard = min(heard, since.Unix()-farAhead)
		}
		if err := t.exec(`DELETE FROM `+segmentTable(farBucket)+` WHERE stream = ? AND heard_to < ?`, n, heard); err != nil {
			return err
		}
		delete(t.s.indexes, indexKey{n, farBucket})
	}
	return nil
}
