package scaffold

import "github.com/sargas-em/em/protocol/codectest"

// kit is what the conformance kit must know of the dialect.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:        profile,
		Device:         Device(),
		Identity:       "990000000000017",
		Protected:      func(frame []byte) (from, to int) { return len(start), len(frame) },
		LengthPrefixed: true,
		Endless:        []byte(start + "\xFF"),
		Reports:        reports(),
	}
}
