package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/checkin"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"emreplay": main})
}

// The scripts are what an auditor types and must see.
func TestScripts(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: os.Getenv("EM_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("C4B", filepath.Join(wd, "testdata", "c4b"))
			e.Setenv("EXAMPLE", filepath.Join(wd, "testdata", "example"))
			return nil
		},
	})
}

func runArgs(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String()
}

// The worked scenarios: what each night is to come to. Codes are those of the
// UK Ministry of Justice's case software.
func TestWorkedScenarios(t *testing.T) {
	type absence struct {
		code    string
		counted float64
	}
	want := map[string]struct {
		night   string
		absence absence
		total   float64
	}{
		"scenario-01":             {"COMPLIANT", absence{}, 0},
		"scenario-02":             {"WITHIN_GRACE", absence{}, 0},
		"scenario-03":             {"BREACH", absence{"AL09", 19}, 19},
		"scenario-04":             {"BREACH", absence{"AL09", 64}, 64},
		"scenario-05":             {"BREACH", absence{"AL12", 720}, 720},
		"scenario-06":             {"BREACH", absence{"AL10", 77}, 77},
		"scenario-07":             {"BREACH", absence{"AL11", 58}, 58},
		"scenario-08":             {"WITHIN_GRACE", absence{}, 0},
		"scenario-09":             {"UNKNOWN", absence{}, 0},
		"scenario-10a":            {"WITHIN_GRACE", absence{}, 0},
		"scenario-10b":            {"BREACH", absence{"AL09", 20}, 20},
		"scenario-11":             {"BREACH", absence{"AL10", 77}, 0}, // excluded by a decision
		"scenario-12-spring":      {"BREACH", absence{"AL12", 660}, 660},
		"scenario-12-autumn":      {"BREACH", absence{"AL12", 780}, 780},
		"scenario-12-autumn-once": {"BREACH", absence{"AL12", 720}, 720},
	}
	out := runArgs(t, "--orders", "testdata/c4b/orders.json", "--observations", "testdata/c4b/observations.jsonl", "--at", "2026-11-01T00:00:00Z")
	night, absences, total := map[string]string{}, map[string][]absence{}, map[string]float64{}
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var l struct {
			Subject, Summary, Kind, Class, Rule string
			Counted                             *float64
			Facts                               []em.Fact
			Absence                             struct{ Minutes float64 }
		}
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		switch {
		case l.Kind == "curfew.night":
			night[l.Subject] += l.Class
		case l.Kind == "curfew.absence":
			absences[l.Subject] = append(absences[l.Subject], absence{l.Facts[0].Text, *l.Counted})
		case l.Summary != "" && l.Rule == "curfew":
			total[l.Summary] = l.Absence.Minutes
		}
	}
	if len(night) != len(want) {
		t.Errorf("%d nights, want %d", len(night), len(want))
	}
	for who, w := range want {
		got := absences[who]
		if night[who] != w.night || total[who] != w.total || (w.absence == absence{}) != (len(got) == 0) || len(got) > 1 || len(got) == 1 && got[0] != w.absence {
			t.Errorf("%s: night %s, absences %v, total %v, want %+v", who, night[who], got, total[who], w)
		}
	}
}

// Other orders of arrival, repetitions, and another place for the clock end in
// the same bytes.
func TestShuffle(t *testing.T) {
	for _, dir := range []string{"testdata/c4b", "testdata/example"} {
		args := []string{"--orders", dir + "/orders.json", "--observations", dir + "/observations.jsonl", "--at", "2026-11-01T00:00:00Z"}
		want := runArgs(t, args...)
		for seed := range 3 {
			if got := runArgs(t, append(args, "--shuffle", fmt.Sprint(seed))...); got != want {
				t.Errorf("%s: seed %d gives\n%s\nwant\n%s", dir, seed, got, want)
			}
		}
		if got := runArgs(t, append(args, "--unsorted")...); got != want {
			t.Errorf("%s: --unsorted gives something else", dir)
		}
	}
}

