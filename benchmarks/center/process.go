package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const token = "token-of-the-benchmark-0123456789"

// process is a running center.
type process struct {
	cmd           *exec.Cmd
	errs          bytes.Buffer
	page, devices string
}

// launch starts a center and waits until it listens.
func (b *bench) launch(ctx context.Context, data string, args ...string) (*process, error) {
	p := &process{}
	p.cmd = exec.CommandContext(ctx, b.program, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--token", token,
		"--device", "gt06=tcp://127.0.0.1:0?max-conns=100000", "--rate-address", "-1"}, args...)...)
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for sc := bufio.NewScanner(out); sc.Scan(); {
		f := strings.Fields(sc.Text())
		switch {
		case len(f) >= 2 && f[0] == "page":
			p.page = f[1]
		case len(f) >= 4 && f[0] == "devices":
			p.devices = f[3]
			go io.Copy(io.Discard, out)
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("the center did not start: %s", &p.errs), p.cmd.Wait())
}

// stop ends it as an operator does.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the center ended with %w: %s", err, &p.errs)
	}
	return nil
}

func (p *process) request(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.page+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return resp, err
}

// get reads a document of the API.
func (p *process) get(ctx context.Context, path string, into any) error {
	resp, err := p.request(ctx, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

type standing struct {
	LogEnd      uint64 `json:"log_end"`
	Evaluated   uint64 `json:"evaluated"`
	Connections int    `json:"connections"`
}

// caughtUp waits until all that is in the log is in the record.
func (p *process) caughtUp(ctx context.Context) error {
	for {
		var h standing
		if err := p.get(ctx, "/api/v1/health", &h); err != nil {
			return err
		}
		if h.Evaluated >= h.LogEnd {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cpu is what the process has computed so far, and memory what it has resident,
// in bytes: Linux says both.
func (p *process) cpu() (time.Duration, error) {
	doc, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; utime and stime are the 12th
	// and 13th behind it, in ticks of 10 ms.
	f := strings.Fields(string(doc[bytes.LastIndexByte(doc, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/stat has %d fields", len(f))
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}

func (p *process) memory() (int64, error) {
	doc, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(doc)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("/proc/status has no VmRSS")
}
