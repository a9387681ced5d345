package main

import (
	"bytes"
	"embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em/geofence"
)

//go:embed native
var nativeSource embed.FS

// native is an engine in C++, run as a program of its own, compiled here.
type native struct {
	name     string
	source   string
	flags    []string // what it is linked with
	pkg      string   // Debian's package of the library, for its version
	packages string   // what to install
	given    bool
	plane    plane

	program string
	version string
}

func natives() []*native {
	return []*native{
		{name: "S2 C++", source: "s2.cpp", flags: []string{"-ls2"}, pkg: "libs2-dev", packages: "g++ libs2-dev", plane: sphere},
		{name: "GEOS", source: "geos.cpp", flags: []string{"-lgeos_c"}, pkg: "libgeos-dev", packages: "g++ libgeos-dev", given: true, plane: straight},
	}
}

// compile makes the program in dir. An error says that it is not to be had here.
func (n *native) compile(dir string) error {
	for _, name := range []string{"bench.h", n.source} {
		b, err := nativeSource.ReadFile("native/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	n.version = "unknown version"
	if v, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", n.pkg).Output(); err == nil && len(v) > 0 {
		n.version = string(v)
	}
	program := filepath.Join(dir, strings.TrimSuffix(n.source, ".cpp"))
	args := append([]string{"-O3", "-std=c++17", "-DS2_VERSION=\"" + n.version + "\"", "-o", program, filepath.Join(dir, n.source)}, n.flags...)
	if out, err := exec.Command("g++", args...).CombinedOutput(); err != nil {
		first, _, _ := bytes.Cut(out, []byte("\n"))
		return fmt.Errorf("%w %s", err, first)
	}
	n.program = program
	return nil
}

// nativeReport is what a program prints.
type nativeReport struct {
	Version string  `json:"version"`
	Build   float64 `json:"build_seconds"`
	CPU     float64 `json:"build_cpu_seconds"`
	Heap    int64   `json:"heap_bytes"`
	Loads   []struct {
		NS     float64 `json:"ns_per_point"`
		Points int     `json:"points"`
		Hits   int     `json:"hits"`
	} `json:"loads"`
}

// run looks up the loads, whose files the data's directory has.
func (n *native) run(dir, zonesFile string, loads []load, passes int, budget time.Duration) (*nativeReport, []answers, error) {
	out := filepath.Join(dir, "hits")
	args := []string{zonesFile, out, strconv.Itoa(passes), strconv.FormatInt(budget.Milliseconds(), 10)}
	for i := range loads {
		args = append(args, pointsFile(dir, i))
	}
	cmd := exec.Command(n.program, args...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", n.name, err)
	}
	var r nativeReport
	if err := json.Unmarshal(stdout, &r); err != nil || len(r.Loads) != len(loads) {
		return nil, nil, fmt.Errorf("%s: report %q: %v", n.name, stdout, err)
	}
	found := make([]answers, len(loads))
	for i := range loads {
		b, err := os.ReadFile(fmt.Sprintf("%s.%d", out, i))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", n.name, err)
		}
		for ; len(b) >= 8; b = b[8:] {
			found[i] = append(found[i], geofence.Hit{
				Point: int32(binary.LittleEndian.Uint32(b)), Zone: int32(binary.LittleEndian.Uint32(b[4:]))})
		}
		sortHits(found[i])
	}
	return &r, found, nil
}

func pointsFile(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("points.%d", i)) }

// hand writes a data set's loads and zones for the programs.
func hand(dir string, d *dataset, loads []load) (split, given string, err error) {
	split, given = filepath.Join(dir, "split.zones"), filepath.Join(dir, "given.zones")
	if err := writeFile(split, func(w io.Writer) error { return writeZones(w, d.split, d.odd) }); err != nil {
		return "", "", err
	}
	if err := writeFile(given, func(w io.Writer) error { return writeZones(w, d.given, d.odd) }); err != nil {
		return "", "", err
	}
	for i, l := range loads {
		if err := writeFile(pointsFile(dir, i), func(w io.Writer) error { return writePoints(w, l.pts) }); err != nil {
			return "", "", err
		}
	}
	return split, given, nil
}
