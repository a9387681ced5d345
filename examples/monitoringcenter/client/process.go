package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a center, or a gateway, that runs as a program: for tests and
// benchmarks that measure, stop and kill it from outside.
type Process struct {
	Client                    // of a center; a gateway has no page
	Devices map[string]string // where devices connect, by dialect
	Cmd     *exec.Cmd
	Errs    *Text // its standard error
}

// Start runs cmd, "serve" or "gateway" of command monitoringcenter, and waits
// until it listens: it has named its page and as many listeners for devices as are
// given, of a gateway these alone. Its standard output and error are taken. One that
// does not listen within a minute is killed.
func Start(cmd *exec.Cmd, token string, listeners int) (*Process, error) {
	p := &Process{Client: Client{Token: token}, Devices: map[string]string{}, Cmd: cmd, Errs: new(Text)}
	cmd.Stderr = p.Errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(startWithin, func() { cmd.Process.Kill() })
	defer late.Stop()
	named := 0
	for sc := bufio.NewScanner(out); sc.Scan(); {
		f := strings.Fields(sc.Text())
		switch {
		case len(f) >= 2 && f[0] == "page":
			p.URL = f[1]
		case len(f) >= 4 && f[0] == "devices":
			p.Devices[f[1]] = f[3]
			named++
		}
		if named == listeners && (listeners > 0 || p.URL != "") {
			go io.Copy(io.Discard, out)
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("client: %s did not start: %s", cmd.Path, p.Errs), cmd.Wait())
}

// startWithin is far longer than a start takes where all that it needs is there.
const startWithin = time.Minute

// Stop ends the process as an operator does, and waits for its end.
func (p *Process) Stop() error {
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.Cmd.Wait(); err != nil {
		return fmt.Errorf("client: it ended with %w: %s", err, p.Errs)
	}
	return nil
}

// Kill ends it at once. After Stop it does nothing.
func (p *Process) Kill() {
	p.Cmd.Process.Kill()
	p.Cmd.Wait()
}

// Standing is how far a center has come.
type Standing struct {
	LogEnd      *uint64 `json:"log_end"` // nil while the log does not answer
	Evaluated   uint64  `json:"evaluated"`
	Connections int     `json:"connections"`
}

// Standing asks how far the center has come.
func (c Client) Standing(ctx context.Context) (s Standing, err error) {
	doc, err := c.Call(ctx, http.MethodGet, "/api/v1/health", nil)
	if err == nil {
		err = json.Unmarshal(doc, &s)
	}
	return s, err
}

// CaughtUp waits until all that is in the log is in the record.
func (c Client) CaughtUp(ctx context.Context) error {
	for {
		s, err := c.Standing(ctx)
		if err != nil || s.LogEnd != nil && s.Evaluated >= *s.LogEnd {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			if s.LogEnd == nil {
				return fmt.Errorf("client: evaluation stands at %d, and the log does not answer: %w", s.Evaluated, ctx.Err())
			}
			return fmt.Errorf("client: evaluation stands at %d of %d: %w", s.Evaluated, *s.LogEnd, ctx.Err())
		}
	}
}

// Text collects what a process says. It is safe for concurrent use.
type Text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
