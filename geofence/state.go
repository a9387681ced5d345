package geofence

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
)

// stateVersion is the first byte of a state. 2: the last fixes of devices; 3: rows
// that add up; 4: rest as a mean of fixes; 5: coverage; 6: motion by itself; 7:
// what else says where a device is, and precise fixes of rows; 8: how good the fix is
// from which a pace is told; 9: since when devices rest, their ways between paces, and
// what is left open by itself. A state of another version is refused; em.Timeline passes
// over such checkpoints and goes back to the beginning.
const stateVersion = 9

// AppendBinary appends the state: before the first fix it is empty. It holds
// zones by their ID, so that it may be read by a Tracker over other zones. It
// implements encoding.BinaryAppender.
func (t *Tracker) AppendBinary(dst []byte) ([]byte, error) {
	if len(t.entries) == 0 && len(t.ways) == 0 && t.rough.at.IsZero() {
		return dst, nil
	}
	dst = append(dst, stateVersion)
	dst = em.AppendTime(em.AppendTime(dst, t.last), t.look)
	rough := !t.rough.at.IsZero()
	if dst = append(dst, flags(rough)); rough {
		dst = appendReading(dst, &t.rough)
	}
	dst = em.AppendUint(dst, uint64(len(t.ways)))
	for i := range t.ways {
		w := &t.ways[i]
		dst = em.AppendString(dst, string(w.device))
		doubted := w.doubt.Detail.Kind != ""
		dst = append(dst, flags(doubted, w.net != nil, w.net != nil && w.net.sure, w.foe != nil), byte(w.trust-distrusted))
		for _, n := range [...]*witness{w.net, w.foe} {
			if n != nil {
				dst = appendReading(dst, &n.reading)
			}
		}
		if doubted {
			var err error
			if dst, err = w.doubt.AppendBinary(dst); err != nil {
				return dst, fmt.Errorf("geofence: state: %w", err)
			}
		}
		dst = appendReading(w.motion.append(dst), &w.good)
		dst = em.AppendUint(dst, uint64(w.odds))
		if w.odds > 0 {
			dst = em.AppendUint(dst, uint64(len(w.odd)))
			for k := range w.odd {
				dst = appendReading(dst, &w.odd[k])
			}
		}
	}
	dst = em.AppendUint(dst, uint64(len(t.entries)))
	for i := range t.entries {
		e := &t.entries[i]
		dst = append(em.AppendString(dst, e.zone), byte(e.face), flags(e.open))
		if e.open {
			var err error
			if dst, err = e.told.AppendBinary(dst); err != nil {
				return dst, fmt.Errorf("geofence: state: %w", err)
			}
		}
		if e.face == coverage {
			dst = e.left.append(dst)
		} else {
			dst = e.run.append(dst)
		}
	}
	return dst, nil
}

func (r *run) append(dst []byte) []byte {
	if dst = em.AppendUint(dst, uint64(r.fixes)); r.fixes == 0 {
		return dst
	}
	dst = append(dst, flags(r.firm, r.sure, r.already, r.whole))
	dst = em.AppendFloat(em.AppendTime(em.AppendTime(em.AppendTime(dst, r.first), r.since), r.precise), r.sum)
	for _, id := range r.ids {
		dst = append(dst, id[:]...)
	}
	return dst
}

func (r *run) read(s *em.StateReader) {
	fixes := s.Uint()
	if r.fixes = int(fixes); r.fixes < 0 || uint64(r.fixes) != fixes {
		s.Fail("number of fixes out of range")
	}
	if fixes == 0 {
		return
	}
	readFlags(s, &r.firm, &r.sure, &r.already, &r.whole)
	r.first, r.since, r.precise, r.sum = s.Time(), s.Time(), s.Time(), s.Float()
	for range min(fixes, maxRun) {
		r.ids = append(r.ids, readID(s))
	}
	if r.first.IsZero() || !(r.sum >= 0 && r.sum <= maxSum) {
		s.Fail("a row that is none")
	}
}

func (l *left) append(dst []byte) []byte {
	dst = em.AppendUint(append(dst, flags(l.clear)), uint64(len(l.ids)))
	for _, id := range l.ids {
		dst = append(dst, id[:]...)
	}
	dst = em.AppendTime(em.AppendTime(dst, l.first), l.since)
	dst = em.AppendUint(em.AppendUint(dst, uint64(l.clears)), uint64(l.wrongs))
	if l.wrongs > 0 {
		dst = append(em.AppendTime(dst, l.wrong), l.by[:]...)
	}
	return dst
}

// maxLeft bounds left.ids.
const maxLeft = 2

