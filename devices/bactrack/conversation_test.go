package bactrack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

var start = time.Date(2026, 10, 3, 19, 30, 0, 0, time.UTC)

// talk is a conversation of a session and a simulator over the wire format, on
// a clock of its own. Messages arrive at once.
type talk struct {
	t    *testing.T
	now  time.Time
	ses  protocol.Session
	sim  *Simulator
	obs  []em.Observation
	wire []string // what went over the line, as types
	cut  bool     // the center's bytes get lost
	errs []error
}

func newTalk(t *testing.T, c protocol.SessionConfig, o Options, s SimulatorConfig) *talk {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := NewSimulator(s)
	if err != nil {
		t.Fatal(err)
	}
	return &talk{t: t, now: start, ses: d.Sessions(c), sim: sim}
}

// give carries an output over the wire to the other end.
func (x *talk) give(out *protocol.Output, fromCenter bool) {
	x.t.Helper()
	for _, o := range out.Observations {
		x.obs = append(x.obs, o.Stamp(x.now))
	}
	for _, m := range slices.Clone(out.Send) {
		b, err := Codec{}.Append(nil, m)
		if err != nil {
			x.t.Fatal(err)
		}
		m, err := Codec{}.Decode(b)
		if err != nil {
			x.t.Fatal(err)
		}
		x.wire = append(x.wire, m.Type())
		var answer protocol.Output
		if !fromCenter {
			err = x.ses.Handle(x.now, m, &answer)
		} else if !x.cut {
			err = x.sim.Handle(x.now, m, &answer)
		}
		if err != nil {
			x.errs = append(x.errs, err)
		}
		x.give(&answer, !fromCenter)
	}
}

// run lets d pass.
func (x *talk) run(d time.Duration) {
	x.t.Helper()
	end := x.now.Add(d)
	for range 100_000 {
		at, session := x.ses.Deadline(), true
		if s := x.sim.Deadline(); at.IsZero() || !s.IsZero() && s.Before(at) {
			at, session = s, false
		}
		if at.IsZero() || at.After(end) {
			x.now = end
			return
		}
		if at.After(x.now) {
			x.now = at
		}
		var out protocol.Output
		var err error
		if session {
			err = x.ses.Wake(x.now, &out)
		} else {
			err = x.sim.Wake(x.now, &out)
		}
		if err != nil {
			x.errs = append(x.errs, err)
		}
		x.give(&out, session)
	}
	x.t.Fatal("100,000 steps")
}

func (x *talk) report(obs ...em.Observation) {
	x.t.Helper()
	if err := x.sim.Report(obs...); err != nil {
		x.t.Fatal(err)
	}
}

// seen returns the observations of kind k, one line each.
func (x *talk) seen(k em.BodyKind) (lines []string) {
	for _, o := range x.obs {
		if o.Body.Kind() == k {
			lines = append(lines, line(o))
		}
	}
	return lines
}

