package eview

import (
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Name is the dialect's name in commands and DeviceIDs.
const Name = "eview"

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      Name,
		Title:     "Eview EV-07B and MiniFinder personal alarms",
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  MaxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
		Commands:  []protocol.CommandKind{protocol.CommandRead, protocol.CommandVendor},
	}
}

// match says Yes to a first frame that is whole and right.
func match(prefix []byte) protocol.Match {
	if len(prefix) == 0 {
		return protocol.Maybe
	}
	frame, n, err := Codec{}.Split(prefix)
	switch {
	case err != nil:
		return protocol.No
	case frame == nil && n == 0:
		return protocol.Maybe
	}
	if _, err := (Codec{}).Decode(frame); err != nil {
		return protocol.Maybe
	}
	return protocol.Yes
}

// validIMEI reports whether s is 15 digits, not all of them zeros.
func validIMEI(s string) bool {
	return len(s) == 15 && strings.Trim(s, "0123456789") == "" && strings.Trim(s, "0") != ""
}

func deviceID(imei string) em.DeviceID { return em.DeviceID(Name + ":" + imei) }
