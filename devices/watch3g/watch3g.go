package watch3g

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const name = "watch3g"

// maxFrame bounds a frame. Positions have up to 1.5 KB; a voice message of 15 s
// has about 10 KB at the low rates of AMR, some bytes of it escaped.
const maxFrame = 16 << 10

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     "Watches and bracelets of the bracket protocol (3G, SG, CS, ZJ)",
		Codec:     Codec{},
		MaxFrame:  maxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
		Commands:  []protocol.CommandKind{protocol.CommandLocate, protocol.CommandInterval, protocol.CommandStrap, protocol.CommandRestart, protocol.CommandPowerOff, protocol.CommandShow, protocol.CommandVendor},
	}
}

// match says Yes to a whole header.
func match(prefix []byte) protocol.Match {
	prefix = prefix[between(prefix):]
	if len(prefix) == 0 {
		return protocol.Maybe
	}
	switch _, state := readHead(prefix); state {
	case headWhole:
		return protocol.Yes
	case headCut:
		return protocol.Maybe
	}
	return protocol.No
}

func deviceID(id string) em.DeviceID { return em.DeviceID(name + ":" + id) }
