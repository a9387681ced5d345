package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"github.com/sargas-em/em/benchmarks/internal/environment"
)

// config says what is run.
type config struct {
	seed    uint64
	half    string // halfReport, halfTuning, halfAll
	persons int    // of the town
	pairs   int    // of one town
	plays   int    // of each scenario of emsim
	real    bool
	alone   bool // no pairs
	rules   []rule
	command []string
}

const (
	halfReport = "report"
	halfTuning = "tuning"
	halfAll    = "all"
)

// wants reports whether a unit is of the half that is run.
func (c *config) wants(name string) bool {
	return c.half == halfAll || (c.half == halfTuning) == tuning(name)
}

// job makes units that share nothing with other jobs.
type job func() ([]*unit, error)

// jobs are all that is to be done, and what is left out.
func (c *config) jobs() (jobs []job, data []dataset, skipped []string, err error) {
	for _, f := range files {
		if !c.real {
			break
		}
		traces, hash, err := readSet(f.set, f.file)
		if errors.Is(err, fs.ErrNotExist) {
			skipped = append(skipped, fmt.Sprintf("%s: EM_DATA names no folder with gps/%s", f.set, f.file))
			continue
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", f.set, err)
		}
		data = append(data, dataset{f.set, hash, len(traces)})
		for _, t := range traces {
			if c.wants(t.name) {
				jobs = append(jobs, func() ([]*unit, error) { return realUnits(f.set, t, c.seed) })
			}
		}
	}
	one := func(u *unit, err error) ([]*unit, error) { return []*unit{u}, err }
	for _, s := range []struct {
		set     string
		persons int
	}{{setTown, c.persons}, {setJammed, c.persons / 5}, {setSpoofed, c.persons / 5}, {setMute, c.persons / 5}} {
		for n, found := 0, 0; found < s.persons; n++ {
			if c.wants(townName(s.set, c.seed, n)) {
				found++
				jobs = append(jobs, func() ([]*unit, error) { return one(townUnit(s.set, c.seed, n)) })
			}
		}
	}
	for _, name := range emsimScenarios {
		for n, found := 0, 0; found < c.plays; n++ {
			if c.wants(emsimName(name, c.seed, n)) {
				found++
				jobs = append(jobs, func() ([]*unit, error) { return one(emsimUnit(name, c.seed, n)) })
			}
		}
	}
	return jobs, data, skipped, nil
}

// run does everything.
func run(c config) (*figures, error) {
	jobs, data, skipped, err := c.jobs()
	if err != nil {
		return nil, err
	}
	todo := make([]func() ([]result, error), len(jobs))
	for i, j := range jobs {
		todo[i] = func() ([]result, error) { return c.do(j) }
	}
	results, err := parallel(todo)
	if err != nil {
		return nil, err
	}
	var together []func() ([]pairRow, error)
	if !c.alone {
		together = c.pairJobs()
	}
	pairs, err := parallel(together)
	if err != nil {
		return nil, err
	}
	f := &figures{
		Command: c.command, Machine: environment.Describe(), Seed: c.seed, Half: c.half, Data: data, Skipped: skipped,
		Versions: environment.Versions("github.com/golang/geo", "github.com/paulmach/orb"),
	}
	for _, r := range c.rules {
		f.Rules = append(f.Rules, ruleFigures{r.name, r.what})
	}
	f.conclude(results, c.seed)
	f.Pairs = concludePairs(pairs, c.seed)
	return f, nil
}

// parallel does jobs on all processors; the results are in the order of the jobs.
func parallel[T any](jobs []func() ([]T, error)) ([]T, error) {
	results, errs := make([][]T, len(jobs)), make([]error, len(jobs))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := range next {
				results[i], errs[i] = jobs[i]()
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(results...), nil
}

func (c *config) do(j job) ([]result, error) {
	units, err := j()
	if err != nil {
		return nil, err
	}
	var all []result
	for _, u := range units {
		r, err := u.measure(c.rules)
		if err != nil {
			return nil, err
		}
		all = append(all, r...)
	}
	return all, nil
}

// order is the place of a set in tables.
func order(set string) int {
	return cmp.Or(slices.Index([]string{setWalks, setWalks + ", degraded", setMonths, setMonths + ", degraded", setReceivers, setTown, setJammed, setSpoofed, setMute, setEmsim}, set), 0)
}
