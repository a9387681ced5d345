package siadc09

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Name is the dialect's name and the first part of its DeviceIDs: "siadc09:9017".
const Name = "siadc09"

// The window in which a message's time stamp must lie.
const (
	maxAhead  = 20 * time.Second
	maxBehind = 40 * time.Second
)

// Config is what a center has agreed with its premises units. The zero value
// knows no keys: encrypted messages are answered with DUH then.
type Config struct {
	// Key is that of all accounts without one of their own; the zero Key is none.
	Key Key

	// Accounts are the keys of single accounts, by account number. The zero Key
	// means that the account has none, whatever Key is.
	Accounts map[string]Key

	// AllowPlain takes messages in clear from accounts that have a key. Without
	// it they are refused: anyone could send them.
	AllowPlain bool

	// AnyTime takes messages whatever their time stamp. Without it those more
	// than 20 s ahead or 40 s behind are refused with a NAK that tells the time,
	// which keeps recorded messages from being played again.
	AnyTime bool

	// ContactID says which Contact ID events (three digits) mean the same as
	// which SIA code, in addition to the known ones or instead of them:
	// {"383": "TA"}. See Meaning for the codes. They are those of a beginning; the
	// qualifier 3 makes them their restoral.
	ContactID map[string]string
}

// Device returns the dialect with the zero Config.
func Device() protocol.Device {
	d, err := New(Config{})
	if err != nil {
		panic(err) // the zero Config is good: a test pins it
	}
	return d
}

// New returns the dialect. An account that is not of 3 to 16 hexadecimal digits
// is an error, and so is a Contact ID event or SIA code that cannot be. New keeps
// no reference to the maps of c.
func New(c Config) (protocol.Device, error) {
	rules := &rules{allowPlain: c.AllowPlain, anyTime: c.AnyTime, contactID: map[string]string{}}
	rules.keys.fallback = c.Key.ready()
	rules.keys.accounts = map[string]*ready{}
	for account, key := range c.Accounts {
		if !validAccount(account) {
			return protocol.Device{}, fmt.Errorf("siadc09: an account of the configuration is not 3 to 16 hexadecimal digits: %w", protocol.ErrIdentity)
		}
		rules.keys.accounts[strings.ToUpper(account)] = key.ready()
	}
	for event, code := range c.ContactID {
		if len(event) != 3 || strings.Trim(event, digits) != "" || !begins(code) {
			return protocol.Device{}, fmt.Errorf("siadc09: Contact ID %q as %q: not three digits and the SIA code of a beginning", event, code)
		}
		rules.contactID[event] = code
	}
	return protocol.Device{
		Name:      Name,
		Title:     "ANSI/SIA DC-09 premises units (SIA-DCS, Contact ID)",
		Codec:     Codec{keys: &rules.keys},
		Relaxed:   Codec{RelaxedChecksum: true, keys: &rules.keys},
		MaxFrame:  MaxFrame,
		Datagrams: true,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return &session{rules: rules} },
		Simulator: func(identity string, seed uint64) (protocol.Simulator, error) {
			s, err := newSimulator(identity, rules, seed)
			if err != nil {
				return nil, err // not a nil *simulator
			}
			return s, nil
		},
		Match: match,
	}, nil
}

// rules is a Config made ready, shared by all sessions and never changed.
type rules struct {
	keys                keyring
	allowPlain, anyTime bool
	contactID           map[string]string
}

// inWindow reports whether a time stamp is good at now.
func (r *rules) inWindow(stamp, now time.Time) bool {
	ahead := stamp.Sub(now)
	return r.anyTime || ahead <= maxAhead && ahead >= -maxBehind
}

// match knows a frame by its head; CRs and LFs may stand before it.
func match(prefix []byte) protocol.Match {
	best := headNone
	blank := len(prefix) - len(bytes.TrimLeft(prefix, "\r\n"))
	for i := range blank {
		if prefix[i] == '\n' {
			best = max(best, headOf(prefix[i:]))
		}
	}
	switch {
	case best > headPartial:
		return protocol.Yes
	case best == headPartial || blank == len(prefix):
		return protocol.Maybe
	}
	return protocol.No
}

func deviceID(account string) em.DeviceID {
	return em.DeviceID(Name + ":" + strings.ToUpper(account))
}

const digits = "0123456789"

func isHex(b byte) bool { return wire.HexDigit(b) < 16 }

// validAccount reports whether s is 3 to 16 hexadecimal digits.
func validAccount(s string) bool { return len(s) >= 3 && len(s) <= 16 && allHex(s) }

func allHex(s string) bool {
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}
