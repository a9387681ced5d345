package eview_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/eview"
	"github.com/sargas-em/em/protocol"
)

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func data(serial uint16, properties uint8) *eview.Packet {
	return &eview.Packet{Serial: serial, Properties: properties, Command: eview.CommandData, Records: []eview.Record{{Key: 1, Value: []byte(imei)}}}
}

func logIn(t *testing.T, s protocol.Session) {
	t.Helper()
	var out protocol.Output
	if err := s.Handle(now, data(1, 0), &out); err != nil {
		t.Fatal(err)
	}
}

// The answers are the source's worked values, or were put together by an
// implementation of the check code in another language.
func TestAnswers(t *testing.T) {
	ask := func(keys ...uint8) *eview.Packet {
		p := &eview.Packet{Serial: 0x1234, Properties: 0x10, Command: eview.CommandServices}
		for _, k := range keys {
			p.Records = append(p.Records, eview.Record{Key: k})
		}
		return p
	}
	other := func(command uint8) *eview.Packet {
		return &eview.Packet{Serial: 0x1234, Properties: 0x10, Command: command}
	}
	const ack = "ab00030008c734127f0100"
	for _, tt := range []struct {
		name string
		in   *eview.Packet
		want string
	}{
		{"data", data(0x1234, 0x10), ack},
		{"data with a bit that is not understood", data(0x1234, 0x18), ack},
		{"data that asks for nothing", data(0x1234, 0x08), ""},
		{"configuration", other(eview.CommandConfiguration), ack},
		{"control", other(eview.CommandControl), ack},
		{"response", other(eview.CommandResponse), ack},
		{"firmware", other(eview.CommandFirmware), ack},
		{"time", ask(0x12), "ab000700ff4e3412030512dd29b569"},
		{"position", ask(0x11), "ab000c0071fc3412030a11000000000000000000"},
		{"both", ask(0x12, 0x11), "ab00120045833412030512dd29b5690a11000000000000000000"},
		{"a service that is unknown", ask(0x55), ack},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := eview.Device().NewSession()
			logIn(t, s)
			var out protocol.Output
			if err := s.Handle(now, tt.in, &out); err != nil {
				t.Fatal(err)
			}
			var sent []string
			for _, m := range out.Send {
				b, err := eview.Codec{}.Append(nil, m)
				if err != nil {
					t.Fatal(err)
				}
				sent = append(sent, hex.EncodeToString(b))
			}
			if got := strings.Join(sent, " "); got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
		})
	}
}

// Before an IMEI only questions are answered, and nothing is acknowledged.
func TestIdentity(t *testing.T) {
	s := eview.Device().NewSession()
	try := func(p *eview.Packet) (int, error) {
		var out protocol.Output
		err := s.Handle(now, p, &out)
		if err != nil && len(out.Observations) > 0 {
			t.Errorf("a refused packet says %v", out.Observations)
		}
		return len(out.Send), err
	}
	named := func(command, key uint8, id string) *eview.Packet {
		return &eview.Packet{Properties: 0x10, Command: command, Records: []eview.Record{{Key: key, Value: []byte(id)}}}
	}
	if n, err := try(&eview.Packet{Properties: 0x10, Command: eview.CommandData}); n != 0 || !errors.Is(err, protocol.ErrNoIdentity) {
		t.Errorf("data of nobody: %d answers, %v", n, err)
	}
	if n, err := try(named(eview.CommandServices, 0x12, "")); n != 1 || err != nil {
		t.Errorf("a question: %d answers, %v", n, err)
	}
	for _, bad := range []string{"", "000000000000000", "99000000000001", "99000000000001x"} {
		if n, err := try(named(eview.CommandData, 1, bad)); n != 0 || !errors.Is(err, protocol.ErrIdentity) || s.Device() != "" {
			t.Errorf("IMEI %q: %d answers, %v", bad, n, err)
		}
	}
	// A configuration has its IMEI under another key.
	if n, err := try(named(eview.CommandConfiguration, 3, imei)); n != 1 || err != nil || s.Device() != "eview:"+imei {
		t.Errorf("a configuration: %d answers, %v, the device is %q", n, err, s.Device())
	}
	if n, err := try(named(eview.CommandData, 1, "990000000000025")); n != 0 || !errors.Is(err, protocol.ErrIdentity) || s.Device() != "eview:"+imei {
		t.Errorf("another IMEI: %d answers, %v", n, err)
	}
}

