package curfew_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

var update = flag.Bool("update", false, "write what was told into the scripts of testdata; their evidence is never written")

const (
	unitDevice = em.DeviceID("rf:unit-1")
	bracelet   = em.DeviceID("rf:bracelet-1")
)

// script is one night: what was ordered, what was observed, and what is told.
//
//	date 2026-03-02          the evening; times before noon are of the next day
//	order {…}                changes to the order of newScript, as JSON
//	18:00:00 lost            the home unit has lost the bracelet
//	19:04:00 contact         … and hears it again
//	18:00 beats 08:00 5m     signs of life of the unit
//	18:00 out 08:00 1m       fixes outside; in: inside; unsure
//	18:00 gone               a fix that proves ten seconds of absence; far: ten minutes;
//	                         half: the first of a row says nothing
//	20:00:00 off             the unit's power; also on, moved, placed
//	20:00:00 open            the bracelet's strap; also shut, foil and nofoil, jam
//	                         and nojam, dead and alive (switched off, heard again)
//	until 12:00              wake up to then
//	--                       what follows is told, in this order
type script struct {
	order curfew.Order
	obs   []em.Observation
	until time.Time
	want  string
}

const daily = `[
	{"day": "mon", "start": "19:00", "end": "07:00"}, {"day": "tue", "start": "19:00", "end": "07:00"},
	{"day": "wed", "start": "19:00", "end": "07:00"}, {"day": "thu", "start": "19:00", "end": "07:00"},
	{"day": "fri", "start": "19:00", "end": "07:00"}, {"day": "sat", "start": "19:00", "end": "07:00"},
	{"day": "sun", "start": "19:00", "end": "07:00"}]`

// where reads a side out of a fix: north of the equator is inside.
func where(o em.Observation) em.Side {
	f, ok := o.Body.(*em.Fix)
	switch {
	case !ok || f.Lat == 0:
		return em.SideUnknown
	case f.Lat > 0:
		return em.Inside
	}
	return em.Outside
}

// follower says what where says, and of a fix outside that it proves ten seconds of
// absence for each degree south of the first; but of a row of fixes at 0.5 degrees
// south the first one says nothing. It remembers whether the last was such a one.
type follower struct {
	half bool
	last time.Time

	lat float64 // of the fix that was followed last; for Why alone
}

func (f *follower) Follow(o em.Observation) (em.Side, time.Duration) {
	if o.At.Before(f.last) {
		panic("observations out of order")
	}
	was := f.half
	f.last, f.half = o.At, false
	side := where(o)
	if fix, ok := o.Body.(*em.Fix); ok {
		f.lat = fix.Lat
	}
	if side != em.Outside {
		return side, 0
	}
	lat := f.lat
	if f.half = lat == -.5; f.half && !was {
		return em.SideUnknown, 0
	}
	return side, time.Duration(max(0, -lat-1)*10) * time.Second
}

// Why names the number that Follow went by.
func (f *follower) Why() (string, []em.Fact) {
	return fmt.Sprintf("at latitude %v", f.lat), []em.Fact{{Name: "latitude", Num: f.lat, Unit: "°"}}
}

func (f *follower) AppendBinary(dst []byte) ([]byte, error) {
	if f.last.IsZero() {
		return dst, nil
	}
	return em.AppendTime(em.AppendBool(dst, f.half), f.last), nil
}

func (f *follower) UnmarshalBinary(b []byte) error {
	if *f = (follower{}); len(b) == 0 {
		return nil
	}
	r := em.NewStateReader(b)
	n := follower{half: r.Bool(), last: r.Time()}
	if err := r.Close(); err != nil {
		return err
	}
	*f = n
	return nil
}

func fix(lat float64) em.Body {
	return &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: 25}, Validity: em.FixCurrent, Source: em.SourceGNSS}
}

var bodies = map[string]struct {
	device em.DeviceID
	body   em.Body
}{
	"lost":    {unitDevice, &em.Beacon{Beacon: "unit-1", Radio: "rf", Lost: true}},
	"contact": {unitDevice, &em.Beacon{Beacon: "unit-1", Radio: "rf"}},
	"beats":   {unitDevice, &em.Comms{Event: em.CommsHeartbeat}},
	"off":     {unitDevice, &em.Power{Event: em.PowerOff}},
	"on":      {unitDevice, &em.Power{Event: em.PowerOn}},
	"moved":   {unitDevice, &em.Tamper{What: em.TamperMoved}},
	"placed":  {unitDevice, &em.Tamper{What: em.TamperMoved, Cleared: true}},
	"in":      {bracelet, fix(1)},
	"out":     {bracelet, fix(-1)},
	"gone":    {bracelet, fix(-2)},
	"far":     {bracelet, fix(-61)},
	"half":    {bracelet, fix(-.5)},
	"unsure":  {bracelet, fix(0)},
	"open":    {bracelet, &em.Tamper{What: em.TamperStrap}},
	"shut":    {bracelet, &em.Tamper{What: em.TamperStrap, Cleared: true}},
	"foil":    {bracelet, &em.Tamper{What: em.TamperShielding}},
	"nofoil":  {bracelet, &em.Tamper{What: em.TamperShielding, Cleared: true}},
	"jam":     {bracelet, &em.Tamper{What: em.TamperJamming}},
	"nojam":   {bracelet, &em.Tamper{What: em.TamperJamming, Cleared: true}},
	"dead":    {bracelet, &em.Power{Event: em.PowerOff}},
	"alive":   {bracelet, &em.Comms{Event: em.CommsHeartbeat}},
}

