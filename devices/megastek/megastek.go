package megastek

import (
	"bytes"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const name = "megastek"

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     "Megastek personal and ankle trackers (GVT900, MT-60X, MT-65, MT-80, MT-90)",
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  maxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
	}
}

// match says Yes to the start of each form.
func match(prefix []byte) protocol.Match {
	prefix = bytes.TrimLeft(prefix, "\r\n")
	// A length in front is skipped.
	n := 0
	for n < len(prefix) && n < digits && prefix[n] >= '0' && prefix[n] <= '9' {
		n++
	}
	switch {
	case n == len(prefix):
		return protocol.Maybe
	case n == digits:
		prefix = prefix[n:]
	case n > 0:
		return protocol.No
	}
	for _, start := range []string{"$MGV", "STX", "LOGSTX", aidStart} {
		switch {
		case bytes.HasPrefix(prefix, []byte(start)):
			return protocol.Yes
		case strings.HasPrefix(start, string(prefix[:min(len(prefix), len(start))])):
			return protocol.Maybe
		}
	}
	return protocol.No
}

func deviceID(identity string) em.DeviceID { return em.DeviceID(name + ":" + identity) }
