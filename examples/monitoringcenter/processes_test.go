package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sargas-em/em/examples/internal/faults"
	"github.com/sargas-em/em/examples/internal/pgserver"
)

// site is a center of several processes: two that may evaluate, one of which does
// while the other stands by, and a gateway, on a log and a record that they share.
type site struct {
	log, record string
	database    *pgserver.Server
	nodes       []*faults.Node
	dirs        [2]string
	centers     [2]*process
	owner       int // of centers: the one that has the record, or the head of a divided one
	gateway     *process
	partitions  int // of the record
}

func newSite(t *testing.T, partitions int) *site {
	t.Helper()
	s := &site{dirs: [2]string{t.TempDir(), t.TempDir()}, partitions: partitions}
	var err error
	s.database = pgserver.ForTest(t)
	if s.record, err = s.database.NewDatabase(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.nodes, s.log = faults.Cluster(t)
	for i := range s.centers {
		s.start(t, i)
	}
	s.gateway = start(t, "gateway", "--log", s.log)
	if h := s.health(t, 1); h.Status != "standby" || !h.Ready || !strings.Contains(h.Owner, strings.TrimPrefix(s.centers[0].URL, "http://")) {
		t.Fatalf("the second process: %+v", h)
	}
	return s
}

func (s *site) start(t *testing.T, i int) {
	t.Helper()
	s.centers[i] = launch(t, s.dirs[i], "--log", s.log, "--record", s.record, "--partitions", strconv.Itoa(s.partitions))
}

// shares waits until processes share the partitions as they should, each of which
// then has one owner.
func (s *site) shares(t *testing.T, processes int) {
	t.Helper()
	if s.partitions == 1 {
		return
	}
	conn, err := pgx.Connect(t.Context(), s.record)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var owners, owned, most int
	for begun := time.Now(); owners != processes || owned != s.partitions || most > (s.partitions+processes-1)/processes; time.Sleep(20 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), `SELECT count(*), coalesce(sum(n), 0), coalesce(max(n), 0) FROM (SELECT application_name, count(*) AS n
			FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND objid <= $1 GROUP BY application_name) AS s`,
			s.partitions).Scan(&owners, &owned, &most); err != nil || time.Since(begun) > time.Minute {
			t.Fatalf("%d processes own %d partitions, one of them %d: %v", owners, owned, most, err)
		}
	}
}

type health struct {
	Status, Owner, Problem string
	Ready                  bool
}

func (s *site) health(t *testing.T, i int) (h health) {
	t.Helper()
	s.centers[i].call(t, http.MethodGet, "/api/v1/health", nil, &h)
	return h
}

