//go:build !race

package geofence_test

import "testing"

// alone does nothing without the race detector.
func alone(*testing.T) {}
