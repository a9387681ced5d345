package bactrack

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/protocol"
)

// Instruments of dialects M and C tell each test once, in either mode.
func TestValueDialects(t *testing.T) {
	for _, d := range []Dialect{DialectM, DialectC} {
		for _, mode := range []TunnelMode{TunnelRaw, TunnelKept} {
			t.Run(fmt.Sprintf("%s %s", d.word(), mode), func(t *testing.T) {
				x := newTalk(t, protocol.SessionConfig{}, Options{}, SimulatorConfig{Identity: "MOB-0017", Tunnel: mode, Dialect: d, Seed: 7})
				x.run(time.Second)
				x.report(em.Observation{Body: bac(334)}, em.Observation{Body: bac(334)}, em.Observation{Body: refused(em.SampleInvalid, "blow")},
					em.Observation{Body: refused(em.SampleSensor, "low battery")}, em.Observation{Body: bac(0)})
				x.run(5 * time.Minute)
				var got []string
				for _, o := range x.obs {
					if r, ok := o.Body.(*em.AlcoholReading); ok {
						got = append(got, fmt.Sprintf("%s %s %s", r.Value, r.Status, r.Reason))
					}
				}
				same(t, "readings", got, "0.0334 ok ", "0.0334 ok ", "0 invalid blow", "0 sensor low battery", "0.0000 ok ")
				if x.ses.Device() != "bactrack:MOB-0017" || len(x.errs) > 0 || x.sim.Waiting() > 0 {
					t.Errorf("device %q, errors %v, %d wait", x.ses.Device(), x.errs, x.sim.Waiting())
				}
			})
		}
	}
}

