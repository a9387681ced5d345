package record

import "time"

// Run is a time in which the center ran.
type Run struct{ Began, Seen time.Time } // Seen: the last sign of life

// Alive notes that the run that began then goes on.
func (t *Tx) Alive(began, now time.Time) error {
	return t.exec(`INSERT INTO run (began, seen) VALUES (?,?) ON CONFLICT (began) DO UPDATE SET seen = excluded.seen`, nanos(began), nanos(now))
}

// Runs returns the runs that were seen at an instant or later, and the one before
// them, oldest first, at most n of the newest.
func (t *Tx) Runs(since time.Time, n int) ([]Run, error) {
	return collect(t.ctx, t.tx, func(r row, v *Run) error {
		var began, seen int64
		err := r.Scan(&began, &seen)
		v.Began, v.Seen = fromNanos(began), fromNanos(seen)
		return err
	}, `SELECT began, seen FROM (SELECT began, seen FROM run WHERE began >= (SELECT coalesce(max(began), 0) FROM run WHERE seen < ?)
		ORDER BY began DESC LIMIT ?) AS newest ORDER BY began`, nanos(since), n)
}
