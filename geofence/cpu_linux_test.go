package geofence_test

import (
	"syscall"
	"time"
)

// threadTime is the processor's time that this thread has taken; the goroutine
// is to be locked to it.
func threadTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(1 /* RUSAGE_THREAD */, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
