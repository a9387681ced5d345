package jt808

import (
	"fmt"
	"iter"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Header is what all binary frames have.
type Header struct {
	// ID is the terminal's number as on the wire, in lower-case hexadecimal: 12
	// digits, 20 in a header of 2019, 14 in the alternative framing. See Identity.
	ID string

	// Code is the type. Append fills in a zero where the message has one only.
	Code uint16

	// Serial numbers the sender's frames; one byte in compact reports and their replies.
	Serial uint16

	// Total and Index (from 1) of a message in parts; see Part.
	Total, Index uint16

	Version     em.Opt[uint8] // of the protocol; there in headers of 2019 only
	Alternative bool          // the framing with E7
	Confirm     bool          // bit 15: a compact report that asks for a reply
	Encryption  uint8         // 0 none, 1 RSA; in compact reports of unknown meaning

	// BadCheck is set where the relaxed codec took a frame with a wrong check
	// code or length.
	BadCheck bool

	// Tail is what stands behind the fields that the type is known to have.
	Tail []byte
}

func (h *Header) head() *Header { return h }

// headed is a message with a header.
type headed interface {
	protocol.Message
	head() *Header
}

// Identity returns the terminal's number as people know it: the digits of the
// wire or, where these are not decimal, the IMEI that six bytes hold in binary
// without its last digit. ok is false for a number of zeros or of another form.
func (h *Header) Identity() (id string, ok bool) { return identityOf(h.ID) }

// The types.
const (
	typeReply         = 0x0001 // terminal's
	typeHeartbeat     = 0x0002
	typeLogout        = 0x0003
	typeServerTime    = 0x0004
	typeResend        = 0x0005 // terminal's
	typeRegister      = 0x0100
	typeAuth          = 0x0102
	typeSettled       = 0x0104
	typeAttributes    = 0x0107
	typeTimeRequest   = 0x0109
	typeLocation      = 0x0200
	typeWhere         = 0x0201
	typeShortBatch    = 0x0210
	typeSettings      = 0x0310 // platform's, a vendor's own
	typeControlled    = 0x0500
	typeWaybill       = 0x0701
	typeDriver        = 0x0702
	typeBatch         = 0x0704
	typeMediaEvent    = 0x0800
	typeMedia         = 0x0801
	typeTransparent   = 0x0900
	typeVendorData    = 0x1007
	typeVendorReply   = 0x1300
	typeCompactReply  = 0x4401 // platform's
	typeCompact       = 0x5501
	typeCompactStored = 0x5502
	typeVendorText    = 0x6006
	typePlatformReply = 0x8001
	typePlatformAsks  = 0x8003 // for parts again
	typeTimeIs        = 0x8004
	typeRegisterReply = 0x8100
	typeParameters    = 0x8103
	typeControl       = 0x8105
	typeTimeReply     = 0x8109
	typeText          = 0x8300
	typeMediaReply    = 0x8800
	typeDownlink      = 0x8900
)

var typeNames = [...]struct {
	code uint16
	name string
}{
	{typeReply, "terminal reply"}, {typeHeartbeat, "heartbeat"}, {typeLogout, "logout"}, {typeResend, "terminal resend"},
	{typeRegister, "register"}, {typeAuth, "authenticate"}, {typeAttributes, "attributes"}, {typeTimeRequest, "time request"},
	{typeLocation, "location"}, {typeShortBatch, "short batch"}, {typeSettings, "settings"}, {typeWaybill, "text 0x0701"},
	{typeDriver, "driver"}, {typeBatch, "batch"}, {typeTransparent, "transparent"}, {typeVendorData, "data 0x1007"},
	{typeVendorReply, "text 0x1300"}, {typeCompactReply, "compact reply"}, {typeCompact, "compact"},
	{typeCompactStored, "compact stored"}, {typeVendorText, "text 0x6006"}, {typePlatformReply, "reply"},
	{typePlatformAsks, "resend"}, {typeRegisterReply, "register reply"}, {typeParameters, "parameters"}, {typeControl, "control"},
	{typeTimeReply, "time reply"}, {typeText, "text"}, {typeDownlink, "transparent down"},
	{typeServerTime, "server time request"}, {typeTimeIs, "server time reply"}, {typeSettled, "parameters set"},
	{typeWhere, "location asked for"}, {typeControlled, "location after control"}, {typeMediaEvent, "media event"},
	{typeMedia, "media"}, {typeMediaReply, "media reply"},

	// What no bracelet has: the standard's types that are kept as they are. See unread.
	// Those from 0x1003 on are of JT/T 1078 and of alarms with pictures (Jiangsu).
	{0x1003, "sound and picture properties"}, {0x1005, "passengers"}, {0x1205, "list of recordings"}, {0x1206, "recording uploaded"},
	{0x1210, "alarm's files"}, {0x1211, "file"}, {0x1212, "file uploaded"},
	{0x9003, "ask sound and picture properties"}, {0x9101, "send live"}, {0x9102, "control live"}, {0x9105, "state of live"},
	{0x9201, "send recording"}, {0x9202, "control recording"}, {0x9205, "ask list of recordings"}, {0x9206, "upload recording"},
	{0x9207, "control upload"}, {0x9208, "ask alarm's files"}, {0x9212, "file received"},
	{0x9301, "turn camera"}, {0x9302, "focus camera"}, {0x9303, "iris of camera"}, {0x9304, "wiper of camera"}, {0x9305, "light of camera"}, {0x9306, "zoom camera"},
	{0x0108, "upgrade result"}, {0x0301, "event report"}, {0x0302, "answer to a question"}, {0x0303, "order of information"},
	{0x0608, "areas and routes"}, {0x0700, "driving record"}, {0x0705, "CAN data"}, {0x0802, "list of media"},
	{0x0805, "pictures taken"}, {0x0901, "compressed data"}, {0x0A00, "public key"},
	{0x8104, "ask parameters"}, {0x8106, "ask some parameters"}, {0x8107, "ask attributes"}, {0x8108, "upgrade"},
	{0x8201, "ask location"}, {0x8202, "follow for a time"}, {0x8203, "confirm alarm"}, {0x8204, "test link"},
	{0x8301, "set events"}, {0x8302, "question"}, {0x8303, "menu of information"}, {0x8304, "information"},
	{0x8400, "call back"}, {0x8401, "set phone book"}, {0x8500, "control vehicle"},
	{0x8600, "set circles"}, {0x8601, "delete circles"}, {0x8602, "set rectangles"}, {0x8603, "delete rectangles"},
	{0x8604, "set polygons"}, {0x8605, "delete polygons"}, {0x8606, "set routes"}, {0x8607, "delete routes"}, {0x8608, "ask areas and routes"},
	{0x8700, "ask driving record"}, {0x8701, "set driving record"}, {0x8702, "ask driver"},
	{0x8801, "take picture"}, {0x8802, "search media"}, {0x8803, "upload media"}, {0x8804, "record sound"}, {0x8805, "upload one medium"},
	{0x8A00, "platform's public key"},
}

// unread reports whether the package knows a type's name alone.
func unread(code uint16) bool {
	switch code {
	case 0x0108, 0x0608, 0x0700, 0x0705, 0x0802, 0x0805, 0x0901, 0x0A00, 0x8104, 0x8500, 0x8A00,
		0x1003, 0x1005, 0x1205, 0x1206, 0x9003, 0x9105, 0x9212:
		return true
	}
	in := func(from, to uint16) bool { return from <= code && code <= to }
	return in(0x0301, 0x0303) || in(0x8106, 0x8108) || in(0x8201, 0x8204) || in(0x8301, 0x8304) || in(0x8400, 0x8401) ||
		in(0x8600, 0x8608) || in(0x8700, 0x8702) || in(0x8801, 0x8805) || in(0x1210, 0x1212) ||
		in(0x9101, 0x9102) || in(0x9201, 0x9202) || in(0x9205, 0x9208) || in(0x9301, 0x9306)
}

func typeName(code uint16) string {
	for _, t := range typeNames {
		if t.code == code {
			return t.name
		}
	}
	return fmt.Sprintf("0x%04X", code)
}

func known(code uint16) bool {
	switch code {
	case typeReply, typeHeartbeat, typeLogout, typeResend, typeRegister, typeAuth, typeAttributes, typeTimeRequest,
		typeLocation, typeShortBatch, typeSettings, typeWaybill, typeDriver, typeBatch, typeTransparent, typeVendorData,
		typeVendorReply, typeCompactReply, typeCompact, typeCompactStored, typeVendorText, typePlatformReply,
		typePlatformAsks, typeRegisterReply, typeParameters, typeControl, typeTimeReply, typeText, typeDownlink,
		typeServerTime, typeTimeIs, typeSettled, typeWhere, typeControlled, typeMediaEvent, typeMedia, typeMediaReply:
		return true
	}
	return unread(code)
}

// compact reports whether frames of the type have a serial of one byte.
func compact(code uint16) bool {
	return code == typeCompact || code == typeCompactStored || code == typeCompactReply
}

// platforms reports whether only the platform sends the type.
func platforms(code uint16) bool {
	return code >= 0x8000 || code == typeCompactReply || code == typeSettings
}

// Register (0100) asks for an authentication code.
type Register struct {
	Header
	Edition        int // 2011, 2013 or 2019: how long the fields are
	Province, City uint16
	Maker          string // 5 bytes, 11 in 2019
	Model          string // 8, 20 or 30
	Terminal       string // 7, 30 in 2019
	Colour         uint8  // of the plate
	Plate          string
}

// Authenticate (0102) opens a conversation.
type Authenticate struct {
	Header
	AuthCode string
	IMEI     string // only in the form of 2019, like Software
	Software string
}

// Heartbeat (0002) is empty in the standard; some devices tell their state.
type Heartbeat struct {
	Header
	State em.Opt[HeartbeatState]
}

// HeartbeatState is a vendor's addition to the heartbeat.
type HeartbeatState struct {
	Battery uint8 // percent
	Signal  uint8 // 0–31
	Status  uint8
}

// Logout (0003) takes back a registration.
type Logout struct{ Header }

// Location (0200) is a position report.
type Location struct {
	Header
	Report
}

// LocationReply is a position that was asked for (0201), or is where a vehicle was
// controlled (0500).
type LocationReply struct {
	Header
	Answered uint16 // the serial of what it answers
	Report
}

// Report is the content of a position report.
type Report struct {
	Alarm, Status uint32
	Lat, Lng      uint32 // 10^-6 degrees; the hemispheres are in Status
	Altitude      int16  // m
	Speed         uint16 // 0.1 km/h
	Course        uint16 // degrees
	Clock         Clock  // local
	Items         Items
	Tail          []byte // what is no item: a vendor's fixed block
}

// Items are additional items as they are sent: of each its number, its length and
// its bytes. AppendItems makes them.
type Items []byte

// Item is one of them.
type Item struct {
	ID   uint8
	Data []byte // up to 255 bytes
}

// All returns the items as far as they are whole. Their Data are parts of b.
func (b Items) All() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for len(b) >= 2 && 2+int(b[1]) <= len(b) {
			n := 2 + int(b[1])
			if !yield(Item{b[0], b[2:n:n]}) {
				return
			}
			b = b[n:]
		}
	}
}

