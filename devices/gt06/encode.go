package gt06

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
)

// Append encodes m with a right length and check code. Messages of firmware
// variants, scans, driving alarms, Wi-Fi messages and what is attached are only read: for them, and
// for values that do not fit their fields, the error wraps ErrUnsupported. A Raw
// is sent as it came.
func (Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	if m, ok := m.(*protocol.Raw); ok {
		if m == nil || !isRaw(m) {
			return dst, unsupported("a Raw whose Data is not one frame")
		}
		return append(dst, m.Data...), nil
	}
	n, ok := m.(numbered)
	if !ok {
		return dst, unsupported(fmt.Sprintf("a %T", m))
	}
	h := *n.head()
	out := dst
	switch {
	case h.Bare:
		a, ok := m.(*BareAck)
		switch {
		case !ok || h.Long, h.Code == typeLogin && a.Time != [6]byte{},
			h.Code != typeGPS && h.Code != typeWiFi && h.Code != typeWiFiOffline && h.Code != typeLogin:
			return dst, unsupported("a " + m.Type() + " without serial")
		case h.Code == typeLogin:
			return append(append(out, short, short, 1, h.Code), trailer...), nil
		}
		out = append(out, short, short, 0, h.Code)
		out = append(out, a.Time[:]...)
		return append(out, trailer...), nil
	case h.Long:
		out = append(out, long, long, 0, 0, h.Code)
	default:
		out = append(out, short, short, 0, h.Code)
	}
	at := len(out)
	out, err := appendPayload(out, m)
	if err != nil {
		return dst, err
	}
	size := len(out) - at + overhead
	start := len(dst) + 2
	switch {
	case h.Long && size+4+len(trailer) <= MaxFrame:
		binary.BigEndian.PutUint16(out[start:], uint16(size))
	case !h.Long && size <= math.MaxUint8:
		out[start] = byte(size)
	default:
		return dst, unsupported(fmt.Sprintf("a payload of %d bytes", len(out)-at))
	}
	out = binary.BigEndian.AppendUint16(out, h.Serial)
	out = binary.BigEndian.AppendUint16(out, checksum.X25(out[start:]))
	return append(out, trailer...), nil
}

func unsupported(what string) error {
	return fmt.Errorf("gt06: %w: %s", protocol.ErrUnsupported, what)
}

// isRaw reports whether Data is one frame of an unknown type.
func isRaw(m *protocol.Raw) bool {
	frame, n, err := Codec{}.Split(m.Data)
	if err != nil || frame == nil || n != len(m.Data) {
		return false
	}
	back, err := Codec{RelaxedChecksum: true}.Decode(frame)
	_, raw := back.(*protocol.Raw)
	return err == nil && raw
}

