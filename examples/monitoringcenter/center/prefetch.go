package center

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// prefetched is how many reports, or subjects, are read ahead together: see em.Prefetch.
const prefetched = record.Prefetched

// prefetchReports reads what the next reports come to; prefetched at most.
func (s *step) prefetchReports(next []journal.Entry) {
	var room [prefetched]em.DeviceID
	devices := room[:0]
	for i := range next {
		devices = append(devices, next[i].Device)
	}
	s.prefetchDevices(devices)
	s.tx.Prefetch(devices)
}

// prefetchDevices reads what the engine itself knows of them. What it returns is
// nothing but a reason to read.
//
//go:noinline
func (s *step) prefetchDevices(devices []em.DeviceID) (sum int) {
	for _, d := range devices {
		sum += len(s.roster.Carrier(d, time.Time{})) // nobody: it has looked
	}
	for _, d := range devices {
		sum += int(s.speakers[d].now.number)
	}
	return sum
}

// prefetchSubjects reads what feeding the next subjects comes to; prefetched at most.
func prefetchSubjects(next []*subject) {
	var room [prefetched]*em.Timeline
	timelines := room[:0]
	for _, sub := range next {
		timelines = append(timelines, sub.tl)
	}
	em.Prefetch(timelines)
}
