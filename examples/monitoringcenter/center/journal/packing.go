package journal

import (
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/sargas-em/em"
)

// A message of packedFrom bytes or more lies in the log as this byte and a block of S2
// of what it else is, where that is shorter: of several reports it takes two fifths,
// and all that copies, sends, writes and syncs a message has so much less to do. What
// repeats in a lone report is little, and is left to the server, which compresses many
// together where it may.
const (
	packedVersion = 3
	packedFrom    = 4 << 10
	mostUnpacked  = 64 << 20 // more than any server of NATS takes as a message
)

// pack returns a message as it is to lie in the log, and room for the next one.
func pack(msg, room []byte) (packed, spare []byte) {
	if len(msg) < packedFrom {
		return msg, room
	}
	if n := 1 + s2.MaxEncodedLen(len(msg)); cap(room) < n {
		room = make([]byte, n)
	}
	room = room[:cap(room)]
	room[0] = packedVersion
	if n := 1 + len(s2.Encode(room[1:], msg)); n < len(msg) {
		return room[:n], room
	}
	return msg, room
}

// unpack returns what pack was given, which may be b itself, or lie in room; errors wrap
// em.ErrState.
func unpack(room *[]byte, b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != packedVersion {
		return b, nil
	}
	n, err := s2.DecodedLen(b[1:])
	if err == nil && n > mostUnpacked {
		err = fmt.Errorf("it says it has %d bytes", n)
	}
	if err == nil {
		b, err = s2.Decode((*room)[:0], b[1:])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: a packed commit: %w", em.ErrState, err)
	}
	*room = b
	return b, nil
}
