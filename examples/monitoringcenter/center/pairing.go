package center

import (
	"os"
	"path/filepath"
)

// logFile names, in a center's folder, the log that its record was last evaluated with.
// A start that finds the record's database away goes on without it where the log is
// that one: devices are acknowledged, as they are by a center that runs meanwhile, and
// what they report is evaluated later. With any other log it waits: whether the two
// belong together the record alone can tell, and what another log took would be lost
// to it.
const logFile = "log.id"

// knowsLog reports whether the open log is that one.
func (c *Center) knowsLog() bool {
	id, err := os.ReadFile(filepath.Join(c.opts.DataDir, logFile))
	return err == nil && string(id) == c.journal.ID()
}

// noteLog writes which one it is. Without the file a later start waits longer, and that
// is all.
func (c *Center) noteLog() {
	if c.knowsLog() {
		return
	}
	if err := replaceFile(filepath.Join(c.opts.DataDir, logFile), []byte(c.journal.ID()), 0o600); err != nil {
		c.log.Warn("which log belongs to the record is not noted", "error", err)
	}
}
