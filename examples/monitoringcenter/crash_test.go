package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the command itself, in a process of its own
// that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("EM_TEST_RUN_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const token = "test-token-0123456789"

// process is a running center.
type process struct {
	cmd     *exec.Cmd
	page    string
	devices map[string]string // address by codec
	errs    *bytes.Buffer
}

// launch starts "serve" on a folder and waits until it listens.
func launch(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{devices: map[string]string{}, errs: new(bytes.Buffer)}
	p.cmd = exec.Command(os.Args[0], "serve", "--data", dir, "--listen", "127.0.0.1:0", "--token", token, "--device", "gt06=127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), "EM_TEST_RUN_MAIN=1")
	p.cmd.Stderr = p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	for sc := bufio.NewScanner(out); sc.Scan(); {
		f := strings.Fields(sc.Text())
		switch {
		case len(f) >= 2 && f[0] == "page":
			p.page = f[1]
		case len(f) >= 4 && f[0] == "devices":
			p.devices[f[1]] = f[3]
			go io.Copy(io.Discard, out)
			return p
		}
	}
	p.cmd.Wait()
	t.Fatalf("the center did not start: %s", p.errs)
	return nil
}

func (p *process) call(t *testing.T, method, path string, body []byte, into any) {
	t.Helper()
	req, err := http.NewRequest(method, p.page+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%v; the center says: %s", err, p.errs)
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v: %s", method, path, resp.Status, err, doc)
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
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var h struct {
			LogEnd    uint64 `json:"log_end"`
			Evaluated uint64 `json:"evaluated"`
		}
		p.call(t, http.MethodGet, "/api/v1/health", nil, &h)
		if h.Evaluated >= h.LogEnd {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("evaluation stands at %d of %d", h.Evaluated, h.LogEnd)
		}
	}
}

// stop ends the center by SIGTERM, which it must obey within five seconds.
func (p *process) stop(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v; it says: %s", err, p.errs)
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
	f := newFleet(4, 800)
	dir := t.TempDir()
	for round := range rounds(5) {
		p := launch(t, dir)
		if round == 0 {
			f.enrol(t, p)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.upload(ctx, p) }()
		time.Sleep(time.Duration(50+rnd.IntN(250)) * time.Millisecond)
		if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.cmd.Wait()
		cancel()
		<-done
		acked, n := f.acknowledged()
		t.Logf("killed with %d of %d acknowledged", n, f.size())

		// What was acknowledged is there after the restart, before anything is sent again.
		p = launch(t, dir)
		f.has(t, p, acked)
		p.stop(t)
	}
	f.ends(t, launch(t, dir))
}

// rounds returns how many rounds a test of faults makes: n, or as many as
// EM_ROUNDS says.
func rounds(n int) int {
	if s := os.Getenv("EM_ROUNDS"); s != "" {
		fmt.Sscan(s, &n)
	}
	return n
}
