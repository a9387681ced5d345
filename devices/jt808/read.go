package jt808

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// readBody reads the body of a message; nil for an unknown type.
func readBody(f *wire.Cursor, h Header) protocol.Message {
	if !known(h.Code) {
		return nil
	}
	var m protocol.Message
	if h.Encryption != 0 && !compact(h.Code) || h.Code == typeVendorData {
		m = &Opaque{h, slices.Clone(f.Rest("data"))}
	} else {
		m = readKnown(f, h)
	}
	m.(headed).head().Tail = slices.Clone(f.Rest("tail"))
	return m
}

func readKnown(f *wire.Cursor, h Header) protocol.Message {
	wide := h.Version.OK
	switch h.Code {
	case typeRegister:
		return readRegister(f, h)
	case typeAuth:
		m := &Authenticate{Header: h}
		const fixed = 15 + 20
		n, ahead := f.Len(), *f
		if wide && 1+int(ahead.U8(""))+fixed <= n {
			m.AuthCode = gbkField(f, int(f.U8("code length")), "code")
			m.IMEI = gbkField(f, 15, "imei")
			m.Software = gbkField(f, 20, "software")
		} else {
			m.AuthCode = gbkField(f, n, "code")
		}
		return m
	case typeHeartbeat:
		m := &Heartbeat{Header: h}
		if f.Len() == 3 {
			m.State = em.Some(HeartbeatState{f.U8("battery"), f.U8("signal"), f.U8("status")})
		}
		return m
	case typeLogout:
		return &Logout{h}
	case typeLocation:
		return &Location{h, readReport(f, f.Len())}
	case typeBatch:
		m := &Batch{Header: h}
		n := int(f.U16("reports"))
		m.Kind = f.U8("kind")
		for ; n > 0 && f.Err() == nil; n-- {
			m.Reports = append(m.Reports, readReport(f, int(f.U16("report length"))))
		}
		return m
	case typeShortBatch:
		if f.Len() == 7 {
			return &BatteryReport{h, f.U8("battery"), readClock(f)}
		}
		m := &Batch{Header: h}
		for f.Len() > 0 {
			m.Reports = append(m.Reports, readReport(f, int(f.U8("report length"))))
		}
		return m
	case typeCompact, typeCompactStored:
		return readCompact(f, h)
	case typeAttributes:
		m := &Attributes{Header: h, Kind: f.U16("kind")}
		maker, model, terminal := 5, 20, 7
		if wide {
			maker, model, terminal = 11, 30, 30
		}
		m.Maker, m.Model, m.Terminal = gbkField(f, maker, "maker"), gbkField(f, model, "model"), gbkField(f, terminal, "terminal id")
		m.ICCID = hex.EncodeToString(f.Bytes(10, "iccid"))
		m.Hardware = gbkField(f, int(f.U8("hardware length")), "hardware")
		m.Firmware = gbkField(f, int(f.U8("firmware length")), "firmware")
		m.GNSS, m.Radio = f.U8("gnss"), f.U8("radio")
		return m
	case typeDriver:
		m := &Driver{Header: h, Status: f.U8("status"), Clock: readClock(f)}
		if m.Status == 1 && f.Len() > 0 {
			if m.Result = em.Some(f.U8("result")); m.Result.V == 0 {
				m.Name = gbkField(f, int(f.U8("name length")), "name")
				m.Certificate = gbkField(f, 20, "certificate")
				m.Issuer = gbkField(f, int(f.U8("issuer length")), "issuer")
				m.Expiry = hex.EncodeToString(f.Bytes(4, "expiry"))
			}
		}
		return m
	case typeTransparent, typeDownlink:
		return &Transparent{h, f.U8("kind"), slices.Clone(f.Rest("data"))}
	case typeVendorText:
		m := &TextReport{Header: h, Encoding: f.U8("encoding")}
		m.Text = fromVendor(f.Rest("text"))
		f.Value("%q", m.Text)
		return m
	case typeVendorReply:
		m := &TextReport{Header: h, Answered: f.U16("answered serial")}
		m.Text = fromVendor(f.Rest("text"))
		f.Value("%q", m.Text)
		return m
	case typeWaybill:
		m := &TextReport{Header: h}
		m.Text = fromVendor(f.Bytes(int(f.U32("length")), "text"))
		f.Value("%q", m.Text)
		return m
	case typeTimeRequest:
		return &TimeRequest{h}
	case typeTimeReply:
		return &TimeReply{h, f.U16("year"), f.U8("month"), f.U8("day"), f.U8("hour"), f.U8("minute"), f.U8("second")}
	case typeReply, typePlatformReply:
		return &Reply{h, f.U16("answered serial"), readType(f), f.U8("result")}
	case typeRegisterReply:
		m := &RegisterReply{Header: h, Answered: f.U16("answered serial"), Result: f.U8("result")}
		m.AuthCode = gbkField(f, f.Len(), "code")
		return m
	case typeCompactReply:
		return &CompactReply{h, readType(f), f.U8("result")}
	case typeResend, typePlatformAsks:
		m := &Resend{Header: h, First: f.U16("first serial")}
		n := 0
		if wide {
			n = int(f.U16("parts"))
		} else {
			n = int(f.U8("parts"))
		}
		for ; n > 0 && f.Err() == nil; n-- {
			m.Parts = append(m.Parts, f.U16("part"))
		}
		return m
	case typeParameters:
		m := &Parameters{Header: h}
		for n := f.U8("parameters"); n > 0 && f.Err() == nil; n-- {
			p := Parameter{ID: f.U32("parameter id")}
			f.Value("0x%04X", p.ID)
			p.Value = slices.Clone(f.Bytes(int(f.U8("length")), "value"))
			m.List = append(m.List, p)
		}
		return m
	case typeControl:
		m := &Control{Header: h, Command: f.U8("command")}
		m.Args = gbkField(f, f.Len(), "arguments")
		return m
	case typeText:
		m := &Text{Header: h, Flags: f.U8("flags")}
		if wide {
			m.Kind = f.U8("kind")
		}
		m.Text = gbkField(f, f.Len(), "text")
		return m
	}
	// typeSettings, the last of the known ones
	m := &Settings{Header: h}
	for n := f.U8("settings"); n > 0 && f.Err() == nil; n-- {
		m.List = append(m.List, readItem(f, "setting"))
	}
	return m
}

