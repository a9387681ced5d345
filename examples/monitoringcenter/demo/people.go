package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

// Everything here is invented: people, addresses, identities. The positions are
// scattered round city centres without regard to what stands there.

// actor is one simulated device on one invented person.
type actor struct {
	person   roster.Person
	codec    string
	identity string
	every    time.Duration                            // between positions; zero for a device that has none
	where    func(elapsed time.Duration) em.LatLng    // true position
	extra    map[int]func(time.Time) []em.Observation // at a second of the demo: something besides
	silent   time.Duration                            // stops reporting after this; zero for never
	hidden   time.Duration                            // has no position before this
	serial   bool                                     // speaks over the serial line
	enrolled time.Duration                            // when an officer enters the person; zero: before the start
}

type city struct {
	name string
	em.LatLng
}

var cities = []city{
	{"Vilnius", em.LatLng{Lat: 54.687, Lng: 25.280}},
	{"Kaunas", em.LatLng{Lat: 54.898, Lng: 23.904}},
	{"Klaipėda", em.LatLng{Lat: 55.703, Lng: 21.144}},
	{"Šiauliai", em.LatLng{Lat: 55.933, Lng: 23.317}},
	{"Rīga", em.LatLng{Lat: 56.949, Lng: 24.105}},
}

var names = []string{
	"Rasa Pavyzdienė", "Jonas Bandomasis", "Ieva Menamaitė", "Tomas Tariamas", "Ona Numanytė", "Petras Išgalvotas", "Lina Spėjamaitė",
	"Andrius Tikėtinas", "Asta Galimaitė", "Marius Manomas", "Dalia Tartumienė", "Saulius Sakykim", "Egle Menamienė", "Vytas Kažinas",
	"Jānis Iedomu", "Ilze Piemēre", "Andris Varbūt", "Kari Eksempel", "Ola Tenkt", "Ingrid Oppdiktet",
}

// offset moves a position by metres to the north and east.
func offset(p em.LatLng, north, east float64) em.LatLng {
	const perDegree = em.EarthRadius * math.Pi / 180
	return em.LatLng{Lat: p.Lat + north/perDegree, Lng: p.Lng + east/(perDegree*math.Cos(p.Lat*math.Pi/180))}
}

// cast returns the twenty people, and the zones that some of them must not enter.
func cast(seed uint64, now time.Time) ([]*actor, []byte, error) {
	rnd := rand.New(rand.NewPCG(seed, 20))
	codecs := []string{"gt06", "laipac", "megastek"}
	night, err := nightOrder(now, now)
	if err != nil {
		return nil, nil, err
	}
	var actors []*actor
	for i, name := range names {
		c := cities[0]
		if i >= 10 {
			c = cities[min(len(cities)-1, 1+(i-10)/3)]
		}
		home := offset(c.LatLng, rnd.Float64()*5000-2500, rnd.Float64()*6000-3000)
		a := &actor{codec: codecs[i%len(codecs)], every: 2 * time.Second, extra: map[int]func(time.Time) []em.Observation{}}
		switch a.codec {
		case "laipac":
			a.identity = fmt.Sprintf("99%06d", 100+i)
		default:
			a.identity = fmt.Sprintf("9900000000%05d", 100+i)
		}
		a.person = roster.Person{
			ID: fmt.Sprintf("p-%02d", i+1), Name: name, Version: "demo-1", Since: now.Add(-2 * time.Hour),
			Home: &roster.Home{Lat: round(home.Lat), Lon: round(home.Lng), Radius: 80},
			// Evidence of the time before the demo is uploaded late; silence counts from now.
			Silence: &roster.Silence{From: now},
		}
		a.where = stroll(home, 25, rnd.Float64()*6)
		if i%2 == 0 {
			a.person.Curfew = night
		}
		actors = append(actors, a)
	}
	whole, err := nightOrder(now, now.Add(-2*nightBegan))
	if err != nil {
		return nil, nil, err
	}
	zones := scenes(actors, whole, now)
	for _, a := range actors {
		a.person.Devices = append([]roster.Assignment{{ID: em.DeviceID(a.codec + ":" + a.identity)}}, a.person.Devices...)
	}
	doc, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": zones})
	return actors, doc, err
}