func line(o em.Observation) string {
	at := o.At.Sub(start).String()
	if !o.DeviceAt.IsZero() {
		at += " by its clock"
	}
	if o.Stored {
		at += " stored"
	}
	switch b := o.Body.(type) {
	case *em.AlcoholReading:
		return fmt.Sprintf("%s: %s %s %s %s", at, b.Value, b.Unit, b.Status, b.Reason)
	case *em.Power:
		return fmt.Sprintf("%s: %s %.2f", at, b.Event, b.Level.Or(-1))
	case *em.Vendor:
		return fmt.Sprintf("%s: %s %v", at, b.Name, b.Fields)
	}
	return fmt.Sprintf("%s: %+v", at, o.Body)
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func bac(v int64) em.Body {
	return &em.AlcoholReading{Value: em.Decimal{Coef: v, Scale: 4}, Unit: em.UnitBloodGPer100mL, Status: em.SampleOK}
}

func refused(s em.SampleStatus, why string) em.Body {
	return &em.AlcoholReading{Unit: em.UnitBloodGPer100mL, Status: s, Reason: why}
}

// onLine is an instrument on a serial line.
func onLine(t *testing.T) *talk {
	return newTalk(t, protocol.SessionConfig{Identity: "VIO-0017"}, Options{}, SimulatorConfig{Seed: 7})
}

func TestSerialLine(t *testing.T) {
	x := onLine(t)
	x.run(5 * time.Second)
	x.report(em.Observation{Body: bac(208)}, em.Observation{Body: bac(0)}, em.Observation{Body: bac(0)})
	x.run(5 * time.Minute)
	same(t, "readings", x.seen(em.KindAlcohol),
		"16s: 0.0208 g/100mL blood ok ",
		"40s: 0.0000 g/100mL blood ok ",
		"1m4s: 0.0000 g/100mL blood ok ")
	same(t, "what people may see", x.seen(em.KindVendor)[1:],
		"16s: bactrack.uses [{count 84}]",
		"40s: bactrack.uses [{count 85}]",
		"1m4s: bactrack.uses [{count 86}]")
	if x.ses.Device() != "bactrack:VIO-0017" || len(x.errs) > 0 {
		t.Errorf("device %q, errors %v", x.ses.Device(), x.errs)
	}
	if want := []string{"vio id request", "vio id", "vio setting request", "vio setting", "vio status request", "vio status"}; !slices.Equal(x.wire[:6], want) {
		t.Errorf("it begins with %q, want %q", x.wire[:6], want)
	}
}

func TestRefusedTests(t *testing.T) {
	x := onLine(t)
	x.run(time.Second)
	x.report(
		em.Observation{Body: refused(em.SampleAborted, "timeout")},
		em.Observation{Body: refused(em.SampleInvalid, "blow")},
		em.Observation{Body: refused(em.SampleSensor, "temperature low")},
		em.Observation{Body: refused(em.SampleSensor, "low battery")},
		em.Observation{Body: refused(em.SampleOverRange, "")},
		em.Observation{Body: refused(em.SampleAborted, "ended without a result")})
	x.run(5 * time.Minute)
	var got []string
	for _, l := range x.seen(em.KindAlcohol) {
		_, l, _ = strings.Cut(l, ": ")
		got = append(got, l)
	}
	same(t, "readings", got,
		"0 g/100mL blood aborted timeout",
		"0 g/100mL blood invalid blow",
		"0 g/100mL blood sensor temperature low",
		"0 g/100mL blood sensor low battery",
		"0 g/100mL blood overrange upper limit",
		"0 g/100mL blood aborted ended without a result")
	if p := x.seen(em.KindPower); !slices.ContainsFunc(p, func(l string) bool { return strings.Contains(l, "low") }) {
		t.Errorf("no low battery in %q", p)
	}
}

// TestCommands starts a test that nobody takes, and cancels another.
func TestCommands(t *testing.T) {
	x := onLine(t)
	x.run(time.Second)
	x.give(&protocol.Output{Send: []protocol.Message{&VioControl{VioStart}}}, true)
	x.run(30 * time.Second)
	x.give(&protocol.Output{Send: []protocol.Message{&VioControl{VioStart}}}, true)
	x.run(4 * time.Second)
	x.give(&protocol.Output{Send: []protocol.Message{&VioControl{VioCancel}}}, true)
	x.run(time.Minute)
	same(t, "readings", x.seen(em.KindAlcohol),
		"20s: 0 g/100mL blood aborted timeout",
		"36s: 0 g/100mL blood aborted ended without a result")
	same(t, "answers", x.seen(em.KindComms)[1:],
		"1s: &{Event:reply Signal:{V:0 OK:false} Cells:[] WiFi:[] Text:control 00}",
		"31s: &{Event:reply Signal:{V:0 OK:false} Cells:[] WiFi:[] Text:control 00}",
		"35s: &{Event:reply Signal:{V:0 OK:false} Cells:[] WiFi:[] Text:control 01}")
}

// poll hands a session statuses at times after start.
func poll(t *testing.T, s protocol.Session, at time.Duration, m protocol.Message) (lines []string, sent []string) {
	t.Helper()
	var out protocol.Output
	if err := s.Handle(start.Add(at), m, &out); err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Observations {
		if o.Body.Kind() != em.KindPower || o.Body.(*em.Power).Event != "" {
			lines = append(lines, line(o.Stamp(start.Add(at))))
		}
	}
	for _, m := range out.Send {
		sent = append(sent, m.Type())
	}
	return lines, sent
}

// TestStates has what a polled instrument says, step by step.
func TestStates(t *testing.T) {
	type step struct {
		at   time.Duration
		m    protocol.Message
		want []string
	}
	is := func(s VioState) *VioStatus { return &VioStatus{Battery: 15, State: s} }
	shows := func(v uint16) *VioStatus { return &VioStatus{Battery: 15, State: VioResult, BAC: v} }
	const s, m = time.Second, time.Minute
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a result that is shown at the beginning has no date", []step{
			{0, shows(208), []string{"0s: bactrack.undated [{bac 0.0208}]"}}, {2 * s, shows(208), nil},
		}},
		{"a result that replaces another", []step{
			{0, is(VioIdle), nil}, {2 * s, shows(208), []string{"2s: 0.0208 g/100mL blood ok "}}, {4 * s, shows(209), []string{"4s: 0.0209 g/100mL blood ok "}},
		}},
		{"the same result after a long test", []step{
			{0, is(VioIdle), nil}, {2 * s, shows(0), []string{"2s: 0.0000 g/100mL blood ok "}}, {4 * s, is(VioCountdown), nil}, {34 * s, is(VioAnalysing), nil},
			{36 * s, shows(0), []string{"36s: 0.0000 g/100mL blood ok "}},
		}},
		{"the same result after a silence may be another", []step{
			{0, is(VioIdle), nil}, {2 * s, shows(0), []string{"2s: 0.0000 g/100mL blood ok "}}, {12 * s, shows(0), nil}, {23 * s, shows(0), []string{"23s: bactrack.undated [{bac 0.0000}]"}},
		}},
		{"a result after a silence of more than a minute", []step{
			{0, is(VioReady), nil}, {61 * s, shows(300), []string{"1m1s: bactrack.undated [{bac 0.0300}]"}},
		}},
		{"a result after a silence of a minute", []step{
			{0, is(VioReady), nil}, {60 * s, shows(300), []string{"1m0s: 0.0300 g/100mL blood ok "}},
		}},
		{"a calibration", []step{
			{0, is(VioCalibrating), nil}, {2 * s, shows(500), []string{"2s: 0.0500 g/100mL blood calibrated "}},
		}},
		{"a test that ends in calibration", []step{
			{0, is(VioBlowing), nil}, {2 * s, is(VioCalibrating), []string{"2s: 0 g/100mL blood aborted ended without a result"}},
		}},
		{"a new test before the error is told", []step{
			{0, is(VioBlowing), nil}, {2 * s, is(VioIdle), nil}, {4 * s, is(VioCountdown), []string{"4s: 0 g/100mL blood aborted ended without a result"}},
		}},
		{"a result before the error is told", []step{
			{0, is(VioBlowing), nil}, {2 * s, is(VioIdle), nil},
			{4 * s, shows(1), []string{"4s: 0 g/100mL blood aborted ended without a result", "4s: 0.0001 g/100mL blood ok "}},
		}},
		{"an error, and the same one again", []step{
			{0, is(VioBlowing), nil}, {2 * s, is(VioIdle), nil}, {3 * s, &VioError{Code: VioErrBlow}, []string{"3s: 0 g/100mL blood invalid blow"}},
			{3 * s, &VioError{Code: VioErrBlow}, nil}, {4 * s, is(VioIdle), nil},
		}},
		{"a failed test and then silence", []step{
			{0, is(VioBlowing), nil}, {2 * s, is(VioIdle), nil}, {2 * m, is(VioIdle), []string{"2m0s: 0 g/100mL blood aborted ended without a result"}},
		}},
		{"switched off once", []step{
			{0, is(VioPowerDown), []string{"0s: off -1.00"}}, {2 * s, is(VioPowerDown), nil}, {4 * s, is(VioIdle), nil}, {6 * s, is(VioPowerDown), []string{"6s: off -1.00"}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ses := Device().Sessions(protocol.SessionConfig{Identity: "VIO-0017"})
			for i, s := range c.steps {
				got, _ := poll(t, ses, s.at, s.m)
				if !slices.Equal(got, s.want) {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
			}
		})
	}
}

