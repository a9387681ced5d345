package rftrack

import "math"

// plainJSON reads values of JSON as the units write them: numbers of up to 18 digits
// without exponents, texts of ASCII without escapes, keys of one letter that are known.
// For all else, right or wrong, ok is false in the end, and encoding/json has to read
// it: that takes some twenty times as long.
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

// begin reads the start of an object or an array, and reports whether something is in it.
func (p *plainJSON) begin(start, end byte) bool {
	p.need(start)
	return p.ok && !p.take(end)
}

// more reports whether there is one more behind a comma, or reads the end.
func (p *plainJSON) more(end byte) bool {
	if p.ok && p.take(',') {
		return true
	}
	p.need(end)
	return false
}

// key reads the key of a member with its colon; 0 for none of one letter.
func (p *plainJSON) key() byte {
	if k := p.s[p.at:]; len(k) > 3 && k[0] == '"' && k[2] == '"' && k[3] == ':' {
		p.at += len(`"k":`)
		return k[1]
	}
	return 0
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
	negative := p.take('-')
	n, _ := p.whole()
	v := int64(n)
	if negative {
		p.ok = p.ok && v != 0 // which encoding/json takes for a float
		v = -v
	}
	p.ok = p.ok && v >= least && v <= most
	return v
}

// decimal reads a number.
func (p *plainJSON) decimal() float64 {
	negative := p.take('-')
	n, digits := p.whole()
	v := float64(n)
	if p.take('.') {
		f, decimals := p.digits()
		// Two numbers that a float64 holds exactly have the nearest one as their quotient.
		const exact = 15
		if p.ok = p.ok && decimals > 0 && digits+decimals <= exact; p.ok {
			v = float64(n*pow10[decimals]+f) / float64(pow10[decimals])
		}
	}
	if negative {
		return -v
	}
	return v
}

var pow10 = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// whole reads the digits of a number in front of its point.
func (p *plainJSON) whole() (v uint64, n int) {
	from := p.at
	v, n = p.digits()
	p.ok = p.ok && (n == 1 || n > 1 && p.s[from] != '0')
	return v, n
}

// digits reads digits; those that 64 bits may not hold are not plain.
func (p *plainJSON) digits() (v uint64, n int) {
	for rest := p.s[p.at:]; n < len(rest) && rest[n]-'0' <= 9; n++ {
		v = 10*v + uint64(rest[n]-'0')
	}
	p.at += n
	p.ok = p.ok && n <= 18
	return v, n
}

// plainGPS reads the GPS that s begins with, of n bytes; n is 0 where that is not plain.
func plainGPS(s string) (g GPS, n int) {
	p := plainJSON{s: s, ok: true}
	for more := p.begin('{', '}'); more; more = p.more('}') {
		switch p.key() {
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
			return g, 0
		}
	}
	return g, p.size()
}

// size is how many bytes were read; 0 where they were not plain.
func (p *plainJSON) size() int {
	if !p.ok {
		return 0
	}
	return p.at
}

// plainGSM returns how many bytes the GSM has that s begins with; 0 where that is not plain.
func plainGSM(s string) int {
	p := plainJSON{s: s, ok: true}
	for more := p.begin('{', '}'); more; more = p.more('}') {
		switch p.key() {
		case 'c', 'n':
			p.integer(0, math.MaxUint16)
		case 'b':
			for more := p.begin('[', ']'); more; more = p.more(']') {
				for more := p.begin('{', '}'); more; more = p.more('}') {
					switch p.key() {
					case 'l':
						p.integer(0, math.MaxUint32)
					case 'c':
						p.integer(0, math.MaxInt64)
					case 'b':
						p.integer(math.MinInt32, math.MaxInt32)
					default:
						return 0
					}
				}
			}
		default:
			return 0
		}
	}
	return p.size()
}

// plainWiFi returns how many bytes the list of AccessPoint has that s begins with; 0
// where that is not plain.
func plainWiFi(s string) int {
	p := plainJSON{s: s, ok: true}
	for more := p.begin('[', ']'); more; more = p.more(']') {
		for more := p.begin('{', '}'); more; more = p.more('}') {
			switch p.key() {
			case 'm', 't':
				p.text()
			case 'l':
				p.integer(math.MinInt32, math.MaxInt32)
			default:
				return 0
			}
		}
	}
	return p.size()
}
