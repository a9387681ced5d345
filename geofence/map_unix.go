//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package geofence

import (
	"fmt"
	"os"
	"syscall"
)

// mapFile maps a file for reading, until release is called with the bytes.
func mapFile(path string) (b []byte, release func([]byte), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	size := info.Size()
	if size < int64(headerSize) || int64(int(size)) != size {
		return nil, nil, fmt.Errorf("%w: %d bytes", ErrIndexFile, size)
	}
	b, err = syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return b, func(b []byte) { _ = syscall.Munmap(b) }, nil // b is what Mmap returned: no error
}
