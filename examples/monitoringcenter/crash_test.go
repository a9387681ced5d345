package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/internal/faults"
	"github.com/sargas-em/em/examples/monitoringcenter/client"
)

// TestMain lets the test binary be the command itself, in a process of its own
// that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("EM_TEST_RUN_MAIN") != "" {
		main()
		return
	}
	if faults.RunNode() {
		return
	}
	os.Exit(m.Run())
}

// alone is for tests of the command in processes of its own: the race detector
// makes them many times slower, and package center's tests run with it. With -short,
// which is how it runs this package, they are left out.
func alone(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a process of its own")
	}
}

const token = "test-token-0123456789"

// process is a running center.
type process struct{ *client.Process }

// launch starts "serve" on a folder, with further arguments, and waits until it
// listens.
func launch(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return start(t, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--token", token}, args...)...)
}

// start starts the command with a listener for devices, and waits until it listens.
// Devices may upload as fast as they can.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], append(args, "--device", "gt06=127.0.0.1:0", "--rate-device", "-1")...)
	cmd.Env = append(os.Environ(), "EM_TEST_RUN_MAIN=1")
	p, err := client.Start(cmd, token, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &process{p}
}

func (p *process) call(t *testing.T, method, path string, body []byte, into any) {
	t.Helper()
	doc, err := p.Call(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%v; the center says: %s", err, p.Errs)
	}
	if into != nil {
		if err := json.Unmarshal(doc, into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// caughtUp waits until all that is in the log is in the record.
func (p *process) caughtUp(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.CaughtUp(ctx); err != nil {
		t.Fatalf("%v; the center says: %s", err, p.Errs)
	}
}

// stop ends the center by SIGTERM, which it must obey within five seconds.
func (p *process) stop(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v to stop", d)
	}
}

// Killed at random points while devices upload, the center has afterwards
// everything that it acknowledged, nothing twice, and the verdicts of an
// undisturbed run.
func TestKilledWhileDevicesUpload(t *testing.T) {
	alone(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	rounds := faults.Rounds(t, 5)
	f := newFleet(4, perRound*(rounds+1))
	dir := t.TempDir()
	for round := range rounds {
		f.until = perRound * (round + 1)
		p := launch(t, dir)
		if round == 0 {
			f.enrol(t, p)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.upload(ctx, p) }()
		time.Sleep(time.Duration(50+rnd.IntN(250)) * time.Millisecond)
		p.Kill()
		cancel()
		<-done
		acked, n := f.acknowledged()
		t.Logf("killed with %d of %d acknowledged", n, f.size())

		// What was acknowledged is there after the restart, before anything is sent again.
		p = launch(t, dir)
		f.has(t, p, acked)
		p.stop(t)
	}
	f.until = 0
	f.ends(t, launch(t, dir))
}
