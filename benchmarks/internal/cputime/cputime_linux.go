package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// What says what Thread returns.
const What = "CPU time of the thread"

// Thread is the CPU time that the calling thread has taken; lock the goroutine
// to its thread before. The clock is read, not getrusage: that one sums the same
// time up, but for a running thread only as of the last tick.
func Thread() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

// Process is the CPU time that all threads have taken.
func Process() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

func clock(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		panic(err) // both are always there on Linux
	}
	return time.Duration(t.Nano())
}
