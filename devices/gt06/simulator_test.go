package gt06_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol"
)

func simulator(t *testing.T) protocol.Simulator {
	t.Helper()
	sim, err := gt06.Device().Simulator(imei, 1)
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

// wake returns the types and serials that the device sends.
func wake(t *testing.T, sim protocol.Simulator, at time.Time) (sent []protocol.Message) {
	t.Helper()
	var out protocol.Output
	if err := sim.Wake(at, &out); err != nil {
		t.Fatal(err)
	}
	return out.Send
}

func ack(t *testing.T, sim protocol.Simulator, at time.Time, code byte, serial uint16) []protocol.Message {
	t.Helper()
	var out protocol.Output
	if err := sim.Handle(at, &gt06.Ack{Header: gt06.Header{Code: code, Serial: serial}}, &out); err != nil {
		t.Fatal(err)
	}
	return out.Send
}

func fixAt(at time.Time, stored bool) em.Observation {
	return em.Observation{DeviceAt: at, Stored: stored, Body: &em.Fix{
		LatLng: em.LatLng{Lat: 54.687157, Lng: 25.279652}, Validity: em.FixCurrent, Source: em.SourceGNSS,
	}}
}

func TestSimulatorRepeats(t *testing.T) {
	sim := simulator(t)
	at := now
	if err := sim.Report(fixAt(at, true)); err != nil {
		t.Fatal(err)
	}
	sent := wake(t, sim, at)
	if len(sent) != 1 || sent[0].Type() != "login" {
		t.Fatalf("the first words are %v, want a login alone", sent)
	}
	// Nobody answers: the same login comes again, and nothing else.
	at = sim.Deadline()
	if got := at.Sub(now); got != 10*time.Second {
		t.Fatalf("the deadline is %v away, want 10s", got)
	}
	if sent = wake(t, sim, at); len(sent) != 1 || sent[0].(*gt06.Login).Serial != 1 {
		t.Fatalf("repeated %v", sent)
	}
	at = sim.Deadline()
	if sent = wake(t, sim, at); at.Sub(now) != 20*time.Second || len(sent) != 1 {
		t.Fatalf("repeated %v after %v", sent, at.Sub(now))
	}
	// An answer to another frame changes nothing; the right one lets the report out.
	if sent = ack(t, sim, at, 1, 9); len(sent) != 0 {
		t.Fatalf("sent %v after a wrong answer", sent)
	}
	sent = ack(t, sim, at, 1, 1)
	p, ok := sent[0].(*gt06.Position)
	if len(sent) != 1 || !ok || p.Code != 0x22 || p.Serial != 2 || p.Upload.V.Again != 1 {
		t.Fatalf("sent %+v, want a position from memory", sent)
	}
	at = at.Add(10 * time.Second)
	if sent = wake(t, sim, at); len(sent) != 1 || sent[0].(*gt06.Position).Serial != 2 {
		t.Fatalf("repeated %v", sent)
	}
	if ack(t, sim, at, 0x22, 2); sim.Deadline() != now.Add(20*time.Second+3*time.Minute) {
		t.Fatalf("the next deadline is %v, want the heartbeat", sim.Deadline())
	}
	if sent = wake(t, sim, sim.Deadline()); len(sent) != 1 || sent[0].Type() != "status" {
		t.Fatalf("sent %v, want a heartbeat", sent)
	}
}

// However much is reported at once, few frames are on their way, and all come.
func TestSimulatorWindow(t *testing.T) {
	sim := simulator(t)
	wake(t, sim, now)
	for i := range 100 {
		if err := sim.Report(fixAt(now.Add(-time.Duration(i)*time.Minute), true)); err != nil {
			t.Fatal(err)
		}
	}
	queue := ack(t, sim, now, 1, 1)
	if len(queue) != 16 {
		t.Fatalf("%d frames at once, want 16", len(queue))
	}
	serial := uint16(1)
	for len(queue) > 0 {
		serial++
		if h := queue[0].(*gt06.Position).Header; h.Serial != serial {
			t.Fatalf("serial %d, want %d", h.Serial, serial)
		}
		queue = append(queue[1:], ack(t, sim, now, 0x22, serial)...)
	}
	if serial != 101 {
		t.Fatalf("the last serial is %d, want 101", serial)
	}
}

func TestSimulatorReport(t *testing.T) {
	at := em.Observation{DeviceAt: now}
	for _, tt := range []struct {
		name string
		body em.Body
		code byte // of the alarm; 0 where it is none of the dialect's
	}{
		{"removal", &em.Tamper{What: em.TamperRemoval}, 0x13},
		{"removal of a code", &em.Tamper{What: em.TamperRemoval, Code: "0x18"}, 0x18},
		{"tamper", &em.Tamper{What: em.TamperOther}, 0x0C},
		{"jamming", &em.Tamper{What: em.TamperJamming}, 0x30},
		{"SOS", &em.Alarm{What: em.AlarmSOS}, 0x01},
		{"driving is unknown to the table", &em.Alarm{What: em.AlarmOther, Code: "0x26"}, 0},
		{"door", &em.Alarm{What: em.AlarmOther, Code: "0x14"}, 0x14},
		{"low battery", &em.Power{Event: em.PowerLow}, 0x0E},
		{"power cut", &em.Power{Event: em.PowerCut}, 0x02},
		{"strap", &em.Tamper{What: em.TamperStrap}, 0},
		{"removal undone", &em.Tamper{What: em.TamperRemoval, Cleared: true}, 0},
		{"restored", &em.Power{Event: em.PowerRestored}, 0},
		{"login", &em.Comms{Event: em.CommsLogin}, 0},
		{"beacon", &em.Beacon{Beacon: "1", Radio: "ble"}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := simulator(t)
			wake(t, sim, now)
			at.Body = tt.body
			err := sim.Report(at)
			if tt.code == 0 {
				if !errors.Is(err, protocol.ErrUnsupported) {
					t.Fatalf("error %v, want ErrUnsupported", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sent := ack(t, sim, now, 1, 1)
			if p, ok := sent[0].(*gt06.Position); len(sent) != 1 || !ok || p.Code != 0x26 || p.State.V.Alarm != tt.code || p.GPS.Fixed() {
				t.Fatalf("sent %+v", sent)
			}
		})
	}
}

// A report of which one part cannot be said leaves nothing behind.
func TestSimulatorReportIsWhole(t *testing.T) {
	sim := simulator(t)
	wake(t, sim, now)
	err := sim.Report(fixAt(now, false), em.Observation{DeviceAt: now, Body: &em.CheckIn{Method: "pin"}})
	if !errors.Is(err, protocol.ErrUnsupported) {
		t.Fatalf("error %v", err)
	}
	if sent := ack(t, sim, now, 1, 1); len(sent) != 0 {
		t.Fatalf("sent %v", sent)
	}
}

func TestSimulatorCommand(t *testing.T) {
	sim := simulator(t)
	wake(t, sim, now)
	ack(t, sim, now, 1, 1)
	var out protocol.Output
	if err := sim.Handle(now, gt06.NewCommand(1, 42, "STATUS#"), &out); err != nil {
		t.Fatal(err)
	}
	if r, ok := out.Send[0].(*gt06.Reply); len(out.Send) != 1 || !ok || r.Flag != 42 {
		t.Fatalf("sent %+v, want a reply with the flag 42", out.Send)
	}
}
