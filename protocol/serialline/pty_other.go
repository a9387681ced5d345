//go:build !linux

package serialline

import (
	"errors"
	"fmt"
	"os"
)

// OpenPTY makes a pair of pseudo-terminals on Linux. Here the error wraps
// errors.ErrUnsupported.
func OpenPTY() (master *os.File, slave string, err error) {
	return nil, "", fmt.Errorf("serialline: pseudo-terminals are made on Linux only: %w", errors.ErrUnsupported)
}
