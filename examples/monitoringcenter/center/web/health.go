package web

import (
	"context"
	"net/http"
)

// Well is what anybody may ask without a secret: only whether the center works,
// not how much there is.
type Well struct {
	Status    string   `json:"status"`            // "ok", or "degraded"
	Problem   string   `json:"problem,omitempty"` // of GET /readyz
	CanaryAge *float64 `json:"canary_age_s,omitempty"`
}

// registerHealth serves GET /healthz, whether the center works, and GET /readyz,
// whether it takes reports that reach the record; 503 where it does not. A center
// that is stopping is well, but not ready.
func registerHealth(mux *http.ServeMux, b Healthy) {
	serve := func(path string, of func(Health) (bool, Well)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			status := http.StatusOK
			good, well := of(b.Health(r.Context()))
			if well.Status = "ok"; !good {
				well.Status, status = "degraded", http.StatusServiceUnavailable
			}
			writeJSON(w, status, well)
		})
	}
	serve("/healthz", func(h Health) (bool, Well) { return h.Status == "ok" || h.Status == "standby", Well{} })
	serve("/readyz", func(h Health) (bool, Well) { return h.Ready, Well{Problem: h.Problem, CanaryAge: h.CanaryAge} })
}

// Healthy tells of its health: a Backend, or a process that only listens.
type Healthy interface{ Health(context.Context) Health }

// HealthHandler serves metrics, whether the process works, and, at
// /api/v1/health, all of its health.
func HealthHandler(b Healthy, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /api/v1/health", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, b.Health(r.Context())) })
	registerHealth(mux, b)
	return mux
}

// StartHandler is what a page's address answers before there is anything behind it:
// GET /healthz and /readyz, and to all else that the center has not started yet.
func StartHandler(b Healthy) http.Handler {
	mux := http.NewServeMux()
	registerHealth(mux, b)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "The center has not started yet: "+b.Health(r.Context()).Problem+".", http.StatusServiceUnavailable)
	})
	return mux
}
