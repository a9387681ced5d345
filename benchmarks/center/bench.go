package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// bench measures one plan.
type bench struct {
	plan
	dir, program, emsim string

	databases int    // made so far
	made      string // the one there is
}

func (b *bench) build(ctx context.Context) error {
	for name, pkg := range map[string]string{b.program: "monitoringcenter", b.emsim: "emsim"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", name, "github.com/sargas-em/em/examples/"+pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", pkg, err, out)
		}
	}
	return nil
}

// parts are figures of the processes of a center, and their sum. A center in one
// process has a sum alone.
type parts struct {
	Sum      float64 `json:"sum"`
	Gateways float64 `json:"gateways,omitempty"`
	Center   float64 `json:"center,omitempty"`
	Log      float64 `json:"log,omitempty"`
}

func partsOf(u usage, by float64) parts {
	p := parts{Sum: u.sum() / by}
	if u.gateways != 0 {
		p.Gateways, p.Center, p.Log = u.gateways/by, u.center/by, u.log/by
	}
	return p
}

// result is what one run came to.
type result struct {
	Connections int        `json:"connections"`
	Rate        float64    `json:"reports_per_s"`
	Connect     float64    `json:"connect_s"`
	Ack         quantiles  `json:"ack_ms"`
	Incident    *quantiles `json:"incident_ms,omitempty"`
	SendDelay   quantiles  `json:"generator_delay_ms"`        // of that, what the generator itself was late
	Cores       parts      `json:"cores"`                     // for the seconds of the schedule
	Evaluators  []float64  `json:"evaluator_cores,omitempty"` // of Cores.Center, each, where there are several
	Database    float64    `json:"database_cores,omitempty"`  // of PostgreSQL, where it is on this machine
	Generator   float64    `json:"generator_cores"`
	PerConn     float64    `json:"kb_per_connection"` // resident, with garbage, where they are held: of each more that is connected and logged in
	Resident    parts      `json:"resident_mb"`       // at the end of the schedule
	LogBytes    float64    `json:"log_bytes_per_report"`
	FixBytes    float64    `json:"record_bytes_per_fix,omitempty"`
	Behind      float64    `json:"caught_up_after_s,omitempty"` // behind the last acknowledgement
	Lost        int        `json:"connections_lost"`            // and made again
	Reopened    int        `json:"slow_connections_reopened,omitempty"`
}

