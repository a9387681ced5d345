package curfew

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// Finality says whether late data can still change a verdict.
type Finality uint8

// The stages of a verdict.
const (
	Provisional     Finality = iota // data of its time may still come
	Final                           // the devices have delivered all
	FinalIncomplete                 // they have not, and it is too late for it: em.Config.MaxLate has passed
)

var finalities = [...]string{"PROVISIONAL", "FINAL", "FINAL_INCOMPLETE"}

// String returns "PROVISIONAL", "FINAL" or "FINAL_INCOMPLETE".
func (f Finality) String() string {
	if int(f) < len(finalities) {
		return finalities[f]
	}
	return fmt.Sprintf("finality(%d)", f)
}

// FinalityOf says how final an event is, for devices that have delivered all
// that happened before complete (see Watermark; zero if unknown), at the wall
// clock's now, where the Timeline takes data up to maxLate late. It asks for the
// instant at which the event was concluded, which may lie behind its end: what
// came after the end shows what came before it. An open event is provisional.
func FinalityOf(ev *em.Event, complete, now time.Time, maxLate time.Duration) Finality {
	switch {
	case ev.Open():
		return Provisional
	case complete.After(ev.Concluded):
		return Final
	case now.Sub(ev.Concluded) > maxLate:
		return FinalIncomplete
	}
	return Provisional
}

// Watermark follows up to when one device has delivered all its data. It begins
// with Empty, which the device says of itself, and goes on from there as long as
// the serial numbers of its frames have no gap. For devices that number what
// they record, in that order; of others only Empty tells.
//
// When numbers begin again, after a restart of the device or of the session that
// unwraps them, nobody knows what was lost: the watermark stands until the next
// Empty. So it does if more than MaxOutstanding frames have overtaken a missing
// one. It never goes back. The zero Watermark has seen nothing. It is for one
// goroutine.
type Watermark struct {
	complete time.Time
	next     uint64 // the number that is missing
	counting bool   // next means something
	top      uint64 // highest number seen since numbers began
	any      bool
	ahead    map[uint64]time.Time
}

// MaxOutstanding bounds what a Watermark remembers: a day of a frame a minute
// three times over.
const MaxOutstanding = 4096

// Observe takes an observation of the device, in the order of reception.
func (w *Watermark) Observe(o *em.Observation) {
	if !o.Seq.OK {
		return
	}
	n := o.Seq.V
	switch {
	case !w.counting:
		if !w.any || n > w.top {
			w.top, w.any = n, true
		}
	case n >= w.next:
		w.top = max(w.top, n)
		if at, ok := w.ahead[n]; ok || n == w.next || len(w.ahead) < MaxOutstanding {
			if w.ahead == nil {
				w.ahead = map[uint64]time.Time{}
			}
			w.ahead[n] = later(at, o.At)
		}
		for {
			at, ok := w.ahead[w.next]
			if !ok {
				break
			}
			w.complete = later(w.complete, at)
			delete(w.ahead, w.next)
			w.next++
		}
	case n+1 < w.next && o.At.After(w.complete): // numbers have begun again
		*w = Watermark{complete: w.complete, top: n, any: true}
	case o.At.After(w.complete): // another part of the last frame
		w.complete = o.At
	}
}

// Empty takes the device's word that nothing of before at is left to send.
func (w *Watermark) Empty(at time.Time) {
	w.complete = later(w.complete, at.Round(0).UTC())
	if w.any {
		w.counting, w.next, w.ahead = true, w.top+1, nil
	}
}

// Complete is the instant before which nothing more will come; zero if unknown.
func (w *Watermark) Complete() time.Time { return w.complete }

// Complete is the least of several devices' watermarks, for em.Timeline.Complete:
// zero while it is unknown of one.
func Complete(devices ...*Watermark) time.Time {
	var least time.Time
	for i, w := range devices {
		if i == 0 || w.complete.Before(least) {
			least = w.complete
		}
	}
	return least
}

// Skew follows by how much the clock of one device is wrong, from the frames
// that it sends at once. What the way takes makes a clock look slow and never
// fast, so that the least of the last three offsets counts, and a slow clock has
// to show three times; after a clock was set, two frames are still corrected by
// what it was before. The zero Skew knows of none. It is for one goroutine.
type Skew struct {
	last [3]time.Duration
	n    int
}

// MaxSkew is how wrong a clock may be before it is corrected.
const MaxSkew = 60 * time.Second

// Contact takes a frame that the device sent as soon as it had made it: stored
// ones say nothing of the clock.
func (s *Skew) Contact(deviceAt, received time.Time) {
	s.last[s.n%len(s.last)] = received.Sub(deviceAt)
	s.n++
}

// Offset is what is to be added to the device's times: in full seconds, and zero
// where they are right within MaxSkew.
func (s *Skew) Offset() time.Duration {
	n := min(s.n, len(s.last))
	if n == 0 {
		return 0
	}
	least := s.last[0]
	for _, d := range s.last[1:n] {
		least = min(least, d)
	}
	least = least.Round(time.Second)
	if least.Abs() <= MaxSkew || least > 0 && n < len(s.last) {
		return 0
	}
	return least
}

// Correct returns the observation with its At moved by Offset, for when it is
// first stored. DeviceAt stays, so that the correction can be seen: events that
// rest on it say so. An observation without a device's time stays as it is.
func (s *Skew) Correct(o em.Observation) em.Observation {
	if !o.DeviceAt.IsZero() {
		o.At = o.DeviceAt.Add(s.Offset())
	}
	return o
}
