// Package track reads where somebody went, with times, from a GPX or a CSV file.
package track

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// maxPoints bounds a track: eleven days of a point a second.
const maxPoints = 1_000_000

// Point is a position and its time, in UTC.
type Point struct {
	em.LatLng
	At time.Time
}

// Track is points in the order of time: at least two, each later than the one
// before.
type Track []Point

// At returns the position at an instant: between two points on the straight line
// in latitude and longitude, before the first there and after the last there. It
// looks from a hint on, the result of the call before or 0, and must not go back.
func (t Track) At(at time.Time, hint int) (em.LatLng, int) {
	for hint+1 < len(t) && !t[hint+1].At.After(at) {
		hint++
	}
	p := t[hint]
	if hint+1 == len(t) || at.Before(p.At) {
		return p.LatLng, hint
	}
	q := t[hint+1]
	f := at.Sub(p.At).Seconds() / q.At.Sub(p.At).Seconds()
	return em.LatLng{Lat: p.Lat + f*(q.Lat-p.Lat), Lng: p.Lng + f*(q.Lng-p.Lng)}, hint
}

// Shift returns the track so that it begins at start.
func (t Track) Shift(start time.Time) Track {
	by := start.Sub(t[0].At)
	s := make(Track, len(t))
	for i, p := range t {
		s[i] = Point{p.LatLng, p.At.Add(by)}
	}
	return s
}

// Lasts is the time from the first point to the last.
func (t Track) Lasts() time.Duration { return t[len(t)-1].At.Sub(t[0].At) }

// Read reads a track; a name that ends in ".gpx" is GPX 1.0 or 1.1, any other CSV.
// An error names the point or the line.
func Read(name string, r io.Reader) (Track, error) {
	read := readCSV
	if strings.HasSuffix(strings.ToLower(name), ".gpx") {
		read = readGPX
	}
	t, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("track: %s: %w", name, err)
	}
	if len(t) < 2 {
		return nil, fmt.Errorf("track: %s: %d points with a time; a track has at least two", name, len(t))
	}
	return t, nil
}

// add appends a point, unless it is of the same time as the last: receivers
// write such twins.
func (t Track) add(p Point) (Track, error) {
	switch {
	case !p.Valid():
		return nil, fmt.Errorf("%v, %v is no position", p.Lat, p.Lng)
	case len(t) == maxPoints:
		return nil, fmt.Errorf("more than %d points", maxPoints)
	case len(t) > 0 && p.At.Before(t[len(t)-1].At):
		return nil, fmt.Errorf("%v is before the point in front of it", p.At.Format(time.RFC3339))
	case len(t) > 0 && p.At.Equal(t[len(t)-1].At):
		return t, nil
	}
	p.At = p.At.UTC()
	return append(t, p), nil
}

// readGPX takes the trkpt elements, of all tracks and segments in their order.
func readGPX(r io.Reader) (Track, error) {
	var t Track
	dec := xml.NewDecoder(r)
	for n := 1; ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		el, ok := tok.(xml.StartElement)
		if !ok || el.Name.Local != "trkpt" {
			continue
		}
		var p struct {
			Lat  *float64  `xml:"lat,attr"`
			Lon  *float64  `xml:"lon,attr"`
			Time time.Time `xml:"time"`
		}
		if err := dec.DecodeElement(&p, &el); err != nil {
			return nil, fmt.Errorf("point %d: %w", n, err)
		}
		if p.Lat == nil || p.Lon == nil || p.Time.IsZero() {
			return nil, fmt.Errorf("point %d: it needs lat, lon and time", n)
		}
		if t, err = t.add(Point{em.LatLng{Lat: *p.Lat, Lng: *p.Lon}, p.Time}); err != nil {
			return nil, fmt.Errorf("point %d: %w", n, err)
		}
		n++
	}
}

// readCSV takes a table whose first line names its columns: time, as RFC 3339 or
// as seconds since 1970, lat and lon. Others are not looked at.
func readCSV(r io.Reader) (Track, error) {
	table := csv.NewReader(r)
	table.ReuseRecord = true
	head, err := table.Read()
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, name := range head {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	for alias, name := range map[string]string{"longitude": "lon", "lng": "lon", "latitude": "lat", "timestamp": "time"} {
		if i, ok := column[alias]; ok {
			column[name] = i
		}
	}
	for _, name := range []string{"time", "lat", "lon"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("the first line names no column %q", name)
		}
	}
	var t Track
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		at, errTime := parseTime(row[column["time"]])
		lat, errLat := strconv.ParseFloat(row[column["lat"]], 64)
		lon, errLon := strconv.ParseFloat(row[column["lon"]], 64)
		if err = errors.Join(errTime, errLat, errLon); err == nil {
			t, err = t.add(Point{em.LatLng{Lat: lat, Lng: lon}, at})
		}
		if err != nil {
			line, _ := table.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func parseTime(s string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	return time.Parse(time.RFC3339, s)
}
