package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sargas-em/em"
)

// Sets of real tracks, and the files of EM_DATA/gps they are in.
const (
	setWalks     = "walks"
	setMonths    = "months"
	setReceivers = "receivers"
)

var files = []struct{ set, file string }{
	{setWalks, "phyphox_walks_shifted_vilnius.csv.gz"},
	{setMonths, "geolife_skmob_sample.csv.gz"},
	{setReceivers, "gpsd_regression_nmea.csv.gz"},
}

// leastTrack is how long a track must be to be measured on.
const leastTrack = 60 * second

// trace is a real track under the name of its unit.
type trace struct {
	name    string
	reports []report
}

// readSet reads a file of EM_DATA. Traces of months are cut into days.
func readSet(set, file string) (traces []trace, hash string, err error) {
	dir := os.Getenv("EM_DATA")
	if dir == "" {
		return nil, "", fmt.Errorf("EM_DATA is not set: %w", fs.ErrNotExist)
	}
	b, err := os.ReadFile(filepath.Join(dir, "gps", file))
	if err != nil {
		return nil, "", errors.Unwrap(err) // without the path
	}
	sum := sha256.Sum256(b)
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, "", err
	}
	traces, err = readTraces(z, set)
	return traces, hex.EncodeToString(sum[:]), err
}

// readTraces reads traces of one set. Errors name the line and hold no position.
func readTraces(r io.Reader, set string) ([]trace, error) {
	table := csv.NewReader(r)
	table.ReuseRecord = true
	head, err := table.Read()
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	for _, name := range []string{"trace", "time", "lat", "lon", "speed_mps", "course", "hdop", "accuracy_m", "sats"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("no column %q", name)
		}
	}
	var traces []trace
	index := map[string]int{}
	for line := 2; ; line++ {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: no CSV", line)
		}
		at, err := time.Parse(time.RFC3339, row[column["time"]])
		lat, latOK := number(row[column["lat"]])
		lng, lngOK := number(row[column["lon"]])
		f := em.Fix{LatLng: em.LatLng{Lat: lat, Lng: lng}, Validity: em.FixCurrent, Source: em.SourceGNSS}
		if err != nil || !latOK || !lngOK || !f.Valid() {
			return nil, fmt.Errorf("line %d: no time or position", line)
		}
		for name, to := range map[string]*em.Opt[float64]{"accuracy_m": &f.Accuracy, "hdop": &f.HDOP, "speed_mps": &f.Speed, "course": &f.Course} {
			if v, ok := number(row[column[name]]); ok && v >= 0 {
				*to = em.Some(v)
			}
		}
		if v, ok := number(row[column["sats"]]); ok {
			f.Satellites = em.Some(int(v))
		}
		name := set + "/" + row[column["trace"]]
		if set == setMonths {
			name += at.UTC().Format("/2006-01-02")
		}
		i, ok := index[name]
		if !ok {
			i = len(traces)
			index[name] = i
			traces = append(traces, trace{name: name})
		}
		traces[i].reports = append(traces[i].reports, report{at.UnixMilli(), f})
	}
	var kept []trace
	for _, t := range traces {
		slices.SortStableFunc(t.reports, func(a, b report) int { return int(a.at - b.at) })
		if set == setReceivers && !slices.ContainsFunc(t.reports, func(r report) bool { return r.fix.HDOP.OK }) {
			continue
		}
		if t.reports[len(t.reports)-1].at-t.reports[0].at >= leastTrack {
			kept = append(kept, t)
		}
	}
	return kept, nil
}

func number(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// realUnits are a trace as it was reported, thinned, and degraded by the noise
// model.
func realUnits(set string, t trace, seed uint64) ([]*unit, error) {
	p := smooth(t.reports)
	if len(p.samples) == 0 || p.known() < leastTrack {
		return nil, nil
	}
	zones := lay(&p, seed, t.name)
	s, err := newScene(t.name, p, zones, nil)
	if err != nil {
		return nil, err
	}
	intervals := []int64{second, 10 * second, 60 * second}
	if set == setMonths {
		intervals = []int64{5 * second, 60 * second}
	}
	var units []*unit
	for _, every := range intervals {
		reports := t.reports
		if every > 5*second {
			reports = thin(reports, every)
		}
		units = append(units, newUnit(s, set, every, reports))
	}
	if set == setReceivers {
		return units, nil
	}

	exact := path{samples: slices.Clone(p.samples), end: p.end}
	for i := range exact.samples {
		exact.samples[i].u = exactTo
	}
	if s, err = newScene(t.name, exact, zones, nil); err != nil {
		return nil, err
	}
	for _, every := range []int64{10 * second, 60 * second} {
		d := newDevice(randFor(seed, "device", t.name))
		d.every = every
		env := []surroundings{openSky, street, canyon}[randFor(seed, "surroundings", t.name).IntN(3)]
		units = append(units, newUnit(s, set+", degraded", every, d.reports(&exact, func(int) surroundings { return env })))
	}
	return units, nil
}
