package geofence_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

var update = flag.Bool("update", false, "write what was told into the scripts of testdata; their evidence is never written")

// readScript reads a script. Places are metres east and north of a point, so
// that all distances can be worked out by hand; what is told follows a line of
// two dashes, each event by its time of telling, kind, class, zone and interval.
//
//	config {"OutlierRun": 4}               over the zero Config
//	zone z exclusion circle 0 0 100        centre and radius
//	zone z inclusion line 20 0 0 500 0     half width, then points
//	zone z exclusion box -50 -50 50 50     corners
//	zone z exclusion circle 0 0 100 during 10:00-11:00 12:00-13:00
//	10:00 300 0 r20                        a fix 300 m east, good to ±20 m (95 %)
//	10:00 300 0                            a fix of unstated accuracy
//	                 hdop2 speed1.5        what else it says
//	                 cell wifi old invalid how it was found, what it is worth
//	                 phone                 another device
//	10:00 beat                             no fix
//	contact unit 0 0 500                   a unit at a known place, and its reach
//	10:00 hears unit                       a contact with it
//	until 12:00                            wake up to then
func readScript(t *testing.T, doc string) (config Config, zones []Zone, obs []em.Observation, until time.Time) {
	t.Helper()
	fail := func(line string, why any) {
		t.Helper()
		t.Fatalf("%q: %v", line, why)
	}
	for _, line := range strings.Split(doc, "\n") {
		text, _, _ := strings.Cut(line, "#")
		f := strings.Fields(text)
		if len(f) == 0 {
			continue
		}
		switch f[0] {
		case "config":
			d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(text), "config")))
			d.DisallowUnknownFields()
			if err := d.Decode(&config); err != nil {
				fail(line, err)
			}
		case "zone":
			z, err := scriptZone(f[1:])
			if err != nil {
				fail(line, err)
			}
			zones = append(zones, z)
		case "contact":
			config.Contacts = append(config.Contacts, em.Contact{Beacon: f[1], Place: metresFrom(number(t, f[2]), number(t, f[3])), Reach: number(t, f[4])})
		case "until":
			until = clock(t, f[1])
		default:
			at := clock(t, f[0])
			o := em.Observation{Device: "test:990000000000017", DeviceAt: at, Body: &em.Comms{Event: em.CommsHeartbeat}}
			switch f[1] {
			case "beat":
			case "hears":
				o.Body = &em.Beacon{Beacon: f[2], Radio: "rf"}
			default:
				fix := &em.Fix{LatLng: metresFrom(number(t, f[1]), number(t, f[2])), Validity: em.FixCurrent, Source: em.SourceGNSS}
				o.Body = fix
				for _, word := range f[3:] {
					name := strings.TrimRight(word, "0123456789.")
					n := func() em.Opt[float64] { return em.Some(number(t, word[len(name):])) }
					switch name {
					case "r":
						fix.Accuracy = r95(n().V)
					case "hdop":
						fix.HDOP = n()
					case "speed":
						fix.Speed = n()
					case "cell":
						fix.Source = em.SourceCell
					case "wifi":
						fix.Source = em.SourceWiFi
					case "old":
						fix.Validity = em.FixLastKnown
					case "invalid":
						fix.Validity = em.FixInvalid
					case "phone":
						o.Device = "phone:990000000000025"
					default:
						fail(line, word)
					}
				}
			}
			o = o.Stamp(at)
			o.Received = time.Time{}
			obs = append(obs, o)
		}
	}
	return config, zones, obs, until
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func clock(t *testing.T, s string) time.Time {
	t.Helper()
	if len(s) == 5 {
		s += ":00"
	}
	at, err := time.Parse("15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2026, 10, 3, at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
}

// metresFrom is the place so many metres east and north of place.
func metresFrom(x, y float64) em.LatLng {
	const degree = em.EarthRadius * math.Pi / 180
	return em.LatLng{Lat: place.Lat + y/degree, Lng: place.Lng + x/degree/math.Cos(place.Lat*math.Pi/180)}
}

func scriptZone(f []string) (z Zone, err error) {
	z = Zone{ID: f[0], Version: "v1", Kind: Kind(f[1])}
	var n []float64
	i := 3
	for ; i < len(f) && f[i] != "during"; i++ {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return z, err
		}
		n = append(n, v)
	}
	point := func(k int) orb.Point { p := metresFrom(n[k], n[k+1]); return orb.Point{p.Lng, p.Lat} }
	switch f[2] {
	case "circle":
		z.Shape = Circle{Center: point(0), Radius: n[2]}
	case "line":
		c := Corridor{HalfWidth: n[0]}
		for k := 1; k < len(n); k += 2 {
			c.Line = append(c.Line, point(k))
		}
		z.Shape = c
	case "box":
		a, b := point(0), point(2)
		z.Shape = Area{{box(a[0], a[1], b[0], b[1])}}
	default:
		return z, fmt.Errorf("no shape %q", f[2])
	}
	if i < len(f) {
		var w windows
		for _, during := range f[i+1:] {
			from, to, _ := strings.Cut(during, "-")
			var pair [2]float64
			for k, s := range []string{from, to} {
				at, err := time.Parse("15:04", s)
				if err != nil {
					return z, err
				}
				pair[k] = float64((at.Hour()-noon.Hour())*60 + at.Minute())
			}
			w = append(w, pair)
		}
		z.Active = scheduled{w}
	}
	return z, nil
}

