package proximity

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// Defaults of Config.
const (
	DefaultPreAlert = 2               // times the alert radius
	DefaultMaxAge   = 5 * time.Minute // of a position
	DefaultClear    = 2 * time.Minute // far enough for so long
	DefaultMargin   = 0.1             // times the alert radius
	DefaultMinSpeed = 1.5             // metres a second: a walk
	DefaultMaxSpeed = 30.0            // metres a second: a car on a country road
)

// Lookback is for how long the point at which the two were farthest apart is
// remembered, to tell who approached whom.
const Lookback = 30 * time.Minute

// MaxZones bounds Config.Zones, and with it the state of a pair: each fix is
// compared with all of them.
const MaxZones = 64

// Assignment says that a device is a person's in [From, To). A zero From or To
// is no bound.
type Assignment struct {
	Device   em.DeviceID
	From, To time.Time
}

func (a *Assignment) holds(at time.Time) bool {
	return !at.Before(a.From) && (a.To.IsZero() || at.Before(a.To))
}

// Zone is a fixed zone: a home, a workplace, a school.
type Zone struct {
	ID     string // events carry it as About
	Center em.LatLng
	Radius float64 // alert radius, metres
}

// Config is what the order says of one pair. Zero fields have the defaults
// above, if not stated otherwise. It is not changed after New.
type Config struct {
	Version string // of the order; told in every event

	// Since is when protection begins: whoever is not heard from then on is
	// stale. If zero, a person is stale only after a first fix.
	Since time.Time

	// Until is when protection ends: what is open then ends, and nothing later
	// counts. If zero, it goes on.
	Until time.Time

	Wearer, Protected []Assignment

	Radius float64 // alert radius of the moving zone, metres; 0: there is none
	Zones  []Zone

	PreAlert float64       // times the alert radius, at least 1
	Margin   float64       // metres beyond a radius at which one is out of it again; 0: DefaultMargin × R
	Clear    time.Duration // for how long one must be out
	MaxAge   time.Duration // beyond which a position is stale

	MinSpeed, MaxSpeed float64 // bounds of the speed since the last fix, m/s

	AssumedAccuracy float64 // 68 % radius of fixes that report none, metres; 0: geofence.DefaultAssumedAccuracy
	MaxRadius95     float64 // fixes with a larger 95 % radius are not used, metres; 0: geofence.DefaultMaxRadius95
}

// ErrConfig is wrapped by the errors of a Config that makes no sense.
var ErrConfig = errors.New("proximity: invalid config")

// Moving is the About of events of the moving zone. No fixed zone may have it as
// its ID.
const Moving = "moving"

// role tells the two persons apart.
type role uint8

const (
	wearer role = iota
	protected
)

func (r role) String() string { return [...]string{"wearer", "protected"}[r] }

// words is how sentences call the person.
func (r role) words() string { return [...]string{"wearer", "protected person"}[r] }

// zone is one thing to keep away from.
type zone struct {
	about       string
	radius, pre float64
	margin      float64
	moving      bool
	center      em.LatLng // where it is not moving
	m           vec       // center in metres
}

func (c *Config) complete() ([]zone, error) {
	bad := func(format string, args ...any) ([]zone, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
	}
	for _, v := range [...]struct {
		name  string
		value *float64
		def   float64
	}{
		{"Radius", &c.Radius, 0},
		{"PreAlert", &c.PreAlert, DefaultPreAlert},
		{"Margin", &c.Margin, 0},
		{"MinSpeed", &c.MinSpeed, DefaultMinSpeed},
		{"MaxSpeed", &c.MaxSpeed, DefaultMaxSpeed},
		{"AssumedAccuracy", &c.AssumedAccuracy, geofence.DefaultAssumedAccuracy},
		{"MaxRadius95", &c.MaxRadius95, geofence.DefaultMaxRadius95},
	} {
		if !(*v.value >= 0) || math.IsInf(*v.value, 0) {
			return bad("%s is %v", v.name, *v.value)
		}
		if *v.value == 0 {
			*v.value = v.def
		}
	}
	for _, v := range [...]struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{{"Clear", &c.Clear, DefaultClear}, {"MaxAge", &c.MaxAge, DefaultMaxAge}} {
		if *v.value < 0 || *v.value > 24*time.Hour {
			return bad("%s is %v, not in [0, 24h]", v.name, *v.value)
		}
		if *v.value == 0 {
			*v.value = v.def
		}
	}
	switch {
	case c.PreAlert < 1:
		return bad("PreAlert is %v, below the alert radius", c.PreAlert)
	case c.MinSpeed > c.MaxSpeed:
		return bad("MinSpeed %v is above MaxSpeed %v", c.MinSpeed, c.MaxSpeed)
	case len(c.Zones) > MaxZones:
		return bad("%d zones, more than %d", len(c.Zones), MaxZones)
	case !c.Since.IsZero() && (c.Since.Year() < 1970 || c.Since.Year() > 2261):
		return bad("Since is %v", c.Since)
	case !c.Until.IsZero() && (c.Until.Year() < 1970 || c.Until.Year() > 2261 || !c.Until.After(c.Since)):
		return bad("Until is %v", c.Until)
	}
	for i := range c.Wearer {
		for j := range c.Protected {
			if a, b := &c.Wearer[i], &c.Protected[j]; a.Device == b.Device &&
				(a.To.IsZero() || b.From.Before(a.To)) && (b.To.IsZero() || a.From.Before(b.To)) {
				return bad("device %q is both persons' at one time", a.Device)
			}
		}
	}
	var zones []zone
	add := func(z zone) {
		z.pre = c.PreAlert * z.radius
		if z.margin = c.Margin; z.margin == 0 {
			z.margin = DefaultMargin * z.radius
		}
		z.m = metres(z.center)
		zones = append(zones, z)
	}
	if c.Radius > 0 {
		add(zone{about: Moving, radius: c.Radius, moving: true})
	}
	seen := map[string]bool{"": true, Moving: true, wearer.String(): true, protected.String(): true}
	for i, z := range c.Zones {
		switch {
		case seen[z.ID]:
			return bad("zone %d: id %q is empty, reserved or in use", i, z.ID)
		case !z.Center.Valid():
			return bad("zone %d: center is no position", i)
		case !(z.Radius > 0) || z.Radius > geofence.MaxRadius:
			return bad("zone %d: radius is %v", i, z.Radius)
		}
		seen[z.ID] = true
		add(zone{about: z.ID, radius: z.Radius, center: z.Center})
	}
	if c.Radius > geofence.MaxRadius {
		return bad("Radius is %v", c.Radius)
	}
	return zones, nil
}

// roleOf says whose a device is at an instant.
func (c *Config) roleOf(d em.DeviceID, at time.Time) (role, bool) {
	for r, list := range [...][]Assignment{c.Wearer, c.Protected} {
		for i := range list {
			if list[i].Device == d && list[i].holds(at) {
				return role(r), true
			}
		}
	}
	return 0, false
}
