package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Results of Registry.Detect that name no device. They come in a *DetectError.
var (
	// ErrUndecided: more bytes may tell.
	ErrUndecided = errors.New("protocol: the dialect is not clear yet")
	// ErrAmbiguous: more than one device says Yes, and more bytes may not tell.
	ErrAmbiguous = errors.New("protocol: the dialect is ambiguous")
	// ErrUnknown: no device speaks like that.
	ErrUnknown = errors.New("protocol: the dialect is unknown")
)

// DetectError says why a stream could not be given to a device.
type DetectError struct {
	Err        error    // ErrUndecided, ErrAmbiguous or ErrUnknown
	Candidates []string // names of the devices that may speak so, in the order of the Registry
	Prefix     []byte   // the bytes that were looked at, where whoever read them is not their owner; owned
	Cause      error    // why there were no more bytes, where they were read; else nil
}

func (e *DetectError) Error() string {
	s := e.Err.Error()
	if len(e.Candidates) > 0 {
		s += " (" + strings.Join(e.Candidates, ", ") + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives Err and, where there is one, Cause.
func (e *DetectError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Cause}
}

// Detect finds the device whose stream begins with prefix, for ports that many
// dialects share. It is the one whose Match is Yes; who says Maybe then stands
// back, for a Yes is said of nothing less than what belongs to a dialect alone.
// Otherwise the error is a *DetectError. It is a function of prefix alone, and
// reads no clock: how long to wait after ErrUndecided, or after ErrAmbiguous for
// bytes that make one of the devices say No, is for whoever reads (tcp.Detect).
func (r *Registry) Detect(prefix []byte) (Device, error) {
	var yes, maybe []string
	var found Device
	for _, d := range r.devices {
		switch d.Match(prefix) {
		case Yes:
			yes, found = append(yes, d.Name), d
		case Maybe:
			maybe = append(maybe, d.Name)
		}
	}
	switch {
	case len(yes) == 1:
		return found, nil
	case len(yes) > 1:
		return Device{}, &DetectError{Err: ErrAmbiguous, Candidates: yes}
	case len(maybe) > 0:
		return Device{}, &DetectError{Err: ErrUndecided, Candidates: maybe}
	}
	return Device{}, &DetectError{Err: ErrUnknown}
}

// Only returns a registry of the named devices alone, in their order here: the
// dialects that one port takes.
func (r *Registry) Only(names ...string) (*Registry, error) {
	for _, n := range names {
		if _, err := r.Device(n); err != nil {
			return nil, fmt.Errorf("protocol: registry: %w", err)
		}
	}
	return NewRegistry(slices.DeleteFunc(r.All(), func(d Device) bool { return !slices.Contains(names, d.Name) })...)
}