// becomes waits until a process is in a state, and returns how long it took.
func (s *site) becomes(t *testing.T, i int, status string) time.Duration {
	t.Helper()
	begin := time.Now()
	for s.health(t, i).Status != status {
		if time.Since(begin) > time.Minute {
			t.Fatalf("process %d is not %q: %+v; it says: %s", i, status, s.health(t, i), s.centers[i].Errs)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(begin)
}

// handOver lets the other process become the owner.
func (s *site) handOver(t *testing.T) {
	t.Helper()
	s.owner = 1 - s.owner
	t.Logf("handed over within %v", s.becomes(t, s.owner, "ok").Round(time.Millisecond))
}

// cutSession ends the sessions with the database by which the owner writes, as the
// server does when it is silent for long, and waits until they have ended.
func (s *site) cutSession(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.record)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const within = time.Minute
	var cut int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, $2)) FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE locktype = 'advisory' AND granted AND application_name LIKE '%' || $1`, strings.TrimPrefix(s.centers[s.owner].URL, "http://"), within.Milliseconds()).Scan(&cut); err != nil ||
		cut == 0 || s.partitions == 1 && cut != 1 {
		t.Fatalf("%d sessions are cut: %v", cut, err)
	}
}

// settle waits until one process evaluates again, whoever was first to ask, and the
// other stands by.
func (s *site) settle(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.record)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var name string
		err := conn.QueryRow(t.Context(), `SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted AND objsubid = 1`).Scan(&name)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) || time.Since(begin) > time.Minute {
			t.Fatalf("%q owns the record: %v; its processes say: %s%s", name, err, s.centers[0].Errs, s.centers[1].Errs)
		}
		s.owner = slices.IndexFunc(s.centers[:], func(p *process) bool { return strings.HasSuffix(name, strings.TrimPrefix(p.URL, "http://")) })
		// What a process says of itself may be of before: an order that reaches the record is not.
		if s.owner >= 0 && s.health(t, 1-s.owner).Status == "standby" && s.evaluates(t) {
			return
		}
	}
}

// evaluates reports whether an order to the owner reaches the record.
func (s *site) evaluates(t *testing.T) bool {
	_, err := s.centers[s.owner].Call(t.Context(), http.MethodPost, "/api/v1/incidents/999999999/acknowledge", []byte("{}"))
	return err != nil && strings.Contains(err.Error(), "404")
}

// Each process of a center is killed, stopped or paused at random points while
// devices upload to all of them: what was acknowledged is there, nothing is twice,
// another process goes on where the owner was, and the verdicts are those of one
// process that nothing disturbed.
func TestProcessesKilledWhileDevicesUpload(t *testing.T) {
	for _, partitions := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) { killProcesses(t, partitions) })
	}
}

func killProcesses(t *testing.T, partitions int) {
	alone(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newSite(t, partitions)
	s.shares(t, 2)
	rounds := faults.Rounds(t, 9) // each kind once
	f := newFleet(6, 100*(rounds+1))
	f.enrol(t, s.centers[s.owner])
	kinds := []struct {
		name string
		f    func()
	}{
		{"the owner is killed", func() {
			s.centers[s.owner].Kill()
			s.handOver(t)
			s.shares(t, 1)
			s.start(t, 1-s.owner)
		}},
		{"the gateway is killed", func() {
			s.gateway.Kill()
			s.gateway = start(t, "gateway", "--log", s.log)
		}},
		{"the owner hangs, loses its session and comes back", func() {
			old := s.centers[s.owner].Cmd.Process
			if err := old.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			s.cutSession(t)
			s.handOver(t)
			if err := old.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			s.becomes(t, 1-s.owner, "standby")
		}},
		{"the standby is killed", func() {
			s.centers[1-s.owner].Kill()
			s.start(t, 1-s.owner)
		}},
		{"the owner stops", func() {
			s.centers[s.owner].stop(t)
			s.handOver(t)
			s.start(t, 1-s.owner)
		}},
		{"the owner's session is cut", func() {
			s.cutSession(t)
			s.settle(t)
		}},
		{"the database is killed", func() {
			if err := s.database.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := s.database.Resume(); err != nil {
				t.Fatal(err)
			}
			s.settle(t)
		}},
		{"a server of the log is killed", func() {
			n := s.nodes[rnd.IntN(len(s.nodes))]
			n.Kill()
			n.Start(t)
		}},
		{"the log is away while the owner's session is cut", func() {
			for _, n := range s.nodes[1:] {
				n.Kill()
			}
			s.cutSession(t)
			time.Sleep(6 * time.Second) // longer than what a process asks the log is waited for
			for _, n := range s.nodes[1:] {
				n.Start(t)
			}
			s.settle(t)
		}},
	}
	for round := range rounds {
		f.until = len(f.routes[0]) * (round + 1) / (rounds + 1) // some are left for the end
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		to := []*process{s.gateway, s.centers[0], s.centers[1]}
		go func() { defer close(done); f.upload(ctx, to...) }()
		time.Sleep(time.Duration(20+rnd.IntN(200)) * time.Millisecond)
		kind := kinds[round%len(kinds)]
		kind.f()
		cancel()
		<-done
		acked, n := f.acknowledged()
		t.Logf("%s: %d of %d acknowledged", kind.name, n, f.size())
		s.shares(t, 2)
		f.has(t, s.centers[s.owner], acked)
	}
	// The standby shows nothing of what it does not know.
	other := s.centers[1-s.owner]
	if doc, err := other.Call(t.Context(), http.MethodGet, "/api/v1/incidents", nil); err == nil || !strings.Contains(err.Error(), "Standing by") {
		t.Errorf("incidents of the standby: %s, %v", doc, err)
	}
	var audit struct{ Whole bool }
	if s.centers[s.owner].call(t, http.MethodGet, "/api/v1/audit/verify", nil, &audit); !audit.Whole {
		t.Error("the audit is not whole")
	}
	f.until = 0
	f.ends(t, s.centers[s.owner], s.gateway, other)
}
