package zonejson

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em/geofence"
)

// Marshal writes a FeatureCollection with its bounding box, which Unmarshal reads
// back to the same zones, but for what AppendFeature changes about their rings
// and lines. Errors name the zone.
func Marshal(zones []geofence.Zone) ([]byte, error) {
	b := []byte(`{"type":"FeatureCollection","features":[`)
	var x extent
	for i, z := range zones {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '\n')
		var err error
		if b, err = appendFeature(b, z, &x); err != nil {
			return nil, fmt.Errorf("zonejson: zone %d (%q): %w", i, z.ID, err)
		}
	}
	b = append(b, "\n]"...)
	if box, ok := x.box(); ok {
		b = append(b, `,"bbox":[`...)
		for i, f := range box {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendNumber(b, f)
		}
		b = append(b, ']')
	}
	return append(b, "}\n"...), nil
}

// AppendFeature appends a zone as a Feature on one line. Rings are closed, and
// run as RFC 7946 has them: outer ones counter-clockwise, holes clockwise. What
// crosses the antimeridian is cut there into parts; the cut is rounded to 1e-7
// degrees, as geofence.NewIndex rounds. Rings that go round a pole without touching it, and
// such that cross themselves at the antimeridian, are written as they are.
//
// A zone's Active becomes the property schedule if it is a json.Marshaler.
// Another one, a shape of an unknown type and a number that JSON does not have are
// errors; dst is then returned as it was.
func AppendFeature(dst []byte, z geofence.Zone) ([]byte, error) {
	b, err := appendFeature(dst, z, new(extent))
	if err != nil {
		return dst, fmt.Errorf("zonejson: zone %q: %w", z.ID, err)
	}
	return b, nil
}

func appendFeature(b []byte, z geofence.Zone, x *extent) ([]byte, error) {
	b = append(b, `{"type":"Feature","id":`...)
	b = appendString(b, z.ID)
	b = append(b, `,"properties":{"kind":`...)
	b = appendString(b, string(z.Kind))
	if z.Version != "" {
		b = append(b, `,"version":`...)
		b = appendString(b, z.Version)
	}
	if z.EvenOdd {
		b = append(b, `,"even_odd":true`...)
	}
	if z.Active != nil {
		m, ok := z.Active.(json.Marshaler)
		if !ok {
			return nil, fmt.Errorf("a schedule of type %T has no JSON form", z.Active)
		}
		schedule, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("schedule: %w", err)
		}
		b = append(append(b, `,"schedule":`...), schedule...)
	}
	switch s := z.Shape.(type) {
	case geofence.Area:
		for _, p := range s {
			for _, r := range p {
				if !finitePoints(r) {
					return nil, errNumber
				}
			}
		}
		polygons := canonical(s)
		x.addArea(polygons)
		b = append(b, `},"geometry":{"type":"`...)
		if len(polygons) == 1 {
			b = append(b, `Polygon","coordinates":`...)
			b = appendPolygon(b, polygons[0])
		} else {
			b = append(b, `MultiPolygon","coordinates":`...)
			b = appendList(b, polygons, appendPolygon)
		}
	case geofence.Circle:
		if !finitePoints([]orb.Point{s.Center}) || !isFinite(s.Radius) {
			return nil, errNumber
		}
		x.addLine(orb.LineString{s.Center})
		b = append(b, `,"radius_m":`...)
		b = appendNumber(b, s.Radius)
		b = append(b, `},"geometry":{"type":"Point","coordinates":`...)
		b = appendPosition(b, s.Center)
	case geofence.Corridor:
		if !finitePoints(s.Line) || !isFinite(s.HalfWidth) {
			return nil, errNumber
		}
		x.addLine(s.Line)
		b = append(b, `,"half_width_m":`...)
		b = appendNumber(b, s.HalfWidth)
		if parts := cutLine(s.Line); len(parts) == 1 {
			b = append(b, `},"geometry":{"type":"LineString","coordinates":`...)
			b = appendList(b, parts[0], appendPosition)
		} else {
			b = append(b, `},"geometry":{"type":"MultiLineString","coordinates":`...)
			b = appendList(b, parts, func(b []byte, l orb.LineString) []byte { return appendList(b, l, appendPosition) })
		}
	default:
		return nil, fmt.Errorf("%T has no GeoJSON form", z.Shape)
	}
	return append(b, "}}"...), nil
}

var errNumber = errors.New("a number is infinite or none at all")

func finitePoints(ps []orb.Point) bool {
	return !slices.ContainsFunc(ps, func(p orb.Point) bool { return !isFinite(p[0]) || !isFinite(p[1]) })
}

func isFinite(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }

func appendPolygon(b []byte, p orb.Polygon) []byte { return appendList(b, p, appendRing) }
func appendRing(b []byte, r orb.Ring) []byte       { return appendList(b, r, appendPosition) }

func appendPosition(b []byte, p orb.Point) []byte {
	b = appendNumber(append(b, '['), p[0])
	b = appendNumber(append(b, ','), p[1])
	return append(b, ']')
}

func appendList[T any](b []byte, list []T, item func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, v)
	}
	return append(b, ']')
}

// appendNumber appends the shortest number that reads back the same.
func appendNumber(b []byte, f float64) []byte {
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, 64)
}

func appendString(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always has a form
	return append(b, quoted...)
}
