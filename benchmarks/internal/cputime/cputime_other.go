//go:build !linux

package cputime

import "time"

// What says what Thread returns.
const What = "time passed (CPU time is read on Linux only)"

var start = time.Now()

// Thread is the time that has passed.
func Thread() time.Duration { return time.Since(start) }

// Process is the time that has passed.
func Process() time.Duration { return time.Since(start) }
