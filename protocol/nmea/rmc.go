package nmea

import (
	"bytes"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

// RMC is the "recommended minimum" sentence of a satellite receiver:
//
//	$GPRMC,hhmmss.sss,A,ddmm.mmmm,N,dddmm.mmmm,E,knots,course,ddmmyy,variation,E,mode*hh
type RMC struct {
	Talker  string    // "GP", "GN"
	Time    time.Time // UTC; zero where the receiver had none
	Status  byte      // 'A' valid, 'V' not
	HasMode bool      // see Mode
	Lat     Coord
	Lng     Coord
	Speed   em.Opt[em.Decimal] // knots
	Course  em.Opt[em.Decimal] // degrees

	// Variation, VariationDir and Mode are kept as they came, mostly empty. Mode
	// is missing before NMEA 2.3: then HasMode is false.
	Variation, VariationDir, Mode string

	// Check is the code behind the star as it came, two digits, or empty where
	// there is none. Trackers edit the sentence behind their receiver's back, so
	// it often does not fit. Append writes it as it is: Seal first what was made
	// or changed.
	Check string
}

// rmcFields are the fields behind the name, with the mode.
const rmcFields = 12

// Read reads a sentence from its "$" up to its check code, or, where no star
// follows in frame, up to its mode field. frame is what c reads. Afterwards c is
// at whatever follows: a comma, or the end. The check code is not judged here. After
// an error, which c has, r is zero.
func (r *RMC) Read(c *wire.Cursor, frame []byte) {
	if n := r.Plain(c.Ahead(), c.TextAt(c.Pos(), c.Len()), 0); n != Odd {
		c.Advance(n)
	} else if r.read(c, frame); c.Err() != nil {
		*r = RMC{}
	}
}

// Plain reads a sentence that has all that a receiver with a fix sends, no variation,
// and a check code, as nearly all have, and returns where that ends: a sentence is read
// from b at an offset as the Plain functions read fields. s is the text of b that r
// keeps. What it has read of another is left in r.
func (r *RMC) Plain(b []byte, s string, at int) (end int) {
	const least = len("$GPRMC,,,,,,,,,,,*00")
	if uint(at) > uint(len(b)) || len(b)-at < least {
		return Odd
	}
	head := b[at : at+len("$GPRMC,")]
	if head[0] != '$' || head[1]-'A' > 25 || head[2]-'A' > 25 || head[3] != 'R' || head[4] != 'M' || head[5] != 'C' || head[6] != ',' {
		return Odd
	}
	clock, i := PlainClock(b, at+len("$GPRMC,"))
	r.Status, i = PlainLetter(b, i, 'A', 'V')
	r.Lat, i = PlainCoord(b, i, Latitude)
	r.Lng, i = PlainCoord(b, i, Longitude)
	r.Speed, i = PlainNumber(b, i)
	r.Course, i = PlainNumber(b, i)
	day, i := PlainDay(b, i)
	if len(b)-i < len(",*00") || b[i] != ',' {
		return Odd
	}
	i += len(",")
	if r.HasMode = b[i] == ','; r.HasMode {
		if len(b)-i < len(",A*00") || b[i+1]-'A' > 25 {
			return Odd
		}
		i += len(",A")
	}
	if b[i] != '*' || upperHex(b[i+1])|upperHex(b[i+2]) > 15 {
		return Odd
	}
	if r.Talker = "GP"; head[1] != 'G' || head[2] != 'P' {
		r.Talker = s[at+1 : at+3]
	}
	r.Time = Join(day, em.Some(clock))
	r.Variation, r.VariationDir, r.Mode = "", "", ""
	if r.HasMode {
		r.Mode = s[i-1 : i]
	}
	i += len("*00")
	r.Check = s[i-2 : i]
	return i
}

func (r *RMC) read(c *wire.Cursor, frame []byte) {
	if c.Err() != nil {
		return
	}
	rest := frame[c.Pos() : c.Pos()+c.Len()]
	end := bytes.IndexByte(rest, '*')
	star := end >= 0
	if !star {
		end = len(rest)
		for i, n := 0, 0; i < len(rest); i++ {
			if rest[i] == ',' {
				if n++; n > rmcFields {
					end = i
					break
				}
			}
		}
	}
	n := Count(rest[:end]) - 1
	outer := c.Limit(end, "rmc")
	c.Expect("$", "rmc start")
	start := c.Pos()
	name := c.Field(',', "rmc name")
	if c.Err() == nil && (len(name) != 5 || string(name[2:]) != "RMC") {
		c.FailAt("rmc name", start, bad("%q is not an RMC sentence", name))
	} else if c.Err() == nil && n != rmcFields && n != rmcFields-1 {
		c.FailAt("rmc", start, bad("%d fields", n))
	}
	if c.Err() != nil {
		return
	}
	if r.Talker = "GP"; string(name[:2]) != r.Talker {
		r.Talker = c.TextAt(start, 2)
	}
	clock := ReadClock(c, "rmc time")
	off := c.Pos()
	if s := c.Field(',', "rmc status"); len(s) == 1 && (s[0] == 'A' || s[0] == 'V') {
		r.Status = s[0]
	} else {
		c.FailAt("rmc status", off, bad("%q is not A or V", s))
	}
	r.Lat = ReadCoord(c, Latitude, "rmc latitude")
	r.Lng = ReadCoord(c, Longitude, "rmc longitude")
	r.Speed = ReadNumber(c, "rmc speed")
	r.Course = ReadNumber(c, "rmc course")
	r.Time = Join(ReadDate(c, "rmc date"), clock)
	r.Variation = ReadText(c, "rmc variation")
	r.VariationDir = ReadText(c, "rmc variation direction")
	r.Mode, r.Check = "", ""
	if r.HasMode = n == rmcFields; r.HasMode {
		r.Mode = ReadText(c, "rmc mode")
	}
	c.Restore(outer)
	if star {
		c.Expect("*", "rmc star")
		off := c.Pos()
		check := c.Chars(2, "rmc checksum")
		r.Check = c.TextAt(off, len(check))
		if _, err := ParseCheck(check); err != nil {
			c.FailAt("rmc checksum", off, err)
		}
	}
}

// body returns the sentence between "$" and "*".
func (r *RMC) body() ([]byte, error) {
	clock, date, err := FormatTime(r.Time, 3)
	if err != nil {
		return nil, err
	}
	b := append([]byte(r.Talker), "RMC,"...)
	b = append(append(b, clock...), ',', r.Status, ',')
	b = append(AppendCoord(b, Latitude, r.Lat), ',')
	b = append(AppendCoord(b, Longitude, r.Lng), ',')
	b = append(AppendNumber(b, r.Speed), ',')
	b = AppendNumber(b, r.Course)
	b = AppendFields(b, date, r.Variation, r.VariationDir)
	if r.HasMode {
		b = AppendFields(b, r.Mode)
	}
	return b, nil
}

// Seal sets Check to what the sentence needs as Append writes it.
func (r *RMC) Seal() error {
	b, err := r.body()
	if err == nil {
		r.Check = string(AppendCheck(nil, checksum.Xor8(b)))
	}
	return err
}

// Append appends the sentence with three decimals of a second, a star and
// Check, or without them where Check is empty. The error wraps wire.ErrValue:
// a time that the sentence cannot hold; dst is returned unchanged then.
func (r *RMC) Append(dst []byte) ([]byte, error) {
	b, err := r.body()
	if err != nil {
		return dst, err
	}
	dst = append(append(dst, '$'), b...)
	if r.Check != "" {
		dst = append(append(dst, '*'), r.Check...)
	}
	return dst, nil
}
