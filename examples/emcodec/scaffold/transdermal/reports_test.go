//go:build overlay

package scaffold

import "github.com/sargas-em/em"

const profile = "transdermal"

// reports are what this kind of device can say, for the simulator.
func reports() []em.Body {
	return []em.Body{
		&em.Transdermal{Value: em.Decimal{Coef: 431}, Unit: em.UnitSkinUgPerL},
		&em.Transdermal{Unit: em.UnitSkinUgPerL, Temperature: em.Some(-3.5)},
		&em.Tamper{What: em.TamperStrap, Cleared: true},
		&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
	}
}
