package jt808_test

import (
	"testing"

	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/protocol/codectest"
)

const terminal = "990000000017" // invented

func kit() codectest.Kit {
	return codectest.Kit{
		Profile:  "gps-bracelet",
		Device:   jt808.Device(),
		External: []string{"jt808.jsonl"},
		Identity: terminal,
		Endless:  []byte("\x7e\x02\x00"),
		// A flag in junk opens a frame that only another flag of its kind ends. Within
		// one framing nothing is lost: see TestResync.
		LengthPrefixed: true,
		Protected: func(frame []byte) (from, to int) {
			if frame[0] == '(' { // a line of text has no check code
				return 0, 1
			}
			return 0, len(frame)
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
