package main

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
)

// recorder keeps what passes on a device's connections: what it sends as JSON
// lines, or both directions as a capture. Its zero value keeps nothing.
type recorder struct {
	lines   io.Writer
	capture *capture.Writer
	info    capture.Info // but for the addresses
	device  netip.AddrPort

	conn   int // number of the connection, from 1
	stream *capture.Stream
}

// sentBytes is one line of a record.
type sentBytes struct {
	At   time.Time `json:"at"` // of the scenario
	Conn int       `json:"conn"`
	Hex  string    `json:"hex"`
}

// place is what stands for the n-th device's address in a capture, for the system
// draws ports as it likes and a seed gives the same packets.
func place(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)}), 10_000)
}

// open begins the record of the next connection, at a time of the scenario.
func (r *recorder) open(at time.Time, c conn) (err error) {
	r.conn++
	if r.capture == nil {
		return nil
	}
	info := r.info
	if info.Transport != capture.Serial {
		info.Device = r.device
		if end, ok := c.(net.Conn); ok {
			info.Center = addrPort(end.RemoteAddr())
		}
	}
	r.stream, err = r.capture.Open(at, info)
	return err
}

// addrPort is an address of TCP or UDP.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort()
	case *net.UDPAddr:
		return a.AddrPort()
	}
	return netip.AddrPort{}
}

// sent keeps bytes before they go.
func (r *recorder) sent(at time.Time, b []byte) error {
	if r.lines != nil {
		return json.NewEncoder(r.lines).Encode(sentBytes{at, r.conn, hex.EncodeToString(b)})
	}
	return r.tap(protocol.Traffic{At: at, Kind: protocol.Received, Data: b})
}

// heard keeps what the center says.
func (r *recorder) heard(at time.Time, b []byte) error {
	return r.tap(protocol.Traffic{At: at, Kind: protocol.Sent, Data: b})
}

// end ends the record of a connection.
func (r *recorder) end(at time.Time) error {
	err := r.tap(protocol.Traffic{At: at, Kind: protocol.Ended})
	r.stream = nil
	return err
}

func (r *recorder) tap(t protocol.Traffic) error {
	if r.stream == nil {
		return nil
	}
	return r.stream.Tap(t)
}
