package bactrack

import (
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

// Dialect V, of the Vio and Go instruments and their serial line:
//
//	10 02 | L | command | payload | xor | 10 17
//
// L counts command and payload; xor is over L, command and payload. No byte is
// stuffed: a payload may hold 10 02 or 10 17, and L alone says where it ends.
const (
	vioStart    = "\x10\x02"
	vioEnd      = "\x10\x17"
	vioOverhead = 6 // all but command and payload
	maxPayload  = 254
)

// Commands to the instrument; an answer is the command + 0x10. 0x85 comes on
// its own, when the button changes.
const (
	cmdID           = 0x70
	cmdStatus       = 0x71
	cmdError        = 0x72
	cmdSetting      = 0x73
	cmdSettingWrite = 0x74
	cmdControl      = 0x76

	replyID             = 0x80
	replyStatus         = 0x81
	replyError          = 0x82
	replySetting        = 0x83
	replySettingWritten = 0x84
	replyButton         = 0x85
	replyControl        = 0x86
)

// isVioCommand reports whether the codec has a message for cmd.
func isVioCommand(cmd byte) bool {
	switch cmd {
	case cmdID, cmdStatus, cmdError, cmdSetting, cmdSettingWrite, cmdControl,
		replyID, replyStatus, replyError, replySetting, replySettingWritten, replyButton, replyControl:
		return true
	}
	return false
}

// VioIDRequest (0x70) asks the instrument which one it is.
type VioIDRequest struct{}

// VioID (0x80) is the instrument's kind and versions; it has no serial number.
type VioID struct {
	Hardware, HardwareVersion uint8
	Software, SoftwareVersion uint8
	Extra                     []byte // bytes beyond the documented ones
}

// VioStatusRequest (0x71) asks for a VioStatus.
type VioStatusRequest struct{}

// VioState is what the instrument is doing.
type VioState uint8

// States of the instrument, from 0.
const (
	VioIdle        VioState = iota
	VioCountdown            // warming up for a test
	VioReady                // waiting for breath
	VioBlowing              // breath flows
	VioAnalysing            // breath taken, no result yet
	VioResult               // idle, and BAC is valid
	VioCalibrating          //
	VioPowerDown            // switching off
)

var vioStates = [...]string{"idle", "countdown", "ready", "blowing", "analysing", "result", "calibrating", "power down"}

// String returns the state's name.
func (s VioState) String() string {
	if int(s) < len(vioStates) {
		return vioStates[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// VioStatus (0x81) is what the instrument is doing and, in state VioResult, the
// last result.
type VioStatus struct {
	Battery uint8 // 0 empty … 15 full
	State   VioState
	Heat    uint8  // heat count; its unit is not documented
	BAC     uint16 // 1/10,000 % BAC; meaningful in state VioResult alone
	Extra   []byte // bytes beyond the documented ones
}

// Value returns BAC as the instrument shows it, in % BAC: 0x0320 is 0.0800.
func (s *VioStatus) Value() em.Decimal { return em.Decimal{Coef: int64(s.BAC), Scale: bacScale} }

const bacScale = 4 // decimals of a BAC

// VioErrorRequest (0x72) asks for the last error.
type VioErrorRequest struct{}

// VioErrorCode says why the instrument refused a test.
type VioErrorCode uint8

// Error codes. They are those of the Mobile dialect: see Unverified in the
// package's documentation.
const (
	VioErrNone          VioErrorCode = 0x00
	VioErrTimeout       VioErrorCode = 0x01 // nobody blew
	VioErrBlow          VioErrorCode = 0x02 // the breath was too weak, too short or interrupted
	VioErrTemperature   VioErrorCode = 0x03 // info 1: too hot, 2: too cold
	VioErrLowBattery    VioErrorCode = 0x04
	VioErrCalibration   VioErrorCode = 0x05 // calibration failed
	VioErrUncalibrated  VioErrorCode = 0x06
	VioErrCommunication VioErrorCode = 0x07
	VioErrInflow        VioErrorCode = 0x08
	VioErrSolenoid      VioErrorCode = 0x09
	VioErrSensor        VioErrorCode = 0x0A
	VioErrUpperLimit    VioErrorCode = 0x0B // more alcohol than it can measure
)

var vioErrors = [...]string{"none", "timeout", "blow", "temperature", "low battery", "calibration failed",
	"not calibrated", "communication", "inflow", "solenoid", "sensor", "upper limit"}

// String returns the code's name.
func (c VioErrorCode) String() string {
	if int(c) < len(vioErrors) {
		return vioErrors[c]
	}
	return fmt.Sprintf("error %d", uint8(c))
}

// VioError (0x82) is the instrument's last error.
type VioError struct {
	Code  VioErrorCode
	Info  uint8
	Extra []byte // bytes beyond the documented ones
}

// VioParam numbers a setting.
type VioParam uint8

// Settings that are known.
const (
	VioBlowTime VioParam = 0x00 // one byte
	VioUseCount VioParam = 0x01 // two bytes: tests so far
	VioBattery  VioParam = 0x10
	VioButtons  VioParam = 0x20
)

// VioSettingRequest (0x73) asks for a setting.
type VioSettingRequest struct{ Param VioParam }

// VioSetting (0x83) is a setting's value.
type VioSetting struct {
	Param VioParam
	Value []byte
}

// Number returns Value as a number, low byte first; false where it has not one
// or two bytes.
func (s *VioSetting) Number() (int, bool) {
	switch len(s.Value) {
	case 1:
		return int(s.Value[0]), true
	case 2:
		return int(s.Value[0]) | int(s.Value[1])<<8, true
	}
	return 0, false
}

// VioSettingWrite (0x74) changes a setting.
type VioSettingWrite struct {
	Param VioParam
	Value []byte
}

// VioSettingWritten (0x84) answers a VioSettingWrite; what it carries is not
// documented.
type VioSettingWritten struct{ Data []byte }

// VioButton (0x85) comes without a request when the button changes; what it
// carries is not documented.
type VioButton struct{ Data []byte }

// VioAction is what VioControl asks for.
type VioAction uint8

// Actions. A center sends the first two through the session's link.
const (
	VioStart    VioAction = 0 // begin a test
	VioCancel   VioAction = 1 // break the test off
	VioShutDown VioAction = 2
)

var vioActions = [...]string{"start", "cancel", "shut down"}

// String returns the action's name.
func (a VioAction) String() string {
	if int(a) < len(vioActions) {
		return vioActions[a]
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// VioControl (0x76) starts or cancels a test, or switches off.
type VioControl struct{ Action VioAction }

// VioControlReply (0x86) answers a VioControl; what it carries is not
// documented.
type VioControlReply struct{ Data []byte }

// Type of each message.
func (*VioIDRequest) Type() string      { return "vio id request" }
func (*VioID) Type() string             { return "vio id" }
func (*VioStatusRequest) Type() string  { return "vio status request" }
func (*VioStatus) Type() string         { return "vio status" }
func (*VioErrorRequest) Type() string   { return "vio error request" }
func (*VioError) Type() string          { return "vio error" }
func (*VioSettingRequest) Type() string { return "vio setting request" }
func (*VioSetting) Type() string        { return "vio setting" }
func (*VioSettingWrite) Type() string   { return "vio setting write" }
func (*VioSettingWritten) Type() string { return "vio setting written" }
func (*VioButton) Type() string         { return "vio button" }
func (*VioControl) Type() string        { return "vio control" }
func (*VioControlReply) Type() string   { return "vio control reply" }

func splitVio(b []byte) (frame []byte, n int, err error) {
	if len(b) <= len(vioStart) {
		return nil, 0, nil
	}
	length := int(b[len(vioStart)])
	if length == 0 {
		return nil, nextStart(b), fmt.Errorf("%w: length 0", protocol.ErrMalformed)
	}
	n = vioOverhead + length
	if len(b) < n {
		return nil, 0, nil
	}
	if string(b[n-len(vioEnd):n]) != vioEnd {
		return nil, nextStart(b), fmt.Errorf("%w: no end mark after %d bytes", protocol.ErrMalformed, n)
	}
	return b[:n:n], n, nil
}

// readVio reads a frame of dialect V, which cur has begun with, or b, see own. A
// wrong XOR is told before what it made of the fields, but all fields are read for the
// dump.
func (c Codec) readVio(frame []byte, cur *reader, b []byte) (protocol.Message, error) {
	var cmd byte
	if at := len(vioStart) + 1; at < len(frame) {
		cmd = frame[at]
	}
	m := newVio(cur, cmd, b)
	cur.Expect(vioStart, "start")
	length := int(cur.U8("length"))
	if length == 0 && cur.Err() == nil {
		cur.FailAt("length", len(vioStart), fmt.Errorf("%w: 0, but the command is counted", wire.ErrValue))
	}
	off := len(vioStart) + 1 + length // of the XOR
	var sum error
	if cur.Err() == nil && off < len(frame) {
		want, found := checksum.Xor8(frame[len(vioStart):off]), frame[off]
		if found != want && !c.RelaxedChecksum {
			sum = &protocol.ChecksumError{Algorithm: "XOR-8", Offset: off, Found: uint32(found), Expected: uint32(want)}
		}
	}
	cur.U8("command")
	outer := cur.Limit(length-1, "payload")
	readVioPayload(cur, m)
	cur.Restore(outer)
	cur.U8("xor")
	cur.Expect(vioEnd, "end")
	if sum != nil {
		return nil, sum
	}
	return finish(cur, m)
}

// newVio makes the message of a command.
func newVio(cur *reader, cmd byte, b []byte) protocol.Message {
	switch cmd {
	case cmdID:
		return own[VioIDRequest](cur, b)
	case cmdStatus:
		return own[VioStatusRequest](cur, b)
	case cmdError:
		return own[VioErrorRequest](cur, b)
	case cmdSetting:
		return own[VioSettingRequest](cur, b)
	case cmdSettingWrite:
		return own[VioSettingWrite](cur, b)
	case cmdControl:
		return own[VioControl](cur, b)
	case replyID:
		return own[VioID](cur, b)
	case replyStatus:
		return own[VioStatus](cur, b)
	case replyError:
		return own[VioError](cur, b)
	case replySetting:
		return own[VioSetting](cur, b)
	case replySettingWritten:
		return own[VioSettingWritten](cur, b)
	case replyButton:
		return own[VioButton](cur, b)
	case replyControl:
		return own[VioControlReply](cur, b)
	}
	r := own[protocol.Raw](cur, b)
	r.Code = rawCode(cmd)
	return r
}

func readVioPayload(cur *reader, m protocol.Message) {
	switch m := m.(type) {
	case *VioSettingRequest:
		m.Param = VioParam(cur.U8("param"))
	case *VioSettingWrite:
		m.Param, m.Value = VioParam(cur.U8("param")), cur.RestData("value")
	case *VioControl:
		m.Action = VioAction(cur.U8("action"))
	case *VioID:
		m.Hardware, m.HardwareVersion = cur.U8("hardware"), cur.U8("hardware version")
		m.Software, m.SoftwareVersion = cur.U8("software"), cur.U8("software version")
		m.Extra = cur.RestData("extra")
	case *VioStatus:
		b := cur.U8("battery and state")
		m.Battery, m.State = b>>4, VioState(b&0x0F)
		m.Heat = cur.U8("heat count")
		m.BAC = cur.LE16("bac")
		m.Extra = cur.RestData("extra")
	case *VioError:
		m.Code, m.Info, m.Extra = VioErrorCode(cur.U8("code")), cur.U8("info"), cur.RestData("extra")
	case *VioSetting:
		m.Param, m.Value = VioParam(cur.U8("param")), cur.RestData("value")
	case *VioSettingWritten:
		m.Data = cur.RestData("data")
	case *VioButton:
		m.Data = cur.RestData("data")
	case *VioControlReply:
		m.Data = cur.RestData("data")
	case *protocol.Raw:
		m.Data = cur.RestData("payload")
	}
	if n := cur.Len(); n > 0 { // of a request: the others have read all
		cur.Fail("payload", fmt.Errorf("%w: a request with %d bytes too many", wire.ErrValue, n))
	}
}

func appendVio(dst []byte, m protocol.Message) ([]byte, error) {
	switch m := m.(type) {
	case *VioIDRequest:
		return appendVioFrame(dst, cmdID, nil)
	case *VioStatusRequest:
		return appendVioFrame(dst, cmdStatus, nil)
	case *VioErrorRequest:
		return appendVioFrame(dst, cmdError, nil)
	case *VioSettingRequest:
		return appendVioFrame(dst, cmdSetting, nil, byte(m.Param))
	case *VioSettingWrite:
		return appendVioFrame(dst, cmdSettingWrite, m.Value, byte(m.Param))
	case *VioControl:
		return appendVioFrame(dst, cmdControl, nil, byte(m.Action))
	case *VioID:
		return appendVioFrame(dst, replyID, m.Extra, m.Hardware, m.HardwareVersion, m.Software, m.SoftwareVersion)
	case *VioStatus:
		if m.Battery > 0x0F || m.State > 0x0F {
			return dst, unsupported("battery %d and state %d have four bits each", m.Battery, m.State)
		}
		return appendVioFrame(dst, replyStatus, m.Extra, m.Battery<<4|byte(m.State), m.Heat, byte(m.BAC), byte(m.BAC>>8))
	case *VioError:
		return appendVioFrame(dst, replyError, m.Extra, byte(m.Code), m.Info)
	case *VioSetting:
		return appendVioFrame(dst, replySetting, m.Value, byte(m.Param))
	case *VioSettingWritten:
		return appendVioFrame(dst, replySettingWritten, m.Data)
	case *VioButton:
		return appendVioFrame(dst, replyButton, m.Data)
	case *VioControlReply:
		return appendVioFrame(dst, replyControl, m.Data)
	}
	return dst, unsupported("message %T", m)
}

// appendVioFrame appends a frame whose payload is the fixed bytes and then rest.
func appendVioFrame(dst []byte, cmd byte, rest []byte, fixed ...byte) ([]byte, error) {
	n := len(fixed) + len(rest)
	if n > maxPayload {
		return dst, unsupported("payload of %d bytes, at most %d fit", n, maxPayload)
	}
	from := len(dst) + len(vioStart)
	dst = append(dst, vioStart...)
	dst = append(dst, byte(1+n), cmd)
	dst = append(dst, fixed...)
	dst = append(dst, rest...)
	dst = append(dst, checksum.Xor8(dst[from:]))
	return append(dst, vioEnd...), nil
}

func appendRawVio(dst []byte, r *protocol.Raw) ([]byte, error) {
	cmd, ok := parseRawCode(r.Code)
	if !ok {
		return dst, unsupported("raw code %q", r.Code)
	}
	if isVioCommand(cmd) {
		return dst, unsupported("raw code %s has a message of its own", r.Code)
	}
	return appendVioFrame(dst, cmd, r.Data)
}
