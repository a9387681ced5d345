package proximity_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence/proximity"
)

// present runs a history and returns the events at its end.
func present(t testing.TB, c Config, end time.Time, obs []em.Observation) []em.Event {
	t.Helper()
	e := mustNew(t, c)
	byID := map[em.EventID]em.Event{}
	keep := func(at time.Time, told []em.Event) {
		for _, ev := range told {
			ev.Stamp("pair", at)
			byID[ev.ID] = ev
		}
	}
	wake := func(until time.Time) {
		for d := e.Deadline(); !d.IsZero() && !d.After(until); d = e.Deadline() {
			keep(d, e.Wake(nil, d))
		}
	}
	for _, o := range obs {
		wake(o.At)
		keep(o.At, e.Observe(nil, o))
	}
	wake(end)
	var all []em.Event
	for _, ev := range byID {
		all = append(all, ev)
	}
	slices.SortFunc(all, func(a, b em.Event) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// feed is the notices of one side, in JSON, asked for every ten seconds.
func feed[N any](from, to time.Time, notice func(time.Time) N) (all []string) {
	for at := from; at.Before(to); at = at.Add(10 * time.Second) {
		b, err := json.Marshal(notice(at))
		if err != nil {
			panic(err)
		}
		all = append(all, string(b))
	}
	return all
}

// TestNoticesHoldALevelAlone: by their types, and by all that thousands of
// random histories make of them.
func TestNoticesHoldALevelAlone(t *testing.T) {
	for _, n := range []any{ProtectedNotice{}, WearerNotice{}} {
		typ := reflect.TypeOf(n)
		if typ.NumField() != 1 || typ.NumMethod() != 0 {
			t.Errorf("%v has %d fields and %d methods", typ, typ.NumField(), typ.NumMethod())
		}
		if k := typ.Field(0).Type.Kind(); k != reflect.Bool && k != reflect.Uint8 {
			t.Errorf("%v holds a %v", typ, k)
		}
	}
	allowed := []string{`{"level":"clear"}`, `{"level":"unprotected"}`, `{"level":"pre-alert"}`, `{"level":"alert"}`,
		`{"keep_away":true}`, `{"keep_away":false}`}
	seen := map[string]int{}
	for seed := range uint64(2000) {
		obs := walk(seed, 30)
		end := obs[len(obs)-1].At.Add(time.Hour)
		events := present(t, walkConfig(), end, obs)
		d := Disclosure{Named: []string{"home", Moving}, Grid: time.Duration(1+seed%20) * time.Minute}
		for at := noon; at.Before(end); at = at.Add(97 * time.Second) {
			for _, n := range []any{d.Protected(at, events), d.Wearer(at, events)} {
				b, err := json.Marshal(n)
				if err != nil {
					t.Fatal(err)
				}
				seen[string(b)]++
			}
		}
	}
	for n := range seen {
		if !slices.Contains(allowed, n) {
			t.Errorf("a notice says %s", n)
		}
		var p ProtectedNotice
		if err := json.Unmarshal([]byte(n), &p); err != nil {
			t.Error(err)
		} else if b, _ := json.Marshal(p); strings.Contains(n, "level") && string(b) != n {
			t.Errorf("%s was read as %s", n, b)
		}
	}
	if err := new(Level).UnmarshalText([]byte("near")); err == nil || Level(9).String() != "level(9)" {
		t.Error("a level that there is not")
	}
	if len(seen) != len(allowed) {
		t.Errorf("only %v occurred", seen)
	}
	t.Log(seen)
}

// TestNoticesOnTheGrid: falls, and all that the wearer is told, come on lines of
// the grid; rises of the protected person's level at once.
func TestNoticesOnTheGrid(t *testing.T) {
	changed := 0
	for seed := range uint64(30) {
		obs := walk(seed, 60)
		end := obs[len(obs)-1].At.Add(time.Hour)
		events := present(t, walkConfig(), end, obs)
		d := Disclosure{Named: []string{"home", Moving}, Grid: 7 * time.Minute}
		was, told := d.Protected(noon, events), d.Wearer(noon, events)
		for at := noon; at.Before(end); at = at.Add(time.Second) {
			line := at.Equal(at.Truncate(d.Grid))
			n, w := d.Protected(at, events), d.Wearer(at, events)
			if w != told && !line {
				t.Fatalf("seed %d: the wearer's notice changed at %v", seed, at)
			}
			if n.Level < was.Level && !line {
				t.Fatalf("seed %d: the protected person's level fell at %v", seed, at)
			}
			for i := range events {
				e := &events[i]
				if e.At.Before(at) && (e.Open() || e.Until.After(at)) && LevelOf(e.Detail.Kind) > n.Level {
					t.Fatalf("seed %d: %v at %v, though %s is open", seed, n.Level, at, e.Detail.Kind)
				}
			}
			if w != told {
				changed++
			}
			was, told = n, w
		}
	}
	if changed < 30 {
		t.Errorf("the wearer's notice changed %d times: too few to tell", changed)
	}
}

// TestScheduleOfNotices is worked by hand: an alert from 12:07 to 12:20.
func TestScheduleOfNotices(t *testing.T) {
	events := []em.Event{{Rule: Rule, About: Moving, At: second(7 * 60), Until: second(20 * 60), Detail: em.Detail{Kind: EventAlert}},
		{Rule: "zones", About: Moving, At: second(0), Detail: em.Detail{Kind: EventAlert}}}
	d := Disclosure{Named: []string{Moving}}
	var got []string
	last := ""
	for m := range 90 {
		at := second(float64(60 * m))
		p, w := d.Protected(at, events), d.Wearer(at, events)
		line := p.Level.String()
		if w.KeepAway {
			line += ", keep away"
		}
		if line != last {
			got, last = append(got, at.Format("15:04 ")+line), line
		}
	}
	// The cells 12:00 to 12:15 and 12:15 to 12:30 are told at 12:30 and 12:45.
	want := []string{"12:00 clear", "12:07 alert", "12:30 clear, keep away", "13:00 clear"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if at := d.Next(second(1)); !at.Equal(second(900)) {
		t.Errorf("next line at %v", at)
	}
	if d := (Disclosure{}); d.Wearer(second(30*60), events).KeepAway {
		t.Error("the wearer is told of a zone that the order does not name")
	}
}

// TestWearerCannotSearch moves the protected person: wherever she is, what the
// wearer is told is byte for byte the same, unless the order names the zone and
// the level itself changes.
func TestWearerCannotSearch(t *testing.T) {
	told := map[string]int{}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 5))
		// The wearer stays within 50 m; the protected person comes and goes.
		var wearerTrack []em.Observation
		for s := 0.0; s < 7200; s += 60 {
			wearerTrack = append(wearerTrack, report(tag, s, at(100*(r.Float64()-.5), 100*(r.Float64()-.5))))
		}
		visit := float64(60 * r.IntN(90)) // when she is near, for ten minutes
		story := func(north, east float64, near func() em.LatLng) []em.Observation {
			obs := slices.Clone(wearerTrack)
			for s := 0.0; s < 7200; s += 60 {
				p := at(north, east)
				if s >= visit && s < visit+600 {
					p = near()
				}
				obs = append(obs, report(phone, s, p))
			}
			slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
			return obs
		}
		c := walkConfig()
		c.Zones[0].Center = at(420, 0) // 400 m about it: the wearer goes in and out
		end := second(9000)
		from := Disclosure{Named: []string{"home"}} // the moving zone is not named
		named := Disclosure{Named: []string{Moving}}
		var secret, open []string
		for i, obs := range [][]em.Observation{
			story(4000, 0, func() em.LatLng { return at(120, 0) }),
			story(0, -3900, func() em.LatLng { return at(-200*r.Float64(), 150*r.Float64()) }),
			story(-2500, 3000, func() em.LatLng { return at(0, 250*r.Float64()) }),
			story(4000, 0, func() em.LatLng { return at(4000, 0) }), // never near
		} {
			events := present(t, c, end, obs)
			s := feed(noon, end, func(at time.Time) WearerNotice { return from.Wearer(at, events) })
			o := feed(noon, end, func(at time.Time) WearerNotice { return named.Wearer(at, events) })
			if i == 0 {
				secret, open = s, o
			}
			if !slices.Equal(s, secret) {
				t.Fatalf("seed %d: story %d changes what the wearer hears of a zone that is not named", seed, i)
			}
			if i < 3 && !slices.Equal(o, open) {
				t.Fatalf("seed %d: story %d has the same levels, but the wearer hears something else", seed, i)
			}
			if i == 3 && slices.Equal(o, open) {
				t.Fatalf("seed %d: the order names the zone, but the wearer never hears of it", seed)
			}
			for _, n := range s {
				told[n]++
			}
		}
	}
	if len(told) != 2 {
		t.Errorf("notices were %v", told)
	}
}
