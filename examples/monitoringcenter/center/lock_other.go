//go:build !unix

package center

// lockDir does nothing here: the stores' own locks are all there is.
func lockDir(string) (unlock func(), err error) { return func() {}, nil }
