package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sargas-em/em/benchmarks/internal/environment"
)

// report is all of a run, with what is needed to repeat it. Times are
// nanoseconds, sizes bytes.
type report struct {
	Command  []string            `json:"command"`
	Machine  environment.Machine `json:"machine"`
	Versions map[string]string   `json:"versions"`
	Seed     uint64              `json:"seed"`
	Quick    bool                `json:"quick"`
	Passes   int                 `json:"passes"`  // of which the least counts
	Clock    string              `json:"clock"`   // what times are
	Skipped  []string            `json:"skipped"` // what is not to be had here, and why

	Head      head              `json:"head"`
	Sets      []setFigures      `json:"sets"`
	Growth    []growthFigures   `json:"growth"` // of ours, from the invented sets
	Subjects  []subjectFigures  `json:"subjects"`
	Distances []distanceFigures `json:"distances"`
	Updates   []updateFigures   `json:"updates"`
}

// head are the figures that matter most.
type head struct {
	Points      int     `json:"points_checked"` // each against all zones of its set
	Pairs       int64   `json:"pairs_checked"`  // points times zones
	Differences int     `json:"differences"`    // there is no report with another value than 0
	Ratios      []ratio `json:"ratios"`         // to each rival
}

// ratio says how many times as long as ours a rival takes for a point, on one
// thread.
type ratio struct {
	Rival string             `json:"rival"`
	Ours  string             `json:"ours"`           // which way to ask ours
	Mean  float64            `json:"geometric_mean"` // over all data sets and loads
	Least float64            `json:"least"`
	By    map[string]float64 `json:"by_set_and_load"`
}

type setFigures struct {
	Name     string          `json:"name"`
	Source   string          `json:"source"`
	Licence  string          `json:"licence"`
	Hash     string          `json:"sha256"` // of the zones, edges split
	Zones    int             `json:"zones"`
	Given    int             `json:"vertices"`       // as given
	Vertices int             `json:"vertices_split"` // as asked for
	Input    int64           `json:"input_bytes"`    // that the zones take which engines get
	EvenOdd  int             `json:"even_odd"`       // zones whose rings cross
	Refused  int             `json:"refused"`        // zones left out as package geofence refuses them
	Lost     string          `json:"refused_because,omitempty"`
	Loads    []loadFigures   `json:"loads"`
	Engines  []engineFigures `json:"engines"`
}

// growthFigures say how ours fares with more zones.
type growthFigures struct {
	Zones  int     `json:"zones"`
	Load   string  `json:"load"`
	Single float64 `json:"ns_per_point"`
	Batch  float64 `json:"ns_per_point_batch"`
	Weight weight  `json:"weight"`
	Input  int64   `json:"input_bytes"` // of the zones as given, which an index keeps
}

type loadFigures struct {
	Name     string `json:"name"`
	Points   int    `json:"points"`
	Hash     string `json:"sha256"`
	Hits     int    `json:"hits"`     // of golang/geo
	Checksum string `json:"checksum"` // of golang/geo's (point, zone) pairs
}

type engineFigures struct {
	Name    string          `json:"name"`
	Weight  weight          `json:"weight"`
	Methods []methodFigures `json:"methods"`
}

type methodFigures struct {
	Name        string  `json:"name"`
	Load        string  `json:"load"`
	Threads     int     `json:"threads"`
	NS          float64 `json:"ns_per_point"`
	Points      int     `json:"points"`      // in a pass
	HitRatio    float64 `json:"hit_ratio"`   // its hits by golang/geo's on the same points
	Same        bool    `json:"same_answer"` // every (point, zone) pair was compared and is the same
	Differences int     `json:"differences"` // points of the load with other zones, where pairs were compared
	Allocations float64 `json:"allocations_per_point"`
}

// versions are of the modules that are compared.
func versions() map[string]string {
	modules := []string{"github.com/tidwall/rtree", "github.com/ringsaturn/tzf-rel-lite"}
	for _, e := range engines() {
		modules = append(modules, e.module)
	}
	return environment.Versions(modules...)
}

