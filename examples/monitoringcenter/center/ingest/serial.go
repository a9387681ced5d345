package ingest

import (
	"context"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/serialline"
)

// SerialPort is one serial line with one device on it.
type SerialPort struct {
	Codec    string
	Port     string // "/dev/ttyUSB0"
	Identity string // the device's own, where the dialect carries none
	Baud     int    // the dialect's usual one if 0
}

// serveSerial keeps a serial line open, and opens it again when it fails: a
// breathalyser is unplugged and plugged in.
func (s *Server) serveSerial(ctx context.Context, p SerialPort) error {
	dev, err := s.cfg.Registry.Device(p.Codec)
	if err != nil {
		return err
	}
	baud := p.Baud
	if baud == 0 {
		baud = dev.BaudRate
	}
	for ctx.Err() == nil {
		port, err := serialline.Open(serialline.Config{Port: p.Port, Baud: baud})
		if err == nil {
			// An instrument may be switched off for days: its silence ends nothing.
			s.talk(ctx, &gate{s: s, transport: "serial", name: p.Port, fixed: p.Identity}, dev, port, protocol.Limits{First: -1, Idle: -1})
		} else {
			s.log.Warn("serial line does not open", "codec", p.Codec, "error", err)
		}
		const pause = 2 * time.Second // before the line is tried again
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}
