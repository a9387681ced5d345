package alcohol

import (
	"math"

	"github.com/sargas-em/em"
)

const transdermalStateVersion = 1

// AppendBinary appends the canonical state. It implements
// encoding.BinaryAppender and never fails.
func (e *Transdermal) AppendBinary(dst []byte) ([]byte, error) {
	if len(e.tracks) == 0 {
		return dst, nil
	}
	dst = append(dst, transdermalStateVersion)
	dst = em.AppendUint(dst, uint64(len(e.tracks)))
	for _, t := range e.tracks {
		dst = appendTrack(dst, t)
	}
	return dst, nil
}

// UnmarshalBinary replaces the state by what AppendBinary wrote; no bytes are
// the state before the first observation. Errors wrap em.ErrState and leave the
// state as it was.
func (e *Transdermal) UnmarshalBinary(b []byte) error {
	var tracks []*track
	if len(b) > 0 {
		r := em.NewStateReader(b)
		if v := r.Bytes(1); v != nil && v[0] != transdermalStateVersion {
			r.Fail("version of the transdermal state")
		}
		for range readLen(r, maxTransdermalDevices) {
			t := readTrack(r)
			if n := len(tracks); n > 0 && tracks[n-1].device >= t.device {
				r.Fail("order of the devices")
			}
			tracks = append(tracks, t)
		}
		if r.Err() == nil && len(tracks) == 0 {
			r.Fail("no device")
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	e.tracks = tracks
	return nil
}

func appendTrack(dst []byte, t *track) []byte {
	dst = em.AppendString(dst, string(t.device))
	dst = em.AppendTime(em.AppendTime(dst, t.seen), t.good)
	dst = appendFigures(dst, t.same)

	f := &t.fault
	dst = em.AppendString(dst, f.class)
	if f.class != "" {
		dst = em.AppendTime(em.AppendTime(dst, f.from), f.to)
		dst = appendIDs(em.AppendUint(dst, f.n), f.ids)
		dst = append(em.AppendInt(dst, f.given.Number.Coef), f.given.Number.Scale)
		dst = em.AppendString(dst, string(f.given.Unit))
	}
	x := &t.flat
	dst = em.AppendUint(dst, x.n)
	if x.n > 0 {
		dst = em.AppendTime(em.AppendTime(dst, x.from), x.to)
		dst = em.AppendBool(appendIDs(dst, x.ids), x.told)
	}

	dst = em.AppendTime(dst, t.kept)
	dst = em.AppendUint(dst, uint64(len(t.window)))
	for _, p := range t.window {
		dst = appendPoint(dst, p)
	}
	dst = em.AppendUint(dst, uint64(t.next))
	dst = em.AppendOpt(dst, t.prev, appendPoint)
	for _, x := range []*excursion{t.cur, t.done} {
		dst = em.AppendBool(dst, x != nil)
		if x != nil {
			dst = appendExcursion(dst, x)
		}
	}
	dst = em.AppendUint(dst, uint64(len(t.held)))
	for i := range t.held {
		dst = appendExcursion(dst, &t.held[i])
	}
	dst = em.AppendUint(dst, uint64(len(t.marks)))
	for _, m := range t.marks {
		dst = em.AppendTime(em.AppendTime(append(dst, byte(m.why)), m.from), m.to)
	}
	return appendWear(dst, &t.wear)
}

func readTrack(r *em.StateReader) *track {
	t := &track{device: em.DeviceID(r.String()), seen: r.Time(), good: r.Time(), same: readFigures(r)}
	if t.seen.IsZero() {
		r.Fail("a device without a reading")
	}
	f := &t.fault
	if f.class = r.String(); f.class != "" {
		if faultKinds[f.class] == "" {
			r.Fail("class of a refused reading")
		}
		f.from, f.to, f.n, f.ids = r.Time(), r.Time(), r.Uint(), readIDs(r)
		f.given.Number.Coef = r.Int()
		if b := r.Bytes(1); b != nil {
			f.given.Number.Scale = b[0]
		}
		f.given.Unit = em.AlcoholUnit(r.String())
	}
	if x := &t.flat; true {
		if x.n = r.Uint(); x.n > 0 {
			x.from, x.to, x.ids, x.told = r.Time(), r.Time(), readIDs(r), r.Bool()
		}
	}

	t.kept = r.Time()
	for range readLen(r, 4*maxMeanReadings) {
		t.window = append(t.window, readPoint(r))
	}
	next := r.Uint()
	if next > 0 && next >= uint64(len(t.window)) {
		r.Fail("window of readings")
		next = 0
	}
	t.next = int(next)
	t.prev = em.ReadOpt(r, readPoint)
	for _, x := range []**excursion{&t.cur, &t.done} {
		if r.Bool() {
			*x = readExcursion(r)
		}
	}
	if t.kept.IsZero() && (len(t.window) > 0 || t.prev.OK || t.cur != nil || t.done != nil) {
		r.Fail("levels without a reading")
	}
	for range readLen(r, maxHeld) {
		t.held = append(t.held, *readExcursion(r))
	}
	for range readLen(r, maxMarks) {
		var m mark
		if b := r.Bytes(1); b != nil {
			m.why = doubt(b[0])
		}
		if m.why < doubtSaturated || m.why > doubtOff {
			r.Fail("kind of a mark")
		}
		m.from, m.to = r.Time(), r.Time()
		t.marks = append(t.marks, m)
	}
	t.wear = readWear(r)
	if len(t.held) > 0 && !t.wear.waiting() {
		r.Fail("episodes that wait for nothing")
	}
	return t
}

func appendExcursion(dst []byte, x *excursion) []byte {
	dst = em.AppendOpt(dst, x.foot, appendPoint)
	for _, p := range []point{x.first, x.peak, x.end} {
		dst = appendPoint(dst, p)
	}
	dst = em.AppendFloat(em.AppendInt(dst, int64(x.rawPeak)), x.area)
	dst = em.AppendUint(em.AppendUint(dst, x.n), x.run)
	return em.AppendBool(appendIDs(dst, x.runIDs), x.core)
}

func readExcursion(r *em.StateReader) *excursion {
	x := &excursion{foot: em.ReadOpt(r, readPoint), first: readPoint(r), peak: readPoint(r), end: readPoint(r)}
	x.rawPeak, x.area = readLevel(r), readFinite(r)
	x.n, x.run, x.runIDs, x.core = r.Uint(), r.Uint(), readIDs(r), r.Bool()
	if x.end.at.Before(x.peak.at) || x.peak.at.Before(x.start().at) || x.n == 0 {
		r.Fail("order of an episode")
	}
	return x
}

func appendPoint(dst []byte, p point) []byte {
	dst = em.AppendTime(append(dst, p.id[:]...), p.at)
	return em.AppendInt(em.AppendInt(dst, int64(p.raw)), int64(p.v))
}

func readPoint(r *em.StateReader) point {
	return point{readID(r), r.Time(), readLevel(r), readLevel(r)}
}

func readLevel(r *em.StateReader) level {
	v := level(r.Int())
	if v > maxLevel || v < -maxLevel {
		r.Fail("level out of range")
		return 0
	}
	return v
}

func readFinite(r *em.StateReader) float64 {
	v := r.Float()
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.Fail("a figure is not a number")
	}
	return v
}

func appendFigures(dst []byte, f figures) []byte {
	dst = em.AppendOpt(em.AppendInt(dst, int64(f.v)), f.temp, em.AppendFloat)
	return em.AppendOpt(em.AppendOpt(dst, f.ir, em.AppendFloat), f.motion, em.AppendFloat)
}

func readFigures(r *em.StateReader) figures {
	return figures{readLevel(r), em.ReadOpt(r, readFinite), em.ReadOpt(r, readFinite), em.ReadOpt(r, readFinite)}
}

func appendIDs(dst []byte, ids []em.ObservationID) []byte {
	dst = em.AppendUint(dst, uint64(len(ids)))
	for _, id := range ids {
		dst = append(dst, id[:]...)
	}
	return dst
}

func readIDs(r *em.StateReader) (ids []em.ObservationID) {
	for range readLen(r, maxRunIDs) {
		ids = append(ids, readID(r))
	}
	return ids
}

func appendWear(dst []byte, w *wear) []byte {
	dst = em.AppendOpt(em.AppendTime(dst, w.fitted), w.base, em.AppendFloat)
	dst = em.AppendUint(dst, uint64(len(w.buf)))
	for _, x := range w.buf {
		dst = em.AppendTime(append(dst, x.id[:]...), x.at)
		dst = em.AppendOpt(em.AppendFloat(dst, x.ir), x.temp, em.AppendFloat)
	}
	dst = em.AppendOpt(em.AppendTime(dst, w.kept), w.min, em.AppendFloat)
	dst = em.AppendUint(dst, uint64(len(w.straps)))
	for _, x := range w.straps {
		dst = em.AppendTime(append(dst, x.id[:]...), x.at)
	}
	x := &w.run
	dst = em.AppendUint(dst, x.n)
	if x.n > 0 {
		dst = em.AppendTime(em.AppendTime(dst, x.from), x.last)
		dst = em.AppendFloat(em.AppendUint(dst, x.cold), x.far)
		dst = appendIDs(em.AppendString(dst, x.class), x.ids)
	}
	return dst
}

func readWear(r *em.StateReader) wear {
	w := wear{fitted: r.Time(), base: em.ReadOpt(r, readFinite)}
	for range readLen(r, 2*maxBaselineReadings) {
		w.buf = append(w.buf, infrared{readID(r), r.Time(), readFinite(r), em.ReadOpt(r, readFinite)})
	}
	if w.waiting() && (w.fitted.IsZero() || w.base.OK) {
		r.Fail("infrared readings that wait for nothing")
	}
	w.kept, w.min = r.Time(), em.ReadOpt(r, readFinite)
	for range readLen(r, maxStraps) {
		w.straps = append(w.straps, strap{readID(r), r.Time()})
	}
	x := &w.run
	if x.n = r.Uint(); x.n > 0 {
		x.from, x.last, x.cold, x.far, x.class, x.ids = r.Time(), r.Time(), r.Uint(), readFinite(r), r.String(), readIDs(r)
		switch x.class {
		case "", ClassPotentialTamper, ClassObstruction, ClassRemoval, ClassNotWorn:
		default:
			r.Fail("class of a run")
		}
	}
	return w
}