// conclude works out the head figures.
func (r *report) conclude() {
	type key struct{ rival, ours string }
	by := map[key]map[string]float64{}
	for _, s := range r.Sets {
		ns := map[string]map[string]float64{} // by load and method, one thread
		for _, e := range s.Engines {
			for _, m := range e.Methods {
				if m.Threads == 1 && (m.Load == loadUniform || m.Load == loadClustered) {
					if ns[m.Load] == nil {
						ns[m.Load] = map[string]float64{}
					}
					ns[m.Load][m.Name] = m.NS
				}
			}
		}
		for load, methods := range ns {
			for _, ours := range []string{oursSingle, oursBatch} {
				for rival, t := range methods {
					if strings.HasPrefix(rival, oursSingle) || methods[ours] == 0 {
						continue
					}
					k := key{rival, ours}
					if by[k] == nil {
						by[k] = map[string]float64{}
					}
					by[k][s.Name+", "+load] = t / methods[ours]
				}
			}
		}
	}
	r.Growth = []growthFigures{}
	for _, s := range r.Sets {
		if !strings.HasPrefix(s.Source, invented) {
			continue
		}
		for _, load := range []string{loadUniform, loadClustered} {
			g := growthFigures{Zones: s.Zones, Load: load, Input: s.Input}
			for _, e := range s.Engines {
				for _, m := range e.Methods {
					switch {
					case m.Load != load || m.Threads != 1:
					case m.Name == oursSingle:
						g.Single, g.Weight = m.NS, e.Weight
					case m.Name == oursBatch:
						g.Batch = m.NS
					}
				}
			}
			r.Growth = append(r.Growth, g)
		}
	}
	for k, ratios := range by {
		logs, least := 0.0, math.Inf(1)
		for _, x := range ratios {
			logs, least = logs+math.Log(x), min(least, x)
		}
		r.Head.Ratios = append(r.Head.Ratios, ratio{k.rival, k.ours, math.Exp(logs / float64(len(ratios))), least, ratios})
	}
	slices.SortFunc(r.Head.Ratios, func(a, b ratio) int {
		return cmp.Or(cmp.Compare(order(a.Rival), order(b.Rival)), cmp.Compare(a.Rival, b.Rival), -cmp.Compare(a.Ours, b.Ours))
	})
}

