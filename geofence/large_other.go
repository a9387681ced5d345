//go:build !linux

package geofence

// makeLarge is make for what is read all over.
func makeLarge[T any](n int) []T { return make([]T, n) }

// settle is called when what makeLarge has made is filled.
func settle[T any]([]T) {}
