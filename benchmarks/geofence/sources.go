package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/zonejson"
)

// A source makes a data set, when its turn comes.
type source struct {
	name  string
	quick bool // also where there is little time
	load  func() (*dataset, error)
}

// errMissing says that a data set is not to be had here.
var errMissing = errors.New("not here")

// invented is how the sources of invented sets begin.
const invented = "invented"

func sources(seed uint64, cache string) []source {
	list := []source{
		outside("Vilnius elderships", "lt_vilnius_elderships_osm.geojson", "name", "ODbL, OpenStreetMap contributors", true),
		outside("NYC taxi zones", "nyc_taxi_zones.geojson", "OBJECTID", "city open data", true),
		outside("Riga neighbourhoods", "cth_riga.geojson", "gid", "city open data", false),
		outside("Lithuania municipalities", "lt_municipalities_osm.geojson", "id", "ODbL, OpenStreetMap contributors", true),
		outside("Norway municipalities", "no_kommuner_S.geojson", "id", "CC BY 4.0, Kartverket", true),
		outside("Baltic and Nordic time zones", "baltic_nordic_timezones.geojson", "tzid", "ODbL, OpenStreetMap contributors", false),
		outside("Lithuania land and lakes", "osm_land10m_LTU.geojson", "A3", "ODbL, OpenStreetMap contributors", false),
		outside("Norway land and lakes", "osm_land10m_NOR.geojson", "A3", "ODbL, OpenStreetMap contributors", false),
	}
	for _, p := range packages {
		list = append(list, source{p.name, false, func() (*dataset, error) { return readCached(cache, p.name) }})
	}
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		name := fmt.Sprintf("%d k exclusion zones", n/1000)
		if n == 1_000_000 {
			name = "1 M exclusion zones"
		}
		list = append(list, source{name, n == 10_000, func() (*dataset, error) {
			return newDataset(name, fmt.Sprintf("%s, seed %d", invented, seed), "", exclusionZones(seed, n), nil)
		}})
	}
	return list
}

// outside is a file in the folder of outside data.
func outside(name, file, id, licence string, quick bool) source {
	return source{name, quick, func() (*dataset, error) {
		dir := os.Getenv("EM_DATA")
		if dir == "" {
			return nil, fmt.Errorf("EM_DATA is not set: %w", errMissing)
		}
		b, err := os.ReadFile(filepath.Join(dir, "zones", file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("EM_DATA has no zones/%s: %w", file, errMissing)
		}
		if err != nil {
			return nil, err
		}
		zones, err := zonejson.Unmarshal(b, zonejson.Defaults{Kind: geofence.KindPlace, ID: id})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		areas := make([]geofence.Area, len(zones))
		for i, z := range zones {
			areas[i] = z.Shape.(geofence.Area)
		}
		kept := sift(areas, nil)
		d, err := newDataset(name, "EM_DATA/zones/"+file, licence, kept.areas, kept.odd)
		if err == nil {
			d.refs, d.lost = kept.refs, kept.lost
		}
		return d, err
	}}
}

// cached is what is known of a data set in the cache, beside its zones.
type cached struct {
	Source  string   `json:"source"`
	Licence string   `json:"licence"`
	Refused int      `json:"refused"`
	Lost    string   `json:"lost,omitempty"`
	Names   []string `json:"names,omitempty"`
	Hash    string   `json:"hash"` // of the zones, edges split
}

func cacheFiles(cache, name string) (zones, about string) {
	return filepath.Join(cache, name+".zones"), filepath.Join(cache, name+".json")
}

func readCached(cache, name string) (*dataset, error) {
	zonesFile, about := cacheFiles(cache, name)
	b, err := os.ReadFile(about)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("built by make bench-data: %w", errMissing)
	}
	var c cached
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(zonesFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	areas, odd, err := readZones(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", zonesFile, err)
	}
	d, err := newDataset(name, c.Source, c.Licence, areas, odd)
	if err != nil {
		return nil, err
	}
	if d.hash != c.Hash {
		return nil, fmt.Errorf("%s: hash %s, and it was made with %s: build it again", zonesFile, d.hash, c.Hash)
	}
	d.refs, d.lost, d.names = c.Refused, c.Lost, c.Names
	return d, nil
}
