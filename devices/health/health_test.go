package health

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
)

const (
	bracelet em.DeviceID = "gt06:990000000000017"
	unit     em.DeviceID = "laipac:99000017"
)

var start = time.Date(2026, 10, 3, 19, 0, 0, 0, time.UTC)

// at makes an observation at start + after; it was received then, too.
func at(after time.Duration, d em.DeviceID, b em.Body) em.Observation {
	return em.Observation{Device: d, DeviceAt: start.Add(after), Body: b}.Stamp(start.Add(after))
}

func strap(cleared bool) em.Body { return &em.Tamper{What: em.TamperStrap, Cleared: cleared} }

func power(e em.PowerEvent) em.Body { return &em.Power{Event: e} }

func level(v float64) em.Body { return &em.Power{Level: em.Some(v)} }

// contact is a home unit's radio contact, or its loss: see where.
func contact(lost bool) em.Body { return &em.Beacon{Beacon: "unit", Radio: "rf", Lost: lost} }

// where takes a radio contact for being at home.
func where(o em.Observation) em.Side {
	b, ok := o.Body.(*em.Beacon)
	switch {
	case !ok:
		return em.SideUnknown
	case b.Lost:
		return em.Outside
	}
	return em.Inside
}

// fix is a good position.
func fix(lat, lng, speed float64) *em.Fix {
	return &em.Fix{
		LatLng: em.LatLng{Lat: lat, Lng: lng}, Validity: em.FixCurrent, Source: em.SourceGNSS,
		Accuracy: em.Some(5.0), Speed: em.Some(speed),
	}
}

func speeding(v float64) em.Body { return fix(54.7, 25.3, v) }

var heartbeat = &em.Comms{Event: em.CommsHeartbeat}

// must returns the evaluator of a constructor.
func must[T em.Evaluator](v T, err error) func() em.Evaluator {
	if err != nil {
		panic(err)
	}
	b, _ := v.AppendBinary(nil)
	return func() em.Evaluator { return restored(v, b) }
}

// restored returns an evaluator of v's configuration and the state b.
func restored(v em.Evaluator, b []byte) em.Evaluator {
	var n em.Evaluator
	switch v := v.(type) {
	case *Silence:
		n = &Silence{c: v.c}
	case *Tamper:
		n = &Tamper{c: v.c}
	case *Power:
		n = &Power{c: v.c}
	case *SOS:
		n = &SOS{c: v.c}
	case *Battery:
		n = &Battery{c: v.c}
	case *Reports:
		n = &Reports{c: v.c}
	case *Track:
		n = &Track{c: v.c}
	case *Installed:
		n = &Installed{c: v.c}
	default:
		panic("another evaluator")
	}
	check(n.UnmarshalBinary(b))
	return n
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// naive feeds observations in order up to end and returns every version that
// was told and the last ones. Before each step it goes on with an evaluator
// restored from its state, and it holds the evaluator to em.Evaluator's words.
func naive(t *testing.T, ev em.Evaluator, obs []em.Observation, end time.Time) (told, last []em.Event) {
	t.Helper()
	clock := ev.Clock()
	when := func(o em.Observation) time.Time {
		if clock == em.ReceiveTime {
			return o.Received
		}
		return o.At
	}
	obs = slices.Clone(obs)
	if clock == em.EventTime { // without what belongs to the reception
		for i := range obs {
			obs[i].Received, obs[i].Stored = time.Time{}, false
		}
	}
	slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(clock, &a, &b) })
	obs = slices.CompactFunc(obs, func(a, b em.Observation) bool { return em.Compare(clock, &a, &b) == 0 })
	index := map[em.EventID]int{}
	step := func(now time.Time, f func(dst []em.Event) []em.Event) {
		t.Helper()
		state, err := ev.AppendBinary(nil)
		check(err)
		ev = restored(ev, state)
		if again, _ := ev.AppendBinary(nil); !bytes.Equal(state, again) {
			t.Fatalf("state at %v: %x, restored %x", now, state, again)
		}
		mark := em.Event{Version: "mark"}
		out := f([]em.Event{mark})
		if !out[0].Equal(&mark) {
			t.Fatal("the step changes what is in dst")
		}
		if dl := ev.Deadline(); !dl.IsZero() && !dl.After(now) {
			t.Fatalf("after %v the deadline is %v", now, dl)
		}
		for _, e := range out[1:] {
			e.Stamp("person-1", now)
			if e.Rule != Rule || e.Detail.Reason == "" || len(e.Because) > em.MaxBecause || !e.Open() && e.Until.Before(e.At) || e.At.After(now) {
				t.Fatalf("at %v: event %+v", now, e)
			}
			told = append(told, e)
			i, found := index[e.ID]
			switch {
			case !found:
				index[e.ID] = len(last)
				last = append(last, e)
			case !last[i].Open():
				t.Fatalf("at %v a closed event is told again:\n%+v\n%+v", now, last[i], e)
			default:
				last[i] = e
			}
		}
	}
	wake := func(until time.Time) {
		for dl := ev.Deadline(); !dl.IsZero() && !dl.After(until); dl = ev.Deadline() {
			step(dl, func(dst []em.Event) []em.Event { return ev.Wake(dst, dl) })
		}
	}
	for _, o := range obs {
		wake(when(o))
		n, due := len(told), ev.Deadline()
		state, _ := ev.AppendBinary(nil)
		step(when(o), func(dst []em.Event) []em.Event { return ev.Observe(dst, o) })
		if after, _ := ev.AppendBinary(nil); !em.Heeds(ev, o.Body.Kind()) && (len(told) > n || !ev.Deadline().Equal(due) || !bytes.Equal(state, after)) {
			t.Fatalf("%T does not heed a %s, which changes it", ev, o.Body.Kind())
		}
	}
	wake(end)
	return told, last
}

