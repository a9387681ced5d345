package bactrack

import (
	"fmt"
	"slices"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

// Dialect M, of the Mobile instruments:
//
//	02 | command | data | xor | E0
//
// xor is over data, and stands only where data has two bytes or more. The first
// hardware pads with zeros to 20 bytes, which are taken and not written.
const (
	mobileStart = "\x02"
	mobileEnd   = 0xE0

	mobileCmdPower     = 0x72
	mobileCmdSetting   = 0x73
	mobileCmdWrite     = 0x74
	mobileCmdUses      = 0x75
	mobileReplyStatus  = 0x81
	mobileReplyError   = 0x82
	mobileReplySetting = 0x83
	mobileReplyAck     = 0xA0
	mobileReplyNack    = 0xB0
)

// MobileAction is what MobilePower asks for.
type MobileAction uint8

// Actions of a Mobile instrument.
const (
	MobileOn    MobileAction = 1
	MobileOff   MobileAction = 2
	MobileStart MobileAction = 3 // "restart": begin a test
)

// MobilePower (0x72) switches the instrument on or off, or begins a test.
type MobilePower struct {
	toMobile
	Action MobileAction
}

// MobileSettingRequest (0x73) asks for a setting: 1 blow time, 2 blow level.
type MobileSettingRequest struct {
	toMobile
	ID uint8
}

// MobileSettingWrite (0x74) changes a setting.
type MobileSettingWrite struct {
	toMobile
	ID, Value uint8
}

// MobileUsesRequest (0x75) asks how often the instrument was used.
type MobileUsesRequest struct{ toMobile }

// MobileStatus (0x81) is what the instrument does and, in state VioResult, the
// result. Its states 1 to 5 are those of VioStatus.
type MobileStatus struct {
	fromMobile
	State VioState
	BAC   uint16 // 1/10,000 % BAC
	Left  uint8  // seconds of the countdown or of the breath
	Uses  uint16
	Extra []byte // three bytes that are not documented
}

// Value returns BAC in % BAC.
func (m *MobileStatus) Value() em.Decimal { return em.Decimal{Coef: int64(m.BAC), Scale: bacScale} }

// MobileError (0x82) ends a test.
type MobileError struct {
	fromMobile
	Code  VioErrorCode
	Info  uint8
	Extra []byte
}

// MobileSetting (0x83) is a setting's value.
type MobileSetting struct {
	fromMobile
	Data []byte // the setting's number, then its value
}

// MobileAck (0xA0) and MobileNack (0xB0) answer a command; what they carry is
// not documented.
type MobileAck struct {
	fromMobile
	Data []byte
}

// MobileNack (0xB0): see MobileAck.
type MobileNack struct {
	fromMobile
	Data []byte
}

// Type of each message.
func (*MobilePower) Type() string          { return "mobile power" }
func (*MobileSettingRequest) Type() string { return "mobile setting request" }
func (*MobileSettingWrite) Type() string   { return "mobile setting write" }
func (*MobileUsesRequest) Type() string    { return "mobile uses request" }
func (*MobileStatus) Type() string         { return "mobile status" }
func (*MobileError) Type() string          { return "mobile error" }
func (*MobileSetting) Type() string        { return "mobile setting" }
func (*MobileAck) Type() string            { return "mobile ack" }
func (*MobileNack) Type() string           { return "mobile nack" }

// readMobile reads a value, which is b.
func (c Codec) readMobile(cur *reader, verb string, b []byte) (m protocol.Message) {
	var cmd byte
	if len(b) > len(mobileStart) {
		cmd = b[len(mobileStart)]
	}
	m = newMobile(cur, verb, cmd, b)
	cur.Expect(mobileStart, "start")
	cur.U8("command")
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	n := end - 1 - cur.Pos() // bytes between command and end
	if cur.Err() == nil && (n < 0 || b[end-1] != mobileEnd) {
		cur.Fail("end", fmt.Errorf("%w: no E0", wire.ErrValue))
	}
	// Of fewer than two bytes of data there is no xor. The maker's own parser looks
	// for E0 one byte later than its encoder writes it: a byte more is taken then.
	data, after := n, 0
	switch {
	case n >= 3:
		data, after = n-1, 1
	case n == 2, n == 1 && verb == verbWrite && cmd == mobileCmdUses:
		data, after = n-1, 1
	}
	at := cur.Pos()
	outer := cur.Limit(data, "data")
	switch m := m.(type) {
	case *MobilePower:
		m.Action = MobileAction(cur.U8("action"))
	case *MobileSettingRequest:
		m.ID = cur.U8("setting")
	case *MobileSettingWrite:
		m.ID, m.Value = cur.U8("setting"), cur.U8("value")
	case *MobileStatus:
		m.State, m.BAC = VioState(cur.U8("state")), cur.U16("bac")
		m.Left, m.Uses, m.Extra = cur.U8("left"), cur.U16("uses"), cur.RestData("extra")
	case *MobileError:
		m.Code = VioErrorCode(cur.U8("code"))
		if cur.Len() > 0 {
			m.Info = cur.U8("info")
		}
		m.Extra = cur.RestData("extra")
	case *MobileSetting:
		m.Data = cur.RestData("data")
	case *MobileAck:
		m.Data = cur.RestData("data")
	case *MobileNack:
		m.Data = cur.RestData("data")
	case *protocol.Raw:
		m.Data = cur.RestData("data")
	}
	if n := cur.Len(); n > 0 {
		cur.Fail("data", fmt.Errorf("%w: %d bytes too many", wire.ErrValue, n))
	}
	cur.Restore(outer)
	if after > 0 {
		name := "spare"
		if data >= 2 {
			name = "xor"
		}
		found := cur.U8(name)
		if want := checksum.Xor8(b[at:min(at+data, len(b))]); data >= 2 && cur.Err() == nil && found != want && !c.RelaxedChecksum {
			cur.FailAt("xor", at+data, &protocol.ChecksumError{Algorithm: "XOR-8", Offset: at + data, Found: uint32(found), Expected: uint32(want)})
		}
	}
	cur.Expect(string([]byte{mobileEnd}), "end")
	cur.Rest("padding")
	return m
}

// newMobile makes the message of a command, which reads b.
func newMobile(cur *reader, verb string, cmd byte, b []byte) protocol.Message {
	switch write := verb == verbWrite; {
	case write && cmd == mobileCmdPower:
		return own[MobilePower](cur, b)
	case write && cmd == mobileCmdSetting:
		return own[MobileSettingRequest](cur, b)
	case write && cmd == mobileCmdWrite:
		return own[MobileSettingWrite](cur, b)
	case write && cmd == mobileCmdUses:
		return own[MobileUsesRequest](cur, b)
	case !write && cmd == mobileReplyStatus:
		return own[MobileStatus](cur, b)
	case !write && cmd == mobileReplyError:
		return own[MobileError](cur, b)
	case !write && cmd == mobileReplySetting:
		return own[MobileSetting](cur, b)
	case !write && cmd == mobileReplyAck:
		return own[MobileAck](cur, b)
	case !write && cmd == mobileReplyNack:
		return own[MobileNack](cur, b)
	}
	r := own[protocol.Raw](cur, b)
	r.Code = rawValueCode(DialectM, verb, cmd)
	return r
}

// appendMobileFrame appends a frame, with a xor where it has one.
func appendMobileFrame(dst []byte, cmd byte, data ...byte) ([]byte, error) {
	if len(data) > maxValue-4 {
		return dst, unsupported("data of %d bytes, at most %d fit", len(data), maxValue-4)
	}
	dst = append(append(dst, mobileStart...), cmd)
	dst = append(dst, data...)
	if len(data) >= 2 {
		dst = append(dst, checksum.Xor8(data))
	}
	return append(dst, mobileEnd), nil
}

func (m *MobilePower) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileCmdPower, byte(m.Action))
}

func (m *MobileSettingRequest) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileCmdSetting, m.ID)
}

func (m *MobileSettingWrite) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileCmdWrite, m.ID, m.Value)
}

func (m *MobileUsesRequest) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileCmdUses)
}

func (m *MobileStatus) appendValue(dst []byte) ([]byte, error) {
	d := []byte{byte(m.State), byte(m.BAC >> 8), byte(m.BAC), m.Left, byte(m.Uses >> 8), byte(m.Uses)}
	return appendMobileFrame(dst, mobileReplyStatus, slices.Concat(d, m.Extra)...)
}

func (m *MobileError) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileReplyError, append([]byte{byte(m.Code), m.Info}, m.Extra...)...)
}

func (m *MobileSetting) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileReplySetting, m.Data...)
}

func (m *MobileAck) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileReplyAck, m.Data...)
}

func (m *MobileNack) appendValue(dst []byte) ([]byte, error) {
	return appendMobileFrame(dst, mobileReplyNack, m.Data...)
}
