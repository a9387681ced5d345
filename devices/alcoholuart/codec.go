package alcoholuart

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	frameLen = 9
	start    = 0xFF

	toModule   = 0x01 // byte 1: a command follows in byte 2
	cmdMode    = 0x78
	cmdRead    = 0x86 // also byte 1 of its reply
	gasEthanol = 0x17 // byte 1 of an upload

	maxDecimals = 5 // as many as 65,535 has digits
)

// Codec is the wire format. The zero value is strict.
type Codec struct {
	// RelaxedChecksum takes frames of known types whose check code is wrong.
	RelaxedChecksum bool
}

var (
	_ protocol.Codec     = Codec{}
	_ protocol.Dissector = Codec{}
)

// checked reports whether a frame's check code is right.
func checked(frame []byte) bool { return checksum.Sum8(frame[1:frameLen]) == 0 }

// plausible reports whether a frame begins like one of a known type.
func plausible(frame []byte) bool {
	switch frame[1] {
	case toModule:
		return frame[2] == cmdMode || frame[2] == cmdRead
	case cmdRead, gasEthanol:
		return true
	}
	return false
}

// wrong is the error of a frame whose check code is wrong.
func wrong(frame []byte) *protocol.ChecksumError {
	return &protocol.ChecksumError{
		Algorithm: "NEG-SUM-8", Offset: frameLen - 1,
		Found: uint32(frame[frameLen-1]), Expected: uint32(checksum.NegSum8(frame[1 : frameLen-1])),
	}
}

// Split finds nine bytes with a right check code. An FF without them is skipped
// alone: what follows it may be a frame.
func (c Codec) Split(b []byte) (frame []byte, n int, err error) {
	switch i := bytes.IndexByte(b, start); {
	case i < 0 && len(b) > 0:
		return nil, len(b), protocol.ErrJunk
	case i > 0:
		return nil, i, protocol.ErrJunk
	case len(b) < frameLen:
		return nil, 0, nil
	}
	switch {
	case checked(b), c.RelaxedChecksum && plausible(b):
		return b[:frameLen:frameLen], frameLen, nil
	case c.RelaxedChecksum:
		return nil, 1, protocol.ErrJunk
	}
	return nil, 1, wrong(b)
}

// Decode reads one frame.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	var f wire.Cursor
	f.Begin(frame, memory)
	return c.decode(&f, frame)
}

// Dissect reads one frame and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

func (c Codec) decode(f *wire.Cursor, frame []byte) (protocol.Message, error) {
	if len(frame) != frameLen {
		f.FailAt("start", 0, fmt.Errorf("%w: %d bytes, not %d", protocol.ErrMalformed, len(frame), frameLen))
		return nil, f.Err()
	}
	f.Expect("\xFF", "start")
	m := read(f, frame)
	f.U8("checksum")
	if checked(frame) {
		return protocol.Verdict(f, m, nil, false)
	}
	bad := wrong(frame)
	if frame[0] != start {
		return nil, f.Err()
	}
	return protocol.Verdict(f, m, bad, c.RelaxedChecksum)
}

// read reads what stands between FF and check code.
func read(f *wire.Cursor, frame []byte) protocol.Message {
	switch kind := f.U8("type"); {
	case kind == gasEthanol:
		m := wire.Own[Upload](f)
		m.Unit = Unit(f.U8("unit"))
		if m.Decimals = f.U8("decimals"); m.Decimals > maxDecimals {
			f.FailAt("decimals", 3, fmt.Errorf("%w: %d, above %d", wire.ErrValue, m.Decimals, maxDecimals))
		}
		m.Concentration, m.FullScale = f.U16("concentration"), f.U16("full scale")
		return m
	case kind == cmdRead:
		m := wire.Own[Reply](f)
		m.Mass, m.Reserved, m.Concentration = f.U16("mass"), f.U16("reserved"), f.U16("concentration")
		return m
	case kind == toModule && frame[2] == cmdRead:
		f.U8("command")
		m := wire.Own[Read](f)
		reserved(f, m.Reserved[:])
		return m
	case kind == toModule && frame[2] == cmdMode:
		f.U8("command")
		m := wire.Own[SetMode](f)
		m.Mode = Mode(f.U8("mode"))
		if m.Mode != ModeUpload && m.Mode != ModeAnswer {
			f.FailAt("mode", 3, fmt.Errorf("%w: 0x%02X", wire.ErrValue, uint8(m.Mode)))
		}
		reserved(f, m.Reserved[:])
		return m
	case kind == toModule:
		f.Bytes(6, "data")
		return &protocol.Raw{Code: fmt.Sprintf("0x01 0x%02X", frame[2]), Data: bytes.Clone(frame[1 : frameLen-1])}
	default:
		f.Bytes(6, "data")
		return &protocol.Raw{Code: fmt.Sprintf("0x%02X", kind), Data: bytes.Clone(frame[1 : frameLen-1])}
	}
}

// reserved reads bytes that are zeros in all that is known.
func reserved(f *wire.Cursor, to []byte) { copy(to, f.Bytes(len(to), "reserved")) }

// Append writes one frame. A Raw is written from its Data, the bytes between FF
// and check code.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	b := [frameLen]byte{start}
	switch m := m.(type) {
	case *Upload:
		b[1], b[2], b[3] = gasEthanol, byte(m.Unit), m.Decimals
		binary.BigEndian.PutUint16(b[4:], m.Concentration)
		binary.BigEndian.PutUint16(b[6:], m.FullScale)
	case *Reply:
		b[1] = cmdRead
		binary.BigEndian.PutUint16(b[2:], m.Mass)
		binary.BigEndian.PutUint16(b[4:], m.Reserved)
		binary.BigEndian.PutUint16(b[6:], m.Concentration)
	case *Read:
		b[1], b[2] = toModule, cmdRead
		copy(b[3:], m.Reserved[:])
	case *SetMode:
		b[1], b[2], b[3] = toModule, cmdMode, byte(m.Mode)
		copy(b[4:], m.Reserved[:])
	case *protocol.Raw:
		if len(m.Data) == frameLen-2 {
			copy(b[1:], m.Data)
		}
	default:
		return dst, fmt.Errorf("alcoholuart: %T: %w", m, protocol.ErrUnsupported)
	}
	b[frameLen-1] = checksum.NegSum8(b[1 : frameLen-1])
	// What the fields must not hold is said once, by Decode.
	if back, err := c.Decode(b[:]); err != nil || back.Type() != m.Type() {
		return dst, fmt.Errorf("alcoholuart: %s: %w: a value out of its range (%v)", m.Type(), protocol.ErrUnsupported, err)
	}
	return append(dst, b[:]...), nil
}
