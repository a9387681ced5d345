package scaffold

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

const name = "scaffold" // of the dialect

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     title,
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  maxFrame,
		Serial:    baudRate > 0,
		BaudRate:  baudRate,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
		Commands:  commands,
	}
}

// match says Yes to a first frame that is whole and right.
func match(prefix []byte) protocol.Match {
	for i := range min(len(prefix), len(start)) {
		if prefix[i] != start[i] {
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

// Codec is the wire format.
type Codec struct {
	RelaxedChecksum bool // take frames with a wrong check code
}

var (
	_ protocol.Codec     = Codec{}
	_ protocol.Dissector = Codec{}
	_ protocol.Described = Codec{}
)

// Decode reads one frame. The payload of a type that is not known becomes a
// *protocol.Raw.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	f := wire.New(frame)
	m, wrong := read(&f, frame)
	return protocol.Verdict(&f, m, wrong, c.RelaxedChecksum)
}

// Dissect reads one frame and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

func deviceID(identity string) em.DeviceID { return em.DeviceID(name + ":" + identity) }
