package codectest

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

// hasty is the sample codec with a quick way that does not look at what it skips.
type hasty struct{ sample.Codec }

func (c hasty) Decode(frame []byte) (protocol.Message, error) {
	if bytes.HasPrefix(frame, []byte("#alive,")) && bytes.HasSuffix(frame, []byte("\r\n")) && len(frame) > len("#alive,*00\r\n") {
		return &sample.Alive{Identity: string(frame[len("#alive,") : len(frame)-len("*00\r\n")])}, nil
	}
	return c.Codec.Decode(frame)
}

func TestDifference(t *testing.T) {
	const frame = "#alive,990000000000017*6D\r\n"
	for text, told := range map[string]bool{frame: false, strings.Replace(frame, "*", ",1*", 1): true, strings.Replace(frame, "6D", "6E", 1): true, "#al": false} {
		if d := difference(hasty{}, sample.Codec{}, []byte(text)); (d != "") != told {
			t.Errorf("%q: %s", text, d)
		}
		if d := difference(sample.Codec{}, sample.Codec{}, []byte(text)); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 0))
	found, right := 0, 0
	for range 200 {
		b := variant(rnd, []byte(frame))
		if difference(hasty{}, sample.Codec{}, b) != "" {
			found++
		}
		if string(b) == frame {
			right++
		}
	}
	if found < 50 || right > 50 {
		t.Errorf("of 200 variants %d show the mistake, %d are none", found, right)
	}
}
