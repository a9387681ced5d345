package alcohol

import (
	"math/big"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Classes of the events of this package. What follows a class is its severity.
const (
	ClassStarted    = "STARTED"     // info, open: no valid sample yet
	ClassConfirmDue = "CONFIRM_DUE" // warning, open: a second sample is awaited

	ClassPassed               = "PASSED"                         // info
	ClassFailed               = "FAILED"                         // violation: two samples agree at or above the limit
	ClassMissedConfirmation   = "FAILED_MISSED_CONFIRMATION"     // violation: no second sample; warning where the instrument was never heard again
	ClassIncompleteConfirm    = "FAILED_INCOMPLETE_CONFIRMATION" // violation: the second sample was begun and never given
	ClassAbnormalConfirmation = "FAILED_ABNORMAL_CONFIRMATION"   // warning: two samples at or above the limit that differ too much
	ClassAtThreshold          = "AT_THRESHOLD"                   // warning: too near to a limit to call
	ClassMouthAlcohol         = "MOUTH_ALCOHOL_SUSPECTED"        // warning, no failure: the second sample is far below the first
	ClassNotConfirmed         = "NOT_CONFIRMED"                  // info, no failure: the second sample is below the limit
	ClassStillAbove           = "STILL_ABOVE"                    // warning: not yet below the limit in a test to zero

	ClassPendingReview = "PENDING_REVIEW" // warning: whose breath it was, or what it means, is for a person to say
	ClassIncomplete    = "INCOMPLETE"     // warning if the test was asked for, else info; technical where only the instrument is to blame
	ClassAmbient       = "AMBIENT"        // technical: alcohol in the air
	ClassUncalibrated  = "UNCALIBRATED"   // technical: after calibration was due, no evidence
	ClassNotComparable = "NOT_COMPARABLE" // technical: the figure cannot be related to the limit

	ClassMissed      = "MISSED"       // warning: no sample in the window, and the instrument was heard since
	ClassNotReceived = "NOT_RECEIVED" // technical: no sample, but nothing heard from the instrument either; warning for a confirmation

	ClassCalibrationDue = "CALIBRATION_DUE" // technical
)

// sample is a valid sample of the wearer's, as it was given.
type sample struct {
	id     em.ObservationID
	device em.DeviceID
	at     time.Time
	given  em.AlcoholReading // Value, Unit, Ratio and Identity only
	over   bool              // above what the instrument measures
}

// phase of a session. A session that has its verdict is no longer kept.
type phase uint8

const (
	trying     phase = iota + 1 // no valid sample yet
	confirming                  // the first sample was positive
	overdue                     // no confirmation came, and nothing was heard since
)

// tries counts the samples of a phase that decide nothing.
type tries struct {
	early    uint64 // before Wait was over
	invalid  uint64 // flow, volume, interrupted
	aborted  uint64
	sensor   uint64 // the instrument refused
	ambient  uint64
	unjudged uint64 // not the wearer's for certain, uncalibrated or not comparable
}

func (t *tries) total() uint64 {
	return t.early + t.invalid + t.aborted + t.sensor + t.ambient + t.unjudged
}

// session is one breath test from its first sample to its verdict.
type session struct {
	test    Test        // zero From: the wearer started it outside all windows
	device  em.DeviceID // of the last sample that the session took
	anchor  time.Time   // the window's start, or the first sample
	first   time.Time   // first sample
	phase   phase       //
	screen  sample      // from confirming on
	before  uint64      // tries before the valid sample
	tries   tries       // of this phase
	air     time.Time   // trying: first of the samples refused for alcohol in the air
	alert   bool        // trying: the air still had alcohol at the retry
	because []em.ObservationID
}

func (s *session) requested() bool { return !s.test.From.IsZero() }

// maxTries bounds the tries that a session keeps by ID, so that the two samples
// of a pair always fit into Event.Because. All tries are counted.
const maxTries = em.MaxBecause - 2

// note keeps a try as evidence: the first half and the latest stay.
func (s *session) note(id em.ObservationID) {
	if len(s.because) == maxTries {
		s.because = slices.Delete(s.because, maxTries/2, maxTries/2+1)
	}
	s.because = append(s.because, id)
}

// count adds a sample that cannot be used, by its status.
func (t *tries) count(st em.SampleStatus) {
	switch st {
	case em.SampleInvalid:
		t.invalid++
	case em.SampleAborted:
		t.aborted++
	case em.SampleAmbient:
		t.ambient++
	default:
		t.sensor++
	}
}

// expired is the verdict on a session whose time is over.
func (s *session) expired(seen bool) string {
	t := &s.tries
	own := t.invalid + t.aborted
	refused := t.sensor + t.ambient
	if s.phase == trying {
		switch {
		case seen:
			return ClassPendingReview
		case own == 0 && t.ambient > 0:
			return ClassAmbient
		}
		return ClassIncomplete
	}
	switch {
	case t.unjudged > 0:
		return ClassPendingReview
	case own > 0:
		return ClassIncompleteConfirm
	case refused > 0:
		return ClassPendingReview
	}
	return ClassMissedConfirmation
}

// pair is a screening sample and its confirmation in the rule's unit.
type pair struct {
	r, c         *big.Rat // nil: above what the instrument measures
	lower, upper *big.Rat // nil as above
	diff         *big.Rat // nil: not known
}

func newPair(r, c *big.Rat) pair {
	p := pair{r: r, c: c}
	switch {
	case r == nil:
		p.lower = c
	case c == nil:
		p.lower = r
	case r.Cmp(c) < 0:
		p.lower, p.upper = r, c
	default:
		p.lower, p.upper = c, r
	}
	if r != nil && c != nil {
		p.diff = new(big.Rat).Sub(p.upper, p.lower)
	}
	return p
}

// judge is the verdict on a pair: the first that holds.
func (l *limits) judge(p pair) string {
	apart := p.diff == nil || p.diff.Cmp(l.tol) > 0
	switch {
	case l.near(p.r, l.screen) || l.near(p.c, l.confirm):
		return ClassAtThreshold
	case reaches(p.c, l.confirm) && apart:
		return ClassAbnormalConfirmation
	case reaches(p.c, l.confirm):
		return ClassFailed
	case apart && (p.r == nil || p.r.Cmp(p.c) > 0):
		return ClassMouthAlcohol
	}
	return ClassNotConfirmed
}

func (l *limits) near(x, limit *big.Rat) bool {
	if x == nil || l.guard.Sign() == 0 {
		return false
	}
	d := new(big.Rat).Sub(x, limit)
	return d.Abs(d).Cmp(l.guard) <= 0
}

// reaches reports whether x is at or above the limit; nil is above everything.
func reaches(x, limit *big.Rat) bool { return x == nil || x.Cmp(limit) >= 0 }

// severity proposes how urgent a class is.
func (s *session) severity(class string, heard bool) em.Severity {
	switch class {
	case ClassStarted, ClassPassed, ClassNotConfirmed:
		return em.Info
	case ClassFailed, ClassIncompleteConfirm:
		return em.Violation
	case ClassMissedConfirmation:
		if heard {
			return em.Violation
		}
		return em.Warning
	case ClassAmbient:
		return em.Technical
	case ClassIncomplete:
		switch {
		case !s.requested():
			return em.Info
		case s.tries.invalid+s.tries.aborted == 0:
			return em.Technical
		}
	}
	return em.Warning
}
