package jt808

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// readBody reads the body of a message; nil for an unknown type.
func readBody(f *wire.Cursor, h *Header) headed {
	if !known(h.Code) {
		return nil
	}
	var m headed
	switch {
	case h.Encryption != 0 && !compact(h.Code) || h.Code == typeVendorData || unread(h.Code):
		m = readOpaque(f, h)
	case loose(h.Code):
		before := *f
		if m = readKnown(f, h); f.Err() != nil {
			*f = before
			m = readOpaque(f, h)
		}
	default:
		m = readKnown(f, h)
	}
	m.head().Tail = f.RestData("tail")
	return m
}

func readOpaque(f *wire.Cursor, h *Header) headed {
	m := wire.Own[Opaque](f)
	m.Header, m.Data = *h, f.RestData("data")
	return m
}

// loose reports whether bodies of the type differ between editions and vendors, and
// say nothing of a person: one that does not read is kept as it is.
func loose(code uint16) bool {
	return code == typeAttributes || code == typeDriver || code == typeWaybill
}

func readKnown(f *wire.Cursor, h *Header) headed {
	wide := h.Version.OK
	switch h.Code {
	case typeRegister:
		return readRegister(f, h)
	case typeAuth:
		m := wire.Own[Authenticate](f)
		m.Header = *h
		const fixed = 15 + 20
		n := f.Len()
		if wide && n > 0 && 1+int(f.Ahead()[0])+fixed <= n {
			m.AuthCode = gbkField(f, int(f.U8("code length")), "code")
			m.IMEI = gbkField(f, 15, "imei")
			m.Software = gbkField(f, 20, "software")
		} else {
			m.AuthCode = gbkField(f, n, "code")
		}
		return m
	case typeHeartbeat:
		m := wire.Own[Heartbeat](f)
		m.Header = *h
		if f.Len() == 3 {
			m.State = em.Some(HeartbeatState{f.U8("battery"), f.U8("signal"), f.U8("status")})
		}
		return m
	case typeLogout:
		m := wire.Own[Logout](f)
		m.Header = *h
		return m
	case typeLocation:
		m := wire.Own[Location](f)
		m.Header = *h
		readReport(f, &m.Report, f.Len())
		return m
	case typeBatch:
		return readBatch(f, h)
	case typeShortBatch:
		if f.Len() == 7 {
			m := wire.Own[BatteryReport](f)
			m.Header, m.Level, m.Clock = *h, f.U8("battery"), readClock(f)
			return m
		}
		return readShortBatch(f, h)
	case typeCompact, typeCompactStored:
		return readCompact(f, h)
	case typeAttributes:
		f.Spare(2 * (longestID + 10)) // for the ICCID too
		m := wire.Own[Attributes](f)
		m.Header, m.Kind = *h, f.U16("kind")
		maker, model, terminal := 5, 20, 7
		if wide {
			maker, model, terminal = 11, 30, 30
		}
		m.Maker, m.Model, m.Terminal = gbkField(f, maker, "maker"), gbkField(f, model, "model"), gbkField(f, terminal, "terminal id")
		m.ICCID = f.Digits(f.Bytes(10, "iccid"))
		m.Hardware = gbkField(f, int(f.U8("hardware length")), "hardware")
		m.Firmware = gbkField(f, int(f.U8("firmware length")), "firmware")
		m.GNSS, m.Radio = f.U8("gnss"), f.U8("radio")
		return m
	case typeDriver:
		f.Spare(2 * (longestID + 4)) // for the expiry too
		m := wire.Own[Driver](f)
		at := f.Pos()
		m.Header, m.Status, m.Clock = *h, f.U8("status"), readClock(f)
		if m.Status != 1 && m.Status != 2 { // that of 2011 begins with the length of a name
			f.FailAt("status", at, wire.ErrValue)
		}
		if m.Status == 1 && f.Len() > 0 {
			if m.Result = em.Some(f.U8("result")); m.Result.V == 0 {
				m.Name = gbkField(f, int(f.U8("name length")), "name")
				m.Certificate = gbkField(f, 20, "certificate")
				m.Issuer = gbkField(f, int(f.U8("issuer length")), "issuer")
				m.Expiry = f.Digits(f.Bytes(4, "expiry"))
			}
		}
		return m
	case typeTransparent, typeDownlink:
		m := wire.Own[Transparent](f)
		m.Header, m.Kind, m.Data = *h, f.U8("kind"), f.RestData("data")
		return m
	case typeVendorText:
		m := wire.Own[TextReport](f)
		m.Header, m.Encoding = *h, f.U8("encoding")
		m.Text = fromVendor(f.Rest("text"))
		return m
	case typeVendorReply:
		m := wire.Own[TextReport](f)
		m.Header, m.Answered = *h, f.U16("answered serial")
		m.Text = fromVendor(f.Rest("text"))
		return m
	case typeWaybill:
		m := wire.Own[TextReport](f)
		m.Header = *h
		m.Text = fromVendor(f.Bytes(int(f.U32("length")), "text"))
		return m
	case typeWhere, typeControlled:
		m := wire.Own[LocationReply](f)
		m.Header, m.Answered = *h, f.U16("answered serial")
		readReport(f, &m.Report, f.Len())
		return m
	case typeMediaEvent, typeMedia:
		m := wire.Own[Media](f)
		m.Header, m.ID = *h, f.U32("media")
		m.Kind, m.Format, m.Event, m.Camera = f.U8("kind"), f.U8("format"), f.U8("event"), f.U8("camera")
		if h.Code == typeMedia {
			readReport(f, &m.Report, reportLen)
			m.Data = f.RestData("data")
		}
		return m
	case typeMediaReply:
		m, parts := wire.OwnList[MediaReply, uint16](f, f.Len()/2)
		m.Header, m.ID = *h, f.U32("media")
		if f.Len() > 0 {
			m.Parts = readParts(f, int(f.U8("parts")), parts)
		}
		return m
	case typeTimeIs:
		m := wire.Own[ServerTime](f)
		m.Header, m.Clock = *h, readClock(f)
		return m
	case typeTimeRequest, typeServerTime:
		m := wire.Own[TimeRequest](f)
		m.Header = *h
		return m
	case typeTimeReply:
		m := wire.Own[TimeReply](f)
		m.Header, m.Year, m.Month, m.Day = *h, f.U16("year"), f.U8("month"), f.U8("day")
		m.Hour, m.Minute, m.Second = f.U8("hour"), f.U8("minute"), f.U8("second")
		return m
	case typeReply, typePlatformReply:
		m := wire.Own[Reply](f)
		m.Header, m.Answered, m.AnsweredCode, m.Result = *h, f.U16("answered serial"), readType(f), f.U8("result")
		return m
	case typeRegisterReply:
		m := wire.Own[RegisterReply](f)
		m.Header, m.Answered, m.Result = *h, f.U16("answered serial"), f.U8("result")
		m.AuthCode = gbkField(f, f.Len(), "code")
		return m
	case typeCompactReply:
		m := wire.Own[CompactReply](f)
		m.Header, m.AnsweredCode, m.Result = *h, readType(f), f.U8("result")
		return m
	case typeResend, typePlatformAsks:
		m, parts := wire.OwnList[Resend, uint16](f, f.Len()/2)
		m.Header, m.First = *h, f.U16("first serial")
		n := 0
		if wide {
			n = int(f.U16("parts"))
		} else {
			n = int(f.U8("parts"))
		}
		m.Parts = readParts(f, n, parts)
		return m
	case typeParameters, typeSettled:
		m := wire.Own[Parameters](f)
		if m.Header = *h; h.Code == typeSettled {
			m.Answered = f.U16("answered serial")
		}
		n := int(f.U8("parameters"))
		list := wire.List[Parameter](f, min(n, f.Len()/5+1))
		for ; n > 0 && f.Err() == nil; n-- {
			p := Parameter{ID: f.U32("parameter id")}
			p.Value = data(f, int(f.U8("length")))
			list = append(list, p)
			m.List = list
		}
		return m
	case typeControl:
		m := wire.Own[Control](f)
		m.Header, m.Command = *h, f.U8("command")
		m.Args = gbkField(f, f.Len(), "arguments")
		return m
	case typeText:
		m := wire.Own[Text](f)
		m.Header, m.Flags = *h, f.U8("flags")
		if wide {
			m.Kind = f.U8("kind")
		}
		m.Text = gbkField(f, f.Len(), "text")
		return m
	}
	// typeSettings, the last of the known ones
	m, list := wire.OwnList[Settings, Item](f, f.Len()/2+1)
	m.Header = *h
	for n := f.U8("settings"); n > 0 && f.Err() == nil; n-- {
		list = append(list, readItem(f, "setting"))
		m.List = list
	}
	return m
}

