//go:build overlay

package scaffold

import "github.com/sargas-em/em/protocol/codectest"

// kit is what the conformance kit must know of the dialect.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:   profile,
		Device:    Device(),
		Identity:  "BT-0017",
		Protected: func(frame []byte) (from, to int) { return 0, len(frame) },
		Endless:   []byte("$READING,"),
		Reports:   reports(),
	}
}
