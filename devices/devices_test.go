package devices

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sargas-em/em/protocol"
)

// notDialects are folders beside the dialects that hold something else.
var notDialects = []string{"health", "blebeacon"}

func TestAllListsEveryFolder(t *testing.T) {
	if _, err := protocol.NewRegistry(All()...); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range All() {
		names = append(names, d.Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("not in alphabetical order: %v", names)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(notDialects, e.Name()) && !slices.Contains(names, e.Name()) {
			t.Errorf("the folder %s is not listed in All", e.Name())
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !strings.Contains(string(readme), "\n| `"+n+"` |") {
			t.Errorf("the README's table of devices lacks %s", n)
		}
	}
}

// Each dialect is fuzzed, from inputs that are kept with it beside its vectors.
func TestFuzzTargetsHaveInputs(t *testing.T) {
	target := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "health" || e.Name() == "testdata" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(e.Name(), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range target.FindAllSubmatch(source, -1) {
				found++
				if kept, _ := os.ReadDir(filepath.Join(e.Name(), "testdata/fuzz", string(m[1]))); len(kept) == 0 {
					t.Errorf("%s: no inputs are kept of %s", e.Name(), m[1])
				}
			}
		}
		if found == 0 {
			t.Errorf("%s has no fuzz target", e.Name())
		}
	}
}