// appendPayload appends the payload of a message whose type code allows it.
func appendPayload(b []byte, m protocol.Message) ([]byte, error) {
	be := binary.BigEndian
	refuse := func(why string) ([]byte, error) { return nil, unsupported("a " + m.Type() + " " + why) }
	switch m := m.(type) {
	case *Ack:
		if m.Code == typeTime && !m.Long {
			return refuse("of a time request, which is answered with the time")
		}
		return b, nil
	case *Login:
		if !validDigits(m.IMEI) || m.Prefix > 9 || m.Code != typeLogin {
			return refuse("without an IMEI of 15 digits")
		}
		bcd, _ := hex.DecodeString(fmt.Sprintf("%d%s", m.Prefix, m.IMEI))
		b = append(b, bcd...)
		if !m.Model.OK && (m.Zone.OK || len(m.Tail) > 1) || !m.Zone.OK && len(m.Tail) > 1 {
			return refuse("with parts missing before others")
		}
		if m.Model.OK {
			b = be.AppendUint16(b, m.Model.V)
		}
		if m.Zone.OK {
			b = be.AppendUint16(b, uint16(m.Zone.V))
		}
		return append(b, m.Tail...), nil
	case *Position:
		return appendPosition(b, m)
	case *Status:
		return appendStatus(b, m)
	case *CellAlarm:
		if m.Code != 0x19 && m.Code != 0xA5 || m.Cell.Length.OK {
			return refuse("of that type")
		}
		b, ok := appendCell(b, &m.Cell, cellLayout{wide: m.Code == 0xA5})
		if b = append(appendState(b, m.State, true), m.Tail...); !ok || m.Code == 0x19 && m.Cell.WideMNC {
			return refuse("whose cell does not fit")
		}
		if m.Code == 0x19 && len(m.Tail) > 4 {
			return refuse("with a tail: that is a scan")
		}
		return b, nil
	case *TimeRequest:
		if m.Code != typeTime {
			return refuse("of that type")
		}
		return b, nil
	case *TimeReply:
		if m.Code != typeTime {
			return refuse("of that type")
		}
		return append(b, m.Clock[:]...), nil
	case *AddressReply:
		if m.Code != typeAddressReply || len(m.Text) > math.MaxUint8-4 {
			return refuse("that is too long")
		}
		return appendFlagged(b, m.Flag, m.Text), nil
	case *Command:
		if m.Code != typeCommand || len(m.Text) > math.MaxUint8-4 {
			return refuse("that is too long")
		}
		b = appendFlagged(b, m.Flag, m.Text)
		if m.Language.OK {
			b = be.AppendUint16(b, m.Language.V)
		}
		return b, nil
	case *Reply:
		return appendReply(b, m)
	case *Info:
		if m.Code != typeInfo || !m.Long && (m.Kind != infoSupply || len(m.Data) < 2) {
			return refuse("whose kind needs a long frame")
		}
		if m.Long {
			b = append(b, m.Kind)
		}
		return append(b, m.Data...), nil
	case *Modular:
		if m.Code != typeModular || !m.Long || len(m.Modules) == 0 || len(m.Tail) > 3 {
			return refuse("that is not long or has no modules")
		}
		for _, p := range m.Modules {
			if len(p.Data) > MaxFrame {
				return refuse("with a module that is too long")
			}
			b = be.AppendUint16(b, p.ID)
			b = append(be.AppendUint16(b, uint16(len(p.Data))), p.Data...)
		}
		return append(b, m.Tail...), nil
	}
	return refuse("is only read")
}

func validDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return len(s) == 15
}

func appendFlagged(b []byte, flag uint32, text string) []byte {
	b = append(b, byte(4+len(text)))
	return append(binary.BigEndian.AppendUint32(b, flag), text...)
}

func appendReply(b []byte, m *Reply) ([]byte, error) {
	switch m.Code {
	case typeReply:
		if len(m.Text) > math.MaxUint8-4 || m.Unicode || !m.Language.OK && len(m.Tail) > 1 {
			return nil, unsupported("a reply that is too long")
		}
		b = appendFlagged(b, m.Flag, m.Text)
		if m.Language.OK {
			b = binary.BigEndian.AppendUint16(b, m.Language.V)
		}
		return append(b, m.Tail...), nil
	case typeReplyLong:
		if !m.Long || m.Language.OK || len(m.Tail) > 0 {
			break
		}
		b = binary.BigEndian.AppendUint32(b, m.Flag)
		if m.Unicode {
			return appendUTF16(append(b, 2), m.Text), nil
		}
		return append(append(b, 1), m.Text...), nil
	}
	return nil, unsupported("a reply of that type")
}

func appendState(b []byte, s State, language bool) []byte {
	b = append(b, s.Flags, s.Voltage, s.Signal, s.Alarm)
	if language {
		b = append(b, s.Language)
	}
	return b
}

func appendStatus(b []byte, m *Status) ([]byte, error) {
	if m.Level.OK || m.Temperature.OK || len(m.Extra) > 0 {
		return nil, unsupported("a status of an OBD plug")
	}
	if m.Code == typeHeartbeat {
		if m.State != (State{Flags: m.State.Flags, Voltage: absent, Signal: m.State.Signal}) ||
			!m.Battery.OK || m.Supply.OK {
			return nil, unsupported("a heartbeat with more than status, voltage and signal")
		}
		b = binary.BigEndian.AppendUint16(append(b, m.State.Flags), m.Battery.V)
		return append(append(b, m.State.Signal), m.Tail...), nil
	}
	supply := m.State.Alarm == alarmIsSupply
	if m.Code != typeStatus || m.Battery.OK || m.Supply.OK != supply || supply && m.Supply.V != 10*uint16(m.State.Language) {
		return nil, unsupported("a status with a voltage besides its own")
	}
	n := stateLen + len(m.Tail)
	if !m.Long && (n == 0x13-overhead || n == 0x15-overhead) {
		return nil, unsupported("a status as long as that of an OBD plug")
	}
	return append(appendState(b, m.State, true), m.Tail...), nil
}