// brief writes an event in one line, its times as offsets from start.
func brief(e em.Event) string {
	until := "open"
	if !e.Open() {
		until = e.Until.Sub(start).String()
	}
	kind := strings.TrimPrefix(string(e.Detail.Kind), "device.")
	return fmt.Sprintf("%s %s %s %v..%s because %d", kind, e.Detail.Class, e.Detail.Severity, e.At.Sub(start), until, len(e.Because))
}

func briefs(es []em.Event) (lines []string) {
	for _, e := range es {
		lines = append(lines, brief(e))
	}
	return lines
}

const h, m, s = time.Hour, time.Minute, time.Second

// script is what happened, and every version of every event in order.
type script struct {
	name string
	ev   func() em.Evaluator
	obs  []em.Observation
	end  time.Duration
	told []string
}

var scripts = []script{
	{
		name: "silence: reports in time",
		ev:   must(NewSilence(SilenceConfig{})),
		obs:  []em.Observation{at(0, bracelet, heartbeat), at(14*m+59*s, bracelet, heartbeat), at(29*m, bracelet, heartbeat)},
		end:  43 * m,
	},
	{
		name: "silence: overdue, then heard",
		ev:   must(NewSilence(SilenceConfig{})),
		obs:  []em.Observation{at(0, bracelet, heartbeat), at(2*h, bracelet, heartbeat)},
		end:  2*h + 10*m,
		told: []string{
			"silence COMMUNICATION technical 15m0s..open because 1",
			"silence COMMUNICATION technical 15m0s..2h0m0s because 2",
		},
	},
	{
		name: "silence: heard at the instant that it is overdue",
		ev:   must(NewSilence(SilenceConfig{})),
		obs:  []em.Observation{at(0, bracelet, heartbeat), at(15*m, bracelet, heartbeat)},
		end:  15 * m,
		told: []string{
			"silence COMMUNICATION technical 15m0s..open because 1",
			"silence COMMUNICATION technical 15m0s..15m0s because 2",
		},
	},
	{
		name: "silence: critical, then heard, then silent again",
		ev:   must(NewSilence(SilenceConfig{Critical: h})),
		obs:  []em.Observation{at(0, bracelet, heartbeat), at(61*m, bracelet, heartbeat)},
		end:  80 * m,
		told: []string{
			"silence COMMUNICATION technical 15m0s..open because 1",
			"silence NO_CONTACT critical 15m0s..open because 1",
			"silence NO_CONTACT critical 15m0s..1h1m0s because 2",
			"silence COMMUNICATION technical 1h16m0s..open because 1",
		},
	},
	{
		name: "silence: never heard at all",
		ev:   must(NewSilence(SilenceConfig{Device: bracelet, Start: start, Interval: m, Buffer: m, Critical: h})),
		obs:  []em.Observation{at(30*s, unit, heartbeat)},
		end:  2 * h,
		told: []string{
			"silence COMMUNICATION technical 2m0s..open because 0",
			"silence NO_CONTACT critical 2m0s..open because 0",
		},
	},
	{
		name: "silence: nothing known, nothing missed",
		ev:   must(NewSilence(SilenceConfig{})),
		end:  100 * h,
	},
	{
		name: "silence: heard before it had to begin",
		ev:   must(NewSilence(SilenceConfig{Start: start.Add(h)})),
		obs:  []em.Observation{at(0, bracelet, heartbeat)},
		end:  h + 16*m,
		told: []string{"silence COMMUNICATION technical 1h15m0s..open because 1"},
	},
	{
		name: "strap: opened, told again, sustained, closed",
		ev:   must(NewTamper(TamperConfig{})),
		obs:  []em.Observation{at(0, bracelet, strap(false)), at(10*s, bracelet, strap(false)), at(40*s, bracelet, strap(false)), at(5*m, bracelet, strap(true)), at(6*m, bracelet, strap(true))},
		end:  h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 0s..open because 1",
			"tamper.strap STRAP_SUSTAINED critical 0s..open because 1",
			"tamper.strap STRAP_SUSTAINED critical 0s..5m0s because 2",
		},
	},
	{
		name: "strap: cleared at the limit is sustained",
		ev:   must(NewTamper(TamperConfig{})),
		obs:  []em.Observation{at(0, bracelet, strap(false)), at(30*s, bracelet, strap(true))},
		end:  h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 0s..open because 1",
			"tamper.strap STRAP_SUSTAINED critical 0s..open because 1",
			"tamper.strap STRAP_SUSTAINED critical 0s..30s because 2",
		},
	},
	{
		name: "strap: three transients make a task, for a day",
		ev:   must(NewTamper(TamperConfig{})),
		obs: []em.Observation{
			at(0, bracelet, strap(false)), at(5*s, bracelet, strap(true)),
			at(h, bracelet, strap(false)), at(h+29*s, bracelet, strap(true)),
			at(2*h, unit, strap(false)), at(2*h+s, unit, strap(true)), // another device's
			at(24*h, bracelet, strap(false)), at(24*h+4*s, bracelet, strap(true)),
		},
		end: 60 * h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 0s..5s because 2",
			"tamper.strap STRAP_DETECTED warning 1h0m0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 1h0m0s..1h0m29s because 2",
			"tamper.strap STRAP_DETECTED warning 2h0m0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 2h0m0s..2h0m1s because 2",
			"tamper.strap STRAP_DETECTED warning 24h0m0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 24h0m0s..24h0m4s because 2",
			"equipment TRANSIENTS technical 24h0m4s..open because 3",
			"equipment TRANSIENTS technical 24h0m4s..24h0m5s because 3",
		},
	},
	{
		name: "strap: the third transient comes when the first is a day old",
		ev:   must(NewTamper(TamperConfig{Transients: 2})),
		obs: []em.Observation{
			at(0, bracelet, strap(false)), at(5*s, bracelet, strap(true)),
			at(24*h, bracelet, strap(false)), at(24*h+5*s, bracelet, strap(true)),
		},
		end: 60 * h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 0s..5s because 2",
			"tamper.strap STRAP_DETECTED warning 24h0m0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 24h0m0s..24h0m5s because 2",
		},
	},
	{
		name: "strap: a task goes on as long as transients come",
		ev:   must(NewTamper(TamperConfig{Transients: 1, Window: h})),
		obs: []em.Observation{
			at(0, bracelet, strap(false)), at(5*s, bracelet, strap(true)),
			at(30*m, bracelet, strap(false)), at(30*m+5*s, bracelet, strap(true)),
		},
		end: 60 * h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 0s..5s because 2",
			"equipment TRANSIENTS technical 5s..open because 1",
			"tamper.strap STRAP_DETECTED warning 30m0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 30m0s..30m5s because 2",
			"equipment TRANSIENTS technical 5s..1h30m5s because 1",
		},
	},
	{
		name: "strap: opened by a wearer who is away",
		ev:   must(NewTamper(TamperConfig{Where: where})),
		obs: []em.Observation{
			at(0, unit, contact(true)), // away
			at(2*m, bracelet, strap(false)), at(2*m+5*s, bracelet, strap(true)),
			at(6*m, bracelet, strap(false)), at(6*m+5*s, bracelet, strap(true)), // seen away too long ago
		},
		end: h,
		told: []string{
			"tamper.strap STRAP_AWAY critical 2m0s..open because 2",
			"tamper.strap STRAP_AWAY critical 2m0s..2m5s because 3",
			"tamper.strap STRAP_DETECTED warning 6m0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 6m0s..6m5s because 2",
		},
	},
	{
		name: "strap: away, and home again before it opens",
		ev:   must(NewTamper(TamperConfig{Where: where})),
		obs:  []em.Observation{at(0, unit, contact(true)), at(m, unit, contact(false)), at(2*m, bracelet, strap(false)), at(2*m+s, bracelet, strap(true))},
		end:  h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 2m0s..open because 1",
			"tamper.strap STRAP_TRANSIENT technical 2m0s..2m1s because 2",
		},
	},
	{
		name: "strap: the wearer moves while it is open; a case is told apart, jamming is not raised",
		ev:   must(NewTamper(TamperConfig{})),
		obs: []em.Observation{
			at(0, bracelet, strap(false)), at(s, bracelet, &em.Tamper{What: em.TamperJamming}), at(2*s, bracelet, speeding(1.9)), at(3*s, bracelet, speeding(2)),
			at(4*s, bracelet, &em.Tamper{What: em.TamperCase}), at(5*s, bracelet, speeding(0)), at(6*s, bracelet, strap(true)),
			at(7*s, bracelet, &em.Tamper{What: em.TamperJamming, Cleared: true}), at(8*s, bracelet, &em.Tamper{What: em.TamperCase, Cleared: true}),
		},
		end: h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 0s..open because 1",
			"tamper.jamming JAMMING_DETECTED warning 1s..open because 1",
			"tamper.strap STRAP_MOVING critical 0s..open because 2",
			"tamper.case CASE_MOVING critical 4s..open because 2",
			"tamper.strap STRAP_MOVING critical 0s..6s because 3",
			"tamper.jamming JAMMING_TRANSIENT technical 1s..7s because 2",
			"tamper.case CASE_MOVING critical 4s..8s because 3",
		},
	},
	{
		name: "strap: nothing but the sensor closes it",
		ev:   must(NewTamper(TamperConfig{})),
		obs: []em.Observation{
			at(0, bracelet, strap(false)), at(m, bracelet, &em.CheckIn{Method: "visit", Identity: em.IdentityMatch}),
			at(2*m, bracelet, power(em.PowerOff)), at(3*m, bracelet, power(em.PowerOn)), at(4*m, bracelet, &em.Comms{Event: em.CommsLogin}),
			at(5*m, unit, strap(true)), at(6*m, bracelet, &em.Tamper{What: em.TamperCase, Cleared: true}),
			at(7*m, bracelet, &em.Vendor{Name: "repair scheduled"}),
		},
		end: 1000 * h,
		told: []string{
			"tamper.strap STRAP_DETECTED warning 0s..open because 1",
			"tamper.strap STRAP_SUSTAINED critical 0s..open because 1",
		},
	},
	{
		name: "tamper: the kinds and the devices are apart",
		ev:   must(NewTamper(TamperConfig{})),
		obs: []em.Observation{
			at(0, bracelet, &em.Tamper{What: em.TamperCase}), at(s, bracelet, &em.Tamper{What: em.TamperShielding}),
			at(2*s, unit, &em.Tamper{What: em.TamperMoved}), at(3*s, bracelet, &em.Tamper{What: "novel"}),
			at(4*s, bracelet, strap(true)), at(5*m, unit, &em.Tamper{What: em.TamperMoved, Cleared: true}),
		},
		end: h,
		told: []string{
			"tamper.case CASE_DETECTED warning 0s..open because 1",
			"tamper.shielding SHIELDING_DETECTED warning 1s..open because 1",
			"tamper.moved MOVED_DETECTED technical 2s..open because 1",
			"tamper.other OTHER_DETECTED warning 3s..open because 1",
			"tamper.case CASE_SUSTAINED critical 0s..open because 1",
			"tamper.shielding SHIELDING_SUSTAINED critical 1s..open because 1",
			"tamper.moved MOVED_SUSTAINED violation 2s..open because 1",
			"tamper.other OTHER_SUSTAINED critical 3s..open because 1",
			"tamper.moved MOVED_SUSTAINED violation 2s..5m0s because 2",
		},
	},
	{
		name: "tamper: only the configured device",
		ev:   must(NewTamper(TamperConfig{Device: bracelet})),
		obs:  []em.Observation{at(0, unit, strap(false))},
		end:  h,
	},
	{
		name: "power: low, told again, charging",
		ev:   must(NewPower(PowerConfig{})),
		obs: []em.Observation{
			at(0, bracelet, power(em.PowerLow)), at(m, bracelet, level(0.1)), at(2*m, bracelet, level(0.29)),
			at(3*m, bracelet, &em.Power{Charging: em.Some(true), Level: em.Some(0.1)}),
		},
		end: h,
		told: []string{
			"power.low BATTERY_LOW technical 0s..open because 1",
			"power.low BATTERY_LOW technical 0s..3m0s because 2",
		},
	},
	{
		name: "power: low by its level, and recovered",
		ev:   must(NewPower(PowerConfig{})),
		obs:  []em.Observation{at(0, bracelet, level(0.16)), at(m, bracelet, level(0.15)), at(2*m, bracelet, level(0.3)), at(3*m, bracelet, level(0.2)), at(4*m, bracelet, level(0.05))},
		end:  h,
		told: []string{
			"power.low BATTERY_LOW technical 1m0s..open because 1",
			"power.low BATTERY_LOW technical 1m0s..2m0s because 2",
			"power.low BATTERY_CRITICAL warning 4m0s..open because 1",
		},
	},
	{
		name: "power: said to be critical, then to be good",
		ev:   must(NewPower(PowerConfig{})),
		obs: []em.Observation{
			at(0, unit, power(em.PowerLow)), at(m, unit, power(em.PowerCritical)), at(2*m, unit, level(0.1)),
			at(3*m, unit, power(em.PowerGood)), at(4*m, unit, power(em.PowerGood)),
		},
		end: h,
		told: []string{
			"power.low BATTERY_LOW technical 0s..open because 1",
			"power.low BATTERY_CRITICAL warning 0s..open because 2",
			"power.low BATTERY_CRITICAL warning 0s..3m0s because 3",
		},
	},
	{
		name: "power: critical on the mains is charging",
		ev:   must(NewPower(PowerConfig{})),
		obs:  []em.Observation{at(0, unit, &em.Power{Level: em.Some(0.01), External: em.Some(true)})},
		end:  h,
	},
	{
		name: "power: a level that means nothing",
		ev:   must(NewPower(PowerConfig{})),
		obs:  []em.Observation{at(0, bracelet, level(-1)), at(m, bracelet, level(7)), at(2*m, bracelet, &em.Power{})},
		end:  h,
	},
	{
		name: "power: cut, low on battery, restored",
		ev:   must(NewPower(PowerConfig{})),
		obs:  []em.Observation{at(0, unit, power(em.PowerCut)), at(m, unit, power(em.PowerLow)), at(2*m, bracelet, power(em.PowerRestored)), at(h, unit, power(em.PowerRestored))},
		end:  h,
		told: []string{
			"power.cut SUPPLY_CUT technical 0s..open because 1",
			"power.low BATTERY_LOW technical 1m0s..open because 1",
			"power.cut SUPPLY_CUT technical 0s..1h0m0s because 2",
			"power.low BATTERY_LOW technical 1m0s..1h0m0s because 2",
		},
	},
	{
		name: "power: off until its next observation",
		ev:   must(NewPower(PowerConfig{})),
		obs:  []em.Observation{at(0, bracelet, power(em.PowerOff)), at(0, bracelet, heartbeat), at(m, unit, heartbeat), at(h, bracelet, heartbeat)},
		end:  h,
		told: []string{
			"power.off SWITCHED_OFF technical 0s..open because 1",
			"power.off SWITCHED_OFF technical 0s..1h0m0s because 2",
		},
	},
	{
		name: "sos: repeated calls are one",
		ev:   must(NewSOS(SOSConfig{})),
		obs: []em.Observation{
			at(0, bracelet, &em.Alarm{What: em.AlarmSOS}), at(59*s, bracelet, &em.Alarm{What: em.AlarmSOS}),
			at(30*s, unit, &em.Alarm{What: em.AlarmSOS}), at(40*s, bracelet, &em.Alarm{What: em.AlarmFall}),
			at(60*s, bracelet, &em.Alarm{What: em.AlarmSOS, Code: "0x01"}),
		},
		end: h,
		told: []string{
			"sos SOS critical 0s..0s because 1",
			"sos SOS critical 30s..30s because 1",
			"sos SOS critical 1m0s..1m0s because 1",
		},
	},
}

