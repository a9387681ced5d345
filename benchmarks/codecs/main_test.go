package main

import (
	"errors"
	"testing"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/protocol"
)

func TestEveryStreamIsChecked(t *testing.T) {
	var runs []*run
	for _, d := range devices.All() {
		r, err := prepare(d, 300, 0, 7)
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		if r.Frames < 150 { // samples come two in a frame
			t.Errorf("%s: %d frames", d.Name, r.Frames)
		}
		runs = append(runs, r)
	}
	all, err := measure(runs, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Decode.NSPerFrame <= 0 || f.Decode.AllocsPerFrame < 1 || f.Observed.NSPerFrame <= 0 {
			t.Errorf("%s: %+v", f.Codec, f)
		}
	}
}

// The oracle must see a wrong report, of each kind.
func TestCheckFindsAWrongReport(t *testing.T) {
	for i, day := range days {
		checked := 0
		for _, d := range devices.All() {
			track := day.report(20, 7)
			stream, err := record(d, track, day.turn, 7)
			if errors.Is(err, protocol.ErrUnsupported) {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", d.Name, err)
			}
			checked++
			if _, err := check(d, stream, day.report(20, 8)); err == nil {
				t.Errorf("%s: another day passed for this one", d.Name)
			}
		}
		if checked == 0 {
			t.Errorf("no dialect takes day %d", i)
		}
	}
}
