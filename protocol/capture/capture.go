// Package capture keeps what passed between devices and a center as a file, and
// takes it back: the evidence from which an incident can be derived again.
//
// The file is pcapng, so that Wireshark and tshark open it. What a Link says on
// its Tap becomes packets: TCP and UDP with headers, sequence numbers and check
// sums made up from the connection's addresses, one packet for each read or
// write; a serial line an interface of its own of the link type USER0 (147),
// whose packets are the bare bytes. Times are in nanoseconds; of a received
// packet it is the very instant of Report.Received. What no packet can tell is a
// comment that starts with "sargas-em": the connection's name and codec, and
// when a session was woken.
//
//	w, _ := capture.NewWriter(file)
//	stream, _ := w.Open(time.Now(), capture.InfoOf(conn, link.Name, "gt06"))
//	link.Tap = stream.Tap
//
// A Reader takes such files, and pcap and pcapng files of other tools: Ethernet,
// raw IP, Linux cooked and loopback captures, whose TCP streams it puts together
// again. It gives events in the order of the file, each of one connection. Derive
// makes observations of them; a Replay gives connections that speak again.
//
// Every packet is one Write to the caller's writer, so a file that was cut off
// by a crash reads up to the cut and then says ErrCut. A Writer never buffers: hand it
// a bufio.Writer where speed matters more than the last second.
//
// Captures hold positions of people. Keep them like the observations themselves.
package capture

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/sargas-em/em/protocol"
)

// Errors of this package.
var (
	// ErrCut: the file ends inside a block or packet. What was before it has been
	// given. It is an io.ErrUnexpectedEOF in the wrapping FormatError.
	ErrCut = errors.New("capture: the file is cut off")
	// ErrFormat: the file is no capture, or is damaged.
	ErrFormat = errors.New("capture: not a capture file, or damaged")
	// ErrOpen: a stream with the same addresses is being recorded already.
	ErrOpen = errors.New("capture: these addresses are being recorded already")
	// ErrEnded: the stream has ended.
	ErrEnded = errors.New("capture: the stream has ended")
	// ErrAddr: addresses that no packet can carry.
	ErrAddr = errors.New("capture: no addresses for a packet")
)

// FormatError says where a file stops making sense. It is an ErrFormat or an
// ErrCut.
type FormatError struct {
	Offset int64 // of the block or packet in the file
	What   string
	Err    error // ErrFormat, ErrCut
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d", e.Err, e.What, e.Offset)
}

func (e *FormatError) Unwrap() error { return e.Err }

// Transport is what carried a connection.
type Transport uint8

// Transports.
const (
	Serial Transport = iota // bare bytes: a serial line, or a connection without IP addresses
	TCP
	UDP
)

// String names the transport in lower case.
func (t Transport) String() string {
	switch t {
	case Serial:
		return "serial"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return fmt.Sprintf("Transport(%d)", uint8(t))
}

// Info is the identity of a connection.
type Info struct {
	Transport Transport
	Device    netip.AddrPort // the device's end; not of Serial
	Center    netip.AddrPort // our end; not of Serial
	Name      string         // Link.Name, or the serial port's; empty in others' captures
	Codec     string         // Device.Name; empty in others' captures
	Dialed    bool           // we called the device
}

// InfoOf takes the addresses of a connection where it has such (a *net.TCPConn
// or *net.UDPConn, also under TLS); all else is Serial.
func InfoOf(conn any, name, codec string) Info {
	i := Info{Name: name, Codec: codec}
	c, ok := conn.(interface {
		LocalAddr() net.Addr
		RemoteAddr() net.Addr
	})
	if !ok {
		return i
	}
	switch remote := c.RemoteAddr().(type) {
	case *net.TCPAddr:
		if local, ok := c.LocalAddr().(*net.TCPAddr); ok {
			i.Transport, i.Device, i.Center = TCP, remote.AddrPort(), local.AddrPort()
		}
	case *net.UDPAddr:
		if local, ok := c.LocalAddr().(*net.UDPAddr); ok {
			i.Transport, i.Device, i.Center = UDP, remote.AddrPort(), local.AddrPort()
		}
	}
	return i
}

// Conn is one connection of a capture.
type Conn struct {
	Info
	Number int  // from 1, in the order of the file
	Midway bool // the capture has not seen its beginning
}

// Event is one thing that happened on a connection. Where Kind is zero the
// connection has just begun. Received is from the device, Sent from the center;
// of Lost, Data is empty and Missing counts the bytes.
type Event struct {
	Conn *Conn
	protocol.Traffic
	FromCenter bool // of Lost: it is the center's bytes that are missing
	Packet     int  // the number of the packet in the file, from 1, as Wireshark counts
}
