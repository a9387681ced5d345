package center

import (
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// Lateness by hand: what happened at noon, in minutes.
func TestLateness(t *testing.T) {
	at := func(m float64) time.Time {
		return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).Add(time.Duration(m * float64(time.Minute)))
	}
	runs := func(m ...float64) (all []record.Run) {
		for i := 0; i < len(m); i += 2 {
			all = append(all, record.Run{Began: at(m[i]), Seen: at(m[i+1])})
		}
		return all
	}
	for name, c := range map[string]struct {
		knowable, raised float64
		rules            bool
		runs             []record.Run
		want             string
	}{
		"at once":                               {0, 0, false, nil, ""},
		"four minutes":                          {4, 4, false, nil, ""},
		"a little more":                         {4.1, 4.1, false, nil, lateData},
		"kept in the device":                    {90, 90, false, runs(-600, 500), lateData},
		"nothing ran for an hour":               {0, 60, false, runs(-600, -1, 60, 60), lateDown},
		"ran again, and the device took 5 min.": {65, 65, false, runs(-600, -1, 60, 65), lateDown},
		"a restart of a minute while the device was away": {300, 300, false, runs(-600, 100, 101, 300), lateData},
		"received at once, evaluated later":               {0.5, 30, false, runs(-600, 30), lateBehind},
		"received late, evaluated even later":             {10, 30, false, runs(-600, 30), lateBehind},
		"the order came the next day":                     {1440, 1440, true, runs(-600, 1440), lateRules},
		"down twice":                                      {0, 60, false, runs(-600, -1, 20, 25, 58, 60), lateDown},
		"down before it happened":                         {30, 30, false, runs(-600, -60, -30, 30), lateData},
		"told knowable before it concluded":               {-5, 10, false, runs(-600, 10), lateBehind},
		"half by the data, half by the center":            {10, 20, false, nil, lateData},
	} {
		if got := lateness(at(0), at(c.knowable), at(c.raised), c.rules, c.runs); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
