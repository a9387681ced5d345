package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// exchange is a conversation of simulator and session over the dialect's own
// bytes, on a clock of its own. Every byte goes through Append, Splitter and
// Decode on its way.
type exchange struct {
	t     tester
	k     Kit
	d     protocol.Device
	sim   simulator
	ses   *session
	toSim *protocol.Splitter
	toSes *protocol.Splitter
	now   time.Time
	obs   []em.Observation       // stamped
	log   bytes.Buffer           // every byte on the wire, with its direction
	heard func(protocol.Message) // what the session has taken, where set
}

func newExchange(t tester, k Kit, simSeed uint64) *exchange {
	t.Helper()
	d := k.device(t)
	return &exchange{
		t: t, k: k, d: d, now: k.Now,
		sim: k.simulator(t, simSeed), ses: k.session(t),
		toSim: protocol.NewSplitter(d), toSes: protocol.NewSplitter(d),
	}
}

// put sends one end's output on its way.
func (x *exchange) put(from string, to *protocol.Splitter, out *protocol.Output, err error) {
	x.t.Helper()
	if err != nil {
		x.t.Errorf("the %s returns %v", from, err)
	}
	if out.Close {
		x.t.Errorf("the %s hangs up", from)
	}
	for _, m := range out.Send {
		b, err := x.d.Codec.Append(nil, m)
		if err != nil {
			continue // told by the watcher
		}
		fmt.Fprintf(&x.log, "%s %s %s %x\n", x.now.Format(time.RFC3339Nano), from, m.Type(), b)
		to.Write(b)
	}
}

// settle hands messages to and fro until nothing is on its way.
func (x *exchange) settle() {
	x.t.Helper()
	for n := 0; ; n++ {
		if n > 1000 {
			x.t.Fatalf("the ends never come to rest; the last messages:\n%s", tail(x.log.String()))
		}
		if m := x.next("session", x.toSes); m != nil {
			out, err := x.ses.handle(x.now, m)
			if x.heard != nil {
				x.heard(m)
			}
			for _, o := range out.Observations {
				x.obs = append(x.obs, o.Stamp(x.now))
			}
			x.put("session", x.toSim, out, err)
		} else if m := x.next("simulator", x.toSim); m != nil {
			out, err := x.sim.handle(x.now, m)
			x.put("simulator", x.toSes, out, err)
		} else {
			return
		}
	}
}

func (x *exchange) next(to string, s *protocol.Splitter) protocol.Message {
	x.t.Helper()
	frame, _, ok, ferr := s.Next()
	if ferr != nil {
		x.t.Fatalf("to the %s: %v\n%s", to, ferr, tail(x.log.String()))
	}
	if !ok {
		if s.Buffered() > 0 {
			x.t.Fatalf("to the %s: %d bytes are no whole frame\n%s", to, s.Buffered(), tail(x.log.String()))
		}
		return nil
	}
	m, err := x.d.Codec.Decode(frame)
	if err != nil {
		x.t.Fatalf("to the %s: %v: %s", to, err, show(frame))
	}
	return m
}

