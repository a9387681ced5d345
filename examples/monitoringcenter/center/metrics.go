package center

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// metrics are what the center counts of itself. No label names a person, a
// device, an address or a position.
type metrics struct {
	reg         *prometheus.Registry
	connections *prometheus.GaugeVec
	rejected    *prometheus.CounterVec
	refused     *prometheus.CounterVec
	delayed     *prometheus.CounterVec
	reports     *prometheus.CounterVec
	frames      *prometheus.CounterVec
	appended    prometheus.Histogram
}

// waits are the bounds of the buckets of latencies in seconds.
var waits = []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30}

func newMetrics() *metrics {
	m := &metrics{reg: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sargas_" + name, Help: help}, labels)
		m.reg.MustRegister(v)
		return v
	}
	m.connections = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sargas_connections", Help: "Conversations with devices that are open."}, []string{"codec", "transport"})
	m.rejected = counter("rejected_total", "Connections and datagrams that were turned away.", "codec", "transport", "reason")
	m.refused = counter("refused_total", "Reports that were not taken, and not acknowledged.", "transport", "reason")
	m.delayed = counter("delayed_total", "Reports that waited because of their sender's rate.", "by")
	m.reports = counter("reports_total", "Reports that are in the log.", "codec", "transport")
	m.frames = counter("frames_total", "Frames that are in the log.", "codec", "result")
	m.appended = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sargas_append_seconds", Help: "From a report to its place in the log.", Buckets: waits})
	m.reg.MustRegister(m.connections, m.appended)
	return m
}

// reject counts a connection that did not come to talk.
func (m *metrics) reject(l DeviceListener, reason error) {
	var detect *protocol.DetectError
	what := "accept"
	switch {
	case errors.Is(reason, tcp.ErrFull), errors.Is(reason, errPeers):
		what = "full"
	case errors.Is(reason, tcp.ErrAddrFull):
		what = "address"
	case errors.Is(reason, tcp.ErrHandshake):
		what = "handshake"
	case errors.As(reason, &detect):
		what = "dialect"
	case errors.Is(reason, errQueue):
		what = "queue"
	}
	m.rejected.WithLabelValues(l.Codec, l.scheme(), what).Inc()
}

func (m *metrics) refuse(g *gate, reason string) {
	m.refused.WithLabelValues(g.transport, reason).Inc()
}

func (m *metrics) waited(by string) { m.delayed.WithLabelValues(by).Inc() }

// keep makes a report durable and counts it.
func (g *gate) keep(ctx context.Context, r *protocol.Report) error {
	begin := time.Now()
	if err := g.c.append(ctx, r); err != nil {
		g.c.metrics.refuse(g, "log")
		return err
	}
	m := g.c.metrics
	m.appended.Observe(time.Since(begin).Seconds())
	m.reports.WithLabelValues(r.Codec, g.transport).Inc()
	good := 0
	for i := range r.Frames {
		if r.Frames[i].Err == nil {
			good++
		}
	}
	m.frames.WithLabelValues(r.Codec, "ok").Add(float64(good))
	m.frames.WithLabelValues(r.Codec, "error").Add(float64(len(r.Frames) - good))
	return nil
}
