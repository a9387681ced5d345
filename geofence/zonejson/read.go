package zonejson

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em/geofence"
)

// Unmarshal reads a FeatureCollection, or a Feature. Errors are *Error. The
// zones share nothing with b, and take at most some ten times its size in
// memory; a zone of more than geofence.MaxVertices positions is refused.
func Unmarshal(b []byte, d Defaults) ([]geofence.Zone, error) {
	if !json.Valid(b) {
		e := &Error{Feature: -1, Offset: int64(len(b)), Reason: "no JSON"}
		var syntax *json.SyntaxError
		if err := json.Unmarshal(b, new(json.RawMessage)); errors.As(err, &syntax) {
			e.Offset, e.Reason = syntax.Offset, syntax.Error()
		}
		return nil, e
	}
	zones, err := readDocument(at(b, 0), d)
	if err != nil {
		return nil, err
	}
	return zones, nil
}

// bad is an error about a value; the callers complete the place.
func bad(v value, path, format string, args ...any) *Error {
	return &Error{Path: path, Offset: int64(v.from), Reason: fmt.Sprintf(format, args...)}
}

func readDocument(doc value, d Defaults) ([]geofence.Zone, *Error) {
	whole := func(err *Error) *Error {
		err.Feature = -1
		return err
	}
	if !doc.isObject() {
		return nil, whole(bad(doc, "", "not a FeatureCollection or a Feature"))
	}
	var kind, crs, bbox, features value
	if err := doc.find(map[string]*value{"type": &kind, "crs": &crs, "bbox": &bbox, "features": &features}); err != nil {
		return nil, whole(err)
	}
	// RFC 7946 has no crs; the forms in which older documents name its own are harmless.
	if s := string(crs.bytes()); !crs.absent() && !strings.Contains(s, "CRS84") && !strings.Contains(s, "EPSG:4326") && !strings.Contains(s, "EPSG::4326") {
		return nil, whole(bad(crs, "crs", "only longitude and latitude on WGS-84 are understood"))
	}
	switch s, _ := kind.text(); s {
	case "Feature":
		z, err := readFeature(doc, d)
		if err != nil {
			return nil, err
		}
		return []geofence.Zone{z}, nil
	case "FeatureCollection":
	default:
		if kind.doc == nil {
			kind = doc
		}
		return nil, whole(bad(kind, "type", "%q is not a FeatureCollection or a Feature", s))
	}
	if err := readBBox(bbox); err != nil {
		return nil, whole(err)
	}
	if features.absent() {
		return nil, whole(bad(doc, "features", "missing"))
	}
	if !features.isArray() {
		return nil, whole(bad(features, "features", "not an array"))
	}
	zones := []geofence.Zone{}
	for i, f := range features.items() {
		z, err := readFeature(f, d)
		if err != nil {
			err.Feature = i
			return nil, err
		}
		zones = append(zones, z)
	}
	return zones, nil
}

// readBBox checks the form of a bounding box, of which no use is made.
func readBBox(v value) *Error {
	if v.absent() {
		return nil
	}
	n, numbers := 0, v.isArray()
	if numbers {
		for _, item := range v.items() {
			n++
			numbers = numbers && item.isNumber()
		}
	}
	if !numbers || n != 4 && n != 6 {
		return bad(v, "bbox", "not four or six numbers")
	}
	return nil
}

