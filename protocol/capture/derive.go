package capture

import (
	"errors"
	"fmt"
	"io"

	"github.com/sargas-em/em/protocol"
)

// Derive makes the reports of all recorded conversations again. start is asked
// once for each connection, with a protocol.NewDerivation for it; nil passes it
// over. A file that was recorded by Link.Tap gives the reports of those links
// byte for byte, in the same order for each connection, with the same
// observations and IDs. Others' files give what the device's bytes say at the
// times of their packets. Connections still open at the end of the file stay
// unfinished. The result is nil at the end of the file, else what start, a
// commit or the file failed with; with ErrCut all that is in the file has been
// derived.
func Derive(r *Reader, start func(*Conn) (*protocol.Derivation, error)) error {
	running := map[*Conn]*protocol.Derivation{} // no more than the Reader has in mind
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Kind == 0 {
			d, err := start(e.Conn)
			if err != nil {
				return fmt.Errorf("capture: derive: %w", err)
			}
			if d != nil {
				running[e.Conn] = d
			}
			continue
		}
		d := running[e.Conn]
		if d == nil || e.FromCenter {
			continue
		}
		if err := d.Take(e.Traffic); err != nil {
			return fmt.Errorf("capture: derive: %w", err)
		}
		if e.Kind == protocol.Ended || e.Kind == protocol.Stopped {
			delete(running, e.Conn)
		}
	}
}
