package gt06

import (
	"github.com/sargas-em/em/protocol"
)

// Name is the dialect's name in commands and DeviceIDs.
const Name = "gt06"

// MaxFrame is the longest frame in bytes. Long frames may announce 64 KiB, but
// known ones stay below 1 KiB; a longer announcement is taken for damage.
const MaxFrame = 2048

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      Name,
		Title:     "Concox/Jimi GT06 family",
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  MaxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
		Commands:  []protocol.CommandKind{protocol.CommandVendor},
	}
}

// match says Yes to a first frame that is whole and right, for other dialects
// begin with the same bytes.
func match(prefix []byte) protocol.Match {
	for i, b := range prefix[:min(2, len(prefix))] {
		if b != short && b != long || i == 1 && b != prefix[0] {
			return protocol.No
		}
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
