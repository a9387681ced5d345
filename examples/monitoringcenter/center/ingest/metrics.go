package ingest

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sargas-em/em/examples/internal/datagram"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// metrics are what a server counts. No label names a device or an address.
type metrics struct {
	connections *prometheus.GaugeVec
	rejected    *prometheus.CounterVec
	refused     *prometheus.CounterVec
	delayed     *prometheus.CounterVec
	reports     *prometheus.CounterVec
	frames      *prometheus.CounterVec
	appended    prometheus.Histogram
	found       sync.Map // *counters by dialect and transport
}

// Waits are the bounds of the buckets of latencies in seconds.
var Waits = []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sargas_" + name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	m := &metrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sargas_connections", Help: "Conversations with devices that are open."}, []string{"codec", "transport"}),
		rejected:    counter("rejected_total", "Connections and datagrams that were turned away.", "codec", "transport", "reason"),
		refused:     counter("refused_total", "Reports that were not taken, and not acknowledged.", "transport", "reason"),
		delayed:     counter("delayed_total", "Reports that waited because of their sender's rate.", "by"),
		reports:     counter("reports_total", "Reports that are in the log.", "codec", "transport"),
		frames:      counter("frames_total", "Frames that are in the log.", "codec", "result"),
		appended:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sargas_append_seconds", Help: "From a report to its place in the log.", Buckets: Waits}),
	}
	reg.MustRegister(m.connections, m.appended)
	return m
}

// reject counts a connection that did not come to talk.
func (m *metrics) reject(l Listener, reason error) {
	var detect *protocol.DetectError
	what := "accept"
	switch {
	case errors.Is(reason, tcp.ErrFull), errors.Is(reason, datagram.ErrFull):
		what = "full"
	case errors.Is(reason, tcp.ErrAddrFull), errors.Is(reason, datagram.ErrAddrFull):
		what = "address"
	case errors.Is(reason, tcp.ErrHandshake):
		what = "handshake"
	case errors.As(reason, &detect):
		what = "dialect"
	case errors.Is(reason, datagram.ErrQueue):
		what = "queue"
	}
	m.rejected.WithLabelValues(l.Codec, l.Scheme(), what).Inc()
}

func (m *metrics) refuse(g *gate, reason string) {
	m.refused.WithLabelValues(g.transport, reason).Inc()
}

func (m *metrics) waited(by string) { m.delayed.WithLabelValues(by).Inc() }

// counters are those of a dialect over a transport, found once for all reports.
type counters struct{ reports, good, wrong prometheus.Counter }

func (m *metrics) counters(codec, transport string) *counters {
	key := [2]string{codec, transport}
	if c, ok := m.found.Load(key); ok {
		return c.(*counters)
	}
	c, _ := m.found.LoadOrStore(key, &counters{
		m.reports.WithLabelValues(codec, transport), m.frames.WithLabelValues(codec, "ok"), m.frames.WithLabelValues(codec, "error"),
	})
	return c.(*counters)
}

// kept counts a report that is in the log.
func (m *metrics) kept(g *gate, r *protocol.Report, took time.Duration) {
	m.appended.Observe(took.Seconds())
	if g.counters == nil {
		g.counters = m.counters(r.Codec, g.transport)
	}
	g.counters.reports.Inc()
	good := 0
	for i := range r.Frames {
		if r.Frames[i].Err == nil {
			good++
		}
	}
	g.counters.good.Add(float64(good))
	if wrong := len(r.Frames) - good; wrong > 0 {
		g.counters.wrong.Add(float64(wrong))
	}
}