// TestErrorNotTold asks three times for the error of a failed test.
func TestErrorNotTold(t *testing.T) {
	ses := Device().Sessions(protocol.SessionConfig{Identity: "VIO-0017"})
	poll(t, ses, 0, &VioStatus{State: VioBlowing})
	_, sent := poll(t, ses, 2*time.Second, &VioStatus{State: VioIdle})
	same(t, "at once", sent, "vio error request")
	for i := 1; ; i++ {
		at := ses.Deadline()
		var out protocol.Output
		if err := ses.Wake(at, &out); err != nil {
			t.Fatal(err)
		}
		if i <= 2 && (len(out.Send) != 2 || len(out.Observations) != 0) {
			t.Fatalf("poll %d: %+v", i, out)
		}
		if i == 3 {
			if len(out.Send) != 1 || len(out.Observations) != 1 {
				t.Fatalf("poll %d: %+v", i, out)
			}
			break
		}
	}
}

func TestRatio(t *testing.T) {
	x := newTalk(t, protocol.SessionConfig{Identity: "VIO-0017"}, Options{Ratio: 2100}, SimulatorConfig{})
	x.run(time.Second)
	x.report(em.Observation{Body: bac(208)})
	x.run(time.Minute)
	for _, o := range x.obs {
		if r, ok := o.Body.(*em.AlcoholReading); ok && r.Ratio != em.Some(2100) {
			t.Errorf("ratio %v", r.Ratio)
		}
	}
	if len(x.seen(em.KindAlcohol)) != 1 {
		t.Error("no reading")
	}
}

