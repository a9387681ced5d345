package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// A segment is a run of arrivals of one device in one stream, each written as what
// differs from the one before. It loses nothing: every field comes back bit for
// bit. A position report of a usual tracker takes some twenty bytes, of which four
// are the nanoseconds of its reception; what else its frame says takes a byte where
// it was said before.

// arrival is one reception of an observation, and the number of its frame.
type arrival struct {
	em.Observation
	frame int64
}

// key is the time that the ID is over: a repeated observation has the same.
func key(o *em.Observation) time.Time {
	if o.DeviceAt.IsZero() {
		return o.Received
	}
	return o.DeviceAt
}

// segmentVersion is the first byte of a segment. One that was begun in the version
// before is continued in it.
const (
	segmentVersion  = 2
	segmentVersion1 = 1 // knows no follows
)

// What is said of an arrival first. The usual ones take one byte.
const (
	alike     = 1 << iota // a fix with the same things known as of the fix before
	hasSerial             // it has a serial number
	isStored
	isPart     // Part is not 0
	noDeviceAt // the frame carries no time
	otherAt    // At is not the key
	follows    // it is the next part of the frame of the arrival before; of the rest there is only the body
	otherFrame // its frame is in another chunk than that of the arrival before
	oddID      // the ID is not that of its content, and stands here
)

// An arrival that follows needs the flags from hasSerial on to otherAt for nothing else:
// in them stands which body it is, from 1 on, of the first that stood in the segment.
const (
	bodyShift = 1
	bodyMost  = 1<<5 - 1
)

func bodyOf(flags uint64) int { return int(flags >> bodyShift & bodyMost) }

// flags1 and fromFlags1 are the flags as version 1 has them: otherFrame and oddID stand
// where follows would.
func flags1(f uint64) uint64     { return f&(follows-1) | f>>1&^(follows-1) }
func fromFlags1(f uint64) uint64 { return f&(follows-1) | f&^(follows-1)<<1 }

// Bodies that are not alike.
const (
	newFix   = iota // a fix with its words and what is known of it
	newBody         // the binary form
	sameBody        // and above: a body that stood in this segment already
)

// coder writes or reads one segment; both leave it in the same state, so that a
// segment that was read can be continued.
type coder struct {
	version   byte
	n         int
	at, heard span // of the arrivals
	newest    time.Time
	newestOf  []newestOf // what has newest as its key

	sec, step int64 // of the key before, and how far it lay from its own
	lag       int64 // how long after its key the arrival before came, if that was told; 0 in version 1
	seq       uint64
	frame     int64
	last      head     // of the arrival before
	bodies    []string // binary forms that stood here
	fix       fixShape
	numbers   [7]number
	sats      int64
}

// head is what an arrival says besides its body, but for the frame and the number of
// the part: those of one frame have it in common.
type head struct {
	key, at, received moment
	seq               em.Opt[uint64]
	part              uint16
	timed, stored     bool
}

// moment is a time in less memory.
type moment struct {
	sec int64
	ns  int32
}

func momentOf(t time.Time) moment { return moment{t.Unix(), int32(t.Nanosecond())} }
func (m moment) time() time.Time  { return time.Unix(m.sec, int64(m.ns)).UTC() }

func headOf(o *em.Observation, key time.Time) head {
	return head{momentOf(key), momentOf(o.At), momentOf(o.Received), o.Seq, o.Part, !o.DeviceAt.IsZero(), o.Stored}
}

// next is the head of the next part of the same frame.
func (h head) next() head {
	h.part++
	return h
}

// give gives an observation all but its body.
func (h head) give(o *em.Observation) {
	o.At, o.Received, o.Seq, o.Part, o.Stored = h.at.time(), h.received.time(), h.seq, h.part, h.stored
	if h.timed {
		o.DeviceAt = h.key.time()
	}
}

// newestOf is an arrival as far as it tells whether another is of the same observation.
type newestOf struct {
	id em.ObservationID
	at time.Time
	reception
}

// span is a closed interval of seconds since 1970.
type span struct{ from, to int64 }

func (s *span) add(first bool, t time.Time) {
	sec := t.Unix()
	if first {
		*s = span{sec, sec}
	}
	s.from, s.to = min(s.from, sec), max(s.to, sec)
}

func (s *span) join(o span) { s.from, s.to = min(s.from, o.from), max(s.to, o.to) }

// fixShape is what a fix says without its numbers.
type fixShape struct {
	validity em.FixValidity
	source   em.FixSource
	known    uint8
}

