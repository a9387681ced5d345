package jt808

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
)

func unsupported(format string, args ...any) error {
	return fmt.Errorf("jt808: %w: %s", protocol.ErrUnsupported, fmt.Sprintf(format, args...))
}

// Append encodes m with a right length and check code. Compact reports,
// attributes, drivers' cards, text reports and encrypted bodies are only read:
// for them, and for values that do not fit their fields, the error wraps
// ErrUnsupported. So it does for bodies above 1,023 bytes: send Parts. A Raw is
// sent as it came.
func (Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	switch m := m.(type) {
	case *Base:
		line := []byte("(" + m.Text + ")")
		if frame, n, err := (Codec{}).Split(line); err != nil || len(frame) != len(line) || n != len(line) || !strings.Contains(m.Text, baseMark) {
			return dst, unsupported("the line %q", m.Text)
		}
		return append(dst, line...), nil
	case *protocol.Raw:
		if m == nil || !isRaw(m) {
			return dst, unsupported("a Raw whose Data is not one frame")
		}
		return append(dst, m.Data...), nil
	}
	hm, ok := m.(headed)
	if !ok {
		return dst, unsupported("a %T", m)
	}
	h := *hm.head()
	body, code, err := body(m, &h)
	if err != nil {
		return dst, err
	}
	if h.Code == 0 {
		h.Code = code
	} else if h.Code != code {
		return dst, unsupported("a %s of type 0x%04X", m.Type(), h.Code)
	}
	_, part := m.(*Part)
	if !part && h.Total|h.Index != 0 || h.Encryption != 0 {
		return dst, unsupported("a %s that is encrypted or a part", m.Type())
	}
	content, err := appendHeader(nil, &h, part, len(body)+len(h.Tail))
	if err != nil {
		return dst, err
	}
	content = append(append(content, body...), h.Tail...)
	content = append(content, checksum.Xor8(content))
	if h.Alternative {
		return appendEscaped(dst, content, altFlag), nil
	}
	return appendEscaped(dst, content, flag), nil
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

func appendHeader(b []byte, h *Header, part bool, size int) ([]byte, error) {
	id, err := hex.DecodeString(h.ID)
	want := 6
	if h.Version.OK {
		want = 10
	} else if h.Alternative {
		want = 7
	}
	switch {
	case err != nil || len(id) != want || h.ID != strings.ToLower(h.ID):
		return nil, unsupported("a terminal's number that is not %d lower-case hexadecimal digits", 2*want)
	case size > lengthMask:
		return nil, unsupported("a body of %d bytes", size)
	case compact(h.Code) && h.Serial > 0xFF:
		return nil, unsupported("a serial above 255")
	}
	attr := uint16(size)
	if part {
		attr |= partBit
	}
	if h.Version.OK {
		attr |= wideBit
	}
	if h.Confirm {
		attr |= confirmBit
	}
	be := binary.BigEndian
	b = be.AppendUint16(be.AppendUint16(b, h.Code), attr)
	if h.Version.OK {
		b = append(b, h.Version.V)
	}
	b = append(b, id...)
	if compact(h.Code) {
		b = append(b, byte(h.Serial))
	} else {
		b = be.AppendUint16(b, h.Serial)
	}
	if part {
		b = be.AppendUint16(be.AppendUint16(b, h.Total), h.Index)
	}
	return b, nil
}

// body returns the body of a message and the type that it must have.
func body(m protocol.Message, h *Header) (b []byte, code uint16, err error) {
	be := binary.BigEndian
	refuse := func(why string) ([]byte, uint16, error) { return nil, 0, unsupported("a %s %s", m.Type(), why) }
	text := func(s string) {
		var ok bool
		if b, ok = appendGBK(b, s); !ok && err == nil {
			err = unsupported("a %s with text outside GBK", m.Type())
		}
	}
	either := func(first, second uint16) uint16 {
		if h.Code == second {
			return second
		}
		return first
	}
	switch m := m.(type) {
	case *Register:
		return bodyOfRegister(m)
	case *Authenticate:
		code = typeAuth
		if m.IMEI == "" && m.Software == "" && !(h.Version.OK && len(m.AuthCode) > 35) {
			text(m.AuthCode)
			return b, code, err
		}
		token, ok := appendGBK(nil, m.AuthCode)
		if !ok || len(token) > 0xFF || !h.Version.OK || strings.HasSuffix(m.AuthCode, "\x00") {
			return refuse("in the form of 2019 without its header, or with a long code")
		}
		b = append(append(b, byte(len(token))), token...)
		if b, ok = appendFixed(b, m.IMEI, 15); ok {
			b, ok = appendFixed(b, m.Software, 20)
		}
		if !ok {
			return refuse("whose fields are too long")
		}
	case *Heartbeat:
		code = typeHeartbeat
		if s := m.State; s.OK {
			b = append(b, s.V.Battery, s.V.Signal, s.V.Status)
		}
	case *Logout:
		code = typeLogout
	case *Location:
		code = typeLocation
		if b, err = appendReport(b, &m.Report); err != nil {
			return refuse("with an item that is cut")
		}
	case *Batch:
		code = either(typeBatch, typeShortBatch)
		if len(m.Broken) > 0 {
			return refuse("with a broken report")
		}
		if code == typeBatch {
			if len(m.Reports) > 0xFFFF {
				return refuse("of too many reports")
			}
			b = append(be.AppendUint16(b, uint16(len(m.Reports))), m.Kind)
		}
		for i := range m.Reports {
			r, e := appendReport(nil, &m.Reports[i])
			if e != nil {
				return refuse("with an item that is cut")
			}
			if code == typeShortBatch && len(r) > 0xFF || len(r) > lengthMask {
				return refuse("with a report that is too long")
			}
			if code == typeBatch {
				b = be.AppendUint16(b, uint16(len(r)))
			} else {
				b = append(b, byte(len(r)))
			}
			b = append(b, r...)
		}
	case *BatteryReport:
		code, b = typeShortBatch, append(append(b, m.Level), m.Clock[:]...)
	case *Transparent:
		code, b = either(typeDownlink, typeTransparent), append(append(b, m.Kind), m.Data...)
	case *Opaque:
		if m.Encryption != 0 {
			return refuse("")
		}
		if code, b = typeVendorData, append(b, m.Data...); unread(h.Code) {
			code = h.Code
		}
	case *LocationReply:
		code = either(typeWhere, typeControlled)
		if b, err = appendReport(be.AppendUint16(b, m.Answered), &m.Report); err != nil {
			return refuse("with an item that is cut")
		}
	case *Media:
		code = either(typeMedia, typeMediaEvent)
		b = append(be.AppendUint32(b, m.ID), m.Kind, m.Format, m.Event, m.Camera)
		if code == typeMedia {
			if len(m.Report.Items)+len(m.Report.Tail) > 0 {
				return refuse("whose position has items")
			}
			b, _ = appendReport(b, &m.Report)
			b = append(b, m.Data...)
		}
	case *MediaReply:
		if code, b = typeMediaReply, be.AppendUint32(b, m.ID); len(m.Parts) > 0xFF {
			return refuse("of too many parts")
		}
		if len(m.Parts) > 0 {
			b = append(b, byte(len(m.Parts)))
		}
		for _, p := range m.Parts {
			b = be.AppendUint16(b, p)
		}
	case *ServerTime:
		code, b = typeTimeIs, append(b, m.Clock[:]...)
	case *TimeRequest:
		code = either(typeTimeRequest, typeServerTime)
	case *TimeReply:
		code, b = typeTimeReply, append(be.AppendUint16(b, m.Year), m.Month, m.Day, m.Hour, m.Minute, m.Second)
	case *Reply:
		code = either(typePlatformReply, typeReply)
		b = append(be.AppendUint16(be.AppendUint16(b, m.Answered), m.AnsweredCode), m.Result)
	case *RegisterReply:
		code, b = typeRegisterReply, append(be.AppendUint16(b, m.Answered), m.Result)
		text(m.AuthCode)
	case *CompactReply:
		code, b = typeCompactReply, append(be.AppendUint16(b, m.AnsweredCode), m.Result)
	case *Resend:
		code, b = either(typePlatformAsks, typeResend), be.AppendUint16(b, m.First)
		switch n := len(m.Parts); {
		case n > lengthMask/2 || !h.Version.OK && n > 0xFF:
			return refuse("of too many parts")
		case h.Version.OK:
			b = be.AppendUint16(b, uint16(n))
		default:
			b = append(b, byte(n))
		}
		for _, p := range m.Parts {
			b = be.AppendUint16(b, p)
		}
	case *Parameters:
		if code = either(typeParameters, typeSettled); code == typeSettled {
			b = be.AppendUint16(b, m.Answered)
		}
		if len(m.List) > 0xFF {
			return refuse("of too many")
		}
		b = append(b, byte(len(m.List)))
		for _, p := range m.List {
			if len(p.Value) > 0xFF {
				return refuse("with a value that is too long")
			}
			b = append(append(be.AppendUint32(b, p.ID), byte(len(p.Value))), p.Value...)
		}
	case *Control:
		code, b = typeControl, append(b, m.Command)
		text(m.Args)
	case *Text:
		code, b = typeText, append(b, m.Flags)
		if h.Version.OK {
			b = append(b, m.Kind)
		} else if m.Kind != 0 {
			return refuse("of a kind, without a header of 2019")
		}
		text(m.Text)
	case *Settings:
		code = typeSettings
		if len(m.List) > 0xFF {
			return refuse("of too many")
		}
		if b, err = AppendItems(append(b, byte(len(m.List))), m.List...); err != nil {
			return refuse("with a value that is too long")
		}
	case *Part:
		code, b = h.Code, append(b, m.Data...)
	default:
		return refuse("")
	}
	return b, code, err
}

func bodyOfRegister(m *Register) ([]byte, uint16, error) {
	be := binary.BigEndian
	b := be.AppendUint16(be.AppendUint16(nil, m.Province), m.City)
	maker, model, terminal := registerSizes(m.Edition)
	for _, t := range []struct {
		text string
		size int
	}{{m.Maker, maker}, {m.Model, model}, {m.Terminal, terminal}} {
		var ok bool
		if b, ok = appendFixed(b, t.text, t.size); !ok {
			return nil, 0, unsupported("a register of %d whose fields are too long", m.Edition)
		}
	}
	b, ok := appendGBK(append(b, m.Colour), m.Plate)
	wide := m.Version.OK
	switch n := len(b); {
	case !ok:
		return nil, 0, unsupported("a register with a plate outside GBK")
	case m.Edition == 2011 && n < register2013, m.Edition == 2013 && !(wide && n >= register2019), m.Edition == 2019 && wide:
		return b, typeRegister, nil
	}
	return nil, 0, unsupported("a register of %d with that header or plate", m.Edition)
}

// appendFixed appends text in GBK, filled up with zeros to size bytes.
func appendFixed(b []byte, text string, size int) ([]byte, bool) {
	n := len(b)
	b, ok := appendGBK(b, text)
	if !ok || len(b)-n > size {
		return b, false
	}
	return append(b, make([]byte, size-(len(b)-n))...), true
}

func appendReport(b []byte, r *Report) ([]byte, error) {
	be := binary.BigEndian
	for _, v := range []uint32{r.Alarm, r.Status, r.Lat, r.Lng} {
		b = be.AppendUint32(b, v)
	}
	for _, v := range []uint16{uint16(r.Altitude), r.Speed, r.Course} {
		b = be.AppendUint16(b, v)
	}
	if r.Items.whole() != len(r.Items) {
		return b, unsupported("an item that is cut")
	}
	return append(append(append(b, r.Clock[:]...), r.Items...), r.Tail...), nil
}

// AppendItems appends items as they are sent. An error, which wraps
// protocol.ErrUnsupported, tells of one above 255 bytes.
func AppendItems(dst Items, items ...Item) (Items, error) {
	for _, i := range items {
		if len(i.Data) > 0xFF {
			return dst, unsupported("an item of %d bytes", len(i.Data))
		}
		dst = append(append(dst, i.ID, byte(len(i.Data))), i.Data...)
	}
	return dst, nil
}