// The result of three decimals stands where the finer one does not come, and
// gives way where it does, before or after.
func TestFineResult(t *testing.T) {
	coarse, fine := &C6State{Phase: C6Completed, Data: []byte{0, 34}}, &C6Result{BAC: 334}
	for name, c := range map[string]struct {
		says []protocol.Message
		want []string
	}{
		"coarse alone":         {[]protocol.Message{coarse}, []string{"0.034"}},
		"fine after":           {[]protocol.Message{coarse, fine}, []string{"0.0334"}},
		"fine before":          {[]protocol.Message{fine, coarse}, []string{"0.0334"}},
		"coarse, then a test":  {[]protocol.Message{coarse, &C6State{Phase: C6Countdown}, fine}, []string{"0.034", "0.0334"}},
		"both, twice the same": {[]protocol.Message{coarse, fine, coarse, fine}, []string{"0.0334"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Device().NewSession()
			var got []string
			now := start
			do := func(m protocol.Message) {
				var out protocol.Output
				var err error
				if m == nil {
					err = s.Wake(now, &out)
				} else {
					err = s.Handle(now, m, &out)
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range out.Observations {
					if r, ok := o.Body.(*em.AlcoholReading); ok {
						got = append(got, r.Value.String())
					}
				}
			}
			do(&TunnelHello{"C6-0017", TunnelRaw, DialectC})
			do(&C6State{Phase: C6Countdown})
			for _, m := range c.says {
				now = now.Add(time.Second)
				do(m)
			}
			for range 3 {
				now = s.Deadline()
				do(nil)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// skynTalk is a Skyn and its center, with what is discarded.
type skynTalk struct {
	t    *testing.T
	now  time.Time
	sim  *SkynSimulator
	ses  protocol.Session
	obs  []em.Observation
	lose func(protocol.Message) bool // the center's messages that get lost
}

func newSkynTalk(t *testing.T, o SkynOptions) *skynTalk {
	t.Helper()
	sim, err := NewSkynSimulator(SkynSimulatorConfig{Identity: "SK-0017", Seed: 7, Options: o})
	if err != nil {
		t.Fatal(err)
	}
	x := &skynTalk{t: t, now: start, sim: sim}
	x.connect(o)
	return x
}

func (x *skynTalk) connect(o SkynOptions) {
	x.t.Helper()
	d, err := NewSkyn(o)
	if err != nil {
		x.t.Fatal(err)
	}
	x.ses = d.NewSession()
	x.sim.Reconnect()
}

// upload wakes both ends and lets them speak until they are silent.
func (x *skynTalk) upload() {
	x.t.Helper()
	x.now = x.now.Add(DefaultSkynEvery)
	var toSes, toSim protocol.Output
	if err := x.sim.Wake(x.now, &toSes); err != nil {
		x.t.Fatal(err)
	}
	if dl := x.ses.Deadline(); !dl.After(x.now) {
		if err := x.ses.Wake(x.now, &toSim); err != nil {
			x.t.Fatal(err)
		}
	}
	for len(toSes.Send)+len(toSim.Send) > 0 {
		from := toSes.Send
		toSes = protocol.Output{}
		for _, m := range from {
			toSim.Observations = nil
			if err := x.ses.Handle(x.now, m, &toSim); err != nil {
				x.t.Fatal(err)
			}
			for _, o := range toSim.Observations {
				x.obs = append(x.obs, o.Stamp(x.now))
			}
		}
		from = toSim.Send
		toSim = protocol.Output{}
		for _, m := range from {
			if x.lose != nil && x.lose(m) {
				continue
			}
			if err := x.sim.Handle(x.now, m, &toSes); err != nil {
				x.t.Fatal(err)
			}
		}
	}
}

func (x *skynTalk) report(at time.Time, counts int64) {
	x.t.Helper()
	if err := x.sim.Report(em.Observation{DeviceAt: at, Body: &em.Transdermal{Value: em.Decimal{Coef: counts}, Unit: em.UnitRaw}}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *skynTalk) readings() (all []em.Observation) {
	for _, o := range x.obs {
		if o.Body.Kind() == em.KindTransdermal {
			all = append(all, o)
		}
	}
	return all
}

// Records whose discard gets lost come again, with the same identifiers; nothing
// is discarded that was not observed, however the chunks are cut.
func TestSkynStoreAndForward(t *testing.T) {
	x := newSkynTalk(t, SkynOptions{})
	x.lose = func(m protocol.Message) bool { _, ok := m.(*SkynDiscard); return ok }
	at := start.Add(-time.Hour)
	for i := range 9 {
		x.report(at.Add(time.Duration(i)*simRate*time.Second), int64(100+i))
	}
	x.upload()
	if n := x.sim.Waiting(); n != 9 || len(x.readings()) != 9 {
		t.Fatalf("%d wait, %d were seen", n, len(x.readings()))
	}
	x.report(at.Add(time.Hour), 200)
	x.connect(SkynOptions{})
	x.lose = nil
	x.upload()
	if n := x.sim.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
	ids := map[em.ObservationID]int{}
	for _, o := range x.readings() {
		ids[o.ID]++
		if !o.Stored {
			t.Errorf("%v is not marked as stored", o.At)
		}
	}
	if len(ids) != 10 || len(x.readings()) != 19 {
		t.Errorf("%d readings with %d identifiers, want 19 with 10", len(x.readings()), len(ids))
	}
	if last := x.readings()[18]; !last.At.Equal(at.Add(time.Hour)) {
		t.Errorf("the last is of %v", last.At)
	}
}

// An instrument that never ends a chunk is heard all the same, one upload later.
func TestSkynOpenChunk(t *testing.T) {
	x := newSkynTalk(t, SkynOptions{})
	x.lose = func(m protocol.Message) bool { _, ok := m.(*SkynSetTime); return ok }
	for i := range 3 {
		x.report(start.Add(time.Duration(i)*simRate*time.Second), int64(100+i))
	}
	x.upload()
	if n := len(x.readings()); n != 0 || x.sim.Waiting() != 3 {
		t.Errorf("%d readings of an open chunk, %d wait", n, x.sim.Waiting())
	}
	x.upload()
	if n := len(x.readings()); n != 3 || x.sim.Waiting() != 0 {
		t.Errorf("%d readings, %d wait", n, x.sim.Waiting())
	}
	x.report(start.Add(3*simRate*time.Second), 103) // without a head
	x.upload()
	x.upload()
	if all := x.readings(); len(all) != 4 || !all[3].At.Equal(start.Add(3*simRate*time.Second)) {
		t.Errorf("what follows: %v", all)
	}
}

// A night's readings, uploaded in the morning, are an episode of the wrist's rule.
func TestSkynEpisode(t *testing.T) {
	o := SkynOptions{Unit: em.UnitSkinUgPerL, Celsius: 0.01, Gravity: 0.001}
	x := newSkynTalk(t, o)
	from := start.Add(-12 * time.Hour)
	motions := []float64{0.98, 1.02, 1.0, 1.05, 0.97}
	for i := range 12 * 180 {
		h := float64(i) / 180
		v := 0.0
		if h > 2 && h <= 5 {
			v = (h - 2) * 60
		} else if h > 5 && h < 11 {
			v = (11 - h) * 30
		}
		b := &em.Transdermal{Value: em.Decimal{Coef: int64(v * 10), Scale: 1}, Unit: em.UnitSkinUgPerL,
			Temperature: em.Some(32.5), Motion: em.Some(motions[i%len(motions)])}
		if err := x.sim.Report(em.Observation{DeviceAt: from.Add(time.Duration(i) * simRate * time.Second), Body: b}); err != nil {
			t.Fatal(err)
		}
	}
	x.upload()
	all := x.readings()
	a, err := alcohol.Analyze(alcohol.WristRule(), all)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2160 || len(a.Episodes) != 1 || a.Episodes[0].Class != alcohol.ClassCandidate {
		t.Errorf("%d readings, episodes %+v", len(all), a.Episodes)
	}
	if v := all[5*180].Body.(*em.Transdermal); v.Value.String() != "180.00" || v.Unit != em.UnitSkinUgPerL || v.Temperature.V != 32.5 {
		t.Errorf("the peak is %+v", v)
	}
}

// date's rules on records by hand: after a loss of power, twice, and with samples
// that nothing dates.
func TestDate(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	const sync = 1_791_055_800
	head, sample := func(s int64) SkynRecord { return NewSkynChunk(at(s), 10) }, NewSkynSample(7, 0, 0)
	off, set := func(s int64) SkynRecord { return NewSkynEvent(at(s), SkynPowerRestored, 0) }, func(s int64) SkynRecord { return NewSkynEvent(at(s), SkynTimeSync, 0) }
	for name, c := range map[string]struct {
		records  []SkynRecord
		times    []int64 // of samples
		boundary int
		undated  int
	}{
		"nothing":                  {nil, nil, 0, 0},
		"open":                     {[]SkynRecord{head(sync), sample, sample}, []int64{sync, sync + 10}, 0, 0},
		"ended by a sync":          {[]SkynRecord{head(sync), sample, set(sync + 15)}, []int64{sync}, 3, 0},
		"ended by a head":          {[]SkynRecord{head(sync), sample, head(sync + 60), sample}, []int64{sync, sync + 60}, 2, 0},
		"no head":                  {[]SkynRecord{sample, head(sync), sample}, []int64{sync}, 1, 1},
		"power, no sync":           {[]SkynRecord{head(sync), sample, off(3), head(5), sample}, []int64{sync}, 2, 1},
		"power, no head behind":    {[]SkynRecord{off(3), head(5), sample, set(50)}, nil, 0, 1},
		"power, sync and head":     {[]SkynRecord{off(3), head(5), sample, sample, set(50), head(sync)}, []int64{sync - 45, sync - 35}, 5, 0},
		"power twice before a set": {[]SkynRecord{off(3), head(5), sample, off(2), head(4), sample, set(20), head(sync)}, []int64{sync - 16}, 7, 1},
	} {
		t.Run(name, func(t *testing.T) {
			all, e := date(c.records, chunk{})
			var times []int64
			for _, d := range all {
				if d.record[0] == SkynSample {
					times = append(times, d.at.Unix())
				}
			}
			if !slices.Equal(times, c.times) || e.boundary != c.boundary || e.undated != c.undated {
				t.Errorf("times %v, boundary %d, undated %d; want %v, %d, %d", times, e.boundary, e.undated, c.times, c.boundary, c.undated)
			}
		})
	}
}

func TestSkynOptions(t *testing.T) {
	for _, o := range []SkynOptions{{Every: time.Second}, {Unit: em.UnitSkinGPerDL}, {Celsius: -1}, {Gravity: 2}} {
		if _, err := NewSkyn(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	s := newSkynSession("", SkynOptions{})
	if _, err := s.Command(start, protocol.Command{Kind: protocol.CommandRead}); !errors.Is(err, protocol.ErrNoIdentity) {
		t.Errorf("a command before the preamble: %v", err)
	}
}