func readType(f *wire.Cursor) uint16 {
	v := f.U16("answered type")
	f.Value("0x%04X", v)
	return v
}

// gbkField reads n bytes of text in GBK; zeros that fill it up are no part of it.
func gbkField(f *wire.Cursor, n int, name string) string {
	b := f.Bytes(n, name)
	s := strings.TrimRight(fromGBK(b), "\x00")
	if b != nil {
		f.Value("%q", s)
	}
	return s
}

// Shortest registrations of each edition, without the plate.
const (
	register2011 = 2 + 2 + 5 + 8 + 7 + 1
	register2013 = 2 + 2 + 5 + 20 + 7 + 1
	register2019 = 2 + 2 + 11 + 30 + 30 + 1
)

func readRegister(f *wire.Cursor, h Header) *Register {
	m := &Register{Header: h, Edition: 2011}
	switch n := f.Len(); {
	case h.Version.OK && n >= register2019:
		m.Edition = 2019
	case n >= register2013:
		m.Edition = 2013
	}
	maker, model, terminal := registerSizes(m.Edition)
	m.Province, m.City = f.U16("province"), f.U16("city")
	m.Maker = gbkField(f, maker, "maker")
	m.Model = gbkField(f, model, "model")
	m.Terminal = gbkField(f, terminal, "terminal id")
	m.Colour = f.U8("plate colour")
	m.Plate = gbkField(f, f.Len(), "plate")
	return m
}

func registerSizes(edition int) (maker, model, terminal int) {
	switch edition {
	case 2011:
		return 5, 8, 7
	case 2013:
		return 5, 20, 7
	}
	return 11, 30, 30
}

func readClock(f *wire.Cursor) (c Clock) {
	b := f.Bytes(len(c), "time")
	copy(c[:], b)
	return c
}

// readReport reads a report of n bytes.
func readReport(f *wire.Cursor, n int) (r Report) {
	defer f.Restore(f.Limit(n, "report"))
	r.Alarm = f.U32("alarm")
	f.Value("0x%08X", r.Alarm)
	r.Status = f.U32("status")
	f.Value("0x%08X", r.Status)
	r.Lat, r.Lng = f.U32("latitude"), f.U32("longitude")
	r.Altitude = int16(f.U16("altitude"))
	r.Speed, r.Course = f.U16("speed"), f.U16("course")
	r.Clock = readClock(f)
	if f.Len() == fixedBlock && !itemsFit(f) {
		r.Tail = slices.Clone(f.Rest("fixed block"))
		return r
	}
	r.Items = readItems(f)
	r.Tail = slices.Clone(f.Rest("tail"))
	return r
}

// fixedBlock is the length of a block that a vendor sends in place of items.
const fixedBlock = 4 + 4 + 2 + 4 + 1 + 3

// itemsFit reports whether all that is left reads as items. No item has the number 0.
func itemsFit(f *wire.Cursor) bool {
	ahead := *f // a copy reads ahead
	for ahead.Len() > 0 {
		if ahead.U8("") == 0 {
			return false
		}
		ahead.Bytes(int(ahead.U8("")), "")
	}
	return ahead.Err() == nil
}

// readItems reads items as far as they are whole.
func readItems(f *wire.Cursor) (items []Item) {
	for f.Len() >= 2 {
		ahead := *f
		ahead.U8("")
		if n := int(ahead.U8("")); n > ahead.Len() {
			return items
		}
		items = append(items, readItem(f, "item"))
	}
	return items
}

func readItem(f *wire.Cursor, name string) Item {
	id := f.U8(name)
	f.Value("0x%02X", id)
	return Item{id, slices.Clone(f.Bytes(int(f.U8("length")), "value"))}
}

func readCompact(f *wire.Cursor, h Header) *Compact {
	m := &Compact{Header: h, Clock: readClock(f)}
	m.Lat = number(f.BCD(4, "latitude"))
	at := f.Pos()
	lng := hex.EncodeToString(f.Bytes(5, "longitude and flags"))
	if len(lng) == 10 {
		m.Lng = number(lng[:9])
		m.Flags = nibble(lng[9])
		if strings.Trim(lng[:9], "0123456789") != "" {
			f.FailAt("longitude", at, wire.ErrValue)
		}
	}
	at = f.Pos()
	speed := hex.EncodeToString(f.Bytes(1, "speed"))
	if strings.Trim(speed, "0123456789") != "" {
		f.FailAt("speed", at, wire.ErrValue)
	}
	m.Speed = uint8(number(speed))
	m.Course = f.U8("course")
	m.Signal, m.Sats = f.U8("signal"), f.U8("satellites")
	m.Mileage = f.U32("mileage")
	m.Battery = f.U8("battery")
	m.Cell, m.Area = f.U32("cell"), f.U16("area")
	m.Product = f.U8("product")
	m.Status, m.Alarm = f.U16("status"), f.U16("alarm")
	m.Items = readItems(f)
	return m
}

func number(digits string) (n uint32) {
	for _, c := range digits {
		n = 10*n + uint32(c-'0')
	}
	return n
}

func nibble(c byte) uint8 {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
