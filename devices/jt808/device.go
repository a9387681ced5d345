package jt808

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Name is the dialect's name in commands and DeviceIDs.
const Name = "jt808"

// MaxFrame is the longest frame in bytes: a part with a header of 2019 and a body
// of 1,023 bytes, of which each byte is escaped.
const MaxFrame = 2 + 2*(17+4+lengthMask+1)

// DefaultLead is the lead of the devices' clocks over UTC that the standard
// sets: GMT+8, wherever the device is.
const DefaultLead = 8 * time.Hour

// DefaultMaxMedia is what fits into 255 parts, which a terminal can be asked for
// again at once: cameras' pictures have some 20 to 200 KiB.
const DefaultMaxMedia = 256 << 10

// Config is what a center decides about its devices. The zero value takes every
// terminal, gives it its own number as authentication code, and reads its clock
// as the standard says.
type Config struct {
	// Lead of the devices' clocks over UTC; DefaultLead where absent. A report
	// that states its own time zone is read in that.
	Lead em.Opt[time.Duration]

	// Model names the model of a device, which decides what its alarm bits mean
	// (see the package comment). A registration on the connection tells it too, and goes
	// before. May be nil.
	Model func(em.DeviceID) string

	// AuthCode is the authentication code of a device: what its registration is
	// answered with, and what it must open a conversation with. Where it is nil a
	// registration is answered with the terminal's number, and any code is taken.
	// An empty code refuses the device.
	AuthCode func(em.DeviceID) string

	// Accept decides on a registration: whoever is answered with the code can
	// speak as the device. Where it is nil each is accepted.
	Accept func(em.DeviceID, *Register) bool

	// RequireAuth refuses what a device says before it has given its code.
	RequireAuth bool

	// MaxMedia is how many bytes a medium in parts (0801) may have; DefaultMaxMedia
	// where it is 0. One conversation keeps no more than that of what is unfinished, or
	// 256 KiB, and three times as much for the moment in which a medium is put together.
	MaxMedia int
}

// Device returns the dialect with the zero Config.
func Device() protocol.Device {
	d, err := New(Config{})
	if err != nil {
		panic(err) // the zero Config is good: a test pins it
	}
	return d
}

// New returns the dialect. A Lead beyond 14 hours is an error, and so is a MaxMedia
// below 0 or above 16 MiB.
func New(c Config) (protocol.Device, error) {
	if !c.Lead.OK {
		c.Lead.V = DefaultLead
	}
	if c.Lead.V.Abs() > 14*time.Hour {
		return protocol.Device{}, fmt.Errorf("jt808: a clock that leads UTC by %v", c.Lead.V)
	}
	if c.MaxMedia < 0 || c.MaxMedia > mostMedia {
		return protocol.Device{}, fmt.Errorf("jt808: media of %d bytes", c.MaxMedia)
	}
	c.MaxMedia = cmp.Or(c.MaxMedia, DefaultMaxMedia)
	return protocol.Device{
		Name:     Name,
		Title:    "JT/T 808 terminals",
		Codec:    Codec{},
		Relaxed:  Codec{RelaxedChecksum: true},
		MaxFrame: MaxFrame,
		Shared:   sharedFlags,
		Sessions: func(protocol.SessionConfig) protocol.Session { return &session{config: c} },
		Simulator: func(identity string, seed uint64) (protocol.Simulator, error) {
			return newSimulator(identity, seed, c.Lead.V)
		},
		Match:    match,
		Commands: []protocol.CommandKind{protocol.CommandInterval, protocol.CommandRestart, protocol.CommandPowerOff, protocol.CommandShow, protocol.CommandVendor},
	}, nil
}

// match says Yes to a first frame that is whole and right, for other dialects
// begin with the same bytes.
func match(prefix []byte) protocol.Match {
	if len(prefix) == 0 {
		return protocol.Maybe
	}
	frame, n, err := Codec{}.Split(prefix)
	switch {
	case prefix[0] != flag && prefix[0] != altFlag && prefix[0] != '(':
		return protocol.No
	case frame == nil && n == 0:
		return protocol.Maybe
	case frame == nil || err != nil:
		if prefix[0] == flag { // a frame that is broken; no other dialect begins so
			return protocol.Maybe
		}
		return protocol.No
	case prefix[0] == '(' && !bytes.Contains(frame, []byte(baseMark)):
		return protocol.Maybe
	}
	if _, err := (Codec{}).Decode(frame); err != nil {
		return protocol.Maybe
	}
	return protocol.Yes
}

// imeiLen is the length of an IMEI without its last digit, which terminals with
// a binary number send in six bytes.
const imeiLen = 14

// identityOf returns the number that a header's ID stands for; see Header.Identity.
func identityOf(id string) (string, bool) {
	if strings.Trim(id, "0") == "" {
		return "", false
	}
	if strings.Trim(id, "0123456789") == "" {
		return id, true
	}
	v, err := strconv.ParseUint(id, 16, 64)
	digits := fmt.Sprintf("%0*d", imeiLen, v)
	if len(id) != 12 || err != nil || len(digits) != imeiLen {
		return "", false
	}
	return digits + string(luhn(digits)), true
}

// luhn returns the check digit that completes a number.
func luhn(digits string) byte {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
			d = d/10 + d%10
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// NewHeader returns the header of a message to a terminal, of which identity is
// the number as Header.Identity and DeviceIDs have it: 12 digits for the headers
// of 2011 and 2013, 20 for those of 2019, 14 for the alternative framing, 15 for
// an IMEI. Another form is an error that wraps protocol.ErrIdentity.
//
// A header taken from a message of the device itself is surer: some IMEIs look
// like other numbers in binary.
func NewHeader(identity string, serial uint16) (Header, error) {
	h := Header{ID: identity, Serial: serial}
	bad := fmt.Errorf("jt808: %w: not a number of 12, 14, 15 or 20 digits", protocol.ErrIdentity)
	if strings.Trim(identity, "0123456789") != "" || strings.Trim(identity, "0") == "" {
		return Header{}, bad
	}
	switch len(identity) {
	case 12:
	case 14:
		h.Alternative = true
	case 15:
		v, err := strconv.ParseUint(identity[:imeiLen], 10, 64)
		if err != nil || luhn(identity[:imeiLen]) != identity[imeiLen] {
			return Header{}, bad
		}
		h.ID = fmt.Sprintf("%012x", v)
	case 20:
		h.Version = em.Some[uint8](1)
	default:
		return Header{}, bad
	}
	if _, err := hex.DecodeString(h.ID); err != nil {
		return Header{}, bad
	}
	return h, nil
}
