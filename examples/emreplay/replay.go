package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

// The grid of Timelines: as the monitoring center's in memory; what a history
// keeps is on a coarser one.
const (
	gridEvery = 30 * time.Minute
	gridSave  = 6 * time.Hour
	window    = 2 * time.Hour
	maxAhead  = 15 * time.Minute

	// batch is how many observations are fed at once, over all persons.
	batch = 4096
	// mostShuffled bounds what --shuffle and --unsorted keep in memory: about 1 GB.
	mostShuffled = 2_000_000
)

// result is what a replay has found.
type result struct {
	people  []*subject
	at      time.Time
	maxLate time.Duration

	lines, used, later, strangers, refused, bad int
}

// subject is a person under evaluation.
type subject struct {
	*person
	tl      *em.Timeline
	history history
	waiting []em.Observation
	now     time.Time // of the last call
}

// errUnsorted: memory no longer holds what the line would change.
type errUnsorted struct {
	behind time.Duration
}

func (e *errUnsorted) Error() string {
	return fmt.Sprintf("it was received %v before an earlier line: sort the file by received, or give --unsorted", e.behind)
}

func replayFiles(o options, errs io.Writer) (*result, error) {
	doc, err := os.ReadFile(o.orders)
	if err != nil {
		return nil, err
	}
	people, ros, err := readOrders(doc)
	if err != nil {
		return nil, program.Errorf(exitInput, "%s: %w", o.orders, err)
	}
	f, err := os.Open(o.observations)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w := bufio.NewWriter(errs)
	defer w.Flush()
	return replayStream(o, people, ros, f, w)
}

func replayStream(o options, people []*person, ros *roster.Roster, in io.Reader, errs io.Writer) (*result, error) {
	r := &result{maxLate: o.maxLate, at: o.at}
	byID := map[em.SubjectID]*subject{}
	for _, p := range people {
		evs, err := p.build()
		if err != nil {
			return nil, err
		}
		s := &subject{person: p}
		s.tl, err = em.NewTimeline(em.Config{
			Subject: p.id, Start: p.since, Every: gridEvery, Save: gridSave, Window: window,
			MaxLate: o.maxLate, MaxAhead: maxAhead, History: &s.history,
		}, evs...)
		if err != nil {
			return nil, program.Errorf(exitFault, "%w", err)
		}
		byID[p.id] = s
		r.people = append(r.people, s)
	}
	all := o.shuffled || o.unsorted
	var newest time.Time
	waiting := 0
	flush := func() error {
		for _, s := range r.people {
			if o.unsorted {
				slices.SortStableFunc(s.waiting, func(a, b em.Observation) int { return a.Received.Compare(b.Received) })
			}
			if err := s.feedAsReceived(); err != nil {
				return err
			}
			if all {
				continue
			}
			s.history.forget(newest.Add(-o.maxLate - o.slack - 2*gridSave - maxAhead))
		}
		waiting = 0
		return nil
	}
	err := scan(in, func(n int, ob em.Observation, err error) error {
		r.lines++
		id := em.SubjectID("")
		if err == nil {
			if id = ros.Carrier(ob.Device, ob.At); id == "" {
				r.strangers++
				fmt.Fprintf(errs, "emreplay: line %d: %v\n", n, errNobody)
				return nil
			}
			if !o.at.IsZero() && ob.Received.After(o.at) {
				r.later++
				return nil
			}
			if behind := newest.Sub(ob.Received); !all && !newest.IsZero() && behind > o.slack {
				err = &errUnsorted{behind}
			}
		}
		if err != nil {
			r.bad++
			fmt.Fprintf(errs, "emreplay: line %d: %v\n", n, err)
			return nil
		}
		if ob.Received.After(newest) {
			newest = ob.Received
		}
		r.used++
		if why := refusedBy(o, byID[id], &ob); why != "" {
			r.refused++
			fmt.Fprintf(errs, "emreplay: line %d: not judged: %s\n", n, why)
		}
		s := byID[id]
		s.waiting = append(s.waiting, ob)
		if waiting++; all && waiting > mostShuffled {
			return program.Errorf(exitInput, "line %d: --shuffle and --unsorted take %d observations at most", n, mostShuffled)
		}
		if !all && waiting >= batch {
			return flush()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r.at.IsZero() {
		r.at = newest
	}
	if o.shuffled {
		rnd := rand.New(rand.NewPCG(o.shuffle, 1))
		for _, s := range r.people {
			if err := s.feedShuffled(r.at, rnd); err != nil {
				return nil, err
			}
		}
	} else if err := flush(); err != nil {
		return nil, err
	}
	for _, s := range r.people {
		if err := s.feed(r.at, nil); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// refusedBy says why evaluators of event time do not see an observation, in the
// words of em.Refused: such a line counts for whether the device was heard.
func refusedBy(o options, s *subject, ob *em.Observation) string {
	switch late := ob.Received.Sub(ob.At); {
	case late > o.maxLate:
		return fmt.Sprintf("%v late, and --max-late is %v", late, o.maxLate)
	case late < -maxAhead:
		return fmt.Sprintf("its time lies %v ahead of its reception", -late)
	case ob.At.Before(s.since):
		return "it is from before the person's since"
	}
	return ""
}

// feedAsReceived feeds what waits as the center was given it: what came at one
// instant in one call, at that instant.
func (s *subject) feedAsReceived() error {
	for obs := s.waiting; len(obs) > 0; {
		n := 1
		for n < len(obs) && obs[n].Received.Equal(obs[0].Received) {
			n++
		}
		now := obs[0].Received
		if now.Before(s.now) {
			now = s.now
		}
		if err := s.feed(now, obs[:n]); err != nil {
			return err
		}
		obs = obs[n:]
	}
	s.waiting = s.waiting[:0]
	return nil
}

func (s *subject) feed(now time.Time, obs []em.Observation) error {
	s.now = now
	s.history.store(obs...)
	var r em.Result
	if err := s.tl.Feed(&r, now, obs...); err != nil {
		return program.Errorf(exitFault, "person %q: %w", s.id, err)
	}
	s.history.Commit(&r)
	return nil
}

// feedShuffled feeds what waits in another order, in batches of chance, some of
// it twice, as of the end.
func (s *subject) feedShuffled(now time.Time, rnd *rand.Rand) error {
	obs := s.waiting
	for range len(obs) / 8 {
		obs = append(obs, obs[rnd.IntN(len(s.waiting))])
	}
	rnd.Shuffle(len(obs), func(i, k int) { obs[i], obs[k] = obs[k], obs[i] })
	for len(obs) > 0 {
		n := min(len(obs), 1+rnd.IntN(max(1, len(obs)/3)))
		if err := s.feed(now, obs[:n]); err != nil {
			return err
		}
		obs = obs[n:]
	}
	return nil
}

// inputError is the error of an input of which something could not be used.
func (r *result) inputError() error {
	if r.bad == 0 {
		return nil
	}
	return program.Errorf(exitInput, "%d of %d lines cannot be used", r.bad, r.lines)
}
