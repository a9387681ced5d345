package main

import (
	"sync"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// The histograms hold a microsecond to ten minutes with three digits, in some
// 170 KB each.
const (
	leastLatency = time.Microsecond
	mostLatency  = 10 * time.Minute
	digits       = 3
)

// meter counts for all devices. It is safe for concurrent use.
type meter struct {
	start time.Time // of the schedule

	mu      sync.Mutex
	latency *hdrhistogram.Histogram // from intended to acknowledged, in µs
	delay   *hdrhistogram.Histogram // from intended to sent, in µs
	beyond  int                     // latencies above mostLatency
	totals  totals
	second  []perSecond
	calls   []call
}

// call is a call for help: whose, and when it was to be sent.
type call struct {
	Device string    `json:"device"`
	At     time.Time `json:"at"`
}

func (m *meter) called(device string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, call{device, at.UTC()})
}

// totals count reports, but for the last four.
type totals struct {
	Sent           int `json:"sent"`
	Acknowledged   int `json:"acknowledged"`
	Unanswerable   int `json:"without_acknowledgement"` // the dialect has none for them
	Unacknowledged int `json:"unacknowledged"`          // still at the end
	GivenUp        int `json:"given_up"`                // not sent: a thousand waited before them
	Disconnects    int `json:"disconnects"`
	DialFailures   int `json:"dial_failures"` // after the first connection
	Undecoded      int `json:"undecoded"`     // answers that are none of the dialect
}

// perSecond counts within one second of the schedule.
type perSecond struct {
	Sent         int `json:"sent"`
	Acknowledged int `json:"acknowledged"`
}

func newMeter(lasts time.Duration) *meter {
	h := func() *hdrhistogram.Histogram {
		return hdrhistogram.New(1, int64(mostLatency/leastLatency), digits)
	}
	return &meter{latency: h(), delay: h(), second: make([]perSecond, int(lasts/time.Second)+2)}
}

func (m *meter) at(t time.Time) *perSecond {
	i := int(t.Sub(m.start) / time.Second)
	return &m.second[max(0, min(i, len(m.second)-1))]
}

func (m *meter) record(h *hdrhistogram.Histogram, d time.Duration) {
	if h.RecordValue(int64(max(d, leastLatency)/leastLatency)) != nil {
		m.beyond++
		h.RecordValue(int64(mostLatency / leastLatency)) // in range
	}
}

func (m *meter) sent(intended, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.totals.Sent++
	m.at(now).Sent++
	m.record(m.delay, now.Sub(intended))
}

func (m *meter) acknowledged(intended, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.totals.Acknowledged++
	m.at(now).Acknowledged++
	m.record(m.latency, now.Sub(intended))
}

func (m *meter) count(n int, what *int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*what += n
}

func (m *meter) unanswerable(n int)   { m.count(n, &m.totals.Unanswerable) }
func (m *meter) unacknowledged(n int) { m.count(n, &m.totals.Unacknowledged) }
func (m *meter) overflow()            { m.count(1, &m.totals.GivenUp) }
func (m *meter) disconnected()        { m.count(1, &m.totals.Disconnects) }
func (m *meter) failed()              { m.count(1, &m.totals.DialFailures) }
func (m *meter) undecoded()           { m.count(1, &m.totals.Undecoded) }

func (m *meter) counts() (sent, acknowledged int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.totals.Sent, m.totals.Acknowledged
}
