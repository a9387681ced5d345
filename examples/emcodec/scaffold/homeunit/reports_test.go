//go:build overlay

package scaffold

import "github.com/sargas-em/em"

const profile = "home-unit"

// reports are what this kind of device can say, for the simulator.
func reports() []em.Body {
	return []em.Body{
		&em.Beacon{Beacon: "0D7AB913", Radio: "rf", RSSI: em.Some(-71)},
		&em.Beacon{Beacon: "0D7AB913", Radio: "rf", Lost: true},
		&em.Power{Event: em.PowerCut},
		&em.Power{Event: em.PowerRestored},
		&em.Tamper{What: em.TamperCase},
		&em.Comms{Event: em.CommsHeartbeat},
	}
}