func TestScripts(t *testing.T) { runScripts(t, scripts) }

// TestOneInstant opens and closes a strap several times within one second of
// the device's clock: each is an event of its own, and no closed one is told again.
func TestOneInstant(t *testing.T) {
	for _, c := range []struct {
		name       string
		ev         func() em.Evaluator
		begin, end func() em.Body
	}{
		{"strap", must(NewTamper(TamperConfig{Transients: 4})), func() em.Body { return strap(false) }, func() em.Body { return strap(true) }},
		{"power", must(NewPower(PowerConfig{})), func() em.Body { return power(em.PowerCut) }, func() em.Body { return power(em.PowerRestored) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := c.ev()
			var told []em.Event
			for part := range uint16(6) {
				b := c.begin()
				if part%2 == 1 {
					b = c.end()
				}
				told = ev.Observe(told, em.Observation{Device: bracelet, DeviceAt: start, At: start, Part: part, Body: b})
				state, _ := ev.AppendBinary(nil)
				ev = restored(ev, state)
			}
			anchors := map[time.Time]int{}
			for i, e := range told {
				if e.Open() != (i%2 == 0) || !e.At.Equal(start) {
					t.Errorf("version %d: %+v", i, e)
				}
				anchors[e.Anchor]++
			}
			if want := map[time.Time]int{start: 2, start.Add(1): 2, start.Add(2): 2}; !cmp.Equal(anchors, want) {
				t.Errorf("anchors %v, want %v", anchors, want)
			}
			before, _ := ev.AppendBinary(nil)
			ev.Observe(nil, at(h, bracelet, heartbeat))
			if after, _ := ev.AppendBinary(nil); len(after) >= len(before) {
				t.Errorf("an hour later the state still has %d bytes of %d", len(after), len(before))
			}
		})
	}
}

