package proximity_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence/proximity"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func second(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

// A metre along a meridian, in degrees.
const degree = 1 / (em.EarthRadius * math.Pi / 180)

// at is a position in metres north and east of one in Vilnius.
func at(north, east float64) em.LatLng {
	return em.LatLng{Lat: 54.7 + north*degree, Lng: 25.3 + east*degree/math.Cos(54.7*math.Pi/180)}
}

const (
	tag   em.DeviceID = "test:990000000000017" // the wearer's
	phone em.DeviceID = "test:990000000000025" // the protected person's
)

// r95 is an accuracy with a 95 % radius of so many metres.
func r95(metres float64) em.Opt[float64] {
	return em.Some(metres / math.Sqrt(math.Log(0.05)/math.Log(0.32)))
}

// report is a fix with a 95 % radius of 10 m, of one who stands still.
func report(device em.DeviceID, s float64, p em.LatLng, change ...func(*em.Fix)) em.Observation {
	f := &em.Fix{LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: r95(10), Speed: em.Some(0.0)}
	for _, c := range change {
		c(f)
	}
	o := em.Observation{Device: device, DeviceAt: second(s), Body: f}.Stamp(second(s))
	o.Received = time.Time{}
	return o
}

func speed(v float64) func(*em.Fix) { return func(f *em.Fix) { f.Speed = em.Some(v) } }
func coarse(metres float64) func(*em.Fix) {
	return func(f *em.Fix) { f.Accuracy = r95(metres) }
}
func wifi(metres float64) func(*em.Fix) {
	return func(f *em.Fix) { f.Accuracy, f.Source, f.Speed = r95(metres), em.SourceWiFi, em.Opt[float64]{} }
}
func noSpeed(f *em.Fix) { f.Speed = em.Opt[float64]{} }

// player feeds a script as Timeline would, and to a second evaluator that is
// restored from bytes before every call.
type player struct {
	t    *testing.T
	c    Config
	main *Evaluator
	told []em.Event
}

func newPlayer(t *testing.T, c Config) *player {
	t.Helper()
	return &player{t: t, c: c, main: mustNew(t, c)}
}

