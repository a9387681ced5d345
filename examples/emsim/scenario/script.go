package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol/pharmacokinetic"
	"github.com/sargas-em/em/examples/emsim/track"
	"github.com/sargas-em/em/protocol"
)

// Options says for which device a scenario is played, and how it is changed. The
// zero value is the first device of seed 0.
type Options struct {
	Seed   uint64
	Number int           // of the device in its fleet, from 0
	Start  time.Time     // instead of the scenario's, where set
	Track  track.Track   // moves the person instead of the steps "go"; its first point is the home
	Skew   time.Duration // the device's clock is ahead by so much
	Late   float64       // part of the reports, 0 to 1, that the device keeps for 5 to 30 minutes
	Skip   bool          // what the dialect cannot tell is left out, instead of an error
}

// Script is what a device has to do.
type Script struct {
	Device     em.DeviceID
	Start, End time.Time
	Reports    []Report // in the order of Tell
	Off        []Span   // without power: nothing is sent, the conversation is lost
	Dark       []Span   // without network: the device lives and keeps its reports
	Truth      []Truth  // in the order of At
}

// Report is an observation and when it is given to the device.
type Report struct {
	Tell time.Time
	Obs  em.Observation
}

// Span is a time from From to To, without To.
type Span struct{ From, To time.Time }

