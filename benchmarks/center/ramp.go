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
	Tries    int     `json:"tries"`        // of a rate, until it is sustained once
	Warm     int     `json:"warm_reports"` // of each device before the steps of a warm center; 0: there is none
}

// Bounds of what is sustained.
const (
	promptly = 1000 // ms from the intended send to the acknowledgement, in 99 % of cases
	caught   = 1.0  // seconds that evaluation may be behind at the end of a step
)

// ceilings are what a whole center and its log alone sustain. A cold center has
// heard of nobody when a step begins: of each device the step brings the first
// report. A warm one has heard of all.
type ceilings struct {
	Center    ceiling  `json:"center"` // cold
	Warm      *ceiling `json:"center_warm,omitempty"`
	LogOnly   ceiling  `json:"log_only"`
	Ratio     float64  `json:"ratio"` // of the cold one
	WarmRatio float64  `json:"ratio_warm,omitempty"`
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

// again tries a rate that is not sustained so many times in all: near the ceiling one
// pause of a machine that is shared decides.
func again(tries int, try func(rate float64) (bool, error)) func(rate float64) (bool, error) {
	return func(rate float64) (ok bool, err error) {
		for n := 0; n < max(1, tries) && !ok && err == nil; n++ {
			ok, err = try(rate)
		}
		return ok, err
	}
}

// ceilings looks for all.
func (b *bench) ceilings(ctx context.Context) (c *ceilings, err error) {
	c = &ceilings{}
	progress("the most that a cold center sustains")
	if c.Center, err = b.ceiling(ctx, setup{}, 0); err != nil {
		return nil, err
	}
	if b.Ramp.Warm > 0 {
		progress("the most that a warm center sustains")
		warm, err := b.ceiling(ctx, setup{}, b.Ramp.Warm)
		if err != nil {
			return nil, err
		}
		c.Warm = &warm
	}
	progress("the most that the log alone sustains")
	if c.LogOnly, err = b.ceiling(ctx, setup{logOnly: true}, 0); err != nil {
		return nil, err
	}
	if c.LogOnly.Rate > 0 {
		c.Ratio = c.Center.Rate / c.LogOnly.Rate
		if c.Warm != nil {
			c.WarmRatio = c.Warm.Rate / c.LogOnly.Rate
		}
	}
	return c, nil
}

// ceiling looks for one: of the log alone, of a center whose devices have each
// reported so often before, or, each rate on a new one, of a center that is cold.
func (b *bench) ceiling(ctx context.Context, s setup, warm int) (c ceiling, err error) {
	var at *attempts
	defer func() {
		if at != nil {
			at.st.kill()
		}
	}()
	c.Rate, err = climb(b.Ramp.First, b.Ramp.Most, b.Ramp.Halvings, again(b.Ramp.Tries, func(rate float64) (bool, error) {
		if at == nil {
			st, err := b.start(ctx, s)
			if err != nil {
				return false, err
			}
			at = &attempts{bench: b, setup: s, st: st}
			if warm > 0 {
				interval := float64(b.Ramp.Devices) / b.Ramp.First
				if _, err := at.step(ctx, b.Ramp.First, interval*float64(warm)); err != nil {
					return false, err
				}
			}
		}
		t, err := at.step(ctx, rate, b.Ramp.Step)
		if err != nil {
			return false, err
		}
		c.Steps = append(c.Steps, *t)
		progress(fmt.Sprintf("%.0f reports/s: sustained %t, p99 %.0f ms, %d lost, caught up after %.1f s", rate, t.Sustained, t.Ack.P99, t.Lost, t.Behind))
		if s.logOnly || warm > 0 {
			return t.Sustained, nil
		}
		err = at.end(ctx)
		at = nil
		return t.Sustained, err
	}))
	if err == nil && at != nil {
		err = at.end(ctx)
	}
	return c, err
}

// attempts are steps on one center.
type attempts struct {
	*bench
	setup
	st                 *stack
	sent, acknowledged int
	upset              bool // a rate was not sustained: what it makes the center say is no error
}

// end checks what a center has of all its steps, and stops it.
func (a *attempts) end(ctx context.Context) error {
	defer a.st.kill()
	if !a.logOnly {
		n, err := countsOf(ctx, a.st.center.Client)
		if err == nil {
			err = complete(n, a.sent, a.acknowledged, 0)
		}
		if err != nil {
			return err
		}
	}
	if err := a.st.stop(); err != nil {
		return err
	}
	return a.st.checkLog(ctx, a.sent, a.acknowledged, 0)
}

// step tries one rate. Devices go on near where they were in the steps before, as
// their seed is the same: positions that nobody can have are incidents, one for
// each device, and a center that writes these is not what is measured.
func (a *attempts) step(ctx context.Context, rate, seconds float64) (*step, error) {
	lasts := time.Duration(seconds * float64(time.Second))
	var began usage
	f := fleet{a.Ramp.Devices, time.Duration(float64(a.Ramp.Devices) / rate * float64(time.Second)), lasts, 0, a.Seed, 4000, 1}
	l, err := a.load(ctx, a.st.addrs, f, func(int) (err error) {
		began, err = a.st.cpu()
		return err
	})
	if err != nil {
		return nil, err
	}
	a.sent += l.Sent
	a.acknowledged += l.Acknowledged
	spent, err := a.st.cpu()
	if err != nil {
		return nil, err
	}
	t := &step{Rate: rate, Reached: float64(l.Acknowledged) / lasts.Seconds(), Ack: quantilesOf(l.latency), Delay: quantilesOf(l.delay),
		Lost: l.Unacknowledged + l.GivenUp + l.Disconnects, Generator: l.CPU / lasts.Seconds(),
		Cores: partsOf(usage{spent.gateways - began.gateways, spent.center - began.center, spent.log - began.log}, lasts.Seconds())}
	if !a.logOnly {
		ended := time.Now()
		if err := a.st.center.CaughtUp(ctx); err != nil {
			return nil, err
		}
		t.Behind = time.Since(ended).Seconds()
	}
	t.Sustained = t.sustained()
	a.upset = a.upset || !t.Sustained
	if a.logOnly || a.upset {
		return t, nil
	}
	all, err := incidentsOf(ctx, a.st.center.Client)
	if err == nil {
		err = answered(nil, all)
	}
	return t, err
}
