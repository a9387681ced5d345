package xexun2

import (
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const name = "xexun2"

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     "Xexun personal and asset trackers, second protocol",
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  maxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
		Commands:  []protocol.CommandKind{protocol.CommandInterval, protocol.CommandRestart, protocol.CommandPowerOff, protocol.CommandVendor},
	}
}

// match says Yes to a first message that is whole and right.
func match(prefix []byte) protocol.Match {
	if !strings.HasPrefix(flag, string(prefix[:min(len(prefix), len(flag))])) {
		return protocol.No
	}
	frame, _, err := Codec{}.Split(prefix)
	if frame == nil || err != nil {
		return protocol.Maybe
	}
	if _, err := (Codec{}).Decode(frame); err != nil {
		return protocol.Maybe
	}
	return protocol.Yes
}

func deviceID(imei IMEI) em.DeviceID { return em.DeviceID(name + ":" + imei.String()) }
