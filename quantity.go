package em

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Opt is a value that may be absent. Absent is not zero: a device that reports
// no speed does not stand still. The zero Opt is absent.
type Opt[T any] struct {
	V  T
	OK bool
}

// Some returns a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{V: v, OK: true} }

// Or returns the value, or def where it is absent.
func (o Opt[T]) Or(def T) T {
	if o.OK {
		return o.V
	}
	return def
}

// IsZero reports absence; encoding/json leaves such fields out under omitzero.
func (o Opt[T]) IsZero() bool { return !o.OK }

// MarshalJSON writes the value, or null where it is absent.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.OK {
		return []byte("null"), nil
	}
	return json.Marshal(o.V)
}

// UnmarshalJSON reads a value; null is absent.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*o = Opt[T]{}
		return nil
	}
	o.OK = true
	return json.Unmarshal(b, &o.V)
}

// LatLng is a position in degrees on WGS-84: latitude positive to the north,
// longitude positive to the east.
type LatLng struct {
	Lat float64 `json:"lat"`
	Lng float64 `json:"lon"`
}

// Valid reports whether both coordinates are numbers within [-90, 90] and
// [-180, 180].
func (p LatLng) Valid() bool {
	return p.Lat >= -90 && p.Lat <= 90 && p.Lng >= -180 && p.Lng <= 180
}

// EarthRadius is the radius in metres of the sphere on which distances are
// computed: the mean radius of WGS-84 (IUGG R1).
const EarthRadius = 6_371_008.8

// Distance returns the great-circle distance to q in metres.
func (p LatLng) Distance(q LatLng) float64 {
	const rad = math.Pi / 180
	sinLat := math.Sin((q.Lat - p.Lat) * rad / 2)
	sinLng := math.Sin((q.Lng - p.Lng) * rad / 2)
	h := sinLat*sinLat + math.Cos(p.Lat*rad)*math.Cos(q.Lat*rad)*sinLng*sinLng
	return 2 * EarthRadius * math.Asin(math.Sqrt(min(1, h)))
}

// Decimal is an exact decimal number, Coef × 10^-Scale, as an instrument shows
// it: 0.0208 is {208, 4}. The scale is the instrument's resolution and is kept.
type Decimal struct {
	Coef  int64
	Scale uint8
}

// maxScale bounds a Decimal's scale: 10^18 is the largest power of ten in an int64.
const maxScale = 18

// String returns the number with exactly Scale decimals.
func (d Decimal) String() string {
	neg := d.Coef < 0
	u := uint64(d.Coef)
	if neg {
		u = -u
	}
	s := strconv.FormatUint(u, 10)
	if n := int(d.Scale); n > 0 {
		if len(s) <= n {
			s = strings.Repeat("0", n-len(s)+1) + s
		}
		s = s[:len(s)-n] + "." + s[len(s)-n:]
	}
	if neg {
		s = "-" + s
	}
	return s
}

// Float returns the nearest float64; for display and plots, not for rules.
func (d Decimal) Float() float64 { return float64(d.Coef) / math.Pow10(int(d.Scale)) }

// ParseDecimal reads a plain decimal such as "-0.0208", keeping trailing zeros
// as resolution. Exponents, blanks and signs other than a leading minus are errors.
func ParseDecimal[Text string | []byte](s Text) (Decimal, error) {
	i, negative := 0, len(s) > 0 && s[0] == '-'
	if negative {
		i++
	}
	first, point := i, -1
	var c uint64
	for ; i < len(s); i++ {
		d := s[i] - '0'
		switch {
		case d <= 9 && c <= math.MaxInt64/10: // one digit more cannot run over 64 bits
			c = 10*c + uint64(d)
		case s[i] == '.' && point < 0 && i > first:
			point = i
		default:
			return Decimal{}, notDecimal(s)
		}
	}
	scale := 0
	if point >= 0 {
		scale = len(s) - point - 1
	}
	switch {
	case i == first, point >= 0 && scale == 0, scale > maxScale:
		return Decimal{}, notDecimal(s)
	case negative && c <= 1<<63:
		return Decimal{Coef: -int64(c), Scale: uint8(scale)}, nil
	case c > math.MaxInt64:
		return Decimal{}, notDecimal(s)
	}
	return Decimal{Coef: int64(c), Scale: uint8(scale)}, nil
}

func notDecimal[Text string | []byte](s Text) error {
	return fmt.Errorf("em: %q is not a plain decimal number of 64 bits", string(s))
}

// MarshalJSON writes a JSON number with all its decimals.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a plain JSON number without an exponent.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	v, err := ParseDecimal(string(b))
	if err == nil {
		*d = v
	}
	return err
}

// BrAC is a breath alcohol concentration in micrograms of ethanol per 210 L of
// breath: 1 µg/L is 210 and 0.001 g/210 L is 1000, both exact.
type BrAC int64

// TAC is a transdermal alcohol concentration in micrograms per decilitre, as
// ankle instruments state it: 0.020 g/dL is 20,000. It is not a blood
// concentration and none is derived from it.
type TAC int64

// Side is a three-way answer to "is the point, or the person, inside?". The
// zero value is SideUnknown, which is neither presence nor absence.
type Side uint8

// The three sides.
const (
	SideUnknown Side = iota
	Inside
	Outside
)

// String returns "unknown", "inside" or "outside".
func (s Side) String() string {
	switch s {
	case Inside:
		return "inside"
	case Outside:
		return "outside"
	}
	return "unknown"
}
