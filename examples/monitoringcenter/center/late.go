package center

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// lateAfter is how long after its event concluded an incident may be raised
// without being late: NIJ Standard 1004.00 wants a violation told within four
// minutes. Unverified: taken from a description of the standard.
const lateAfter = 4 * time.Minute

// Why an incident was raised late.
const (
	lateDown   = "the center was down"
	lateData   = "the data came late"
	lateRules  = "the rules were entered later"
	lateBehind = "evaluation was behind"
)

// lateness tells whether an incident is late, and why: it was raised more than
// lateAfter after its event concluded. Of that time,
//
//   - what lies in a downtime of the center is owed to that;
//   - else, what lies before the instant at which all that was needed had been
//     received or entered (knowable) is owed to the data, or to the rules where
//     they were what was missing;
//   - the rest is owed to the center's own evaluation.
//
// The largest part is the reason; of equal ones the first.
func lateness(concluded, knowable, raised time.Time, rules bool, down []record.Run) string {
	if raised.Sub(concluded) <= lateAfter {
		return ""
	}
	if knowable.Before(concluded) {
		knowable = concluded
	}
	missing := knowable.Sub(concluded) - overlap(concluded, knowable, down)
	behind := raised.Sub(knowable) - overlap(knowable, raised, down)
	why, most := lateDown, overlap(concluded, raised, down)
	before := lateData
	if rules {
		before = lateRules
	}
	if missing > most {
		why, most = before, missing
	}
	if behind > most {
		why = lateBehind
	}
	return why
}

// overlap is how much of [from, to) lies between one run and the next.
func overlap(from, to time.Time, runs []record.Run) (sum time.Duration) {
	for i := 1; i < len(runs); i++ {
		a, b := runs[i-1].Seen, runs[i].Began
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		sum += max(0, b.Sub(a))
	}
	return sum
}

// runsKept bounds the downtimes that lateness looks at: a start a minute for 16
// hours.
const runsKept = 1000

// loadRuns notes that the center runs, and learns when it did before. Where another
// process has run since this one began, this one begins anew.
func (s *step) loadRuns() error {
	runs, err := s.tx.Runs(s.now.Add(-s.maxLate), runsKept)
	if err != nil {
		return err
	}
	began := s.began
	if n := len(runs); began.IsZero() || n > 0 && runs[n-1].Began.After(began) {
		began = s.now
	}
	if err := s.tx.Alive(began, s.now); err != nil {
		return err
	}
	runs, err = s.tx.Runs(s.now.Add(-s.maxLate), runsKept)
	// Restoring people raises what fell into the downtime: the runs count at once.
	s.engine.began, s.engine.runs = began, runs
	return err
}

// alive notes that the center still runs.
func (s *step) alive() error { return s.tx.Alive(s.began, s.now) }

// hear notes what is about to be fed, until heardAll.
func (s *step) hear(obs []em.Observation) {
	s.feeds = obs
	for i := range obs {
		if o := &obs[i]; o.Received.After(s.heard) {
			s.heard = o.Received
		}
	}
}

func (s *step) heardAll() { s.feeds, s.heard = nil, time.Time{} }

// reception is when what is fed was received, of several receptions the last.
func (s *step) reception(id em.ObservationID) (received time.Time, ok bool) {
	for i := range s.feeds {
		if s.feeds[i].ID == id {
			received, ok = s.feeds[i].Received, true
		}
	}
	return received, ok
}

// knowable is when the center first had what a change rests on.
func (s *step) knowable(c *em.Change) time.Time {
	if !s.knew.IsZero() {
		return s.knew
	}
	at := c.Event.Concluded
	received := s.heard // for a deadline within what was fed
	if r, ok := s.reception(c.Cause); ok {
		received = r
	}
	if s.entering {
		received = s.now
	}
	if received.After(at) {
		at = received
	}
	if at.After(s.now) {
		at = s.now
	}
	return at
}
