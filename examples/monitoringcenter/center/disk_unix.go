//go:build linux || darwin

package center

import "syscall"

// diskOf returns the size of the file system of a folder, and what we may still
// write to it, in bytes.
func diskOf(dir string) (size, free int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	unit := int64(s.Bsize)
	free = int64(s.Bavail) * unit
	return (int64(s.Blocks)-int64(s.Bfree))*unit + free, free, nil
}

// fileLimit is how many files, and so connections, the process may have open.
func fileLimit() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return int(min(r.Cur, 1<<30))
}
