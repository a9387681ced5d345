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
	Talker string    // "GP", "GN"
	Time   time.Time // UTC; zero where the receiver had none
	Status byte      // 'A' valid, 'V' not
	Lat    Coord
	Lng    Coord
	Speed  em.Opt[em.Decimal] // knots
	Course em.Opt[em.Decimal] // degrees

	// Variation, VariationDir and Mode are kept as they came, mostly empty. Mode
	// is missing before NMEA 2.3: then HasMode is false.
	Variation, VariationDir, Mode string
	HasMode                       bool

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
	if n := r.plain(c); n > 0 {
		c.Advance(n)
	} else if r.read(c, frame); c.Err() != nil {
		*r = RMC{}
	}
}

// plain reads a sentence that has all that a receiver with a fix sends, no variation,
// and a check code, as nearly all have. It returns how many bytes that are; 0 for
// all others, right or wrong, which are read with care.
func (r *RMC) plain(c *wire.Cursor) int {
	const least = len("$GPRMC,,,,,,,,,,,*00")
	b := c.Ahead()
	if len(b) < least || b[0] != '$' || b[1]-'A' > 25 || b[2]-'A' > 25 || b[3] != 'R' || b[4] != 'M' || b[5] != 'C' || b[6] != ',' {
		return 0
	}
	clock, i := PlainClock(b, len("$GPRMC,"))
	r.Status, i = PlainLetter(b, i, 'A', 'V')
	r.Lat, i = PlainCoord(b, i, Latitude)
	r.Lng, i = PlainCoord(b, i, Longitude)
	r.Speed, i = PlainNumber(b, i)
	r.Course, i = PlainNumber(b, i)
	day, i := PlainDay(b, i)
	if len(b)-i < len(",*00") || b[i] != ',' {
		return 0
	}
	i += len(",")
	if r.HasMode = b[i] == ','; r.HasMode {
		if len(b)-i < len(",A*00") || b[i+1]-'A' > 25 {
			return 0
		}
		i += len(",A")
	}
	if b[i] != '*' || upperHex(b[i+1])|upperHex(b[i+2]) > 15 {
		return 0
	}
	at := c.Pos()
	if r.Talker = "GP"; b[1] != 'G' || b[2] != 'P' {
		r.Talker = c.TextAt(at+1, 2)
	}
	r.Time = Join(day, em.Some(clock))
	r.Variation, r.VariationDir, r.Mode = "", "", ""
	if r.HasMode {
		r.Mode = c.TextAt(at+i-1, 1)
	}
	r.Check = c.TextAt(at+i+1, 2)
	return i + len("*00")
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
