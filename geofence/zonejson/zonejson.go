// Package zonejson reads and writes zones as GeoJSON (RFC 7946).
//
// A document is a FeatureCollection; each feature is one zone:
//
//   - A Polygon or MultiPolygon is a geofence.Area.
//   - A Point with the property radius_m is a geofence.Circle.
//   - A LineString with the property half_width_m is a geofence.Corridor.
//
// The properties kind and version are the zone's. Its ID is the feature's
// member "id", or else the property "id"; both may be a string or a number, of
// which the digits are taken as they stand. Other properties are ignored, and
// so are altitudes. The meaning of edges, and what a shape must fulfil, is said
// in package geofence: geofence.NewIndex checks that.
package zonejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em/geofence"
)

// ErrFormat is wrapped by errors about documents that are no GeoJSON zones.
var ErrFormat = errors.New("zonejson: not a GeoJSON zone document")

// Error says what is wrong with a document, and where.
type Error struct {
	Feature int    // counted from zero; -1 for the collection itself
	Path    string // within the feature: "geometry.coordinates[0][2]", or empty
	Reason  string
}

// Error returns the place and the reason in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("zonejson: ")
	if e.Feature >= 0 {
		fmt.Fprintf(&b, "feature %d: ", e.Feature)
	}
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Unwrap returns ErrFormat.
func (e *Error) Unwrap() error { return ErrFormat }

// Defaults fill in what features do not say. Its zero value has none: then each
// feature needs an ID and a kind.
type Defaults struct {
	Kind    geofence.Kind // of features without the property kind
	Version string        // of features without the property version
	ID      string        // name of a property that is the ID of features without one
}

