package devices

import (
	"os"
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
