package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// What says what Thread returns.
const What = "CPU time of the thread"

// Thread is the CPU time that the calling thread has taken; lock the goroutine
// to its thread before.
func Thread() time.Duration { return usage(unix.RUSAGE_THREAD) }

// Process is the CPU time that all threads have taken.
func Process() time.Duration { return usage(unix.RUSAGE_SELF) }

func usage(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		panic(err) // both are always there on Linux
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
