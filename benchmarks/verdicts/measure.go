package main

import "slices"

// alert is what a rule tells of a zone.
type alert struct {
	from  int64 // as of when
	told  int64
	until int64 // when its end was told; never is open

	// passing tells that the way between two fixes, at from and until, leads
	// through the zone: a warning, counted apart.
	passing bool

	// unsure tells that the person may be on the wrong side for all that is known:
	// no alert, counted apart.
	unsure bool

	// doubt tells that nothing is known, or not believed: no alert, and only
	// looked at for violations that are missed.
	doubt bool
}

const never = int64(1) << 62

// tolerance is how far from a violation an alert is not false yet.
const tolerance = 10 * second

// tally counts verdicts.
type tally struct {
	Alerts    int `json:"alerts"`
	False     int `json:"false"`
	Undecided int `json:"undecided"`
	Repeated  int `json:"repeated"`

	Due           int `json:"due"` // violations of a minute or more
	Missed        int `json:"missed"`
	Unseen        int `json:"missed_unseen"`  // of them without a satellite fix
	Doubted       int `json:"missed_doubted"` // of them while a doubt was told: of a false position, of unknown presence
	MissedPassing int `json:"missed_passing"` // of them while a way between fixes was told as passing
	MissedMayBe   int `json:"missed_may_be"`  // of them while it was told that the person may be there
	MissedUntold  int `json:"missed_untold"`  // of them with none of these three
	Plain         int `json:"plain"`          // due, a minute of it 30 m or more beyond the edge, with two satellite fixes there
	PlainMissed   int `json:"plain_missed"`
	Short         int `json:"short"`
	ShortFound    int `json:"short_found"`

	Passed      int `json:"passed"` // ways between fixes
	PassedFalse int `json:"passed_false"`

	Unknown      int   `json:"unknown"`       // told that the person may be on the wrong side
	UnknownFalse int   `json:"unknown_false"` // of them while all was compliant
	UnknownFor   int64 `json:"unknown_ms"`    // how long such were open, of the time judged

	Delayed []delay `json:"-"`
	InAim   int     `json:"in_aim"` // of Delayed

	Unaware []delay `json:"-"` // of all that were due: until anything was told of them, or they were over

	Causes map[string]cause `json:"causes,omitempty"` // of what was missed, and told late

	Stale     int64 `json:"stale_ms"`
	Uncertain int64 `json:"uncertain_ms"`
	Judged    int64 `json:"judged_ms"` // of all zones together
}

// cause counts what one cause led to.
type cause struct {
	Missed      int `json:"missed"`
	PlainMissed int `json:"plain_missed"`
	Doubted     int `json:"doubted"` // of Missed
	Untold      int `json:"untold"`  // of Missed
	Late        int `json:"late"`    // found, and not in aim
}

func (t *tally) blame(why string, c cause) {
	if t.Causes == nil {
		t.Causes = map[string]cause{}
	}
	sum := t.Causes[why]
	sum.Missed += c.Missed
	sum.PlainMissed += c.PlainMissed
	sum.Doubted += c.Doubted
	sum.Untold += c.Untold
	sum.Late += c.Late
	t.Causes[why] = sum
}

// delay is from the crossing to the alert.
type delay struct {
	ms    int64
	fixes int
}

func (t *tally) add(o *tally) {
	t.Alerts += o.Alerts
	t.False += o.False
	t.Undecided += o.Undecided
	t.Repeated += o.Repeated
	t.Due += o.Due
	t.Missed += o.Missed
	t.Unseen += o.Unseen
	t.Doubted += o.Doubted
	t.MissedPassing += o.MissedPassing
	t.MissedMayBe += o.MissedMayBe
	t.MissedUntold += o.MissedUntold
	t.Unknown += o.Unknown
	t.UnknownFalse += o.UnknownFalse
	t.UnknownFor += o.UnknownFor
	t.Plain += o.Plain
	t.PlainMissed += o.PlainMissed
	t.Passed += o.Passed
	t.PassedFalse += o.PassedFalse
	t.Short += o.Short
	t.ShortFound += o.ShortFound
	t.Delayed = append(t.Delayed, o.Delayed...)
	t.InAim += o.InAim
	t.Unaware = append(t.Unaware, o.Unaware...)
	for why, c := range o.Causes {
		t.blame(why, c)
	}
	t.Stale += o.Stale
	t.Uncertain += o.Uncertain
	t.Judged += o.Judged
}

