package laipac

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

var now = time.Date(2026, 3, 14, 9, 27, 0, 0, time.UTC)

// decode reads one sentence without its line end.
func decode(t *testing.T, c Codec, sentence string) protocol.Message {
	t.Helper()
	m, err := c.Decode([]byte(sentence))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// replies returns what the session sends for a message, as text.
func replies(t *testing.T, s protocol.Session, m protocol.Message) []string {
	t.Helper()
	var out protocol.Output
	if err := s.Handle(now, m, &out); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range out.Send {
		b, err := Codec{}.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// The replies' check codes were computed with a python snippet.
func TestReplies(t *testing.T) {
	const (
		tail    = ",5441.2320,N,02516.7820,E,1.21,40.90,140326,"
		release = "$AVCFG,00000000,t*21\r\n"
	)
	quiet, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	releasing, err := New(Config{Release: true})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := New(Config{Release: true, Password: "17a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, sentence string
		device         protocol.Device
		want           []string
	}{
		{"upper case wants no ack", "$AVRMC,99000017,092653,A" + tail + "0,3987,12,1,0,0*0C", quiet, nil},
		{"lower case wants an ack", "$AVRMC,99000017,092653,p" + tail + "3,3987,12,1,0,0*3E", quiet, []string{"$EAVACK,3,3E*5E\r\n"}},
		{"ack and release", "$AVRMC,99000017,092653,p" + tail + "3,3987,12,1,0,0*3E", releasing, []string{"$EAVACK,3,3E*5E\r\n", "$AVCFG,00000000,d*31\r\n"}},
		{"release in upper case too", "$AVRMC,99000017,092653,A" + tail + "S,3987,12,1,0,0*6F", releasing, []string{release}},
		{"with the password", "$AVRMC,99000017,092653,A" + tail + "S,3987,12,1,0,0*6F", secret, []string{"$AVCFG,17a,t*46\r\n"}},
		{"nothing to release", "$AVRMC,99000017,092653,A" + tail + "8,3987,12,1,0,0*04", releasing, nil},
		{"keep-alive comes back as it was", "$ECHK,99000017,7*34", quiet, []string{"$ECHK,99000017,7*34\r\n"}},
		{"keep-alive of other fields", "$ECHK,99000017,007,x,*4C", quiet, []string{"$ECHK,99000017,007,x,*4C\r\n"}},
		{"system wants none", "$AVSYS,99000017,V1.50,SN9900017,32768*17", releasing, nil},
		{"unknown sentence wants none", "$AVXYZ,99000017,5*7F", releasing, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := replies(t, c.device.NewSession(), decode(t, Codec{}, c.sentence))
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("sent %q, want %q", got, c.want)
			}
		})
	}
	// The code that came is what counts, though it is wrong.
	relaxed := Codec{RelaxedChecksum: true}
	if got := replies(t, quiet.NewSession(), decode(t, relaxed, "$ECHK,99000017,7*00")); fmt.Sprint(got) != "[$ECHK,99000017,7*00\r\n]" {
		t.Errorf("sent %q", got)
	}
	if got := replies(t, quiet.NewSession(), decode(t, relaxed, "$AVRMC,99000017,092653,a"+tail+"0,3987,12,1,0,0*78")); fmt.Sprint(got) != "[$EAVACK,0,78*24\r\n]" {
		t.Errorf("sent %q", got)
	}
}

func TestReleaseCodes(t *testing.T) {
	for event, want := range map[string]string{"3": "d", "M": "m", "S": "t", "T": "t", "X": "x", "4": "x", "Y": "y", "Z": "z", "7": "", "8": "", "0": "", "": ""} {
		if got := ReleaseCode(event); got != want {
			t.Errorf("event %q: release %q, want %q", event, got, want)
		}
	}
}

func TestNew(t *testing.T) {
	for _, password := range []string{"a,b", "a*b", "a b", "ž", "1\r\n", strings.Repeat("1", 33)} {
		if _, err := New(Config{Password: password}); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("password %q: %v", password, err)
		}
	}
	if d := Device(); d.Name != "laipac" || d.Codec == nil {
		t.Errorf("%+v", d)
	}
}

func TestCell(t *testing.T) {
	for _, c := range []struct {
		cell, network string
		want          em.Cell
		ok            bool
	}{
		{"0D7AB913", "024601", em.Cell{MCC: 246, MNC: 1, LAC: 0x0D7A, CID: 0xB913}, true},
		{"53170583", "310260", em.Cell{MCC: 310, MNC: 260, LAC: 0x5317, CID: 0x0583}, true},
		{"0", "024601", em.Cell{}, false},
		{"0D7AB913", "0", em.Cell{}, false},
		{"", "", em.Cell{}, false},
		{"0D7AB91G", "024601", em.Cell{}, false},
		{"0D7AB913", "02460x", em.Cell{}, false},
		{"0D7AB913", "000000", em.Cell{}, false},
		{"+D7AB913", "024601", em.Cell{}, false},
	} {
		r := Report{CellID: c.cell, Network: c.network}
		if got, ok := r.Cell(); got.MCC != c.want.MCC || got.MNC != c.want.MNC || got.LAC != c.want.LAC || got.CID != c.want.CID || ok != c.ok {
			t.Errorf("%s %s: %+v, %t; want %+v", c.cell, c.network, got, ok, c.want)
		}
	}
}

func TestAppendRejects(t *testing.T) {
	for _, m := range []protocol.Message{
		&Release{Password: "1,2", Code: "t"},
		&Ack{Event: "3\r\n$", Check: "00"},
		&KeepAlive{Unit: "99000017", Check: "7d"},
		&Report{Unit: "99000017", Status: 'X'},
		&Report{Unit: "99000017", Status: 'A', Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)},
		&System{Unit: "99000017", Serial: strings.Repeat("9", maxFrame)},
		&protocol.Raw{},
		&protocol.Raw{Code: "A,B"},
		&protocol.Raw{Code: "AVXYZ", Data: []byte("*")},
	} {
		if b, err := (Codec{}).Append([]byte("x"), m); !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%T %+v: %q, %v", m, m, b, err)
		}
	}
}

