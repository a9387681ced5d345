package eview

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	mark    = 0xAB
	headLen = 1 + 1 + 2 + 2 + 2
	// maxBody bounds a body in bytes. Known devices send up to 1.4 KB.
	maxBody = 4096
)

// MaxFrame is the longest frame in bytes.
const MaxFrame = headLen + maxBody

// The bits of the properties.
const (
	propAck     = 1 << 4
	propEncrypt = 7 << 5
)

// Commands of a packet.
const (
	CommandData          = 0x01
	CommandConfiguration = 0x02
	CommandServices      = 0x03
	CommandControl       = 0x04
	CommandFirmware      = 0x7E
	CommandResponse      = 0x7F
)

var commandNames = [1 << 8]string{
	CommandData: "data", CommandConfiguration: "configuration", CommandServices: "services",
	CommandControl: "control", CommandFirmware: "firmware", CommandResponse: "response",
}

// Packet is a frame of a known command: all of them have records.
type Packet struct {
	// Properties: bit 4 asks for an acknowledgement, bits 5 to 7 are taken for
	// encryption and not set in a Packet.
	Properties uint8
	Serial     uint16
	Command    uint8
	Records    []Record

	// BadCheck is set where the relaxed codec took a wrong check code.
	BadCheck bool
}

// Record is one value of a packet. What it means depends on the command.
type Record struct {
	Key   uint8
	Value []byte // little-endian; at most 254 bytes
}

// Type is the name of the command.
func (p *Packet) Type() string { return commandNames[p.Command] }

// WantsAck reports whether the sender asks for an acknowledgement.
func (p *Packet) WantsAck() bool { return p.Properties&propAck != 0 }

// Codec reads and writes frames:
//
//	AB  properties(1)  length(2)  check(2)  serial(2)  body
//
// The check code is CRC-16/XMODEM over the body, which the length counts. The
// zero value is strict.
type Codec struct {
	// RelaxedChecksum takes frames whose check code is wrong; the Packet then has
	// BadCheck set.
	RelaxedChecksum bool
}

// Split finds the next frame. A length above what any device sends is junk.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if len(b) == 0 {
		return nil, 0, nil
	}
	if b[0] != mark {
		if n = bytes.IndexByte(b, mark); n < 0 {
			n = len(b)
		}
		return nil, n, protocol.ErrJunk
	}
	if len(b) < 4 {
		return nil, 0, nil
	}
	size := int(binary.LittleEndian.Uint16(b[2:]))
	if size == 0 || size > maxBody {
		if n = bytes.IndexByte(b[1:], mark) + 1; n == 0 {
			n = len(b)
		}
		if size > maxBody {
			return nil, n, fmt.Errorf("eview: %w: a body of %d bytes", protocol.ErrFrameTooLong, size)
		}
		return nil, n, fmt.Errorf("eview: %w: an empty body", protocol.ErrMalformed)
	}
	if n = headLen + size; n > len(b) {
		return nil, 0, nil
	}
	return b[:n:n], n, nil
}

// Decode reads a frame. One of an unknown command, or that is encrypted, becomes
// a *protocol.Raw with the whole frame as Data, because the acknowledgement needs
// its head. Errors are a *wire.FieldError or a *protocol.ChecksumError.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	return c.DecodeReuse(frame, nil)
}

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	var f wire.Cursor
	f.Begin(frame, memory)
	m, wrong := read(&f, frame)
	return protocol.Verdict(&f, m, wrong, c.RelaxedChecksum)
}