func TestSeqIsUnwrapped(t *testing.T) {
	s := eview.Device().NewSession()
	for _, step := range []struct {
		serial uint16
		want   uint64
	}{{65_535, 65_535}, {0, 65_536}, {65_535, 65_535}, {1, 65_537}} {
		var out protocol.Output
		if err := s.Handle(now, data(step.serial, 0), &out); err != nil {
			t.Fatal(err)
		}
		if got := out.Observations[0].Seq; got != em.Some(step.want) {
			t.Errorf("serial %d is %v, want %d", step.serial, got, step.want)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	var big []eview.Record
	for range 20 {
		big = append(big, eview.Record{Value: make([]byte, 254)})
	}
	for name, m := range map[string]protocol.Message{
		"an unknown command":       &eview.Packet{Command: 9},
		"encryption":               &eview.Packet{Command: 1, Properties: 0x20},
		"a long record":            &eview.Packet{Command: 1, Records: []eview.Record{{Value: make([]byte, 255)}}},
		"a long body":              &eview.Packet{Command: 1, Records: big},
		"a Raw of a known command": &protocol.Raw{Data: []byte{0xAB, 0, 1, 0, 0x21, 0x10, 0, 0, 1}},
		"a Raw that is no frame":   &protocol.Raw{Data: []byte{1}},
	} {
		b, err := eview.Codec{}.Append([]byte("x"), m)
		if !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// talk is a simulator with what it said last.
type talk struct {
	t   *testing.T
	sim protocol.Simulator
	at  time.Time
	out protocol.Output
}

func start(t *testing.T) *talk {
	t.Helper()
	sim, err := eview.Device().Simulator(imei, 1)
	if err != nil {
		t.Fatal(err)
	}
	return &talk{t: t, sim: sim, at: now}
}

func (k *talk) wake(at time.Time) (sent []*eview.Packet) {
	k.t.Helper()
	k.at = at
	k.out.Reset()
	if err := k.sim.Wake(at, &k.out); err != nil {
		k.t.Fatal(err)
	}
	return k.sent()
}

func (k *talk) answer(m protocol.Message) []*eview.Packet {
	k.t.Helper()
	k.out.Reset()
	if err := k.sim.Handle(k.at, m, &k.out); err != nil {
		k.t.Fatal(err)
	}
	return k.sent()
}

func (k *talk) sent() (sent []*eview.Packet) {
	for _, m := range k.out.Send {
		sent = append(sent, m.(*eview.Packet))
	}
	return sent
}

func fixAt(at time.Time, stored bool) em.Observation {
	return em.Observation{DeviceAt: at, Stored: stored, Body: &em.Fix{
		LatLng: em.LatLng{Lat: 54.687157, Lng: 25.279652}, Validity: em.FixCurrent, Source: em.SourceGNSS,
	}}
}

func TestSimulatorRepeats(t *testing.T) {
	k := start(t)
	if sent := k.wake(now); len(sent) != 1 || sent[0].Serial != 1 || !sent[0].WantsAck() {
		t.Fatalf("the first words are %+v", sent)
	}
	if err := k.sim.Report(fixAt(now, false)); err != nil {
		t.Fatal(err)
	}
	if k.sim.Deadline().After(now) {
		t.Fatalf("with a report the deadline is %v", k.sim.Deadline())
	}
	if sent := k.wake(now.Add(time.Second)); len(sent) != 1 || sent[0].Serial != 2 || len(sent[0].Records) != 3 {
		t.Fatalf("sent %+v, want a position", sent)
	}
	if at := k.sim.Deadline(); !at.Equal(now.Add(10 * time.Second)) {
		t.Fatalf("the deadline is %v", at)
	}
	if sent := k.wake(k.sim.Deadline()); len(sent) != 1 || sent[0].Serial != 1 {
		t.Fatalf("repeated %+v", sent)
	}
	k.answer(eview.Ack(1))
	k.answer(eview.Ack(9)) // of another
	if sent := k.wake(k.sim.Deadline()); len(sent) != 1 || sent[0].Serial != 2 {
		t.Fatalf("repeated %+v", sent)
	}
	k.answer(eview.Ack(2))
	if at := k.sim.Deadline(); !at.Equal(now.Add(5 * time.Minute)) {
		t.Fatalf("the next heartbeat is at %v", at)
	}
}

// Reports from memory go together, and few packets are on their way.
func TestSimulatorBacklog(t *testing.T) {
	k := start(t)
	for i := range 20 {
		if err := k.sim.Report(fixAt(now.Add(-time.Duration(i)*time.Minute), true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.sim.Report(fixAt(now, false)); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	queue := k.wake(now)
	if len(queue) != 4 {
		t.Fatalf("%d packets at once", len(queue))
	}
	for len(queue) > 0 {
		sizes = append(sizes, (len(queue[0].Records)-1)/2)
		queue = append(queue[1:], k.answer(eview.Ack(queue[0].Serial))...)
	}
	if got := fmt.Sprint(sizes); got != "[0 8 8 4 1]" {
		t.Errorf("reports in each packet: %s", got)
	}
}

func TestSimulatorReport(t *testing.T) {
	for name, tt := range map[string]struct {
		body em.Body
		ok   bool
	}{
		"fence":              {&em.Alarm{What: em.AlarmFenceIn}, true},
		"fence of a code":    {&em.Alarm{What: em.AlarmFenceOut, Code: "alarm bit 6"}, true},
		"button":             {&em.Alarm{What: em.AlarmOther, Code: "alarm bit 14"}, true},
		"other":              {&em.Alarm{What: em.AlarmOther}, false},
		"vibration":          {&em.Alarm{What: em.AlarmVibration}, false},
		"strap":              {&em.Tamper{What: em.TamperStrap}, false},
		"beacon":             {&em.Beacon{Beacon: "c0:ff:ee:00:00:17", Radio: "ble"}, true},
		"beacon lost":        {&em.Beacon{Beacon: "c0:ff:ee:00:00:17", Radio: "ble", Lost: true}, false},
		"beacon in capitals": {&em.Beacon{Beacon: "C0:FF:EE:00:00:17", Radio: "ble"}, false},
		"beacon by rf":       {&em.Beacon{Beacon: "c0:ff:ee:00:00:17", Radio: "rf"}, false},
		"supply":             {&em.Power{External: em.Some(true)}, false},
		"cut":                {&em.Power{Event: em.PowerCut}, false},
		"level":              {&em.Power{Level: em.Some(2.0)}, false},
		"accuracy":           {&em.Fix{Validity: em.FixCurrent, LatLng: em.LatLng{Lat: 1}, Accuracy: em.Some(3.0)}, false},
		"nothing":            {nil, false},
	} {
		k := start(t)
		err := k.sim.Report(fixAt(now, false), em.Observation{DeviceAt: now, Body: tt.body})
		if tt.ok != (err == nil) || err != nil && !errors.Is(err, protocol.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if sent := k.wake(now); tt.ok != (len(sent) == 3) || !tt.ok && len(sent) != 1 {
			t.Errorf("%s: sent %d packets", name, len(sent))
		}
	}
}

func TestSimulatorCommands(t *testing.T) {
	k := start(t)
	sent := k.answer(eview.ReadConfiguration(7))
	if len(sent) != 1 || sent[0].Command != eview.CommandConfiguration || sent[0].Serial != 7 || string(sent[0].Records[0].Value) != imei {
		t.Errorf("sent %+v", sent)
	}
	for _, p := range []*eview.Packet{eview.WriteConfiguration(8, eview.Record{Key: 0x44}), eview.UpdateFirmware(8, "https://example.com")} {
		if sent = k.answer(p); len(sent) != 1 || sent[0].Command != eview.CommandResponse || sent[0].Serial != 8 {
			t.Errorf("%s: sent %+v", p.Type(), sent)
		}
	}
}

// A wearer at home calls for help: the home's tag is heard.
func Example() {
	stream, _ := hex.DecodeString("ab102d006bce34120110013939303030303030303030303031370924dd29b5690000a04b0502001000000a2800170000eeffc0b9c5")
	device := eview.Device()
	session := device.NewSession()
	decoder := protocol.NewDecoder(bytes.NewReader(stream), device)
	var out protocol.Output
	for {
		frame, err := decoder.Next()
		if err != nil {
			break // io.EOF
		}
		out.Reset()
		if err := session.Handle(now, frame.Message, &out); err != nil {
			fmt.Println(err)
		}
		for _, o := range out.Observations {
			o = o.Stamp(now)
			switch b := o.Body.(type) {
			case *em.Alarm:
				fmt.Println(o.Device, o.At.Format(time.TimeOnly), b.What)
			case *em.Beacon:
				fmt.Println(o.Device, o.At.Format(time.TimeOnly), "hears", b.Beacon, "at", b.RSSI.V, "dBm")
			}
		}
		for _, m := range out.Send {
			b, _ := device.Codec.Append(nil, m)
			fmt.Printf("answer %x\n", b)
		}
	}
	// Output:
	// eview:990000000000017 09:26:53 sos
	// eview:990000000000017 09:26:53 hears c0:ff:ee:00:00:17 at -71 dBm
	// answer ab00030008c734127f0100
}

func ExampleReadConfiguration() {
	b, err := eview.Codec{}.Append(nil, eview.ReadConfiguration(1))
	fmt.Printf("%x %v\n", b, err)
	// Output: ab0003004eb201000201f0 <nil>
}
