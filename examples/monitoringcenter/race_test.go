//go:build race

package main

import "testing"

// alone is for tests of the command in a process of its own: the race detector
// makes it many times slower, and package center's tests run with it. They run
// without it.
func alone(t *testing.T) {
	t.Helper()
	t.Skip("runs without the race detector")
}