func TestBattery(t *testing.T) {
	x := onLine(t)
	x.run(time.Hour)
	if n := len(x.seen(em.KindPower)); n < 12 || n > 15 {
		t.Errorf("%d signs of life in an hour of beats of 5 minutes", n)
	}
	x.obs = nil
	x.report(em.Observation{Body: &em.Power{Level: em.Some(0.2)}})
	x.run(2 * time.Minute)
	if p := x.seen(em.KindPower); len(p) == 0 || !strings.HasSuffix(p[0], " 0.20") {
		t.Errorf("battery %q", p)
	}
}

func TestRawTunnel(t *testing.T) {
	x := newTalk(t, protocol.SessionConfig{}, Options{}, SimulatorConfig{Identity: "VIO-0017", Tunnel: TunnelRaw})
	x.report(em.Observation{Body: bac(208)})
	x.run(time.Minute)
	if r := x.seen(em.KindAlcohol); len(r) != 1 || !strings.HasSuffix(r[0], "0.0208 g/100mL blood ok ") || strings.Contains(r[0], "clock") {
		t.Errorf("readings %q", r)
	}
	if x.ses.Device() != "bactrack:VIO-0017" || len(x.errs) > 0 {
		t.Errorf("device %q, errors %v", x.ses.Device(), x.errs)
	}
	if err := x.sim.Report(em.Observation{DeviceAt: start, Stored: true, Body: bac(1)}); !errors.Is(err, protocol.ErrUnsupported) {
		t.Errorf("a stored report in a raw tunnel: %v", err)
	}
}

