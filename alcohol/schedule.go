package alcohol

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// TestKind says why a test was taken.
type TestKind string

// Kinds of test. Client is also the kind of every test outside all windows.
const (
	Scheduled TestKind = "scheduled"
	Random    TestKind = "random"
	OnDemand  TestKind = "on_demand"
	Client    TestKind = "client" // the wearer started it
	// ToZero follows a failed test, again and again until the wearer is below
	// the limit. A high result there is no second failure, and no confirmation
	// is asked for. Ask for one only after a failure.
	ToZero TestKind = "test_to_zero"
)

// Test is one request: blow at some time in [From, To).
type Test struct {
	ID       string // the center's own name for the request; only told, never judged
	Kind     TestKind
	From, To time.Time // UTC
}

// ErrSchedule is wrapped by errors about impossible windows.
var ErrSchedule = errors.New("impossible test window")

func (t Test) check() error {
	switch t.Kind {
	case Scheduled, Random, OnDemand, Client, ToZero:
	default:
		return fmt.Errorf("alcohol: test %q: %w: unknown kind %q", t.ID, ErrSchedule, t.Kind)
	}
	if t.From.IsZero() || !t.From.Before(t.To) {
		return fmt.Errorf("alcohol: test %q: %w: [%s, %s)", t.ID, ErrSchedule, t.From, t.To)
	}
	return nil
}

// Schedule yields the tests whose window ends after an instant, in the order of
// time and without overlap; it may go on for ever. It is a pure function: the
// same instant gives the same tests. Nil means that no tests are asked for.
type Schedule func(after time.Time) iter.Seq[Test]

// List returns the schedule of a list of tests in any order. Errors wrap
// ErrSchedule: an empty window, an unknown kind, two windows that overlap.
func List(tests ...Test) (Schedule, error) {
	tests = slices.Clone(tests)
	for i, t := range tests {
		if err := t.check(); err != nil {
			return nil, err
		}
		tests[i].From, tests[i].To = t.From.Round(0).UTC(), t.To.Round(0).UTC()
	}
	slices.SortFunc(tests, func(a, b Test) int { return a.From.Compare(b.From) })
	for i := 1; i < len(tests); i++ {
		if tests[i].From.Before(tests[i-1].To) {
			return nil, fmt.Errorf("alcohol: tests %q and %q: %w: they overlap", tests[i-1].ID, tests[i].ID, ErrSchedule)
		}
	}
	return func(after time.Time) iter.Seq[Test] {
		i, _ := slices.BinarySearchFunc(tests, after, func(t Test, after time.Time) int {
			if t.To.After(after) {
				return 1
			}
			return -1
		})
		return slices.Values(tests[i:])
	}, nil
}
