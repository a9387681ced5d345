package center

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// draws tells of a person's tests at random on a local date. Before the day is
// over everywhere on earth it tells the digest of the month's key alone, and the
// key only once the month is: whoever has it knows all the month's tests.
func (e *engine) draws(ctx context.Context, actor, person, date string) (d web.Draws, err error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return d, fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	const westernmost = 12 * time.Hour // behind UTC
	dayOver := day.AddDate(0, 0, 1).Add(westernmost)
	monthOver := time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC).Add(westernmost)
	err = e.do(ctx, func(s *step) error {
		key := roster.MonthKey(s.roster.Key(), date)
		d.KeyDigest = roster.KeyDigest(key)
		if !s.now.Before(monthOver) {
			d.Key = hex.EncodeToString(key)
		}
		return s.tx.Audit(s.now, actor, "read draws", "person "+person, map[string]any{"date": date, "key_sha256": d.KeyDigest, "key_shown": d.Key != ""})
	})
	if err != nil || time.Now().Before(dayOver) {
		return d, err
	}
	rules, err := e.store.RulesAt(ctx, person, dayOver)
	if err != nil || rules == nil {
		return d, err
	}
	drawn, err := roster.Draws(rules, date)
	if errors.Is(err, roster.ErrNoDraws) {
		return d, nil
	}
	d.Plan, d.Open, d.Fixed, d.Tests = &drawn.Plan, drawn.Day.Open, drawn.Day.Fixed, drawn.Tests
	return d, err
}
