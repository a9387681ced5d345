package geofence_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// followStep is a step, and what is to come of it.
type followStep struct {
	step
	want em.Side
	away float64 // s
}

func TestPresence(t *testing.T) {
	v := func(mps, at, distance float64, want em.Side, away float64) followStep {
		return followStep{step{at: at, distance: distance, radius: 20, change: speed(mps)}, want, away}
	}
	none := func(at, distance float64, want em.Side, away float64) followStep {
		return followStep{step{at: at, distance: distance, radius: 20}, want, away}
	}
	for name, script := range map[string][]followStep{
		"reflections": {
			v(1.2, 1, -60, em.Inside, 0),     // it measures its speed
			v(0, 2, -60, em.Inside, 0),       // rests here
			v(.2, 3, 40, em.SideUnknown, 0),  // 100 m from there: drift
			v(.4, 4, 200, em.SideUnknown, 0), // 250 m
			v(.3, 5, 300, em.Outside, 0),     // more than 300 m: it rests here now; standing, it takes two
			v(.3, 6, 300, em.Outside, 0),
			v(1.3, 7, 200, em.Outside, 180./70), // moving, near where it rests, outside
			v(1.3, 8, 60, em.Outside, 40./70),
			v(1.2, 9, -60, em.Inside, 0),
		},
		"out at a walk": {
			v(1.2, 1, -60, em.Inside, 0), v(0, 2, -60, em.Inside, 0),
			v(1.6, 3, 30, em.Outside, 10./70), // one fix of 1.5 m/s, farther than both circles
			v(.2, 4, 50, em.Outside, 0),       // rests here
			v(.2, 5, 50, em.Outside, 0),
		},
		"out slowly": {
			v(1.2, 1, -60, em.Inside, 0), v(0, 2, -60, em.Inside, 0),
			v(.9, 3, 30, em.SideUnknown, 0), // one moving fix may be wrong
			v(.9, 4, 60, em.Outside, 40./70),
			v(.7, 5, 70, em.Outside, 0), // neither: it does not rest, and takes two
		},
		"always nought": {
			v(0, 1, -60, em.Inside, 0), v(0, 2, -60, em.Inside, 0), // rests here, as without a speed
			v(0, 3, 85, em.SideUnknown, 0), // one pace, and 145 m from the rest
			v(0, 4, -60, em.Inside, 0),     // another: it rests no more
			v(0, 5, -60, em.Inside, 0),     // but here
			v(0, 6, 95, em.SideUnknown, 0), // 155 m within a minute: a jump
			v(0, 7, -60, em.Inside, 0),
			v(1.2, 8, 60, em.SideUnknown, 0), // it measures its speed; one moving fix may be wrong
			v(1.2, 9, 70, em.Outside, 50./70),
		},
		"no speed, reflections": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0), // rests here
			none(3, 70, em.SideUnknown, 0), // one pace, and 130 m from the rest
			none(4, 70, em.SideUnknown, 0),
			none(5, -60, em.Inside, 0),
		},
		"no speed, out": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(3, 25, em.SideUnknown, 0), // 1.4 m/s
			none(4, 110, em.Outside, 90./70),
			none(5, 110, em.Outside, 0), // rests here
			none(6, 110, em.Outside, 0),
		},
		"no speed, too far for drift": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(4, 95, em.Outside, 0), // 155 m from the rest within two minutes; one pace, so that it takes two
			none(5, 95, em.Outside, 0),
		},
		"no speed, a jump": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(3, 70, em.SideUnknown, 0), // 130 m within a minute are 2.2 m/s, but it is drift
			none(4, -60, em.Inside, 0), none(5, -60, em.Inside, 0),
			none(6, 95, em.SideUnknown, 0), // 155 m are 2.6 m/s: a jump
			none(7, 95, em.SideUnknown, 0), // where it stands
			none(10.9, 95, em.SideUnknown, 0),
			none(11, 95, em.Outside, 0), // five minutes after it
		},
		"no speed, driven away": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(3, 95, em.SideUnknown, 0),    // 2.6 m/s
			none(4, 180, em.Outside, 160./70), // 1.4 m/s: it goes on
			none(5, 180, em.Outside, 0),       // and stands now
		},
		"no speed, a long jump": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(3, 321, em.Outside, 0), // 301 m beyond the radius
			none(4, 320, em.SideUnknown, 0),
		},
		"no speed, a jump seen often": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(2.3, 95, em.SideUnknown, 0), // 155 m, 18 s after the last: 8.6 m/s
			none(2.6, 95, em.SideUnknown, 0),
		},
		"no speed, seen on its way": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(2.2, 70, em.SideUnknown, 0), // 130 m from the rest: drift, and the mean is 50 m inside now
			none(2.3, 105, em.Outside, 0),    // 155 m from there, but 35 m from the last, within both circles
		},
		"no speed, a jump that wavers": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(3, 95, em.SideUnknown, 0),
			none(4, 130, em.SideUnknown, 0), // 0.6 m/s, but 35 m are within both circles
		},
		"no speed, outside already": {
			none(1, 60, em.Outside, 0), none(2, 60, em.Outside, 0), // rests here
			none(3, 215, em.Outside, 0), // from outside a jump says nothing
		},
		"a silence": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(12, 70, em.SideUnknown, 0), // one fix after it says nothing near the rest
			none(13, 70, em.Outside, 0),     // and the next is where it rests now
		},
		"no speed, ways that errors make": {
			{step{at: 1, distance: -60, radius: 30}, em.Inside, 0},
			{step{at: 2, distance: -60, radius: 30}, em.Inside, 0},
			{step{at: 3, distance: -25, radius: 30}, em.SideUnknown, 0}, // 35 m are 0.6 m/s, but within √(30² + 30²) m
			{step{at: 4, distance: 75, radius: 30}, em.SideUnknown, 0},  // so this is one pace, near where it rests
		},
		"no speed, a way longer than errors": {
			{step{at: 1, distance: -60, radius: 30}, em.Inside, 0},
			{step{at: 2, distance: -60, radius: 30}, em.Inside, 0},
			{step{at: 3, distance: -15, radius: 30}, em.SideUnknown, 0}, // 45 m
			{step{at: 4, distance: 75, radius: 30}, em.Outside, 45. / 70},
		},
		"no speed, back from a jump": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			none(3, 95, em.SideUnknown, 0), // 155 m, 2.6 m/s
			none(4, -60, em.Inside, 0),     // back as fast, which is no moving about
			none(5, 95, em.SideUnknown, 0), // so that it jumps again
			none(6, 95, em.SideUnknown, 0),
		},
		"no speed, a jump from where access points had it": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			{step{at: 5.9, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			{step{at: 6, distance: 90, radius: 301, change: source(em.SourceCell)}, em.SideUnknown, 0}, // too coarse to say where
			none(7, 95, em.SideUnknown, 0), // five minutes after the last by satellites, but 2.3 m/s from there
			none(11.9, 95, em.SideUnknown, 0),
			none(12, 95, em.Outside, 0),
		},
		"no speed, access points had it outside since": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			{step{at: 5.9, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			{step{at: 6, distance: 10, radius: 49, change: source(em.SourceWiFi)}, em.SideUnknown, 0},
			none(7, 95, em.Outside, 0),
		},
		"no speed, gone since access points had it": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			{step{at: 5.4, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			none(7, 95, em.Outside, 0), // 1.6 m/s: a quick walk
		},
		"no speed, seen since access points had it": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			{step{at: 5.9, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			none(6.1, 5, em.SideUnknown, 0),
			none(7, 110, em.Outside, 0), // 2.6 m/s from there, but 1.9 from the satellites' last
		},
		"no speed, access points had it long ago": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			{step{at: 3, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			none(6.1, 400, em.Outside, 0), // 460 m within three minutes and more: 2.5 m/s, but who knows since when
			none(7.1, 310, em.Outside, 0),
		},
		"a silence in which access points had it inside": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			{step{at: 10.5, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			none(12, 70, em.SideUnknown, 0),
			none(13, 70, em.SideUnknown, 0), // it has rested inside all the time
			none(14, 70, em.SideUnknown, 0),
			none(15, -60, em.Inside, 0),
		},
		"a silence long after access points had it inside": {
			none(1, -60, em.Inside, 0), none(2, -60, em.Inside, 0),
			{step{at: 7, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			none(12, 70, em.SideUnknown, 0),
			none(13, 70, em.Outside, 0), // six minutes
		},
		"excluded by access points": {
			none(1, -60, em.Inside, 0),
			{step{at: 2, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0}, // agrees with it, off by 5 km at worst
			// In a minute, and a second more for the clock, 4,270 m at 70 m/s: with 5 km
			// and 20 m that reaches 9,290 m, and this is 40 km off. Three times as long
			// as the way takes is 1,717 s.
			none(3, 40000, em.SideUnknown, 0),
			none(3.5, -60, em.Inside, 0), // true again
			none(4, 40000, em.SideUnknown, 0),
			{step{at: 32, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			none(32.6, 40000, em.SideUnknown, 0),     // 1,716 s
			none(32.7, 40000, em.Outside, 39980./70), // they stay: taken as true
			none(33, 40000, em.Outside, 39980./70),
		},
		"not excluded by what may be wrong": {
			none(1, -60, em.Inside, 0),
			{step{at: 2, distance: 40000, radius: 49, change: source(em.SourceWiFi)}, em.SideUnknown, 0}, // by itself, against a fix before it
			none(3, -60, em.Inside, 0),
			{step{at: 4, distance: -60, radius: 49, change: source(em.SourceWiFi)}, em.Inside, 0},
			none(5, 9000, em.Outside, 8980./70), // within what both may be off by
		},
		"others": {
			{step{at: 1, distance: 500, radius: 40, change: source(em.SourceCell)}, em.SideUnknown, 0},
			{step{at: 2, distance: -50, radius: 40, change: source(em.SourceWiFi)}, em.Inside, 0},
			{step{at: 3, distance: 500, radius: 10, change: validity(em.FixLastKnown)}, em.SideUnknown, 0},
			{step{at: 4, change: body(&em.Beacon{Beacon: "home", Radio: "rf"})}, em.SideUnknown, 0},
			{step{at: 5, distance: 50, radius: 50.1}, em.SideUnknown, 0},
			{step{at: 6, distance: 50, radius: 49.9}, em.Outside, 0},
		},
		"two devices": {
			v(1.2, 1, -60, em.Inside, 0), v(0, 2, -60, em.Inside, 0),
			{step{at: 3, distance: 80, radius: 20, change: device("phone:1")}, em.Outside, 0},
			v(.2, 4, 40, em.SideUnknown, 0),
			{step{at: 4, distance: 80, radius: 20, change: device("phone:1")}, em.Outside, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := PresenceAt(roundZone(KindHome), 0)
			if err != nil {
				t.Fatal(err)
			}
			p := at()
			for _, s := range script {
				side, away := p.Follow(s.observation())
				if side != s.want || math.Abs(away.Seconds()-s.away) > .002 || (away > 0) != (s.away > 0) {
					t.Errorf("minute %v: %v, away for %v; want %v, %.3f s", s.at, side, away, s.want, s.away)
				}
				b, err := p.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				p = at()
				if err := p.UnmarshalBinary(b); err != nil {
					t.Fatal(err)
				}
				for n := range b {
					if err := at().UnmarshalBinary(b[:n]); n > 0 && !errors.Is(err, em.ErrState) {
						t.Fatalf("%d bytes of %d: %v", n, len(b), err)
					}
				}
				if len(b) == 0 {
					continue
				}
				b[0]++
				if err := p.UnmarshalBinary(b); !errors.Is(err, em.ErrState) {
					t.Fatalf("another version: %v", err)
				}
			}
		})
	}
}

// TestPresenceWhy has what made each sight what it is, worked by hand: edges are 100 m
// from the middle, and the circles of fixes 20 m.
func TestPresenceWhy(t *testing.T) {
	v := func(mps, at, distance float64) step {
		return step{at: at, distance: distance, radius: 20, change: speed(mps)}
	}
	none := func(at, distance float64) step { return step{at: at, distance: distance, radius: 20} }
	for name, x := range map[string]struct {
		script []step
		words  string // of the last
		facts  string
	}{
		"inside": {[]step{v(0, 1, -60)}, "60 m inside the edge, position good to ±20 m",
			"presence presence/7; by circle; distance_m -60 m; margin_m 40 m; radius95_m reported 20 m; speed_mps 0 m/s"},
		"a moving fix": {[]step{v(1.2, 1, -60), v(1.3, 2, 60)},
			"60 m outside the edge, position good to ±20 m, at 1.3 m/s, moving",
			"presence presence/7; by speed; distance_m 60 m; margin_m 40 m; radius95_m reported 20 m; speed_mps 1.3 m/s; moving_mps 0.8 m/s; proves_s 0.571 s"},
		"standing": {[]step{v(1.2, 1, 60), v(.3, 2, 60)},
			"60 m outside the edge, position good to ±20 m, at 0.3 m/s, which takes another one to prove it",
			"presence presence/7; by several; distance_m 60 m; margin_m 40 m; radius95_m reported 20 m; speed_mps 0.3 m/s; moving_mps 0.8 m/s; proves_s 0 s"},
		"two paces": {[]step{none(1, -60), none(2, -60), none(3, 25), none(4, 110)},
			"110 m outside the edge, position good to ±20 m, at a pace of 1.4 m/s, moving by two paces",
			"presence presence/7; by pace; distance_m 110 m; margin_m 90 m; radius95_m reported 20 m; pace_mps 1.42 m/s; moving_mps 0.5 m/s; proves_s 1.285 s"},
		"far": {[]step{none(1, 1100)}, "1100 m outside the edge, position good to ±20 m, too far for reflections",
			"presence presence/7; by distance; distance_m 1100 m; margin_m 1080 m; radius95_m reported 20 m; moving_mps 0.5 m/s; proves_s 15.428 s"},
		"by access points": {[]step{{at: 1, distance: -50, radius: 40, change: source(em.SourceWiFi)}},
			"50 m inside the edge, position good to ±40 m, by cells or access points",
			"presence presence/7; by network; distance_m -50 m; margin_m 10 m; radius95_m reported 40 m"},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := PresenceAt(roundZone(KindHome), 0)
			if err != nil {
				t.Fatal(err)
			}
			p := at()
			for _, s := range x.script {
				p.Follow(s.observation())
			}
			words, facts := p.Why()
			var b strings.Builder
			for i, f := range facts {
				if i > 0 {
					b.WriteString("; ")
				}
				b.WriteString(f.Name)
				if f.Text != "" {
					b.WriteString(" " + f.Text)
				}
				if f.Unit != "" {
					fmt.Fprintf(&b, " %v %s", f.Num, f.Unit)
				}
			}
			if words != x.words || b.String() != x.facts {
				t.Errorf("%s\n%s\nwant\n%s\n%s", words, b.String(), x.words, x.facts)
			}
		})
	}
}

// TestPresenceDevices: of more devices than a person has, that is forgotten which
// was heard least lately.
func TestPresenceDevices(t *testing.T) {
	at, err := PresenceAt(roundZone(KindHome), 0)
	if err != nil {
		t.Fatal(err)
	}
	p := at()
	follow := func(minute float64, k int) {
		p.Follow(step{at: minute, distance: -60, radius: 20, change: device(em.DeviceID(fmt.Sprintf("test:%d", k)))}.observation())
	}
	for k := range 8 {
		follow(float64(k), k)
	}
	follow(20, 0)
	follow(21, 9)
	state, err := p.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range []bool{true, false, true, true, true, true, true, true, false, true} {
		if bytes.Contains(state, fmt.Appendf(nil, "test:%d", k)) != want {
			t.Errorf("device %d is known: %v", k, !want)
		}
	}
}

// stateOfVersion1 is of three fixes at the minutes 1, 2 and 3, 60 m inside: what a
// Presence wrote that knew no jumps, and nothing of cells or access points.
// stateOfVersion3 has a position by access points half a minute later, and so has
// stateOfVersion4.
const (
	stateOfVersion1 = "\x01\x01\x14test:990000000000017\x01軇\xac\r\x00\x02\x00@KW\xfbgP|u@9G\xae\x14z\xe1H\x01軇\xac\r\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02@KW\xfbgP|u@9G\xae\x14z\xe1H@4\x00\x00\x00\x00\x00\x00"
	stateOfVersion3 = "\x03\x01\x14test:990000000000017\a\x01軇\xac\r\x00\x00\x00B\xf6\xe3\x8f\xcdR@\x88\xaf\x01dJY\f\xd4g\x01軇\xac\r\x00@KW\xfbgP|u@9G\xae\x14z\xe1H@4\x00\x00\x00\x00\x00\x00\x00\x01\x00\xce\xe7k\x14%\xce\xe3p\xf8\x01\r\xbc\x11uɁ\x01\xa4\xbc\x87\xac\r\x00@KX\x10\b%\x87i@9G\xae\x14z\xe1H@H\x80\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00@KW\xfbgP|u@9G\xae\x14z\xe1H\x01軇\xac\r\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02@KW\xfbgP|u@9G\xae\x14z\xe1H@4\x00\x00\x00\x00\x00\x00"
	stateOfVersion4 = "\x04\x01\x14test:990000000000017\a\x01軇\xac\r\x00\x00\x00B\xf6\xe3\x8f\xcdR@\x88\xaf\x01dJY\f\xd4g\x01軇\xac\r\x00@KW\xfbgP|u@9G\xae\x14z\xe1H@4\x00\x00\x00\x00\x00\x00\x00\x01\x00\xce\xe7k\x14%\xce\xe3p\xf8\x01\r\xbc\x11uɁ\x01\xa4\xbc\x87\xac\r\x00@KX\x10\b%\x87i@9G\xae\x14z\xe1H@H\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00@KW\xfbgP|u@9G\xae\x14z\xe1H@4\x00\x00\x00\x00\x00\x00\x01軇\xac\r\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02@KW\xfbgP|u@9G\xae\x14z\xe1H@4\x00\x00\x00\x00\x00\x00"
)

// TestPresenceOldState: states of older versions are read, and go on as if they had
// been kept.
func TestPresenceOldState(t *testing.T) {
	at, err := PresenceAt(roundZone(KindHome), 0)
	if err != nil {
		t.Fatal(err)
	}
	wifi := step{at: 3.5, distance: 10, radius: 49, change: source(em.SourceWiFi)}
	for name, x := range map[string]struct {
		state string
		more  []step
	}{"1": {stateOfVersion1, nil}, "3": {stateOfVersion3, []step{wifi}}, "4": {stateOfVersion4, []step{wifi}}} {
		t.Run(name, func(t *testing.T) {
			old, kept := at(), at()
			if err := old.UnmarshalBinary([]byte(x.state)); err != nil {
				t.Fatal(err)
			}
			for minute := range 3 {
				kept.Follow(step{at: float64(minute + 1), distance: -60, radius: 20}.observation())
			}
			for _, s := range x.more {
				kept.Follow(s.observation())
			}
			for k, s := range []step{
				{at: 4, distance: 70, radius: 20}, // drift about where it rests
				{at: 5, distance: -60, radius: 20},
				{at: 5.5, distance: 10, radius: 20, change: source(em.SourceWiFi)},
				{at: 6, distance: 95, radius: 20}, // a jump
				{at: 11, distance: 95, radius: 20},
			} {
				side, away := old.Follow(s.observation())
				want, wanted := kept.Follow(s.observation())
				a, errA := old.AppendBinary(nil)
				b, errB := kept.AppendBinary(nil)
				if side != want || away != wanted || errA != nil || errB != nil || k > 2 && !bytes.Equal(a, b) {
					t.Errorf("minute %v: %v %v, want %v %v; %v %v; %x, want %x", s.at, side, away, want, wanted, errA, errB, a, b)
				}
			}
		})
	}
}

func TestPresenceAtErrors(t *testing.T) {
	if _, err := PresenceAt(roundZone("house"), 0); !errors.Is(err, ErrKind) {
		t.Errorf("bad zone: %v", err)
	}
	if _, err := PresenceAt(roundZone(KindHome), -1); !errors.Is(err, ErrConfig) {
		t.Errorf("bad accuracy: %v", err)
	}
}
