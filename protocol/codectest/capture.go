package codectest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Captures reads streams as people capture them: of each the bytes in hexadecimal,
// and behind them what becomes of its parts, which is the type of a message, "bad"
// and the field's name, "wrong check code", or "junk" once for all that stands
// together. It reads each whole and byte by byte, and once more between front and
// back, of which the first and the last message, of those types, must come out.
func Captures(t *testing.T, d protocol.Device, front, back []byte, types [2]string, streams map[string][]string) {
	for name, c := range streams {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(c[0])
			if err != nil {
				t.Fatal(err)
			}
			if got := streamFates(d, bytes.NewReader(b)); !slices.Equal(got, c[1:]) {
				t.Errorf("%q, want %q", got, c[1:])
			}
			if got := streamFates(d, iotest.OneByteReader(bytes.NewReader(b))); !slices.Equal(got, c[1:]) {
				t.Errorf("byte by byte %q, want %q", got, c[1:])
			}
			got := streamFates(d, bytes.NewReader(slices.Concat(front, b, back)))
			if len(got) < 2 || got[0] != types[0] || got[len(got)-1] != types[1] {
				t.Errorf("between others %q", got)
			}
		})
	}
}

func streamFates(d protocol.Device, r io.Reader) (all []string) {
	for frames := protocol.NewDecoder(r, d); ; {
		f, err := frames.Next()
		var fe *wire.FieldError
		var ce *protocol.ChecksumError
		fate := ""
		switch {
		case err == nil:
			fate = f.Message.Type()
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return all
		case errors.As(err, &ce):
			fate = "wrong check code"
		case errors.As(err, &fe):
			fate = "bad " + fe.Field
		case errors.Is(err, protocol.ErrJunk), errors.Is(err, protocol.ErrMalformed):
			fate = "junk"
		default:
			return append(all, fmt.Sprintf("%T %v", err, err))
		}
		if fate != "junk" || len(all) == 0 || all[len(all)-1] != fate {
			all = append(all, fate)
		}
	}
}
