package blebeacon

import (
	"bytes"
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// MaxPayload is the longest payload that is read, in bytes: Bluetooth's bound for
// extended advertising. The usual one has 31, with its scan response 62.
const MaxPayload = 1650

// Advertisement is one payload.
type Advertisement struct {
	Name   string      // the sender's name, shortened or complete; empty where absent
	Frames []Frame     // in the order of the payload
	Other  []Structure // what is neither name nor a known format
}

// Structure is a part of a payload that is not read.
type Structure struct {
	Type uint8 // by the numbers of the Bluetooth SIG
	Data []byte
}

// Contacts returns a body for each beacon that names itself, one for each name,
// with the signal strength in dBm at which the payload was heard.
func (a *Advertisement) Contacts(rssi em.Opt[int]) []*em.Beacon {
	var all []*em.Beacon
	seen := map[string]bool{}
	for _, f := range a.Frames {
		if b, ok := f.(Beacon); ok && !seen[b.Identity()] {
			seen[b.Identity()] = true
			all = append(all, &em.Beacon{Beacon: b.Identity(), Radio: "ble", RSSI: rssi})
		}
	}
	return all
}

// Parse reads a payload. What it does not know is kept in Other; an empty
// Advertisement is no error. A structure or a known format that breaks its rules
// is: the error is a *wire.FieldError, or wraps protocol.ErrMalformed where the
// payload is above MaxPayload. The result owns its memory.
func Parse(payload []byte) (Advertisement, error) {
	f := wire.New(payload)
	return parse(&f, payload)
}

// Dissect parses like Parse and returns the fields: every byte is in exactly one
// span, also where parsing fails.
func Dissect(payload []byte) (Advertisement, []wire.Span, error) {
	a, err := Parse(payload)
	return a, described().Dissect(payload), err
}

// Types of structures, by the numbers of the Bluetooth SIG.
const (
	typeNameShort   = 0x08
	typeName        = 0x09
	typeServiceData = 0x16
	typeMaker       = 0xFF
)

func parse(f *wire.Cursor, payload []byte) (Advertisement, error) {
	if len(payload) > MaxPayload {
		return Advertisement{}, fmt.Errorf("blebeacon: %w: a payload of %d bytes", protocol.ErrMalformed, len(payload))
	}
	var a Advertisement
	for f.Len() > 0 {
		n := int(f.U8("length"))
		if n == 0 {
			f.Rest("behind the end")
			break
		}
		outer := f.Limit(n, "structure")
		kind := f.U8("type")
		switch data := payload[f.Pos() : f.Pos()+f.Len()]; {
		case kind == typeName || kind == typeNameShort:
			if name := string(f.Rest("name")); kind == typeName || a.Name == "" {
				a.Name = name
			}
		case kind == typeMaker && bytes.HasPrefix(data, []byte("\x4c\x00\x02\x15")):
			a.Frames = append(a.Frames, iBeacon(f))
		case kind == typeMaker && len(data) >= 4 && string(data[2:4]) == "\xbe\xac":
			a.Frames = append(a.Frames, altBeacon(f))
		case kind == typeServiceData && bytes.HasPrefix(data, []byte("\xaa\xfe")):
			if fr := eddystone(f, data); fr != nil {
				a.Frames = append(a.Frames, fr)
				break
			}
			fallthrough
		default:
			f.Rest("data")
			a.Other = append(a.Other, Structure{kind, bytes.Clone(data)})
		}
		if n := f.Len(); n > 0 {
			f.Fail("end of the structure", fmt.Errorf("%w: %d bytes too many", wire.ErrValue, n))
		}
		f.Restore(outer)
	}
	if err := f.Err(); err != nil {
		return Advertisement{}, err
	}
	return a, nil
}

func iBeacon(f *wire.Cursor) *IBeacon {
	f.LE16("company")
	f.U16("format")
	return &IBeacon{uuid(f), f.U16("major"), f.U16("minor"), tx(f, "power at 1 m")}
}

func altBeacon(f *wire.Cursor) *AltBeacon {
	b := &AltBeacon{Company: f.LE16("company")}
	f.U16("format")
	b.UUID, b.Major, b.Minor = uuid(f), f.U16("major"), f.U16("minor")
	b.Tx = tx(f, "power at 1 m")
	if f.Len() > 0 {
		b.Mfg = em.Some(f.U8("maker's own"))
	}
	return b
}

func uuid(f *wire.Cursor) (u UUID) {
	copy(u[:], f.Bytes(16, "UUID"))
	return u
}

func tx(f *wire.Cursor, name string) int8 { return int8(f.U8(name)) }

// eddystone reads a frame of a known kind; nil, and nothing read, for others.
func eddystone(f *wire.Cursor, data []byte) Frame {
	const antenna = "power at the antenna"
	if len(data) < 3 || data[2] == 0x20 && len(data) > 3 && data[3] != 0 {
		return nil // TLM of another version is encrypted
	}
	head := func() {
		f.LE16("service")
		f.U8("frame")
	}
	switch data[2] {
	case 0x00:
		head()
		b := &EddystoneUID{Tx: tx(f, antenna)}
		copy(b.Namespace[:], f.Bytes(10, "namespace"))
		copy(b.Instance[:], f.Bytes(6, "instance"))
		if f.Len() == 2 {
			f.Bytes(2, "reserved")
		}
		return b
	case 0x10:
		head()
		return &EddystoneURL{tx(f, antenna), url(f)}
	case 0x20:
		head()
		f.U8("version")
		return &EddystoneTLM{f.U16("battery"), int16(f.U16("temperature")), f.U32("count"), f.U32("uptime")}
	case 0x30:
		head()
		b := &EddystoneEID{Tx: tx(f, antenna)}
		copy(b.ID[:], f.Bytes(8, "ephemeral identity"))
		return b
	}
	return nil
}

// schemes are what a URL begins with, by its first byte.
var schemes = [...]string{"http://www.", "https://www.", "http://", "https://"}

// url reads an address in Eddystone's short form.
func url(f *wire.Cursor) string {
	ends := [...]string{".com", ".org", ".edu", ".net", ".info", ".biz", ".gov"}
	at := f.Pos()
	scheme := f.U8("scheme")
	if int(scheme) >= len(schemes) {
		f.FailAt("scheme", at, fmt.Errorf("%w: 0x%02X", wire.ErrValue, scheme))
		return ""
	}
	s := schemes[scheme]
	at = f.Pos()
	for i, c := range f.Rest("address") {
		switch n := int(c); {
		case n < len(ends):
			s += ends[n] + "/"
		case n < 2*len(ends):
			s += ends[n-len(ends)]
		case c > ' ' && c < 0x7F:
			s += string(c)
		default:
			f.FailAt("address", at+i, fmt.Errorf("%w: 0x%02X", wire.ErrValue, c))
			return ""
		}
	}
	return s
}
