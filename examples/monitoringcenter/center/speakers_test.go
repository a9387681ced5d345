package center

import (
	"testing"
	"time"
)

// Who is found to speak under an identity that another took over, by the order of
// the log and the times of reception in seconds.
func TestSpeakers(t *testing.T) {
	type report struct {
		gateway  string
		number   uint64
		received float64
		conflict bool
	}
	for name, log := range map[string][]report{
		"one connection":               {{"a", 1, 0, false}, {"a", 1, 1, false}, {"a", 1, 2, false}},
		"it comes back on another":     {{"a", 1, 0, false}, {"a", 2, 1, false}, {"a", 2, 2, false}, {"a", 3, 3, false}},
		"two at one gateway":           {{"a", 1, 0, false}, {"a", 2, 1, false}, {"a", 1, 2, true}, {"a", 2, 3, true}},
		"two at two gateways":          {{"a", 1, 0, false}, {"b", 1, 1, false}, {"a", 1, 2, true}},
		"a slow gateway's report":      {{"a", 1, 0, false}, {"b", 1, 2, false}, {"a", 1, 1, false}, {"b", 1, 3, false}, {"b", 1, 4, false}},
		"slow, and then a conflict":    {{"a", 1, 0, false}, {"b", 1, 2, false}, {"a", 1, 1, false}, {"b", 1, 3, false}, {"a", 1, 4, true}},
		"back by way of a third":       {{"a", 1, 0, false}, {"b", 1, 1, false}, {"c", 1, 2, false}, {"a", 1, 3, false}, {"c", 1, 4, true}},
		"at the instant of a takeover": {{"a", 1, 0, false}, {"b", 1, 1, false}, {"a", 1, 1, true}},
	} {
		all := speakers{}
		for i, r := range log {
			at := time.Unix(0, int64(r.received*1e9))
			if got := all.returns("gt06:990000000000017", conversation{r.gateway, r.number}, at); got != r.conflict {
				t.Errorf("%s: report %d: %v", name, i+1, got)
			}
			if all.returns("gt06:990000000000025", conversation{"z", 9}, at) {
				t.Errorf("%s: another device has a conflict", name)
			}
		}
	}
}
