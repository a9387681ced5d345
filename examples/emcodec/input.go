package main

import (
	"fmt"
	"io"
	"os"
)

// longestInput bounds a frame, or frames, given whole.
const longestInput = 16 << 20

// open opens a file; - is standard input.
func (t *tool) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(t.in), nil
	}
	return os.Open(name)
}

// readBounded reads all that is not longer than most.
func readBounded(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("longer than %d bytes", most)
	}
	return b, err
}
