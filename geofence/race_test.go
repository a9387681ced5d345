//go:build race

package geofence_test

import "testing"

// alone is for tests that compute much, in one goroutine: the race detector has
// nothing to find there and makes them many times slower. They run without it.
func alone(t *testing.T) {
	t.Helper()
	t.Skip("runs without the race detector")
}