func (l *left) read(s *em.StateReader) {
	readFlags(s, &l.clear)
	n := s.Uint()
	if n > maxLeft {
		s.Fail("too many fixes that leave a zone open")
		return
	}
	for range n {
		l.ids = append(l.ids, readID(s))
	}
	l.first, l.since = s.Time(), s.Time()
	clears, wrongs := s.Uint(), s.Uint()
	if clears > maxCount || wrongs > maxCount {
		s.Fail("number of fixes out of range")
		return
	}
	if l.clears, l.wrongs = int(clears), int(wrongs); wrongs > 0 {
		l.wrong, l.by = s.Time(), readID(s)
	}
	if (n == 0) != l.first.IsZero() || (clears == 0) != l.since.IsZero() || (wrongs == 0) != l.wrong.IsZero() {
		s.Fail("what is left open is none")
	}
}

func readID(s *em.StateReader) (id em.ObservationID) {
	copy(id[:], s.Bytes(len(id)))
	return id
}

// flags packs truth values into a byte, the first into the lowest bit.
func flags(of ...bool) (b byte) {
	for i, v := range of {
		if v {
			b |= 1 << i
		}
	}
	return b
}

// readFlags reads what flags packed.
func readFlags(r *em.StateReader, to ...*bool) {
	b := r.Bytes(1)
	if b == nil {
		return
	}
	if b[0]>>len(to) != 0 {
		r.Fail("an unknown flag")
	}
	for i, v := range to {
		*v = b[0]>>i&1 != 0
	}
}

func appendPlace(dst []byte, p em.LatLng) []byte {
	return em.AppendFloat(em.AppendFloat(dst, p.Lat), p.Lng)
}

func readPlace(r *em.StateReader) em.LatLng {
	p := em.LatLng{Lat: r.Float(), Lng: r.Float()}
	if !p.Valid() {
		r.Fail("a position that is none")
	}
	return p
}

// A fix of a way is none of cells.
func appendReading(dst []byte, q *reading) []byte {
	dst = em.AppendTime(append(dst, q.id[:]...), q.at)
	dst = em.AppendFloat(appendPlace(dst, q.p), q.r95)
	dst = append(dst, byte(q.origin), flags(q.drift))
	return em.AppendOpt(dst, q.speed, em.AppendFloat)
}

func readReading(r *em.StateReader) reading {
	var q reading
	copy(q.id[:], r.Bytes(len(q.id)))
	q.at, q.p, q.r95 = r.Time(), readPlace(r), r.Float()
	if b := r.Bytes(1); b != nil {
		if q.origin = origin(b[0]); q.origin >= origins {
			r.Fail("an unknown origin of a radius")
		}
	}
	readFlags(r, &q.drift)
	q.speed = em.ReadOpt(r, (*em.StateReader).Float)
	if q.at.IsZero() || !(q.r95 > 0) || math.IsInf(q.r95, 1) || !(q.speed.V >= 0 && q.speed.V < maxReported) {
		r.Fail("a fix that is none")
	}
	return q
}

func (m *motion) append(dst []byte) []byte {
	paced := !m.pace.at.IsZero()
	if dst = append(dst, flags(m.speeds, paced), byte(m.moves)); paced {
		dst = em.AppendTime(em.AppendFloat(appendPlace(dst, m.pace.p), m.pace.r95), m.pace.at)
		dst = em.AppendOpt(dst, m.pace.v, em.AppendFloat)
		dst = em.AppendInt(em.AppendFloat(em.AppendFloat(appendPlace(dst, m.pace.last), m.pace.path), m.pace.most), int64(m.pace.lastAt))
	}
	dst = em.AppendUint(dst, uint64(m.rest.fixes))
	if m.rest.fixes > 0 {
		dst = em.AppendTime(em.AppendFloat(appendPlace(dst, m.rest.p), m.rest.r95), m.rest.since)
	}
	return dst
}

// readMotion reads a motion. One of a state of before 8 does not say how good the fix of
// its pace is, and one of before 9 nothing of the way since then, nor since when it rests.
func readMotion(r *em.StateReader, version byte) motion {
	var m motion
	paced := false
	readFlags(r, &m.speeds, &paced)
	if b := r.Bytes(1); b != nil {
		if m.moves = int(b[0]); m.moves > leaveRest {
			r.Fail("too many moving fixes in a row")
		}
	}
	if paced {
		m.pace.p = readPlace(r)
		if version >= 8 {
			m.pace.r95 = r.Float()
		}
		m.pace.at, m.pace.v = r.Time(), em.ReadOpt(r, (*em.StateReader).Float)
		if m.pace.last = m.pace.p; version >= 9 {
			m.pace.last, m.pace.path, m.pace.most, m.pace.lastAt = readPlace(r), r.Float(), r.Float(), time.Duration(r.Int())
		}
		if m.pace.lastAt < 0 || m.pace.lastAt > paceMost || !(m.pace.path >= 0) || math.IsInf(m.pace.path, 1) || !(m.pace.most >= 0 && m.pace.most <= m.pace.path) {
			r.Fail("a way that is none")
		}
		if m.pace.at.IsZero() || !(m.pace.r95 >= 0) || math.IsInf(m.pace.r95, 1) || !(m.pace.v.V >= 0) || math.IsInf(m.pace.v.V, 1) {
			r.Fail("a pace that is none")
		}
	}
	if n := r.Uint(); n > maxRested {
		r.Fail("too many fixes of a rest")
	} else if n > 0 {
		m.rest = rest{p: readPlace(r), r95: r.Float(), fixes: int(n)}
		if version >= 9 {
			m.rest.since = r.Time()
		}
		if !(m.rest.r95 > 0) || math.IsInf(m.rest.r95, 1) {
			r.Fail("a rest that is none")
		}
	}
	return m
}

