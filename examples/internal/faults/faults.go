// Package faults is what tests of faults share: how many rounds they make, and a
// cluster whose servers can be killed.
package faults

import (
	"os"
	"strconv"
	"testing"
)

// Rounds returns how many rounds a test of faults makes: n, or as many as
// EM_ROUNDS says.
func Rounds(t testing.TB, n int) int {
	t.Helper()
	s := os.Getenv("EM_ROUNDS")
	if s == "" {
		return n
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("EM_ROUNDS=%s is not a positive number", s)
	}
	return n
}
