package scaffold

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/wire"
)

// message is what every message of the dialect can do.
type message interface {
	protocol.Message
	head() *Head
	payload(dst []byte) []byte // appends what stands behind the head
	observe() (Stamp, em.Body) // what it tells; a nil body is nothing
}

// order is a command of the center's, which the device answers at once.
type order interface {
	message
	obey(Head) message
}

// kind is a type of message; kinds lists all.
type kind struct {
	code   byte
	name   string
	read   func(Head, *wire.Cursor) message // what stands behind the head
	fields []layout.Node                    // the same for people
}

// Head is what each message begins with.
type Head struct {
	Identity string
	Serial   uint16
}

func (h *Head) head() *Head { return h }

// Flags of messages; bits without a name are kept.
const (
	FlagOn     = 0x01 // the message's own; see its comment
	FlagStored = 0x02 // uploaded from memory
)

// Stamp is when a message was made.
type Stamp struct {
	Time  uint32 // seconds since 1970, UTC; 0 unknown
	Flags byte
}

// At returns the time, or the zero time where it is unknown.
func (s Stamp) At() time.Time {
	if s.Time == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s.Time), 0).UTC()
}

func (s Stamp) on() bool     { return s.Flags&FlagOn != 0 }
func (s Stamp) stored() bool { return s.Flags&FlagStored != 0 }

// with sets FlagOn.
func (s Stamp) with(on bool) Stamp {
	if on {
		s.Flags |= FlagOn
	}
	return s
}

// Heartbeat tells that the device is there.
type Heartbeat struct{ Head }

// Type returns "heartbeat".
func (*Heartbeat) Type() string { return "heartbeat" }

func (*Heartbeat) payload(dst []byte) []byte { return dst }
func (*Heartbeat) observe() (Stamp, em.Body) { return Stamp{}, &em.Comms{Event: em.CommsHeartbeat} }

func readHeartbeat(h Head, _ *wire.Cursor) message { return &Heartbeat{h} }

// Ack is the center's answer to the message of that serial.
type Ack struct{ Head }

// Type returns "ack".
func (*Ack) Type() string { return "ack" }

func (*Ack) payload(dst []byte) []byte { return dst }
func (*Ack) observe() (Stamp, em.Body) { return Stamp{}, nil }

func readAck(h Head, _ *wire.Cursor) message { return &Ack{h} }
