package geofence

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/paulmach/orb"
)

// Zone is a shape on the ground with the rule that goes with it. A zone is not
// changed after it was given to NewIndex.
type Zone struct {
	ID      string // unique in an index; events carry it
	Version string // of the zone's definition; events carry it
	Kind    Kind
	Shape   Shape

	// EvenOdd takes an Area whose rings cross themselves or each other, as those
	// of simplified maps often do: a point is inside if an odd number of rings go
	// round it. So where two parts of the area overlap, it is outside. The error
	// without EvenOdd says where rings cross, and how deep.
	EvenOdd bool

	// Active says when the rule is in force; nil is always. Only a Tracker
	// asks; Index answers about the ground alone. Where it also is a Schedule,
	// events end when the rule does; otherwise at the next observation after
	// it.
	Active interface{ Active(time.Time) bool }
}

// Schedule is an Active that knows its future.
type Schedule interface {
	Active(time.Time) bool

	// NextChange returns an instant later than after such that Active gives one
	// answer over [after, NextChange(after)); zero if it never changes again.
	NextChange(after time.Time) time.Time
}

// Kind is the rule of a zone.
type Kind string

// Kinds of zone. There is no default: a zone without a kind is an error, lest
// an exclusion zone be one in name only.
const (
	KindExclusion Kind = "exclusion" // must not enter
	KindInclusion Kind = "inclusion" // must not leave
	KindBuffer    Kind = "buffer"    // a warning on the way to an exclusion zone
	KindHome      Kind = "home"      // where the person lives; see Home
	KindPlace     Kind = "place"     // any other place of interest: work, a clinic
	KindRoute     Kind = "route"     // a permitted way: on it nothing is held against the person
)

func (k Kind) valid() bool {
	switch k {
	case KindExclusion, KindInclusion, KindBuffer, KindHome, KindPlace, KindRoute:
		return true
	}
	return false
}

// Shape is one of Area, Circle and Corridor.
type Shape interface{ shape() }

// Area is any number of polygons: of each, the first ring is its outer border
// and the others are holes. Points are longitude and latitude in degrees.
type Area orb.MultiPolygon

// Circle is all points at most Radius metres from Center.
type Circle struct {
	Center orb.Point // longitude, latitude in degrees
	Radius float64   // metres
}

// Corridor is all points at most HalfWidth metres from Line.
type Corridor struct {
	Line      orb.LineString // longitude, latitude in degrees
	HalfWidth float64        // metres
}

func (Area) shape()     {}
func (Circle) shape()   {}
func (Corridor) shape() {}

// Limits of a zone.
const (
	// MaxRadius bounds Circle.Radius and Corridor.HalfWidth, in metres. It is a
	// little less than a quarter of the way round the Earth.
	MaxRadius = 10_000_000

	// MaxVertices bounds the vertices of one zone after its edges were split.
	// Each takes eight bytes in an index and some more for the tree about it,
	// and hundreds while it is built.
	MaxVertices = 1 << 22
)

// What may be wrong with a zone. NewIndex wraps them in a *ZoneError.
var (
	ErrID           = errors.New("no id")
	ErrDuplicateID  = errors.New("id is in use by an earlier zone")
	ErrKind         = errors.New("unknown kind")
	ErrShape        = errors.New("no shape, or one of an unknown type")
	ErrEmpty        = errors.New("nothing there")
	ErrCoordinate   = errors.New("not a longitude in [-180, 180] and a latitude in [-90, 90]")
	ErrFewVertices  = errors.New("too few distinct vertices")
	ErrNoArea       = errors.New("encloses no area")
	ErrAmbiguous    = errors.New("ambiguous")
	ErrIntersection = errors.New("self-intersection")
	ErrOverlap      = errors.New("polygons overlap")
	ErrHole         = errors.New("hole is not within its polygon, or overlaps another")
	ErrRadius       = errors.New("radius is not in (0, MaxRadius]")
	ErrHalfWidth    = errors.New("half width is not in (0, MaxRadius]")
	ErrTooLarge     = errors.New("more than MaxVertices vertices")
)

// ZoneError says what is wrong with a zone, and where. Numbers count from zero
// as the input has them; -1 where one does not apply.
type ZoneError struct {
	Zone                  string // its ID
	Index                 int    // its place among NewIndex's arguments
	Polygon, Ring, Vertex int    // for a corridor Vertex counts along the line
	Detail                string // further data, or empty
	Err                   error  // one of the errors above
}

// Error returns the place and the condition in one line.
func (e *ZoneError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "geofence: zone %d (%q)", e.Index, e.Zone)
	for _, at := range [...]struct {
		name string
		n    int
	}{{"polygon", e.Polygon}, {"ring", e.Ring}, {"vertex", e.Vertex}} {
		if at.n >= 0 {
			fmt.Fprintf(&b, ", %s %d", at.name, at.n)
		}
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	return b.String()
}

// Unwrap returns the condition.
func (e *ZoneError) Unwrap() error { return e.Err }
