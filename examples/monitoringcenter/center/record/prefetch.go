package record

import "github.com/sargas-em/em"

// Prefetched is how many devices Prefetch looks at.
const Prefetched = 16

// Prefetch reads what AddObservation of each device begins with, of all at once: see
// em.Prefetch. It is for the next Prefetched at most. What it returns is nothing but a
// reason to read.
//
//go:noinline
func (t *Tx) Prefetch(devices []em.DeviceID) (sum int) {
	var (
		known [Prefetched]*carriers
		slots [Prefetched]*slot
		all   [Prefetched]*stream
		opens [Prefetched]*open
	)
	n := 0
	for _, d := range devices[:min(len(devices), Prefetched)] {
		if c := t.s.devices[d]; c != nil {
			known[n] = c
			n++
		}
	}
	n, of := 0, n
	for _, c := range known[:of] {
		if len(c.own) > 0 {
			slots[n] = c.own[len(c.own)-1]
			n++
		}
	}
	n, of = 0, n
	for _, l := range slots[:of] {
		if all[n] = l.look(); all[n] != nil {
			n++
		}
	}
	n, of = 0, n
	for _, s := range all[:of] {
		if len(s.open) > 0 {
			opens[n] = s.open[len(s.open)-1]
			n++
		}
	}
	for _, o := range opens[:n] {
		if len(o.data) > 0 {
			sum += int(o.data[len(o.data)-1])
		}
	}
	for _, o := range opens[:n] {
		if o.coder == nil {
			continue
		}
		sum += o.coder.n + len(o.coder.newestOf) + int(o.coder.sats)
		for _, b := range o.coder.bodies {
			if b != "" {
				sum += int(b[0])
			}
		}
	}
	return sum
}
