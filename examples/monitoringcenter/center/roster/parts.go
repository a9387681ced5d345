package roster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// parts is one evaluator made of several of one clock, told apart by name, whose
// number changes with the order: an em.Timeline wants always the same evaluators
// in the same places. A part that the order no longer has goes on as rest(name),
// an evaluator that asks for nothing, until what it had opened is closed.
type parts struct {
	list []part // in the order of their names
	rest func(name string) (em.Evaluator, error)
}

type part struct {
	name string
	em.Evaluator
	old bool // the order no longer has it
}

func (p *part) compare(name string) int { return strings.Compare(p.name, name) }

// add puts a part in its place.
func (ps *parts) add(name string, e em.Evaluator, old bool) error {
	i, found := slices.BinarySearchFunc(ps.list, name, func(p part, name string) int { return p.compare(name) })
	if found {
		return fmt.Errorf("%q is named twice", name)
	}
	ps.list = slices.Insert(ps.list, i, part{name, e, old})
	return nil
}

// Clock implements em.Evaluator: all that an order may have several of goes by
// the time of the event.
func (ps *parts) Clock() em.Clock { return em.EventTime }

// Heeds implements em.Selective: where there is no part there is nothing to do. One that
// the order no longer has comes by UnmarshalBinary.
func (ps *parts) Heeds(em.BodyKind) bool { return len(ps.list) > 0 }

func (ps *parts) Observe(dst []em.Event, o em.Observation) []em.Event {
	for _, p := range ps.list {
		dst = p.Observe(dst, o)
	}
	ps.sweep()
	return dst
}

func (ps *parts) Deadline() (at time.Time) {
	for _, p := range ps.list {
		if d := p.Deadline(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
			at = d
		}
	}
	return at
}

func (ps *parts) Wake(dst []em.Event, at time.Time) []em.Event {
	for _, p := range ps.list {
		if d := p.Deadline(); !d.IsZero() && !d.After(at) || p.old {
			dst = p.Wake(dst, at)
		}
	}
	ps.sweep()
	return dst
}

// sweep drops old parts that wait for nothing any more.
func (ps *parts) sweep() {
	ps.list = slices.DeleteFunc(ps.list, func(p part) bool { return p.old && p.Deadline().IsZero() })
}

func (ps *parts) AppendBinary(dst []byte) ([]byte, error) {
	if len(ps.list) == 0 {
		return dst, nil
	}
	dst = em.AppendUint(dst, uint64(len(ps.list)))
	for _, p := range ps.list {
		state, err := p.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		dst = em.AppendString(em.AppendString(dst, p.name), string(state))
	}
	return dst, nil
}

// UnmarshalBinary implements em.Evaluator. After an error the parts may differ in
// whose state they have, and em.Timeline gives them another.
func (ps *parts) UnmarshalBinary(b []byte) error {
	states := map[string]string{}
	if len(b) > 0 {
		r := em.NewStateReader(b)
		for n := r.Len(); n > 0 && r.Err() == nil; n-- {
			name := r.String()
			if _, twice := states[name]; twice {
				r.Fail("a part that comes twice")
			}
			states[name] = r.String()
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	list := slices.DeleteFunc(slices.Clone(ps.list), func(p part) bool { return p.old })
	n := parts{list, ps.rest}
	for _, p := range list {
		if err := p.UnmarshalBinary([]byte(states[p.name])); err != nil {
			return err
		}
		delete(states, p.name)
	}
	for name, state := range states {
		e, err := ps.rest(name)
		if err == nil {
			err = e.UnmarshalBinary([]byte(state))
		}
		if err == nil {
			err = n.add(name, e, true)
		}
		if err != nil {
			return fmt.Errorf("%w: %q: %w", em.ErrState, name, err)
		}
	}
	*ps = n
	return nil
}