func readFeature(f value, d Defaults) (z geofence.Zone, err *Error) {
	defer func() {
		if err != nil {
			err.ID = z.ID
		}
	}()
	if !f.isObject() {
		return z, bad(f, "", "not a Feature")
	}
	var kind, id, bbox, props, geometry value
	if err := f.find(map[string]*value{"type": &kind, "id": &id, "bbox": &bbox, "properties": &props, "geometry": &geometry}); err != nil {
		return z, err
	}
	if s, _ := kind.text(); s != "Feature" {
		if kind.doc == nil {
			kind = f
		}
		return z, bad(kind, "type", "%q is not a Feature", s)
	}
	p := properties{of: f}
	if !props.absent() {
		if !props.isObject() {
			return z, bad(props, "properties", "not an object")
		}
		p.of = props
		want := map[string]*value{"id": &p.id, "kind": &p.kind, "version": &p.version, "radius_m": &p.radius, "half_width_m": &p.halfWidth, "schedule": &p.schedule, "even_odd": &p.evenOdd}
		if d.ID != "" && want[d.ID] == nil {
			want[d.ID] = &p.named
		}
		if err := props.find(want); err != nil {
			err.Path = "properties." + err.Path
			return z, err
		}
		if v := want[d.ID]; v != nil {
			p.named = *v
		}
	}
	if z.ID, err = p.readID(id, d); err != nil {
		return z, err
	}
	if z.ID == "" {
		return z, bad(f, "id", "missing")
	}
	name, err := p.text("kind", p.kind, string(d.Kind))
	if err != nil {
		return z, err
	}
	if name == "" {
		return z, bad(p.of, "properties.kind", "missing")
	}
	z.Kind = geofence.Kind(name)
	if z.Version, err = p.text("version", p.version, d.Version); err != nil {
		return z, err
	}
	z.EvenOdd = d.EvenOdd
	if !p.evenOdd.absent() {
		s := string(p.evenOdd.bytes())
		if z.EvenOdd = s == "true"; !z.EvenOdd && s != "false" {
			return z, bad(p.evenOdd, "properties.even_odd", "neither true nor false")
		}
	}
	if !p.schedule.absent() {
		if d.Schedule == nil {
			return z, bad(p.schedule, "properties.schedule", "there is no way to read a schedule here")
		}
		active, e := d.Schedule(p.schedule.bytes())
		if e == nil && active == nil {
			e = errors.New("no schedule")
		}
		if e != nil {
			err := bad(p.schedule, "properties.schedule", "%v", e)
			err.Err = e
			return z, err
		}
		z.Active = active
	}
	if err := readBBox(bbox); err != nil {
		return z, err
	}
	if geometry.absent() {
		return z, bad(f, "geometry", "missing")
	}
	z.Shape, err = readGeometry(geometry, &p)
	return z, err
}

// properties are those of a feature that are read.
type properties struct {
	of value // the properties, or the feature that has none

	id, named, kind, version, radius, halfWidth, schedule, evenOdd value
}

// readID returns the first ID there is: the feature's own, the property id, or
// that which Defaults names.
func (p *properties) readID(own value, d Defaults) (string, *Error) {
	for _, c := range []struct {
		path string
		v    value
	}{{"id", own}, {"properties.id", p.id}, {"properties." + d.ID, p.named}} {
		if c.v.absent() {
			continue
		}
		if c.v.isNumber() {
			return string(c.v.bytes()), nil
		}
		s, ok := c.v.text()
		if !ok {
			return "", bad(c.v, c.path, "neither a string nor a number")
		}
		if s != "" {
			return s, nil
		}
	}
	return "", nil
}

func (p *properties) text(name string, v value, def string) (string, *Error) {
	if v.absent() {
		return def, nil
	}
	s, ok := v.text()
	if !ok {
		return "", bad(v, "properties."+name, "not a string")
	}
	return s, nil
}

func (p *properties) number(name string, v value, why string) (float64, *Error) {
	if v.absent() {
		return 0, bad(p.of, "properties."+name, "missing: %s", why)
	}
	f, ok := v.number()
	if !ok {
		return 0, bad(v, "properties."+name, "not a number, or too large")
	}
	return f, nil
}

// number returns a number; ok is false for another type, and for one that
// float64 does not have.
func (v value) number() (f float64, ok bool) {
	if !v.isNumber() {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v.bytes()), 64)
	return f, err == nil
}

