package center

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// metrics are what the center counts of itself. No label names a person, a
// device, an address or a position.
type metrics struct {
	reg       *prometheus.Registry
	commits   *prometheus.HistogramVec
	lag       prometheus.Gauge
	incidents *prometheus.CounterVec
	position  *prometheus.GaugeVec
	capacity  *prometheus.GaugeVec
	bytes     *prometheus.GaugeVec
	drift     prometheus.Gauge
	notices   *prometheus.CounterVec
	untold    prometheus.Gauge

	oldestUntold prometheus.Gauge
	offset       prometheus.Gauge
}

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
	m.commits = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sargas_commit_seconds", Help: "Transactions of the record.", Buckets: ingest.Waits}, []string{"result"})
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
	m.reg.MustRegister(m.commits, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// metricsHandler serves the text for Prometheus.
func metricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

// checkMetrics says what is wrong with the address that metrics are served on.
func checkMetrics(addr string) error {
	if addr != "" && !web.Loopback(addr) {
		return fmt.Errorf("center: metrics on %s: they have no password: a loopback address only", addr)
	}
	return nil
}

// of adds what a running center is asked for at each look.
func (m *metrics) of(c *Center) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sargas_partitions", Help: "Partitions of a divided record that this process evaluates."},
		func() float64 { return float64(c.partitions.owned.Load()) }))
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
