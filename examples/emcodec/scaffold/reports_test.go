package scaffold

import "github.com/sargas-em/em"

const profile = "gps-bracelet"

// reports are what this kind of device can say, for the simulator.
func reports() []em.Body {
	return []em.Body{
		&em.Tamper{What: em.TamperStrap},
		&em.Tamper{What: em.TamperStrap, Cleared: true},
		&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
		&em.Comms{Event: em.CommsHeartbeat},
	}
}
