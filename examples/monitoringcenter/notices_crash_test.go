package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/faults"
)

// hook is a receiver of notices that sometimes fails, and sometimes takes its
// time.
type hook struct {
	mu      sync.Mutex
	bodies  map[string]string // by ID
	refused map[string]int
	taken   map[string]bool
	came    map[int64]map[string]map[string]bool // by incident, type and ID
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var n struct {
		ID       string
		Type     string
		Incident int64
	}
	h.mu.Lock()
	defer func() { h.mu.Unlock() }()
	if json.Unmarshal(raw, &n) != nil || n.ID == "" || n.ID != r.Header.Get("Webhook-Id") {
		h.bodies["wrong "+string(raw)] = ""
		return
	}
	if was, ok := h.bodies[n.ID]; ok && was != string(raw) {
		h.bodies["another "+n.ID] = ""
	}
	h.bodies[n.ID] = string(raw)
	if h.came[n.Incident] == nil {
		h.came[n.Incident] = map[string]map[string]bool{}
	}
	if h.came[n.Incident][n.Type] == nil {
		h.came[n.Incident][n.Type] = map[string]bool{}
	}
	h.came[n.Incident][n.Type][n.ID] = true
	// Not without end: after each refusal it is tried later, by twice the time.
	refuse := h.refused[n.ID] < 3 && rand.IntN(10) < 3
	if refuse {
		h.refused[n.ID]++
	}
	h.mu.Unlock()
	time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
	h.mu.Lock()
	if refuse {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.taken[n.ID] = true
}

// Killed at random points while incidents are raised, withdrawn and told, the
// center has in the end told each incident that stands once, or again with the
// same ID, and the withdrawal to whoever may have heard of one that does not.
func TestKilledWhileTelling(t *testing.T) {
	alone(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	h := &hook{bodies: map[string]string{}, refused: map[string]int{}, taken: map[string]bool{}, came: map[int64]map[string]map[string]bool{}}
	srv := httptest.NewServer(h)
	defer srv.Close()

	// Of people whose curfew began forty minutes ago each is out; every other
	// one's device says later that the person was at home.
	rounds := faults.Rounds(t, 6)
	people := 2 * rounds
	start := time.Now().UTC().Add(-40 * time.Minute).Truncate(time.Minute)
	fixes := func(lat float64, stored bool, minutes ...int) (obs []em.Observation) {
		for _, m := range minutes {
			obs = append(obs, em.Observation{DeviceAt: start.Add(time.Duration(m) * time.Minute), Stored: stored, Body: &em.Fix{
				LatLng: em.LatLng{Lat: lat, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS}})
		}
		return obs
	}
	var mu sync.Mutex
	acked := make([]map[time.Time]bool, people)
	for d := range acked {
		acked[d] = map[time.Time]bool{}
	}
	play := func(ctx context.Context, p *process, people int, pause func() time.Duration) {
		var wg sync.WaitGroup
		for d := range people {
			wg.Go(func() {
				if upload(ctx, p.Devices["gt06"], d, fixes(54.74, false, -10, -1, 8), acked[d], &mu) != nil || d%2 == 1 {
					return
				}
				time.Sleep(pause())
				upload(ctx, p.Devices["gt06"], d, fixes(54.72, true, 7, 9), acked[d], &mu)
			})
		}
		wg.Wait()
	}
	dir := t.TempDir()
	for round := range rounds {
		p := launch(t, dir)
		if round == 0 {
			var rows []string
			for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
				rows = append(rows, fmt.Sprintf(`{"day":%q,"start":%q,"end":%q}`, day, start.Format("15:04"), start.Add(10*time.Hour).Format("15:04")))
			}
			for d := range people {
				p.call(t, http.MethodPut, "/api/v1/people", fmt.Appendf(nil, `{"id":"p-%d","name":"Invented %[1]d","since":%q,"devices":[{"id":"gt06:%s"}],"silence":{"from":%q},
					"home":{"lat":54.72,"lon":25.28,"radius_m":80},
					"curfew":{"schedule":{"zone":"UTC","weekly":[%s]},"from":%q,"grace":{"start":"5m","short":"5m"}}}`,
					d, start.Add(-2*time.Hour).Format(time.RFC3339), imei(d), time.Now().UTC().Format(time.RFC3339), strings.Join(rows, ","), start.Format(time.RFC3339)), nil)
			}
			p.call(t, http.MethodPut, "/api/v1/recipients", fmt.Appendf(nil, `{"id":"desk","who":"desk","kinds":["curfew.absence"],
				"webhook":{"url":"%s/","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`, srv.URL), nil)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		pause := time.Duration(rnd.IntN(400)) * time.Millisecond
		// In each round there are people of whom nothing was heard before.
		go func() { defer close(done); play(ctx, p, min(people, 2*round+4), func() time.Duration { return pause }) }()
		time.Sleep(time.Duration(50+rnd.IntN(500)) * time.Millisecond)
		if err := p.Cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.Cmd.Wait()
		cancel()
		<-done
	}
	p := launch(t, dir)
	play(t.Context(), p, people, func() time.Duration { return 50 * time.Millisecond })
	p.caughtUp(t)

	type notice struct{ ID, Kind, State string }
	var all []struct {
		ID      int64
		Kind    string
		Verdict string
	}
	p.call(t, http.MethodGet, "/api/v1/incidents?limit=1000", nil, &all)
	stand, withdrawn, untold, again := 0, 0, 0, 0
	for _, i := range all {
		if i.Kind != "curfew.absence" {
			continue
		}
		var notices []notice
		pending := true
		for deadline := time.Now().Add(time.Minute); pending; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("incident %d: %v", i.ID, notices)
			}
			notices, pending = nil, false
			p.call(t, http.MethodGet, fmt.Sprintf("/api/v1/incidents/%d/notices", i.ID), nil, &notices)
			for _, n := range notices {
				pending = pending || n.State == "pending"
			}
		}
		h.mu.Lock()
		raised, back := h.came[i.ID]["incident.raised"], h.came[i.ID]["incident.withdrawn"]
		took := func(ids map[string]bool) bool {
			for id := range ids {
				if h.taken[id] {
					return true
				}
			}
			return false
		}
		switch {
		case i.Verdict == "stands":
			stand++
			if !took(raised) || len(raised) != 1 || len(back) > 0 {
				t.Errorf("incident %d stands: raised %v, withdrawn %v; %v", i.ID, raised, back, notices)
			}
		case len(raised) == 0:
			untold++
			if len(back) > 1 {
				t.Errorf("incident %d: %v", i.ID, notices)
			}
		default:
			withdrawn++
			if len(raised) != 1 || len(back) != 1 || !took(back) {
				t.Errorf("incident %d was told and withdrawn: raised %v, withdrawn %v; %v", i.ID, raised, back, notices)
			}
		}
		h.mu.Unlock()
	}
	h.mu.Lock()
	for id := range h.bodies {
		if strings.Contains(id, " ") {
			t.Errorf("%s", id)
		}
	}
	again = len(h.bodies)
	h.mu.Unlock()
	if stand != people/2 {
		t.Errorf("%d stand", stand)
	}
	t.Logf("%d stand, %d were withdrawn after somebody heard, %d before; %d notices", stand, withdrawn, untold, again)
	p.stop(t)
	if log := p.Errs.String(); strings.Contains(log, "99000000") || strings.Contains(log, "Invented") || strings.Contains(log, srv.URL) {
		t.Errorf("the log says %s", log)
	}
}