// Unmarshal reads a FeatureCollection. Errors are *Error. The zones share
// nothing with b.
func Unmarshal(b []byte, d Defaults) ([]geofence.Zone, error) {
	var doc struct {
		Type     string            `json:"type"`
		CRS      json.RawMessage   `json:"crs"`
		Features []json.RawMessage `json:"features"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, &Error{-1, "", jsonReason(err)}
	}
	if doc.Type != "FeatureCollection" {
		return nil, &Error{-1, "type", fmt.Sprintf("%q is not a FeatureCollection", doc.Type)}
	}
	if doc.Features == nil {
		return nil, &Error{-1, "features", "missing"}
	}
	// RFC 7946 has no crs; the forms in which older documents name its own are harmless.
	if crs := string(doc.CRS); crs != "" && crs != "null" && !strings.Contains(crs, "CRS84") && !strings.Contains(crs, "EPSG:4326") && !strings.Contains(crs, "EPSG::4326") {
		return nil, &Error{-1, "crs", "only longitude and latitude on WGS-84 are understood"}
	}
	zones := make([]geofence.Zone, 0, len(doc.Features))
	for i, raw := range doc.Features {
		z, err := readFeature(raw, d)
		if err != nil {
			err.Feature = i
			return nil, err
		}
		zones = append(zones, z)
	}
	return zones, nil
}

// jsonReason is an error of encoding/json without its package's name.
func jsonReason(err error) string { return strings.TrimPrefix(err.Error(), "json: ") }

func readFeature(raw json.RawMessage, d Defaults) (geofence.Zone, *Error) {
	var f struct {
		Type       string                     `json:"type"`
		ID         json.RawMessage            `json:"id"`
		Properties map[string]json.RawMessage `json:"properties"`
		Geometry   *geometry                  `json:"geometry"`
	}
	var z geofence.Zone
	if err := json.Unmarshal(raw, &f); err != nil {
		return z, &Error{Reason: jsonReason(err)}
	}
	if f.Type != "Feature" {
		return z, &Error{Path: "type", Reason: fmt.Sprintf("%q is not a Feature", f.Type)}
	}
	p := properties(f.Properties)

	var err *Error
	if z.ID, err = readID("id", f.ID); err == nil && z.ID == "" {
		z.ID, err = readID("properties.id", p["id"])
	}
	if err == nil && z.ID == "" && d.ID != "" {
		z.ID, err = readID("properties."+d.ID, p[d.ID])
	}
	if err != nil {
		return z, err
	}
	if z.ID == "" {
		return z, &Error{Path: "id", Reason: "missing"}
	}
	kind, err := p.text("kind", string(d.Kind))
	if err != nil {
		return z, err
	}
	if kind == "" {
		return z, &Error{Path: "properties.kind", Reason: "missing"}
	}
	z.Kind = geofence.Kind(kind)
	if z.Version, err = p.text("version", d.Version); err != nil {
		return z, err
	}
	if f.Geometry == nil {
		return z, &Error{Path: "geometry", Reason: "missing"}
	}
	z.Shape, err = f.Geometry.shape(p)
	return z, err
}

// readID reads a string or number; absent and null are empty.
func readID(path string, raw json.RawMessage) (string, *Error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var n json.Number
	if json.Unmarshal(raw, &n) != nil {
		return "", &Error{Path: path, Reason: "neither a string nor a number"}
	}
	return n.String(), nil
}

// properties are the members of a feature's "properties".
type properties map[string]json.RawMessage

func (p properties) text(name, def string) (string, *Error) {
	raw, ok := p[name]
	if !ok || string(raw) == "null" {
		return def, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", &Error{Path: "properties." + name, Reason: "not a string"}
	}
	return s, nil
}

func (p properties) number(name, why string) (float64, *Error) {
	raw, ok := p[name]
	if !ok || string(raw) == "null" {
		return 0, &Error{Path: "properties." + name, Reason: "missing: " + why}
	}
	var v float64
	if json.Unmarshal(raw, &v) != nil {
		return 0, &Error{Path: "properties." + name, Reason: "not a number"}
	}
	return v, nil
}

type geometry struct {
	Type        string          `json:"type"`
	Coordinates json.RawMessage `json:"coordinates"`
}

func (g *geometry) shape(p properties) (geofence.Shape, *Error) {
	inCoordinates := func(err *Error) *Error {
		err.Path = "geometry.coordinates" + err.Path
		return err
	}
	switch g.Type {
	case "Point":
		c, err := readPosition(g.Coordinates)
		if err != nil {
			return nil, inCoordinates(err)
		}
		radius, err := p.number("radius_m", "a point is a circle")
		if err != nil {
			return nil, err
		}
		return geofence.Circle{Center: c, Radius: radius}, nil
	case "LineString":
		line, err := readArray(g.Coordinates, 2, readPosition)
		if err != nil {
			return nil, inCoordinates(err)
		}
		half, err := p.number("half_width_m", "a line is a corridor")
		if err != nil {
			return nil, err
		}
		return geofence.Corridor{Line: line, HalfWidth: half}, nil
	case "Polygon":
		polygon, err := readPolygon(g.Coordinates)
		if err != nil {
			return nil, inCoordinates(err)
		}
		return geofence.Area{polygon}, nil
	case "MultiPolygon":
		polygons, err := readArray(g.Coordinates, 1, readPolygon)
		if err != nil {
			return nil, inCoordinates(err)
		}
		return geofence.Area(polygons), nil
	}
	return nil, &Error{Path: "geometry.type", Reason: fmt.Sprintf("%q is not a Point, LineString, Polygon or MultiPolygon", g.Type)}
}

// The readers below leave in Error.Path the way from what they were given to
// what is wrong.

func readPolygon(raw json.RawMessage) (orb.Polygon, *Error) {
	return readArray(raw, 1, readRing)
}

func readRing(raw json.RawMessage) (orb.Ring, *Error) {
	r, err := readArray(raw, 4, readPosition)
	if err == nil && r[0] != r[len(r)-1] {
		return nil, &Error{Reason: "the ring is not closed: its last position differs from its first"}
	}
	return r, err
}

// readPosition reads longitude and latitude, and passes over an altitude.
func readPosition(raw json.RawMessage) (orb.Point, *Error) {
	var numbers []*float64 // null leaves nil, not zero
	if json.Unmarshal(raw, &numbers) != nil || len(numbers) < 2 || numbers[0] == nil || numbers[1] == nil {
		return orb.Point{}, &Error{Reason: "not a position: [longitude, latitude]"}
	}
	return orb.Point{*numbers[0], *numbers[1]}, nil
}

// readArray reads an array of at least least items.
func readArray[T any](raw json.RawMessage, least int, read func(json.RawMessage) (T, *Error)) ([]T, *Error) {
	var items []json.RawMessage
	if len(raw) == 0 {
		return nil, &Error{Reason: "missing"}
	}
	if json.Unmarshal(raw, &items) != nil {
		return nil, &Error{Reason: "not an array"}
	}
	if len(items) < least {
		return nil, &Error{Reason: fmt.Sprintf("%d items, and it takes at least %d", len(items), least)}
	}
	list := make([]T, len(items))
	for i, item := range items {
		var err *Error
		if list[i], err = read(item); err != nil {
			err.Path = fmt.Sprintf("[%d]%s", i, err.Path)
			return nil, err
		}
	}
	return list, nil
}

// Marshal writes a FeatureCollection, which Unmarshal reads back to the same
// zones. Coordinates and rings are written as they are: RFC 7946 asks for outer
// rings counter-clockwise, which is the caller's to see to. A zone with an
// Active, a shape of an unknown type and a number that JSON does not have are
// errors that name the zone.
func Marshal(zones []geofence.Zone) ([]byte, error) {
	type properties struct {
		Kind      geofence.Kind `json:"kind"`
		Version   string        `json:"version,omitempty"`
		Radius    float64       `json:"radius_m,omitempty"`
		HalfWidth float64       `json:"half_width_m,omitempty"`
	}
	type shape struct {
		Type        string `json:"type"`
		Coordinates any    `json:"coordinates"`
	}
	type feature struct {
		Type       string     `json:"type"`
		ID         string     `json:"id"`
		Properties properties `json:"properties"`
		Geometry   shape      `json:"geometry"`
	}
	var b bytes.Buffer
	b.WriteString(`{"type":"FeatureCollection","features":[`)
	for i, z := range zones {
		f := feature{"Feature", z.ID, properties{Kind: z.Kind, Version: z.Version}, shape{}}
		switch s := z.Shape.(type) {
		case geofence.Area:
			f.Geometry = shape{"MultiPolygon", closed(s)}
			if len(s) == 1 {
				f.Geometry = shape{"Polygon", closed(s)[0]}
			}
		case geofence.Circle:
			f.Properties.Radius = s.Radius
			f.Geometry = shape{"Point", s.Center}
		case geofence.Corridor:
			f.Properties.HalfWidth = s.HalfWidth
			f.Geometry = shape{"LineString", s.Line}
		default:
			return nil, fmt.Errorf("zonejson: zone %d (%q): %T has no GeoJSON form", i, z.ID, z.Shape)
		}
		if z.Active != nil {
			return nil, fmt.Errorf("zonejson: zone %d (%q): a schedule has no GeoJSON form", i, z.ID)
		}
		line, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("zonejson: zone %d (%q): %w", i, z.ID, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(line)
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), nil
}

// closed returns the polygons with the first vertex of each ring repeated at
// its end, as GeoJSON has them. Others may leave it out.
func closed(a geofence.Area) []orb.Polygon {
	polygons := make([]orb.Polygon, len(a))
	for i, p := range a {
		polygons[i] = make(orb.Polygon, len(p))
		for j, r := range p {
			if len(r) > 0 && r[0] != r[len(r)-1] {
				r = append(r[:len(r):len(r)], r[0])
			}
			polygons[i][j] = r
		}
	}
	return polygons
}