// Has reports whether t is within the span.
func (s Span) Has(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// Untold is what a dialect has no word for.
type Untold struct {
	Codec    string
	Scenario string
	Step     int // from 1; 0 for the positions
	What     string
	Err      error // wraps protocol.ErrUnsupported
}

func (e *Untold) Error() string {
	step := "the positions"
	if e.Step > 0 {
		step = fmt.Sprintf("step %d (%s)", e.Step, e.What)
	}
	return fmt.Sprintf("codec %s cannot tell %s of scenario %s: %v", e.Codec, step, e.Scenario, e.Err)
}

func (e *Untold) Unwrap() error { return e.Err }

// Play works out the script for a device of a dialect. sim is one to try on what
// the dialect can say; it is used up. An error is an *Untold, or wraps one of
// sim's.
func (s *Scenario) Play(o Options, codec string, sim protocol.Simulator) (*Script, error) {
	p := &player{s: s, o: o, codec: codec, sim: sim, rnd: rand.New(rand.NewPCG(o.Seed, uint64(o.Number)))}
	p.start = s.Start.UTC()
	if !o.Start.IsZero() {
		p.start = o.Start.UTC()
	}
	p.start = p.start.Truncate(time.Second)
	p.end = p.start.Add(time.Duration(s.Lasts))
	if o.Track != nil {
		p.end = p.start.Add(o.Track.Lasts())
		p.track = o.Track.Shift(p.start)
	}
	p.Script = &Script{Device: sim.Device(), Start: p.start, End: p.end}
	if err := p.play(); err != nil {
		return nil, err
	}
	return p.Script, nil
}

// player works out one script.
type player struct {
	*Script
	s          *Scenario
	o          Options
	codec      string
	sim        protocol.Simulator
	rnd        *rand.Rand
	start, end time.Time
	home       em.LatLng
	places     map[string]em.LatLng
	track      track.Track
	legs       []leg
	steps      []timed // in the order of time
	gnss       []Span  // without satellites
	spoofed    []falseSpan
	course     pharmacokinetic.Course
	want       []wanted
}

// timed is a step with the time that the seed gave it.
type timed struct {
	Step
	n  int
	at time.Time
}

func (t timed) until(end time.Time) time.Time {
	if t.For == 0 || t.at.Add(time.Duration(t.For)).After(end) {
		return end
	}
	return t.at.Add(time.Duration(t.For))
}

// leg is a way in a straight line.
type leg struct {
	from, to em.LatLng
	at, end  time.Time
}

func (l *leg) where(t time.Time) em.LatLng {
	f := 1.0
	if d := l.end.Sub(l.at); t.Before(l.end) && d > 0 {
		f = t.Sub(l.at).Seconds() / d.Seconds()
	}
	return em.LatLng{Lat: l.from.Lat + f*(l.to.Lat-l.from.Lat), Lng: l.from.Lng + f*(l.to.Lng-l.from.Lng)}
}

type falseSpan struct {
	Span
	at em.LatLng
}

// wanted is something that the device is to tell, in the words that may do, the
// best first.
type wanted struct {
	truth    Truth
	says     []em.Body
	optional bool
}

// offset moves a position by metres to the north and east.
func offset(p em.LatLng, north, east float64) em.LatLng {
	const perDegree = em.EarthRadius * math.Pi / 180
	return em.LatLng{Lat: p.Lat + north/perDegree, Lng: p.Lng + east/(perDegree*math.Cos(p.Lat*math.Pi/180))}
}

func (p *player) play() error {
	// The home is drawn first and the steps' times next, so that a change of what
	// is reported moves neither.
	angle, far := 2*math.Pi*p.rnd.Float64(), p.s.Home.Scatter*math.Sqrt(p.rnd.Float64())
	p.home = offset(em.LatLng{Lat: p.s.Home.Lat, Lng: p.s.Home.Lon}, far*math.Sin(angle), far*math.Cos(angle))
	if p.track != nil {
		p.home = p.track[0].LatLng
	}
	p.places = map[string]em.LatLng{homeName: p.home}
	for _, pl := range p.s.Places {
		p.places[pl.Name] = offset(p.home, pl.North, pl.East)
	}
	for i, st := range p.s.Steps {
		at := p.start.Add(time.Duration(st.At) + time.Duration(p.rnd.Int64N(int64(st.Within)+1))).Truncate(time.Second)
		if at.Before(p.end) {
			p.steps = append(p.steps, timed{st, i + 1, at})
		}
	}
	slices.SortStableFunc(p.steps, func(a, b timed) int { return a.at.Compare(b.at) })
	p.setting()
	p.spans()
	p.walk()
	p.crossings()
	p.drinking()
	p.events()
	p.fixes()
	if err := p.tell(); err != nil {
		return err
	}
	slices.SortStableFunc(p.Truth, func(a, b Truth) int { return a.At.Compare(b.At) })
	slices.SortStableFunc(p.Reports, func(a, b Report) int {
		return cmp.Or(a.Tell.Compare(b.Tell), a.Obs.DeviceAt.Compare(b.Obs.DeviceAt))
	})
	return nil
}

// fact adds a line to the truth.
func (p *player) fact(t Truth) {
	t.Device = p.Device
	p.Truth = append(p.Truth, t)
}

func (p *player) setting() {
	set := &Setting{Scenario: p.s.Name, Seed: p.o.Seed, Home: Circle{round(p.home), p.s.Home.Radius}, Skew: p.o.Skew.Seconds()}
	for _, pl := range p.s.Places {
		if pl.Zone {
			set.Zones = append(set.Zones, Zone{pl.Name, Circle{round(p.places[pl.Name]), pl.Radius}})
		}
	}
	p.fact(Truth{At: p.start, Until: p.end, What: "start", Setting: set, Note: p.s.About})
}

// spans finds the times without power, network and satellites.
func (p *player) spans() {
	for _, st := range p.steps {
		span := Span{st.at, st.until(p.end)}
		t := Truth{At: span.From, Until: span.To, Step: st.n}
		switch st.Do {
		case BatteryDead:
			p.Off = append(p.Off, span)
			t.What = "battery.dead"
		case NoNetwork:
			p.Dark = append(p.Dark, span)
			t.What = "network.lost"
		case NoGNSS:
			p.gnss = append(p.gnss, span)
			t.What = "gnss.lost"
		case Jam:
			p.gnss = append(p.gnss, span)
			t.What = "gnss.jammed"
			p.want = append(p.want, wanted{t, []em.Body{&em.Tamper{What: em.TamperJamming}}, true})
			continue
		case Spoof:
			at := p.places[st.To]
			p.spoofed = append(p.spoofed, falseSpan{span, at})
			t.What, t.Place = "gnss.spoofed", st.To
		default:
			continue
		}
		p.fact(t)
	}
}

// walk makes legs of the steps "go".
func (p *player) walk() {
	if p.track != nil {
		return
	}
	for _, st := range p.steps {
		if st.Do != Go {
			continue
		}
		speed := st.Speed
		if speed == 0 {
			speed = walking
		}
		l := leg{from: p.where(st.at), to: p.places[st.To], at: st.at}
		l.end = l.at.Add(time.Duration(l.from.Distance(l.to) / speed * float64(time.Second)))
		p.legs = append(p.legs, l)
	}
}

// where returns the true position.
func (p *player) where(t time.Time) em.LatLng {
	if p.track != nil {
		i, _ := slices.BinarySearchFunc(p.track, t, func(q track.Point, t time.Time) int { return q.At.Compare(t) })
		at, _ := p.track.At(t, max(0, i-1))
		return at
	}
	for i := len(p.legs) - 1; i >= 0; i-- {
		if !t.Before(p.legs[i].at) {
			return p.legs[i].where(t)
		}
	}
	return p.home
}

// moving reports whether the person may be elsewhere a second later.
func (p *player) moving(t time.Time) bool {
	if p.track != nil {
		return true
	}
	for i := len(p.legs) - 1; i >= 0; i-- {
		if l := &p.legs[i]; !t.Before(l.at) {
			return !t.After(l.end.Add(time.Second))
		}
	}
	return false
}

// crossings tells the edges of the home and the zones, to the second.
func (p *player) crossings() {
	type edge struct {
		place     string
		in, out   string
		at        em.LatLng
		radius    float64
		wasInside bool
	}
	edges := []edge{{"", "home.returned", "home.left", p.home, p.s.Home.Radius, true}}
	for _, pl := range p.s.Places {
		if pl.Zone {
			at := p.places[pl.Name]
			edges = append(edges, edge{pl.Name, "zone.entered", "zone.left", at, pl.Radius, p.home.Distance(at) <= pl.Radius})
		}
	}
	for t := p.start; t.Before(p.end); t = t.Add(time.Second) {
		if !p.moving(t) {
			continue
		}
		at := p.where(t)
		for i := range edges {
			e := &edges[i]
			inside := at.Distance(e.at) <= e.radius
			if inside == e.wasInside {
				continue
			}
			e.wasInside = inside
			what, truly := e.out, round(at)
			if inside {
				what = e.in
			}
			p.fact(Truth{At: t, What: what, Place: e.place, True: &truly})
		}
	}
}

// drinking computes the curve.
func (p *player) drinking() {
	var drinks []pharmacokinetic.Drink
	for _, st := range p.steps {
		if st.Do == Drink {
			drinks = append(drinks, pharmacokinetic.Drink{At: st.at, Grams: st.Grams})
			grams := st.Grams
			p.fact(Truth{At: st.at, What: "drink", Step: st.n, Value: &grams})
		}
	}
	person := pharmacokinetic.Draw(rand.New(rand.NewPCG(p.o.Seed, uint64(p.o.Number)+1<<32)))
	p.course = person.Course(p.start, p.end.Sub(p.start), pharmacokinetic.Ankle, drinks...)
	for m := 4; len(drinks) > 0 && m < len(p.course.Blood); m += 5 {
		at := p.start.Add(time.Duration(m+1) * pharmacokinetic.Step)
		if l := p.level(at); l.Blood >= 0.001 || l.Skin >= 0.0001 {
			p.fact(Truth{At: at, What: "curve", Curve: l})
		}
	}
}

// level is the curve at an instant.
func (p *player) level(at time.Time) *Level {
	m := int(at.Sub(p.start)/pharmacokinetic.Step) - 1
	if m < 0 || m >= len(p.course.Blood) {
		return &Level{}
	}
	places := func(v float64, n float64) float64 { return math.Round(v*n) / n }
	return &Level{places(p.course.Blood[m], 1e4), places(p.course.Breath[m], 1e4), places(p.course.Skin[m], 1e5)}
}

// events are what the device tells besides positions.
func (p *player) events() {
	want := func(st timed, t Truth, says ...em.Body) {
		t.Step = st.n
		if t.At.IsZero() {
			t.At = st.at
		}
		p.want = append(p.want, wanted{t, says, st.Optional})
	}
	for _, st := range p.steps {
		switch st.Do {
		case SOS:
			want(st, Truth{What: "sos"}, &em.Alarm{What: em.AlarmSOS})
		case StrapCut:
			want(st, Truth{What: "strap.cut"}, &em.Tamper{What: em.TamperStrap}, &em.Tamper{What: em.TamperRemoval})
		case StrapClose:
			want(st, Truth{What: "strap.closed"}, &em.Tamper{What: em.TamperStrap, Cleared: true}, &em.Tamper{What: em.TamperRemoval, Cleared: true})
		case Battery:
			level := *st.Level
			if st.Low {
				want(st, Truth{What: "battery.low", Value: &level}, &em.Power{Event: em.PowerLow, Level: em.Some(level)},
					&em.Power{Event: em.PowerLow, Volts: em.Some(volts(level))}, &em.Power{Event: em.PowerLow})
				break
			}
			want(st, Truth{What: "battery", Value: &level}, &em.Power{Level: em.Some(level)}, &em.Power{Volts: em.Some(volts(level))})
		case Breath:
			want(st, Truth{What: "breath", Curve: p.level(st.at)}, p.samples(st)...)
		case Skin:
			for at := st.at; at.Before(st.until(p.end)); at = at.Add(time.Duration(st.Every)) {
				l := p.level(at)
				value := em.Decimal{Coef: int64(math.Round(l.Skin * 1000)), Scale: 3}
				want(st, Truth{What: "skin", At: at, Curve: l}, &em.Transdermal{Value: value, Unit: em.UnitSkinGPerDL},
					&em.Transdermal{Value: em.Decimal{Coef: int64(math.Round(l.Skin * 10_000))}, Unit: em.UnitRaw}) // a step of 0.0001 g/dL
			}
		}
	}
}

// volts is the open voltage of a lithium cell at a level, roughly: 3.4 V empty,
// 4.2 V full.
func volts(level float64) float64 { return math.Round((3.4+0.8*level)*100) / 100 }

// samples are the ways in which an instrument may show a breath sample: % BAC at
// 2100:1, or a module's parts per billion of ethanol in air at 34 °C, of which
// 1 mg/L is 547,100 (25.204 L/mol over 46.07 g/mol).
func (p *player) samples(st timed) []em.Body {
	if st.Fails != "" {
		return []em.Body{&em.AlcoholReading{Value: em.Decimal{Scale: 4}, Unit: em.UnitBloodGPer100mL, Status: failures[st.Fails]}}
	}
	bac := em.Decimal{Coef: int64(math.Round(p.level(st.at).Breath * 0.21 * 1e4)), Scale: 4}
	if st.BAC != "" {
		bac, _ = em.ParseDecimal(st.BAC) // checked
	}
	ppb := int64(math.Round(bac.Float() / 0.21 * 547_100))
	return []em.Body{
		&em.AlcoholReading{Value: bac, Unit: em.UnitBloodGPer100mL, Status: em.SampleOK},
		&em.AlcoholReading{Value: em.Decimal{Coef: ppb}, Unit: em.UnitRaw, Status: em.SampleOK},
	}
}

// fixes are the positions that are due.
func (p *player) fixes() {
	if p.s.Fix == nil {
		return
	}
	every := time.Duration(p.s.Fix.Every)
	first := p.start.Add(time.Duration(p.rnd.Int64N(int64(every)))).Truncate(time.Second)
	last := round(p.home)
	for at := first; at.Before(p.end); at = at.Add(every) {
		north, east, sats := p.rnd.NormFloat64(), p.rnd.NormFloat64(), 7+p.rnd.IntN(6)
		if slices.ContainsFunc(p.Off, func(s Span) bool { return s.Has(at) }) {
			continue
		}
		where, before := p.where(at), p.where(at.Add(-time.Second))
		truly := round(where)
		t := Truth{At: at, What: "fix", True: &truly}
		if slices.ContainsFunc(p.gnss, func(s Span) bool { return s.Has(at) }) {
			p.want = append(p.want, wanted{t, []em.Body{
				&em.Fix{LatLng: last, Validity: em.FixInvalid, Source: em.SourceGNSS},
				&em.Fix{LatLng: last, Validity: em.FixLastKnown, Source: em.SourceGNSS},
				&em.Comms{Event: em.CommsInfo},
			}, true})
			continue
		}
		speed, course := em.Some(where.Distance(before)), em.Some(bearing(before, where))
		seen := where
		for _, f := range p.spoofed {
			if f.Has(at) { // at rest there, by all that the receiver knows
				seen, speed.V, course.V = f.at, 0, 0
			}
		}
		last = round(offset(seen, north*p.s.Fix.Noise, east*p.s.Fix.Noise))
		p.want = append(p.want, wanted{t, []em.Body{
			&em.Fix{LatLng: last, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(sats), Speed: speed, Course: course},
			&em.Fix{LatLng: last, Validity: em.FixLastKnown, Source: em.SourceGNSS},
			&em.Fix{LatLng: last, Validity: em.FixLastKnown},
		}, false})
	}
}

// bearing is the direction from p to q in degrees; 0 where they are the same.
func bearing(p, q em.LatLng) float64 {
	if p == q {
		return 0
	}
	deg := math.Atan2((q.Lng-p.Lng)*math.Cos(p.Lat*math.Pi/180), q.Lat-p.Lat) * 180 / math.Pi
	return math.Mod(math.Round(deg)+360, 360)
}

// round keeps a centimetre, as finer than any dialect.
func round(p em.LatLng) em.LatLng {
	return em.LatLng{Lat: math.Round(p.Lat*1e7) / 1e7, Lng: math.Round(p.Lng*1e7) / 1e7}
}

// tell tries on sim how the dialect says what is wanted, in the order of time, and
// makes reports of it.
func (p *player) tell() error {
	slices.SortStableFunc(p.want, func(a, b wanted) int { return a.truth.At.Compare(b.truth.At) })
	late := rand.New(rand.NewPCG(p.o.Seed, uint64(p.o.Number)+2<<32))
	for _, w := range p.want {
		t := w.truth
		keep, wait := late.Float64() < p.o.Late, 5*time.Minute+time.Duration(late.Int64N(int64(25*time.Minute)))
		if off := slices.IndexFunc(p.Off, func(s Span) bool { return s.Has(t.At) }); off >= 0 {
			t.Untold = "the device was off"
			p.fact(t)
			continue
		}
		tell := t.At
		if keep {
			tell = t.At.Add(wait).Truncate(time.Second)
		}
		for again := true; again; { // one span may end in another
			again = false
			for _, s := range slices.Concat(p.Dark, p.Off) {
				if s.Has(tell) {
					tell, again = s.To, true
				}
			}
		}
		if !tell.Before(p.end) {
			tell = p.end
			if slices.ContainsFunc(p.Off, func(s Span) bool { return s.To.Equal(p.end) }) {
				t.Untold = "the device was off to the end"
				p.fact(t)
				continue
			}
		}
		stored := tell.After(t.At)
		var err error
		for _, body := range w.says {
			o := em.Observation{Device: p.Device, DeviceAt: t.At.Add(p.o.Skew), Stored: stored, Body: body}
			if err = p.sim.Report(o); err == nil {
				t.Told = &o
				if stored {
					t.Late = tell
				}
				p.Reports = append(p.Reports, Report{tell, o})
				break
			}
			if !errors.Is(err, protocol.ErrUnsupported) {
				return fmt.Errorf("scenario: %s: %w", t.What, err)
			}
		}
		if err != nil {
			if !w.optional && !p.o.Skip {
				return &Untold{p.codec, p.s.Name, t.Step, t.What, err}
			}
			t.Untold = err.Error()
		}
		p.fact(t)
	}
	return nil
}

// Rename gives the script another device, for instruments whose identity is not
// on the wire.
func (s *Script) Rename(id string) {
	s.Device = em.DeviceID(id)
	for i := range s.Truth {
		s.Truth[i].Device = s.Device
	}
}
