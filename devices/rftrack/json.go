package rftrack

import (
	"math"
	"strconv"
)

// plainJSON reads values of JSON as the units write them: numbers without exponents,
// texts of ASCII without escapes, keys of one letter that are known. For all else, right
// or wrong, ok is false in the end, and encoding/json has to read it: that takes some
// twenty times as long.
type plainJSON struct {
	s  string
	at int
	ok bool
}

// take reads c, if it comes next.
func (p *plainJSON) take(c byte) bool {
	if p.at < len(p.s) && p.s[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *plainJSON) need(c byte) { p.ok = p.take(c) && p.ok }

// end reports whether all was read, and was plain.
func (p *plainJSON) end() bool { return p.ok && p.at == len(p.s) }

// object reads an object, and its values by read.
func (p *plainJSON) object(read func(key byte)) {
	p.need('{')
	for more := p.ok && !p.take('}'); more; more = p.next('}') {
		p.need('"')
		key := byte(0)
		if p.at < len(p.s) {
			key = p.s[p.at]
			p.at++
		}
		p.need('"')
		p.need(':')
		read(key)
	}
}

// array reads an array, and its elements by read.
func (p *plainJSON) array(read func()) {
	p.need('[')
	for more := p.ok && !p.take(']'); more; more = p.next(']') {
		read()
	}
}

// next reports whether there is one more behind a comma, or reads the end.
func (p *plainJSON) next(end byte) bool {
	if p.ok && p.take(',') {
		return true
	}
	p.need(end)
	return false
}

// text reads a text that nobody needs.
func (p *plainJSON) text() {
	p.need('"')
	for p.at < len(p.s) && p.s[p.at] >= ' ' && p.s[p.at] < 0x7F && p.s[p.at] != '"' && p.s[p.at] != '\\' {
		p.at++
	}
	p.need('"')
}

// integer reads a number from least to most without a point.
func (p *plainJSON) integer(least, most int64) int64 {
	digits := p.number()
	v, err := strconv.ParseInt(digits, 10, 64)
	p.ok = p.ok && err == nil && v >= least && v <= most && digits != "-0" // which encoding/json takes for a float
	return v
}

// decimal reads a number.
func (p *plainJSON) decimal() float64 {
	from := p.at
	p.number()
	if p.take('.') {
		point := p.at
		p.digits()
		p.ok = p.ok && p.at > point
	}
	v, err := strconv.ParseFloat(p.s[from:p.at], 64)
	p.ok = p.ok && err == nil
	return v
}

// number reads and returns a number up to its point, if it has one.
func (p *plainJSON) number() string {
	from := p.at
	p.take('-')
	whole := p.at
	p.digits()
	p.ok = p.ok && (p.at == whole+1 || p.at > whole && p.s[whole] != '0')
	return p.s[from:p.at]
}

func (p *plainJSON) digits() {
	for p.at < len(p.s) && p.s[p.at] >= '0' && p.s[p.at] <= '9' {
		p.at++
	}
}

// plainGPS reads a GPS; ok is false where that is not plain.
func plainGPS(s string) (g GPS, ok bool) {
	p := plainJSON{s: s, ok: true}
	p.object(func(key byte) {
		switch key {
		case 'a':
			g.Accuracy.V, g.Accuracy.OK = p.decimal(), true
		case 'x':
			g.Lng.V, g.Lng.OK = p.decimal(), true
		case 'y':
			g.Lat.V, g.Lat.OK = p.decimal(), true
		case 'z':
			g.Altitude.V, g.Altitude.OK = p.decimal(), true
		case 's':
			g.Satellites.V, g.Satellites.OK = int(p.integer(0, math.MaxInt32)), true
		case 't':
			g.Time.V, g.Time.OK = p.integer(0, math.MaxInt64), true
		default:
			p.ok = false
		}
	})
	return g, p.end()
}

// isPlainGSM reports whether s is a GSM, and plain.
func isPlainGSM(s string) bool {
	p := plainJSON{s: s, ok: true}
	p.object(func(key byte) {
		switch key {
		case 'c', 'n':
			p.integer(0, math.MaxUint16)
		case 'b':
			p.array(func() {
				p.object(func(key byte) {
					switch key {
					case 'l':
						p.integer(0, math.MaxUint32)
					case 'c':
						p.integer(0, math.MaxInt64)
					case 'b':
						p.integer(math.MinInt32, math.MaxInt32)
					default:
						p.ok = false
					}
				})
			})
		default:
			p.ok = false
		}
	})
	return p.end()
}

// isPlainWiFi reports whether s is a list of AccessPoint, and plain.
func isPlainWiFi(s string) bool {
	p := plainJSON{s: s, ok: true}
	p.array(func() {
		p.object(func(key byte) {
			switch key {
			case 'm', 't':
				p.text()
			case 'l':
				p.integer(math.MinInt32, math.MaxInt32)
			default:
				p.ok = false
			}
		})
	})
	return p.end()
}