// TestKeptTunnel loses the acknowledgements of one connection: on the next one
// the results come again, with the same ids.
func TestKeptTunnel(t *testing.T) {
	x := newTalk(t, protocol.SessionConfig{}, Options{}, SimulatorConfig{Identity: "VIO-0017", Tunnel: TunnelKept})
	x.cut = true
	early := start.Add(-3*time.Hour + 1234567*time.Nanosecond)
	x.report(em.Observation{DeviceAt: early, Stored: true, Body: bac(300)}, em.Observation{DeviceAt: start, Body: bac(208)}, em.Observation{DeviceAt: start, Body: refused(em.SampleInvalid, "blow")})
	x.run(time.Minute)
	want := []string{
		"-2h59m59.999s by its clock stored: 0.0300 g/100mL blood ok ",
		"0s by its clock: 0.0208 g/100mL blood ok ",
		"0s by its clock: 0 g/100mL blood invalid blow",
	}
	same(t, "readings", x.seen(em.KindAlcohol), want...)
	if x.sim.Pending() != 3 {
		t.Fatalf("%d results pending, want 3", x.sim.Pending())
	}
	first := x.obs

	x.cut, x.obs = false, nil
	x.ses = Device().NewSession()
	x.sim.Reconnect()
	x.run(time.Minute)
	for i := range want {
		want[i] = strings.Replace(strings.Replace(want[i], " stored:", ":", 1), " by its clock:", " by its clock stored:", 1)
	}
	same(t, "readings again", x.seen(em.KindAlcohol), want...)
	if x.sim.Pending() != 0 {
		t.Errorf("%d results pending after their acknowledgement", x.sim.Pending())
	}
	var ids [2][]em.ObservationID
	for i, obs := range [][]em.Observation{first, x.obs} {
		for _, o := range obs {
			if o.Body.Kind() == em.KindAlcohol {
				ids[i] = append(ids[i], o.ID)
			}
		}
	}
	if !slices.Equal(ids[0], ids[1]) {
		t.Errorf("ids %v, then %v", ids[0], ids[1])
	}
	if len(x.errs) > 0 {
		t.Error(x.errs)
	}
}

// TestNoPreamble: frames before it are refused, and the center hangs up in time.
func TestNoPreamble(t *testing.T) {
	ses := Device().NewSession()
	var out protocol.Output
	if err := ses.Wake(start, &out); err != nil || len(out.Send) > 0 {
		t.Fatalf("%v, sends %v", err, out.Send)
	}
	if err := ses.Handle(start, &VioStatus{State: VioResult}, &out); !errors.Is(err, protocol.ErrNoIdentity) {
		t.Errorf("a status before the preamble: %v", err)
	}
	if at := ses.Deadline(); !at.Equal(start.Add(30 * time.Second)) {
		t.Errorf("deadline %v", at)
	}
	err := ses.Wake(ses.Deadline(), &out)
	if !errors.Is(err, protocol.ErrNoIdentity) || !out.Close || len(out.Observations) > 0 || len(out.Send) != 1 || *out.Send[0].(*TunnelRefusal) != (TunnelRefusal{"preamble"}) {
		t.Errorf("%v, output %+v", err, out)
	}
	if at := ses.Deadline(); !at.IsZero() {
		t.Errorf("deadline %v after the end", at)
	}
}