func observe(what string, at time.Time) em.Observation {
	b := bodies[what]
	return em.Observation{Device: b.device, DeviceAt: at, Body: b.body}.Stamp(at)
}

func newScript(t *testing.T, doc string) *script {
	t.Helper()
	s := &script{}
	in, want, ok := strings.Cut(doc, "\n--\n")
	if !ok {
		t.Fatal("no line -- before what is told")
	}
	s.want = want
	orderDoc := map[string]any{
		"id": "order-1", "version": "1", "zone": "Europe/Vilnius", "weekly": json.RawMessage(daily),
		"grace": map[string]string{"start": "5m", "short": "5m"},
		"units": []map[string]string{{"id": "unit-1", "device": string(unitDevice)}},
	}
	var loc *time.Location
	var date time.Time
	at := func(text string) time.Time {
		if len(text) == 5 {
			text += ":00"
		}
		hms, err := time.Parse("15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		day := date.Day()
		if hms.Hour() < 12 {
			day++
		}
		return time.Date(date.Year(), date.Month(), day, hms.Hour(), hms.Minute(), hms.Second(), 0, loc)
	}
	zone := func() {
		var err error
		if loc, err = time.LoadLocation(orderDoc["zone"].(string)); err != nil {
			t.Fatal(err)
		}
	}
	zone()
	for _, line := range strings.Split(in, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		switch {
		case f[0] == "date":
			d, err := time.Parse(time.DateOnly, f[1])
			if err != nil {
				t.Fatal(err)
			}
			date = d
		case f[0] == "order":
			if err := json.Unmarshal([]byte(strings.TrimPrefix(strings.TrimSpace(line), "order")), &orderDoc); err != nil {
				t.Fatal(err)
			}
			zone()
		case f[0] == "until":
			s.until = at(f[1])
		case len(f) == 2:
			s.obs = append(s.obs, observe(f[1], at(f[0])))
		case len(f) == 4:
			step, err := time.ParseDuration(f[3])
			if err != nil {
				t.Fatal(err)
			}
			for x, to := at(f[0]), at(f[2]); !x.After(to); x = x.Add(step) {
				s.obs = append(s.obs, observe(f[1], x))
			}
		default:
			t.Fatalf("line %q", line)
		}
	}
	b, err := json.Marshal(orderDoc)
	if err != nil {
		t.Fatal(err)
	}
	s.order.Follow = func() curfew.Follower { return &follower{} }
	if err := json.Unmarshal(b, &s.order); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(s.obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	if s.until.IsZero() {
		s.until = s.obs[len(s.obs)-1].At.Add(time.Hour)
	}
	return s
}

func (s *script) evaluator(t testing.TB) *curfew.Evaluator {
	t.Helper()
	e, err := curfew.NewEvaluator(s.order, curfew.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// drive feeds observations in order and wakes at each deadline, as a Timeline
// would, and returns all versions. After each step the state goes through its
// bytes into a fresh evaluator if there is one.
func drive(t testing.TB, e *curfew.Evaluator, fresh func() *curfew.Evaluator, obs []em.Observation, until time.Time) []em.Event {
	t.Helper()
	var told []em.Event
	closed := map[em.EventID]bool{}
	done := func(out []em.Event, at time.Time) {
		t.Helper()
		for _, ev := range out {
			ev.Stamp("person-1", at)
			if closed[ev.ID] {
				t.Fatalf("%v: a closed event is told again: %+v", at, ev)
			}
			if closed[ev.ID] = !ev.Open(); !ev.Open() && ev.Until.Before(ev.At) {
				t.Fatalf("%v: ends before it begins: %+v", at, ev)
			}
			told = append(told, ev)
		}
		if d := e.Deadline(); !d.IsZero() && !d.After(at) {
			t.Fatalf("deadline %v is not after %v", d, at)
		}
		if fresh == nil {
			return
		}
		b, err := e.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		was := e.Deadline()
		e = fresh()
		if err := e.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		again, err := e.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%v: state changes in a round trip (%v):\n%x\n%x", at, err, b, again)
		}
		if d := e.Deadline(); !d.Equal(was) {
			t.Fatalf("%v: deadline %v becomes %v in a round trip", at, was, d)
		}
	}
	wake := func(limit time.Time) {
		t.Helper()
		for n := 0; ; n++ {
			d := e.Deadline()
			if d.IsZero() || d.After(limit) {
				return
			}
			if n > 1_000_000 {
				t.Fatalf("woken for ever, now at %v", d)
			}
			done(e.Wake(nil, d), d)
		}
	}
	for _, o := range obs {
		wake(o.At)
		o.Received, o.Stored = time.Time{}, false
		done(e.Observe(nil, o), o.At)
	}
	wake(until)
	return told
}

// final keeps the last version of each event, by ID.
func final(told []em.Event) []em.Event {
	byID := map[em.EventID]em.Event{}
	for _, ev := range told {
		byID[ev.ID] = ev
	}
	var list []em.Event
	for _, ev := range byID {
		list = append(list, ev)
	}
	slices.SortFunc(list, func(a, b em.Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return list
}

func fact(ev em.Event, name string) em.Fact {
	i := slices.IndexFunc(ev.Detail.Facts, func(f em.Fact) bool { return f.Name == name })
	if i < 0 {
		return em.Fact{}
	}
	return ev.Detail.Facts[i]
}

func (s *script) tell(told []em.Event) string {
	var b strings.Builder
	loc := s.order.Schedule.Location()
	hms := func(t time.Time) string {
		if t.IsZero() {
			return "open"
		}
		return t.In(loc).Format("15:04:05")
	}
	for _, ev := range told {
		fmt.Fprintf(&b, "%s %s %s %s-%s\n\t%s\n\t", hms(ev.Concluded), ev.Detail.Kind, strings.TrimSpace(ev.Detail.Class+" "+ev.Detail.Severity.String()),
			hms(ev.At), hms(ev.Until), ev.Detail.Reason)
		for i, f := range ev.Detail.Facts {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s %s", f.Name, f.Text)
			if f.Unit != "" {
				fmt.Fprintf(&b, "%v", f.Num)
			}
		}
		fmt.Fprintf(&b, "; because of %d\n", len(ev.Because))
	}
	return b.String()
}

// TestScripts compares what is told with the scripts, word by word.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			doc, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s := newScript(t, string(doc))
			got := s.tell(drive(t, s.evaluator(t), nil, s.obs, s.until))
			if again := s.tell(drive(t, s.evaluator(t), func() *curfew.Evaluator { return s.evaluator(t) }, s.obs, s.until)); again != got {
				t.Errorf("a state that went through its bytes tells something else:\n%s", cmp.Diff(got, again))
			}
			if *update {
				in, _, _ := strings.Cut(string(doc), "\n--\n")
				if err := os.WriteFile(name, []byte(in+"\n--\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != s.want {
				t.Errorf("(-want +got):\n%s", cmp.Diff(s.want, got))
			}
		})
	}
}

// TestOldState: states of versions 5 and 6 that were written when the obligation had
// begun are read, and go on as if they had been kept; those before are refused.
func TestOldState(t *testing.T) {
	for version := byte(5); version <= 6; version++ {
		text, err := os.ReadFile(fmt.Sprintf("testdata/state-%d.hex", version))
		if err != nil {
			t.Fatal(err)
		}
		state, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || state[0] != version {
			t.Fatalf("version %d: %v", state[0], err)
		}
		s := newScript(t, "date 2026-03-02\n18:50:00 contact\n18:52 beats 07:30 5m\n22:00 out 22:04 1m\nuntil 11:00\n--\n")
		kept, old := s.evaluator(t), s.evaluator(t)
		read := false
		for _, o := range s.obs {
			kept.Observe(nil, o)
			b, err := kept.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case read:
				old.Observe(nil, o)
				if again, err := old.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
					t.Fatalf("%d: %v: %v: %x, want %x", version, o.At, err, again, b)
				}
			case o.At.Hour() >= 17 && o.At.Hour() < 19: // in UTC: it has begun
				if err := old.UnmarshalBinary(state); err != nil {
					t.Fatal(err)
				}
				read = true
				state[0] = 4
				if err := s.evaluator(t).UnmarshalBinary(state); !errors.Is(err, em.ErrState) {
					t.Fatal(err)
				}
			}
		}
		if !read {
			t.Error("no obligation was under way")
		}
	}
}

// TestWorkedScenarios holds the scripts against the table of verdicts, which
// no flag writes: the code and the minutes of each incident, and the night.
func TestWorkedScenarios(t *testing.T) {
	for _, tt := range []struct {
		script, want string
	}{
		{"01-home-all-night", "COMPLIANT 0"},
		{"02-home-at-1904", "WITHIN_GRACE 0"},
		{"03-home-at-1919", "AL09 19, BREACH 19"},
		{"04-home-at-2004", "AL09 64, BREACH 64"},
		{"05-away-all-night", "AL12 720, BREACH 720"},
		{"06-left-0317", "AL10 77, BREACH 77"},
		{"07-left-0602", "AL11 58, BREACH 58"},
		{"08-contact-at-1902", "WITHIN_GRACE 0"},
		{"09-unit-off", "unknown 60, UNKNOWN 0"},
		{"10a-permit-home-2203", "WITHIN_GRACE 0"},
		{"10b-permit-home-2220", "AL09 20, BREACH 20"},
		{"12a-spring-counted", "AL12 660, BREACH 660"},
		{"12b-spring", "AL12 660, BREACH 660"},
		{"12c-autumn-counted", "AL12 780, BREACH 780"},
		{"12d-autumn", "AL12 720, BREACH 720"},
		{"27-radio", "COMPLIANT 0"},
		{"28-loss-seen-outside", "AL10 41, BREACH 41"},
		{"29-each-contact", "AL10 37, BREACH 37"},
		{"30-each-contact-unit-off", "unknown 37, UNKNOWN 0"},
		{"35-each-contact-loss-told-late", "AL10 37, BREACH 37"},
		{"31-foil", "unknown 52, UNKNOWN 0"},
		{"32-foil-then-out", "unknown 22, AL10 30, BREACH 30"},
		{"33-jam-while-lost", "unknown 51, UNKNOWN 0"},
		{"34-dead-bracelet", "unknown 43, UNKNOWN 0"},
		{"40-left-in-time", "COMPLIANT 0"},
		{"41-left-within-grace", "WITHIN_GRACE 0"},
		{"42-left-late", "LATE_LEAVE 20, BREACH 20"},
		{"43-not-left", "BREACH 150, FAILED_TO_LEAVE 150"},
		{"44-came-back", "UNAUTHORISED_RETURN 30, BREACH 50, UNAUTHORISED_RETURN 20"},
		{"50-attended", "COMPLIANT 0"},
		{"51-arrived-late", "ARRIVED_LATE 11, BREACH 11"},
		{"52-left-early", "LEFT_EARLY 20, BREACH 20"},
		{"53-absent", "ABSENT 120, BREACH 120"},
		{"54-attendance-unknown", "UNKNOWN 0, unknown 120"},
		{"55-stayed-long-enough", "COMPLIANT 0"},
		{"56-left-too-soon", "LEFT_EARLY 13, BREACH 13"},
		{"57-came-too-late", "ARRIVED_LATE 14, BREACH 14"},
		{"58-never-came", "ABSENT 30, BREACH 30"},
		{"60-failed-to-return", "AL09 24, BREACH 24"},
		{"61-like-a-sunday", "AL09 149, BREACH 149"},
		{"62-release", "AL11 30, BREACH 30"},
		{"63-suspended", "AL11 30, BREACH 30"},
		{"64-permit-shortened", "AL09 39, BREACH 39"},
		{"65-permit-revoked", "AL09 29, BREACH 29"},
	} {
		t.Run(tt.script, func(t *testing.T) {
			doc, err := os.ReadFile("testdata/" + tt.script + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			s := newScript(t, string(doc))
			if got := verdict(final(drive(t, s.evaluator(t), nil, s.obs, s.until))); got != tt.want {
				t.Errorf("verdict %q, want %q", got, tt.want)
			}
		})
	}
}

// verdict shortens final events to codes and minutes.
func verdict(events []em.Event) string {
	slices.SortFunc(events, func(a, b em.Event) int {
		if c := a.Until.Compare(b.Until); c != 0 {
			return c
		}
		return strings.Compare(string(a.Detail.Kind), string(b.Detail.Kind))
	})
	var list []string
	for _, ev := range events {
		switch ev.Detail.Kind {
		case curfew.KindAbsence:
			list = append(list, fmt.Sprintf("%s %v", fact(ev, "code").Text, fact(ev, "counted").Num))
		case curfew.KindStay, curfew.KindAttendance:
			list = append(list, fmt.Sprintf("%s %v", ev.Detail.Class, fact(ev, "counted").Num))
		case curfew.KindUnknown:
			list = append(list, fmt.Sprintf("unknown %v", fact(ev, "minutes").Num))
		case curfew.KindNight:
			list = append(list, fmt.Sprintf("%s %v", ev.Detail.Class, fact(ev, "counted").Num))
		}
	}
	return strings.Join(list, ", ")
}