func mustNew(t testing.TB, c Config) *Evaluator {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (p *player) call(at time.Time, f func(*Evaluator) []em.Event) {
	p.t.Helper()
	state, err := p.main.AppendBinary([]byte("x"))
	if err != nil {
		p.t.Fatal(err)
	}
	restored := mustNew(p.t, p.c)
	if err := restored.UnmarshalBinary(state[1:]); err != nil {
		p.t.Fatalf("at %v: %v", at, err)
	}
	if a, b := p.main.Deadline(), restored.Deadline(); !a.Equal(b) {
		p.t.Fatalf("at %v: deadline %v, restored %v", at, a, b)
	}
	events, others := f(p.main), f(restored)
	if d := cmp.Diff(events, others); d != "" {
		p.t.Fatalf("at %v: a restored evaluator differs: %s", at, d)
	}
	p.told = append(p.told, events...)
	if d := p.main.Deadline(); !d.IsZero() && !d.After(at) {
		p.t.Fatalf("after %v: deadline %v is not later", at, d)
	}
	for _, e := range events {
		if len(e.Because) > em.MaxBecause || !e.Anchor.Equal(e.At) || e.Rule != Rule || e.Detail.Reason == "" {
			p.t.Fatalf("at %v: malformed %+v", at, e)
		}
		for _, f := range e.Detail.Facts {
			if math.IsNaN(f.Num) || f.Name == "" {
				p.t.Fatalf("at %v: fact %+v", at, f)
			}
		}
	}
}

func (p *player) wakeUntil(at time.Time) {
	p.t.Helper()
	for d := p.main.Deadline(); !d.IsZero() && !d.After(at); d = p.main.Deadline() {
		p.call(d, func(e *Evaluator) []em.Event { return e.Wake(nil, d) })
	}
}

func (p *player) play(obs ...em.Observation) {
	p.t.Helper()
	obs = slices.Clone(obs)
	slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	for _, o := range obs {
		p.wakeUntil(o.At)
		p.call(o.At, func(e *Evaluator) []em.Event { return e.Observe(nil, o) })
	}
}

// story is what was told, in seconds: "alert moving 60-" for an event that
// opened, "alert moving 60-180" for one that ended.
func (p *player) story() []string {
	var lines []string
	closed := map[em.EventID]bool{}
	for _, e := range p.told {
		e.Stamp("pair", e.At)
		if closed[e.ID] {
			p.t.Errorf("%s at %v was told after it was closed", e.Detail.Kind, e.At)
		}
		closed[e.ID] = !e.Open()
		s := func(t time.Time) string {
			return fmt.Sprint(math.Round(t.Sub(noon).Seconds()*1000) / 1000)
		}
		line := fmt.Sprintf("%s %s %s-", strings.TrimPrefix(string(e.Detail.Kind), "proximity."), e.About, s(e.At))
		if !e.Open() {
			line += s(e.Until)
			if !e.Until.After(e.At) {
				p.t.Errorf("%s is an empty interval", line)
			}
		} else if e.Detail.Kind != EventStale {
			line += " " + strings.TrimPrefix(strings.TrimSuffix(e.Detail.Class, "_APPROACHED"), "APPROACH_")
		}
		lines = append(lines, line)
	}
	return lines
}

func pair() Config {
	return Config{Version: "7", Radius: 500, MinSpeed: 3, Wearer: []Assignment{{Device: tag}}, Protected: []Assignment{{Device: phone}}}
}

// every repeats a report.
func every(period, from, to float64, f func(s float64) em.Observation) []em.Observation {
	var obs []em.Observation
	for s := from; s <= to; s += period {
		obs = append(obs, f(s))
	}
	return obs
}

// track is one report for each position to the north, a minute apart.
func track(device em.DeviceID, from float64, north ...float64) []em.Observation {
	var obs []em.Observation
	for i, n := range north {
		obs = append(obs, report(device, from+60*float64(i), at(n, 0)))
	}
	return obs
}

// The scripts are worked by hand. Unless stated: R = 500 m, so pre-alert 1000 m
// and a margin of 50 m; 120 s to be clear; 300 s to be stale; both circles 10 m;
// both stand still when heard, so that the worst case falls by 3 m/s for each: their
// devices have never said that they move, so nobody is told to rest.
func TestScripts(t *testing.T) {
	still := func(device em.DeviceID, north, to float64) []em.Observation {
		return every(60, 0, to, func(s float64) em.Observation { return report(device, s, at(north, 0)) })
	}
	for _, c := range []struct {
		name   string
		config func(*Config)
		obs    []em.Observation
		until  float64 // deadlines are fired up to here
		want   []string
	}{
		{
			// The reports of 120 put them 1206 m apart: 1186 m less 6 m a second is
			// 1000 m at 151. The one of 240 is at 450 m. Far from 300 on,
			// which the one of 420 confirms. For the pre-alert, 1500 m at 480 are
			// 1120 m at worst just before 540, and so on until 600.
			name: "walks up and away",
			obs: slices.Concat(still(phone, 0, 600),
				track(tag, 0, 2000, 1500, 1206, 700, 450, 800, 1300, 1300, 1500, 1500, 1500)),
			until: 600,
			want: []string{"prealert moving 151- WEARER", "alert moving 240- WEARER",
				"alert moving 240- WEARER", // an aligned one confirms
				"alert moving 240-300", "prealert moving 151-480"},
		},
		{
			name: "the protected person walks up",
			obs: slices.Concat(still(tag, 0, 300),
				track(phone, 0, 2000, 1500, 1026, 700, 450, 450)),
			until: 300,
			// At 120 both are heard at once: 1006 m at worst, 1000 a second later. At
			// 240 positions are aligned already.
			want: []string{"prealert moving 121- PROTECTED", "alert moving 240- PROTECTED"},
		},
		{
			name:  "both walk up",
			obs:   slices.Concat(track(tag, 0, 1500, 1200, 906), track(phone, 0, -700, -300, 450)),
			until: 120,
			// Before 120, 1500 m less 20 and 360 is still 1120. The tag's report
			// comes before the phone's at 120: 1206 m less 20 and 180 are 1006; then
			// they are 456 m apart. The tag came 594 m nearer, the phone 1150 m.
			want: []string{"prealert moving 120- BOTH", "alert moving 120- BOTH"},
		},
		{
			name:  "both walk up, the wearer more",
			obs:   slices.Concat(track(tag, 0, 1500, 1200, 350), track(phone, 0, -700, -300, -106)),
			until: 120,
			// The tag comes 1150 m nearer, the phone 594 m.
			want: []string{"prealert moving 120- WEARER", "alert moving 120- BOTH"},
		},
		{
			// Half a minute at 10 m/s are 300 m: √(393² + 300²) = 494.4, 5.6 m within.
			// Both errors are 14.1 m, and (5.6/14.1)² is 0.16. With 394 m it is 0.11.
			name:  "a way in an unknown direction",
			obs:   []em.Observation{report(phone, 0, at(0, 0), speed(10)), report(tag, 30, at(393, 0))},
			until: 30,
			want:  []string{"prealert moving 30- UNCLEAR", "alert moving 30- UNCLEAR"},
		},
		{
			name:  "a longer way",
			obs:   []em.Observation{report(phone, 0, at(0, 0), speed(10)), report(tag, 30, at(394, 0))},
			until: 30,
			want:  []string{"prealert moving 30- UNCLEAR"},
		},
		{
			// 3000 m apart: at worst 1480 m when the phone becomes stale. Its next
			// report ends that.
			name:  "a telephone falls silent",
			obs:   slices.Concat(still(tag, 3000, 600), []em.Observation{report(phone, 0, at(0, 0)), report(phone, 500, at(0, 0))}),
			until: 2000,
			want:  []string{"stale protected 300-", "stale protected 300-500", "stale protected 800-", "stale wearer 900-"},
		},
		{
			// 1500 m apart at 0: 1480 less 6 s is 1000 at 80, while both are fresh.
			// Then both are stale at 300, and nothing more is told.
			name:  "growing old crosses the pre-alert radius",
			obs:   []em.Observation{report(tag, 0, at(1500, 0)), report(phone, 0, at(0, 0))},
			until: 9000,
			want:  []string{"prealert moving 80- UNCLEAR", "stale wearer 300-", "stale protected 300-"},
		},
		{
			// Exactly every five minutes is not stale. Apart 1 km + 20 m + 2 × 900 m.
			name: "reports at the longest age",
			obs: slices.Concat(every(300, 0, 1500, func(s float64) em.Observation { return report(tag, s, at(2821, 0)) }),
				every(300, 0, 1500, func(s float64) em.Observation { return report(phone, s, at(0, 0)) })),
			until: 1800,
			want:  nil,
		},
		{
			// The telephone's position is stale when the wearer comes to where it
			// was. When it is heard again at 900 it is 300 m away.
			name: "a stale position is no estimate",
			obs: slices.Concat([]em.Observation{report(phone, 0, at(0, 0)), report(phone, 900, at(0, 0))},
				every(60, 0, 900, func(s float64) em.Observation { return report(tag, s, at(max(300, 9000-20*s), 0)) })),
			until: 900,
			want: []string{"stale protected 300-", "stale protected 300-900", "prealert moving 900- WEARER",
				"alert moving 900- WEARER"},
		},
		{
			// The wearer is 800 m from the middle one minute, and on the other side
			// the next; on the way at 0 m.
			name: "passes through a fixed zone between two reports",
			config: func(c *Config) {
				c.Radius, c.Zones = 0, []Zone{{ID: "school", Center: at(0, 0), Radius: 300}}
			},
			obs:   track(tag, 0, 5000, 800, -800, -5000, -5000, -5000, -5000),
			until: 360,
			// Pre-alert at 60: 800 - 10 = 790, less 3 m/s: 600 m 63 s later; so not
			// before 120, where it is 790 again. Aligned at 120: alert, as of 90. What
			// speaks against it counts from the next report on.
			want: []string{"alert school 90- WEARER", "alert school 90-180"},
		},
		{
			// Two cars follow one road at 30 m/s, the wearer's 1.8 km behind. They
			// report by turns: the wearer is where the other was when last heard. At
			// worst they are within 1 km, but nobody says that they met.
			name:  "one road, not one place",
			obs:   slices.Concat(every(60, 0, 600, func(s float64) em.Observation { return report(phone, s, at(30*s+1800, 0), speed(30)) }), every(60, 30, 600, func(s float64) em.Observation { return report(tag, s, at(30*s, 0), speed(30)) })),
			until: 600,
			want:  []string{"prealert moving 30- UNCLEAR"},
		},
		{
			// The wearer is said to be 40 m away by a fix of 2000 m, and where he was
			// by one that is not current.
			name: "fixes that prove nothing",
			obs: slices.Concat(still(phone, 0, 240), []em.Observation{
				report(tag, 0, at(3000, 0)),
				report(tag, 60, at(40, 0), func(f *em.Fix) { f.Accuracy = r95(2000) }),
				report(tag, 120, at(40, 0), func(f *em.Fix) { f.Validity = em.FixLastKnown }),
				report(tag, 180, at(40, 0), func(f *em.Fix) { f.Lat = 91 }),
				report(tag, 200, at(40, 0), func(f *em.Fix) { f.Accuracy = em.Some(math.Inf(1)) }),
			}),
			until: 301,
			want:  []string{"stale wearer 300-"},
		},
		{
			// 300 m apart, 200 m within, by fixes of 490 m: both errors are 693 m, and
			// (200/693)² is a twelfth. At 20 he is outside, and what was added up is gone.
			// 40 and 60 are a sixth.
			name: "evidence adds up",
			obs: []em.Observation{
				report(phone, 0, at(0, 0), coarse(490)), report(tag, 0, at(300, 0), coarse(490)),
				report(tag, 20, at(600, 0), coarse(490)), report(tag, 40, at(300, 0), coarse(490)),
				report(phone, 60, at(0, 0), coarse(490)),
			},
			until: 60,
			want:  []string{"prealert moving 0- UNCLEAR", "alert moving 60- UNCLEAR"},
		},
		{
			// He walks to 530 m, and stands there: reflections put him at 420 m, and
			// 300 m, once each, and are as often on the other side. Where he rests is
			// the mean: 530 with 420 a second and with 640 a third part. Each pulls by
			// its radius alone: 10 m.
			name: "who rests is where he rests",
			obs: slices.Concat(still(phone, 0, 780), []em.Observation{
				report(tag, 0, at(650, 0), speed(1.4)), report(tag, 60, at(570, 0), speed(1.4)), report(tag, 120, at(530, 0)),
				report(tag, 180, at(420, 0)), report(tag, 240, at(640, 0)), report(tag, 300, at(300, 0)), report(tag, 360, at(530, 0)),
				// Then he goes, and is seen on the way.
				report(tag, 420, at(480, 0), speed(1.4)), report(tag, 480, at(400, 0), speed(1.4))}),
			until: 480,
			want:  []string{"prealert moving 0- UNCLEAR", "alert moving 480- WEARER", "alert moving 480- WEARER"},
		},
		{
			// By access points he is 100 m from her at 120, where he cannot be: walking,
			// he is within 2 × 1.4 × 60 m and 100 m and the radii of where he was. She
			// is where she was, by access points that err by 90 m.
			name: "access points that have moved",
			obs: []em.Observation{report(phone, 0, at(0, 0)), report(tag, 0, at(3000, 0), speed(1.4)), report(tag, 60, at(2900, 0), speed(1.4)),
				report(tag, 120, at(100, 0), wifi(50)), report(phone, 120, at(90, 0), wifi(50)), report(phone, 180, at(3000, 0), wifi(50)),
				// A cell says nothing of who moves.
				report(tag, 240, at(2900, 0), wifi(400))},
			until: 361,
			want:  []string{"stale wearer 360-"},
		},
		{
			// A false position is 450 m from her: nobody who walks goes 8.5 km a minute,
			// and he does not go on from there.
			name: "an outlier",
			obs: slices.Concat(still(phone, 0, 240), []em.Observation{report(tag, 0, at(9000, 0), speed(1.4)), report(tag, 60, at(9000, 0), speed(1.4)),
				report(tag, 120, at(450, 0), speed(1.4)), report(tag, 180, at(9000, 0), speed(1.4))}),
			until: 240,
			want:  nil,
		},
		{
			// Of 200 m/s 30 count, and 3 m/s: of 1100 m 1000 are left after 100/33 s.
			name:   "speed is bounded",
			obs:    []em.Observation{report(tag, 0, at(1120, 0), speed(200)), report(phone, 0, at(0, 0))},
			until:  4,
			want:   []string{"prealert moving 3.03- UNCLEAR"},
			config: nil,
		},
		{
			// Who was never measured may walk, as who stood still: of 2000 m 1000 are
			// left after 166.7 s.
			name: "speed that was never measured",
			obs: []em.Observation{report(tag, 0, at(2020, 0), noSpeed), report(phone, 0, at(0, 0), noSpeed),
				report(tag, 10, at(2020, 0), noSpeed), report(phone, 10, at(0, 0), noSpeed)},
			until: 177,
			want:  []string{"prealert moving 176.667- UNCLEAR"},
		},
		{
			// The device was another person's before 100, and is nobody's from 160 on.
			name: "assignments",
			config: func(c *Config) {
				c.Wearer = []Assignment{{tag, second(100), second(160)}}
			},
			obs:   slices.Concat(still(phone, 0, 240), track(tag, 0, 100, 100, 100, 100, 100)),
			until: 240,
			want:  []string{"prealert moving 120- UNCLEAR", "alert moving 120- UNCLEAR"},
		},
		{
			name:   "never heard",
			config: func(c *Config) { c.Since = second(0) },
			until:  1e6,
			want:   []string{"stale wearer 300-", "stale protected 300-"},
		},
		{
			// What is open ends with protection, and nobody is missed after it.
			name:   "protection ends",
			config: func(c *Config) { c.Since, c.Until = second(-100), second(250) },
			obs:    track(tag, 0, 100, 100, 100, 100, 100, 100, 100),
			until:  1e6,
			want:   []string{"stale protected 200-", "stale protected 200-250"},
		},
		{
			name:   "protection ends before anybody is missed",
			config: func(c *Config) { c.Since, c.Until = second(0), second(200) },
			obs:    slices.Concat(track(tag, 0, 100, 100), track(phone, 0, 0, 0), track(phone, 600, 0)),
			until:  1e6,
			want: []string{"prealert moving 0- UNCLEAR", "alert moving 0- UNCLEAR", "alert moving 0- UNCLEAR",
				"alert moving 0-200", "prealert moving 0-200"},
		},
		{
			// Of two devices at one instant the more accurate counts.
			name: "two devices at one instant",
			config: func(c *Config) {
				c.Wearer = append(c.Wearer, Assignment{Device: "test:990000000000033"})
			},
			obs: []em.Observation{report(phone, 0, at(0, 0)),
				report(tag, 0, at(3000, 0)), report("test:990000000000033", 0, at(100, 0), func(f *em.Fix) { f.Accuracy = r95(40) }),
				report(tag, 60, at(3000, 0), func(f *em.Fix) { f.Accuracy = r95(400) }), report("test:990000000000033", 60, at(100, 0))},
			until: 60,
			want:  []string{"prealert moving 60- WEARER", "alert moving 60- WEARER"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := pair()
			if c.config != nil {
				c.config(&config)
			}
			p := newPlayer(t, config)
			p.play(c.obs...)
			p.wakeUntil(second(c.until))
			if d := cmp.Diff(c.want, p.story()); d != "" {
				t.Errorf("worked by hand (-), told (+):\n%s", d)
			}
		})
	}
}

// TestAlertInFull works one alert by hand, with all that it says.
func TestAlertInFull(t *testing.T) {
	p := newPlayer(t, pair())
	obs := []em.Observation{
		report(phone, 0, at(0, 0)), report(tag, 0, at(900, 0)),
		report(phone, 45, at(100, 0), speed(2)), report(tag, 60, at(400, 0), speed(5)),
	}
	p.play(obs...)
	got := p.told[len(p.told)-1]
	want := em.Event{
		Rule: Rule, Version: "7", About: Moving, Anchor: second(60), At: second(60),
		Because: []em.ObservationID{obs[3].ID, obs[2].ID, obs[1].ID, obs[0].ID},
		Detail: em.Detail{Kind: EventAlert, Class: ClassWearer, Severity: em.Critical,
			// Between 0 and 45 the distance falls from 900 to 525 - 100 m.
			Reason: "The wearer was 425 m from the protected person at 12:00:45, by positions interpolated to that time; the alert radius is 500 m: the wearer approached.",
			Facts: []em.Fact{
				{Name: "last known distance", Num: 300, Unit: "m"},
				{Name: "best estimate", Num: 301.5, Unit: "m"}, // √(300² + 30²)
				{Name: "worst case", Num: 220, Unit: "m"},      // 300 - 20 - 15 × 4
				{Name: "aligned distance", Num: 425, Unit: "m"},
				{Name: "aligned at", Text: "2026-03-14T12:00:45Z"},
				{Name: "closing speed", Num: 10.6, Unit: "m/s"}, // 475 m in 45 s
				{Name: "wearer age", Num: 0, Unit: "s"},
				{Name: "wearer radius95", Num: 10, Unit: "m", Text: "reported"},
				{Name: "wearer speed bound", Num: 10, Unit: "m/s"},
				{Name: "protected age", Num: 15, Unit: "s"},
				{Name: "protected radius95", Num: 10, Unit: "m", Text: "reported"},
				{Name: "protected speed bound", Num: 4, Unit: "m/s"},
				{Name: "farthest at", Text: "2026-03-14T12:00:00Z"},
				{Name: "closed by the wearer", Num: 500, Unit: "m"},
				{Name: "closed by the protected person", Num: 100, Unit: "m"},
				{Name: "alert radius", Num: 500, Unit: "m"},
				{Name: "pre-alert radius", Num: 1000, Unit: "m"},
				{Name: "margin", Num: 50, Unit: "m"},
				{Name: "clear", Num: 120, Unit: "s"},
				{Name: "longest age", Num: 300, Unit: "s"},
			}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestCrossingIsExact: the worst case is not below the pre-alert radius a
// nanosecond before the event begins, and is below it when it does.
func TestCrossingIsExact(t *testing.T) {
	for _, d := range []float64{1100, 1234.567, 1999.99, 2800} {
		p := newPlayer(t, pair())
		p.play(report(phone, 0, at(0, 0)), report(tag, 0, at(d, 0), speed(7)))
		e := p.main
		due := e.Deadline()
		if before, then := e.Worst(due.Add(-1)), e.Worst(due); before < 1000 || then >= 1000 {
			t.Errorf("%v m: %v a nanosecond before, %v then", d, before, then)
		}
		// 17 m/s in all: 14 of the wearer, 3 of the other.
		if want := second((d - 20 - 1000) / 17); e.Deadline().Sub(want).Abs() > time.Microsecond {
			t.Errorf("%v m: due %v, by hand %v", d, e.Deadline(), want)
		}
	}
}

// TestRulesChange: an evaluator that takes over a state whose zones it does not
// know ends what rests on them.
func TestRulesChange(t *testing.T) {
	c := pair()
	c.Zones = []Zone{{ID: "home", Center: at(0, 0), Radius: 1000}}
	p := newPlayer(t, c)
	p.play(report(phone, 0, at(0, 0)), report(tag, 0, at(100, 0)), report(tag, 301, at(100, 0)))
	state, err := p.main.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.c = pair()
	p.c.Radius = 0
	p.main = mustNew(t, p.c)
	if err := p.main.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	p.told = nil
	if d := p.main.Deadline(); !d.IsZero() {
		t.Errorf("deadline %v without zones", d)
	}
	p.play(report(tag, 400, at(100, 0)))
	want := []string{"alert home 0-400", "prealert home 0-400", "alert moving 0-400", "prealert moving 0-400", "stale protected 300-400"}
	if d := cmp.Diff(want, p.story()); d != "" {
		t.Error(d)
	}
	again, _ := p.main.AppendBinary(nil)
	if bytes.Contains(again, []byte("home")) {
		t.Error("the state still holds the zone")
	}
}
