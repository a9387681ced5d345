package geofence

import (
	"bytes"
	"fmt"

	"github.com/sargas-em/em"
)

const stateVersion = 1

// AppendBinary appends the state. It is empty where all is as it should be, and
// holds zones by their ID, so that it may be read by a Tracker over other
// zones. It implements encoding.BinaryAppender.
func (t *Tracker) AppendBinary(dst []byte) ([]byte, error) {
	if len(t.entries) == 0 {
		return dst, nil
	}
	dst = append(dst, stateVersion)
	dst = em.AppendTime(dst, t.last)
	dst = em.AppendUint(dst, uint64(len(t.entries)))
	for i := range t.entries {
		e := &t.entries[i]
		dst = em.AppendString(dst, e.zone)
		if dst = em.AppendBool(dst, e.open); e.open {
			var err error
			if dst, err = e.told.AppendBinary(dst); err != nil {
				return dst, fmt.Errorf("geofence: state: %w", err)
			}
		}
		dst = em.AppendUint(dst, uint64(e.run.fixes))
		if e.run.fixes > 0 {
			dst = em.AppendTime(dst, e.run.first)
			for _, id := range e.run.ids {
				dst = append(dst, id[:]...)
			}
		}
	}
	return dst, nil
}

// UnmarshalBinary replaces the state by one that AppendBinary wrote. Errors
// wrap em.ErrState and leave the state as it was.
func (t *Tracker) UnmarshalBinary(b []byte) error {
	n := Tracker{x: t.x, c: t.c, near: t.near}
	if len(b) == 0 {
		*t = n
		return nil
	}
	r := em.NewStateReader(b)
	if v := r.Bytes(1); v != nil && v[0] != stateVersion {
		r.Fail(fmt.Sprintf("zones version %d", v[0]))
	}
	n.last = r.Time()
	open := false
	for left := r.Len(); left > 0 && r.Err() == nil; left-- {
		e := entry{zone: r.String()}
		if k := len(n.entries); k > 0 && n.entries[k-1].zone >= e.zone {
			r.Fail("zones out of order")
		}
		if e.open = r.Bool(); e.open {
			open = true
			e.told = em.ReadEvent(r)
			if _, ok := wordsOf[e.told.Detail.Kind]; !ok || e.told.About != e.zone || !e.told.Open() || e.told.At.IsZero() || len(e.told.Because) > maxRun {
				r.Fail("not an open zone event")
			}
		}
		fixes := r.Uint()
		if e.run.fixes = int(fixes); e.run.fixes < 0 || uint64(e.run.fixes) != fixes {
			r.Fail("number of fixes out of range")
		}
		if fixes > 0 {
			e.run.first = r.Time()
			for range min(fixes, maxRun) {
				var id em.ObservationID
				copy(id[:], r.Bytes(len(id)))
				e.run.ids = append(e.run.ids, id)
			}
		} else if !e.open {
			r.Fail("zone without content")
		}
		n.entries = append(n.entries, e)
	}
	if open == n.last.IsZero() || len(n.entries) == 0 {
		r.Fail("not canonical")
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("geofence: %w", err)
	}
	if again, err := n.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("geofence: %w: not canonical", em.ErrState)
	}
	*t = n
	return nil
}
