package movement

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// Basis is what allows an analysis.
type Basis string

// The only bases.
const (
	Order        Basis = "order"         // the order itself names the analysis
	CourtRequest Basis = "court request" // a recorded request of a court does
)

// The analyses, as orders and a Disclosure name them.
const (
	AnalysisStops       = "stops"
	AnalysisPlaces      = "places"
	AnalysisCoincidence = "coincidence"
)

// Authorization is who asks for an analysis, on what basis and for what. All
// fields are required.
type Authorization struct {
	Request  string    `json:"request"`  // the number under which it is recorded
	Basis    Basis     `json:"basis"`    //
	Document string    `json:"document"` // the order or the court's request that names it
	By       string    `json:"by"`       // who asks
	Purpose  string    `json:"purpose"`
	From     time.Time `json:"from"` // observations in [From, To) may be read
	To       time.Time `json:"to"`
}

// Errors of analyses.
var (
	ErrUnauthorized = errors.New("movement: not authorised")
	ErrRule         = errors.New("movement: invalid rule")
	ErrTrack        = errors.New("movement: track")
)

// Check reports what an Authorization lacks; errors wrap ErrUnauthorized.
func (a Authorization) Check() error {
	for _, f := range [...]struct{ name, value string }{
		{"request", a.Request}, {"document", a.Document}, {"person who asks", a.By}, {"purpose", a.Purpose},
	} {
		if strings.TrimSpace(f.value) == "" {
			return fmt.Errorf("%w: no %s", ErrUnauthorized, f.name)
		}
	}
	switch {
	case a.Basis != Order && a.Basis != CourtRequest:
		return fmt.Errorf("%w: %q is no legal basis", ErrUnauthorized, a.Basis)
	case a.From.IsZero() || !a.From.Before(a.To):
		return fmt.Errorf("%w: no time window", ErrUnauthorized)
	}
	return nil
}

// Disclosure is the record of one analysis, for the audit: on what authority it
// was made, by what method, and whose data it read. It holds nothing of what was
// found.
type Disclosure struct {
	Authorization
	Analysis     string         `json:"analysis"`
	Method       string         `json:"method"` // version of the method
	Parameters   []em.Fact      `json:"parameters"`
	Subjects     []em.SubjectID `json:"subjects"` // whose data was read
	Observations int            `json:"observations"`
}

// method is the version of all methods here; it rises when results change.
const method = "1"

// Track is one person's observations in the order of em.Compare for em.EventTime,
// as stores yield them. An error ends the analysis.
type Track struct {
	Subject      em.SubjectID
	Observations iter.Seq2[em.Observation, error]
}

// Stored makes a Track of observations in memory; it sorts a copy.
func Stored(s em.SubjectID, obs []em.Observation) Track {
	sorted := slices.Clone(obs)
	slices.SortFunc(sorted, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	return Track{s, func(yield func(em.Observation, error) bool) {
		for _, o := range sorted {
			if !yield(o, nil) {
				return
			}
		}
	}}
}

// Accuracy says which fixes count.
type Accuracy struct {
	Assumed     float64 // 68 % radius of fixes that report none, metres; 0: geofence.DefaultAssumedAccuracy
	MaxRadius95 float64 // fixes with a larger 95 % radius are left out, metres; 0: geofence.DefaultMaxRadius95
}

// MaxFixes bounds the fixes of one track that an analysis holds at once: two
// years at two a minute, 200 MB.
const MaxFixes = 1 << 21

// fix is a usable position.
type fix struct {
	at  time.Time
	p   em.LatLng
	on  s2.Point // p on the unit sphere
	r95 float64
	id  em.ObservationID
}

// near reports whether some of the fix's circle is within metres of another fix.
// Distances so short are those of the chord.
func (f *fix) near(o *fix, metres float64) bool {
	chord := (metres + f.r95) / em.EarthRadius
	return f.on.Sub(o.on.Vector).Norm2() <= chord*chord
}

// read takes the usable fixes of a track that the authorisation covers, and notes
// in d that it did.
func (t Track) read(a Authorization, acc Accuracy, d *Disclosure) ([]fix, error) {
	d.Subjects = append(d.Subjects, t.Subject)
	var fixes []fix
	var last time.Time
	if t.Observations == nil {
		return nil, fmt.Errorf("%w: no observations given", ErrTrack)
	}
	for o, err := range t.Observations {
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrTrack, err)
		case o.At.Before(last):
			return nil, fmt.Errorf("%w: observations are out of order", ErrTrack)
		}
		last = o.At
		if o.At.Before(a.From) || !o.At.Before(a.To) {
			continue
		}
		d.Observations++
		f, ok := o.Body.(*em.Fix)
		if !ok || !f.Current() {
			continue
		}
		r, _ := f.Radius95(acc.Assumed)
		switch {
		case !(r <= acc.MaxRadius95):
			continue
		case len(fixes) == MaxFixes:
			return nil, fmt.Errorf("%w: more than %d fixes; ask for a shorter time", ErrTrack, MaxFixes)
		}
		fixes = append(fixes, fix{o.At, f.LatLng, s2.PointFromLatLng(s2.LatLngFromDegrees(f.Lat, f.Lng)), r, o.ID})
	}
	return fixes, nil
}

// parameter is a number of a rule, with its default.
type parameter struct {
	name  string
	value *float64
	def   float64
	unit  string
}

// complete fills in the defaults and lists what holds.
func complete(list ...parameter) (facts []em.Fact, err error) {
	for _, p := range list {
		if !(*p.value >= 0) || math.IsInf(*p.value, 0) {
			return nil, fmt.Errorf("%w: %s is %v", ErrRule, p.name, *p.value)
		}
		if *p.value == 0 {
			*p.value = p.def
		}
		facts = append(facts, em.Fact{Name: p.name, Num: *p.value, Unit: p.unit})
	}
	return facts, nil
}

func (a *Accuracy) parameters() []parameter {
	return []parameter{
		{"assumed accuracy", &a.Assumed, geofence.DefaultAssumedAccuracy, "m"},
		{"largest radius95", &a.MaxRadius95, geofence.DefaultMaxRadius95, "m"},
	}
}

// duration fills in the default of a duration and tells it.
func duration(facts []em.Fact, name string, d *time.Duration, def time.Duration) ([]em.Fact, error) {
	if *d < 0 {
		return nil, fmt.Errorf("%w: %s is %v", ErrRule, name, *d)
	}
	if *d == 0 {
		*d = def
	}
	return append(facts, em.Fact{Name: name, Num: d.Seconds(), Unit: "s"}), nil
}
