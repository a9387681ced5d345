package devices

import (
	"errors"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// forgetful dialects acknowledge no position or reading (watch3g alarms alone):
// what was sent is gone.
var forgetful = map[string]bool{"alcoholuart": true, "megastek": true, "r16h": true, "sanav": true, "watch3g": true}

// A device that loses its connection sends again, over a new one, what was not
// acknowledged, and nothing that was.
func TestSimulatorsResume(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Name, func(t *testing.T) {
			x := newResumption(t, d)
			first := x.report(0)
			x.converse(true)
			if n := x.sim.Waiting(); n != 0 {
				t.Fatalf("%d reports wait although all was said", n)
			}
			if got := x.take(); !got[first] {
				t.Fatal("the first report did not arrive")
			}
			lost := []time.Time{x.report(1), x.report(2)}
			if n := x.sim.Waiting(); n != 2 {
				t.Errorf("%d reports wait before anything was sent, not 2", n)
			}
			x.converse(false)
			if n := x.sim.Waiting(); n != 2 && !forgetful[d.Name] || n != 0 && forgetful[d.Name] {
				t.Errorf("%d reports wait after they were lost on their way", n)
			}
			// The next connection is lost too, before the login comes through.
			x.sim.Reconnect()
			x.converse(false)
			x.now = x.now.Add(10 * time.Minute)
			x.converse(false)
			x.sim.Reconnect()
			x.session = d.Sessions(protocol.SessionConfig{Identity: x.identity})
			x.converse(true)
			got := x.take()
			for _, at := range lost {
				if got[at] == forgetful[d.Name] {
					t.Errorf("the report of %v: arrived %t", at, got[at])
				}
			}
			if got[first] {
				t.Error("an acknowledged report came again")
			}
			if n := x.sim.Waiting(); n != 0 {
				t.Errorf("%d reports wait at the end", n)
			}
		})
	}
}

// resumption is a device and a center with a connection that can be cut.
type resumption struct {
	t        *testing.T
	d        protocol.Device
	identity string
	sim      protocol.Resumer
	session  protocol.Session
	now      time.Time
	seen     map[time.Time]bool // by event time
}

func newResumption(t *testing.T, d protocol.Device) *resumption {
	t.Helper()
	x := &resumption{t: t, d: d, now: time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC), seen: map[time.Time]bool{}}
	for _, x.identity = range []string{"990000000000017", "990000000017", "99000017"} {
		if sim, err := d.Simulator(x.identity, 1); err == nil {
			x.sim, _ = sim.(protocol.Resumer)
			break
		}
	}
	if x.sim == nil {
		t.Fatal("the simulator is no protocol.Resumer")
	}
	x.session = d.Sessions(protocol.SessionConfig{Identity: x.identity})
	return x
}

// report gives the device something that its dialect can say, and returns its time.
func (x *resumption) report(n int) time.Time {
	x.t.Helper()
	if x.d.Name == "alcoholuart" { // it has no time: the center's is the reading's
		x.now = x.now.Add(time.Minute)
	}
	at := x.now.Add(time.Duration(n) * time.Second)
	for _, b := range []em.Body{
		&em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.3}, Validity: em.FixCurrent, Source: em.SourceGNSS},
		&em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.3}, Validity: em.FixLastKnown},
		&em.AlcoholReading{Value: em.Decimal{Coef: 210 + int64(n), Scale: 4}, Unit: em.UnitBloodGPer100mL, Status: em.SampleOK},
		&em.Transdermal{Value: em.Decimal{Coef: 300 + int64(n)}, Unit: em.UnitRaw},
		&em.AlcoholReading{Value: em.Decimal{Coef: 900 + int64(n)}, Unit: em.UnitRaw, Status: em.SampleOK},
	} {
		err := x.sim.Report(em.Observation{DeviceAt: at, Body: b})
		if err == nil {
			if x.d.Name == "alcoholuart" {
				return x.now
			}
			return at
		}
		if !errors.Is(err, protocol.ErrUnsupported) {
			x.t.Fatal(err)
		}
	}
	x.t.Fatal("the dialect can say none of the bodies")
	return at
}

// converse runs both sides for a minute, or until the device has spoken where its
// words are lost.
func (x *resumption) converse(heard bool) {
	x.t.Helper()
	var fromSim, fromSession protocol.Output
	pass := func(from *protocol.Output, to protocol.Session, out *protocol.Output) {
		for _, m := range from.Send {
			b, err := x.d.Codec.Append(nil, m)
			if err != nil {
				x.t.Fatal(err)
			}
			frame, _, err := x.d.Codec.Split(b)
			if err != nil {
				x.t.Fatal(err)
			}
			got, err := x.d.Codec.Decode(frame)
			if err != nil {
				x.t.Fatal(err)
			}
			if err := to.Handle(x.now, got, out); err != nil {
				x.t.Fatal(err)
			}
		}
		from.Reset()
	}
	for end := x.now.Add(time.Minute); x.now.Before(end); x.now = x.now.Add(time.Second) {
		for first, n := true, 0; ; first, n = false, n+1 {
			if n == 1000 {
				x.t.Fatalf("the device wants to be woken without end: %v at %v", x.sim.Deadline(), x.now)
			}
			if dl := x.sim.Deadline(); first || !dl.IsZero() && !dl.After(x.now) {
				if err := x.sim.Wake(x.now, &fromSim); err != nil {
					x.t.Fatal(err)
				}
			}
			if !heard {
				if x.sim.Deadline().After(x.now) || x.sim.Deadline().IsZero() {
					return
				}
				fromSim.Reset()
				continue
			}
			if dl := x.session.Deadline(); !dl.IsZero() && !dl.After(x.now) {
				if err := x.session.Wake(x.now, &fromSession); err != nil {
					x.t.Fatal(err)
				}
			}
			pass(&fromSim, x.session, &fromSession)
			for _, o := range fromSession.Observations {
				x.seen[o.Stamp(x.now).At] = true
			}
			pass(&fromSession, x.sim, &fromSim)
			if len(fromSim.Send) == 0 && len(fromSession.Send) == 0 {
				break
			}
		}
	}
}

// take returns what the center has seen, by event time, and forgets it.
func (x *resumption) take() map[time.Time]bool {
	seen := x.seen
	x.seen = map[time.Time]bool{}
	return seen
}
