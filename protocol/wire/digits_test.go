package wire_test

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em/protocol/wire"
)

func TestLeading(t *testing.T) {
	for _, c := range []struct {
		text   string
		value  uint32
		digits int
	}{
		{"", 0, 0}, {",", 0, 0}, {"-1", 0, 0}, {"0,", 0, 1}, {"7", 7, 1}, {"42.5,N,5441", 42, 2}, {"060000,a,", 60000, 6},
		{"5441.9995,N", 5441, 4}, {"1234567,", 1234567, 7}, {"12345678", 12345678, 8}, {"99999999999", 99999999, 8},
		{"12/45678", 12, 2}, {"1:345678", 1, 1}, {"\xff1234567", 0, 0}, {"1\xb9345678", 1, 1}, {"12\x003456789", 12, 2},
	} {
		if value, digits := wire.Leading([]byte(c.text)); value != c.value || digits != c.digits {
			t.Errorf("%q: %d of %d digits, want %d of %d", c.text, value, digits, c.value, c.digits)
		}
	}
}

// TestLeadingPlain compares with the plain way, over bytes of all kinds.
func TestLeadingPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(rapid.StringMatching(`[0-9]{0,9}`).Draw(t, "digits")), rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "others")...)
		n := 0
		for n < len(b) && n < 8 && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		want, _ := strconv.ParseUint("0"+string(b[:n]), 10, 32)
		if value, digits := wire.Leading(b); uint64(value) != want || digits != n {
			t.Fatalf("%q: %d of %d digits, want %d of %d", b, value, digits, want, n)
		}
		six := min(len(b), 6)
		want, _ = strconv.ParseUint(string(b[:six]), 10, 32)
		if value, ok := wire.SixDigits(b); ok != (n >= 6) || ok && uint64(value) != want {
			t.Fatalf("%q: six digits %d, %t", b, value, ok)
		}
	})
}

func TestPrintable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "text")), rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "others")...)
		want := 0
		for want < len(b) && b[want] >= ' ' && b[want] <= '~' {
			want++
		}
		if n := wire.Printable(b); n != want {
			t.Fatalf("%q: %d printable bytes, want %d", b, n, want)
		}
	})
	for c := range 256 { // each byte at each place
		for i := range 17 {
			b := []byte("~ 0123456789 ABC~")
			b[i] = byte(c)
			want := i
			if c >= ' ' && c <= '~' {
				want = len(b)
			}
			if n := wire.Printable(b); n != want {
				t.Errorf("%q: %d printable bytes, want %d", b, n, want)
			}
		}
	}
}

// TestDate compares every day of four centuries, and what is none, with time.Date.
func TestDate(t *testing.T) {
	for _, years := range [][2]int{{0, 5}, {1899, 2301}, {9998, 9999}} {
		for year := years[0]; year <= years[1]; year++ {
			for month := -1; month <= 14; month++ {
				for day := -1; day <= 33; day++ {
					want := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
					ok := want.Year() == year && want.Month() == time.Month(month) && want.Day() == day
					if !ok {
						want = time.Time{}
					}
					if got, is := wire.Date(year, month, day); got != want || is != ok {
						t.Fatalf("%d-%d-%d is %v, %t; want %v, %t", year, month, day, got, is, want, ok)
					}
				}
			}
		}
	}
	for _, year := range []int{-1, 10_000} {
		if _, ok := wire.Date(year, 1, 1); ok {
			t.Errorf("the year %d", year)
		}
	}
}

// TestHexadecimal compares what is done eight digits at a time with what does one.
func TestHexadecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "decimal") {
			for i := range b { // or few were
				b[i] = b[i]%10 | b[i]/16%10<<4
			}
			if rapid.Bool().Draw(t, "but one") && len(b) > 0 {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "other")
			}
		}
		c := wire.New(b)
		want := hex.EncodeToString(b)
		if got := c.Digits(b); got != want {
			t.Errorf("digits %q, want %q", got, want)
		}
		if got := wire.IsBCD(b); got == strings.ContainsAny(want, "abcdef") {
			t.Errorf("%s is decimal: %v", want, got)
		}
	})
}

func TestIsDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(rapid.StringMatching(`[0-9]{0,20}`).Draw(t, "digits"))
		if len(b) > 0 && rapid.Bool().Draw(t, "broken") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		if got, want := wire.IsDecimal(b), strings.Trim(string(b), "0123456789") == ""; got != want {
			t.Fatalf("%q is decimal: %v", b, got)
		}
	})
}