// optional are the numbers of a fix that may be absent, but for the satellites.
func optional(f *em.Fix) [5]*em.Opt[float64] {
	return [5]*em.Opt[float64]{&f.Accuracy, &f.HDOP, &f.Altitude, &f.Speed, &f.Course}
}

const knownSatellites = 1 << 5

func shapeOf(f *em.Fix) fixShape {
	s := fixShape{validity: f.Validity, source: f.Source}
	for i, o := range optional(f) {
		if o.OK {
			s.known |= 1 << i
		}
	}
	if f.Satellites.OK {
		s.known |= knownSatellites
	}
	return s
}

// number is a number of a fix before: an integer and by what it is divided.
type number struct {
	n     int64
	scale uint8
}

// scales are by what devices divide the integers that they send. They are part of
// the form: more may follow at the end.
var scales = [...]float64{1, 10, 100, 1000, 3.6, 36, 1e5, 1e6, 1e7, 1.8e6, 6e5, 6e6}

// rawScale stands for a number as it is.
const rawScale = 63

// whole returns v as an integer to be divided by scale, if that gives v again.
func whole(v, scale float64) (int64, bool) {
	f := math.Round(v * scale)
	if !(math.Abs(f) < 1<<53) {
		return 0, false
	}
	return int64(f), math.Float64bits(float64(int64(f))/scale) == math.Float64bits(v) // -0 is no integer
}

