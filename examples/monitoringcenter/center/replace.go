package center

import (
	"io/fs"
	"os"
)

// replaceFile writes a file, whole or not at all.
func replaceFile(name string, data []byte, perm fs.FileMode) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, data, perm); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
