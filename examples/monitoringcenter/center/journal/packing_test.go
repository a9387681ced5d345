package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/sargas-em/em"
)

// noise is a message that does not become shorter.
func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	b[0] = commitVersion
	return b
}

// A commit is packed where that pays, and comes back as it was, in the memory of the one
// before.
func TestPack(t *testing.T) {
	var room, unpacked []byte
	for name, c := range map[string]struct {
		msg    []byte
		packed bool
	}{
		"many reports": {benchCommit(t), true},
		"few":          {appendAll(t, commit()), false},
		"noise":        {noise(2 * packedFrom), false},
		"a long one":   {append(noise(packedFrom), make([]byte, 8<<20)...), true},
	} {
		for range 2 {
			var got []byte
			got, room = pack(c.msg, room)
			if packed := got[0] == packedVersion; packed != c.packed || packed && len(got) >= len(c.msg) || !packed && !bytes.Equal(got, c.msg) {
				t.Errorf("%s: packed %t, %d bytes of %d", name, packed, len(got), len(c.msg))
			}
			back, err := unpack(&unpacked, got)
			if err != nil || !bytes.Equal(back, c.msg) {
				t.Errorf("%s: %d bytes of %d come back, %v", name, len(back), len(c.msg), err)
			}
		}
	}
	many := benchCommit(t)
	packed, _ := pack(many, nil)
	if len(packed) > len(many)/2 {
		t.Errorf("%d bytes of %d", len(packed), len(many))
	}
	if got := testing.AllocsPerRun(10, func() {
		packed, room = pack(many, room)
		if _, err := unpack(&unpacked, packed); err != nil {
			t.Fatal(err)
		}
	}); got > 0 {
		t.Errorf("%v allocations", got)
	}
}

// Packed commits are read like others: all, for a device, and in part never.
func TestReadPacked(t *testing.T) {
	b := benchCommit(t)
	packed, _ := pack(b, nil)
	all := Sealed{Seq: 3, data: b}
	for _, s := range []Sealed{{Seq: 3, data: packed}, Sealed{Seq: 3, data: packed}.unpacked()} {
		for _, want := range []func(em.DeviceID) bool{nil, nobody, func(d em.DeviceID) bool { return d == "gt06:990000000000015" }} {
			got, err := s.Open(want)
			if err != nil {
				t.Fatal(err)
			}
			if plain, err := all.Open(want); err != nil || !reflect.DeepEqual(own(got), own(plain)) {
				t.Errorf("%d entries, %v", len(got.Entries), err)
			}
		}
	}
	for n := range packed {
		s := Sealed{Seq: 3, data: packed[:n]}
		if _, err := s.unpacked().Open(nil); !errors.Is(err, em.ErrState) || !errors.Is(err, ErrDamaged) {
			t.Errorf("%d of %d bytes: %v", n, len(packed), err)
		}
	}
	// A message that says that it is larger than any can be, and one packed twice.
	if _, err := unpack(new([]byte), []byte{packedVersion, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0}); !errors.Is(err, em.ErrState) {
		t.Errorf("four gigabytes: %v", err)
	}
	twice, _ := pack(append([]byte{packedVersion}, make([]byte, packedFrom)...), nil)
	if _, err := new(decoder).commit(twice, nil); !errors.Is(err, em.ErrState) {
		t.Errorf("packed twice: %v", err)
	}
}

// The bytes of a packed commit are a format: this one was written down by hand, from
// the description of Snappy's blocks, which S2 reads. It is twelve bytes: version 2,
// the gateway "aaaaaaaaa" and no entries; four of them as they are, and eight copied
// from one byte before.
func TestReadPackedByHand(t *testing.T) {
	for _, text := range []string{
		"03" + "0c" + "08" + "020961" + "11" + "01" + "00" + "00", // a copy with one byte of offset
		"03" + "0c" + "2c" + "0209616161616161616161" + "00",      // all as it is
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := new(decoder).commit(b, nil)
		if err != nil || c.Gateway != "aaaaaaaaa" || len(c.Entries) != 0 {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
}
