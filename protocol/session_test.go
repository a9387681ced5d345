package protocol_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

func TestOutput(t *testing.T) {
	var out protocol.Output
	fill := func() {
		out.Observe(device, time.Time{}, &em.Comms{Event: em.CommsLogin})
		out.Observe(device, time.Unix(1, 0).UTC(), &em.Tamper{What: em.TamperCase}).Stored = true
		out.Send = append(out.Send, &sample.Ack{At: 1})
		out.Close = true
	}
	fill()
	if o := out.Observations; len(o) != 2 || o[0].Part != 0 || o[1].Part != 1 || !o[1].Stored || o[1].DeviceAt.Unix() != 1 {
		t.Errorf("observations %+v", o)
	}
	obs, send := out.Observations, out.Send
	out.Reset()
	if len(out.Observations) != 0 || len(out.Send) != 0 || out.Close {
		t.Errorf("after Reset %+v", out)
	}
	if obs[0].Body != nil || send[0] != nil {
		t.Error("Reset keeps what was collected from the garbage collector")
	}
	fill()
	if &out.Observations[0] != &obs[0] || &out.Send[0] != &send[0] {
		t.Error("Reset gives the memory away")
	}
}

func TestErrors(t *testing.T) {
	sum := &protocol.ChecksumError{Algorithm: "XOR-8", Offset: 9, Found: 0x1A, Expected: 0x2B}
	frame := &protocol.FrameError{Offset: 100, Raw: []byte("abc"), Err: sum}
	if !errors.Is(frame, protocol.ErrChecksum) || errors.Is(frame, protocol.ErrMalformed) {
		t.Errorf("%v is of the wrong kind", frame)
	}
	const want = "protocol: wrong checksum: found 0x001a, expected 0x002b (XOR-8) at byte 9 (3 bytes at stream offset 100)"
	if frame.Error() != want {
		t.Errorf("%q, want %q", frame, want)
	}
	if typ := (&protocol.Raw{Code: "0x7B"}).Type(); typ != "unsupported 0x7B" {
		t.Errorf("the type of a Raw is %q", typ)
	}
}
