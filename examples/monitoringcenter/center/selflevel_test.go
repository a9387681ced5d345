package center

import (
	"fmt"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

func TestLevel(t *testing.T) {
	const i, h, w = em.Info, em.Technical, em.Warning
	for name, c := range map[string]struct {
		begin em.Severity
		full  []float64
		want  []em.Severity
	}{
		"twice in a row":      {i, []float64{0.5, 0.49, 0.5, 0.5, 0.79}, []em.Severity{i, i, i, h, h}},
		"straight to full":    {i, []float64{0.9, 0.9}, []em.Severity{i, w}},
		"worse":               {i, []float64{0.6, 0.6, 0.8, 0.8}, []em.Severity{i, h, h, w}},
		"about the threshold": {h, []float64{0.46, 0.45, 0.51, 0.46}, []em.Severity{h, h, h, h}},
		"it ends below":       {h, []float64{0.449}, []em.Severity{i}},
		"down a step":         {w, []float64{0.76, 0.74, 0.74}, []em.Severity{w, h, h}},
		"down at once":        {w, []float64{0.1}, []em.Severity{i}},
	} {
		l := level{severity: c.begin, next: c.begin}
		for n, full := range c.full {
			if got := l.look(full); got != c.want[n] {
				t.Errorf("%s: look %d, at %v: %v, want %v", name, n, full, got, c.want[n])
			}
		}
	}
}

// The median is over devices, each by its last report, and not moved by what a
// device had kept.
func TestClocks(t *testing.T) {
	var c clocks
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	report := func(device int, offset time.Duration, stored bool) {
		c.note(&protocol.Report{Received: at, Frames: []protocol.ReportFrame{{Observations: []em.Observation{
			{Device: em.DeviceID(fmt.Sprint("gt06:", device)), DeviceAt: at.Add(offset), Stored: stored}}}}})
	}
	if _, n := c.median(); n != 0 {
		t.Errorf("%d devices before the first", n)
	}
	for range 100 {
		report(0, -time.Hour, false) // one device, however often
	}
	for d := 1; d <= 4; d++ {
		report(d, 2*time.Minute, false)
		report(d, -24*time.Hour, true)
	}
	median, n := c.median()
	if n < 3 || n > 5 || (median-2*time.Minute).Abs() > time.Microsecond { // two may share a place
		t.Errorf("%v in %d devices", median, n)
	}
}
