//go:build race

package curfew_test

// rounds of random histories: a quarter of them with the race detector, which finds
// nothing in one goroutine and makes it ten times slower. All run without it.
func rounds(n uint64) uint64 { return max(1, n/4) }

const raceDetector = true