func tail(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// wakeSim and wakeSes wake an end now.
func (x *exchange) wakeSim() {
	x.t.Helper()
	out, err := x.sim.wake(x.now)
	x.put("simulator", x.toSes, out, err)
}

func (x *exchange) wakeSes() {
	x.t.Helper()
	out, err := x.ses.wake(x.now)
	for _, o := range out.Observations {
		x.obs = append(x.obs, o.Stamp(x.now))
	}
	x.put("session", x.toSim, out, err)
}

// run lets d pass, waking the ends at their deadlines.
func (x *exchange) run(d time.Duration) {
	x.t.Helper()
	end := x.now.Add(d)
	for n := 0; ; n++ {
		at, wake := x.sim.Deadline(), x.wakeSim
		if s := x.ses.Deadline(); at.IsZero() || !s.IsZero() && s.Before(at) {
			at, wake = s, x.wakeSes
		}
		if at.IsZero() || at.After(end) {
			break
		}
		if n > 10_000 {
			x.t.Fatalf("10,000 deadlines within %v", d)
		}
		if at.After(x.now) {
			x.now = at
		}
		wake()
		x.settle()
	}
	x.now = end
}

// start wakes the simulator for the first time and lets the login happen.
func (x *exchange) start() {
	x.t.Helper()
	x.wakeSim()
	x.settle()
	x.run(time.Minute)
}

// report makes the simulator say something; ok is false where the dialect cannot.
func (x *exchange) report(obs ...em.Observation) (ok bool) {
	x.t.Helper()
	var err error
	guard(x.t, "Report", fmt.Appendf(nil, "%+v", obs), func() { err = x.sim.sim.Report(obs...) })
	if err != nil {
		if !errors.Is(err, protocol.ErrUnsupported) {
			x.t.Errorf("Report returns %v, which does not wrap ErrUnsupported", err)
		}
		return false
	}
	x.wakeSim()
	x.settle()
	return true
}

// samples are bodies that a dialect may have a message for. A simulator says
// ErrUnsupported to those it cannot express as they are.
func samples() []em.Body {
	fix := func(lat, lng float64, v em.FixValidity) *em.Fix {
		return &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: lng}, Validity: v, Source: em.SourceGNSS}
	}
	moving := fix(54.687157, 25.279652, em.FixCurrent)
	moving.Speed, moving.Course, moving.Satellites = em.Some(5.0), em.Some(271.0), em.Some(9)
	bodies := []em.Body{
		moving,
		fix(-33.856784, -70.650123, em.FixCurrent),
		fix(-0.004211, 179.998877, em.FixCurrent),
		fix(0.5, -0.25, em.FixCurrent),
		fix(54.687157, 25.279652, em.FixLastKnown),
		fix(0, 0, em.FixInvalid),
		&em.Beacon{Beacon: "0D7AB913", Radio: "rf"},
		&em.Beacon{Beacon: "0D7AB913", Radio: "rf", Lost: true},
		&em.Beacon{Beacon: "c0:ff:ee:00:00:17", Radio: "ble", RSSI: em.Some(-71)},
		&em.Beacon{Beacon: "c0:ff:ee:00:00:17", Radio: "ble", Lost: true},
		&em.CheckIn{Method: "button"},
		&em.CheckIn{Method: "voice", Identity: em.IdentityMatch},
		&em.CheckIn{Method: "face", Identity: em.IdentityMismatch},
		&em.Transdermal{Value: em.Decimal{Coef: 20, Scale: 3}, Unit: em.UnitSkinGPerDL},
		&em.Vendor{Name: "note"},
	}
	for _, u := range []em.AlcoholUnit{
		em.UnitBreathMgPerL, em.UnitBreathUgPerL, em.UnitBreathUgPer100mL, em.UnitBreathGPer210L,
		em.UnitBloodGPer100mL, em.UnitBloodMgPer100mL, em.UnitBloodGPerL, em.UnitBloodGPerKg, em.UnitRaw,
	} {
		for _, v := range []em.Decimal{{Coef: 37}, {Coef: 0, Scale: 3}, {Coef: 82, Scale: 3}, {Coef: 208, Scale: 4}} {
			bodies = append(bodies, &em.AlcoholReading{Value: v, Unit: u, Status: em.SampleOK})
		}
	}
	for _, w := range []em.TamperKind{em.TamperStrap, em.TamperCase, em.TamperRemoval, em.TamperShielding, em.TamperJamming, em.TamperMoved, em.TamperOther} {
		bodies = append(bodies, &em.Tamper{What: w}, &em.Tamper{What: w, Cleared: true})
	}
	for _, a := range []em.AlarmKind{em.AlarmSOS, em.AlarmFall, em.AlarmVibration, em.AlarmOverspeed, em.AlarmFenceIn, em.AlarmFenceOut, em.AlarmMoved} {
		bodies = append(bodies, &em.Alarm{What: a})
	}
	for _, e := range []em.PowerEvent{em.PowerLow, em.PowerCut, em.PowerRestored, em.PowerOn, em.PowerOff} {
		bodies = append(bodies, &em.Power{Event: e})
	}
	bodies = append(bodies, &em.Power{Level: em.Some(0.5)}, &em.Power{Level: em.Some(1.0)})
	for _, e := range []em.CommsEvent{em.CommsHeartbeat, em.CommsInfo} {
		bodies = append(bodies, &em.Comms{Event: e})
	}
	return bodies
}

