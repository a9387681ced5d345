package codectest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Fuzz feeds hostile streams, starting from the composed vectors, to the codec
// and what decodes to a session. The contract holds for all of them, and a
// message that Append takes decodes again to one of the same type. The first
// byte of the input says into what chunks the rest is cut.
func Fuzz(f *testing.F, k Kit) {
	k = k.withDefaults(inTest(f))
	var stream []byte
	for _, v := range loadComposed(inTest(f), k) {
		b, _ := v.Bytes()
		f.Add(append([]byte{0}, b...))
		stream = append(stream, b...)
	}
	f.Add(append([]byte{1}, stream...))
	f.Fuzz(func(tt *testing.T, in []byte) {
		t := inTest(tt)
		if len(in) < 2 {
			return
		}
		chunks := [][]byte{in[1:]}
		if in[0] > 0 {
			chunks = slices.Collect(slices.Chunk(in[1:], int(in[0])))
		}
		d := k.device(t)
		if completer, ok := k.Device.Codec.(protocol.Completer); ok {
			copied := bytes.Clone(in[1:])
			guard(t, "Complete", copied, func() {
				whole, lacked := completer.Complete(copied)
				if (whole == nil) != (lacked == "") || !bytes.Equal(copied, in[1:]) {
					t.Errorf("Complete of %s gives %s, %q, or changes its input", show(in[1:]), show(whole), lacked)
				}
				feed(t, d, true, whole)
			})
		}
		s := k.session(t)
		now := k.Now
		for _, o := range feed(t, d, true, chunks...) {
			if o.msg == nil {
				continue
			}
			checkReencode(t, d, o)
			now = now.Add(time.Second)
			s.handle(now, o.msg)
			if dl := s.Deadline(); !dl.IsZero() && !dl.After(now) {
				s.wake(now)
			}
		}
	})
}

func checkReencode(t tester, d protocol.Device, o outcome) {
	t.Helper()
	b, err := d.Codec.Append(nil, o.msg)
	if err != nil {
		return
	}
	all := feed(t, d, true, b)
	if len(all) != 1 || all[0].msg == nil || all[0].msg.Type() != o.msg.Type() {
		t.Errorf("a %s of %s is encoded as %s, which gives %v", o.msg.Type(), show(o.frame), show(b), all)
	}
}
