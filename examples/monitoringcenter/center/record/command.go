package record

import (
	"context"
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// Command is an order to a device, and how far it has come.
type Command struct {
	ID      int64
	Device  em.DeviceID
	Doc     []byte // JSON
	By      string // who gave it
	Created time.Time
	Expires time.Time // it is not sent any more from then on
	Changed time.Time // of State
	State   string
	Reason  string // why it is in this state, in words; may be empty
	Final   bool   // nothing more will happen to it
}

const commandColumns = `id, device, doc, by, created, expires, changed, state, reason, final`

func scanCommand(r row, c *Command) error {
	var created, expires, changed, final int64
	if err := r.Scan(&c.ID, &c.Device, (*document)(&c.Doc), &c.By, &created, &expires, &changed, &c.State, &c.Reason, &final); err != nil {
		return err
	}
	c.Created, c.Expires, c.Changed, c.Final = fromNanos(created), fromNanos(expires), fromNanos(changed), final != 0
	return nil
}

// AddCommand stores a new command and returns its number.
func (t *Tx) AddCommand(c Command) (int64, error) {
	return t.insert(`INSERT INTO command (device, doc, by, created, expires, changed, state, reason, final) VALUES (?,?,?,?,?,?,?,?,?) RETURNING id`,
		string(c.Device), string(c.Doc), c.By, nanos(c.Created), nanos(c.Expires), nanos(c.Changed), c.State, c.Reason, flag(c.Final))
}

// MoveCommand stores the state of a command.
func (t *Tx) MoveCommand(c Command) error {
	return t.exec(`UPDATE command SET changed = ?, state = ?, reason = ?, final = ? WHERE id = ?`, nanos(c.Changed), c.State, c.Reason, flag(c.Final), c.ID)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// OpenCommands returns those that are not final, oldest first.
func (t *Tx) OpenCommands() ([]Command, error) {
	return collect(t.ctx, t.tx, scanCommand, `SELECT `+commandColumns+` FROM command WHERE final = 0 ORDER BY id`)
}

// Command returns one command by its number.
func (s *Store) Command(ctx context.Context, id int64) (Command, error) {
	all, err := collect(ctx, s.r, scanCommand, `SELECT `+commandColumns+` FROM command WHERE id = ?`, id)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("record: no command %d", id)
	}
	if err != nil {
		return Command{}, err
	}
	return all[0], nil
}

// Commands returns the newest commands first, of one device or, where it is
// empty, of all; at most n with numbers below before (0 for no bound).
func (s *Store) Commands(ctx context.Context, device em.DeviceID, before int64, n int) ([]Command, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	return collect(ctx, s.r, scanCommand, `SELECT `+commandColumns+` FROM command WHERE id < ?1 AND (?2 = '' OR device = ?2) ORDER BY id DESC LIMIT ?3`, before, string(device), n)
}
