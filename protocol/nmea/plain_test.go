package nmea

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sargas-em/em/protocol/wire"
)

// TestPlain: what a Plain function reads is what the Read function does with the same
// bytes, and it takes the usual form of its field.
func TestPlain(t *testing.T) {
	fields := []struct {
		usual string
		plain func(text string, at int) (any, int)
		read  func(c *wire.Cursor) any
	}{
		{`[ A-Za-z0-9.:_-]{0,9}`, func(s string, at int) (any, int) { v, n := PlainText(s, at); return v, n },
			func(c *wire.Cursor) any { return ReadText(c, "f") }},
		{`(-?[0-9]{1,9}(\.[0-9]{1,6})?)?`, func(s string, at int) (any, int) { v, n := PlainNumber([]byte(s), at); return v, n },
			func(c *wire.Cursor) any { return ReadNumber(c, "f") }},
		{`[0-9]{0,6}`, func(s string, at int) (any, int) { v, n := PlainUint[uint32](([]byte)(s), at, 999_999); return v, n },
			func(c *wire.Cursor) any { return ReadUint[uint32](c, "f", 999_999) }},
		{`[0-9A-Fa-f]{0,4}`, func(s string, at int) (any, int) { v, n := PlainHex[uint16]([]byte(s), at, 0xFFFF); return v, n },
			func(c *wire.Cursor) any { return ReadHex[uint16](c, "f", 0xFFFF) }},
		{`[AV]`, func(s string, at int) (any, int) { v, n := PlainLetter([]byte(s), at, 'A', 'V'); return v, n },
			func(c *wire.Cursor) any { return ReadLetter(c, "f", "AV", false) }},
		{`[0-8][0-9][0-5][0-9]\.[0-9]{1,8},[NS]`, func(s string, at int) (any, int) { v, n := PlainCoord([]byte(s), at, Latitude); return v, n },
			func(c *wire.Cursor) any { return ReadCoord(c, Latitude, "f") }},
		{`([01][0-9]|2[0-3])([0-5][0-9]){2}(\.[0-9]{1,3})?`, func(s string, at int) (any, int) { v, n := PlainClock([]byte(s), at); return v, n },
			func(c *wire.Cursor) any { return ReadClock(c, "f").V }},
		{`(0[1-9]|1[0-9]|2[0-8])(0[1-9]|1[0-2])[0-9]{2}|000000`, func(s string, at int) (any, int) { v, n := PlainDay([]byte(s), at); return v, n },
			func(c *wire.Cursor) any { return ReadDate(c, "f") }},
	}
	rapid.Check(t, func(t *rapid.T) {
		const before = "1,"
		behind := rapid.SampledFrom([]string{"", ",", ",7"}).Draw(t, "behind")
		other := rapid.SampledFrom([]string{"", "1", "-", ".", "1.", ".5", "-.5", "1.2.3", "a", "*", ";", " ", "\x80", "99999999999999999999", "9000.0,N", "310226"}).Draw(t, "other")
		for i, f := range fields {
			usual := before + rapid.StringMatching(f.usual).Draw(t, "field") + behind
			for _, text := range []string{usual, before + other + behind, usual + other} {
				got, next := f.plain(text, len(before))
				if next == Odd {
					if text == usual {
						t.Fatalf("%d: %q is odd", i, text)
					}
					continue
				}
				if next != len(text)+1 && (next > len(text) || text[next-1] != ',') {
					t.Fatalf("%d: behind the field of %q comes byte %d", i, text, next)
				}
				c := wire.New([]byte(text[:next-1]))
				c.Advance(len(before))
				if want := f.read(&c); got != want || c.Err() != nil || c.Len() > 0 {
					t.Fatalf("%d: %q is %v, with care %v (%v)", i, text, got, want, c.Err())
				}
			}
			for _, at := range []int{len(usual) + 1, Odd} {
				if got, next := f.plain(usual, at); next != Odd {
					t.Fatalf("%d: %v and %d at %d", i, got, next, at)
				}
			}
		}
	})
}