// TestScripts plays the scripts of testdata, each with a Set and with an Index.
func TestScripts(t *testing.T) {
	alone(t)
	files, err := filepath.Glob("testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			doc, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want, ok := bytes.Cut(doc, []byte("\n--\n"))
			if !ok {
				t.Fatal("no line -- before what is told")
			}
			config, zones, obs, until := readScript(t, string(in))
			index := mustIndex(t, zones...)
			var got string
			for _, x := range []Zones{mustSet(t, zones...), index, mustIndex(t, append(zones, farZones()...)...)} {
				if x.Len() > MaxNear && (config.Buffer > 0 || config.UnknownAfter > 0) {
					continue
				}
				p := &player{t: t, make: func() *Tracker {
					tr, err := NewTracker(x, config)
					if err != nil {
						t.Fatal(err)
					}
					return tr
				}}
				p.main = p.make()
				for _, o := range obs {
					p.wakeUntil(o.At)
					p.call(o.At, func(t *Tracker) []em.Event { return t.Observe(nil, o) })
				}
				p.wakeUntil(until)
				told := p.lines()
				if x != index && got != "" && told != got {
					t.Errorf("of %d zones:\n%s\nof a set:\n%s", x.Len(), told, got)
				}
				got = told
			}
			if *update {
				if err := os.WriteFile(file, append(in, "\n--\n"+got...), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// farZones are so many that a Tracker does not look at all of them.
func farZones() []Zone {
	var far []Zone
	for i := range MaxNear {
		far = append(far, Zone{ID: fmt.Sprint("~far", i), Kind: KindExclusion, Shape: Circle{orb.Point{-100 + .01*float64(i), 0}, 100}})
	}
	return far
}

// lines writes what was told.
func (p *player) lines() string {
	var b strings.Builder
	for i, e := range p.told {
		fmt.Fprintf(&b, "%s %s", p.at[i].Format(time.TimeOnly), e.Detail.Kind)
		if e.Detail.Class != "" {
			fmt.Fprintf(&b, " %s", e.Detail.Class)
		}
		fmt.Fprintf(&b, " %s %s-", e.About, e.At.Format(time.TimeOnly))
		if !e.Open() {
			b.WriteString(e.Until.Format(time.TimeOnly))
		}
		fmt.Fprintf(&b, " %d\n    %s\n", len(e.Because), e.Detail.Reason)
	}
	return b.String()
}