// whole returns how many bytes of b are whole items.
func (b Items) whole() (n int) {
	for n+2 <= len(b) && n+2+int(b[n+1]) <= len(b) {
		n += 2 + int(b[n+1])
	}
	return n
}

// Batch (0704, and 0210 as some vendors send it) has several reports.
type Batch struct {
	Header
	Kind    uint8 // of 0704: 0 in order, 1 from memory
	Reports []Report
	Broken  []BrokenReport // those that do not read; Append takes none
}

// BrokenReport is a report of a Batch that does not read. The last one may be all that
// is left of the batch; it is empty where the batch ends before its last report.
type BrokenReport struct {
	Index  int    // in the batch, from 0
	Offset int    // of its length in the body, without escapes
	Data   []byte // its length and its bytes
}

// BatteryReport is a 0210 that tells no position.
type BatteryReport struct {
	Header
	Level uint8 // percent
	Clock Clock
}

// Compact (5501, and 5502 from memory) is a position report of padlocks.
type Compact struct {
	Header
	Clock    Clock  // UTC, day first
	Lat, Lng uint32 // ddmmmmmm and dddmmmmmm: degrees and 10^-4 minutes
	Flags    uint8  // four bits: 0 fix, 1 north, 2 east
	Speed    uint8  // km/h
	Course   uint8  // 2 degrees
	Signal   uint8  // 0–31
	Sats     uint8
	Mileage  uint32 // km
	Battery  uint8  // percent; AA and AB are charging
	Cell     uint32
	Area     uint16 // of the cell
	Product  uint8
	Status   uint16
	Alarm    uint16
	Items    Items
}

