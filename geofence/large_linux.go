package geofence

import (
	"syscall"
	"unsafe"
)

// Of the madvise of Linux. MADV_COLLAPSE is there since Linux 6.1.
const (
	hugePage     = 2 << 20
	madvCollapse = 25
)

// makeLarge is make for what is read all over: it asks the kernel for large
// pages, as otherwise the processor spends most of a lookup on translating
// addresses. The memory is Go's own, and the garbage collector frees it.
func makeLarge[T any](n int) []T {
	s := make([]T, n)
	advise(bytesOf(s), syscall.MADV_HUGEPAGE)
	return s
}

// settle is called when what makeLarge has made is filled: memory that Go had
// in use before has small pages, and those are put together now.
func settle[T any](s []T) { advise(bytesOf(s), madvCollapse) }

// advise advises the kernel about the whole large pages in some memory. Where it
// does not take the advice, lookups are slower: no harm.
func advise(b []byte, advice int) {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip := (start+hugePage-1)&^(hugePage-1) - start
	if end := uintptr(len(b)); end >= skip+hugePage {
		_ = syscall.Madvise(b[skip:skip+(end-skip)&^(hugePage-1)], advice)
	}
}
