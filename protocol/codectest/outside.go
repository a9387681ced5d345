package codectest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Step hands a session or simulator one message, or wakes it where m is nil, and
// returns what it has to say. An error fails the test.
func Step(t testing.TB, s protocol.Session, now time.Time, m protocol.Message) protocol.Output {
	t.Helper()
	var out protocol.Output
	var err error
	if m != nil {
		err = s.Handle(now, m, &out)
	} else {
		err = s.Wake(now, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Edition returns the vectors of one file of real frames, as External does, and
// whether there are as many as the test was written for: counts and line numbers
// mean nothing where there are not, and the log says so.
func Edition(t testing.TB, file string, frames int) (vs []Vector, same bool) {
	t.Helper()
	vs = External(t, file)
	if len(vs) != frames {
		t.Logf("the file has %d frames, not %d: counts and line numbers are not compared", len(vs), frames)
	}
	return vs, len(vs) == frames
}

// Fate decodes bytes that are one frame, and says what they become: a message and
// its type; a *protocol.Raw and "unsupported" with its code; or no message and why:
// "wrong checksum", "field" with its name, "split at" the bytes that were taken, or
// "untyped" and the error, which no codec should give.
func Fate(c protocol.Codec, b []byte) (protocol.Message, string) {
	frame, n, err := c.Split(b)
	if frame == nil || n != len(b) || err != nil {
		return nil, fmt.Sprintf("split at %d: %v", n, err)
	}
	m, err := c.Decode(frame)
	var fe *wire.FieldError
	switch {
	case err == nil:
		return m, m.Type()
	case errors.Is(err, protocol.ErrChecksum):
		return nil, "wrong checksum"
	case errors.As(err, &fe):
		return nil, "field " + fe.Field
	}
	return nil, "untyped " + err.Error()
}

// Fates says what the frames of a file become: how many of them messages of each
// type, and of the others, by their line from 1, what Fate says. Vectors are
// completed: see Whole.
func Fates(t testing.TB, c protocol.Codec, vs []Vector) (types map[string]int, others map[int]string) {
	t.Helper()
	types, others = map[string]int{}, map[int]string{}
	for i, v := range vs {
		m, fate := Fate(c, Whole(c, v))
		if _, raw := m.(*protocol.Raw); m == nil || raw {
			others[i+1] = fate
		} else {
			types[fate]++
		}
		if strings.HasPrefix(fate, "untyped ") {
			t.Errorf("line %d: %s", i+1, fate)
		}
	}
	t.Logf("%d frames: messages %v, others %v", len(vs), types, others)
	return types, others
}

// Hex reads bytes that a test has in hexadecimal; blanks between them mean nothing.
func Hex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
