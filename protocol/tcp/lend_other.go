//go:build !unix

package tcp

// lends: a read elsewhere needs its buffer while it waits.
const lends = false

func (c *lending) read(uintptr) bool { return true }
