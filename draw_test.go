package em_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/sargas-em/em"
	"pgregory.net/rapid"
)

// drawKey is the bytes 0 to 31.
func drawKey() []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

// The numbers were computed by the Python program in the comment of Draw.
func TestDrawAgreesWithPython(t *testing.T) {
	for _, c := range []struct {
		name       string
		key        []byte
		subject    em.SubjectID
		date, slot string
		n, want    uint64
	}{
		{"second of a day", drawKey(), "p-1", "2026-03-14", "evening/0", 86400, 20197},
		{"next slot", drawKey(), "p-1", "2026-03-14", "evening/1", 86400, 58835},
		{"next day", drawKey(), "p-1", "2026-03-15", "evening/0", 86400, 70196},
		{"the same letters in other places", drawKey(), "p-1evening", "2026-03-14", "/0", 86400, 85151},
		{"one possibility", drawKey(), "Žygimantė", "2026-03-29", "rytas/0", 1, 0},
		{"nearly all of them", drawKey(), "p-1", "2026-03-14", "", math.MaxUint64, 1996161190997486169},
		{"just above half, taken at once", drawKey(), "p-1", "2026-03-14", "evening/0", 1<<63 + 1, 2575791876799200997},
		{"just above half, taken third", drawKey(), "p-1", "2026-03-14", "evening/1", 1<<63 + 1, 15044365281250144},
		{"just above half, taken second", drawKey(), "p-1", "2026-03-14", "evening/2", 1<<63 + 1, 6493977275708637057},
		{"no key", nil, "p-1", "2026-03-14", "x", 1000, 636},
		{"a key longer than a block", bytes.Repeat([]byte("k"), 100), "p-1", "2026-03-14", "x", 1000, 155},
		{"nothing to draw from", drawKey(), "p-1", "2026-03-14", "x", 0, 0},
	} {
		if got := em.Draw(c.key, c.subject, c.date, c.slot, c.n); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// All results lie below n, and none is favoured: a χ² of 96 slots over 20,000
// draws stays below the limit that chance passes once in a million, 167.
func TestDrawIsEven(t *testing.T) {
	const n, draws = 96, 20_000
	var count [n]int
	for i := range draws {
		count[em.Draw(drawKey(), "p-1", "2026-03-14", fmt.Sprint(i), n)]++
	}
	chi := 0.0
	for _, c := range count {
		d := float64(c) - float64(draws)/n
		chi += d * d / (float64(draws) / n)
	}
	if chi > 167 {
		t.Errorf("χ² %.0f", chi)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Min(1).Draw(t, "n")
		if got := em.Draw(drawKey(), em.SubjectID(rapid.String().Draw(t, "subject")), "d", "s", n); got >= n {
			t.Errorf("%d of %d", got, n)
		}
	})
}

func ExampleDraw() {
	key := drawKey() // in earnest 32 bytes of crypto/rand
	second := em.Draw(key, "p-1", "2026-03-14", "evening/0", 2*3600)
	fmt.Printf("between 18:00 and 20:00: at %02d:%02d\n", 18+second/3600, second/60%60)
	// Output: between 18:00 and 20:00: at 19:36
}
