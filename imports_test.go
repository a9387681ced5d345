package em_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sargas-em/em"

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// inside reports whether a package is one of the folders, or below one.
func inside(path string, folders ...string) bool {
	for _, f := range folders {
		if p := module + "/" + f; path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// Data flows one way, and so do imports: em is below protocol, which is below
// the devices; evaluators know em alone, and never each other.
func TestImportDirection(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	std := map[string]bool{}
	var own []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Standard {
			std[p.ImportPath] = true
		} else if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			own = append(own, p)
		}
	}
	if len(own) < 10 {
		t.Fatalf("only %d packages listed", len(own))
	}
	evaluators := []string{"geofence", "curfew", "alcohol", "devices/health"}
	for _, p := range own {
		forbid := func(why string, bad func(dep string) bool) {
			for _, d := range p.Deps {
				if bad(d) {
					t.Errorf("%s must not depend on %s: %s", p.ImportPath, d, why)
				}
			}
		}
		forbid("the SDK links no server and no database", func(d string) bool {
			return d == "database/sql" || strings.HasPrefix(d, module+"/examples") || strings.HasPrefix(d, module+"/benchmarks")
		})
		if !inside(p.ImportPath, "protocol/serialline") && slices.Contains(p.Imports, "go.bug.st/serial") {
			t.Errorf("%s imports go.bug.st/serial: only protocol/serialline does", p.ImportPath)
		}
		if !inside(p.ImportPath, "geofence/movement") {
			forbid("what reads stored tracks is for reports, never for alerts", func(d string) bool { return inside(d, "geofence/movement") })
		}
		switch {
		case p.ImportPath == module:
			forbid("em uses the standard library alone", func(d string) bool { return !std[d] })
		case inside(p.ImportPath, evaluators...):
			for _, e := range evaluators {
				if !inside(p.ImportPath, e) {
					forbid("evaluators do not know each other", func(d string) bool { return inside(d, e) })
				}
			}
			forbid("evaluators do not know devices", func(d string) bool {
				return inside(d, "protocol") || inside(d, "devices") && !inside(d, "devices/health")
			})
		case inside(p.ImportPath, "protocol"):
			forbid("protocol is below devices and evaluators", func(d string) bool { return inside(d, "devices") || inside(d, evaluators...) })
		case p.ImportPath == module+"/devices":
			forbid("the list of devices knows no evaluator", func(d string) bool { return inside(d, evaluators...) })
		case inside(p.ImportPath, "devices"):
			forbid("devices do not know each other, nor evaluators", func(d string) bool {
				return inside(d, evaluators...) || inside(d, "devices") && !inside(d, strings.TrimPrefix(p.ImportPath, module+"/"))
			})
		default:
			t.Errorf("%s is in no layer: place it in this test", p.ImportPath)
		}
	}
}