func zigzag(n int64) uint64   { return uint64(n)<<1 ^ uint64(n>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func (s *number) append(dst []byte, v float64) []byte {
	if n, ok := whole(v, scales[s.scale]); ok {
		dst = em.AppendUint(dst, zigzag(n-s.n)<<1)
		s.n = n
		return dst
	}
	for i, scale := range scales {
		if n, ok := whole(v, scale); ok {
			*s = number{n, uint8(i)}
			return em.AppendInt(em.AppendUint(dst, uint64(i)<<1|1), n)
		}
	}
	return binary.BigEndian.AppendUint64(em.AppendUint(dst, rawScale<<1|1), math.Float64bits(v))
}

func (s *number) read(r *em.StateReader) float64 {
	u := r.Uint()
	switch scale := u >> 1; {
	case u&1 == 0:
		s.n += unzigzag(scale)
	case scale == rawScale:
		if b := r.Bytes(8); b != nil {
			return math.Float64frombits(binary.BigEndian.Uint64(b))
		}
		return 0
	case scale >= uint64(len(scales)):
		r.Fail("unknown scale")
	default:
		*s = number{r.Int(), uint8(scale)}
	}
	return float64(s.n) / scales[s.scale]
}

// appendSince appends an instant by its distance in seconds from another one.
func appendSince(dst []byte, t time.Time, sec int64) []byte {
	v := zigzag(t.Unix()-sec) << 1
	ns := t.Nanosecond()
	if ns == 0 {
		return em.AppendUint(dst, v)
	}
	return binary.LittleEndian.AppendUint32(em.AppendUint(dst, v|1), uint32(ns))
}

func readSince(r *em.StateReader, sec int64) time.Time {
	v := r.Uint()
	var ns uint32
	if v&1 == 1 {
		if b := r.Bytes(4); b != nil {
			ns = binary.LittleEndian.Uint32(b)
		}
	}
	if ns > 999_999_999 {
		r.Fail("nanoseconds out of range")
		ns = 0
	}
	return time.Unix(sec+unzigzag(v>>1), int64(ns)).UTC()
}

// nameless is how the binary form of an observation begins that has nothing but a
// body.
var nameless = func() []byte {
	b, _ := em.Observation{Body: &em.Comms{}}.AppendBinary(nil) // it has a body
	return b[:bytes.Index(b, em.AppendString(nil, string(em.KindComms)))]
}()

// append writes one more arrival.
func (c *coder) append(dst []byte, a *arrival) ([]byte, error) {
	o := &a.Observation
	if c.n == 0 {
		c.version = segmentVersion
		dst = append(dst, c.version)
	}
	fix, isFix := o.Body.(*em.Fix)
	var shape fixShape
	flags := uint64(0)
	set := func(bit uint64, is bool) {
		if is {
			flags |= bit
		}
	}
	if isFix {
		shape = shapeOf(fix)
		set(alike, shape == c.fix)
	}
	k := key(o)
	h := headOf(o, k)
	set(follows, c.version > segmentVersion1 && c.n > 0 && a.frame == c.frame && c.last.part < math.MaxUint16 && h == c.last.next())
	set(oddID, o.Stamp(o.Received).ID != o.ID)
	body, isNew := 0, false
	if !isFix {
		// Its form mostly is known.
		var room [256]byte
		all, err := em.Observation{Body: o.Body}.AppendBinary(room[:0])
		if err != nil {
			return dst, fmt.Errorf("record: %w", err)
		}
		form := all[len(nameless):]
		if body = slices.IndexFunc(c.bodies, func(b string) bool { return b == string(form) }); body < 0 {
			body, isNew = len(c.bodies), true
			c.bodies = append(c.bodies, string(form))
		}
	}
	if flags&follows != 0 {
		if !isFix && !isNew && body < bodyMost {
			flags |= uint64(body+1) << bodyShift
		}
	} else {
		set(hasSerial, o.Seq.OK)
		set(isStored, o.Stored)
		set(isPart, o.Part != 0)
		set(noDeviceAt, o.DeviceAt.IsZero())
		set(otherAt, !o.At.Equal(k))
		set(otherFrame, chunkOf(a.frame) != chunkOf(c.frame))
	}
	if c.version == segmentVersion1 {
		dst = em.AppendUint(dst, flags1(flags))
	} else {
		dst = em.AppendUint(dst, flags)
	}
	if flags&oddID != 0 {
		dst = append(dst, o.ID[:]...)
	}
	if flags&follows == 0 {
		dst = c.appendHead(dst, a, k, flags)
	}
	switch {
	case flags&alike != 0:
	case isFix:
		dst = em.AppendUint(dst, newFix)
		dst = em.AppendString(em.AppendString(dst, string(shape.validity)), string(shape.source))
		dst = append(dst, shape.known)
	case flags&follows != 0 && bodyOf(flags) > 0:
	case isNew:
		dst = em.AppendString(em.AppendUint(dst, newBody), c.bodies[body])
	default:
		dst = em.AppendUint(dst, sameBody+uint64(body))
	}
	if isFix {
		c.fix = shape
		dst = c.numbers[0].append(dst, fix.Lat)
		dst = c.numbers[1].append(dst, fix.Lng)
		for i, v := range optional(fix) {
			if v.OK {
				dst = c.numbers[2+i].append(dst, v.V)
			}
		}
		if fix.Satellites.OK {
			n := int64(fix.Satellites.V)
			dst = em.AppendInt(dst, n-c.sats)
			c.sats = n
		}
	}
	c.last = h
	c.note(a, k, flags&follows != 0)
	return dst, nil
}

// appendHead writes what an arrival says that does not follow.
func (c *coder) appendHead(dst []byte, a *arrival, k time.Time, flags uint64) []byte {
	o := &a.Observation
	dst = appendSince(dst, k, c.sec+c.step)
	if flags&noDeviceAt == 0 {
		dst = appendSince(dst, o.Received, k.Unix()+c.lag)
	}
	if flags&otherAt != 0 {
		dst = appendSince(dst, o.At, k.Unix())
	}
	if o.Seq.OK {
		dst = em.AppendInt(dst, int64(o.Seq.V-c.seq))
	}
	if o.Part != 0 {
		dst = em.AppendUint(dst, uint64(o.Part))
	}
	if flags&otherFrame != 0 {
		dst = em.AppendInt(dst, chunkOf(a.frame)-chunkOf(c.frame))
	}
	return em.AppendUint(dst, uint64(placeOf(a.frame)))
}

// note takes an arrival as the one before the next.
func (c *coder) note(a *arrival, k time.Time, follower bool) {
	c.at.add(c.n == 0, a.At)
	c.heard.add(c.n == 0, a.Received)
	switch d := k.Compare(c.newest); {
	case c.n == 0 || d > 0:
		c.newest, c.newestOf = k, c.newestOf[:0]
		fallthrough
	case d == 0:
		c.newestOf = append(c.newestOf, newestOf{a.ID, a.At, reception{a.Received, a.Seq}})
	}
	if c.n > 0 && !follower {
		c.step = k.Unix() - c.sec
	}
	if c.version > segmentVersion1 && !a.DeviceAt.IsZero() {
		c.lag = a.Received.Unix() - k.Unix()
	}
	c.sec = k.Unix()
	if a.Seq.OK {
		c.seq = a.Seq.V
	}
	c.frame = a.frame
	c.n++
}

// read reads one more arrival of a device.
func (c *coder) read(r *em.StateReader, device em.DeviceID) arrival {
	if c.n == 0 {
		if v := r.Bytes(1); v != nil {
			if c.version = v[0]; c.version != segmentVersion && c.version != segmentVersion1 {
				r.Fail(fmt.Sprintf("segment version %d", c.version))
			}
		}
	}
	a := arrival{Observation: em.Observation{Device: device}}
	o := &a.Observation
	flags := r.Uint()
	if c.version == segmentVersion1 {
		flags = fromFlags1(flags)
	}
	if flags&oddID != 0 {
		copy(o.ID[:], r.Bytes(len(o.ID)))
	}
	body := 0
	if flags&follows == 0 {
		c.readHead(r, &a, flags)
	} else {
		if c.n == 0 || c.last.part == math.MaxUint16 {
			r.Fail("it follows none")
		}
		c.last.next().give(o)
		a.frame = c.frame
		if body = bodyOf(flags); body > 0 && flags&alike != 0 {
			r.Fail("a body and a position")
		}
	}
	if body == 0 {
		c.readBody(r, o, flags&alike != 0)
	} else {
		c.sameBody(r, o, uint64(body-1))
	}
	if r.Err() != nil {
		return a
	}
	if flags&oddID == 0 {
		o.ID = o.Stamp(o.Received).ID
	}
	k := key(o)
	c.last = headOf(o, k)
	c.note(&a, k, flags&follows != 0)
	return a
}

// readHead reads what an arrival says that does not follow.
func (c *coder) readHead(r *em.StateReader, a *arrival, flags uint64) {
	o := &a.Observation
	k := readSince(r, c.sec+c.step)
	o.Received, o.At = k, k
	if flags&noDeviceAt == 0 {
		o.DeviceAt = k
		o.Received = readSince(r, k.Unix()+c.lag)
	}
	if flags&otherAt != 0 {
		o.At = readSince(r, k.Unix())
	}
	if flags&hasSerial != 0 {
		o.Seq = em.Some(c.seq + uint64(r.Int()))
	}
	if flags&isPart != 0 {
		part := r.Uint()
		if part > math.MaxUint16 {
			r.Fail("part out of range")
		}
		o.Part = uint16(part)
	}
	o.Stored = flags&isStored != 0
	chunk := chunkOf(c.frame)
	if flags&otherFrame != 0 {
		chunk += r.Int()
	}
	place := r.Uint()
	if place >= framesPerChunk {
		r.Fail("place of a frame out of range")
	}
	a.frame = frameNumber(chunk, int(place))
}

func (c *coder) readBody(r *em.StateReader, o *em.Observation, isAlike bool) {
	if !isAlike {
		switch what := r.Uint(); what {
		case newFix:
			c.fix = fixShape{em.FixValidity(r.String()), em.FixSource(r.String()), 0}
			if b := r.Bytes(1); b != nil {
				c.fix.known = b[0]
			}
		case newBody:
			c.bodies = append(c.bodies, r.String())
			what = sameBody + uint64(len(c.bodies)-1)
			fallthrough
		default:
			c.sameBody(r, o, what-sameBody)
			return
		}
	}
	fix := &em.Fix{Validity: c.fix.validity, Source: c.fix.source}
	fix.Lat, fix.Lng = c.numbers[0].read(r), c.numbers[1].read(r)
	for i, v := range optional(fix) {
		if c.fix.known&(1<<i) != 0 {
			*v = em.Some(c.numbers[2+i].read(r))
		}
	}
	if c.fix.known&knownSatellites != 0 {
		c.sats += r.Int()
		fix.Satellites = em.Some(int(c.sats))
	}
	o.Body = fix
}

// sameBody gives an observation a body that stood in this segment.
func (c *coder) sameBody(r *em.StateReader, o *em.Observation, n uint64) {
	if n >= uint64(len(c.bodies)) {
		r.Fail("unknown body")
		return
	}
	var of em.Observation
	if err := of.UnmarshalBinary(append(slices.Clone(nameless), c.bodies[n]...)); err != nil {
		r.Fail(err.Error())
		return
	}
	o.Body = of.Body
}

// usualBytes is about what an arrival takes.
const usualBytes = 16

// readAll appends the arrivals of a segment, and leaves c where it can be
// continued.
func (c *coder) readAll(dst []arrival, data []byte, device em.DeviceID) ([]arrival, error) {
	r := em.NewStateReader(data)
	for r.More() {
		dst = append(dst, c.read(r, device))
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("record: segment: %w", err)
	}
	return dst, nil
}