func round(deg float64) float64 { return math.Round(deg*1e5) / 1e5 }

// stroll is a slow circle of a radius in metres, as somebody at home makes.
func stroll(centre em.LatLng, radius, phase float64) func(time.Duration) em.LatLng {
	return func(t time.Duration) em.LatLng {
		s, c := math.Sincos(phase + t.Seconds()/40)
		return offset(centre, radius*s, radius*c)
	}
}

// walk goes from one place to another at a speed in m/s and stays there.
func walk(from, to em.LatLng, speed float64) func(time.Duration) em.LatLng {
	whole := from.Distance(to) / speed
	return func(t time.Duration) em.LatLng {
		f := min(1, t.Seconds()/whole)
		return em.LatLng{Lat: from.Lat + f*(to.Lat-from.Lat), Lng: from.Lng + f*(to.Lng-from.Lng)}
	}
}

// nightBegan is how long before the demo the curfew of all began.
const nightBegan = 40 * time.Minute

// nightOrder is a curfew every day from forty minutes ago, for ten hours, that
// binds from an instant on.
func nightOrder(now, from time.Time) (*roster.Curfew, error) {
	const zone = "Europe/Vilnius"
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	clock := func(t time.Time) curfew.TimeOfDay { return curfew.TimeOfDay(t.In(loc).Hour()*60 + t.In(loc).Minute()) }
	start := now.Add(-nightBegan)
	plan := curfew.Plan{Zone: zone}
	for day := range time.Saturday + 1 {
		plan.Weekly = append(plan.Weekly, curfew.Row{Day: day, Start: clock(start), End: clock(start.Add(10 * time.Hour))})
	}
	schedule, err := curfew.NewSchedule(plan)
	if err != nil {
		return nil, err
	}
	five := roster.Duration(5 * time.Minute)
	return &roster.Curfew{Schedule: schedule, From: from, Grace: roster.Grace{Start: five, Short: five}}, nil
}

func homeOf(a *actor) em.LatLng { return em.LatLng{Lat: a.person.Home.Lat, Lng: a.person.Home.Lon} }

// percent is a breathalyser's figure in its own unit: % BAC with four decimals.
func percent(ten_thousandths int64) alcohol.Concentration {
	return alcohol.Concentration{Number: em.Decimal{Coef: ten_thousandths, Scale: 4}, Unit: em.UnitBloodGPer100mL}
}

// soberOrder is an order to stay sober, tested with a breathalyser that shows
// per cent of blood alcohol. The sample is taken in front of an officer, so that
// no face is compared.
func soberOrder(wait time.Duration) *roster.Breath {
	return &roster.Breath{
		Screen: percent(200), PairTolerance: percent(200), Guard: percent(20), AirBlank: percent(20),
		Wait: roster.Duration(wait), CompleteBy: roster.Duration(wait + 30*time.Minute), AllowUnchecked: true,
	}
}

func reading(ten_thousandths int64) *em.AlcoholReading {
	c := percent(ten_thousandths)
	return &em.AlcoholReading{Value: c.Number, Unit: c.Unit, Status: em.SampleOK}
}

func current(p em.LatLng) *em.Fix {
	return &em.Fix{LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(9)}
}

// stored is what a device kept in its memory.
func stored(now time.Time, ago time.Duration, b em.Body) em.Observation {
	return em.Observation{DeviceAt: now.Add(-ago).Truncate(time.Second), Stored: true, Body: b}
}

// evening is a backlog: what the device kept of the time before the demo, at one
// place, so many minutes ago.
func evening(at em.LatLng, minutes ...int) func(time.Time) []em.Observation {
	return func(now time.Time) []em.Observation {
		var obs []em.Observation
		for _, m := range minutes {
			obs = append(obs, stored(now, time.Duration(m)*time.Minute, current(at)))
		}
		return obs
	}
}

func live(now time.Time, b em.Body) []em.Observation {
	return []em.Observation{{DeviceAt: now.Truncate(time.Second), Body: b}}
}

// officer is when two of the people are entered through the API, as an officer
// would: their devices wait in quarantine until then.
const officer = 4 * time.Second