func TestIdentity(t *testing.T) {
	var out protocol.Output
	ses := Device().Sessions(protocol.SessionConfig{Identity: "no spaces"})
	if err := ses.Wake(start, &out); !errors.Is(err, protocol.ErrIdentity) || !out.Close {
		t.Errorf("a configured identity that is none: %v, close %t", err, out.Close)
	}
	ses, out = Device().Sessions(protocol.SessionConfig{Identity: "VIO-0017"}), protocol.Output{}
	if err := ses.Handle(start, &TunnelHello{Identity: "VIO-0018", Mode: TunnelRaw}, &out); !errors.Is(err, protocol.ErrIdentity) || !out.Close {
		t.Errorf("a preamble that contradicts the connection: %v, close %t", err, out.Close)
	}
	for s, want := range map[string]bool{
		"a": true, "0": true, "VIO-0017": true, "a.b_c-d": true, strings.Repeat("x", 32): true,
		"": false, "-a": false, ".a": false, "_a": false, "a b": false, "ž": false, "a\n": false, strings.Repeat("x", 33): false,
	} {
		if ValidIdentity(s) != want {
			t.Errorf("ValidIdentity(%q) = %t", s, !want)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Ratio: -1}, {Poll: -1}, {Poll: time.Millisecond}, {Poll: time.Minute, Beat: time.Second}, {Beat: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) gives no error", o)
		}
	}
	for _, c := range []SimulatorConfig{{Tunnel: TunnelRaw}, {Tunnel: "other", Identity: "a"}, {Identity: "a b"}, {Speed: -1}, {Speed: 1e9}} {
		if _, err := NewSimulator(c); err == nil {
			t.Errorf("NewSimulator(%+v) gives no error", c)
		}
	}
}

// TestReports: what the wire cannot carry is refused, and nothing of the call is kept.
func TestReports(t *testing.T) {
	reading := func(f func(*em.AlcoholReading)) em.Body {
		r := bac(208).(*em.AlcoholReading)
		f(r)
		return r
	}
	for name, b := range map[string]em.Body{
		"another unit":   reading(func(r *em.AlcoholReading) { r.Unit = em.UnitBreathMgPerL }),
		"five decimals":  reading(func(r *em.AlcoholReading) { r.Value = em.Decimal{Coef: 12345, Scale: 5} }),
		"too much":       reading(func(r *em.AlcoholReading) { r.Value.Coef = 65536 }),
		"below zero":     reading(func(r *em.AlcoholReading) { r.Value.Coef = -1 }),
		"far too much":   reading(func(r *em.AlcoholReading) { r.Value = em.Decimal{Coef: 1 << 62} }),
		"a ratio":        reading(func(r *em.AlcoholReading) { r.Ratio = em.Some(2100) }),
		"an identity":    reading(func(r *em.AlcoholReading) { r.Identity = em.IdentityMatch }),
		"another reason": refused(em.SampleInvalid, "hiccups"),
		"a power event":  &em.Power{Event: em.PowerCut},
		"over full":      &em.Power{Level: em.Some(1.1)},
		"a position":     &em.Fix{},
	} {
		sim, err := NewSimulator(SimulatorConfig{Identity: "VIO-0017", Tunnel: TunnelKept})
		if err != nil {
			t.Fatal(err)
		}
		err = sim.Report(em.Observation{DeviceAt: start, Stored: true, Body: bac(1)}, em.Observation{DeviceAt: start, Body: b})
		if !errors.Is(err, protocol.ErrUnsupported) || sim.Pending() != 0 {
			t.Errorf("%s: %v, %d kept", name, err, sim.Pending())
		}
	}
	for d, want := range map[em.Decimal]uint16{{Coef: 8, Scale: 2}: 800, {Coef: 2080, Scale: 5}: 208, {Coef: 6, Scale: 0}: 60000, {Coef: 65535, Scale: 4}: 65535} {
		if v, ok := wireBAC(d); !ok || v != want {
			t.Errorf("wireBAC(%s) = %d, %t", d, v, ok)
		}
	}
}

func TestMatch(t *testing.T) {
	for in, want := range map[string]protocol.Match{
		"": protocol.Maybe, "E": protocol.Maybe, "EMTUN/1 ok 4": protocol.Maybe,
		"EMTUN/1 hello bactrack V": protocol.Yes, "EMTUN/1 hello other V": protocol.Maybe,
		"\x10": protocol.Maybe, "\x10\x02\x01\x71": protocol.Yes, "\x10\x02\x01\x20": protocol.Maybe,
		"\x10\x03": protocol.No, "GET / HTTP/1.1": protocol.No, "EMT!": protocol.No,
	} {
		if got := Device().Match([]byte(in)); got != want {
			t.Errorf("Match(%q) = %d, want %d", in, got, want)
		}
	}
}