// TestBounded has a strap flutter for an hour: the state does not grow.
func TestBounded(t *testing.T) {
	ev := must(NewTamper(TamperConfig{}))()
	var size int
	for i := range 1800 {
		ev.Observe(nil, at(time.Duration(2*i)*s, bracelet, strap(false)))
		ev.Observe(nil, at(time.Duration(2*i+1)*s, bracelet, strap(true)))
		state, _ := ev.AppendBinary(nil)
		if i == 2 {
			size = len(state)
		} else if i > 2 && len(state) != size {
			t.Fatalf("after %d transients the state has %d bytes, after 3 it had %d", i+1, len(state), size)
		}
	}
}

// TestWords pins what people read.
func TestWords(t *testing.T) {
	for _, c := range []struct{ script, reason string }{
		{"silence: critical, then heard, then silent again", "The device has not been heard for 15 min, since 2026-10-03 20:01:00 UTC."},
		{"silence: overdue, then heard", "The device was not heard for 2 h, since 2026-10-03 19:00:00 UTC; it was heard again at 2026-10-03 21:00:00 UTC."},
		{"silence: never heard at all", "The device has not been heard for 1 h, since 2026-10-03 19:00:00 UTC, when it had to begin."},
		{"strap: opened, told again, sustained, closed", "The strap was open for 5 min, from 2026-10-03 19:00:00 UTC to 2026-10-03 19:05:00 UTC."},
		{"strap: three transients make a task, for a day", "The tamper sensors were disturbed for a moment at least 3 times within 1 d: the device should be checked."},
		{"power: low, told again, charging", "The battery was low for 3 min, from 2026-10-03 19:00:00 UTC to 2026-10-03 19:03:00 UTC."},
		{"power: low by its level, and recovered", "The battery is nearly empty since 2026-10-03 19:04:00 UTC."},
		{"strap: the wearer moves while it is open; a case is told apart, jamming is not raised", "The case was open for 4 s, from 2026-10-03 19:00:04 UTC to 2026-10-03 19:00:08 UTC; the wearer was seen moving."},
		{"sos: repeated calls are one", "The wearer called for help at 2026-10-03 19:01:00 UTC."},
	} {
		i := slices.IndexFunc(scripts, func(s script) bool { return s.name == c.script })
		told, _ := naive(t, scripts[i].ev(), scripts[i].obs, start.Add(scripts[i].end))
		if last := told[len(told)-1]; last.Detail.Reason != c.reason {
			t.Errorf("%s:\n\t%s\n\twant %s", c.script, last.Detail.Reason, c.reason)
		}
	}
}