// A report stays until its own ack, and is sent again in the meantime.
func TestSimulatorRepeats(t *testing.T) {
	sim, err := Device().Simulator("99000017", 7)
	if err != nil {
		t.Fatal(err)
	}
	fix := &em.Fix{LatLng: em.LatLng{Lat: 54.6872, Lng: 25.2797}, Validity: em.FixCurrent, Source: em.SourceGNSS}
	if err := sim.Report(em.Observation{DeviceAt: now, Body: fix}, em.Observation{DeviceAt: now.Add(time.Second), Body: &em.Tamper{What: em.TamperStrap}}); err != nil {
		t.Fatal(err)
	}
	at := now
	step := func(m protocol.Message) []protocol.Message {
		t.Helper()
		return codectest.Step(t, sim, at, m).Send
	}
	if !sim.Deadline().Before(now) {
		t.Errorf("with something to say it waits until %v", sim.Deadline())
	}
	first := step(nil)
	if len(first) != 2 || first[0].Type() != "AVSYS" || first[1].Type() != "AVRMC" {
		t.Fatalf("at first it sends %v", first)
	}
	r := first[1].(*Report)
	b, _ := Codec{}.Append(nil, r)
	check := string(b[len(b)-4 : len(b)-2])
	for _, wrong := range []protocol.Message{&Ack{"0", "zz"}, &Ack{"3", check}, &Release{DefaultPassword, "t"}} {
		if sent := step(wrong); sent != nil {
			t.Errorf("after %+v it sends %v", wrong, sent)
		}
	}
	for range 3 {
		if d := sim.Deadline().Sub(at); d < patience || d > patience+patience/10 {
			t.Errorf("it waits %v", d)
		}
		at = sim.Deadline()
		if sent := step(nil); len(sent) != 1 || sent[0] != protocol.Message(r) {
			t.Errorf("again it sends %v", sent)
		}
	}
	next := step(&Ack{"0", check})
	if len(next) != 1 || next[0].(*Report).Event != "T" || next[0].(*Report).Status != 'r' {
		t.Fatalf("then it sends %+v", next)
	}
	b, _ = Codec{}.Append(nil, next[0])
	if sent := step(&Ack{"T", string(b[len(b)-4 : len(b)-2])}); sent != nil {
		t.Errorf("with nothing to say it sends %v", sent)
	}
	at = sim.Deadline()
	if sent := step(nil); len(sent) != 1 || sent[0].Type() != "ECHK" || !sim.Deadline().Equal(at.Add(heartbeat)) {
		t.Errorf("idle it sends %v until %v", sent, sim.Deadline())
	}
	if err := sim.Report(em.Observation{DeviceAt: at, Body: &em.Alarm{What: em.AlarmSOS}}); err != nil || !sim.Deadline().Before(at) {
		t.Errorf("with something to say again it waits until %v, %v", sim.Deadline(), err)
	}
	sos := step(nil)
	b, _ = Codec{}.Append(nil, sos[0])
	step(&Ack{"3", string(b[len(b)-4 : len(b)-2])})
	// Commands need the password.
	if sent := step(&PositionRequest{"1", "1"}); sent != nil {
		t.Errorf("without the password it sends %v", sent)
	}
	if sent := step(&PositionRequest{DefaultPassword, "1"}); len(sent) != 1 || sent[0].Type() != "AVRMC" {
		t.Errorf("asked for a position it sends %v", sent)
	}
	if sent := step(&Restart{"99000018", DefaultPassword}); sent != nil {
		t.Errorf("another unit's restart makes it send %v", sent)
	}
	if sent := step(&Restart{"99000017", DefaultPassword}); len(sent) != 2 || sent[0].Type() != "AVSYS" {
		t.Errorf("restarted it sends %v", sent)
	}
}

