//go:build !race

package main

import "testing"

// alone does nothing without the race detector.
func alone(*testing.T) {}