// A long history, some of it late, gives the same with and without forgetting,
// and no more than what late data can reach stays in memory.
func TestLongHistory(t *testing.T) {
	const days = 14
	rnd := rand.New(rand.NewPCG(1, 1))
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	n := 0
	var late []string
	for at := base; at.Before(base.AddDate(0, 0, days)); at = at.Add(5 * time.Minute) {
		lat := 54.69
		if rnd.IntN(200) == 0 || at.Hour() == 3 && at.Day()%3 == 0 {
			lat = 54.75
		}
		text := func(received time.Time) string {
			return fmt.Sprintf(`{"body":"fix","device":"gt06:990000000000017","device_at":%q,"received":%q,"lat":%v,"lon":25.28,"validity":"current","accuracy_m":5}`+"\n",
				at.Format(time.RFC3339), received.Format(time.RFC3339), lat)
		}
		if n%2000 > 1800 { // hours without network, uploaded at the end of them
			late = append(late, text(at.Add(time.Duration(2000-n%2000)*5*time.Minute)))
		} else {
			for _, l := range late {
				b.WriteString(l)
			}
			late = nil
			b.WriteString(text(at))
		}
		n++
	}
	orders := []byte(`{"people":[{"id":"p-1","since":"2026-03-01T00:00:00Z","home":{"lat":54.69,"lon":25.28,"radius_m":100},"devices":[{"id":"gt06:990000000000017"}],
		"curfew":{"schedule":{"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"19:00","end":"07:00"},{"day":"tue","start":"19:00","end":"07:00"},{"day":"wed","start":"19:00","end":"07:00"},{"day":"thu","start":"19:00","end":"07:00"},{"day":"fri","start":"19:00","end":"07:00"},{"day":"sat","start":"19:00","end":"07:00"},{"day":"sun","start":"19:00","end":"07:00"}]}}}]}`)
	var outs []string
	for _, unsorted := range []bool{false, true} {
		people, ros, err := readOrders(orders)
		if err != nil {
			t.Fatal(err)
		}
		o := options{maxLate: 72 * time.Hour, slack: time.Hour, unsorted: unsorted}
		r, err := replayStream(o, people, ros, bytes.NewReader(b.Bytes()), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		kept := len(r.people[0].history.obs[em.EventTime])
		if unsorted && kept != r.used || !unsorted && kept > r.used/2 {
			t.Errorf("unsorted %v: %d of %d observations are kept", unsorted, kept, r.used)
		}
		var out bytes.Buffer
		if err := r.print(&out); err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out.String())
	}
	if outs[0] != outs[1] {
		t.Errorf("with forgetting:\n%s\nwithout:\n%s", outs[0], outs[1])
	}
	if !strings.Contains(outs[0], "LEFT_DURING") {
		t.Error("nothing happened")
	}
}

