package bactrack

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Name is the dialect's name and the first part of its DeviceIDs:
// "bactrack:VIO-0017".
const Name = "bactrack"

// Options change what a session does. The zero value works.
type Options struct {
	// Ratio is the blood:breath ratio that readings state, 2100 for 2100:1. The
	// wire does not carry it, so that zero leaves it out of the readings: state
	// it only where the maker has given it in writing.
	Ratio int

	// Poll is the time between two status requests to an instrument that is
	// polled: on a serial line and through a raw tunnel. DefaultPoll where zero.
	Poll time.Duration

	// Beat is the longest time between two signs of life: the battery's level
	// is observed at least this often while the instrument answers.
	// DefaultBeat where zero.
	Beat time.Duration
}

// Defaults of Options, and the least time between two polls that is accepted.
const (
	DefaultPoll = 2 * time.Second
	DefaultBeat = 5 * time.Minute
	minPoll     = 100 * time.Millisecond
)

// Device returns the dialect with the default Options.
func Device() protocol.Device {
	d, _ := New(Options{}) // the zero value works
	return d
}

// New returns the dialect with other Options; an error says which is out of range.
func New(o Options) (protocol.Device, error) {
	if o.Ratio < 0 {
		return protocol.Device{}, fmt.Errorf("bactrack: blood:breath ratio %d is negative", o.Ratio)
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Beat == 0 {
		o.Beat = DefaultBeat
	}
	if o.Poll < minPoll || o.Beat < o.Poll {
		return protocol.Device{}, fmt.Errorf("bactrack: poll of %v and beat of %v: at least %v, and a beat is not shorter than a poll", o.Poll, o.Beat, minPoll)
	}
	return protocol.Device{
		Name:     Name,
		Title:    "BACtrack Vio and Go breathalysers (serial dialect V)",
		Codec:    Codec{},
		Relaxed:  Codec{RelaxedChecksum: true},
		MaxFrame: MaxFrame,
		Serial:   true,
		BaudRate: 9600,
		Sessions: func(c protocol.SessionConfig) protocol.Session { return newVioSession(c.Identity, o) },
		Simulator: func(identity string, seed uint64) (protocol.Simulator, error) {
			c := SimulatorConfig{Identity: identity, Seed: seed}
			if identity != "" {
				c.Tunnel = TunnelKept
			}
			s, err := NewSimulator(c)
			if err != nil {
				return nil, err // not a nil *Simulator
			}
			return s, nil
		},
		Match:    match,
		Commands: []protocol.CommandKind{protocol.CommandTest, protocol.CommandCancel, protocol.CommandPowerOff},
	}, nil
}

// match knows the preamble of the tunnel and the head of a frame of dialect V.
func match(b []byte) protocol.Match {
	const hello = lineStart + lineVersion + " " + verbHello + " " + dialectWord + " "
	switch {
	case len(b) >= len(hello) && overlap(b, hello):
		return protocol.Yes
	case overlap(b, hello), overlap(b, lineStart), overlap(b, vioStart) && len(b) < 4:
		return protocol.Maybe
	case overlap(b, vioStart) && b[2] > 0 && isVioCommand(b[3]):
		return protocol.Yes
	case overlap(b, vioStart):
		return protocol.Maybe
	}
	return protocol.No
}

func deviceID(identity string) em.DeviceID {
	if identity == "" {
		return ""
	}
	return em.DeviceID(Name + ":" + identity)
}
