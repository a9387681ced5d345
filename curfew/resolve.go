package curfew

import "time"

// Resolve turns a local time into an instant as a Schedule does: the only one;
// of a local time that comes twice the earlier for a start and the later for an
// end; of one that does not exist, that shifted forward by the gap. What counts
// of local is what its clock shows, not its location.
func Resolve(loc *time.Location, local time.Time, isEnd bool) time.Time {
	y, m, d := local.Date()
	wall := time.Date(y, m, d, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
	k := clock{loc: loc}
	return k.resolve(wall, edge(isEnd))
}
