//go:build !race

package curfew_test

// rounds of random histories.
func rounds(n uint64) uint64 { return n }

const raceDetector = false