// scenes gives some of the cast something to do, and returns the zones.
func scenes(actors []*actor, night *roster.Curfew, now time.Time) []map[string]any {
	school := func(a *actor, id string, north, east float64) map[string]any {
		p := offset(homeOf(a), north, east)
		a.person.Zones = append(a.person.Zones, id)
		return map[string]any{
			"type": "Feature", "id": id, "properties": map[string]any{"kind": "exclusion", "version": "demo-1", "radius_m": 120},
			"geometry": map[string]any{"type": "Point", "coordinates": []float64{round(p.Lng), round(p.Lat)}},
		}
	}
	var zones []map[string]any

	// 1: walks into a zone where a protected person works.
	a := actors[0]
	a.person.Curfew = nil
	zones = append(zones, school(a, "school-12", 420, 300))
	a.where = walk(homeOf(a), offset(homeOf(a), 420, 300), 25)
	zones = append(zones, school(actors[3], "clinic-4", -500, 350), school(actors[12], "kindergarten-7", 300, -500))

	// 2: is out although the curfew has begun.
	a = actors[1]
	a.person.Curfew = night
	away := offset(homeOf(a), 1400, -900)
	a.where = stroll(away, 60, 0)
	a.extra[0] = evening(away, 50, 41, 30, 20, 10)
	a.enrolled = officer

	// 3: the strap is opened and stays open.
	strap := actors[5] // a dialect with a word for it: megastek
	strap.extra[5] = func(t time.Time) []em.Observation { return live(t, &em.Tamper{What: em.TamperStrap}) }

	// 4: fails two breath tests on an instrument at a serial line; the order of
	// this demo asks for five seconds between them, a real one for fifteen minutes.
	a = actors[7]
	*a = actor{person: a.person, codec: "bactrack", identity: "VIO-0107", serial: true, extra: map[int]func(time.Time) []em.Observation{
		1: func(time.Time) []em.Observation { return []em.Observation{{Body: reading(842)}, {Body: reading(815)}} },
	}}
	a.person.Curfew, a.person.Breath = nil, soberOrder(5*time.Second)

	// 5: failed two tests, a real quarter of an hour apart, while the host of the
	// breathalyser had no connection; both come late, through the tunnel.
	a = actors[9]
	*a = actor{person: a.person, codec: "bactrack", identity: "VIO-0109", extra: map[int]func(time.Time) []em.Observation{
		2: func(t time.Time) []em.Observation {
			return []em.Observation{stored(t, 50*time.Minute, reading(610)), stored(t, 32*time.Minute, reading(574))}
		},
	}}
	a.person.Curfew, a.person.Breath = nil, soberOrder(15*time.Minute)

	// 6: falls silent.
	a = actors[8]
	a.silent = 4 * time.Second
	a.person.Silence.Interval, a.person.Silence.Buffer = roster.Duration(8*time.Second), roster.Duration(2*time.Second)

	// 7: was last seen outside, before the curfew, and has had no position since:
	// so the person seems to be out. Then the device uploads what it had kept, which
	// shows that the person came home in time.
	a = actors[18]
	a.person.Curfew = night
	home := homeOf(a)
	a.extra[0] = evening(offset(home, 900, 200), 50, 45, 41)
	a.extra[14] = evening(home, 39, 30, 20, 10)
	a.hidden = 14 * time.Second
	a.enrolled = officer

	// 8: was to blow this afternoon, and no result has come; the host of the
	// breathalyser had none to send until now.
	a = actors[15]
	*a = actor{person: a.person, codec: "bactrack", identity: "VIO-0115", extra: map[int]func(time.Time) []em.Observation{
		16: func(t time.Time) []em.Observation {
			return []em.Observation{stored(t, 150*time.Minute, reading(0))}
		},
	}}
	a.person.Since = now.Add(-6 * time.Hour)
	a.person.Curfew, a.person.Breath = nil, soberOrder(15*time.Minute)
	a.person.Breath.Tests = []roster.Test{{ID: "test-1", Kind: alcohol.Scheduled, From: now.Add(-3 * time.Hour), To: now.Add(-2 * time.Hour)}}

	// 9: the battery runs down.
	low := actors[2] // megastek
	low.extra[3] = func(t time.Time) []em.Observation {
		return live(t, &em.Power{Event: em.PowerLow, Level: em.Some(0.09)})
	}
	return zones
}
