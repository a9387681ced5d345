package record

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sargas-em/em"
)

// Evidence lies in buckets: arrivals by the day of their At, frames by the day of
// their reception, each day in tables of its own, so that it can be dropped as a
// whole. One more bucket, far, holds the arrivals whose device had a clock far off
// ours, or that came later than days are kept.

// farBucket is the number of the bucket that is no day.
const farBucket = -1 << 31

const (
	secondsPerDay = 24 * 60 * 60
	// farBehind and farAhead bound At around Received in a day's bucket, so that
	// devices' clocks cannot make tables without end; farOff bounds how far At was
	// corrected, so that a repeated arrival is found near its key.
	farBehind = 400 * secondsPerDay
	farAhead  = secondsPerDay
	farOff    = secondsPerDay
)

// dayOf is the number of a day since 1970.
func dayOf(t time.Time) int64 {
	sec := t.Unix()
	day := sec / secondsPerDay
	if sec%secondsPerDay < 0 {
		day--
	}
	return day
}

// bucketOf says where an arrival belongs if it is the first of its observation.
func bucketOf(o *em.Observation, oldest int64) int64 {
	at, received, k := o.At.Unix(), o.Received.Unix(), key(o).Unix()
	day := dayOf(o.At)
	if at < received-farBehind || at > received+farAhead || at < k-farOff || at > k+farOff || day < oldest {
		return farBucket
	}
	return day
}

// bucketName is what the tables of a bucket are called after.
func bucketName(b int64) string {
	if b == farBucket {
		return "far"
	}
	if b < 0 {
		return "m" + strconv.FormatInt(-b, 10)
	}
	return "d" + strconv.FormatInt(b, 10)
}

func segmentTable(b int64) string { return "segment_" + bucketName(b) }
func framesTable(b int64) string  { return "frames_" + bucketName(b) }

// bucket is what a bucket holds.
type bucket struct {
	heard span // Received of its arrivals
	empty bool // of arrivals

	observations, fixes, receptions int64 // those copied into other streams are not counted again
	frames, frameErrors             int64
}

func scanBucket(r row, b *struct {
	day int64
	bucket
}) error {
	var arrivals int64
	err := r.Scan(&b.day, &arrivals, &b.heard.from, &b.heard.to, &b.observations, &b.fixes, &b.receptions, &b.frames, &b.frameErrors)
	b.empty = arrivals == 0
	return err
}

const bucketColumns = `day, arrivals, heard_from, heard_to, observations, fixes, receptions, frames, frame_errors`

// bucket returns a bucket for change, and creates its tables if it is new.
func (t *Tx) bucket(day int64) (*bucket, error) {
	if b := t.buckets[day]; b != nil {
		return b, nil
	}
	was, known := t.s.buckets[day]
	if !known {
		was.empty = true
		for _, q := range t.tx.d.newBucket(bucketName(day), day) {
			if err := t.exec(q); err != nil {
				return nil, fmt.Errorf("bucket %s: %w", bucketName(day), err)
			}
		}
	}
	t.buckets[day] = &was
	return &was, nil
}

// heard notes the reception of an arrival in a bucket.
func (b *bucket) hear(t time.Time) {
	b.heard.add(b.empty, t)
	b.empty = false
}

func (t *Tx) flushBuckets() error {
	for _, day := range slices.Sorted(maps.Keys(t.buckets)) {
		b := t.buckets[day]
		if err := t.exec(`INSERT INTO bucket (`+bucketColumns+`) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (day) DO UPDATE SET
			arrivals = excluded.arrivals, heard_from = excluded.heard_from, heard_to = excluded.heard_to, observations = excluded.observations, fixes = excluded.fixes,
			receptions = excluded.receptions, frames = excluded.frames, frame_errors = excluded.frame_errors`,
			day, flag(!b.empty), b.heard.from, b.heard.to, b.observations, b.fixes, b.receptions, b.frames, b.frameErrors); err != nil {
			return err
		}
	}
	return nil
}
