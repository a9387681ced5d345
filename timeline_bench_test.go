package em_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

// track is a fix every minute that wanders over the line, with a contact now
// and then.
func track(n int) []em.Observation {
	obs := make([]em.Observation, n)
	for i := range obs {
		at := clock("12:00:00").Add(time.Duration(i) * time.Minute)
		switch {
		case i%97 == 96:
			obs[i] = beacon(at, i%2 == 0)
		default:
			obs[i] = fix(at, float64(i*7919%211-105)/float64(1+i%50*40)+3-float64(i/300%2)*6)
		}
	}
	return obs
}

func threeRules() []em.Evaluator {
	return []em.Evaluator{&night{grace: 5 * time.Minute}, &crossing{}, &silence{after: 20 * time.Minute}}
}

// checkAgainst compares what a bench has stored with the naive loop, before its
// number is believed.
func checkAgainst(b *testing.B, h *em.MemoryHistory, obs []em.Observation) {
	b.Helper()
	want := map[em.EventID]em.Event{}
	or := oracle{until: obs[len(obs)-1].Received, maxLate: 1 << 62, maxAhead: 1 << 62, rules: []oracleRules{{evs: threeRules()}}}
	for _, c := range []em.Clock{em.EventTime, em.ReceiveTime} {
		or.judge(b, c, obs, want)
	}
	got := byID(h.Present())
	if len(want) < 5 || len(got) != len(want) {
		b.Fatalf("%d events, want %d", len(got), len(want))
	}
	for id, w := range want {
		if g := got[id]; !g.Equal(&w) {
			b.Fatalf("got %s, want %s", show(g), show(w))
		}
	}
}

var benchConfigs = []em.Config{
	{Every: 30 * time.Minute, Window: 2 * time.Hour, Save: 6 * time.Hour},
	{Every: 5 * time.Minute},
}

func name(c em.Config) string { return fmt.Sprintf("every=%v/window=%v", c.Every, c.Window) }

// BenchmarkInOrder feeds one observation a call, in order, to three rules.
func BenchmarkInOrder(b *testing.B) {
	obs := track(20_000)
	for _, cfg := range benchConfigs {
		b.Run(name(cfg), func(b *testing.B) {
			b.ReportAllocs()
			cfg.Subject, cfg.History = subject, discard{}
			var tl *em.Timeline
			var r em.Result
			h := new(em.MemoryHistory)
			i, rounds := len(obs), 0
			for b.Loop() {
				if i == len(obs) {
					i = 0
					rounds++
					var err error
					if tl, err = em.NewTimeline(cfg, threeRules()...); err != nil {
						b.Fatal(err)
					}
				}
				if err := tl.Feed(&r, obs[i].Received, obs[i]); err != nil {
					b.Fatal(err)
				}
				if len(r.Changes) > 0 && rounds == 1 {
					h.Commit(&r)
				}
				r.Reset()
				i++
			}
			if rounds > 1 {
				checkAgainst(b, h, obs)
			}
		})
	}
}

// BenchmarkLateBatch feeds an hour of fixes that were stored in the device.
func BenchmarkLateBatch(b *testing.B) {
	obs := track(4800)
	for _, cfg := range benchConfigs {
		for _, hours := range []int{2, 71} {
			b.Run(fmt.Sprintf("%s/late=%dh", name(cfg), hours), func(b *testing.B) {
				b.ReportAllocs()
				from := len(obs) - hours*60 - 60
				all := make([]em.Observation, 0, len(obs))
				var late []em.Observation
				end := obs[len(obs)-1].Received
				for i, o := range obs {
					if i >= from && i < from+60 {
						o.Received = end
						late = append(late, o)
					} else {
						all = append(all, o)
					}
				}
				h := new(em.MemoryHistory)
				cfg.Subject, cfg.History = subject, h
				tl, err := em.NewTimeline(cfg, threeRules()...)
				if err != nil {
					b.Fatal(err)
				}
				var r em.Result
				for _, o := range all {
					if err := tl.Feed(&r, o.Received, o); err != nil {
						b.Fatal(err)
					}
					h.Commit(&r, o)
					r.Reset()
				}
				snap, err := tl.AppendBinary(nil)
				if err != nil {
					b.Fatal(err)
				}
				_ = snap
				for b.Loop() {
					r.Reset()
					if err := tl.Feed(&r, end, late...); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					h.Commit(&r, late...) // the next round finds them known to the History, and replays as far
					b.StartTimer()
				}
				checkAgainst(b, h, append(all, late...))
			})
		}
	}
}

