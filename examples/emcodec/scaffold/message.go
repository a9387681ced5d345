package scaffold

import (
	"time"

	"github.com/sargas-em/em"
)

// Head is what each message begins with.
type Head struct {
	IMEI   string // 15 digits
	Serial uint16
}

func (h *Head) head() *Head { return h }

// Flags of messages; bits without a name are kept.
const (
	FlagOn     = 0x01 // of Position: the fix is current; of Status: low; of Strap: closed again
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

// Position tells where the device is, or that it does not know.
type Position struct {
	Head
	Stamp
	Lat, Lng int32 // 1e-7 degrees
}

// Type returns "position".
func (*Position) Type() string { return "position" }

// LatLng returns the position; false where there is none.
func (p *Position) LatLng() (em.LatLng, bool) {
	fix := em.Fix{LatLng: em.LatLng{Lat: float64(p.Lat) / 1e7, Lng: float64(p.Lng) / 1e7}, Validity: em.FixCurrent}
	return fix.LatLng, p.on() && fix.Valid()
}

// Status tells the battery.
type Status struct {
	Head
	Stamp
	Battery byte // percent; above 100 unknown
}

// Type returns "status".
func (*Status) Type() string { return "status" }

// Strap tells that the strap was opened or closed.
type Strap struct {
	Head
	Stamp
}

// Type returns "strap".
func (*Strap) Type() string { return "strap" }

// Heartbeat tells that the device is there.
type Heartbeat struct{ Head }

// Type returns "heartbeat".
func (*Heartbeat) Type() string { return "heartbeat" }

// Ack is the center's answer to the message of that serial.
type Ack struct{ Head }

// Type returns "ack".
func (*Ack) Type() string { return "ack" }