// appendCell appends a cell; ok is false where a number does not fit.
func appendCell(b []byte, c *CellBlock, l cellLayout) (_ []byte, ok bool) {
	be := binary.BigEndian
	mnc2 := c.WideMNC || l.mnc2
	if l.counted != c.Length.OK || c.MCC > 0x7FFF || !mnc2 && c.MNC > 0xFF || c.RSSI.OK {
		return b, false
	}
	if l.counted {
		b = append(b, c.Length.V)
		if c.Length.V == 0 {
			return b, c.Cell == (em.Cell{})
		}
	}
	mcc := c.MCC
	if c.WideMNC {
		mcc |= 0x8000
	}
	b = be.AppendUint16(b, mcc)
	if mnc2 {
		b = be.AppendUint16(b, c.MNC)
	} else {
		b = append(b, byte(c.MNC))
	}
	switch {
	case l.wide:
		return be.AppendUint64(be.AppendUint32(b, c.LAC), c.CID), true
	case l.cid4:
		b = be.AppendUint16(b, uint16(c.LAC))
		return be.AppendUint32(b, uint32(c.CID)), c.LAC <= math.MaxUint16 && c.CID <= math.MaxUint32
	}
	b = be.AppendUint16(b, uint16(c.LAC))
	b = append(b, byte(c.CID>>16), byte(c.CID>>8), byte(c.CID))
	return b, c.LAC <= math.MaxUint16 && c.CID < 1<<24
}

func appendPosition(b []byte, m *Position) ([]byte, error) {
	be := binary.BigEndian
	start := len(b)
	refuse := func(why string) ([]byte, error) { return nil, unsupported("a position " + why) }
	if m.Firmware != FirmwareStandard || m.IMEI != "" || len(m.Extra) > 0 || m.Battery.OK || m.Supply.OK {
		return refuse("of a firmware variant")
	}
	l, _, ok := positionLayout(Header{Code: m.Code, Long: true}, gpsLen)
	if m.Code == 0xA2 {
		l, _, ok = positionLayout(Header{Code: m.Code}, wideAlarmLen)
	}
	if !ok {
		return refuse("of that type")
	}
	g := &m.GPS
	b = append(append(b, g.Clock[:]...), g.Satellites)
	b = be.AppendUint32(be.AppendUint32(b, g.Lat), g.Lng)
	b = be.AppendUint16(append(b, g.Speed), g.Flags)
	switch {
	case m.Cell.OK != l.cell, m.State.OK != l.state, m.Upload.OK != l.upload,
		m.Mileage.OK && !l.upload, m.Altitude.OK && !m.Mileage.OK:
		return refuse("with other parts than its type has")
	}
	if l.cell {
		if b, ok = appendCell(b, &m.Cell.V, l.cellIs); !ok {
			return refuse("whose cell does not fit")
		}
	}
	if l.state {
		b = appendState(b, m.State.V, true)
	}
	if l.upload {
		b = append(b, m.Upload.V.ACC, m.Upload.V.Reason, m.Upload.V.Again)
		if m.Mileage.OK {
			b = be.AppendUint32(b, m.Mileage.V)
		}
		if m.Altitude.OK {
			b = be.AppendUint16(b, uint16(m.Altitude.V))
		}
	}
	b = append(b, m.Tail...)

	// The layout depends on the length, so what was written is read again.
	if back, f, ok := positionLayout(m.Header, len(b)-start); !ok || f != FirmwareStandard || back != l {
		return refuse("as long as a firmware variant")
	}
	return b, nil
}
