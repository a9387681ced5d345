package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	pb "github.com/ringsaturn/tzf/gen/go/tzf/v1"
	"google.golang.org/protobuf/proto"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em/geofence"
)

// pkg is a package of a registry that brings a data set. It is fetched with the
// registry's usual client, as that is set up.
type pkg struct {
	name    string // of the data set
	npm     string // package and version, or
	module  string // module and version
	file    string
	object  string // of the topology
	licence string
}

var packages = []pkg{
	{name: "US counties", npm: "us-atlas@3.0.1", file: "counties-10m.json", object: "counties", licence: "ISC; U.S. Census Bureau, public domain"},
	{name: "countries of the world", npm: "world-atlas@2.0.2", file: "countries-10m.json", object: "countries", licence: "ISC; Natural Earth, public domain"},
	{name: "time zones of the world", module: "github.com/ringsaturn/tzf-rel@v0.0.2023-d1", file: "combined-with-oceans.pb", licence: "ODbL, OpenStreetMap contributors"},
}

// fetch makes the data sets of packages in the cache.
func fetch(cache string, log io.Writer) error {
	for _, p := range packages {
		b, err := p.download()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		areas, names, err := p.decode(b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		kept := sift(areas, names)
		d, err := newDataset(p.name, "", "", kept.areas, kept.odd)
		if err != nil {
			return err
		}
		about := cached{Source: p.npm + p.module + " " + p.file, Licence: p.licence, Refused: kept.refs, Lost: kept.lost, Names: kept.names, Hash: d.hash}
		zonesFile, aboutFile := cacheFiles(cache, p.name)
		if err := writeFile(zonesFile, func(w io.Writer) error { return writeZones(w, kept.areas, kept.odd) }); err != nil {
			return err
		}
		if err := writeFile(aboutFile, func(w io.Writer) error { return json.NewEncoder(w).Encode(about) }); err != nil {
			return err
		}
		fmt.Fprintf(log, "%s: %s, %s; %d zones, %d of them even-odd, %d vertices, sha256 %s\n", p.name, about.Source, about.Licence, len(d.given), d.evenOdd(), vertices(d.given), d.hash)
		if about.Refused > 0 {
			fmt.Fprintf(log, "%s: %d zones left out, as package geofence refuses them, the first: %s\n", p.name, about.Refused, about.Lost)
		}
	}
	return nil
}

// download returns the file of the package.
func (p pkg) download() ([]byte, error) {
	tmp, err := os.MkdirTemp("", "bench-data")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	if p.module != "" {
		cmd := exec.Command("go", "mod", "download", "-json", p.module)
		cmd.Dir, cmd.Stderr = tmp, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go mod download: %w", err)
		}
		var m struct{ Dir string }
		if err := json.Unmarshal(out, &m); err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(m.Dir, p.file))
	}
	cmd := exec.Command("npm", "pack", "--silent", p.npm)
	cmd.Dir, cmd.Stderr = tmp, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("npm pack: %w", err)
	}
	f, err := os.Open(filepath.Join(tmp, strings.TrimSpace(string(out))))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		if h.Name == "package/"+p.file {
			return io.ReadAll(t)
		}
	}
}

func (p pkg) decode(b []byte) ([]geofence.Area, []string, error) {
	if p.npm != "" {
		areas, err := decodeTopology(b, p.object)
		return areas, nil, err
	}
	data := new(pb.Timezones)
	if err := proto.Unmarshal(b, data); err != nil {
		return nil, nil, err
	}
	ring := func(p *pb.Polygon) orb.Ring {
		r := make(orb.Ring, len(p.Points))
		for i, v := range p.Points {
			r[i] = orb.Point{float64(v.Lng), float64(v.Lat)}
		}
		return r
	}
	var areas []geofence.Area
	var names []string
	for _, tz := range data.Timezones {
		var a geofence.Area
		for _, p := range tz.Polygons {
			polygon := orb.Polygon{ring(p)}
			for _, hole := range p.Holes {
				polygon = append(polygon, ring(hole))
			}
			a = append(a, polygon)
		}
		areas, names = append(areas, a), append(names, tz.Name)
	}
	return areas, names, nil
}

// decodeTopology reads the polygons of an object of a TopoJSON topology, whose
// arcs are quantized and delta-encoded.
func decodeTopology(b []byte, object string) ([]geofence.Area, error) {
	var t struct {
		Arcs      [][][2]int
		Transform struct{ Scale, Translate [2]float64 }
		Objects   map[string]struct {
			Geometries []struct {
				Type string
				Arcs json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, err
	}
	arcs := make([]orb.LineString, len(t.Arcs))
	for i, a := range t.Arcs {
		x, y := 0, 0
		for _, d := range a {
			x, y = x+d[0], y+d[1]
			arcs[i] = append(arcs[i], orb.Point{
				float64(x)*t.Transform.Scale[0] + t.Transform.Translate[0], float64(y)*t.Transform.Scale[1] + t.Transform.Translate[1]})
		}
	}
	polygon := func(rings [][]int) (orb.Polygon, error) {
		var p orb.Polygon
		for _, indices := range rings {
			var r orb.Ring
			for _, i := range indices {
				reverse := i < 0
				if reverse {
					i = ^i
				}
				if i >= len(arcs) {
					return nil, errors.New("topology: no such arc")
				}
				line := arcs[i]
				if reverse {
					line = line.Clone()
					line.Reverse()
				}
				if len(r) > 0 { // arcs share their ends
					line = line[1:]
				}
				r = append(r, line...)
			}
			for k, v := range r { // rounding may leave the world by a hair
				r[k] = orb.Point{min(180, max(-180, v[0])), min(90, max(-90, v[1]))}
			}
			p = append(p, r)
		}
		return p, nil
	}
	var areas []geofence.Area
	for _, g := range t.Objects[object].Geometries {
		var many [][][]int
		switch g.Type {
		case "Polygon":
			many = make([][][]int, 1)
			if err := json.Unmarshal(g.Arcs, &many[0]); err != nil {
				return nil, err
			}
		case "MultiPolygon":
			if err := json.Unmarshal(g.Arcs, &many); err != nil {
				return nil, err
			}
		}
		var a geofence.Area
		for _, rings := range many {
			p, err := polygon(rings)
			if err != nil {
				return nil, err
			}
			a = append(a, p)
		}
		areas = append(areas, a)
	}
	return areas, nil
}
