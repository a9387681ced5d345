// Package zonejson reads and writes zones as GeoJSON (RFC 7946).
//
// A document is a FeatureCollection, or one Feature; each feature is one zone:
//
//   - A Polygon or MultiPolygon is a geofence.Area.
//   - A Point with the property radius_m is a geofence.Circle.
//   - A LineString with the property half_width_m is a geofence.Corridor, and so
//     is a MultiLineString of parts that meet at the antimeridian.
//
// The properties kind, version and even_odd are the zone's. Its ID is the feature's
// member "id", or else the property "id"; both may be a string or a number, of
// which the digits are taken as they stand. The property schedule says when the
// rule is in force; what form it has is for Defaults.Schedule to say, and
// without that it is an error, lest a rule for the night hold by day. Other
// properties are ignored, and so are altitudes and, but for their form, bounding
// boxes. A member or property that is read and stands there twice is an error.
//
// Reading allows rings that run either way, and areas over the antimeridian both
// cut at ±180 and whole. Writing follows the RFC: outer rings run
// counter-clockwise and holes clockwise, and areas and lines are cut at the
// antimeridian. The meaning of edges, and what a shape must fulfil, is said in
// package geofence: geofence.NewIndex checks that.
package zonejson

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em/geofence"
)

// ErrFormat is wrapped by errors about documents that are no GeoJSON zones.
var ErrFormat = errors.New("zonejson: not a GeoJSON zone document")

// Error says what is wrong with a document, and where.
type Error struct {
	Feature int    // counted from zero; -1 for the document itself
	ID      string // of the feature, where it was read by then

	// Path is the way to it in the feature, or empty: the numbers in
	// geometry.coordinates[0][2] are ring and vertex of a Polygon; polygon, ring
	// and vertex of a MultiPolygon; the vertex of a LineString. All count from
	// zero.
	Path string

	Offset int64 // of the byte in the document where it begins
	Reason string
	Err    error // of Defaults.Schedule, or nil
}

// Error returns the place and the reason in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("zonejson: ")
	if e.Feature >= 0 {
		fmt.Fprintf(&b, "feature %d", e.Feature)
		if e.ID != "" {
			fmt.Fprintf(&b, " (%q)", e.ID)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s (at byte %d)", e.Reason, e.Offset)
	return b.String()
}

// Unwrap returns ErrFormat, and Err if there is one.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{ErrFormat, e.Err}
	}
	return []error{ErrFormat}
}

// Defaults fill in what features do not say. Its zero value has none: then each
// feature needs an ID and a kind, and none may have a schedule.
type Defaults struct {
	Kind    geofence.Kind // of features without the property kind
	Version string        // of features without the property version
	ID      string        // name of a property that is the ID of features without one
	EvenOdd bool          // of features without the property even_odd; see geofence.Zone

	// Schedule reads the property schedule, which it gets as the JSON that
	// stands there and must not keep.
	Schedule func(json []byte) (interface{ Active(time.Time) bool }, error)
}
