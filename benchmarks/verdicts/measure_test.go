package main

import (
	"reflect"
	"testing"
)

// Each case is one zone; times are seconds.
func TestCount(t *testing.T) {
	// In the zone from 1000 to 1200, ambiguous for 10 s at both ends; unknown from
	// 3000 to 4000; in it for 30 s at 5000.
	z := zoneTruth{
		stretches: []stretch{
			{0, 990, compliant}, {990, 1000, ambiguous}, {1000, 1200, violation}, {1200, 1210, ambiguous}, {1210, 3000, compliant},
			{3000, 4000, unknown}, {4000, 5000, compliant}, {5000, 5030, violation}, {5030, 6000, compliant},
		},
		crossings: []int64{995, 5000},
	}
	for i := range z.stretches {
		z.stretches[i].from *= second
		z.stretches[i].to *= second
	}
	for i := range z.crossings {
		z.crossings[i] *= second
	}
	var fixes []int64
	for at := int64(5); at < 6000; at += 60 {
		fixes = append(fixes, at*second)
	}
	z.deep = []span{{1100 * second, 1190 * second}} // with the fixes at 1145 only
	const judged = 5000 * second
	for name, c := range map[string]struct {
		alerts []alert
		want   tally
	}{
		"nothing told": {nil, tally{Unaware: []delay{{215 * second, 4}}, Due: 1, Missed: 1, MissedUntold: 1, Short: 1}},
		"told at 1025, the first fix after the crossing": {
			[]alert{{from: 1025, told: 1025, until: 1225}},
			tally{Unaware: []delay{{30 * second, 1}}, Alerts: 1, Due: 1, Short: 1, Delayed: []delay{{30 * second, 1}}, InAim: 1, Stale: 15 * second},
		},
		"told late, as of earlier: two fixes": {
			[]alert{{from: 1025, told: 1085, until: 1300}},
			tally{Unaware: []delay{{90 * second, 2}}, Alerts: 1, Due: 1, Short: 1, Delayed: []delay{{90 * second, 2}}, InAim: 1, Stale: 90 * second},
		},
		"told after three fixes is not in aim": {
			[]alert{{from: 1145, told: 1145, until: 1300}},
			tally{Unaware: []delay{{150 * second, 3}}, Alerts: 1, Due: 1, Short: 1, Delayed: []delay{{150 * second, 3}}, Stale: 90 * second},
		},
		"told within two reports after the end": {
			[]alert{{from: 1190, told: 1320, until: 1320}},
			tally{Unaware: []delay{{215 * second, 4}}, Alerts: 1, Due: 1, Short: 1, Delayed: []delay{{325 * second, 5}}},
		},
		"told too late": {
			[]alert{{from: 1190, told: 1331, until: 1331}},
			tally{Unaware: []delay{{215 * second, 4}}, Alerts: 1, Due: 1, Missed: 1, MissedUntold: 1, Short: 1},
		},
		"false, and stale until the end of all": {
			[]alert{{from: 2000, told: 2000, until: never}},
			tally{Unaware: []delay{{215 * second, 4}}, Alerts: 1, False: 1, Due: 1, Missed: 1, MissedUntold: 1, Short: 1, ShortFound: 1, Stale: 2970 * second},
		},
		"an alert from before covers it": {
			[]alert{{from: 500, told: 500, until: 1100}},
			tally{Unaware: []delay{{0, 0}}, Alerts: 1, False: 1, Due: 1, Short: 1, Delayed: []delay{{0, 0}}, InAim: 1, Stale: 490 * second},
		},
		"ten seconds before are not false": {
			[]alert{{from: 990, told: 990, until: 1100}},
			tally{Unaware: []delay{{0, 0}}, Alerts: 1, Due: 1, Short: 1, Delayed: []delay{{0, 0}}, InAim: 1},
		},
		"ambiguous": {
			[]alert{{from: 975, told: 981, until: 985}},
			tally{Unaware: []delay{{215 * second, 4}}, Alerts: 1, Undecided: 1, Due: 1, Missed: 1, MissedUntold: 1, Short: 1, Stale: 4 * second},
		},
		"unknown": {
			[]alert{{from: 3500, told: 3500, until: 3600}},
			tally{Unaware: []delay{{215 * second, 4}}, Alerts: 1, Undecided: 1, Due: 1, Missed: 1, MissedUntold: 1, Short: 1},
		},
		"again in the same": {
			[]alert{{from: 1025, told: 1025, until: 1085}, {from: 1145, told: 1145, until: 1215}},
			tally{Unaware: []delay{{30 * second, 1}}, Alerts: 2, Repeated: 1, Due: 1, Short: 1, Delayed: []delay{{30 * second, 1}}, InAim: 1, Stale: 5 * second},
		},
		"the short one": {
			[]alert{{from: 5010, told: 5010, until: 5040}},
			tally{Unaware: []delay{{215 * second, 4}}, Alerts: 1, Due: 1, Missed: 1, MissedUntold: 1, Short: 1, ShortFound: 1, Stale: 10 * second},
		},
		"told meanwhile that it may be": {
			[]alert{{from: 990, told: 1320, until: 1330, unsure: true}, {from: 2000, told: 2060, until: 2100, unsure: true}},
			tally{Unaware: []delay{{215 * second, 4}}, Due: 1, Missed: 1, MissedMayBe: 1, Short: 1, Unknown: 2, UnknownFalse: 1, UnknownFor: 440 * second},
		},
		"… and too late, or that a way leads through": {
			[]alert{{from: 990, told: 1331, until: 1340, unsure: true}, {from: 1085, told: 1145, until: 1145, passing: true}},
			tally{Unaware: []delay{{150 * second, 3}}, Due: 1, Missed: 1, MissedPassing: 1, Short: 1, Passed: 1, Unknown: 1, UnknownFor: 350 * second},
		},
	} {
		for i := range c.alerts {
			a := &c.alerts[i]
			a.from, a.told = a.from*second, a.told*second
			if a.until != never {
				a.until *= second
			}
		}
		c.want.Judged = judged
		if got := count(&z, c.alerts, fixes, 60*second, nil); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, c.want)
		}
	}
	z.deep = []span{{1080 * second, 1150 * second}} // with those at 1085 and 1145
	got := count(&z, []alert{{from: 4900 * second, told: 5060 * second, until: 5060 * second, passing: true}, {from: 2000 * second, told: 2060 * second, until: 2060 * second, passing: true}}, fixes, 60*second, nil)
	if got.Plain != 1 || got.PlainMissed != 1 || got.Passed != 2 || got.PassedFalse != 1 || got.Alerts != 0 {
		t.Errorf("plain, and passed: %+v", got)
	}
	if got := count(&z, []alert{{from: 0, told: 0, until: never, doubt: true}}, nil, 60*second, nil); got.Doubted == 0 || got.Doubted != got.Missed || got.Alerts != 0 {
		t.Errorf("doubted all the time: %+v", got)
	}
	z.crossings = nil // it counts from the violation on
	if got := count(&z, nil, fixes, 60*second, nil); !reflect.DeepEqual(got.Unaware, []delay{{210 * second, 4}}) {
		t.Errorf("without a crossing: %+v", got.Unaware)
	}
	if got := count(&z, nil, nil, 60*second, nil); got.Doubted != 0 || got.Unseen != 1 {
		t.Errorf("without a fix: %+v", got)
	}
}

func TestRatio(t *testing.T) {
	r := randFor(1, "test", "ratio")
	q := newRatio("s", groupZones, "ours", "naive", []int{1, 0, 1, 0}, []int{10, 10, 10, 10}, r)
	if q.Times != 20 || q.AtLeast || q.RuleFalse != 2 || q.BaseFalse != 40 || q.Low > 20 || q.High < 20 {
		t.Errorf("%+v", q)
	}
	q = newRatio("s", groupZones, "ours", "naive", []int{0, 0}, []int{37, 0}, r)
	if !q.AtLeast || q.Times < 10 || q.Times > 10.1 { // 37 by 3.689
		t.Errorf("%+v", q)
	}
}