// essential says where got is not what want reported, or "".
func essential(want, got em.Body) string {
	differs := func(what string, w, g any) string { return fmt.Sprintf("%s %v, want %v", what, g, w) }
	if want.Kind() != got.Kind() {
		return differs("kind", want.Kind(), got.Kind())
	}
	switch w := want.(type) {
	case *em.Fix:
		g := got.(*em.Fix)
		switch {
		case w.Validity != g.Validity:
			return differs("validity", w.Validity, g.Validity)
		case w.Validity != em.FixInvalid && (math.Abs(w.Lat-g.Lat) > 2e-5 || math.Abs(w.Lng-g.Lng) > 2e-5): // 2 m
			return differs("position", w.LatLng, g.LatLng)
		case w.Speed.OK && g.Speed.OK && math.Abs(w.Speed.V-g.Speed.V) > 0.6: // steps of a knot
			return differs("speed", w.Speed.V, g.Speed.V)
		case w.Course.OK && g.Course.OK && math.Abs(w.Course.V-g.Course.V) > 1:
			return differs("course", w.Course.V, g.Course.V)
		}
	case *em.Beacon:
		if g := got.(*em.Beacon); w.Beacon != g.Beacon || w.Radio != g.Radio || w.Lost != g.Lost {
			return differs("beacon", *w, *g)
		}
	case *em.AlcoholReading:
		g := got.(*em.AlcoholReading)
		if w.Unit != g.Unit || w.Status != g.Status || w.Status == em.SampleOK && math.Abs(w.Value.Float()-g.Value.Float()) > 1e-12 {
			return differs("reading", *w, *g)
		}
	case *em.Transdermal:
		g := got.(*em.Transdermal)
		if w.Unit != g.Unit || math.Abs(w.Value.Float()-g.Value.Float()) > 1e-12 {
			return differs("reading", *w, *g)
		}
	case *em.Tamper:
		if g := got.(*em.Tamper); w.What != g.What || w.Cleared != g.Cleared {
			return differs("tamper", *w, *g)
		}
	case *em.Power:
		g := got.(*em.Power)
		if w.Event != g.Event || w.Level.OK && (!g.Level.OK || math.Abs(w.Level.V-g.Level.V) > 0.1) {
			return differs("power", *w, *g)
		}
	case *em.Comms:
		if g := got.(*em.Comms); w.Event != g.Event || w.Text != "" && w.Text != g.Text {
			return differs("comms", *w, *g)
		}
	case *em.Alarm:
		if g := got.(*em.Alarm); w.What != g.What || w.Code != "" && w.Code != g.Code {
			return differs("alarm", *w, *g)
		}
	case *em.CheckIn:
		if g := got.(*em.CheckIn); w.Method != g.Method || w.Identity != g.Identity || w.Refused != g.Refused {
			return differs("check-in", *w, *g)
		}
	case *em.Vendor:
		if g := got.(*em.Vendor); w.Name != g.Name {
			return differs("vendor", *w, *g)
		}
	}
	return ""
}