// TestExternal checks every real frame: its message, and all that can be said of
// its observations by reading the text a second time, here.
func TestExternal(t *testing.T) {
	strict := codectest.Count(t, Device(), "laipac.jsonl")
	relaxed := codectest.Count(t, Device().Relax(), "laipac.jsonl")
	const want = "23 vectors, 23 frames: 23 messages, 0 unsupported"
	if strict.String() != want || relaxed.String() != want {
		t.Errorf("strict %v, relaxed %v, want %s of each", strict, relaxed, want)
	}
	types := map[string]int{}
	cells := map[uint16]int{}
	for _, v := range codectest.External(t, "laipac.jsonl") {
		m := decode(t, Codec{}, v.Text)
		types[m.Type()]++
		var out protocol.Output
		if err := Device().NewSession().Handle(now, m, &out); err != nil {
			t.Errorf("%s: %v", v.Text, err)
			continue
		}
		var fixes []*em.Fix
		for _, o := range out.Observations {
			switch b := o.Body.(type) {
			case *em.Fix:
				fixes = append(fixes, b)
			case *em.Comms:
				for _, c := range b.Cells {
					cells[c.MCC]++
				}
			}
		}
		if v.Kind != "position" {
			if len(fixes) > 0 || m.Type() == "AVRMC" {
				t.Errorf("%s: a position in %s", v.Text, v.Kind)
			}
			continue
		}
		f := strings.FieldsFunc(v.Text, func(r rune) bool { return r == ',' || r == '*' })
		degrees := func(dm, hemi string) float64 {
			var whole, frac int
			fmt.Sscanf(dm, "%d.%d", &whole, &frac)
			d := float64(whole/100) + (float64(whole%100)+float64(frac)/1e4)/60
			if hemi == "S" || hemi == "W" {
				return -d
			}
			return d
		}
		at, err := time.Parse("020106 150405", f[10]+" "+f[2])
		if err != nil {
			t.Fatal(err)
		}
		validity := map[string]em.FixValidity{"A": em.FixCurrent, "R": em.FixLastKnown, "P": em.FixLastKnown, "V": em.FixInvalid}[strings.ToUpper(f[3])]
		if len(fixes) != 1 || fixes[0].Validity != validity || math.Abs(fixes[0].Lat-degrees(f[4], f[5])) > 1e-9 || math.Abs(fixes[0].Lng-degrees(f[6], f[7])) > 1e-9 {
			t.Errorf("%s: %+v", v.Text, fixes)
		}
		if !out.Observations[0].DeviceAt.Equal(at) || string(out.Observations[0].Device) != "laipac:"+f[1] {
			t.Errorf("%s: %v of %s", v.Text, out.Observations[0].DeviceAt, out.Observations[0].Device)
		}
		if acks := len(out.Send); acks > 1 || (acks == 1) != (f[3] == strings.ToLower(f[3])) {
			t.Errorf("%s: %d replies", v.Text, acks)
		}
		if expect := string(v.Expect); strings.Contains(expect, "lat") &&
			(!strings.Contains(expect, fmt.Sprintf(`"lat": %.4f`, fixes[0].Lat)) || !strings.Contains(expect, fmt.Sprintf(`"lon": %.5f`, fixes[0].Lng)) ||
				!strings.Contains(expect, `"valid": true`) || !strings.Contains(expect, at.Format(time.DateTime))) {
			t.Errorf("%s: %+v, expected %s", v.Text, fixes[0], expect)
		}
	}
	// The positions are in Florida, the Netherlands and Belgium.
	if want := map[string]int{"AVRMC": 19, "AVSYS": 2, "EAVSYS": 1, "ECHK": 1}; fmt.Sprint(types) != fmt.Sprint(want) {
		t.Errorf("types %v, want %v", types, want)
	}
	if want := map[uint16]int{204: 5, 206: 3, 310: 1}; fmt.Sprint(cells) != fmt.Sprint(want) {
		t.Errorf("countries %v, want %v", cells, want)
	}
}
