package sanav

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/nmea"
)

var now = time.Date(2026, 3, 14, 9, 27, 0, 0, time.UTC)

// Every bit of the sentence is under its check code, but for the code's own
// letter case, which ParseCheck refuses.
func TestBitErrors(t *testing.T) {
	line := "990000000000017,$GNRMC,092653.00,A,5441.23200,N,02516.78200,E,0.054,,140326,,,A*6C,AUTO,I0251,,,,17,M16,3782mV,45,2.40,246,1,0D7A,B913,36"
	from, to := strings.Index(line, "GNRMC"), strings.Index(line, ",AUTO")
	if _, err := (Codec{}).Decode([]byte(line)); err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		for bit := range 8 {
			b := []byte(line)
			b[i] ^= 1 << bit
			m, err := Codec{}.Decode(b)
			if _, raw := m.(*protocol.Raw); err == nil && !raw {
				t.Errorf("bit %d of byte %d wrong gives %+v", bit, i, m)
			}
		}
	}
}

func TestRelaxed(t *testing.T) {
	for _, check := range []string{"*00", ""} {
		line := "imei=990000000000017&rmc=$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,0.54,159.14,140326,,,A" + check + ",AUTO"
		m, err := Codec{RelaxedChecksum: true}.Decode([]byte(line))
		if l, ok := m.(*Legacy); err != nil || !ok || !l.BadCheck || l.Fields[0] != "AUTO" {
			t.Errorf("%q: %+v, %v", check, m, err)
		}
	}
}

// Two reports without a line end are two frames.
func TestReportsWithoutLineEnd(t *testing.T) {
	legacy := "imei=990000000000017&rmc=$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,0.54,159.14,140326,,,A*64,AUTO"
	report := "990000000000017,$GNRMC,092653.00,A,5441.23200,N,02516.78200,E,0.054,,140326,,,A*6C,AUTO,I0251,,,,17,M16,3782mV,45,2.40,246,1,0D7A,B913,36"
	d := protocol.NewDecoder(strings.NewReader(legacy+legacy+report+report+legacy+"\n"), Device())
	for i, want := range []string{"legacy report", "legacy report", "report", "report", "legacy report"} {
		f, err := d.Next()
		if err != nil || f.Message.Type() != want {
			t.Errorf("frame %d: %v, %v; want a %s", i, f.Message, err, want)
		}
	}
}