// BenchmarkRestart goes on from the stored checkpoints, or from a snapshot.
func BenchmarkRestart(b *testing.B) {
	obs := track(2880)
	for _, save := range []time.Duration{6 * time.Hour, 24 * time.Hour} {
		h := new(em.MemoryHistory)
		cfg := em.Config{Subject: subject, History: h, Save: save}
		tl, err := em.NewTimeline(cfg, threeRules()...)
		if err != nil {
			b.Fatal(err)
		}
		end := obs[len(obs)-1].Received
		var r em.Result
		if err := tl.Feed(&r, end, obs...); err != nil {
			b.Fatal(err)
		}
		h.Commit(&r, obs...)
		checkAgainst(b, h, obs)
		snap, err := tl.AppendBinary(nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("replay/save=%v", save), func(b *testing.B) {
			for b.Loop() {
				r.Reset()
				if err := tl.Restore(&r, end); err != nil || len(r.Changes) > 0 {
					b.Fatal(err, r.Changes)
				}
			}
		})
		b.Run("snapshot", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := tl.UnmarshalBinary(snap); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRulesAlone is what the three rules cost without a Timeline.
func BenchmarkRulesAlone(b *testing.B) {
	obs := track(20_000)
	evs := threeRules()
	var buf []em.Event
	i := 0
	for b.Loop() {
		if i == len(obs) {
			i, evs = 0, threeRules()
		}
		for _, e := range evs {
			for d := e.Deadline(); !d.IsZero() && !d.After(obs[i].At); d = e.Deadline() {
				buf = e.Wake(buf[:0], d)
			}
			buf = e.Observe(buf[:0], obs[i])
		}
		i++
	}
}

// BenchmarkFeedMany feeds many timelines in turn, one observation each, as a center
// does whose caches hold few of them; with and without Prefetch, which changes nothing
// of what is told.
func BenchmarkFeedMany(b *testing.B) {
	const subjects, together = 20_000, 16
	obs := track(2000)
	told := map[bool]int{}
	for _, ahead := range []bool{false, true} {
		b.Run(fmt.Sprintf("prefetch=%t", ahead), func(b *testing.B) {
			all := make([]*em.Timeline, subjects)
			for i := range all {
				var err error
				if all[i], err = em.NewTimeline(em.Config{Subject: subject, Every: 30 * time.Minute, History: discard{}}, threeRules()...); err != nil {
					b.Fatal(err)
				}
			}
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
			var r em.Result
			var turn, changes int
			feed := func() {
				o := obs[turn/(subjects/together)]
				next := all[turn%(subjects/together)*together:][:together]
				if ahead {
					em.Prefetch(next)
				}
				for _, tl := range next {
					r = em.Result{}
					if err := tl.Feed(&r, o.Received, o); err != nil {
						b.Fatal(err)
					}
					changes += len(r.Changes)
				}
				turn++
			}
			for range 100 * subjects / together {
				feed()
			}
			if told[ahead] = changes; changes == 0 || ahead && changes != told[false] {
				b.Fatalf("%d changes, without Prefetch %d", changes, told[false])
			}
			for b.Loop() {
				if turn == len(obs)*subjects/together {
					b.Fatal("more rounds than observations")
				}
				feed()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*together), "ns/observation")
		})
	}
}
