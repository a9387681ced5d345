package geofence

import "math"

// permitted reports whether a fix may be on a permitted route whose rule is in
// force: its circle is not all outside. Within clear metres of it there is no
// edge of a route; free says that it is on none, in force or not.
func (t *Tracker) permitted(q *reading) (permitted, free bool, clear float64) {
	free, clear = true, math.Inf(1)
	for _, i := range t.routes {
		d := t.x.Distance(i, q.p)
		clear = min(clear, abs(d))
		if d > q.r95 {
			continue
		}
		free = false
		if z := t.x.at(i); t.inForce(z, q.at) {
			permitted = true
		}
	}
	return permitted, free, clear
}