func readGeometry(g value, p *properties) (geofence.Shape, *Error) {
	if !g.isObject() {
		return nil, bad(g, "geometry", "not an object")
	}
	var kind, coordinates value
	if err := g.find(map[string]*value{"type": &kind, "coordinates": &coordinates}); err != nil {
		err.Path = "geometry." + err.Path
		return nil, err
	}
	if coordinates.doc == nil {
		coordinates = value{g.doc, g.from, g.from} // so that the error has a place
	}
	r := reader{limit: geofence.MaxVertices}
	inCoordinates := func(err *Error) *Error {
		err.Path = "geometry.coordinates" + err.Path
		return err
	}
	switch s, _ := kind.text(); s {
	case "Point":
		c, err := r.position(coordinates)
		if err != nil {
			return nil, inCoordinates(err)
		}
		radius, err := p.number("radius_m", p.radius, "a point is a circle")
		if err != nil {
			return nil, err
		}
		return geofence.Circle{Center: c, Radius: radius}, nil
	case "LineString", "MultiLineString":
		read := r.line
		if s == "MultiLineString" {
			read = r.cutLine
		}
		line, err := read(coordinates)
		if err != nil {
			return nil, inCoordinates(err)
		}
		half, err := p.number("half_width_m", p.halfWidth, "a line is a corridor")
		if err != nil {
			return nil, err
		}
		return geofence.Corridor{Line: line, HalfWidth: half}, nil
	case "Polygon":
		polygon, err := r.polygon(coordinates)
		if err != nil {
			return nil, inCoordinates(err)
		}
		return geofence.Area{polygon}, nil
	case "MultiPolygon":
		polygons, err := readArray(coordinates, 1, r.polygon)
		if err != nil {
			return nil, inCoordinates(err)
		}
		return geofence.Area(polygons), nil
	default:
		if kind.doc == nil {
			kind = g
		}
		return nil, bad(kind, "geometry.type", "%q is not a Point, LineString, MultiLineString, Polygon or MultiPolygon", s)
	}
}

// reader reads coordinates. Its methods leave in Error.Path the way from what
// they were given to what is wrong.
type reader struct {
	limit int // positions that may still come
}

func (r *reader) line(v value) (orb.LineString, *Error) { return readArray(v, 2, r.position) }

// cutLine reads the parts of a line that is cut at the antimeridian.
func (r *reader) cutLine(v value) (orb.LineString, *Error) {
	var whole orb.LineString
	_, err := readArray(v, 1, func(part value) (struct{}, *Error) {
		l, err := r.line(part)
		if err != nil {
			return struct{}{}, err
		}
		if n := len(whole); n > 0 {
			if a, b := whole[n-1], l[0]; math.Abs(a[0]) != line || a[0] != -b[0] || a[1] != b[1] {
				return struct{}{}, bad(part, "", "it does not go on at the antimeridian where the part before it ends: a corridor is one line")
			}
			l = l[1:]
		}
		whole = append(whole, l...)
		return struct{}{}, nil
	})
	return whole, err
}

func (r *reader) polygon(v value) (orb.Polygon, *Error) { return readArray(v, 1, r.ring) }

func (r *reader) ring(v value) (orb.Ring, *Error) {
	ring, err := readArray(v, 4, r.position)
	if err == nil && ring[0] != ring[len(ring)-1] {
		return nil, bad(v, "", "the ring is not closed: its last position differs from its first")
	}
	return ring, err
}

// position reads longitude and latitude, and passes over an altitude.
func (r *reader) position(v value) (orb.Point, *Error) {
	var p orb.Point
	n, ok := 0, v.isArray()
	if ok {
		for _, item := range v.items() {
			f, number := item.number()
			if ok = ok && number; n < len(p) {
				p[n] = f
			}
			n++
		}
	}
	if !ok || n < len(p) {
		return p, bad(v, "", "not a position: [longitude, latitude]")
	}
	if math.Abs(p[0]) > 180 || math.Abs(p[1]) > 90 {
		return p, bad(v, "", "not a longitude in [-180, 180] and a latitude in [-90, 90]")
	}
	if r.limit--; r.limit < 0 {
		return p, bad(v, "", "more than %d positions", geofence.MaxVertices)
	}
	return p, nil
}

// readArray reads an array of at least least items.
func readArray[T any](v value, least int, read func(value) (T, *Error)) ([]T, *Error) {
	if v.from == v.to {
		return nil, bad(v, "", "missing")
	}
	if !v.isArray() {
		return nil, bad(v, "", "not an array")
	}
	var list []T
	for i, item := range v.items() {
		x, err := read(item)
		if err != nil {
			err.Path = fmt.Sprintf("[%d]%s", i, err.Path)
			return nil, err
		}
		list = append(list, x)
	}
	if len(list) < least {
		return nil, bad(v, "", "%d items, and it takes at least %d", len(list), least)
	}
	return list, nil
}