// The texts are those of the public description.
func TestCommands(t *testing.T) {
	text := func(c *Command, err error) string {
		t.Helper()
		if err != nil {
			return err.Error()
		}
		s, err := c.ShortMessage()
		if err != nil {
			t.Error(err)
		}
		return s
	}
	var factory Account
	own := Account{"unit17", "4711"}
	for _, c := range []struct{ got, want string }{
		{text(factory.StrapDetection(true, time.Minute)), "#username,0000,fbr,1,60*"},
		{text(factory.StrapDetection(true, 15*time.Second)), "#username,0000,fbr,1,15*"},
		{text(factory.StrapDetection(true, 65000*time.Second)), "#username,0000,fbr,1,65000*"},
		{text(own.StrapDetection(false, 0)), "#unit17,4711,fbr,0*"},
		{text(factory.HomeUnitTamper(true, time.Minute, 3*time.Second)), "#username,0000,tamper,1,60,3*"},
		{text(factory.HomeUnitTamper(false, 0, 0)), "#username,0000,tamper,0*"},
		{text(factory.RelayPeriod("I0251", 999*time.Second)), "#username,0000,rfcmd,I0251,rt,999*"},
		{text(factory.RelayPower("I0251", 8)), "#username,0000,rfcmd,I0251,pw,8*"},
		{text(factory.RelayAlarmOff("I0251")), "#username,0000,rfcmd,I0251,ac*"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	cota, err := TamperSwitch(true, time.Minute, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := (Codec{}).Append(nil, cota); string(b) != "@PCswtamper,1,60,3\r\n" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	for name, err := range map[string]error{
		"interval below":   second(factory.StrapDetection(true, 14*time.Second)),
		"interval above":   second(factory.StrapDetection(true, 65001*time.Second)),
		"part of a second": second(factory.StrapDetection(true, 15*time.Second+1)),
		"delay below":      second(factory.HomeUnitTamper(true, time.Minute, -time.Second)),
		"no interval":      second(factory.HomeUnitTamper(true, 0, 0)),
		"period above":     second(factory.RelayPeriod("I0251", 1000*time.Second)),
		"power 0":          second(factory.RelayPower("I0251", 0)),
		"power 9":          second(factory.RelayPower("I0251", 9)),
		"bracelet":         second(factory.RelayAlarmOff("0251")),
		"bracelet letters": second(factory.RelayAlarmOff("I02x1")),
		"user name":        second(Account{Username: "a,b"}.RelayAlarmOff("I0251")),
		"password":         second(Account{Password: "1*"}.RelayAlarmOff("I0251")),
	} {
		if !errors.Is(err, protocol.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAppendRejects(t *testing.T) {
	rmc := nmea.RMC{Talker: "GP", Status: 'A', Time: now}
	for name, m := range map[string]protocol.Message{
		"status":                &Report{IMEI: "990000000000017", RMC: nmea.RMC{Talker: "GP"}},
		"talker":                &Report{IMEI: "990000000000017", RMC: nmea.RMC{Talker: "BD", Status: 'A'}},
		"year":                  &Report{IMEI: "990000000000017", RMC: nmea.RMC{Talker: "GP", Status: 'A', Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"no IMEI":               &Report{RMC: rmc},
		"comma in an event":     &Report{IMEI: "990000000000017", RMC: rmc, Event: "A,B"},
		"line end in a field":   &Legacy{IMEI: "990000000000017", RMC: rmc, Fields: []string{"A\r\n"}},
		"report in a field":     &Legacy{IMEI: "990000000000017", RMC: rmc, Fields: []string{"imei=1&rmc=$GPRMC"}},
		"identity":              &Legacy{IMEI: "99 17", RMC: rmc},
		"star in the mode":      &Legacy{IMEI: "990000000000017", RMC: nmea.RMC{Talker: "GP", Status: 'A', HasMode: true, Mode: "*00"}},
		"path":                  &Legacy{IMEI: "990000000000017", RMC: rmc, Path: "/a b"},
		"path of no path":       &Legacy{IMEI: "990000000000017", RMC: rmc, Path: "gps"},
		"reply of nothing":      &Reply{Text: "hello"},
		"reply like a command":  &Reply{Text: "#setup OK*"},
		"command without words": &Command{Function: "fbr"},
		"argument":              &Command{Username: "u", Password: "p", Function: "fbr", Args: []string{"1*"}},
		"COTA":                  &COTA{Function: "sw tamper"},
		"too long":              &Legacy{IMEI: "990000000000017", RMC: rmc, Fields: []string{strings.Repeat("A", maxFrame)}},
		"raw":                   &protocol.Raw{Code: "GGA"},
	} {
		if b, err := (Codec{}).Append([]byte("x"), m); !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A loss is told once, and never because of a late report.
func TestBraceletLoss(t *testing.T) {
	s := Device().NewSession()
	report := func(bracelet string, minute int) string {
		t.Helper()
		var out protocol.Output
		m := &Report{IMEI: "990000000000017", RMC: nmea.RMC{Status: 'V', Time: now.Add(time.Duration(minute) * time.Minute)}, Bracelet: bracelet}
		if err := s.Handle(now, m, &out); err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Observations {
			if b, ok := o.Body.(*em.Beacon); ok {
				return fmt.Sprint(b.Beacon, b.Lost)
			}
		}
		return ""
	}
	for i, c := range []struct {
		bracelet string
		minute   int
		want     string
	}{
		{"", 0, ""}, {"I0251", 1, "I0251false"}, {"I0251", 3, "I0251false"}, {"", 2, ""}, {"", 3, ""}, {"", 4, "I0251true"},
		{"", 5, ""}, {"I0251", 3, "I0251false"}, {"", 6, ""}, {"I0252", 7, "I0252false"}, {"", 8, "I0252true"},
	} {
		if got := report(c.bracelet, c.minute); got != c.want {
			t.Errorf("step %d: %q, want %q", i, got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	for prefix, want := range map[string]protocol.Match{
		"":                                 protocol.Maybe,
		"imei=1":                           protocol.Yes,
		"\r\nimei:1":                       protocol.Yes,
		"990000000000017,$G":               protocol.Yes,
		"990000000000017,":                 protocol.Maybe,
		"GET /x?imei=":                     protocol.Yes,
		"GET /x":                           protocol.Maybe,
		"GET /x HTTP/1.1\r\n":              protocol.No,
		"username setup OK.\r\n":           protocol.Maybe,
		"SSH-2.0-Scanner\r\n":              protocol.No,
		"\x79\x79\x00":                     protocol.Maybe,
		"\xfa\xaf":                         protocol.No,
		strings.Repeat("9", maxFrame+1):    protocol.No,
		"$GPRMC,092653.00,A,5441.2294,N\n": protocol.No,
	} {
		if got := match([]byte(prefix)); got != want {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
}

// sent returns the events of the reports that the simulator sends.
func sent(t *testing.T, out *protocol.Output, err error) (events []string) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	for _, m := range out.Send {
		switch m := m.(type) {
		case *Report:
			events = append(events, m.Event)
		case *Reply:
			events = append(events, m.Text)
		}
	}
	out.Reset()
	return events
}

// The strap alarm goes on until a command ends it.
func TestSimulatorObeys(t *testing.T) {
	sim, err := Device().Simulator("990000000000017", 7)
	if err != nil {
		t.Fatal(err)
	}
	var out protocol.Output
	if got := sent(t, &out, sim.Wake(now, &out)); got != nil || !sim.Deadline().IsZero() {
		t.Errorf("at first it sends %q, then waits until %v", got, sim.Deadline())
	}
	if err := sim.Report(em.Observation{DeviceAt: now, Body: &em.Tamper{What: em.TamperStrap}}); err != nil || !sim.Deadline().Before(now) {
		t.Errorf("%v, it waits until %v", err, sim.Deadline())
	}
	if got := sent(t, &out, sim.Wake(now, &out)); !slices.Equal(got, []string{"ST"}) {
		t.Errorf("it sends %q", got)
	}
	at := now
	for range 3 {
		if at = at.Add(time.Minute); !sim.Deadline().Equal(at) {
			t.Errorf("it waits until %v, want %v", sim.Deadline(), at)
		}
		if got := sent(t, &out, sim.Wake(at, &out)); !slices.Equal(got, []string{"ST"}) {
			t.Errorf("again it sends %q", got)
		}
	}
	command := func(c *Command, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(sent(t, &out, sim.Handle(at, c, &out)), "|")
	}
	if got := command(Account{Password: "1"}.RelayAlarmOff("I0251")); got != "username command error" || sim.Deadline().IsZero() {
		t.Errorf("with a wrong password it answers %q", got)
	}
	if got := command(Account{}.StrapDetection(true, 15*time.Second)); got != "username setup OK." {
		t.Errorf("it answers %q", got)
	}
	if got := command(Account{}.RelayAlarmOff("I0251")); got != "username setup OK." || !sim.Deadline().IsZero() {
		t.Errorf("it answers %q, then waits until %v", got, sim.Deadline())
	}
	if got := command(&Command{DefaultUsername, DefaultPassword, "fbr", []string{"7"}}, nil); got != "username setup Fail. System Time Out." {
		t.Errorf("it answers %q", got)
	}
	if got := command(Account{}.StrapDetection(false, 0)); got != "username setup OK." {
		t.Errorf("it answers %q", got)
	}
	if err := sim.Report(em.Observation{DeviceAt: now, Body: &em.Tamper{What: em.TamperStrap}}); !errors.Is(err, protocol.ErrUnsupported) {
		t.Errorf("without detection: %v", err)
	}
	if err := sim.Report(em.Observation{DeviceAt: now, Body: &em.Beacon{Beacon: "I0251", Radio: "rf", Lost: true}}); !errors.Is(err, protocol.ErrUnsupported) {
		t.Errorf("a loss of what it does not hear: %v", err)
	}
}

// TestExternal says what becomes of each real frame, and holds the observations
// to what the frames' source asserts.
func TestExternal(t *testing.T) {
	strict := codectest.Count(t, Device(), "sanav-ot.jsonl")
	relaxed := codectest.Count(t, Device().Relax(), "sanav-ot.jsonl")
	// Two sentences had their identity, and with it a part of the position, edited.
	if want := "7 vectors, 7 frames: 5 messages, 0 unsupported, 2 wrong checksum"; strict.String() != want {
		t.Errorf("strict %v, want %s", strict, want)
	}
	if want := "7 vectors, 7 frames: 7 messages, 0 unsupported"; relaxed.String() != want {
		t.Errorf("relaxed %v, want %s", relaxed, want)
	}
	var bad []int
	for i, v := range codectest.External(t, "sanav-ot.jsonl") {
		m, err := Codec{RelaxedChecksum: true}.Decode([]byte(v.Text))
		if err != nil {
			t.Errorf("line %d: %v", i+1, err)
			continue
		}
		if l, ok := m.(*Legacy); ok && l.BadCheck {
			bad = append(bad, i+1)
		}
		var out protocol.Output
		if err := Device().NewSession().Handle(now, m, &out); err != nil {
			t.Errorf("line %d: %v", i+1, err)
			continue
		}
		var e struct {
			Assert     string
			Time       string
			Valid      *bool
			Lat, Lon   *float64
			Attributes map[string]string
		}
		if err := json.Unmarshal(v.Expect, &e); err != nil {
			t.Fatal(err)
		}
		f := out.Observations[0].Body.(*em.Fix)
		if v.Kind != "position" || !f.Valid() || f.Lat == 0 || out.Observations[0].DeviceAt.Year() < 2011 {
			t.Errorf("line %d: %+v at %v", i+1, f, out.Observations[0].DeviceAt)
		}
		if e.Lat != nil && (math.Abs(*e.Lat-f.Lat) > 1e-5 || math.Abs(*e.Lon-f.Lng) > 1e-5 || *e.Valid != (f.Validity == em.FixCurrent) ||
			out.Observations[0].DeviceAt.Format("2006-01-02 15:04:05.000") != e.Time) {
			t.Errorf("line %d: %+v at %v, expected %s", i+1, f, out.Observations[0].DeviceAt, v.Expect)
		}
		for name, want := range e.Attributes {
			if r, ok := m.(*Report); !ok || name != "event" || r.Event != want {
				t.Errorf("line %d: %s of %+v, expected %s", i+1, name, m, want)
			}
		}
		var volts em.Opt[float64]
		for _, o := range out.Observations {
			if p, ok := o.Body.(*em.Power); ok {
				volts = p.Volts
			}
		}
		if want := []float64{0, 3.872, 4.095, 4.103, 3.95, 0, 3.782}[i]; volts.V != want {
			t.Errorf("line %d: %v V, want %v", i+1, volts.V, want)
		}
	}
	if want := []int{1, 2}; !slices.Equal(bad, want) {
		t.Errorf("wrong check codes in lines %v, want %v", bad, want)
	}
}

// The example of the manual's report format: the position as the public
// description gives it, the rest read a second time, here.
func TestManualExample(t *testing.T) {
	vs := codectest.External(t, "sanav-ot.jsonl")
	text := vs[len(vs)-1].Text
	m, err := Codec{}.Decode([]byte(text))
	r, ok := m.(*Report)
	if err != nil || !ok {
		t.Fatalf("%+v, %v", m, err)
	}
	if math.Abs(r.RMC.Lat.Deg()-24.963470) > 5e-7 || math.Abs(r.RMC.Lng.Deg()-121.425650) > 5e-7 {
		t.Errorf("at %v, %v", r.RMC.Lat.Deg(), r.RMC.Lng.Deg())
	}
	_, tail, _ := strings.Cut(text, "*")
	f := strings.Split(tail, ",")
	cell, ok := r.Cell()
	got := []string{r.Event, r.Bracelet, "", "", "", fmt.Sprint(r.Counter.V), fmt.Sprintf("M%d", r.CSQ.V), fmt.Sprintf("%dmV", r.Millivolts.V),
		r.Sensitivity.V.String(), r.HDOP.V.String(), fmt.Sprint(cell.MCC), fmt.Sprint(cell.MNC), fmt.Sprintf("%X", cell.LAC), fmt.Sprintf("%X", cell.CID), fmt.Sprint(r.Level.V)}
	if got = append(got, strings.Split(r.Neighbours, ",")[1:]...); !ok || !slices.Equal(got, f[1:]) {
		t.Errorf("%q, want %q", got, f[1:])
	}
}
