package proximity_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence/proximity"
)

// FuzzState: no bytes make it panic, what it takes it writes again, and what it
// refuses changes nothing.
func FuzzState(f *testing.F) {
	c := walkConfig()
	f.Add([]byte{})
	for seed := range uint64(4) {
		e := mustNew(f, c)
		for _, o := range walk(seed, 8) {
			for d := e.Deadline(); !d.IsZero() && !d.After(o.At); d = e.Deadline() {
				e.Wake(nil, d)
			}
			e.Observe(nil, o)
		}
		state, err := e.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(state)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e := mustNew(t, c)
		if err := e.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, em.ErrState) {
				t.Fatalf("%v is no em.ErrState", err)
			}
			if after, _ := e.AppendBinary(nil); len(after) != 0 {
				t.Fatal("a refused state was taken")
			}
			return
		}
		again, err := e.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%x was written as %x: %v", b, again, err)
		}
		e.Deadline()
		e.Observe(nil, report(tag, 0, at(0, 0)))
		if d := e.Deadline(); !d.IsZero() {
			e.Wake(nil, d)
		}
	})
}

func TestMalformedState(t *testing.T) {
	p := newPlayer(t, pair())
	p.play(report(phone, 0, at(0, 0)), report(tag, 0, at(100, 0)), report(tag, 60, at(100, 0)))
	state, err := p.main.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(state); n++ {
		if err := mustNew(t, pair()).UnmarshalBinary(state[:n]); !errors.Is(err, em.ErrState) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(state), err)
		}
	}
	for _, bad := range [][]byte{append(bytes.Clone(state), 0), append([]byte{1}, state[1:]...), append([]byte{2, 2}, state[2:]...)} {
		if err := mustNew(t, pair()).UnmarshalBinary(bad); !errors.Is(err, em.ErrState) {
			t.Errorf("%v", err)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"negative radius":       func(c *Config) { c.Radius = -1 },
		"radius beyond all":     func(c *Config) { c.Radius = 1e8 },
		"radius is no number":   func(c *Config) { c.Radius = math.NaN() },
		"infinite margin":       func(c *Config) { c.Margin = math.Inf(1) },
		"pre-alert inside":      func(c *Config) { c.PreAlert = .5 },
		"slowest above fastest": func(c *Config) { c.MinSpeed = 40 },
		"negative age":          func(c *Config) { c.MaxAge = -1 },
		"age of days":           func(c *Config) { c.MaxAge = 25 * time.Hour },
		"since before time":     func(c *Config) { c.Since = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) },
		"until before since":    func(c *Config) { c.Since, c.Until = second(9), second(9) },
		"zone without id":       func(c *Config) { c.Zones = []Zone{{Radius: 1}} },
		"zone with our name":    func(c *Config) { c.Zones = []Zone{{ID: Moving, Radius: 1}} },
		"zone twice":            func(c *Config) { c.Zones = []Zone{{ID: "a", Radius: 1}, {ID: "a", Radius: 1}} },
		"zone without radius":   func(c *Config) { c.Zones = []Zone{{ID: "a"}} },
		"zone nowhere":          func(c *Config) { c.Zones = []Zone{{ID: "a", Radius: 1, Center: em.LatLng{Lat: 91}}} },
		"too many zones":        func(c *Config) { c.Zones = make([]Zone, MaxZones+1) },
		"one device for both": func(c *Config) {
			c.Wearer, c.Protected = []Assignment{{tag, second(0), second(9)}}, []Assignment{{tag, second(8), time.Time{}}}
		},
	} {
		c := pair()
		change(&c)
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := pair()
	c.Wearer, c.Protected = []Assignment{{tag, second(0), second(9)}}, []Assignment{{tag, second(9), time.Time{}}}
	if _, err := New(c); err != nil {
		t.Errorf("a device that changes hands: %v", err)
	}
}

// TestEverywhere: two people and what they do give the same events wherever on
// earth they are: about the antimeridian and the poles too.
func TestEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lat := rapid.Float64Range(-89.9, 89.9).Draw(t, "latitude")
		lng := rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{180, -180, 179.9999})).Draw(t, "longitude")
		put := func(north float64) em.LatLng { return em.LatLng{Lat: lat + north*degree/10, Lng: lng} }
		opposite := func(p em.LatLng) em.LatLng { // the same place near ±180
			if p.Lng >= 180 {
				p.Lng -= 360
			}
			return p
		}
		from, to := rapid.Float64Range(600, 900).Draw(t, "from"), rapid.Float64Range(-900, -600).Draw(t, "to")
		c := pair()
		c.Radius = 50
		e, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []em.EventKind
		for _, o := range []em.Observation{report(phone, 0, opposite(put(0))), report(tag, 0, put(from)), report(tag, 60, put(to)), report(phone, 60, opposite(put(0)))} {
			for _, ev := range e.Observe(nil, o) {
				if ev.Detail.Kind == EventAlert {
					kinds = append(kinds, ev.Detail.Kind)
				}
			}
		}
		if len(kinds) != 1 {
			t.Errorf("%d alerts of one who passed through from %v to %v tenths of a metre", len(kinds), from, to)
		}
	})
}
