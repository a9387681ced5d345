// Package web is the center's page and API: a live map, the incident queue with
// its evidence, and JSON for tools under /api/v1 with its description in
// /openapi.json.
package web

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

//go:embed static
var static embed.FS

// Backend is what the page shows and does.
type Backend interface {
	Store() *record.Store
	// Evidence is where what is known of a subject is read: Store, or a partition.
	Evidence(ctx context.Context, s em.SubjectID) (*record.Store, error)
	// Counts says how much the whole record holds.
	Counts(ctx context.Context) (record.Counts, error)
	// People returns all persons, or, given the Version of an earlier answer, those of
	// whom there is something new since.
	People(since uint64) People
	Pairs(ctx context.Context) ([]Pair, error)
	Reports
	PutPerson(ctx context.Context, actor string, doc []byte) error
	// PutRecipient says who is told of incidents.
	PutRecipient(ctx context.Context, actor string, doc []byte) error
	// Track returns a person's positions, and notes who asked for them.
	Track(ctx context.Context, actor string, r TrackRequest) ([]em.Observation, error)
	// DiscloseEvidence notes who reads what an incident rests on, before it is shown.
	DiscloseEvidence(ctx context.Context, actor string, i record.Incident, observations int) error
	// Measures tells how a person stands under the order, and notes who asked.
	Measures(ctx context.Context, actor, person string, from, to time.Time) (Measures, error)
	PutUnit(ctx context.Context, actor string, doc []byte) error
	PutZones(ctx context.Context, actor string, doc []byte) error
	Handle(ctx context.Context, actor string, id int64, to record.Handling, note string) (record.Incident, error)
	// Order tells a device to do something.
	Order(ctx context.Context, actor string, device em.DeviceID, c NewCommand) (Command, error)
	// Draws tells of a person's tests at random on a local date, and notes who asked.
	Draws(ctx context.Context, actor, person, date string) (Draws, error)
	Name(s em.SubjectID) string
	Health(ctx context.Context) Health
	// Subscribe sends what is told from now on; cancel ends it. A subscriber
	// that does not keep up gets its channel closed.
	Subscribe() (items <-chan record.FeedItem, cancel func())
}

// ErrUnavailable marks errors that will pass.
var ErrUnavailable = errors.New("unavailable")

// ErrBadInput marks errors that the caller can mend.
var ErrBadInput = errors.New("bad input")

// People are persons by ID.
type People struct {
	List    []Person
	Whole   bool   // List has all persons that there are
	Version uint64 // of what was known then
}

// Person is one person as the page shows him.
type Person struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Role          string     `json:"role" enum:"monitored,protected,both" doc:"protected: an order keeps somebody away from this person, who is under none"`
	Devices       []string   `json:"devices"`
	LastHeard     time.Time  `json:"last_heard,omitzero"`
	Position      *Position  `json:"position,omitempty"`
	Battery       *float64   `json:"battery,omitempty" doc:"0 empty to 1 full"`
	Home          *Circle    `json:"home,omitempty"`
	Zones         []string   `json:"zones,omitempty"`
	OpenIncidents int        `json:"open_incidents"`
	Worst         string     `json:"worst,omitempty" doc:"severity of the worst incident that is not closed"`
	Since         time.Time  `json:"since"`
	NextCurfew    *time.Time `json:"next_curfew,omitempty"`
}

// Position is a person's last known position.
type Position struct {
	Lat      float64   `json:"lat"`
	Lon      float64   `json:"lon"`
	At       time.Time `json:"at"`
	Radius95 float64   `json:"radius95_m"`
	Assumed  bool      `json:"assumed,omitempty" doc:"the radius is assumed, not reported"`
	Validity string    `json:"validity"`
}

// Circle is a circular zone.
type Circle struct {
	Lat    float64 `json:"lat"`
	Lon    float64 `json:"lon"`
	Radius float64 `json:"radius_m"`
}

