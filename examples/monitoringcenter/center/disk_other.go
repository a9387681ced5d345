//go:build !linux && !darwin

package center

import "errors"

// diskOf is not known here.
func diskOf(string) (size, free int64, err error) { return 0, 0, errors.ErrUnsupported }

// fileLimit is not known here.
func fileLimit() int { return 0 }
