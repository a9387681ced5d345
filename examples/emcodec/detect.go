package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sargas-em/em/protocol"
)

// longestPrefix is how many bytes of a stream are looked at to find its dialect,
// as tcp.Detector has it.
const longestPrefix = 4096

// detect finds the dialect of a stream that begins with prefix, and says why it
// is that one. more says that more bytes may come: an error that wraps
// protocol.ErrUndecided or protocol.ErrAmbiguous then asks for them.
func (t *tool) detect(prefix []byte, more bool) (protocol.Device, string, error) {
	if len(prefix) == 0 {
		return protocol.Device{}, "", fmt.Errorf("no bytes to tell the dialect by")
	}
	looked := prefix[:min(len(prefix), longestPrefix)]
	dev, err := t.reg.Detect(looked)
	if err == nil {
		why := fmt.Sprintf("the first %d bytes are of this dialect alone", len(looked))
		if others := t.maybe(looked); others != "" {
			why = fmt.Sprintf("the first %d bytes are its own; %s might speak so too, but does not claim them", len(looked), others)
		}
		return dev, why, nil
	}
	var de *protocol.DetectError
	if more || !errors.As(err, &de) {
		return dev, "", err
	}
	if de.Err == protocol.ErrUndecided && len(de.Candidates) == 1 {
		dev, err = t.reg.Device(de.Candidates[0])
		return dev, fmt.Sprintf("no dialect claims the first %d bytes; this one alone may speak so", len(looked)), err
	}
	if len(de.Candidates) > 0 {
		return dev, "", fmt.Errorf("%w: name one with --codec", err)
	}
	return dev, "", err
}

// maybe lists the dialects that may speak so without claiming it.
func (t *tool) maybe(prefix []byte) string {
	var names []string
	for _, d := range t.reg.All() {
		if d.Match(prefix) == protocol.Maybe {
			names = append(names, d.Name)
		}
	}
	return strings.Join(names, ", ")
}