func readWitness(r *em.StateReader, sure bool) *witness {
	n := &witness{readReading(r), sure}
	n.coarse = true
	return n
}

func readWay(r *em.StateReader) way {
	w := way{device: em.DeviceID(r.String())}
	doubted, net, sure, foe := false, false, false, false
	readFlags(r, &doubted, &net, &sure, &foe)
	if b := r.Bytes(1); b != nil {
		if w.trust = int(b[0]) + distrusted; w.trust > MaxOutlierRun {
			r.Fail("too many fixes in a row")
		}
	}
	if net {
		w.net = readWitness(r, sure)
	}
	if foe {
		w.foe = readWitness(r, true)
	}
	if doubted {
		w.doubt = em.ReadEvent(r)
		if d := &w.doubt; d.Detail.Kind != EventDoubted || d.About != string(w.device) || !d.Open() || d.At.IsZero() || len(d.Because) >= em.MaxBecause {
			r.Fail("not an open doubt")
		}
	}
	w.motion = readMotion(r, stateVersion)
	w.good = readReading(r)
	odds := r.Uint()
	if odds > 2*MaxOutlierRun {
		r.Fail("too many fixes that do not agree")
		return w
	}
	if w.odds = int(odds); odds == 0 && (doubted && !net || foe) {
		r.Fail("a doubt without fixes")
	}
	if odds == 0 {
		return w
	}
	n := r.Uint()
	if n < 1 || n > min(odds, MaxOutlierRun) {
		r.Fail("number of fixes that do not agree")
		return w
	}
	for range n {
		w.odd = append(w.odd, readReading(r))
	}
	return w
}

func readEntry(r *em.StateReader) entry {
	e := entry{zone: r.String()}
	if b := r.Bytes(1); b != nil {
		if e.face = face(b[0]); e.face >= faces {
			r.Fail("an unknown face of a zone")
		}
	}
	readFlags(r, &e.open)
	if e.open {
		e.told = em.ReadEvent(r)
		if _, ok := wordsOf[e.told.Detail.Kind]; !ok || e.told.About != e.zone || !e.told.Open() || e.told.At.IsZero() || len(e.told.Because) > maxRun {
			r.Fail("not an open zone event")
		}
	}
	if e.face == coverage {
		e.left.read(r)
	} else {
		e.run.read(r)
	}
	if !e.open && e.run.fixes == 0 && e.left.first.IsZero() {
		r.Fail("zone without content")
	}
	return e
}

// UnmarshalBinary replaces the state by one that AppendBinary wrote. Errors
// wrap em.ErrState and leave the state as it was.
func (t *Tracker) UnmarshalBinary(b []byte) error {
	n := Tracker{x: t.x, c: t.c, few: t.few, outside: t.outside, routes: t.routes, near: t.near, use: t.use, refused: t.refused}
	if len(b) == 0 {
		*t = n
		return nil
	}
	r := em.NewStateReader(b)
	if v := r.Bytes(1); v != nil && v[0] != stateVersion {
		r.Fail(fmt.Sprintf("zones version %d", v[0]))
	}
	n.last, n.look = r.Time(), r.Time()
	rough := false
	if readFlags(r, &rough); rough {
		n.rough = readReading(r)
		n.rough.coarse = true
	}
	for left := r.Len(); left > 0 && r.Err() == nil; left-- {
		w := readWay(r)
		if k := len(n.ways); k > 0 && n.ways[k-1].device >= w.device || k == maxWays {
			r.Fail("devices out of order")
		}
		n.ways = append(n.ways, w)
	}
	open := false
	for left := r.Len(); left > 0 && r.Err() == nil; left-- {
		e := readEntry(r)
		open = open || e.open
		if k := len(n.entries); k > 0 && n.entries[k-1].compare(e.zone, e.face) >= 0 {
			r.Fail("zones out of order")
		}
		n.entries = append(n.entries, e)
	}
	if open == n.last.IsZero() || len(n.entries) == 0 && len(n.ways) == 0 && !rough {
		r.Fail("not canonical")
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("geofence: %w", err)
	}
	if again, err := n.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("geofence: %w: not canonical", em.ErrState)
	}
	*t = n
	return nil
}
