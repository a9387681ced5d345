//go:build overlay

package scaffold

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

// kit is what the conformance kit must know of the dialect.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:        "transdermal",
		Device:         Device(),
		Identity:       "990000000000017",
		Protected:      func(frame []byte) (from, to int) { return len(start), len(frame) },
		LengthPrefixed: true,
		Endless:        []byte(start + "\xFF"),
		Reports: []em.Body{
			&em.Transdermal{Value: em.Decimal{Coef: 431}, Unit: em.UnitSkinUgPerL},
			&em.Transdermal{Unit: em.UnitSkinUgPerL, Temperature: em.Some(-3.5)},
			&em.Tamper{What: em.TamperStrap, Cleared: true},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
		},
	}
}
