package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

func TestSearch(t *testing.T) {
	for _, c := range []struct {
		name     string
		most     float64 // that the search goes to
		halvings int
		tries    int
		can      float64 // that is sustained
		want     float64
		tried    []float64
	}{
		{"between two doublings", 100_000, 2, 1, 3100, 3000, []float64{1000, 2000, 4000, 3000, 3500}},
		{"each twice before it is given up", 100_000, 2, 2, 3100, 3000, []float64{1000, 2000, 4000, 4000, 3000, 3500, 3500}},
		{"all of it", 5000, 2, 1, 9000, 5000, []float64{1000, 2000, 4000, 5000}},
		{"not even the first", 100_000, 2, 1, 300, 250, []float64{1000, 500, 250}},
		{"nothing", 100_000, 3, 1, 0, 0, []float64{1000, 500, 250, 125}},
		{"without halving", 100_000, 0, 0, 2500, 2000, []float64{1000, 2000, 4000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ramp{First: 1000, Most: c.most, Halvings: c.halvings, Tries: c.tries}
			var tried []float64
			s := r.search()
			for !s.done {
				tried = append(tried, s.rate)
				s.tried(s.rate <= c.can)
			}
			if s.low != c.want || !slices.Equal(tried, c.tried) {
				t.Errorf("found %v after %v, want %v after %v", s.low, tried, c.want, c.tried)
			}
		})
	}
}

// A try that fails is forgotten once one of the same rate succeeds.
func TestSearchForgets(t *testing.T) {
	s := (&ramp{First: 1000, Most: 4000, Tries: 2}).search()
	for _, ok := range []bool{false, true, false, true, false, true} {
		if s.done {
			t.Fatal("it ended early")
		}
		s.tried(ok)
	}
	if !s.done || s.low != 4000 {
		t.Errorf("found %v, done %t; want 4000", s.low, s.done)
	}
}

// Whatever can be sustained, a search ends within the gap that its halvings leave.
func TestSearchFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		can := rapid.Float64Range(1, 50_000).Draw(t, "can")
		r := ramp{First: 1000, Most: 100_000, Halvings: rapid.IntRange(0, 6).Draw(t, "halvings"), Tries: rapid.IntRange(0, 3).Draw(t, "tries")}
		s := r.search()
		for !s.done {
			s.tried(s.rate <= can)
		}
		gap := max(1000, can) / float64(int(1)<<r.Halvings)
		if s.low > can || can-s.low > gap {
			t.Fatalf("found %v where %v is sustained", s.low, can)
		}
	})
}

func TestSustained(t *testing.T) {
	good := step{Ack: quantiles{P99: promptly}, Behind: caught}
	for name, c := range map[string]struct {
		change func(*step)
		want   bool
	}{
		"at the bounds":        {func(*step) {}, true},
		"one not acknowledged": {func(s *step) { s.Lost = 1 }, false},
		"late":                 {func(s *step) { s.Ack.P99 += 0.1 }, false},
		"evaluation is behind": {func(s *step) { s.Behind += 0.1 }, false},
	} {
		s := good
		c.change(&s)
		if got := s.sustained(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole, parts := rapid.IntRange(0, 100_000).Draw(t, "whole"), rapid.IntRange(1, 20).Draw(t, "parts")
		sum, least, most := 0, whole, 0
		for i := range parts {
			n := share(whole, i, parts)
			sum, least, most = sum+n, min(least, n), max(most, n)
		}
		if sum != whole || most-least > 1 {
			t.Fatalf("%d in %d parts: together %d, from %d to %d", whole, parts, sum, least, most)
		}
	})
}