// Attributes (0107) say what the terminal is.
type Attributes struct {
	Header
	Kind                   uint16
	Maker, Model, Terminal string
	ICCID                  string
	Hardware, Firmware     string
	GNSS, Radio            uint8 // bits
}

// Driver (0702) is a driver's card that was put in or drawn out.
type Driver struct {
	Header
	Status      uint8 // 1 in, 2 out
	Clock       Clock
	Result      em.Opt[uint8] // of reading the card, 0 for success; only of a card put in
	Name        string
	Certificate string
	Issuer      string
	Expiry      string // yyyymmdd
}

// Transparent (0900 up, 8900 down) is a vendor's data.
type Transparent struct {
	Header
	Kind uint8
	Data []byte
}

// TextReport (0701, 1300, 6006) is a device's answer to a command, or text of its own.
type TextReport struct {
	Header
	Encoding uint8  // of 6006
	Answered uint16 // of 1300
	Text     string
}

// Media is a picture, sound or film (0801), or says that there is one (0800).
type Media struct {
	Header
	ID     uint32
	Kind   uint8 // 0 picture, 1 sound, 2 film
	Format uint8 // 0 JPEG, 1 TIF, 2 MP3, 3 WAV, 4 WMV
	Event  uint8 // why: 0 the platform's order, 1 by time, 2 an alarm, …
	Camera uint8
	Report Report // of 0801, without items
	Data   []byte // of 0801
}