// Health says whether the center works.
type Health struct {
	Status     string `json:"status" enum:"ok,degraded,standby" doc:"standby: another process evaluates, and this one takes over when that ends"`
	Ready      bool   `json:"ready" doc:"it takes reports, and they reach the record"`
	Problem    string `json:"problem,omitempty"`
	Owner      string `json:"owner,omitempty" doc:"of a standby: the process that evaluates, by the address of its page"`
	Partitions int    `json:"partitions,omitempty" doc:"of a divided record: how many of its partitions this process evaluates, a standby too"`

	LogEnd    *uint64 `json:"log_end,omitempty" doc:"last position written to the log; absent while the log does not answer"`
	Evaluated uint64  `json:"evaluated" doc:"last position in the record"`
	Devices   int     `json:"connections"`
	People    int     `json:"people"`

	OldestUntold float64 `json:"oldest_untold_s" doc:"age of the oldest notice that is not delivered; 0 where there is none"`

	CanaryAge *float64   `json:"canary_age_s,omitempty" doc:"since a report of the center's own device reached the record; absent where it has none"`
	Listeners []Listener `json:"listeners" doc:"where devices are listened to"`
}

// CaughtUp reports whether all that is in the log is in the record.
func (h *Health) CaughtUp() bool { return h.LogEnd != nil && h.Evaluated >= *h.LogEnd }

// Listener is one address for devices.
type Listener struct {
	Codec     string `json:"codec" doc:"a dialect, or auto where many share the port"`
	Transport string `json:"transport" enum:"tcp,tls,udp,http,https"`
	Addr      string `json:"addr"`
}

// Config configures the handler.
type Config struct {
	Secrets *Secrets
	Secure  bool   // set on the cookie: served over TLS
	Basemap string // folder of *.geojson layers drawn under the people; empty for the built-in outline
	Version string
	Log     *slog.Logger // of what the center itself could not do; discarded if nil
}

// Handler serves page and API.
func Handler(b Backend, cfg Config) (http.Handler, error) {
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	layers, err := basemapLayers(cfg.Basemap)
	if err != nil {
		return nil, err
	}
	open := http.NewServeMux() // no secret needed
	registerHealth(open, b)
	open.Handle("GET /login", page(files, "login.html"))
	open.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(files)))
	open.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		value, err := cfg.Secrets.login(r.PostFormValue("password"))
		if err != nil {
			http.Redirect(w, r, "/login?wrong=1", http.StatusSeeOther)
			return
		}
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: value, Path: "/", HttpOnly: true, Secure: cfg.Secure,
			SameSite: http.SameSiteStrictMode, MaxAge: int(sessionLife.Seconds()),
		})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})

	guarded := http.NewServeMux()
	guarded.Handle("GET /{$}", page(files, "index.html"))
	guarded.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		cfg.Secrets.logout(r)
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
	guarded.HandleFunc("GET /api/v1/feed", feed(b, cfg.Log))
	guarded.HandleFunc("GET /basemap", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, layers) })
	guarded.HandleFunc("GET /basemap/{layer}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("layer")
		if cfg.Basemap == "" || !slices.Contains(layers, name) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/geo+json")
		http.ServeFile(w, r, filepath.Join(cfg.Basemap, name))
	})
	registerAPI(guarded, b, cfg)
	open.Handle("/", requireSecret(cfg.Secrets, guarded))
	return headers(http.NewCrossOriginProtection().Handler(open)), nil
}

// basemapLayers lists the GeoJSON files of a folder, in the order of their names.
func basemapLayers(dir string) ([]string, error) {
	names := []string{}
	if dir == "" {
		return names, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("web: basemap: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".geojson") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("web: basemap: no *.geojson in %s", dir)
	}
	return names, nil
}

type actorKey struct{}

func actorOf(ctx context.Context) string {
	a, _ := ctx.Value(actorKey{}).(string)
	return a
}

func requireSecret(s *Secrets, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := s.who(r)
		if who == "" {
			if r.Method == http.MethodGet && r.URL.Path == "/" {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="sargas"`)
			writeJSON(w, http.StatusUnauthorized, map[string]any{"status": 401, "title": "Unauthorized",
				"detail": "log in at /login, or send the token as Authorization: Bearer"})
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, who)))
	})
}

// headers keeps browsers to our own files.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

func page(files fs.FS, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, name) })
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b)
}
