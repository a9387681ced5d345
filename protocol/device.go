package protocol

import (
	"fmt"
	"slices"
)

// Match says whether a stream may belong to a device.
type Match uint8

// Answers of Device.Match.
const (
	No Match = iota
	Maybe
	Yes
)

// SessionConfig is what a conversation cannot learn from the wire.
type SessionConfig struct {
	// Identity is the device's own identity where the connection is known to be
	// its (a serial port) and the dialect does not carry one. A dialect that
	// carries one ignores it.
	Identity string
}

// Device is one dialect as a value: fill it in, list it in devices.All.
type Device struct {
	Name      string // the codec's name in commands and DeviceIDs: lower-case letters and digits
	Title     string // what people call it
	Codec     Codec
	Relaxed   Codec  // like Codec, but takes frames with a wrong checksum; nil where there is none to relax
	MaxFrame  int    // bytes; a stream buffers no more
	Shared    string // bytes that end a frame and may begin the next one at once; none of them is 0
	Serial    bool   // spoken over serial lines too
	BaudRate  int    // usual one, where Serial
	Datagrams bool   // spoken over UDP too, each datagram one frame
	Sessions  func(SessionConfig) Session
	Simulator func(identity string, seed uint64) (Simulator, error) // identity in the dialect's own form
	Match     func(prefix []byte) Match                             // for shared ports
	Commands  []CommandKind                                         // what Link.Command can tell it; its sessions are Commanders where there are any
}

// NewSession starts a conversation in which the dialect carries the identity.
func (d Device) NewSession() Session { return d.Sessions(SessionConfig{}) }

// Relax returns the device with its relaxed codec, or as it is where it has none.
func (d Device) Relax() Device {
	if d.Relaxed != nil {
		d.Codec = d.Relaxed
	}
	return d
}

// Registry is a fixed list of devices with distinct names, ready for look-up.
type Registry struct{ devices []Device }

// NewRegistry checks that each device is complete and no name comes twice.
func NewRegistry(devices ...Device) (*Registry, error) {
	seen := map[string]bool{}
	for i, d := range devices {
		switch {
		case d.Name == "":
			return nil, fmt.Errorf("protocol: device %d has no name", i)
		case seen[d.Name]:
			return nil, fmt.Errorf("protocol: device %q is listed twice", d.Name)
		case d.Codec == nil || d.Sessions == nil || d.Match == nil || d.Simulator == nil:
			return nil, fmt.Errorf("protocol: device %q is incomplete: it needs Codec, Sessions, Simulator and Match", d.Name)
		case d.MaxFrame <= 0:
			return nil, fmt.Errorf("protocol: device %q has no MaxFrame", d.Name)
		}
		seen[d.Name] = true
	}
	return &Registry{slices.Clone(devices)}, nil
}

// Device returns the device of that name; the error lists the names there are.
func (r *Registry) Device(name string) (Device, error) {
	names := make([]string, len(r.devices))
	for i, d := range r.devices {
		if d.Name == name {
			return d, nil
		}
		names[i] = d.Name
	}
	return Device{}, fmt.Errorf("protocol: no codec %q; there are %v", name, names)
}

// All returns the devices in the order of their listing.
func (r *Registry) All() []Device { return slices.Clone(r.devices) }
