package alcohol

import "github.com/sargas-em/em"

const stateVersion = 1

// AppendBinary appends the canonical state. It implements
// encoding.BinaryAppender and never fails.
func (e *Evaluator) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, stateVersion)
	dst = em.AppendTime(dst, e.settled)
	dst = em.AppendBool(dst, e.seen)
	dst = em.AppendTime(dst, e.anchor)
	dst = em.AppendUint(dst, uint64(len(e.sessions)))
	for i := range e.sessions {
		dst = appendSession(dst, &e.sessions[i])
	}
	dst = em.AppendUint(dst, uint64(len(e.pending)))
	for _, p := range e.pending {
		dst = em.AppendTime(appendTest(dst, p.test), p.over)
		dst = em.AppendString(dst, p.class)
		dst = append(dst, p.id[:]...)
	}
	dst = em.AppendUint(dst, uint64(len(e.warned)))
	for _, c := range e.warned {
		dst = em.AppendTime(em.AppendString(dst, string(c.device)), c.due)
	}
	return dst, nil
}

// UnmarshalBinary replaces the state by what AppendBinary wrote; no bytes are
// the state before the first observation. Errors wrap em.ErrState and leave the
// state as it was.
func (e *Evaluator) UnmarshalBinary(b []byte) error {
	var s state
	if len(b) > 0 {
		r := em.NewStateReader(b)
		s = readState(r)
		if err := r.Close(); err != nil {
			return err
		}
	}
	e.state, e.hasDeadline = s, false
	return nil
}

func readState(r *em.StateReader) state {
	var s state
	if v := r.Bytes(1); v != nil && v[0] != stateVersion {
		r.Fail("version of the alcohol state")
	}
	s.settled, s.seen, s.anchor = r.Time(), r.Bool(), r.Time()
	for range readLen(r, maxSessions) {
		s.sessions = append(s.sessions, readSession(r))
	}
	for range readLen(r, maxPending) {
		p := pending{test: readTest(r), over: r.Time(), class: r.String(), id: readID(r)}
		if p.class != "" && p.class != ClassNotReceived && p.class != ClassMissed {
			r.Fail("class of a missing test")
		}
		s.pending = append(s.pending, p)
	}
	for range readLen(r, maxCalibrations) {
		s.warned = append(s.warned, calibration{em.DeviceID(r.String()), r.Time()})
	}
	return s
}

// readLen reads a count; after an error it is zero.
func readLen(r *em.StateReader, limit int) int {
	n := r.Len()
	if n > limit {
		r.Fail("count out of range")
	}
	if r.Err() != nil {
		return 0
	}
	return n
}

func readID(r *em.StateReader) (id em.ObservationID) {
	copy(id[:], r.Bytes(len(id)))
	return id
}

func appendTest(dst []byte, t Test) []byte {
	dst = em.AppendString(em.AppendString(dst, t.ID), string(t.Kind))
	return em.AppendTime(em.AppendTime(dst, t.From), t.To)
}

func readTest(r *em.StateReader) Test {
	return Test{ID: r.String(), Kind: TestKind(r.String()), From: r.Time(), To: r.Time()}
}

func appendSession(dst []byte, s *session) []byte {
	dst = appendTest(dst, s.test)
	dst = em.AppendString(dst, string(s.device))
	dst = em.AppendTime(em.AppendTime(dst, s.anchor), s.first)
	dst = append(dst, byte(s.phase))
	if s.phase != trying {
		dst = appendSample(dst, &s.screen)
	}
	dst = em.AppendUint(dst, s.before)
	for _, n := range s.tries.list() {
		dst = em.AppendUint(dst, *n)
	}
	dst = em.AppendBool(em.AppendTime(dst, s.air), s.alert)
	dst = em.AppendUint(dst, uint64(len(s.because)))
	for _, id := range s.because {
		dst = append(dst, id[:]...)
	}
	return dst
}

func (t *tries) list() [6]*uint64 {
	return [...]*uint64{&t.early, &t.invalid, &t.aborted, &t.sensor, &t.ambient, &t.unjudged}
}

func readSession(r *em.StateReader) session {
	s := session{test: readTest(r), device: em.DeviceID(r.String()), anchor: r.Time(), first: r.Time()}
	if b := r.Bytes(1); b != nil {
		s.phase = phase(b[0])
	}
	switch s.phase {
	case trying:
	case confirming, overdue:
		s.screen = readSample(r)
	default:
		r.Fail("phase of a session")
	}
	s.before = r.Uint()
	for _, n := range s.tries.list() {
		*n = r.Uint()
	}
	s.air, s.alert = r.Time(), r.Bool()
	for range readLen(r, maxTries) {
		s.because = append(s.because, readID(r))
	}
	return s
}

func appendSample(dst []byte, s *sample) []byte {
	dst = append(dst, s.id[:]...)
	dst = em.AppendTime(em.AppendString(dst, string(s.device)), s.at)
	dst = em.AppendBool(dst, s.over)
	g := &s.given
	dst = append(em.AppendInt(dst, g.Value.Coef), g.Value.Scale)
	dst = em.AppendString(dst, string(g.Unit))
	dst = em.AppendOpt(dst, g.Ratio, func(dst []byte, v int) []byte { return em.AppendInt(dst, int64(v)) })
	return em.AppendString(dst, string(g.Identity))
}

func readSample(r *em.StateReader) sample {
	s := sample{id: readID(r), device: em.DeviceID(r.String()), at: r.Time(), over: r.Bool()}
	g := &s.given
	g.Value.Coef = r.Int()
	if b := r.Bytes(1); b != nil {
		g.Value.Scale = b[0]
	}
	g.Unit = em.AlcoholUnit(r.String())
	g.Ratio = em.ReadOpt(r, func(r *em.StateReader) int { return int(r.Int()) })
	g.Identity = em.Identity(r.String())
	if !s.over && r.Err() == nil {
		if _, err := Measured(g); err != nil {
			r.Fail(err.Error())
		}
	}
	return s
}
