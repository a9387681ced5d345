package journal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sargas-em/em/examples/internal/faults"
)

// A log is opened before its server is there, as when all start together.
func TestOpenBeforeTheServer(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, srv.Start)
	defer func() { srv.Shutdown(); srv.WaitForShutdown() }()
	j, err := Open(t.Context(), Config{URL: fmt.Sprintf("nats://127.0.0.1:%d", port), Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Append(t.Context(), report("1", 0)); err != nil {
		t.Error(err)
	}
}

// A log that is not there in time is away, which is told with how long it was waited
// for; what is no log at all is an error of another kind.
func TestOpenAway(t *testing.T) {
	if j, err := Open(t.Context(), Config{URL: "nats://127.0.0.1:1", Wait: 300 * time.Millisecond}); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "300ms") {
		t.Errorf("without a server: %v, %v", j, err)
	}
	start := func(o server.Options) string {
		o.Host, o.Port, o.StoreDir, o.NoLog, o.NoSigs = "127.0.0.1", -1, t.TempDir(), true, true
		srv, err := server.NewServer(&o)
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
		if !srv.ReadyForConnections(20 * time.Second) {
			t.Fatal("the server does not start")
		}
		return srv.ClientURL()
	}
	if j, err := Open(t.Context(), Config{URL: start(server.Options{}), Wait: 300 * time.Millisecond}); err == nil || errors.Is(err, ErrAway) {
		t.Errorf("with a server that keeps no streams: %v, %v", j, err)
	}
	url := start(server.Options{JetStream: true})
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: streamName, Subjects: []string{"other"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if j, err := Open(t.Context(), Config{URL: url}); !errors.Is(err, errNoLog) {
		t.Errorf("with a stream of others: %v, %v", j, err)
	}
}

// A cluster of three loses its leader again and again, each time without a word, while
// reports come in: what was acknowledged is there, in order and once, for a
// reader who was there all the time and for one who comes later.
func TestLeaderIsKilled(t *testing.T) {
	nodes, url := faults.Cluster(t)
	j := open(t, Config{URL: url})
	live := make(chan Commit, 1<<16)
	ended := make(chan error, 1)
	go func() { ended <- j.Read(t.Context(), 0, live) }()

	const conns = 8
	var (
		wg       sync.WaitGroup
		stop     atomic.Bool
		mu       sync.Mutex
		acked    = map[string]int{} // by connection: its reports up to that number
		failures atomic.Int64
	)
	total := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range acked {
			n += c
		}
		return n
	}
	for c := range conns {
		wg.Go(func() {
			for n := 0; !stop.Load(); {
				if err := j.Append(t.Context(), report(fmt.Sprint(c), n)); err != nil {
					// As a device would, it is sent again.
					t.Logf("report %d of connection %d: %v", n, c, err)
					failures.Add(1)
					continue
				}
				n++
				mu.Lock()
				acked[fmt.Sprint(c)] = n
				mu.Unlock()
			}
		})
	}
	grow := func(by int) {
		t.Helper()
		want := total() + by
		for deadline := time.Now().Add(time.Minute); total() < want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d reports are acknowledged, want %d", total(), want)
			}
		}
	}
	grow(100)
	for range faults.Rounds(t, 2) {
		info, err := j.stream.Info(t.Context())
		if err != nil || info.Cluster == nil {
			t.Fatalf("who leads: %+v, %v", info, err)
		}
		var leader *faults.Node
		for _, n := range nodes {
			if n.Name == info.Cluster.Leader {
				leader = n
			}
		}
		if leader == nil {
			t.Fatalf("nobody is %q", info.Cluster.Leader)
		}
		leader.Kill()
		grow(200) // the other two go on
		leader.Start(t)
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			info, err := j.stream.Info(t.Context())
			if err == nil && len(info.Cluster.Replicas) == 2 && info.Cluster.Replicas[0].Current && info.Cluster.Replicas[1].Current {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the server that came back does not catch up: %+v, %v", info, err)
			}
		}
	}
	stop.Store(true)
	wg.Wait()

	check := func(who string, commits []Commit) {
		t.Helper()
		next := map[string]int{}
		for _, c := range commits {
			for _, r := range c.Entries {
				n := next[r.Conn]
				if again := n > 0 && string(r.Frames[0].Raw) == fmt.Sprintf("frame %d", n-1); again && failures.Load() > 0 {
					continue // one that nobody could say of whether it was in the log
				}
				if string(r.Frames[0].Raw) != fmt.Sprintf("frame %d", n) {
					t.Fatalf("%s: connection %s: %q, want number %d", who, r.Conn, r.Frames[0].Raw, n)
				}
				next[r.Conn]++
			}
		}
		for conn, n := range acked {
			if next[conn] < n {
				t.Errorf("%s: connection %s: %d reports, %d were acknowledged", who, conn, next[conn], n)
			}
		}
	}
	all := read(t, open(t, Config{URL: url}), 0)
	check("a later reader", all)
	var seen []Commit
	for len(seen) < len(all) {
		select {
		case c := <-live:
			seen = append(seen, c)
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Minute):
			t.Fatalf("the reader has %d commits of %d", len(seen), len(all))
		}
	}
	check("the reader", seen)
	t.Logf("%d reports, %d commits, %d not acknowledged", total(), len(all), failures.Load())
}

// Where its servers have no leader any of them answers, with what it has: that is not
// where the log ends.
func TestNoLeader(t *testing.T) {
	nodes, url := faults.Cluster(t)
	j := open(t, Config{URL: url})
	if err := j.Append(t.Context(), report("c", 0)); err != nil {
		t.Fatal(err)
	}
	nodes[0].Kill()
	nodes[1].Kill()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		info, err := j.stream.Info(t.Context())
		if err == nil && info.Cluster.Leader == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the last server has not seen that it is alone: %v", err)
		}
	}
	if _, last, err := j.Bounds(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("without a leader the log ends at %d: %v", last, err)
	}
	nodes[0].Start(t)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, last, err := j.Bounds(t.Context()); err == nil && last == 1 {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("with a leader again the log ends at %d: %v", last, err)
		}
	}
}

// In a hurry what waits for a log that is away is given up, and not acknowledged; what
// comes while the log is there is.
func TestHurry(t *testing.T) {
	dir := t.TempDir()
	options := func(port int) *server.Options {
		return &server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, SyncAlways: true, NoLog: true, NoSigs: true}
	}
	start := func(port int) *server.Server {
		srv, err := server.NewServer(options(port))
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		if !srv.ReadyForConnections(20 * time.Second) {
			t.Fatal("the server does not start")
		}
		return srv
	}
	end := func(srv *server.Server) { srv.Shutdown(); srv.WaitForShutdown() }
	srv := start(-1)
	port := srv.Addr().(*net.TCPAddr).Port
	j := open(t, Config{URL: srv.ClientURL(), Replicas: 1})
	if err := j.Append(t.Context(), report("1", 0)); err != nil {
		t.Fatal(err)
	}
	end(srv)
	begin, given := time.Now(), make(chan error, 2)
	for n := range 2 { // one is under way, the other waits for its turn
		go func() { given <- j.Append(context.Background(), report(fmt.Sprint(n), 1)) }()
	}
	j.Hurry()
	for range 2 {
		if err := <-given; err == nil || time.Since(begin) >= giveUp {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	}
	srv = start(port)
	defer end(srv)
	for n := 2; ; n++ {
		if err := j.Append(t.Context(), report("1", n)); err == nil {
			break
		} else if time.Since(begin) > time.Minute {
			t.Fatal(err)
		}
	}
}
