package sequence_test

import (
	"fmt"
	"testing"

	"github.com/sargas-em/em/protocol/sequence"
)

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		name    string
		serials []uint16
		want    uint64 // of the last
	}{
		{"the first stands for itself", []uint16{40_000}, 40_000},
		{"the next", []uint16{7, 8}, 8},
		{"a gap", []uint16{7, 99}, 99},
		{"over the wrap", []uint16{65_535, 0}, 65_536},
		{"over two wraps", []uint16{65_535, 30_000, 60_000, 2}, 131_074},
		{"sent again", []uint16{5, 6, 7, 5}, 5},
		{"sent again over the wrap", []uint16{65_534, 65_535, 0, 65_535}, 65_535},
		{"as far behind as a repeat can be", []uint16{1000, 744}, 744},
		{"further behind", []uint16{1000, 743}, 65_536 + 743},
		{"behind the first of all", []uint16{3, 65_535}, 65_536 + 65_535},
		{"goes on after a repeat", []uint16{5, 6, 5, 7}, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var q sequence.Sequence
			var got uint64
			for _, s := range tt.serials {
				got = q.Next(s)
			}
			if got != tt.want {
				t.Errorf("%v gives %d, want %d", tt.serials, got, tt.want)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	var q sequence.Sequence
	for i, step := range []struct {
		serial uint16
		want   uint64
	}{{1, 1}, {2, 2}, {1, 65_537}, {1, 65_537}, {5, 65_541}, {4, 131_076}} {
		if got := q.Login(step.serial); got != step.want {
			t.Errorf("login %d with serial %d gives %d, want %d", i, step.serial, got, step.want)
		}
	}
}

func ExampleSequence() {
	var q sequence.Sequence
	for _, serial := range []uint16{65_534, 65_535, 0, 65_535, 1} {
		fmt.Print(q.Next(serial), " ")
	}
	// Output: 65534 65535 65536 65535 65537
}