// Of the values 1 to 1000 ms the quantiles are known, to the three digits that the
// histograms keep.
func TestQuantiles(t *testing.T) {
	h := newHistogram()
	for ms := int64(1); ms <= 1000; ms++ {
		if err := h.RecordValue(ms * 1000); err != nil {
			t.Fatal(err)
		}
	}
	q := quantilesOf(h)
	near := func(got, want float64) bool { return got >= want && got <= want*1.001 }
	if q.Count != 1000 || !near(q.P50, 500) || !near(q.P99, 990) || !near(q.P999, 999) || !near(q.Max, 1000) {
		t.Errorf("%+v", q)
	}
}

// histograms is a file as emsim writes it.
func histograms(t *testing.T, tags map[string][]int64) string {
	t.Helper()
	var b bytes.Buffer
	w := hdrhistogram.NewHistogramLogWriter(&b)
	for tag, values := range tags {
		h := newHistogram()
		for _, v := range values {
			if err := h.RecordValue(v); err != nil {
				t.Fatal(err)
			}
		}
		h.SetTag(tag)
		if err := w.OutputIntervalHistogram(h); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// The quantiles of several generators are those of all their reports, which no
// mean of theirs is.
func TestLoadsAreAdded(t *testing.T) {
	sum := &load{latency: newHistogram(), delay: newHistogram()}
	for n, latencies := range [][]int64{slices.Repeat([]int64{1000}, 97), {900_000, 900_000, 900_000}} {
		l := &load{Sent: len(latencies), Acknowledged: len(latencies), Connect: float64(n), CPU: 1, Calls: []call{{Device: fmt.Sprint(n)}}}
		var err error
		if l.latency, l.delay, err = readHistograms(strings.NewReader(histograms(t, map[string][]int64{"latency": latencies, "send-delay": {5}}))); err != nil {
			t.Fatal(err)
		}
		sum.add(l)
	}
	q := quantilesOf(sum.latency)
	if q.Count != 100 || q.P50 > 1.01 || q.P99 < 899 || sum.delay.TotalCount() != 2 {
		t.Errorf("%+v and %d delays", q, sum.delay.TotalCount())
	}
	if sum.Sent != 100 || sum.Acknowledged != 100 || sum.Connect != 1 || sum.CPU != 2 || len(sum.Calls) != 2 {
		t.Errorf("%+v", sum)
	}
}

func TestHistogramsInError(t *testing.T) {
	for name, doc := range map[string]string{
		"another tag": histograms(t, map[string][]int64{"something": {1}}),
		"no payload":  "Tag=latency,0.000,1.000,1.000,HISTxxxx\n",
	} {
		if _, _, err := readHistograms(strings.NewReader(doc)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestComplete(t *testing.T) {
	for name, c := range map[string]struct {
		stored            record.Counts
		sent, acked, errs int
		want              bool
	}{
		"all":                            {record.Counts{Fixes: 10}, 10, 10, 0, true},
		"one is missing":                 {record.Counts{Fixes: 9}, 10, 10, 0, false},
		"one is there twice":             {record.Counts{Fixes: 11}, 10, 10, 0, false},
		"not acknowledged, and there":    {record.Counts{Fixes: 10}, 10, 8, 0, true},
		"a frame in error":               {record.Counts{Fixes: 10, FrameErrors: 1}, 10, 10, 0, false},
		"as many errors as were to come": {record.Counts{Fixes: 10, FrameErrors: 3}, 10, 10, 3, true},
	} {
		if err := complete(c.stored, c.sent, c.acked, c.errs); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswered(t *testing.T) {
	calls := []call{{Device: "gt06:" + identity(0)}, {Device: "gt06:" + identity(7)}}
	sos := func(n int) incident {
		return incident{Kind: string(health.KindSOS), Person: personOf("gt06:" + identity(n))}
	}
	for name, c := range map[string]struct {
		all  []incident
		want bool
	}{
		"each once":                    {[]incident{sos(7), sos(0)}, true},
		"the center's own beside them": {[]incident{sos(7), {Kind: "center.capacity", Person: "system"}, sos(0)}, true},
		"one is missing":               {[]incident{sos(7)}, false},
		"one is there twice":           {[]incident{sos(7), sos(0), sos(7)}, false},
		"of somebody who did not call": {[]incident{sos(7), sos(0), sos(1)}, false},
		"of another kind":              {[]incident{sos(7), {Kind: "zone.exclusion", Person: sos(0).Person}}, false},
	} {
		if err := answered(calls, c.all); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFeed(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	device := "gt06:" + identity(3)
	f := &feed{seen: map[string]time.Time{}}
	clock := at
	body := "event: person\ndata: {\"person\":\"other\"}\n\nid: 6\nevent: incident\ndata: {\"person\":\"" + personOf(device) + "\"}\n\nid: 7\nevent: incident\ndata: {\"person\":\"" + personOf(device) + "\"}\n\n"
	if err := f.read(strings.NewReader(body), func() time.Time { clock = clock.Add(time.Second); return clock }); err != nil {
		t.Fatal(err)
	}
	if len(f.seen) != 1 || f.last != "7" || !f.seen[personOf(device)].Equal(at.Add(time.Second)) {
		t.Errorf("%v", f.seen)
	}
	q, err := since([]call{{device, at.Add(400 * time.Millisecond)}}, f.seen)
	if err != nil || q.Count != 1 || q.P50 < 599 || q.P50 > 601 {
		t.Errorf("%+v, %v, want 600 ms", q, err)
	}
	if _, err := since([]call{{"gt06:" + identity(4), at}}, f.seen); err == nil {
		t.Error("a call that is not on the feed is no error")
	}
	if err := f.read(strings.NewReader("event: incident\ndata: {\n"), time.Now); err == nil {
		t.Error("a document that is none is no error")
	}
}

// What is in the log counts once, whatever it is there; the center's own device
// does not.
func TestInLog(t *testing.T) {
	j, err := journal.Open(t.Context(), journal.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if n, err := inLog(t.Context(), j); err != nil || n != (record.Counts{}) {
		t.Errorf("an empty log has %+v, %v", n, err)
	}
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	report := func(conn string, n int, err error) *journal.Entry {
		o := em.Observation{Device: em.DeviceID("gt06:" + identity(n)), DeviceAt: at, Body: &em.Fix{LatLng: em.LatLng{Lat: 54, Lng: 25}}}.Stamp(at)
		return &journal.Entry{Report: protocol.Report{Conn: conn, Codec: "gt06", Device: o.Device, Received: at,
			Frames: []protocol.ReportFrame{{Raw: []byte{1}, Type: "position", Observations: []em.Observation{o}}, {Raw: []byte{2}, Err: err}}}}
	}
	for _, r := range []*journal.Entry{report("a", 1, nil), report("b", 2, errors.New("junk")), report("b", 2, nil), report("canary", 3, nil)} {
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := record.Counts{Frames: 6, FrameErrors: 1, Observations: 2, Fixes: 2}
	if n, err := inLog(t.Context(), j); err != nil || n != want {
		t.Errorf("%+v, %v, want %+v", n, err, want)
	}
}

func TestPlan(t *testing.T) {
	good := plan{Devices: 1000, Interval: time.Second, Duration: time.Second}
	for name, c := range map[string]struct {
		change func(*plan)
		want   bool
	}{
		"as it is":                {func(*plan) {}, true},
		"too many for a process":  {func(p *plan) { p.Devices = perProcess + 1 }, false},
		"for five there is room":  {func(p *plan) { p.Devices, p.Gateways = 77_000, 5 }, true},
		"slow ones count":         {func(p *plan) { p.Devices, p.Gateways, p.Slow = 77_000, 5, 5*perProcess-76_999 }, false},
		"shorter than a report":   {func(p *plan) { p.Interval = time.Minute }, false},
		"gateways without a load": {func(p *plan) { p.Devices, p.Gateways = 20, 2 }, false},
	} {
		p := good
		c.change(&p)
		if err := p.check(); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
