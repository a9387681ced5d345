package em

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

const snapshotVersion = 1

// AppendBinary appends a snapshot of where the Timeline stands. It belongs into
// the transaction of the last Result, or next to its position in the log: with
// a History that has gone on since, it would tell wrong changes. It implements
// encoding.BinaryAppender.
func (t *Timeline) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, snapshotVersion)
	dst = AppendString(dst, string(t.cfg.Subject))
	dst = AppendTime(dst, t.complete)
	for c := range t.lanes {
		var err error
		if dst, err = t.lanes[c].append(dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (l *lane) append(dst []byte) ([]byte, error) {
	dst = AppendBool(dst, l.warm)
	if !l.warm {
		return dst, nil
	}
	for _, t := range []time.Time{l.epochs[l.cur].from, l.floor, l.horizon} {
		dst = AppendTime(dst, t)
	}
	dst = append(dst, l.last.ID[:]...)
	dst = AppendString(dst, string(l.last.Device))
	dst = AppendOpt(dst, l.last.Seq, AppendUint)
	dst = AppendUint(dst, uint64(l.last.Part))
	dst = AppendTime(AppendTime(dst, l.last.At), l.last.Received)
	dst = AppendUint(dst, uint64(len(l.ties)))
	for _, t := range l.ties {
		dst = AppendOpt(AppendTime(append(dst, t.id[:]...), t.received), t.seq, AppendUint)
	}
	var m mark
	if err := l.capture(&m, l.floor); err != nil {
		return dst, err
	}
	return m.checkpoint(l.clock).AppendBinary(dst)
}

// UnmarshalBinary makes the Timeline stand where AppendBinary was called, given
// the same subject and rules: the evaluators of NewTimeline, and each Since up
// to then. Errors wrap ErrState and leave the Timeline as it was.
func (t *Timeline) UnmarshalBinary(b []byte) error {
	r := NewStateReader(b)
	if v := r.Bytes(1); v != nil && v[0] != snapshotVersion {
		r.fail(fmt.Sprintf("snapshot version %d", v[0]))
	}
	if s := SubjectID(r.String()); r.err == nil && s != t.cfg.Subject {
		r.fail("snapshot of another subject")
	}
	complete := r.Time()
	var lanes [2]lane
	var states [2]mark
	for c := range lanes {
		lanes[c], states[c] = t.lanes[c].read(r)
	}
	if err := r.Close(); err != nil {
		return err
	}
	before, err := t.keep()
	if err != nil {
		return err
	}
	for c := range lanes {
		l := &lanes[c]
		if !l.warm {
			continue
		}
		if err := l.load(&states[c]); err != nil {
			for k := range t.lanes {
				if t.lanes[k].restore(before[k]) != nil {
					t.lanes[k].forget()
				}
			}
			return fmt.Errorf("%w: %w", ErrState, err)
		}
		at := l.floor
		if l.last.ID != (ObservationID{}) && l.last.instant(l.clock).After(at) {
			at = l.last.instant(l.clock)
		}
		l.next = at.Truncate(t.cfg.Every).Add(t.cfg.Every)
	}
	t.lanes, t.complete = lanes, complete
	return nil
}

// read reads what append wrote.
func (l *lane) read(r *StateReader) (lane, mark) {
	n := lane{clock: l.clock, epochs: l.epochs, horizon: l.horizon}
	if n.warm = r.Bool(); !n.warm {
		return n, mark{}
	}
	from := r.Time()
	n.cur = slices.IndexFunc(l.epochs, func(e epoch) bool { return e.from.Equal(from) })
	if r.err == nil && n.cur < 0 {
		r.fail("snapshot under rules that were not told")
	}
	n.floor, n.horizon = r.Time(), r.Time()
	copy(n.last.ID[:], r.Bytes(len(n.last.ID)))
	n.last.Device = DeviceID(r.String())
	n.last.Seq = ReadOpt(r, (*StateReader).Uint)
	part := r.Uint()
	if part > 1<<16-1 {
		r.fail("part out of range")
	}
	n.last.Part = uint16(part)
	n.last.At, n.last.Received = r.Time(), r.Time()
	ties := r.Len()
	if ties > maxTies {
		r.fail("too many observations of one instant")
	}
	for ; ties > 0 && r.err == nil; ties-- {
		var t tie
		copy(t.id[:], r.Bytes(len(t.id)))
		t.received = r.Time()
		t.seq = ReadOpt(r, (*StateReader).Uint)
		n.ties = append(n.ties, t)
	}
	cp := readCheckpoint(r)
	if r.err == nil && (cp.Clock != l.clock || len(cp.State) != len(l.epochs[n.cur].evs)) {
		r.fail("snapshot of other evaluators")
	}
	m := markOf(&cp)
	n.open = m.open
	if !slices.IsSortedFunc(cp.Open, func(a, b Event) int { return bytes.Compare(a.ID[:], b.ID[:]) }) {
		r.fail("open events out of order")
	}
	return n, m
}
