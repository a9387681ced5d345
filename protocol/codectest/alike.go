package codectest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"

	"github.com/sargas-em/em/protocol"
)

// Alike holds a codec that has a quick way for the frames that are as most are, and a
// general one for all, to both saying the same: quick is the codec as it is, general the
// same without its shortcuts. It splits and decodes with both usual, the frames that the
// quick way is for, the composed and the outside vectors, and some hundred variants of
// them (with EM_ALIKE so many), most of which are wrong in some place. taken reports
// whether the quick way decodes a frame: it must decode those of usual. seal, which may
// be nil, puts the right check code into a variant, if it has a place for one: half of
// them get it.
func Alike(t *testing.T, k Kit, quick, general protocol.Codec, taken func(frame []byte) bool, seal func(frame []byte), usual ...[]byte) {
	t.Helper()
	k = k.withDefaults(inTest(t))
	var frames [][]byte
	for _, frame := range usual {
		if !taken(frame) {
			t.Errorf("the quick way is not for %q", frame)
		}
		frames = append(frames, frame)
	}
	for _, v := range loadComposed(inTest(t), k) {
		b, _ := v.Bytes()
		frames = append(frames, b)
	}
	for _, file := range k.External {
		for _, v := range outside(inTest(t), file) {
			if _, err := v.Bytes(); err != nil {
				t.Fatal(err)
			}
			frames = append(frames, Whole(k.Device.Codec, v))
		}
	}
	const seed = 1
	rnd := rand.New(rand.NewPCG(seed, 0))
	variants := 600
	if n, err := strconv.Atoi(os.Getenv("EM_ALIKE")); err == nil {
		variants = n
	}
	variants = max(variants/len(frames), 10)
	for i, frame := range frames {
		for n := range variants {
			b := frame
			for range min(n, 1+n%3) { // at first the frame as it is
				b = variant(rnd, b)
			}
			if seal != nil && n%2 == 1 {
				b = bytes.Clone(b)
				seal(b)
			}
			if d := difference(quick, general, b); d != "" {
				t.Fatalf("frame %d, variant %d of seed %d: %s", i, n, seed, d)
			}
		}
	}
}

// difference says what two codecs do not read alike in b.
func difference(x, y protocol.Codec, b []byte) string {
	frameX, nX, errX := x.Split(b)
	frameY, nY, errY := y.Split(b)
	if !bytes.Equal(frameX, frameY) || nX != nY || fmt.Sprint(errX) != fmt.Sprint(errY) {
		return fmt.Sprintf("%q splits into %q, %d, %v; in general into %q, %d, %v", b, frameX, nX, errX, frameY, nY, errY)
	}
	for _, frame := range [][]byte{b, frameX} {
		mX, errX := x.Decode(frame)
		mY, errY := y.Decode(frame)
		if !reflect.DeepEqual(mX, mY) || fmt.Sprint(errX) != fmt.Sprint(errY) {
			return fmt.Sprintf("%q is %+v, %v; in general %+v, %v", frame, mX, errX, mY, errY)
		}
	}
	return ""
}

// variant changes one place of b, which stays as it is.
func variant(rnd *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return []byte{byte(rnd.Uint32())}
	}
	const signs = ",,.--+0059AVSfZ ;!*$#&=\"{}[]/\r\n\x00\x7F\x80\xFF"
	i := rnd.IntN(len(b))
	out := bytes.Clone(b)
	switch rnd.IntN(8) {
	case 0, 1: // another digit for a digit, which is mostly right again
		for k := range len(out) {
			if at := (i + k) % len(out); out[at] >= '0' && out[at] <= '9' {
				out[at] = '0' + byte(rnd.IntN(10))
				break
			}
		}
	case 2:
		out[i] = signs[rnd.IntN(len(signs))]
	case 3:
		out[i] = byte(rnd.Uint32())
	case 4:
		out = append(out[:i], b[i+1:]...)
	case 5:
		out = append(append(out[:i], signs[rnd.IntN(len(signs))]), b[i:]...)
	case 6: // a stretch twice, or not at all
		j := min(len(b), i+1+rnd.IntN(12))
		if rnd.IntN(2) == 0 {
			out = append(out[:j], b[i:]...)
		} else {
			out = append(out[:i], b[j:]...)
		}
	case 7: // a field without its text, or with that of the next
		fields := bytes.Split(b, []byte(","))
		f := rnd.IntN(len(fields))
		fields[f] = nil
		if rnd.IntN(2) == 0 && f+1 < len(fields) {
			fields[f] = fields[f+1]
		}
		out = bytes.Join(fields, []byte(","))
	}
	return out
}