// readParts reads n numbers of parts into the room of list; nil for none.
func readParts(f *wire.Cursor, n int, list []uint16) []uint16 {
	for ; n > 0 && f.Err() == nil; n-- {
		list = append(list, f.U16("part"))
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

func readType(f *wire.Cursor) uint16 {
	v := f.U16("answered type")
	return v
}

// gbkField reads n bytes of text in GBK; zeros that fill it up are no part of it.
func gbkField(f *wire.Cursor, n int, name string) string {
	at := f.Pos()
	b := f.Bytes(n, name)
	ascii, end := true, 0
	for i, c := range b {
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
		if c != 0 {
			end = i + 1
		}
	}
	var s string
	if ascii { // as it stands
		s = f.TextAt(at, end)
	} else {
		s = strings.TrimRight(fromGBK(b), "\x00")
	}
	return s
}

// Shortest registrations of each edition, without the plate.
const (
	register2011 = 2 + 2 + 5 + 8 + 7 + 1
	register2013 = 2 + 2 + 5 + 20 + 7 + 1
	register2019 = 2 + 2 + 11 + 30 + 30 + 1
)

func readRegister(f *wire.Cursor, h *Header) *Register {
	m := wire.Own[Register](f)
	m.Header, m.Edition = *h, 2011
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

// reportLen is the length of a report without items.
const reportLen = 4 + 4 + 4 + 4 + 2 + 2 + 2 + 6

var reportParts = []wire.Part{
	{Name: "alarm", Len: 4}, {Name: "status", Len: 4}, {Name: "latitude", Len: 4}, {Name: "longitude", Len: 4},
	{Name: "altitude", Len: 2}, {Name: "speed", Len: 2}, {Name: "course", Len: 2}, {Name: "time", Len: 6},
}

// readReport reads a report of n bytes.
func readReport(f *wire.Cursor, r *Report, n int) {
	outer := f.Limit(n, "report")
	be := binary.BigEndian
	b := f.Block(reportLen, reportParts)[:reportLen]
	r.Alarm, r.Status = be.Uint32(b), be.Uint32(b[4:])
	r.Lat, r.Lng = be.Uint32(b[8:]), be.Uint32(b[12:])
	r.Altitude, r.Speed, r.Course = int16(be.Uint16(b[16:])), be.Uint16(b[18:]), be.Uint16(b[20:])
	copy(r.Clock[:], b[22:])
	if f.Len() == fixedBlock && !itemsFit(f.Ahead()) {
		r.Tail = f.RestData("fixed block")
	} else {
		r.Items = readItems(f)
		r.Tail = f.RestData("tail")
	}
	f.Restore(outer)
}

// fixedBlock is the length of a block that a vendor sends in place of items.
const fixedBlock = 4 + 4 + 2 + 4 + 1 + 3

// itemsFit reports whether all of b reads as items. No item has the number 0.
func itemsFit(b Items) bool {
	for i := range b.All() {
		if i.ID == 0 {
			return false
		}
	}
	return b.whole() == len(b)
}

// readItems reads items as far as they are whole.
func readItems(f *wire.Cursor) Items { return f.Data(Items(f.Ahead()).whole(), "items") }

func readItem(f *wire.Cursor, name string) Item {
	id := f.U8(name)
	return Item{id, data(f, int(f.U8("length")))}
}

// data reads n bytes, owned; not nil unless the frame is cut.
func data(f *wire.Cursor, n int) []byte {
	b := f.Data(n, "value")
	if b == nil && f.Err() == nil {
		b = []byte{}
	}
	return b
}

func readCompact(f *wire.Cursor, h *Header) *Compact {
	f.Spare(2 * (longestID + 4)) // the latitude goes through text
	m := wire.Own[Compact](f)
	m.Header, m.Clock = *h, readClock(f)
	m.Lat = number(f.BCD(4, "latitude"))
	at := f.Pos()
	if b := f.Bytes(5, "longitude and flags"); len(b) == 5 {
		m.Flags = b[4] & 15
		for i := range 9 { // digits
			d := b[i/2] >> (4 * (1 - i%2)) & 15
			if m.Lng = 10*m.Lng + uint32(d); d > 9 {
				f.FailAt("longitude and flags", at, wire.ErrValue)
			}
		}
	}
	at = f.Pos()
	if b := f.Bytes(1, "speed"); len(b) == 1 {
		if m.Speed = 10*(b[0]>>4) + b[0]&15; b[0]>>4 > 9 || b[0]&15 > 9 {
			f.FailAt("speed", at, wire.ErrValue)
		}
	}
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
