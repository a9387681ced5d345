// Package serialline opens serial ports as the connections that a
// protocol.Link drives, and pairs of pseudo-terminals that stand in for them.
//
// It is the only package that imports go.bug.st/serial.
package serialline

import (
	"fmt"
	"io"
	"slices"

	"go.bug.st/serial"
)

// Parity says how the parity bit is made.
type Parity string

// Parities. The zero value is ParityNone.
const (
	ParityNone Parity = "none"
	ParityOdd  Parity = "odd"
	ParityEven Parity = "even"
)

// Config names a port and says how its line runs. Only Port is required.
type Config struct {
	Port     string // "/dev/ttyUSB0", "COM3"
	Baud     int    // bits a second; 9600 where zero
	DataBits int    // 5 to 8; 8 where zero
	Parity   Parity // ParityNone where empty
	StopBits int    // 1 or 2; 1 where zero
}

// mode checks the configuration.
func (c Config) mode() (*serial.Mode, error) {
	if c.Port == "" {
		return nil, fmt.Errorf("serialline: no port named")
	}
	bad := func(what string, v any, want string) (*serial.Mode, error) {
		return nil, fmt.Errorf("serialline: %s: %s is %v, not %s", c.Port, what, v, want)
	}
	m := &serial.Mode{BaudRate: c.Baud, DataBits: c.DataBits}
	if m.BaudRate == 0 {
		m.BaudRate = 9600
	}
	if m.BaudRate < 50 || m.BaudRate > 4_000_000 { // the range of termios
		return bad("Baud", c.Baud, "50 to 4000000")
	}
	if m.DataBits == 0 {
		m.DataBits = 8
	}
	if m.DataBits < 5 || m.DataBits > 8 {
		return bad("DataBits", c.DataBits, "5 to 8")
	}
	switch c.Parity {
	case "", ParityNone:
		m.Parity = serial.NoParity
	case ParityOdd:
		m.Parity = serial.OddParity
	case ParityEven:
		m.Parity = serial.EvenParity
	default:
		return bad("Parity", c.Parity, "none, odd or even")
	}
	switch c.StopBits {
	case 0, 1:
		m.StopBits = serial.OneStopBit
	case 2:
		m.StopBits = serial.TwoStopBits
	default:
		return bad("StopBits", c.StopBits, "1 or 2")
	}
	return m, nil
}

// Open opens a port for one reader and one writer, in raw mode, without flow
// control and for this process alone. A Read ends when bytes come, when the
// port is unplugged, or with Close; there is no timeout. On Linux the result
// has read and write deadlines, so that a Link needs no second goroutine.
func Open(c Config) (io.ReadWriteCloser, error) {
	m, err := c.mode()
	if err != nil {
		return nil, err
	}
	line, err := open(c.Port, m)
	if err != nil {
		return nil, fmt.Errorf("serialline: %s: %w", c.Port, err)
	}
	return line, nil
}

// Ports lists the ports of this machine, sorted.
func Ports() ([]string, error) {
	ports, err := serial.GetPortsList()
	if err != nil {
		return nil, fmt.Errorf("serialline: %w", err)
	}
	slices.Sort(ports)
	return ports, nil
}
