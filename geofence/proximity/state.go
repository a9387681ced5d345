package proximity

import (
	"bytes"
	"fmt"
	"math"

	"github.com/sargas-em/em"
)

// stateVersion is the first byte of a state. 2: rest, evidence that adds up, and what
// fixes go through.
const stateVersion = 2

// AppendBinary appends the state: the latest fixes, where both were farthest
// apart, and the open events. It holds zones by their ID, so that it may be read
// by an Evaluator of another Config. It implements encoding.BinaryAppender.
func (e *Evaluator) AppendBinary(dst []byte) ([]byte, error) {
	if !e.persons[wearer].last.known() && !e.persons[protected].last.known() && len(e.spells) == 0 && !e.over {
		return dst, nil
	}
	dst = em.AppendBool(append(dst, stateVersion), e.over)
	for i := range e.persons {
		p := &e.persons[i]
		dst = appendFix(appendFix(dst, &p.last), &p.prev)
		sieve, err := p.sieve.AppendBinary(nil)
		if err != nil {
			return dst, fmt.Errorf("proximity: state: %w", err)
		}
		dst = em.AppendString(dst, string(sieve))
	}
	dst = em.AppendUint(dst, uint64(len(e.starts)))
	for i := range e.starts {
		s := &e.starts[i]
		dst = em.AppendInt(em.AppendInt(em.AppendFloat(em.AppendString(dst, s.about), s.sum), s.ended), s.at)
		for r := range s.from {
			dst = append(appendPosition(dst, s.from[r]), s.ids[r][:]...)
		}
	}
	dst = em.AppendUint(dst, uint64(len(e.spells)))
	var err error
	for i := range e.spells {
		s := &e.spells[i]
		if dst, err = s.told.AppendBinary(dst); err != nil {
			return dst, fmt.Errorf("proximity: state: %w", err)
		}
		dst = em.AppendInt(dst, s.run.first)
		for _, id := range s.run.ids {
			dst = append(dst, id[:]...)
		}
		dst = em.AppendBool(em.AppendFloat(dst, s.nearest), s.aligned)
	}
	return dst, nil
}

func appendPosition(dst []byte, p em.LatLng) []byte {
	return em.AppendFloat(em.AppendFloat(dst, p.Lat), p.Lng)
}

func appendFix(dst []byte, f *fix) []byte {
	dst = em.AppendBool(dst, f.known())
	if !f.known() {
		return dst
	}
	dst = appendPosition(em.AppendInt(dst, f.at), f.p)
	dst = em.AppendBool(em.AppendBool(em.AppendFloat(dst, f.r95), f.reported), f.rests)
	return append(em.AppendFloat(em.AppendOpt(dst, f.speed, em.AppendFloat), f.fast), f.id[:]...)
}

// UnmarshalBinary replaces the state by one that AppendBinary wrote. Errors wrap
// em.ErrState and leave the state as it was.
func (e *Evaluator) UnmarshalBinary(b []byte) error {
	n, err := New(e.c)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		*e = *n
		return nil
	}
	r := em.NewStateReader(b)
	if v := r.Bytes(1); v != nil && v[0] != stateVersion {
		r.Fail(fmt.Sprintf("proximity version %d", v[0]))
	}
	n.over = r.Bool()
	for i := range n.persons {
		p := &n.persons[i]
		p.last, p.prev = readFix(r), readFix(r)
		if err := p.sieve.UnmarshalBinary([]byte(r.String())); err != nil && r.Err() == nil {
			return fmt.Errorf("proximity: %w", err)
		}
		if p.prev.known() && !(p.last.known() && p.prev.at < p.last.at) {
			r.Fail("fixes out of order")
		}
	}
	for left := r.Len(); left > 0 && r.Err() == nil; left-- {
		s := start{about: r.String(), sum: r.Float(), ended: r.Int(), at: r.Int()}
		for i := range s.from {
			s.from[i], s.ids[i] = readPosition(r), readID(r)
		}
		s.far = metres(s.from[wearer]).between(metres(s.from[protected]))
		if k := len(n.starts); k > 0 && n.starts[k-1].about >= s.about {
			r.Fail("zones out of order")
		}
		if !(s.sum >= 0 && s.sum <= 1) {
			r.Fail("no sum of evidence")
		}
		n.starts = append(n.starts, s)
	}
	for left := r.Len(); left > 0 && r.Err() == nil; left-- {
		s := spell{told: em.ReadEvent(r)}
		s.run.first = r.Int()
		for i := range s.run.ids {
			s.run.ids[i] = readID(r)
		}
		s.nearest, s.aligned = r.Float(), r.Bool()
		t := &s.told
		if _, ok := spellWords[t.Detail.Kind]; !ok || !t.Open() || t.At.IsZero() || len(t.Because) > em.MaxBecause || !(s.nearest >= 0) {
			r.Fail("not an open proximity event")
		}
		if k := len(n.spells); k > 0 && compare(t.About, t.Detail.Kind, &n.spells[k-1].told) >= 0 {
			r.Fail("events out of order")
		}
		n.spells = append(n.spells, s)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("proximity: %w", err)
	}
	if again, err := n.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("proximity: %w: not canonical", em.ErrState)
	}
	*e = *n
	return nil
}

func readFix(r *em.StateReader) fix {
	if !r.Bool() {
		return fix{}
	}
	f := fix{at: r.Int(), p: readPosition(r), r95: r.Float(), reported: r.Bool(), rests: r.Bool(), speed: em.ReadOpt(r, (*em.StateReader).Float), fast: r.Float(), id: readID(r)}
	if !(f.r95 >= 0 && f.speed.V >= 0 && f.speed.V <= maxMeasured && f.fast >= 0 && f.fast <= maxMeasured) || math.IsInf(f.r95, 0) || !f.known() {
		r.Fail("not a usable fix")
	}
	f.m = metres(f.p)
	return f
}

func readPosition(r *em.StateReader) em.LatLng {
	p := em.LatLng{Lat: r.Float(), Lng: r.Float()}
	if !p.Valid() {
		r.Fail("not a position")
	}
	return p
}

func readID(r *em.StateReader) (id em.ObservationID) {
	copy(id[:], r.Bytes(len(id)))
	return id
}
