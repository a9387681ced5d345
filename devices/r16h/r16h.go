package r16h

import (
	"bytes"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const name = "r16h"

// maxFrame bounds a message. The longest known ones have about 100 bytes.
const maxFrame = 512

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     "R16H tracker with a locking strap",
		Codec:     Codec{},
		MaxFrame:  maxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
	}
}

// match says Yes to the known messages, Maybe to others of capital letters.
func match(prefix []byte) protocol.Match {
	prefix = prefix[between(prefix):]
	for _, start := range []string{"@LINK,", "@GPSD,", "@LBSD,"} {
		if bytes.HasPrefix(prefix, []byte(start)) {
			return protocol.Yes
		}
	}
	name := bytes.TrimPrefix(prefix, []byte("@"))
	if end := bytes.IndexAny(name, ",$"); end >= 0 {
		name = name[:end]
	}
	if len(prefix) > 0 && prefix[0] != '@' || len(name) > maxName || strings.Trim(string(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return protocol.No
	}
	return protocol.Maybe
}

// isIMEI reports whether s is 15 digits.
func isIMEI(s string) bool { return len(s) == 15 && strings.Trim(s, "0123456789") == "" }

func deviceID(imei string) em.DeviceID { return em.DeviceID(name + ":" + imei) }
