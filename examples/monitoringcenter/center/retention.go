package center

import (
	"context"
	"fmt"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// settled is for how long beyond MaxLate tracks are kept at least: late data is
// judged by what happened around it.
const settled = 48 * time.Hour

// checkKeep refuses to forget what may still be judged.
func (o *Options) checkKeep() error {
	if o.Keep.Tracks < 0 || o.Keep.Frames < 0 {
		return fmt.Errorf("center: evidence kept for a negative time")
	}
	if k := o.Keep.Tracks; k > 0 && k < o.MaxLate+settled {
		return fmt.Errorf("center: tracks kept for %v: reports that are %v late are judged, so keep them for %v at least", k, o.MaxLate, o.MaxLate+settled)
	}
	return nil
}

// dropEvery is how often the engine looks for days that are kept no longer.
const dropEvery = time.Hour

// drop drops one day of evidence, if there is one that is kept no longer: more
// would hold up what the log has.
func (e *engine) drop(ctx context.Context, now time.Time) error {
	if e.keep == (record.Retention{}) || now.Before(e.dropNext) {
		return nil
	}
	return e.update(ctx, func(s *step) error {
		d, err := s.tx.Drop(s.now, s.keep)
		if err != nil {
			return err
		}
		if d == nil {
			s.engine.dropNext = now.Add(dropEvery)
			return nil
		}
		return s.audit("drop", "day "+d.Day.Format(time.DateOnly), map[string]bool{"tracks": d.Tracks, "frames": d.Frames})
	})
}
