//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package geofence

import (
	"io"
	"os"
)

// mapFile reads a file.
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
	b = bytesOf(makeLarge[uint64](int(info.Size()+7) / 8))[:info.Size()]
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, nil, err
	}
	return b, nil, nil
}