// Dissect is Decode with a span for every byte.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// read reads a frame; wrong is its wrong check code, if it is.
func read(f *wire.Cursor, frame []byte) (m protocol.Message, wrong error) {
	f.Expect("\xAB", "mark")
	p, records := wire.OwnList[Packet, Record](f, count(frame))
	p.Properties = f.U8("properties")
	at := f.Pos()
	if size := int(f.LE16("length")); f.Err() == nil && size != len(frame)-headLen {
		f.FailAt("length", at, fmt.Errorf("%w: says %d, the body has %d", wire.ErrValue, size, len(frame)-headLen))
	}
	at = f.Pos()
	found := f.LE16("crc")
	if f.Err() != nil {
		return nil, nil
	}
	want := checksum.XModem(frame[headLen:])
	if found != want {
		p.BadCheck = true
		wrong = &protocol.ChecksumError{Algorithm: "CRC-16/XMODEM", Offset: at, Found: uint32(found), Expected: uint32(want)}
	}
	p.Serial = f.LE16("serial")
	if p.Properties&propEncrypt != 0 {
		f.Rest("encrypted body")
		return &protocol.Raw{Code: "encrypted", Data: slices.Clone(frame)}, wrong
	}
	p.Command = f.U8("command")
	if commandNames[p.Command] == "" {
		f.Rest("body")
		return &protocol.Raw{Code: fmt.Sprintf("0x%02X", p.Command), Data: slices.Clone(frame)}, wrong
	}
	for f.Len() > 0 {
		at = f.Pos()
		n := int(f.U8("record length"))
		if n == 0 {
			f.FailAt("record length", at, fmt.Errorf("%w: 0, a record has a key", wire.ErrValue))
		}
		r := Record{Key: f.U8("key")}
		if n > 1 {
			r.Value = f.Data(n-1, "value")
		}
		records = append(records, r)
		p.Records = records
	}
	return p, wrong
}

// count returns how many records a frame has at most.
func count(frame []byte) (n int) {
	if len(frame) <= headLen {
		return 0
	}
	for b := frame[headLen+1:]; len(b) > 0; n++ {
		b = b[min(1+int(b[0]), len(b)):]
	}
	return n
}

// Append encodes a Packet, with a right check code. One whose command is unknown
// or whose records do not fit is an error that wraps protocol.ErrUnsupported. A
// Raw is sent as it came.
func (Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	switch m := m.(type) {
	case *Packet:
		return m.append(dst)
	case *protocol.Raw:
		if m != nil && isRaw(m) {
			return append(dst, m.Data...), nil
		}
		return dst, unsupported("a Raw whose Data is not one frame")
	}
	return dst, unsupported("a %T", m)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("eview: %w: %s", protocol.ErrUnsupported, fmt.Sprintf(format, args...))
}

func (p *Packet) append(dst []byte) ([]byte, error) {
	if commandNames[p.Command] == "" || p.Properties&propEncrypt != 0 {
		return dst, unsupported("a packet of command 0x%02X and properties 0x%02X", p.Command, p.Properties)
	}
	body := []byte{p.Command}
	for _, r := range p.Records {
		if len(r.Value) > 0xFF-1 {
			return dst, unsupported("a record of %d bytes", len(r.Value))
		}
		body = append(append(body, byte(1+len(r.Value)), r.Key), r.Value...)
	}
	if len(body) > maxBody {
		return dst, unsupported("a body of %d bytes", len(body))
	}
	le := binary.LittleEndian
	dst = le.AppendUint16(append(dst, mark, p.Properties), uint16(len(body)))
	dst = le.AppendUint16(le.AppendUint16(dst, checksum.XModem(body)), p.Serial)
	return append(dst, body...), nil
}

// isRaw reports whether Data is one frame that Decode does not read.
func isRaw(m *protocol.Raw) bool {
	frame, n, err := Codec{}.Split(m.Data)
	if err != nil || frame == nil || n != len(m.Data) {
		return false
	}
	back, err := Codec{RelaxedChecksum: true}.Decode(frame)
	_, raw := back.(*protocol.Raw)
	return err == nil && raw
}

// keyRead asks for all of the configuration.
const keyRead = 0xF0

// ReadConfiguration returns the packet that asks a device for its configuration.
func ReadConfiguration(serial uint16) *Packet {
	return &Packet{Serial: serial, Command: CommandConfiguration, Records: []Record{{Key: keyRead}}}
}

// WriteConfiguration returns the packet that sets values of the configuration.
func WriteConfiguration(serial uint16, values ...Record) *Packet {
	return &Packet{Serial: serial, Command: CommandConfiguration, Records: values}
}

const keyFirmwareURL = 0x30

// UpdateFirmware returns the packet that makes a device fetch its firmware.
func UpdateFirmware(serial uint16, url string) *Packet {
	return &Packet{Serial: serial, Command: CommandControl, Records: []Record{{keyFirmwareURL, []byte(url)}}}
}