// MediaReply (8800) says that a Media has come, or asks for parts of it again.
type MediaReply struct {
	Header
	ID    uint32
	Parts []uint16
}

// Opaque is a body that the codec does not read: one that is encrypted, a
// vendor's 1007, types of the standard for vehicles, and of 0107, 0701 and 0702 those
// of another layout.
type Opaque struct {
	Header
	Data []byte
}

// TimeRequest (0109 of vendors, 0004 of 2019) asks for the time.
type TimeRequest struct{ Header }

// TimeReply (8109) tells it, in UTC.
type TimeReply struct {
	Header
	Year                             uint16
	Month, Day, Hour, Minute, Second uint8
}

// ServerTime (8004) answers a TimeRequest of the standard, in UTC.
type ServerTime struct {
	Header
	Clock Clock
}

// Results of a Reply and of a CompactReply.
const (
	ResultOK          = 0
	ResultFailed      = 1
	ResultBad         = 2
	ResultUnsupported = 3
)

// Reply (8001 of the platform, 0001 of the terminal) answers most messages.
type Reply struct {
	Header
	Answered     uint16 // the message's serial
	AnsweredCode uint16
	Result       uint8
}

// RegisterReply (8100) gives the authentication code; Result 0 is success, 1 to
// 4 say that vehicle or terminal are registered already or unknown.
type RegisterReply struct {
	Header
	Answered uint16
	Result   uint8
	AuthCode string
}

