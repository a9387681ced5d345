package nmea

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// ParseClock reads hhmmss with up to three decimals as the time since midnight;
// 60 seconds are allowed for leap seconds. The error wraps wire.ErrValue.
func ParseClock(v []byte) (time.Duration, error) {
	d, n := clock(v)
	switch {
	case n == 0:
		return 0, bad("%q is not hhmmss", v)
	case n < len(v):
		return 0, bad("%q is not hhmmss with up to three decimals", v)
	}
	return d, nil
}

// clock reads the time of day that v begins with; n is how many bytes it takes, and
// 0 for none.
func clock(v []byte) (d time.Duration, n int) {
	hms, n := wire.Leading(v)
	if n > 6 {
		hms /= pow10[n-6]
	}
	d, ok := timeOfDay(hms)
	if n < 6 || !ok {
		return 0, 0
	}
	n = 6
	if n < len(v) && v[n] == '.' {
		if f, digits := wire.Leading(v[n+1:]); digits > 0 && digits <= 3 {
			d += time.Duration(f * pow10[9-digits])
			n += 1 + digits
		}
	}
	return d, n
}

// timeOfDay reads the six digits hhmmss as a number.
func timeOfDay(hms uint32) (d time.Duration, ok bool) {
	h, m, s := hms/10_000, hms/100%100, hms%100
	return time.Duration(h*3600+m*60+s) * time.Second, h <= 23 && m <= 59 && s <= 60
}

// ParseDate reads ddmmyy as midnight UTC of a day from 2000 to 2099. The date
// of a clock that was never set, 000000, is the zero time. The error wraps
// wire.ErrValue.
func ParseDate(v []byte) (time.Time, error) {
	if len(v) != 6 {
		return time.Time{}, bad("%q is not ddmmyy", v)
	}
	dmy, n := wire.Leading(v)
	t, ok := date(dmy)
	if !ok || n < 6 {
		return time.Time{}, bad("%q is not a date ddmmyy", v)
	}
	return t, nil
}

// date reads the six digits ddmmyy as a number.
func date(dmy uint32) (t time.Time, ok bool) {
	if dmy == 0 {
		return time.Time{}, true
	}
	return wire.Date(2000+int(dmy%100), int(dmy/100%100), int(dmy/10_000))
}

// ReadClock reads one field with hhmmss; absent where it is blank.
func ReadClock(c *wire.Cursor, name string) em.Opt[time.Duration] {
	b := c.Ahead()
	if d, n := clock(b); n > 0 && takes(b, n) > 0 {
		c.Advance(takes(b, n))
		return em.Some(d)
	}
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
	b := c.Ahead()
	if dmy, n := wire.Leading(b); n == 6 && takes(b, n) > 0 {
		if t, ok := date(dmy); ok {
			c.Advance(takes(b, n))
			return t
		}
	}
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
