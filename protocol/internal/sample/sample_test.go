package sample

import (
	"bytes"
	"testing"

	"github.com/sargas-em/em/protocol/codectest"
)

var kit = codectest.Kit{
	Device:   Device(),
	Identity: "990000000000017",
	Protected: func(frame []byte) (from, to int) {
		return 1, bytes.LastIndexByte(frame, '*')
	},
	Endless: []byte("#pos,"),
}

func TestConformance(t *testing.T) { codectest.Run(t, kit) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit) }