// CompactReply (4401) answers a Compact that asks for it.
type CompactReply struct {
	Header
	AnsweredCode uint16
	Result       uint8
}

// Resend (8003 of the platform, 0005 of the terminal) asks for parts again.
type Resend struct {
	Header
	First uint16 // serial of the first part
	Parts []uint16
}

// Control (8105) makes the terminal do something: 3 switch off, 4 restart, 5
// factory reset; others are the vendors'.
type Control struct {
	Header
	Command uint8
	Args    string
}

// Parameters (8103) sets parameters; 0104 of the terminal tells them.
type Parameters struct {
	Header
	Answered uint16 // of 0104: the serial of what it answers
	List     []Parameter
}

// Parameter is one of them. Value is as on the wire.
type Parameter struct {
	ID    uint32
	Value []byte
}

// Text (8300) is text to show, read out or, with many vendors, a command.
type Text struct {
	Header
	Flags uint8
	Kind  uint8 // only in frames with a header of 2019
	Text  string
}

// Settings (0310) are a vendor's own parameters: 06 the interval in s as four
// bytes, 23 with 03 restart, 24 arm.
type Settings struct {
	Header
	List []Item
}

// Part is one of the frames of a message that is too long for one. The session
// puts them together.
type Part struct {
	Header
	Data []byte
}

// Base is a line of text, without its parentheses, in which a device asks for
// the time: the last field is TIME in the request and yyyymmddhhmmss in the answer.
type Base struct{ Text string }

const baseMark = ",BASE,2,"

// Clock is a time as six bytes of two decimal digits: yymmddhhmmss, or with the
// day first in a Compact.
type Clock [6]byte

// Type of a message is the name of its type.
func (m *Register) Type() string      { return typeName(typeRegister) }
func (m *Authenticate) Type() string  { return typeName(typeAuth) }
func (m *Heartbeat) Type() string     { return typeName(typeHeartbeat) }
func (m *Logout) Type() string        { return typeName(typeLogout) }
func (m *Location) Type() string      { return typeName(typeLocation) }
func (m *Batch) Type() string         { return typeName(m.Header.Code) }
func (m *BatteryReport) Type() string { return typeName(typeShortBatch) + " battery" }
func (m *Compact) Type() string       { return typeName(m.Header.Code) }
func (m *Attributes) Type() string    { return typeName(typeAttributes) }
func (m *Driver) Type() string        { return typeName(typeDriver) }
func (m *Transparent) Type() string   { return typeName(m.Header.Code) }
func (m *TextReport) Type() string    { return typeName(m.Header.Code) }
func (m *TimeRequest) Type() string   { return typeName(m.Header.Code) }
func (m *ServerTime) Type() string    { return typeName(typeTimeIs) }
func (m *LocationReply) Type() string { return typeName(m.Header.Code) }
func (m *Media) Type() string         { return typeName(m.Header.Code) }
func (m *MediaReply) Type() string    { return typeName(typeMediaReply) }
func (m *TimeReply) Type() string     { return typeName(typeTimeReply) }
func (m *Reply) Type() string         { return typeName(m.Header.Code) }
func (m *RegisterReply) Type() string { return typeName(typeRegisterReply) }
func (m *CompactReply) Type() string  { return typeName(typeCompactReply) }
func (m *Resend) Type() string        { return typeName(m.Header.Code) }
func (m *Control) Type() string       { return typeName(typeControl) }
func (m *Parameters) Type() string    { return typeName(m.Header.Code) }
func (m *Text) Type() string          { return typeName(typeText) }
func (m *Settings) Type() string      { return typeName(typeSettings) }
func (m *Part) Type() string          { return "part" }
func (m *Base) Type() string          { return "base line" }

// Type is "encrypted", or the type's name.
func (m *Opaque) Type() string {
	if m.Encryption != 0 {
		return "encrypted"
	}
	return typeName(m.Header.Code)
}
