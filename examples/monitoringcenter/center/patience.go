package center

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// A process that starts while an external log is away waits for it, as one does that
// runs, and so for the record's database where it cannot do without (pairing.go): a
// supervisor that starts it again and again takes ever longer between two attempts.
// What it waits for is in its log, at once and then by the minute, and in its health.
// It ends where something else is wrong.
const (
	tryEvery  = time.Second
	tellEvery = time.Minute
	openFor   = 5 * time.Second // one attempt to open the log
)

// patient calls f until it fails otherwise than because what it needs is away. A record
// that another process evaluates is there: this one has started, and stands by.
func (s *starting) patient(ctx context.Context, log *slog.Logger, needs string, f func() error) error {
	begun, told := time.Now(), time.Time{}
	s.needs.Store(&needs)
	defer s.needs.Store(nil)
	for {
		err := f()
		if err == nil || errors.Is(err, record.ErrOwned) || !passing(err) {
			return err
		}
		if ctx.Err() == nil && time.Since(told) >= tellEvery {
			told = time.Now()
			log.Warn("the start waits", "for", needs, "since", time.Since(begun).Round(time.Second), "error", err)
		}
		if !wait(ctx, tryEvery) {
			return errStart
		}
	}
}

// errStart: the process was stopped before all that it needs was there.
var errStart = errors.New("center: stopped while it waited to start")

// openLog opens the log, as soon as it is there.
func (s *starting) openLog(ctx context.Context, cfg journal.Config, log *slog.Logger) (j *journal.Journal, err error) {
	cfg.Wait = openFor
	err = s.patient(ctx, log, "the log", func() (err error) {
		j, err = journal.Open(ctx, cfg)
		return err
	})
	return j, err
}
