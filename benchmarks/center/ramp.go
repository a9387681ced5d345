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

// search looks for the highest rate that is sustained: it doubles from first on until
// one is not, or most is reached, and then halves the gap. A rate is given up when none
// of its tries sustains it: near the ceiling one pause of a machine that is shared
// decides.
type search struct {
	rate      float64 // to be tried next
	low, high float64 // sustained, and not; 0: none is known
	most      float64
	halvings  int // that are left
	tries     int
	failed    int // tries of rate
	done      bool
}

func (r *ramp) search() search {
	return search{rate: r.First, most: r.Most, halvings: r.Halvings, tries: r.Tries}
}

// tried goes on from whether the rate was sustained.
func (s *search) tried(sustained bool) {
	if !sustained {
		if s.failed++; s.failed < s.tries {
			return
		}
		s.high = s.rate
	} else {
		s.low = s.rate
	}
	s.failed = 0
	switch {
	case s.high == 0 && s.low < s.most:
		s.rate = min(2*s.rate, s.most)
	case s.high > 0 && s.halvings > 0:
		s.halvings--
		s.rate = (s.low + s.high) / 2
	default:
		s.done = true
	}
}

// ceilings looks for all, in turns: what a machine that is shared gives changes within
// minutes, and what is compared should have the same.
func (b *bench) ceilings(ctx context.Context) (*ceilings, error) {
	all := []*climb{
		{bench: b, name: "a cold center", search: b.Ramp.search()},
		{bench: b, name: "the log alone", search: b.Ramp.search(), setup: setup{logOnly: true}, stays: true},
	}
	if b.Ramp.Warm > 0 {
		all = append(all, &climb{bench: b, name: "a warm center", search: b.Ramp.search(), warm: b.Ramp.Warm, stays: true})
	}
	if err := inTurns(ctx, all...); err != nil {
		return nil, err
	}
	c := &ceilings{Center: all[0].found, LogOnly: all[1].found}
	if b.Ramp.Warm > 0 {
		c.Warm = &all[2].found
	}
	if c.LogOnly.Rate > 0 {
		c.Ratio = c.Center.Rate / c.LogOnly.Rate
		if c.Warm != nil {
			c.WarmRatio = c.Warm.Rate / c.LogOnly.Rate
		}
	}
	return c, nil
}

// inTurns tries one rate of each after the other, until all are found.
func inTurns(ctx context.Context, all ...*climb) error {
	defer func() {
		for _, c := range all {
			c.kill()
		}
	}()
	for more := true; more; {
		more = false
		for _, c := range all {
			if c.done {
				continue
			}
			more = true
			if err := c.try(ctx); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

// climb looks for one ceiling.
type climb struct {
	*bench
	setup
	search
	name  string
	stays bool // one for all rates; else each has a new one
	warm  int  // reports of each device before the first rate
	at    *attempts
	found ceiling
}

func (c *climb) try(ctx context.Context) error {
	if c.at == nil {
		st, err := c.start(ctx, c.setup)
		if err != nil {
			return err
		}
		c.at = &attempts{bench: c.bench, setup: c.setup, st: st}
		if c.warm > 0 {
			interval := float64(c.Ramp.Devices) / c.Ramp.First
			if _, err := c.at.step(ctx, c.Ramp.First, interval*float64(c.warm)); err != nil {
				return err
			}
		}
	}
	t, err := c.at.step(ctx, c.rate, c.Ramp.Step)
	if err != nil {
		return err
	}
	c.found.Steps = append(c.found.Steps, *t)
	progress(fmt.Sprintf("%s, %.0f reports/s: sustained %t, p99 %.0f ms, %d lost, caught up after %.1f s", c.name, c.rate, t.Sustained, t.Ack.P99, t.Lost, t.Behind))
	c.tried(t.Sustained)
	c.found.Rate = c.low
	if c.stays && !c.done {
		return nil
	}
	err = c.at.end(ctx)
	c.at = nil
	return err
}

// kill ends what an error has left.
func (c *climb) kill() {
	if c.at != nil {
		c.at.st.kill()
	}
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
