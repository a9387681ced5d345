package laipac

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

const name = "laipac"

// DefaultPassword is the factory's password of commands.
const DefaultPassword = "00000000"

// Config is what a center decides about its Laipac devices. The zero value
// acknowledges reports and keep-alives and sends no command.
type Config struct {
	// Release sends $AVCFG for each event that the device repeats until it is
	// released (see ReleaseCode). Like all replies it goes out after the
	// observations are durable. Without it such an event comes again and again,
	// each time as the same observation, until somebody releases it.
	Release bool

	// Password of that command; DefaultPassword where empty. It travels in clear
	// text: see the package comment on security.
	Password string
}

// Device returns the dialect with the zero Config.
func Device() protocol.Device {
	d, err := New(Config{})
	if err != nil {
		panic(err) // the zero Config is good: a test pins it
	}
	return d
}

// New returns the dialect. A password that no sentence can hold is an error.
func New(c Config) (protocol.Device, error) {
	if c.Password == "" {
		c.Password = DefaultPassword
	}
	if _, err := (Codec{}).Append(nil, &Release{c.Password, "t"}); err != nil || !nmea.Word(c.Password, maxWord) {
		return protocol.Device{}, fmt.Errorf("laipac: the password is not of 1 to %d letters, digits and - . _", maxWord)
	}
	return protocol.Device{
		Name:      name,
		Title:     "Laipac S911 Bracelet Locator and AVL family",
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  maxFrame,
		Datagrams: true,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return &session{config: c} },
		Simulator: func(identity string, seed uint64) (protocol.Simulator, error) {
			return newSimulator(identity, c.Password, seed)
		},
		Match:    match,
		Commands: []protocol.CommandKind{protocol.CommandLocate, protocol.CommandRestart, protocol.CommandRelease},
	}, nil
}

// match says Yes to the names of the dialect's sentences.
func match(prefix []byte) protocol.Match {
	for _, start := range []string{"$AV", "$EAV", "$ECHK,"} {
		switch {
		case bytes.HasPrefix(prefix, []byte(start)):
			return protocol.Yes
		case strings.HasPrefix(start, string(prefix[:min(len(prefix), len(start))])):
			return protocol.Maybe
		}
	}
	return protocol.No
}

// maxWord bounds identities and passwords.
const maxWord = 32

func deviceID(unit string) em.DeviceID { return em.DeviceID(name + ":" + unit) }
