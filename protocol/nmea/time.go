package nmea

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// digits2 returns the number of two decimal digits, or -1.
func digits2(b []byte) int {
	if len(b) < 2 || b[0] < '0' || b[0] > '9' || b[1] < '0' || b[1] > '9' {
		return -1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}

// ParseClock reads hhmmss with up to three decimals as the time since midnight;
// 60 seconds are allowed for leap seconds. The error wraps wire.ErrValue.
func ParseClock(v []byte) (time.Duration, error) {
	h, m, s := digits2(v), -1, -1
	if len(v) >= 6 {
		m, s = digits2(v[2:]), digits2(v[4:])
	}
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 {
		return 0, bad("%q is not hhmmss", v)
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	frac := v[6:]
	if len(frac) == 0 {
		return d, nil
	}
	if frac[0] != '.' || len(frac) < 2 || len(frac) > 4 {
		return 0, bad("%q is not hhmmss with up to three decimals", v)
	}
	unit := time.Second
	for _, c := range frac[1:] {
		if c < '0' || c > '9' {
			return 0, bad("%q is not hhmmss with up to three decimals", v)
		}
		unit /= 10
		d += time.Duration(c-'0') * unit
	}
	return d, nil
}

// ParseDate reads ddmmyy as midnight UTC of a day from 2000 to 2099. The date
// of a clock that was never set, 000000, is the zero time. The error wraps
// wire.ErrValue.
func ParseDate(v []byte) (time.Time, error) {
	if len(v) != 6 {
		return time.Time{}, bad("%q is not ddmmyy", v)
	}
	d, m, y := digits2(v), digits2(v[2:]), digits2(v[4:])
	if d == 0 && m == 0 && y == 0 {
		return time.Time{}, nil
	}
	t := time.Date(2000+y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if d < 1 || m < 1 || y < 0 || t.Day() != d || t.Month() != time.Month(m) {
		return time.Time{}, bad("%q is not a date ddmmyy", v)
	}
	return t, nil
}

// ReadClock reads one field with hhmmss; absent where it is blank.
func ReadClock(c *wire.Cursor, name string) em.Opt[time.Duration] {
	v, off := field(c, name)
	if len(v) == 0 {
		return em.Opt[time.Duration]{}
	}
	d, err := ParseClock(v)
	if err != nil {
		c.FailAt(name, off, err)
		return em.Opt[time.Duration]{}
	}
	return em.Some(d)
}

// ReadDate reads one field with ddmmyy; the zero time where it is blank or the
// clock was never set.
func ReadDate(c *wire.Cursor, name string) time.Time {
	v, off := field(c, name)
	if len(v) == 0 {
		return time.Time{}
	}
	t, err := ParseDate(v)
	if err != nil {
		c.FailAt(name, off, err)
	}
	return t
}

// Join returns the instant of a date and a time of day; the zero time unless
// both are present.
func Join(date time.Time, clock em.Opt[time.Duration]) time.Time {
	if date.IsZero() || !clock.OK {
		return time.Time{}
	}
	return date.Add(clock.V)
}

// FormatTime returns the fields hhmmss, with 0 to 3 decimals, and ddmmyy of an
// instant, cut to that precision; both are empty for the zero time. A year
// outside 2000…2099 is an error that wraps wire.ErrValue.
func FormatTime(t time.Time, decimals int) (clock, date string, err error) {
	if t.IsZero() {
		return "", "", nil
	}
	t = t.UTC()
	if y := t.Year(); y < 2000 || y > 2099 {
		return "", "", fmt.Errorf("nmea: %w: year %d", wire.ErrValue, y)
	}
	layout := "150405"
	if decimals > 0 {
		layout += "." + strings.Repeat("0", min(decimals, 3))
	}
	return t.Format(layout), t.Format("020106"), nil
}

// AppendFields appends fields with a comma before each.
func AppendFields(dst []byte, fields ...string) []byte {
	for _, f := range fields {
		dst = append(append(dst, ','), f...)
	}
	return dst
}

// Count returns how many fields b has: the commas and one.
func Count(b []byte) int { return bytes.Count(b, []byte{','}) + 1 }