func TestFacts(t *testing.T) {
	ev := must(NewPower(PowerConfig{Version: "v3"}))()
	told := ev.Observe(nil, at(0, bracelet, level(0.12)))
	told = ev.Observe(told, at(m, bracelet, level(0.5)))
	if e := told[1]; e.Version != "v3" || e.About != string(bracelet) || e.Rule != "device" {
		t.Errorf("event %+v", e)
	}
	want := []em.Fact{
		{Name: "lasted", Num: 60, Unit: "s"}, {Name: "level", Num: 12, Unit: "%"},
		{Name: "critical at", Num: 5, Unit: "%"}, {Name: "low at", Num: 15, Unit: "%"}, {Name: "recovered at", Num: 30, Unit: "%"},
	}
	if diff := cmp.Diff(want, told[1].Detail.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestConfig(t *testing.T) {
	err := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"interval below zero", err(NewSilence(SilenceConfig{Interval: -1})), "interval"},
		{"buffer below zero", err(NewSilence(SilenceConfig{Buffer: -1})), "buffer"},
		{"critical below zero", err(NewSilence(SilenceConfig{Critical: -1})), "critical"},
		{"critical too soon", err(NewSilence(SilenceConfig{Critical: 15 * m})), "not above"},
		{"transient below zero", err(NewTamper(TamperConfig{Transient: -1})), "transient limit"},
		{"window below zero", err(NewTamper(TamperConfig{Window: -1})), "window"},
		{"no transients", err(NewTamper(TamperConfig{Transients: -1})), "-1 transients"},
		{"more than can be named", err(NewTamper(TamperConfig{Transients: em.MaxBecause + 1})), "17 transients"},
		{"recent below zero", err(NewTamper(TamperConfig{Recent: -1})), "recent"},
		{"speed that is none", err(NewTamper(TamperConfig{Speed: math.NaN()})), "speed"},
		{"critical above low", err(NewPower(PowerConfig{Critical: 0.2})), "not rising"},
		{"lead below zero", err(NewBattery(BatteryConfig{Lead: -1})), "lead"},
		{"empty when full", err(NewBattery(BatteryConfig{Empty: 1})), "empty at 1"},
		{"offset below zero", err(NewReports(ReportsConfig{Offset: -1})), "offset"},
		{"confirm below zero", err(NewReports(ReportsConfig{Confirm: -1})), "confirm"},
		{"speed below zero", err(NewTrack(TrackConfig{Speed: -1})), "speed"},
		{"accuracy unbounded", err(NewTrack(TrackConfig{Accuracy: math.Inf(1)})), "accuracy"},
		{"contact with nobody", err(NewTrack(TrackConfig{Contacts: []em.Contact{{}}})), "contact 0"},
		{"contact of whom", err(NewTrack(TrackConfig{Contacts: []em.Contact{{Beacon: "B-1", Reporter: unit}}})), "contact 0"},
		{"contact nowhere", err(NewTrack(TrackConfig{Contacts: []em.Contact{{Beacon: "B-1", Place: em.LatLng{Lat: 91}}}})), "contact 0"},
		{"too many contacts", err(NewTrack(TrackConfig{Contacts: make([]em.Contact, em.MaxContacts+1)})), "33 contacts"},
		{"one is frozen", err(NewTrack(TrackConfig{Frozen: 1})), "1 positions"},
		{"no unit", err(NewInstalled(InstalledConfig{})), "no unit"},
		{"no place", err(NewInstalled(InstalledConfig{Device: unit, Place: em.Some(em.LatLng{Lat: 91})})), "91"},
		{"window of silences", err(NewMass(MassConfig{Window: -1})), "window of silences"},
		{"more than all", err(NewMass(MassConfig{Share: 1.1})), "share"},
		{"one is many", err(NewMass(MassConfig{Least: 1})), "1 devices"},
		{"too many devices", err(NewMass(MassConfig{Devices: maxPlaced + 1})), "1000001"},
		{"join below zero", err(NewUnits(UnitsConfig{Join: -1})), "join"},
		{"no assignments", err(NewUnits(UnitsConfig{Assignments: -1})), "-1"},
		{"quiet below zero", err(NewIdentities(IdentitiesConfig{Quiet: -1})), "quiet"},
		{"no connections", err(NewIdentities(IdentitiesConfig{Connections: -1})), "-1 connections"},
		{"low above recovered", err(NewPower(PowerConfig{Low: 0.5})), "not rising"},
		{"recovered above full", err(NewPower(PowerConfig{Recovered: 1.1})), "not rising"},
		{"repeat below zero", err(NewSOS(SOSConfig{Repeat: -1})), "repeat"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || !strings.HasPrefix(c.err.Error(), "health: ") {
			t.Errorf("%s: %v, want one with %q", c.name, c.err, c.want)
		}
	}
}

func evaluators() []func() em.Evaluator {
	return []func() em.Evaluator{
		must(NewSilence(SilenceConfig{Start: start})),
		must(NewTamper(TamperConfig{Where: where})),
		must(NewPower(PowerConfig{})),
		must(NewSOS(SOSConfig{})),
		must(NewBattery(BatteryConfig{Night: night})),
		must(NewReports(ReportsConfig{Sequence: true, Repeats: 2})),
		must(NewTrack(TrackConfig{Frozen: 2, Contacts: []em.Contact{{Beacon: "unit", Reporter: unit, Worn: bracelet, Place: em.LatLng{Lat: 54.7, Lng: 25.3}}}})),
		must(NewInstalled(InstalledConfig{Device: unit, Place: em.Some(em.LatLng{Lat: 54.7, Lng: 25.3})})),
	}
}

// random returns observations of two devices, on a clock of whole seconds.
func random(rnd *rand.Rand, n int) []em.Observation {
	bodies := []func() em.Body{
		func() em.Body { return strap(rnd.IntN(2) == 0) },
		func() em.Body { return &em.Tamper{What: em.TamperJamming, Cleared: rnd.IntN(2) == 0} },
		func() em.Body {
			return power([]em.PowerEvent{em.PowerLow, em.PowerCut, em.PowerRestored, em.PowerOn, em.PowerOff}[rnd.IntN(5)])
		},
		func() em.Body { return level(float64(rnd.IntN(11)) / 10) },
		func() em.Body { return &em.Alarm{What: em.AlarmSOS} },
		func() em.Body { return heartbeat },
		func() em.Body { return &em.Comms{Event: em.CommsLogin} },
		func() em.Body { return &em.Alarm{What: em.AlarmMoved} },
		func() em.Body { return contact(rnd.IntN(2) == 0) },
		func() em.Body { return fix(54.7+float64(rnd.IntN(3)), 25.3, float64(rnd.IntN(4))) },
		func() em.Body { return fix(54.7, 25.3, float64(rnd.IntN(4))) },
		func() em.Body { return near(54.7+float64(rnd.IntN(2)), em.SourceWiFi, 20) },
	}
	var obs []em.Observation
	var after time.Duration
	for range n {
		after += []time.Duration{0, 0, s, 10 * s, 20 * s, 5 * m, 20 * m, 9 * h}[rnd.IntN(8)]
		o := em.Observation{
			Device: []em.DeviceID{bracelet, unit}[rnd.IntN(2)], DeviceAt: start.Add(after), Stored: rnd.IntN(8) == 0,
			Seq: em.Opt[uint64]{V: uint64(rnd.IntN(8)), OK: rnd.IntN(2) == 0}, Body: bodies[rnd.IntN(len(bodies))](),
		}
		received := o.DeviceAt
		if after > h && rnd.IntN(6) == 0 { // the clock is off, or it was held up
			o.DeviceAt = o.DeviceAt.Add([]time.Duration{-time.Hour, -time.Hour, 4 * time.Minute}[rnd.IntN(3)])
		}
		obs = append(obs, o.Stamp(received))
	}
	return obs
}

// TestRandom runs random days through the naive loop, which holds the contract
// at each step: with restarts between the steps as without them.
func TestRandom(t *testing.T) {
	const seed = 20261003
	t.Logf("seed %d", seed)
	events := 0
	for round := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, round))
		obs := random(rnd, 60)
		end := obs[len(obs)-1].At.Add(48 * h)
		for _, ev := range evaluators() {
			_, last := naive(t, ev(), obs, end)
			events += len(last)
			shuffled := slices.Clone(obs)
			rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if _, again := naive(t, ev(), shuffled, end); !slices.EqualFunc(last, again, func(a, b em.Event) bool { return a.Equal(&b) }) {
				t.Fatalf("round %d: another order gives other events:\n%v\n%v", round, briefs(last), briefs(again))
			}
		}
	}
	if events < 1000 {
		t.Errorf("only %d events: the test proves little", events)
	}
}

// FuzzState reads hostile states: an error, or a state that is written as it was.
func FuzzState(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for i, ev := range evaluators() {
		v := ev()
		for _, o := range random(rnd, 30) {
			v.Observe(nil, o)
			b, _ := v.AppendBinary(nil)
			f.Add(uint8(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		v := evaluators()[int(which)%len(evaluators())]()
		before, _ := v.AppendBinary(nil)
		if err := v.UnmarshalBinary(b); err != nil {
			if after, _ := v.AppendBinary(nil); !bytes.Equal(before, after) {
				t.Errorf("an error leaves the state changed: %x", after)
			}
			return
		}
		again, _ := v.AppendBinary(nil)
		w := restored(v, again)
		if twice, _ := w.AppendBinary(nil); !bytes.Equal(again, twice) {
			t.Errorf("state %x is written as %x and then as %x", b, again, twice)
		}
		v.Wake(nil, v.Deadline())
		v.Observe(nil, at(0, bracelet, strap(true)))
	})
}
