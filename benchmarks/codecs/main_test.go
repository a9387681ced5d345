package main

import (
	"errors"
	"testing"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/protocol"
)

func TestEveryStreamIsChecked(t *testing.T) {
	measured := 0
	for _, d := range devices.All() {
		f, err := measure(d, 300, 7)
		if errors.Is(err, protocol.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
		} else if f.Frames < 300 {
			t.Errorf("%s: %d frames", d.Name, f.Frames)
		}
		measured++
	}
	if measured < 3 {
		t.Errorf("only %d dialects were measured", measured)
	}
}

// The oracle must see a wrong report, of each kind.
func TestCheckFindsAWrongReport(t *testing.T) {
	for i, day := range days {
		checked := 0
		for _, d := range devices.All() {
			track := day(20, 7)
			stream, err := record(d, track, 7)
			if errors.Is(err, protocol.ErrUnsupported) {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", d.Name, err)
			}
			checked++
			if check(d, stream, day(20, 8)) == nil {
				t.Errorf("%s: another day passed for this one", d.Name)
			}
		}
		if checked == 0 {
			t.Errorf("no dialect takes day %d", i)
		}
	}
}
