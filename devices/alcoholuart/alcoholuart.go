package alcoholuart

import (
	"errors"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Name is the dialect's name and the first part of its DeviceIDs:
// "alcoholuart:kiosk-17".
const Name = "alcoholuart"

// maxIdentity bounds identities: letters, digits and - . _
const maxIdentity = 32

// Config says what a session does. The zero value waits to be asked.
type Config struct {
	// Poll is the time between two read requests that the session makes by
	// itself; zero for none. Each reply is a reading. Not below a second, at
	// which the module measures.
	Poll time.Duration

	// Uploads leaves the module in the mode in which it sends every second, or
	// puts it there, instead of making it wait to be asked.
	Uploads bool

	// Every is the least time between two uploads that are observed;
	// DefaultEvery where zero.
	Every time.Duration
}

// DefaultEvery is the default of Config.Every.
const DefaultEvery = time.Minute

// Device returns the dialect with the zero Config.
func Device() protocol.Device {
	d, err := New(Config{})
	if err != nil {
		panic(err) // the zero Config is good: a test pins it
	}
	return d
}

// New returns the dialect. A Poll below a second and an Every below zero are
// errors.
func New(c Config) (protocol.Device, error) {
	if c.Poll != 0 && c.Poll < measure || c.Every < 0 {
		return protocol.Device{}, errors.New("alcoholuart: a poll below a second, or an Every below zero")
	}
	if c.Every == 0 {
		c.Every = DefaultEvery
	}
	return protocol.Device{
		Name:     Name,
		Title:    "Winsen and DFRobot ethanol modules (9-byte serial frames)",
		Codec:    Codec{},
		Relaxed:  Codec{RelaxedChecksum: true},
		MaxFrame: frameLen,
		Serial:   true,
		BaudRate: 9600,
		Sessions: func(s protocol.SessionConfig) protocol.Session { return newSession(s.Identity, c) },
		Simulator: func(identity string, seed uint64) (protocol.Simulator, error) {
			s, err := newSimulator(identity, seed)
			if err != nil {
				return nil, err // not a nil *simulator
			}
			return s, nil
		},
		Match:    match,
		Commands: []protocol.CommandKind{protocol.CommandRead},
	}, nil
}

// match knows a whole frame by its check code; before that nothing is certain.
func match(prefix []byte) protocol.Match {
	switch {
	case len(prefix) > 0 && prefix[0] != start:
		return protocol.No
	case len(prefix) < frameLen:
		return protocol.Maybe
	case checked(prefix[:frameLen]):
		return protocol.Yes
	}
	return protocol.No
}

func deviceID(identity string) em.DeviceID { return em.DeviceID(Name + ":" + identity) }
