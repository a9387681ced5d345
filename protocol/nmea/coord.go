package nmea

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Axis says which coordinate a field holds.
type Axis uint8

// The two axes.
const (
	Latitude  Axis = iota // 0…90 degrees, N or S
	Longitude             // 0…180 degrees, E or W
)

func (a Axis) limits() (hemispheres string, degrees, digits int) {
	if a == Longitude {
		return "EW", 180, 3
	}
	return "NS", 90, 2
}

// maxScale bounds the decimals of minutes: 10^-9 minutes are 2 µm.
const maxScale = 9

// Coord is a latitude or longitude as a sentence has it, with all its digits.
// The zero value is an absent coordinate.
type Coord struct {
	Minutes    em.Decimal // 0 ≤ minutes < 60
	Degrees    uint8
	Hemisphere byte // 'N', 'S', 'E', 'W'; 0 where the coordinate is absent
}

// OK reports whether the coordinate is present.
func (c Coord) OK() bool { return c.Hemisphere != 0 }

// Deg returns degrees, negative in the south and west; 0 where absent.
func (c Coord) Deg() float64 {
	deg := float64(c.Degrees) + c.Minutes.Float()/60
	if c.Hemisphere == 'S' || c.Hemisphere == 'W' {
		return -deg
	}
	return deg
}

// LatLng joins two coordinates; ok is false where either is absent.
func LatLng(lat, lng Coord) (p em.LatLng, ok bool) {
	if !lat.OK() || !lng.OK() {
		return em.LatLng{}, false
	}
	return em.LatLng{Lat: lat.Deg(), Lng: lng.Deg()}, true
}

// NewCoord returns the coordinate nearest to deg with that many decimals of a
// minute, at most 9; four decimals are 0.2 m. The error wraps wire.ErrValue.
func NewCoord(axis Axis, deg float64, scale uint8) (Coord, error) {
	hemispheres, most, _ := axis.limits()
	if !(math.Abs(deg) <= float64(most)) || scale > maxScale {
		return Coord{}, fmt.Errorf("nmea: %w: %v degrees with %d decimals of a minute", wire.ErrValue, deg, scale)
	}
	c := Coord{Hemisphere: hemispheres[0]}
	if deg < 0 {
		c.Hemisphere = hemispheres[1]
	}
	unit := math.Pow10(int(scale))
	steps := int64(math.Round(math.Abs(deg) * 60 * unit))
	c.Degrees = uint8(steps / (60 * int64(unit)))
	c.Minutes = em.Decimal{Coef: steps % (60 * int64(unit)), Scale: scale}
	return c, nil
}

// ParseCoord reads "4351.0542" with "N": the minutes are the two digits before
// the decimal point and all after it, what stands in front is degrees, of which
// leading zeros may be missing. An empty value is an absent coordinate, whatever
// the hemisphere. The error wraps wire.ErrValue.
func ParseCoord(axis Axis, value, hemisphere []byte) (Coord, error) {
	hemispheres, most, _ := axis.limits()
	if len(value) == 0 {
		return Coord{}, nil
	}
	point := bytes.IndexByte(value, '.')
	if point < 0 {
		point = len(value)
	}
	if point < 2 || point > 5 || len(value)-point > 1+maxScale {
		return Coord{}, bad("%q is not degrees and minutes", value)
	}
	degrees := 0
	for _, d := range value[:point-2] {
		if d < '0' || d > '9' {
			return Coord{}, bad("%q is not degrees and minutes", value)
		}
		degrees = 10*degrees + int(d-'0')
	}
	minutes, err := em.ParseDecimal(value[point-2:])
	switch {
	case err != nil || value[point-2] == '-':
		return Coord{}, bad("%q is not degrees and minutes", value)
	case value[point-2] >= '6' || degrees > most || degrees == most && minutes.Coef > 0:
		return Coord{}, bad("%q is beyond 60 minutes or %d degrees", value, most)
	case len(hemisphere) != 1 || strings.IndexByte(hemispheres, hemisphere[0]) < 0:
		return Coord{}, bad("%q is not a hemisphere, %c or %c", hemisphere, hemispheres[0], hemispheres[1])
	}
	return Coord{Degrees: uint8(degrees), Minutes: minutes, Hemisphere: hemisphere[0]}, nil
}

// ReadCoord reads the two fields of a coordinate.
func ReadCoord(c *wire.Cursor, axis Axis, name string) Coord {
	b := c.Ahead()
	if coord, n := coordinate(axis, b); n > 0 && takes(b, n) > 0 {
		c.Advance(takes(b, n))
		return coord
	}
	v, off := field(c, name)
	hemisphere := ""
	if c.Len() == 0 { // only then is the name of use
		hemisphere = name + " hemisphere"
	}
	h, _ := field(c, hemisphere)
	if c.Err() != nil {
		return Coord{}
	}
	coord, err := ParseCoord(axis, v, h)
	if err != nil {
		c.FailAt(name, off, err)
	}
	return coord
}

// coordinate reads the value and the hemisphere that b begins with, in the form that
// they mostly have; n is how many bytes they take, and 0 where there is more to
// them.
func coordinate(axis Axis, b []byte) (c Coord, n int) {
	whole, n := wire.Leading(b)
	if n < 2 || n > 5 || len(b) < n+len(".0,N") || b[n] != '.' {
		return Coord{}, 0
	}
	fraction, scale := wire.Leading(b[n+1:])
	n += 1 + scale
	if scale == 0 || len(b) < n+len(",N") || b[n] != ',' {
		return Coord{}, 0
	}
	hemispheres, most, _ := axis.limits()
	degrees, minutes := whole/100, whole%100
	if h := b[n+1]; h != hemispheres[0] && h != hemispheres[1] || minutes >= 60 || degrees >= uint32(most) {
		return Coord{}, 0
	}
	m := em.Decimal{Coef: int64(minutes)*int64(pow10[scale]) + int64(fraction), Scale: uint8(scale)}
	return Coord{m, uint8(degrees), b[n+1]}, n + len(",N")
}

// AppendCoord appends the two fields of a coordinate with the comma between
// them, degrees padded with zeros to the axis' width; an absent one is the comma
// alone.
func AppendCoord(dst []byte, axis Axis, c Coord) []byte {
	if !c.OK() {
		return append(dst, ',')
	}
	_, _, digits := axis.limits()
	dst = fmt.Appendf(dst, "%0*d", digits, c.Degrees)
	m := c.Minutes.String()
	if c.Minutes.Coef < 10*int64(math.Pow10(int(c.Minutes.Scale))) {
		dst = append(dst, '0')
	}
	return append(append(dst, m...), ',', c.Hemisphere)
}