// run measures a center, or its log alone.
func (b *bench) run(ctx context.Context, s setup) (_ *result, err error) {
	st, err := b.start(ctx, s)
	if err != nil {
		return nil, err
	}
	defer st.kill()
	var told *feed
	if !s.logOnly {
		if told, err = follow(ctx, st.center.Client); err != nil {
			return nil, err
		}
		defer told.close()
	}
	r := &result{Connections: b.Devices + s.slow}
	var slow *node
	if s.slow > 0 {
		if slow, err = b.role(ctx, fmt.Sprintf("slow %d %s", s.slow, strings.Join(st.addrs, " "))); err != nil {
			return nil, err
		}
		defer func() { slow.cmd.Process.Kill(); slow.cmd.Wait() }()
	}
	var began, half usage
	var each []float64
	var database float64
	// Half of the devices come first: what the first ones make resident, such as the
	// code that serves them, is no connection's.
	const waves = 2
	l, err := b.load(ctx, st.addrs, fleet{b.Devices, b.Interval, b.Duration, b.calls(), b.Seed, max(1000, b.Devices/20), waves}, func(wave int) error {
		now, err := st.memory()
		if err != nil {
			return err
		}
		if wave < waves-1 {
			half = now
			return nil
		}
		held := now.gateways - half.gateways
		if b.Gateways == 0 {
			held = now.center - half.center
		}
		r.PerConn = held / (float64(b.Devices) / waves) / 1024
		if each, database, err = st.evaluation(s); err != nil {
			return err
		}
		began, err = st.cpu()
		return err
	})
	if err != nil {
		return nil, err
	}
	// The processors are idle before the schedule, when devices wait for its begin:
	// that time is not counted, and what is done in it is.
	took := b.Duration.Seconds()
	spent, err := st.cpu()
	if err != nil {
		return nil, err
	}
	now, databaseNow, err := st.evaluation(s)
	if err != nil {
		return nil, err
	}
	r.Database = (databaseNow - database) / took
	for i := range now {
		r.Evaluators = append(r.Evaluators, (now[i]-each[i])/took)
	}
	if l.GivenUp > 0 || len(l.Calls) != b.calls() || l.Sent != l.Acknowledged {
		return nil, fmt.Errorf("of %d reports %d were acknowledged and %d given up; %d connections were lost; %d of %d calls for help", l.Sent, l.Acknowledged, l.GivenUp, l.Disconnects, len(l.Calls), b.calls())
	}
	r.Lost = l.Disconnects
	r.Rate, r.Connect, r.Ack, r.SendDelay = float64(l.Acknowledged)/b.Duration.Seconds(), l.Connect, quantilesOf(l.latency), quantilesOf(l.delay)
	r.Generator = l.CPU / b.Duration.Seconds()
	r.Cores = partsOf(usage{spent.gateways - began.gateways, spent.center - began.center, spent.log - began.log}, took)
	resident, err := st.memory()
	if err != nil {
		return nil, err
	}
	r.Resident = partsOf(resident, 1<<20)
	if slow != nil {
		if r.Reopened, err = reopened(slow, s.slow); err != nil {
			return nil, err
		}
	}
	if !s.logOnly {
		if err := b.judged(ctx, st, s, l, r, told); err != nil {
			return nil, err
		}
	}
	if err := st.stop(); err != nil {
		return nil, err
	}
	logAfter, recordAfter, err := st.stored()
	if err != nil {
		return nil, err
	}
	r.LogBytes = (logAfter - st.logBefore) / float64(l.Acknowledged)
	if !s.logOnly && !s.database {
		r.FixBytes = (recordAfter - st.recordBefore) / float64(l.Acknowledged)
	}
	if err := st.checkLog(ctx, l.Sent, l.Acknowledged, s.slow+r.Reopened); err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("%.0f reports/s over %d connections, acknowledged after %v ms, %v cores, %.3g KB a connection, %.3g bytes a fix", r.Rate, r.Connections, r.Ack, r.Cores, r.PerConn, r.FixBytes))
	return r, nil
}

// judged waits until all is evaluated, and checks what the center says of it.
func (b *bench) judged(ctx context.Context, st *stack, s setup, l *load, r *result, told *feed) error {
	ended := time.Now()
	if err := st.center.CaughtUp(ctx); err != nil {
		return err
	}
	r.Behind = time.Since(ended).Seconds()
	c, err := countsOf(ctx, st.center.Client)
	if err == nil {
		err = complete(c, l.Sent, l.Acknowledged, s.slow+r.Reopened)
	}
	if err != nil {
		return err
	}
	all, err := incidentsOf(ctx, st.center.Client)
	if err == nil {
		err = answered(l.Calls, all)
	}
	if err != nil {
		return err
	}
	r.Incident, err = told.latency(ctx, l.Calls)
	return err
}

// checkLog counts what the log of a center that has stopped holds.
func (s *stack) checkLog(ctx context.Context, sent, acknowledged, errors int) error {
	j, err := s.openLog(ctx)
	if err != nil {
		return err
	}
	defer j.Close()
	c, err := inLog(ctx, j)
	if err != nil {
		return err
	}
	if err := complete(c, sent, acknowledged, errors); err != nil {
		return fmt.Errorf("in the log: %w", err)
	}
	return nil
}

// reopened ends the slow connections and returns how many were closed on them.
func reopened(n *node, connections int) (int, error) {
	var opened int
	if err := n.stdin.Close(); err != nil {
		return 0, err
	}
	if _, err := fmt.Fscan(n.out, &opened); err != nil {
		return 0, err
	}
	return opened - connections, errors.Join(n.cmd.Wait())
}
