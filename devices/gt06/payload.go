package gt06

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// mayBePosition reports whether a payload of a type that is a position in some
// firmware begins with a date, a place on earth and the flag of a fix.
func mayBePosition(b []byte, code byte) bool {
	if code != 0x21 && code != 0x36 && code != 0x38 || len(b) < gpsLen {
		return false
	}
	c := wire.New(b)
	var g GPS
	g.readBlock(&c)
	return !g.Clock.Time().IsZero() && g.Fixed() && (&em.Fix{LatLng: g.Position()}).Valid()
}

// readPayload reads the payload of a frame by its type; the cursor ends with it.
func readPayload(c *wire.Cursor, h Header, frame []byte) protocol.Message {
	if c.Err() != nil {
		return nil
	}
	n := c.Len()
	if h.Bare {
		switch {
		case h.Code == typeLogin && n == 0:
			m := wire.Own[BareAck](c)
			m.Header = h
			return m
		case h.Code == typeLogin:
			return readLogin(c, h)
		case len(frame) == bareReplyLen:
			m := wire.Own[BareAck](c)
			m.Header = h
			copy(m.Time[:], c.Bytes(len(m.Time), "time"))
			return m
		case h.Code == typeGPS:
			l, f, _ := positionLayout(h, n)
			return readPosition(c, h, l, f)
		}
		return readBareWiFi(c, h, int(frame[2]))
	}
	switch {
	case n == 0 && h.Code == typeTime:
		m := wire.Own[TimeRequest](c)
		m.Header = h
		return m
	case n == 0:
		m := wire.Own[Ack](c)
		m.Header = h
		return m
	}
	if l, f, ok := positionLayout(h, n); ok {
		return readPosition(c, h, l, f)
	}
	if isScan(h, n) {
		return readScan(c, h)
	}
	if !h.Long && mayBePosition(frame[3+1:3+1+n], h.Code) {
		l := blocks{cell: h.Code != 0x21}
		l.cellIs.cid4 = h.Code == 0x36
		return readPosition(c, h, l, FirmwareStandard)
	}
	switch h.Code {
	case typePhoneCell:
		if !h.Long && n == phoneCellLen {
			return readPhoneQuery(c, h)
		}
	case typePhoneCell4:
		if !h.Long && n >= phoneCell4Len {
			return readPhoneQuery(c, h)
		}
	case typeOBD, typeOBD2:
		if h.Long && n >= obdLen {
			return readOBDReport(c, h)
		}
	case typeSerial:
		if h.Long {
			return readAttached(c, h)
		}
	case typePeripheral:
		if h.Long && n >= peripheralLen {
			return readAttached(c, h)
		}
	case typeSteps:
		if !h.Long && n == stepsLen {
			return readSteps(c, h)
		}
	case typePicture:
		if !h.Long && n == pictureLen {
			return readPicture(c, h)
		}
	case typeLogin:
		return readLogin(c, h)
	case typeStatus:
		return readStatus(c, h)
	case typeHeartbeat:
		return readGK310(c, h)
	case 0x19, 0xA5:
		return readCellAlarm(c, h)
	case typeReply:
		return readReply(c, h)
	case typeReplyLong:
		if h.Long {
			return readReply(c, h)
		}
	case typeTime:
		if n == 6 {
			m := wire.Own[TimeReply](c)
			m.Header, m.Clock = h, readClock(c)
			return m
		}
	case typeAddressReply:
		m := wire.Own[AddressReply](c)
		m.Header = h
		m.Flag, m.Text = readFlaggedText(c)
		return m
	case typeInfo:
		return readInfo(c, h)
	case typeModular:
		if h.Long {
			return readModular(c, h)
		}
	case typeCommand:
		return readCommand(c, h)
	case typeDriving:
		return readDriving(c, h)
	}
	c.Rest("payload")
	return &protocol.Raw{Code: code(h.Code), Name: unread[h.Code], Data: clone(frame)}
}

// unread names types, or forms of them, that are kept as they are, as open decoders
// name them.
var unread = map[byte]string{
	0x14: "satellites", 0x1F: "clock", 0x33: "access points", 0x34: "cells", 0x35: "picture", 0x36: "status", 0x38: "position",
	0x39: "alarm", 0x40: "battery system", 0x41: "multimedia", 0x65: "trouble codes", 0x66: "obd", 0x81: "command reply", 0x82: "command reply",
	0x8C: "obd", 0xA3: "fence", 0xF2: "peripheral", 0xF3: "scan",
}
