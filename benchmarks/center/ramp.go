package main

import (
	"context"
	"fmt"
	"time"
)

// ramp is how the most that is sustained is looked for.
type ramp struct {
	Devices  int     `json:"devices"` // 0: it is not
	First    float64 `json:"first_reports_per_s"`
	Most     float64 `json:"most_reports_per_s"`
	Step     float64 `json:"step_s"`
	Halvings int     `json:"halvings"`
}

// Bounds of what is sustained.
const (
	promptly = 1000 // ms from the intended send to the acknowledgement, in 99 % of cases
	caught   = 1.0  // seconds that evaluation may be behind at the end of a step
)

// ceilings are what a whole center and its log alone sustain.
type ceilings struct {
	Center  ceiling `json:"center"`
	LogOnly ceiling `json:"log_only"`
	Ratio   float64 `json:"ratio"`
}

// ceiling is the highest rate that was sustained, and all that were tried.
type ceiling struct {
	Rate  float64 `json:"reports_per_s"`
	Steps []step  `json:"steps"`
}

// step is one rate that was tried.
type step struct {
	Rate      float64   `json:"reports_per_s"` // asked for
	Reached   float64   `json:"acknowledged_per_s"`
	Ack       quantiles `json:"ack_ms"`
	Delay     quantiles `json:"generator_delay_ms"`
	Lost      int       `json:"not_acknowledged"`
	Behind    float64   `json:"caught_up_after_s"`
	Cores     parts     `json:"cores"`
	Generator float64   `json:"generator_cores"`
	Sustained bool      `json:"sustained"`
}

func (s *step) sustained() bool {
	return s.Lost == 0 && s.Ack.P99 <= promptly && s.Behind <= caught
}

// climb returns the highest rate that try sustains: it doubles from first on until
// one is not, or most is reached, and then halves the gap so many times.
func climb(first, most float64, halvings int, try func(rate float64) (bool, error)) (best float64, err error) {
	low, high := 0.0, 0.0
	for rate := first; ; rate = min(2*rate, most) {
		ok, err := try(rate)
		if err != nil {
			return 0, err
		}
		if !ok {
			high = rate
			break
		}
		if low = rate; rate >= most {
			return low, nil
		}
	}
	for range halvings {
		rate := (low + high) / 2
		ok, err := try(rate)
		if err != nil {
			return 0, err
		}
		if ok {
			low = rate
		} else {
			high = rate
		}
	}
	return low, nil
}

// ceilings looks for both.
func (b *bench) ceilings(ctx context.Context) (c *ceilings, err error) {
	c = &ceilings{}
	progress("the most that a center sustains")
	if c.Center, err = b.ceiling(ctx, setup{}); err != nil {
		return nil, err
	}
	progress("the most that the log alone sustains")
	if c.LogOnly, err = b.ceiling(ctx, setup{logOnly: true}); err != nil {
		return nil, err
	}
	if c.LogOnly.Rate > 0 {
		c.Ratio = c.Center.Rate / c.LogOnly.Rate
	}
	return c, nil
}

func (b *bench) ceiling(ctx context.Context, s setup) (c ceiling, err error) {
	st, err := b.start(ctx, s)
	if err != nil {
		return c, err
	}
	defer st.kill()
	sent, acknowledged := 0, 0
	c.Rate, err = climb(b.Ramp.First, b.Ramp.Most, b.Ramp.Halvings, func(rate float64) (bool, error) {
		t, l, err := b.step(ctx, st, s, rate, len(c.Steps))
		if err != nil {
			return false, err
		}
		sent += l.Sent
		acknowledged += l.Acknowledged
		c.Steps = append(c.Steps, *t)
		progress(fmt.Sprintf("%.0f reports/s: sustained %t, p99 %.0f ms, %d lost, caught up after %.1f s", rate, t.Sustained, t.Ack.P99, t.Lost, t.Behind))
		return t.Sustained, nil
	})
	if err != nil {
		return c, err
	}
	if !s.logOnly {
		n, err := countsOf(ctx, st.center.Client)
		if err == nil {
			err = complete(n, sent, acknowledged, 0)
		}
		if err != nil {
			return c, err
		}
	}
	if err := st.stop(); err != nil {
		return c, err
	}
	return c, st.checkLog(ctx, sent, acknowledged, 0)
}

// step tries one rate.
func (b *bench) step(ctx context.Context, st *stack, s setup, rate float64, n int) (*step, *load, error) {
	lasts := time.Duration(b.Ramp.Step * float64(time.Second))
	var began usage
	var begin time.Time
	// Seeds differ, so that no report is one of an earlier step.
	f := fleet{b.Ramp.Devices, time.Duration(float64(b.Ramp.Devices) / rate * float64(time.Second)), lasts, 0, b.Seed + uint64(n) + 1, 4000}
	l, err := b.load(ctx, st.addrs, f, func() (err error) {
		begin = time.Now()
		began, err = st.cpu()
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	took := time.Since(begin).Seconds()
	spent, err := st.cpu()
	if err != nil {
		return nil, nil, err
	}
	t := &step{Rate: rate, Reached: float64(l.Acknowledged) / lasts.Seconds(), Ack: quantilesOf(l.latency), Delay: quantilesOf(l.delay),
		Lost: l.Unacknowledged + l.GivenUp + l.Disconnects, Generator: l.CPU / lasts.Seconds(),
		Cores: partsOf(usage{spent.gateways - began.gateways, spent.center - began.center, spent.log - began.log}, took)}
	if !s.logOnly {
		ended := time.Now()
		if err := st.center.CaughtUp(ctx); err != nil {
			return nil, nil, err
		}
		t.Behind = time.Since(ended).Seconds()
	}
	t.Sustained = t.sustained()
	return t, l, nil
}
