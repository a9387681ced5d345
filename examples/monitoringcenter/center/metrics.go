package center

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
	commits     *prometheus.HistogramVec
	lag         prometheus.Gauge
	incidents   *prometheus.CounterVec
	position    *prometheus.GaugeVec
	capacity    *prometheus.GaugeVec
	bytes       *prometheus.GaugeVec
	drift       prometheus.Gauge
	notices     *prometheus.CounterVec
	untold      prometheus.Gauge

	oldestUntold prometheus.Gauge
	offset       prometheus.Gauge
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
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sargas_" + name, Help: help}, labels)
		m.reg.MustRegister(v)
		return v
	}
	m.connections = gauge("connections", "Conversations with devices that are open.", "codec", "transport")
	m.rejected = counter("rejected_total", "Connections and datagrams that were turned away.", "codec", "transport", "reason")
	m.refused = counter("refused_total", "Reports that were not taken, and not acknowledged.", "transport", "reason")
	m.delayed = counter("delayed_total", "Reports that waited because of their sender's rate.", "by")
	m.reports = counter("reports_total", "Reports that are in the log.", "codec", "transport")
	m.frames = counter("frames_total", "Frames that are in the log.", "codec", "result")
	m.appended = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sargas_append_seconds", Help: "From a report to its place in the log.", Buckets: waits})
	m.commits = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sargas_commit_seconds", Help: "Transactions of the record.", Buckets: waits}, []string{"result"})
	m.lag = gauge("lag_seconds", "From the reception to the record, of the last report.").WithLabelValues()
	m.incidents = counter("incidents_total", "Incidents that were raised.", "kind", "severity")
	m.position = gauge("position", "Where log and record stand.", "of")
	m.capacity = gauge("capacity_ratio", "How full a resource is; alarms are at 0.5 and 0.8.", "resource")
	m.bytes = gauge("bytes", "What log and record take on the disk.", "of")
	m.drift = gauge("clock_drift_seconds", "By how much the wall clock has left the monotonic one since the start.").WithLabelValues()
	m.offset = gauge("device_clock_offset_seconds", "By how much devices' clocks are ahead of the center's, in the median.").WithLabelValues()
	m.notices = counter("notices_total", "What came of notices to recipients.", "channel", "result")
	m.untold = gauge("notices_untold", "Notices that wait for their recipients.").WithLabelValues()
	m.oldestUntold = gauge("notices_untold_seconds", "The age of the oldest of them.").WithLabelValues()
	m.reg.MustRegister(m.appended, m.commits, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler serves the text for Prometheus.
func (m *metrics) handler() http.Handler { return promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{}) }

// of adds what a running center is asked for at each look.
func (m *metrics) of(c *Center) {
	if c.canary == nil {
		return
	}
	m.reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sargas_canary_age_seconds", Help: "Since a report of the center's own device reached the record."},
			func() float64 { age, _ := c.canary.age(); return age.Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sargas_canary_lag_seconds", Help: "How long the last one took."},
			func() float64 { _, lag := c.canary.age(); return lag.Seconds() }))
}

// committed counts a transaction of the engine.
func (m *metrics) committed(s *step, took time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.commits.WithLabelValues(result).Observe(took.Seconds())
	if err != nil || s == nil {
		return
	}
	for _, r := range s.raised {
		m.incidents.WithLabelValues(string(r.Kind), r.Severity.String()).Inc()
	}
	if !s.latest.IsZero() {
		m.lag.Set(time.Since(s.latest).Seconds())
	}
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
	g.c.clocks.note(r)
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
