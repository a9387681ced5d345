package jt808_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/protocol"
)

// talk is a simulator with what it said last.
type talk struct {
	t   *testing.T
	sim protocol.Simulator
	at  time.Time
	out protocol.Output
}

func start(t *testing.T, identity string) *talk {
	t.Helper()
	sim, err := jt808.Device().Simulator(identity, 1)
	if err != nil {
		t.Fatal(err)
	}
	return &talk{t: t, sim: sim, at: now}
}

func (k *talk) wake(at time.Time) []protocol.Message {
	k.t.Helper()
	k.at = at
	k.out.Reset()
	if err := k.sim.Wake(at, &k.out); err != nil {
		k.t.Fatal(err)
	}
	return k.out.Send
}

func (k *talk) answer(m protocol.Message) []protocol.Message {
	k.t.Helper()
	k.out.Reset()
	if err := k.sim.Handle(k.at, m, &k.out); err != nil {
		k.t.Fatal(err)
	}
	return k.out.Send
}

func ack(code, serial uint16) *jt808.Reply {
	return &jt808.Reply{Header: jt808.Header{Code: 0x8001, ID: terminal}, Answered: serial, AnsweredCode: code}
}

func (k *talk) logIn() []protocol.Message {
	k.t.Helper()
	k.wake(k.at)
	sent := k.answer(&jt808.RegisterReply{Header: jt808.Header{Code: 0x8100, ID: terminal}, AuthCode: "token"})
	if a, ok := sent[0].(*jt808.Authenticate); len(sent) != 1 || !ok || a.AuthCode != "token" || a.Serial != 1 {
		k.t.Fatalf("a registration is followed by %+v", sent)
	}
	return k.answer(ack(0x0102, 1))
}

func fixAt(at time.Time, stored bool) em.Observation {
	return em.Observation{DeviceAt: at, Stored: stored, Body: &em.Fix{
		LatLng: em.LatLng{Lat: 54.687157, Lng: 25.279652}, Validity: em.FixCurrent, Source: em.SourceGNSS,
	}}
}

func TestSimulatorRepeats(t *testing.T) {
	k := start(t, terminal)
	if err := k.sim.Report(fixAt(now, false)); err != nil {
		t.Fatal(err)
	}
	if sent := k.wake(now); len(sent) != 1 || sent[0].Type() != "register" {
		t.Fatalf("the first words are %v", sent)
	}
	if at := k.sim.Deadline(); !at.Equal(now.Add(10 * time.Second)) {
		t.Fatalf("the deadline is %v", at)
	}
	if sent := k.wake(k.sim.Deadline()); len(sent) != 1 || sent[0].(*jt808.Register).Serial != 0 {
		t.Fatalf("repeated %v", sent)
	}
	k.answer(&jt808.RegisterReply{Header: jt808.Header{Code: 0x8100, ID: terminal}, AuthCode: "token"})
	if sent := k.answer(ack(0x0102, 9)); len(sent) != 0 {
		t.Fatalf("sent %v after the answer to another frame", sent)
	}
	failed := ack(0x0102, 1)
	failed.Result = jt808.ResultFailed
	if sent := k.answer(failed); len(sent) != 0 {
		t.Fatalf("sent %v after a refusal", sent)
	}
	sent := k.answer(ack(0x0102, 1))
	if l, ok := sent[0].(*jt808.Location); len(sent) != 1 || !ok || l.Serial != 2 {
		t.Fatalf("sent %+v, want a location", sent)
	}
	if sent = k.wake(k.sim.Deadline()); len(sent) != 1 || sent[0].(*jt808.Location).Serial != 2 {
		t.Fatalf("repeated %v", sent)
	}
	k.answer(ack(0x0200, 2))
	if sent = k.wake(k.sim.Deadline()); len(sent) != 1 || sent[0].Type() != "heartbeat" {
		t.Fatalf("sent %v, want a heartbeat", sent)
	}
}

// Reports from memory go in batches, live ones alone.
func TestSimulatorBatches(t *testing.T) {
	k := start(t, terminal)
	for i := range 12 {
		if err := k.sim.Report(fixAt(now.Add(time.Duration(i)*time.Minute), true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.sim.Report(fixAt(now, false)); err != nil {
		t.Fatal(err)
	}
	sent := k.logIn()
	if len(sent) != 3 {
		t.Fatalf("sent %d frames", len(sent))
	}
	for i, want := range []int{10, 2} {
		if b, ok := sent[i].(*jt808.Batch); !ok || b.Kind != 1 || len(b.Reports) != want {
			t.Errorf("frame %d is %+v, want a batch of %d", i, sent[i], want)
		}
	}
	if sent[2].Type() != "location" {
		t.Errorf("the last is %v", sent[2])
	}
}

// A report of which one part cannot be said leaves nothing behind.
func TestSimulatorReportIsWhole(t *testing.T) {
	k := start(t, terminal)
	for name, body := range map[string]em.Body{
		"check-in":      &em.CheckIn{Method: "pin"},
		"no body":       nil,
		"a second code": &em.Tamper{What: em.TamperRemoval, Code: "alarm bit 3"},
		"supply":        &em.Power{External: em.Some(true)},
		"level":         &em.Power{Level: em.Some(1.5)},
		"other alarm":   &em.Alarm{What: em.AlarmOther},
	} {
		err := k.sim.Report(fixAt(now, false), em.Observation{DeviceAt: now, Body: body})
		if !errors.Is(err, protocol.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.sim.Report(fixAt(now.AddDate(80, 0, 0), false)); !errors.Is(err, protocol.ErrUnsupported) {
		t.Errorf("a time after 2099: %v", err)
	}
	if sent := k.logIn(); len(sent) != 0 {
		t.Fatalf("sent %v", sent)
	}
}

func TestSimulatorCommand(t *testing.T) {
	k := start(t, "00000000990000000017")
	if r := k.wake(now)[0].(*jt808.Register); r.Edition != 2019 || !r.Version.OK {
		t.Errorf("with a number of 20 digits the registration is %+v", r)
	}
	sent := k.answer(&jt808.Control{Header: jt808.Header{Code: 0x8105, ID: terminal, Serial: 42}, Command: 4})
	if r, ok := sent[0].(*jt808.Reply); len(sent) != 1 || !ok || r.Answered != 42 || r.AnsweredCode != 0x8105 || r.Header.Code != 1 {
		t.Fatalf("sent %+v", sent)
	}
}