// runSimulator: the simulator and the session understand each other.
func runSimulator(t tester, k Kit, _ []goodVector) {
	bodies := append(samples(), k.Reports...)

	// The login makes the session know the device, and both come to rest.
	t.Run("login", func(t tester) {
		x := newExchange(t, k, 1)
		x.start()
		x.run(30 * time.Minute)
		if x.sim.Device() != k.DeviceID {
			t.Errorf("the simulator is %q, want %q", x.sim.Device(), k.DeviceID)
		}
		if id := x.ses.Device(); id != k.DeviceID && (id != "" || x.log.Len() > 0) {
			t.Errorf("the session is with %q, want %q\n%s", id, k.DeviceID, tail(x.log.String()))
		}
	})

	// Every body that the simulator takes comes back as an observation of the
	// same time and of equal essential values; at least one is taken, and all of
	// Kit.Reports are. A time is compared to Kit.Resolution; a frame without a
	// time gives a report made now the time of its reception, and cannot carry
	// a stored one.
	t.Run("reports", func(t tester) {
		for _, stored := range []bool{false, true} {
			supported, marked := 0, 0
			kinds := map[em.BodyKind]int{}
			x := newExchange(t, k, 2)
			x.start()
			for i, b := range bodies {
				x.run(61 * time.Second)
				at := x.now
				if stored {
					at = at.Add(-3*time.Hour - time.Duration(i)*time.Second)
				}
				from, sent := len(x.obs), x.log.Len()
				if !x.report(em.Observation{Device: k.DeviceID, DeviceAt: at, At: at, Stored: stored, Body: b}) {
					if !stored && i >= len(bodies)-len(k.Reports) {
						t.Errorf("Kit.Reports: %s %+v is not supported", b.Kind(), b)
					}
					continue
				}
				supported++
				kinds[b.Kind()]++
				for n := 0; n < 20 && !arrived(k, x.obs[from:], at, b); n++ {
					x.run(10 * time.Second) // pacing and repeats of the dialect
				}
				if !arrived(k, x.obs[from:], at, b) {
					t.Errorf("reported %s %+v of %v (stored %t); seen:\n%s\non the wire:\n%s", b.Kind(), b, at, stored,
						list(k, x.obs[from:], at, b), x.log.String()[sent:])
					continue
				}
				for _, o := range x.obs[from:] {
					if o.Stored && stored && essential(b, o.Body) == "" {
						marked++
						break
					}
				}
			}
			t.Logf("stored %t: %d of %d bodies supported %v, %d marked as stored", stored, supported, len(bodies), kinds, marked)
			if supported == 0 && !stored {
				t.Error("the simulator takes no body at all")
			}
		}
	})

	// Reports handed over together, and before the login, all arrive.
	t.Run("together", func(t tester) {
		x := newExchange(t, k, 3)
		var taken []em.Observation
		for i, b := range bodies {
			at := x.now.Add(time.Duration(i-len(bodies)) * time.Minute)
			o := em.Observation{Device: k.DeviceID, DeviceAt: at, At: at, Stored: true, Body: b}
			if err := x.sim.sim.Report(o); err == nil {
				taken = append(taken, o)
			}
		}
		x.start()
		x.run(30 * time.Minute)
		for _, o := range taken {
			if !arrived(k, x.obs, o.At, o.Body) {
				t.Errorf("reported %s %+v of %v among %d; it never came", o.Body.Kind(), o.Body, o.At, len(taken))
			}
		}
	})

	// Equal seeds give equal bytes.
	t.Run("seed", func(t tester) {
		var logs [2]string
		for i := range logs {
			x := newExchange(t, k, seed)
			x.start()
			for _, b := range bodies {
				x.run(7 * time.Second)
				x.report(em.Observation{Device: k.DeviceID, DeviceAt: x.now, At: x.now, Body: b})
			}
			x.run(10 * time.Minute)
			logs[i] = x.log.String()
		}
		if logs[0] != logs[1] {
			t.Errorf("two simulators of one seed differ:\n%s", diff(strings.Split(logs[0], "\n"), strings.Split(logs[1], "\n")))
		}
		if logs[0] == "" {
			t.Error("the simulator sends nothing")
		}
	})

	// An identity that the dialect cannot carry is an error, never a panic.
	t.Run("identity", func(t tester) {
		for _, id := range []string{"", "x\x00y", strings.Repeat("9", 300), "ž;,*#\r\n$"} {
			guard(t, "Simulator", []byte(id), func() {
				if sim, err := k.Device.Simulator(id, 1); (sim == nil) == (err == nil) {
					t.Errorf("Simulator(%q) returns %v and %v", id, sim, err)
				}
			})
		}
	})
}

func arrived(k Kit, obs []em.Observation, at time.Time, b em.Body) bool {
	return slices.ContainsFunc(obs, func(o em.Observation) bool { return mismatch(k, o, at, b) == "" })
}

func mismatch(k Kit, o em.Observation, at time.Time, b em.Body) string {
	if o.Device != k.DeviceID {
		return fmt.Sprintf("device %q", o.Device)
	}
	if diff := essential(b, o.Body); diff != "" {
		return diff
	}
	if d := o.At.Sub(at.Truncate(k.Resolution)); d < 0 || d >= k.Resolution {
		return fmt.Sprintf("at %v, want %v", o.At, at)
	}
	return ""
}

func list(k Kit, obs []em.Observation, at time.Time, b em.Body) string {
	var s strings.Builder
	for _, o := range obs {
		fmt.Fprintf(&s, "\t%s %+v: %s\n", o.Body.Kind(), o.Body, mismatch(k, o, at, b))
	}
	return s.String()
}