// count sets the alerts of one zone, in the order in which they were told,
// against the truth. Fixes are the instants of current satellite fixes, and every
// the device's interval. why, which may be nil, says why a violation was not told
// within a time.
func count(z *zoneTruth, alerts []alert, fixes []int64, every int64, why func(span) string) tally {
	var t tally
	episodes := z.episodes()
	first := make([]int, len(episodes)) // number of its first alert, from 1
	slack := max(dueAfter, 2*every)

	for i, a := range alerts {
		if a.doubt {
			continue
		}
		if a.passing {
			t.Passed++
			if has := z.states(a.from, a.until); !has[violation] && !has[ambiguous] && !has[unknown] {
				t.PassedFalse++
			}
			continue
		}
		if a.unsure {
			t.Unknown++
			if has := z.states(a.from, min(a.until, z.end())); !has[violation] && !has[ambiguous] && !has[unknown] {
				t.UnknownFalse++
			}
			for _, s := range []state{ambiguous, compliant, violation} {
				t.UnknownFor += z.time(s, a.from, a.until)
			}
			continue
		}
		t.Alerts++
		has := z.states(a.from-tolerance, a.told+tolerance)
		switch {
		case has[violation]:
		case has[ambiguous] || has[unknown]:
			t.Undecided++
		default:
			t.False++
		}
		again := false
		for k := range episodes {
			e := &episodes[k]
			if a.from > e.to || a.until < e.from || a.told > e.to+slack {
				continue
			}
			if first[k] == 0 {
				first[k] = i + 1
			} else if a.told >= e.from {
				again = true
			}
		}
		if again && has[violation] {
			t.Repeated++
		}
		if a.until > a.told {
			t.Stale += z.time(compliant, a.told, a.until)
		}
	}

	for k, e := range episodes {
		found := first[k] > 0
		if !e.due {
			t.Short++
			if found {
				t.ShortFound++
			}
			continue
		}
		t.Due++
		plain := z.plain(e.span, fixes)
		if plain {
			t.Plain++
		}
		t.Unaware = append(t.Unaware, e.unaware(alerts, fixes))
		lo, _ := slices.BinarySearch(fixes, e.from)
		if !found {
			t.Missed++
			c := cause{Missed: 1}
			doubted, passing, unsure := false, false, false
			for _, a := range alerts {
				if a.from <= e.to && a.until >= e.from && a.told <= e.to+slack {
					doubted, passing, unsure = doubted || a.doubt, passing || a.passing, unsure || a.unsure
				}
			}
			switch {
			case doubted:
				t.Doubted++
				c.Doubted++
			case !passing && !unsure:
				t.MissedUntold++
				c.Untold++
			}
			if passing {
				t.MissedPassing++
			}
			if unsure {
				t.MissedMayBe++
			}
			if plain {
				t.PlainMissed++
				c.PlainMissed++
			}
			if why != nil {
				t.blame(why(e.span), c)
			}
			if hi, _ := slices.BinarySearch(fixes, e.to+1); hi == lo {
				t.Unseen++
			}
			continue
		}
		if e.crossing < 0 {
			continue
		}
		told := max(alerts[first[k]-1].told, e.crossing)
		lo, _ = slices.BinarySearch(fixes, e.crossing+1)
		hi, _ := slices.BinarySearch(fixes, told+1)
		d := delay{told - e.crossing, max(0, hi-lo)}
		t.Delayed = append(t.Delayed, d)
		if d.ms <= dueAfter || d.fixes <= 2 {
			t.InAim++
		} else if why != nil {
			t.blame(why(span{e.crossing, told - 1}), cause{Late: 1})
		}
	}
	for _, s := range z.stretches {
		if s.is != unknown {
			t.Judged += s.to - s.from
		}
	}
	return t
}

// unaware is how long a due episode went on before anything was told that overlaps
// it: an alert, a doubt, what may be, a way between two fixes; or until its end, if
// nothing was. It counts from the crossing, or else from when it became a violation.
func (e *episode) unaware(alerts []alert, fixes []int64) delay {
	from, told := e.crossing, e.to
	if from < 0 {
		from = e.since
	}
	for i := range alerts {
		if a := &alerts[i]; a.from <= e.to && a.until >= e.from {
			told = min(told, max(a.told, from))
		}
	}
	lo, _ := slices.BinarySearch(fixes, from+1)
	hi, _ := slices.BinarySearch(fixes, told+1)
	return delay{told - from, max(0, hi-lo)}
}

// end is when the truth ends.
func (z *zoneTruth) end() int64 {
	if n := len(z.stretches); n > 0 {
		return z.stretches[n-1].to
	}
	return 0
}

// plain reports whether an episode has a minute deep in the violation, with two
// satellite fixes in it.
func (z *zoneTruth) plain(e span, fixes []int64) bool {
	var lasts int64
	n := 0
	for _, d := range z.deep {
		if d.from >= e.to || d.to <= e.from {
			continue
		}
		from, to := max(d.from, e.from), min(d.to, e.to)
		lo, _ := slices.BinarySearch(fixes, from)
		hi, _ := slices.BinarySearch(fixes, to)
		lasts, n = lasts+to-from, n+hi-lo
	}
	return lasts >= dueAfter && n >= 2
}