// order is the place of a method in tables.
func order(method string) int {
	for i, name := range []string{oursSingle, oursBatch, oursE7, oursMapped, oursLive, oursSet, google, google + ", not split", tidwall, "orb", "tzf", "tzf, approximate", "S2 C++", "GEOS"} {
		if name == method {
			return i
		}
	}
	return math.MaxInt
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// writeText writes tables for people.
func (r *report) writeText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	p := func(format string, args ...any) { fmt.Fprintf(w, format, args...) }
	title := func(s string) { p("\n%s\n", s) }

	m := r.Machine
	p("command   %s\n", strings.Join(r.Command, " "))
	p("machine   %v\n", m)
	p("versions  %s, commit %s", m.Go, m.Commit)
	for _, k := range slices.Sorted(maps.Keys(r.Versions)) {
		p(", %s %s", k, r.Versions[k])
	}
	p("\nseed      %d; times are %s, the least of %d passes\n", r.Seed, r.Clock, r.Passes)
	for _, s := range r.Skipped {
		p("skipped   %s\n", s)
	}
	p("checked   %d points against all zones of their set (%d pairs): %d differences from golang/geo\n", r.Head.Points, r.Head.Pairs, r.Head.Differences)

	title("Data")
	p("set\tzones\teven-odd\tvertices\tsplit\trefused\tsha256\t\n")
	for _, s := range r.Sets {
		p("%s\t%d\t%d\t%d\t%d\t%d\t%.16s\t\n", s.Name, s.Zones, s.EvenOdd, s.Given, s.Vertices, s.Refused, s.Hash)
	}

	for _, threads := range []int{1, 2} {
		r.table(p, fmt.Sprintf("ns a point, %d thread(s); lower is better", threads), threads, func(m methodFigures) string { return fmt.Sprintf("%.1f", m.NS) })
	}
	r.table(p, "Hits by golang/geo's; = is the same answer, pair by pair", 1, func(m methodFigures) string {
		if m.Same {
			return "="
		}
		return fmt.Sprintf("%.6f", m.HitRatio)
	})
	r.table(p, "Allocations a point", 1, func(m methodFigures) string { return fmt.Sprintf("%.2g", m.Allocations) })

	title("Times as long as ours, one thread, geometric mean over sets and loads (least)")
	for _, x := range r.Head.Ratios {
		p("%s\tby %s\t%.1f\t(%.1f)\t\n", x.Rival, x.Ours, x.Mean, x.Least)
	}

	title("Build seconds (wall / CPU), and memory kept in MB: Go's heap + outside of it, with what is kept of the zones")
	for _, s := range r.Sets {
		for _, e := range s.Engines {
			p("%s\t%s\t%.2f / %.2f s\t%.1f + %.1f MB\t\n", s.Name, e.Name, e.Weight.Wall, e.Weight.CPU, float64(e.Weight.Heap)/1e6, float64(e.Weight.Mapped)/1e6)
		}
	}

	if len(r.Growth) > 0 {
		title("Growth of ours, invented exclusion zones")
		p("zones\tload\tone by one, ns\tbatch, ns\tbuild, s\tMB\tMB without the zones given\t\n")
		for _, g := range r.Growth {
			p("%d\t%s\t%.1f\t%.1f\t%.2f\t%.1f\t%.1f\t\n", g.Zones, g.Load, g.Single, g.Batch, g.Weight.Wall,
				float64(g.Weight.Heap+g.Weight.Mapped)/1e6, float64(g.Weight.Heap+g.Weight.Mapped-g.Input)/1e6)
		}
	}
	if len(r.Subjects) > 0 {
		title("Zones of their own: ten for each subject; ns a point for all ten")
		p("method\tsubjects\torder\tns a point\tM points/s\thit ratio\tbuild, s\tMB\t\n")
		for _, s := range r.Subjects {
			p("%s\t%d\t%s\t%.1f\t%.2f\t%.6f\t%.2f\t%.1f\t\n", s.Method, s.Subjects, s.Order, s.NS, 1e3/s.NS, s.HitRatio, s.Weight.Wall, float64(s.Weight.Heap+s.Weight.Mapped)/1e6)
		}
	}
	if len(r.Distances) > 0 {
		title("Distance to the edge of one zone")
		p("zones\tvertices a zone\tours, ns\tClosestEdgeQuery, ns\tratio\tgreatest difference, m\t\n")
		for _, d := range r.Distances {
			p("%s\t%.1f\t%.0f\t%.0f\t%.1f\t%.2g\t\n", d.Zones, d.Vertices, d.Ours, d.Google, d.Google/d.Ours, d.Greatest)
		}
	}
	if len(r.Updates) > 0 {
		title("Updates while a reader runs: from the call until the reader finds the zone, µs; and the reader's own time")
		p("way\tzones\tupdates\tmedian\tp99\tlongest\tns a point before\tduring\t\n")
		for _, u := range r.Updates {
			p("%s\t%d\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", u.Way, u.Zones, u.Updates, u.Median, u.P99, u.Longest, u.Before, u.During)
		}
	}
	return w.Flush()
}

// table prints one value of each method, a row for each set and load.
func (r *report) table(p func(string, ...any), name string, threads int, value func(methodFigures) string) {
	type row struct{ set, load string }
	var rows []row
	var columns []string
	cells := map[row]map[string]string{}
	for _, s := range r.Sets {
		for _, e := range s.Engines {
			for _, m := range e.Methods {
				if m.Threads != threads {
					continue
				}
				k := row{s.Name, m.Load}
				if cells[k] == nil {
					cells[k] = map[string]string{}
					rows = append(rows, k)
				}
				cells[k][m.Name] = value(m)
				if !slices.Contains(columns, m.Name) {
					columns = append(columns, m.Name)
				}
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	slices.SortStableFunc(columns, func(a, b string) int { return cmp.Compare(order(a), order(b)) })
	p("\n%s\nset\tload\t%s\t\n", name, strings.Join(columns, "\t"))
	for _, k := range rows {
		p("%s\t%s\t", k.set, k.load)
		for _, c := range columns {
			p("%s\t", cmp.Or(cells[k][c], "–"))
		}
		p("\n")
	}
}
