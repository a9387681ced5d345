package faultconn

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Faults says what happens to one direction of a connection. Drop to Cut are
// probabilities from 0 to 1, each for one unit and independent of the others,
// but that a unit which is lost cannot be anything else. The zero value is a
// sound line.
type Faults struct {
	Drop      float64 // the unit is lost
	Duplicate float64 // it comes twice
	Reorder   float64 // it comes after the next one; what waits so at Close is lost
	Flip      float64 // one bit of it is wrong
	Cut       float64 // the connection ends in the middle of it

	// Each unit takes a time drawn evenly from MinDelay to MaxDelay, one after the
	// other; no time where both are zero.
	MinDelay, MaxDelay time.Duration

	// Pieces, where above 0, splits the stream: no single read or write has more
	// than so many bytes, and on average half of that.
	Pieces int

	// Spare leaves so many units at the beginning alone, but for Pieces: a login,
	// say, without which nothing else can be tried.
	Spare int
}

func (f *Faults) check(direction string, framed bool) error {
	for _, p := range []struct {
		name string
		v    float64
	}{{"Drop", f.Drop}, {"Duplicate", f.Duplicate}, {"Reorder", f.Reorder}, {"Flip", f.Flip}, {"Cut", f.Cut}} {
		if !(p.v >= 0 && p.v <= 1) {
			return fmt.Errorf("faultconn: %s.%s is %v, not a probability from 0 to 1", direction, p.name, p.v)
		}
	}
	switch {
	case f.MinDelay < 0 || f.MaxDelay < f.MinDelay:
		return fmt.Errorf("faultconn: %s: a delay from %v to %v", direction, f.MinDelay, f.MaxDelay)
	case f.Pieces < 0 || f.Spare < 0:
		return fmt.Errorf("faultconn: %s: Pieces %d and Spare %d must not be negative", direction, f.Pieces, f.Spare)
	case !framed && (f.Duplicate > 0 || f.Reorder > 0):
		return fmt.Errorf("faultconn: %s: Duplicate and Reorder need Split: they act on whole frames", direction)
	}
	return nil
}

// Kind names a fault.
type Kind string

// Kinds of fault. Delays and pieces are no events.
const (
	Dropped    Kind = "drop"
	Duplicated Kind = "duplicate"
	Reordered  Kind = "reorder"
	Flipped    Kind = "flip"
	WasCut     Kind = "cut"
)

// Fault is one that happened.
type Fault struct {
	Written bool  // in what was written, else in what was read
	Unit    int64 // number of the frame or cell in its direction, from 0
	Kind    Kind
}

// fate is what becomes of one unit.
type fate struct {
	drop, duplicate, reorder, flip, cut bool
	where                               float64 // of the flipped bit or the cut, as a part of the unit
	delay                               time.Duration
}

// draw takes the same number of figures for every unit, so that the fate of the
// n-th depends on n alone.
func (f *Faults) draw(r *rand.Rand, unit int64) fate {
	var d [7]float64
	for i := range d {
		d[i] = r.Float64()
	}
	if unit < int64(f.Spare) {
		return fate{}
	}
	return fate{
		drop: d[0] < f.Drop, duplicate: d[1] < f.Duplicate, reorder: d[2] < f.Reorder, flip: d[3] < f.Flip, cut: d[4] < f.Cut,
		where: d[5], delay: f.MinDelay + time.Duration(d[6]*float64(f.MaxDelay-f.MinDelay)),
	}
}
