package bactrack

import (
	"fmt"
	"strings"
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

// Mobile is Device for instruments of dialect M alone: its simulator is one, and
// its commands are theirs. Sessions of either take V, M and C, as the preamble says.
func Mobile() protocol.Device {
	return overTunnel(DialectM, "BACtrack Mobile breathalysers (dialect M)")
}

// C6 is Device for instruments of dialect C alone; see Mobile.
func C6() protocol.Device {
	return overTunnel(DialectC, "BACtrack C6 and C8 breathalysers (dialect C)")
}

func overTunnel(d Dialect, title string) protocol.Device {
	dev := Device()
	dev.Title, dev.Serial, dev.BaudRate = title, false, 0
	dev.Commands = []protocol.CommandKind{protocol.CommandTest}
	if d == DialectM {
		dev.Commands = append(dev.Commands, protocol.CommandPowerOff)
	}
	dev.Simulator = func(identity string, seed uint64) (protocol.Simulator, error) {
		s, err := NewSimulator(SimulatorConfig{Identity: identity, Seed: seed, Tunnel: TunnelKept, Dialect: d})
		if err != nil {
			return nil, err // not a nil *Simulator
		}
		return s, nil
	}
	return dev
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
		Title:    "BACtrack breathalysers: Vio and Go (serial), Mobile, C6 and C8",
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
	switch {
	case isHello(b, DialectV), isHello(b, DialectM), isHello(b, DialectC):
		return protocol.Yes
	case isHello(b, DialectS):
		return protocol.No
	case overlap(b, lineStart), overlap(b, vioStart) && len(b) < 4:
		return protocol.Maybe
	case overlap(b, vioStart) && b[2] > 0 && isVioCommand(b[3]):
		return protocol.Yes
	case overlap(b, vioStart):
		return protocol.Maybe
	}
	return protocol.No
}

// isHello reports whether b begins with a preamble of the dialect.
func isHello(b []byte, d Dialect) bool {
	return strings.HasPrefix(string(b[:min(len(b), 64)]), lineStart+lineVersion+" "+verbHello+" "+d.word()+" ")
}

func deviceID(identity string) em.DeviceID {
	if identity == "" {
		return ""
	}
	return em.DeviceID(Name + ":" + identity)
}
