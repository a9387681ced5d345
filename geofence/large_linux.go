package geofence

import (
	"syscall"
	"unsafe"
)

// makeLarge is make for what is read all over: it asks the kernel for large
// pages, as otherwise the processor spends most of a lookup on translating
// addresses. The memory is Go's own, and the garbage collector frees it.
func makeLarge[T any](n int) []T {
	s := make([]T, n)
	var zero T
	const page = 2 << 20
	if size := uintptr(n) * unsafe.Sizeof(zero); size >= 2*page {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
		skip := (start+page-1)&^(page-1) - start
		b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size)
		_ = syscall.Madvise(b[skip:skip+(size-skip)&^(page-1)], syscall.MADV_HUGEPAGE) // slower without: no harm
	}
	return s
}
