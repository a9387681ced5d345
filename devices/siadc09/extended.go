package siadc09

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Occurred returns when the events happened, as extended data H says; ok is
// false where it does not.
func (m *Message) Occurred() (at time.Time, ok bool) {
	for _, x := range m.Extended {
		if v, is := strings.CutPrefix(x, "H"); is {
			return parseStamp(v)
		}
	}
	return time.Time{}, false
}

// Position returns where the events happened, as extended data X and Y say; ok
// is false unless both do.
func (m *Message) Position() (p em.LatLng, ok bool) {
	lng, okX := m.coordinate('X', "E", "W", 180)
	lat, okY := m.coordinate('Y', "N", "S", 90)
	return em.LatLng{Lat: lat, Lng: lng}, okX && okY
}

// coordinate reads degrees, hemisphere and minutes: "X025E16.7820".
func (m *Message) coordinate(kind byte, positive, negative string, most float64) (float64, bool) {
	for _, x := range m.Extended {
		if x == "" || x[0] != kind {
			continue
		}
		sign := 1.0
		whole, part, ok := strings.Cut(x[1:], positive)
		if !ok {
			sign = -1
			whole, part, ok = strings.Cut(x[1:], negative)
		}
		minutes, err := em.ParseDecimal(part)
		degrees, err2 := strconv.ParseUint(whole, 10, 8)
		if v := float64(degrees) + minutes.Float()/60; ok && err == nil && err2 == nil &&
			minutes.Coef >= 0 && minutes.Float() < 60 && v <= most {
			return sign * v, true
		}
		return 0, false
	}
	return 0, false
}

// at is extended data H.
func at(t time.Time) string { return "H" + t.UTC().Format(stampLayout) }

// position is extended data X and Y, to a hundred-thousandth of a minute, 2 cm.
func position(p em.LatLng) []string {
	format := func(v float64, width int, signs string) string {
		n := int64(math.Round(math.Abs(v) * 60e5))
		sign := signs[0]
		if v < 0 {
			sign = signs[1]
		}
		return fmt.Sprintf("%0*d%c%02d.%05d", width, n/60e5, sign, n%60e5/1e5, n%1e5)
	}
	return []string{"X" + format(p.Lng, 3, "EW"), "Y" + format(p.Lat, 2, "NS")}
}
