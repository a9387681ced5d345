package bactrack

import (
	"testing"

	"github.com/sargas-em/em/protocol/codectest"
)

var kit = codectest.Kit{
	Profile:        "breathalyser",
	Device:         Device(),
	External:       []string{"bactrack.jsonl"},
	Identity:       "VIO-0017",
	LengthPrefixed: true,
	Resolution:     1e6,
	// All of a frame of dialect V is protected, and all of a line.
	Protected: func(frame []byte) (from, to int) { return 0, len(frame) },
}

func TestConformance(t *testing.T) { run(t, kit) }

// run runs the kit, all in one goroutine: not with -short, which is how the race
// detector runs this package.
func run(t *testing.T, k codectest.Kit) {
	if testing.Short() {
		t.Skip("long, in one goroutine")
	}
	codectest.Run(t, k)
}

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit) }

// TestExternal pins what becomes of the frames from outside: values of dialects other
// than V are completed by the line that carries them.
func TestExternal(t *testing.T) {
	got := codectest.Count(t, Device(), "bactrack.jsonl").String()
	if want := "10 vectors, 10 frames: 10 messages, 0 unsupported"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
