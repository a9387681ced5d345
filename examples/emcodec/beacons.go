package main

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/blebeacon"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// beaconsName names what Bluetooth beacons advertise, for decode and dissector. It is
// no dialect of a stream, and in no list of those: home units and trackers hear it.
const beaconsName = "blebeacon"

// beacons reads each line as one advertisement, heard by the device of that identity.
func beacons() protocol.Device {
	return protocol.Device{
		Name: beaconsName, Codec: payloads{}, MaxFrame: blebeacon.MaxPayload,
		Sessions: func(c protocol.SessionConfig) protocol.Session { return hearer(c.Identity) },
	}
}

// advertisement is one payload as a message.
type advertisement struct{ blebeacon.Advertisement }

func (advertisement) Type() string { return "advertisement" }

// payloads is the codec of payloads: all of the bytes are one.
type payloads struct{}

func (payloads) Split(b []byte) (frame []byte, n int, err error) {
	if len(b) == 0 {
		return nil, 0, nil
	}
	return b[:len(b):len(b)], len(b), nil
}

func (payloads) Decode(frame []byte) (protocol.Message, error) {
	a, err := blebeacon.Parse(frame)
	if err != nil {
		return nil, err
	}
	return advertisement{a}, nil
}

func (payloads) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	a, spans, err := blebeacon.Dissect(frame)
	if err != nil {
		return nil, spans, err
	}
	return advertisement{a}, spans, nil
}

func (payloads) Append(dst []byte, m protocol.Message) ([]byte, error) {
	return dst, fmt.Errorf("%w: advertisements are read alone", protocol.ErrUnsupported)
}

// hearer is the device that hears advertisements, by its identity.
type hearer string

func (h hearer) Device() em.DeviceID                  { return em.DeviceID(beaconsName + ":" + string(h)) }
func (hearer) Deadline() time.Time                    { return time.Time{} }
func (hearer) Wake(time.Time, *protocol.Output) error { return nil }
func (h hearer) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	a := m.(advertisement)
	for i, b := range a.Contacts(em.Opt[int]{}) {
		out.Observations = append(out.Observations, em.Observation{Device: h.Device(), Part: uint16(i), Body: b})
	}
	return nil
}
