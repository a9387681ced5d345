package proximity

import (
	"time"

	"github.com/sargas-em/em"
)

// Worst is the worst case of the first zone at an instant.
func (e *Evaluator) Worst(at time.Time) float64 {
	z := &e.zones[0]
	return e.worst(z, e.lastKnown(z), at.UnixNano())
}

// LevelOf is what an open event of a kind makes of the level.
func LevelOf(k em.EventKind) Level { return levelOf[k] }