// What the SDK writes of any observation, the schema takes and the reader reads
// as it was.
func TestSchemaTakesWhatIsWritten(t *testing.T) {
	at := time.Date(2026, 3, 2, 17, 0, 0, 123_000_000, time.UTC)
	ok := em.Some[float64]
	for _, body := range []em.Body{
		&em.Fix{LatLng: em.LatLng{Lat: -54.69, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: ok(5), HDOP: ok(0.9), Satellites: em.Some(9), Altitude: ok(-12.5), Speed: ok(1.5), Course: ok(359.9)},
		&em.Beacon{Beacon: "tag-1", Radio: "rf", Lost: true, RSSI: em.Some(-90)},
		&em.AlcoholReading{Value: em.Decimal{Coef: 208, Scale: 4}, Unit: em.UnitBreathGPer210L, Ratio: em.Some(2100), Status: em.SampleOK, Reason: "-", Identity: em.IdentityUnsure, Ambient: em.Some(em.Decimal{Scale: 2}), CalDue: at},
		&em.Transdermal{Value: em.Decimal{Coef: -1, Scale: 3}, Unit: em.UnitSkinGPerDL, Temperature: ok(33.1), IR: ok(2.5), Motion: ok(0.1)},
		&em.Tamper{What: em.TamperStrap, Cleared: true, Code: "x"},
		&em.Power{Event: em.PowerLow, Level: ok(0.1), Volts: ok(3.6), Charging: em.Some(false), External: em.Some(true)}, &em.Power{},
		&em.Comms{Event: em.CommsInfo, Signal: ok(1), Cells: []em.Cell{{MCC: 246, MNC: 1, LAC: 1 << 31, CID: 1 << 63, RSSI: em.Some(-51)}}, WiFi: []em.AccessPoint{{MAC: "02:00:00:00:00:01"}}, Text: "y"},
		&em.Alarm{What: em.AlarmSOS, Code: "1"},
		&em.CheckIn{Request: "v-7", Method: "video", Identity: em.IdentityMatch, Refused: true},
		&em.Vendor{Name: "x", Fields: []em.Field{{Name: "a", Value: "b"}}},
	} {
		o := em.Observation{Device: "gt06:990000000000017", Seq: em.Some[uint64](1<<64 - 1), Part: 3, DeviceAt: at, Stored: true, Body: body}.Stamp(at.Add(time.Hour))
		doc, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseObservation(doc)
		if err != nil {
			t.Errorf("%s: %v", doc, err)
			continue
		}
		again, err := json.Marshal(got)
		if err != nil || !bytes.Equal(doc, again) {
			t.Errorf("%v\n%s\nread is\n%s", err, doc, again)
		}
	}
}

// What packages curfew and checkin write of a full order, the orders' schema
// takes and the reader reads.
func TestOrdersSchemaTakesWhatIsWritten(t *testing.T) {
	at := time.Date(2026, 3, 2, 17, 0, 0, 0, time.UTC)
	s, err := curfew.NewSchedule(curfew.Plan{
		Zone: "Europe/Vilnius", Places: []curfew.Place{{Name: "clinic", Zone: "Europe/Oslo"}},
		Weekly:      []curfew.Row{{Day: time.Monday, Start: curfew.Clock(19, 0), End: curfew.Clock(7, 0)}, {Day: time.Tuesday, Start: curfew.Clock(9, 0), End: curfew.Clock(10, 0), Kind: curfew.MustAttend, Place: "clinic", Dwell: 30 * time.Minute}},
		Calendars:   []curfew.Calendar{{Name: "x", Days: []curfew.Holiday{{Date: curfew.Date{Year: 2026, Month: 12, Day: 24}, Name: "y", Like: em.Some(time.Sunday)}}}},
		Release:     &curfew.Release{Date: curfew.Date{Year: 2026, Month: 3, Day: 1}, Start: curfew.Clock(15, 0), End: curfew.Clock(7, 0)},
		Permits:     []curfew.Permit{{ID: "p", From: at, To: at.Add(time.Hour), ApprovedBy: "officer 12", ApprovedAt: at, RevokedBy: "officer 12", RevokedAt: at.Add(time.Minute)}},
		Suspensions: []curfew.Suspension{{From: at, ApprovedBy: "officer 12", ApprovedAt: at}},
	})
	if err != nil {
		t.Fatal(err)
	}
	order := curfew.Order{
		ID: "o", Version: "1", From: at, Until: at.AddDate(0, 1, 0), Schedule: s, Grace: curfew.Grace{Start: time.Minute, Short: time.Second, End: 1500 * time.Millisecond},
		CountRepeatedHour: true, Units: []curfew.Unit{{ID: "u", Device: "rftrack:1", Hold: 3 * time.Minute}}, Worn: []em.DeviceID{"gt06:1"},
	}
	rule := checkin.Rule{
		ID: "c", Version: "1", From: at, Until: at.AddDate(0, 1, 0), Windows: s, Requests: []checkin.Request{{ID: "v", Kind: checkin.KindVideo, From: at, To: at.Add(time.Hour), With: "officer 12"}},
		Unpredictable: &checkin.Unpredictable{Key: make([]byte, 32), Max: 1, Answer: time.Minute}, Methods: []string{"face"}, AllowUnchecked: true,
		Sources: []em.DeviceID{"app:1"}, Unasked: true, Late: time.Minute, PositionWithin: time.Minute, MaxUpload: time.Hour,
	}
	doc, err := json.Marshal(map[string]any{"people": []any{map[string]any{
		"id": "p-1", "since": at, "devices": []any{}, "curfews": []any{map[string]any{"order": order}}, "checkins": []any{map[string]any{"rule": rule}},
		"decisions": []curfew.Decision{{Absence: em.EventID{1}, Exclude: true, Reason: "r", By: "b", At: at}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := readOrders(doc); err != nil {
		t.Errorf("%v in\n%s", err, doc)
	}
}

// The orders' schema takes all that an order may ask of the evidence about zones.
func TestOrdersSchemaTakesTracking(t *testing.T) {
	asked := roster.Tracking{
		Buffer: 1, MaxRadius: 1, Accuracy: map[string]float64{"gt06": 1}, Alert: &roster.Confirm{Fixes: 1, Dwell: 1, Sure: 1, Sum: 1}, Clear: &roster.Confirm{Fixes: 2},
		ClearMargin: 1, PassGap: 1, Stays: true, Contacts: true, Undecided: 1, Suspected: 1, Unknown: 1,
	}
	for v, i := reflect.ValueOf(asked), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Fatalf("%s is not tried", v.Type().Field(i).Name)
		}
	}
	doc, err := json.Marshal(map[string]any{"people": []any{map[string]any{"id": "p-1", "since": "2026-03-02T17:00:00Z", "devices": []any{}, "tracking": asked}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := readOrders(doc); err != nil {
		t.Errorf("%v in\n%s", err, doc)
	}
}

// FuzzObservation: no line panics, and what is read is written as something that
// is read as the same.
func FuzzObservation(f *testing.F) {
	f.Add([]byte(`{"body":"fix","device":"gt06:1","at":"2026-03-02T17:00:00Z","lat":1,"lon":2,"validity":"current"}`))
	f.Add([]byte(`{"body":"checkin","device":"app:1","device_at":"2026-03-02T17:00:00+02:00","received":"2026-03-02T15:00:01Z","method":"face","identity":"match"}`))
	f.Add([]byte(`{"body":"alcohol","device":"bactrack:1","at":"2026-03-02T17:00:00Z","value":0.020,"unit":"g/210L breath","status":"ok"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		o, err := parseObservation(line)
		if err != nil {
			return
		}
		doc, err := json.Marshal(o)
		if err != nil {
			t.Fatalf("%s is read, but not written: %v", line, err)
		}
		again, err := parseObservation(doc)
		if err != nil {
			t.Fatalf("%s of %s: %v", doc, line, err)
		}
		if again.ID != o.ID || !again.At.Equal(o.At) || !again.Received.Equal(o.Received) {
			t.Fatalf("%s of %s is another one", doc, line)
		}
	})
}

// Exit statuses by what is wrong.
func TestExitStatus(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	orders, obs := "testdata/c4b/orders.json", "testdata/c4b/observations.jsonl"
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"--orders", orders, "--observations", obs}, 0},
		{nil, program.Usage}, {[]string{"--nosuch"}, program.Usage}, {[]string{"--orders", orders}, program.Usage}, {[]string{"schema", "all"}, program.Usage},
		{[]string{"--orders", orders, "--observations", bad}, exitInput}, {[]string{"--orders", bad, "--observations", obs}, exitInput},
		{[]string{"--orders", orders, "--observations", dir + "/none"}, exitIO}, {[]string{"--orders", dir + "/none", "--observations", obs}, exitIO},
	} {
		err := run(c.args, io.Discard, io.Discard)
		if got := program.Status(err, exitIO); got != c.want {
			t.Errorf("%q: status %d (%v), want %d", c.args, got, err, c.want)
		}
	}
	if err := run([]string{"schema", "orders"}, brokenPipe{}, io.Discard); err == nil {
		t.Error("a full disk is no error")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
