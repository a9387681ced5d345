package curfew

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// 4: the state of a Follower; 5: the grounds of evidence; 6: positions that did not
// count; 7: what of all evidence did not, and what counted in its place. 5 and 6 are
// still read.
const stateVersion = 7

// AppendBinary appends the canonical state. Before the first call it is empty.
func (e *Evaluator) AppendBinary(dst []byte) ([]byte, error) {
	s := &e.s
	if s.at.IsZero() {
		return dst, nil
	}
	dst = em.AppendTime(append(dst, stateVersion, byte(s.now), byte(s.dark)), s.at)
	dst = appendFields(dst, s.evidence.fields(stateVersion))
	var followed []byte
	if s.follow != nil {
		var err error
		if followed, err = s.follow.AppendBinary(nil); err != nil {
			return dst, fmt.Errorf("curfew: state: %w", err)
		}
	}
	dst = em.AppendString(dst, string(followed))
	list := make([]int, 0, MaxUnits)
	for i, u := range s.units {
		if u != (unitState{}) {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return strings.Compare(e.order.Units[a].key(), e.order.Units[b].key()) })
	dst = em.AppendUint(dst, uint64(len(list)))
	for _, i := range list {
		u := &s.units[i]
		dst = append(em.AppendString(dst, e.order.Units[i].key()), byte(u.word))
		dst = appendFields(dst, u.fields())
	}
	dst = em.AppendUint(dst, uint64(len(s.tracks)))
	for k := range s.tracks {
		tr := &s.tracks[k]
		dst = appendFields(dst, tr.fields())
		dst = em.AppendUint(dst, uint64(len(tr.runs)))
		for i := range tr.runs {
			r := &tr.runs[i]
			dst = append(em.AppendString(dst, r.row), byte(r.kind), byte(r.tail))
			dst = appendFields(dst, r.fields())
			dst = em.AppendUint(em.AppendUint(dst, r.incidents), r.silences)
			for i := range r.outweighed {
				dst = appendFields(em.AppendUint(dst, r.outweighed[i].n), r.outweighed[i].fields())
			}
		}
	}
	return dst, nil
}

// fields are parts of a state, in the order in which they are written.
type fields struct {
	times     []*time.Time
	durations []*time.Duration // none negative
	refs      []*ref
	flags     []*bool
	texts     []*string
}

func appendFields(dst []byte, f fields) []byte {
	for _, t := range f.times {
		dst = em.AppendTime(dst, *t)
	}
	for _, d := range f.durations {
		dst = em.AppendInt(dst, int64(*d))
	}
	for _, r := range f.refs {
		dst = em.AppendInt(append(dst, r.id[:]...), int64(r.off))
		why := r.why
		if why == nil {
			why = &grounds{}
		}
		dst = em.AppendFacts(em.AppendString(dst, why.words), why.facts)
	}
	for _, b := range f.flags {
		dst = em.AppendBool(dst, *b)
	}
	for _, t := range f.texts {
		dst = em.AppendString(dst, *t)
	}
	return dst
}

func (p *evidence) fields(version byte) fields {
	f := fields{
		times: []*time.Time{&p.turned.Earliest, &p.turned.Latest, &p.home, &p.away, &p.odd, &p.gone, &p.sure, &p.lost, &p.lostTold},
		refs:  []*ref{&p.homeRef, &p.awayRef, &p.lostRef, &p.lostSeen},
		flags: []*bool{&p.strap},
		texts: []*string{&p.by, &p.lostBy},
	}
	if version > 6 {
		f.times, f.flags = append(f.times, &p.outweighed), append(f.flags, &p.placed)
	}
	return f
}

func (w *outweighed) fields() fields {
	return fields{times: []*time.Time{&w.at, &w.againstAt}, refs: []*ref{&w.what, &w.against}}
}

func (u *unitState) fields() fields {
	return fields{times: []*time.Time{&u.since, &u.last, &u.seen}, flags: []*bool{&u.moved}}
}

func (tr *track) fields() fields {
	return fields{
		times: []*time.Time{&tr.settled, &tr.proof, &tr.left.Earliest, &tr.left.Latest, &tr.back.Earliest, &tr.back.Latest},
		refs:  []*ref{&tr.first, &tr.second, &tr.before, &tr.backRef},
		flags: []*bool{&tr.out, &tr.returning},
	}
}

func (r *run) fields() fields {
	return fields{
		times: []*time.Time{&r.start, &r.from, &r.cut, &r.arrived, &r.absence.first, &r.absence.last, &r.silence.first},
		durations: []*time.Duration{&r.home, &r.away, &r.unknown, &r.counted, &r.excused, &r.slack,
			&r.absence.away, &r.absence.counted, &r.absence.excused, &r.silence.dur},
		flags: []*bool{&r.absence.late, &r.absence.broken, &r.absence.told, &r.silence.told},
	}
}

// UnmarshalBinary takes over a state, that of another version of the order
// too: an obligation that this order does not know ends with the order's From,
// or where there is none, after the last call.
// Errors wrap em.ErrState and leave the evaluator as it was.
func (e *Evaluator) UnmarshalBinary(b []byte) error {
	s := e.fresh()
	if len(b) > 0 {
		r := em.NewStateReader(b)
		e.read(r, &s)
		if err := r.Close(); err != nil {
			return err
		}
	}
	e.s, e.nextSet, e.out = s, false, nil
	for k := range e.s.tracks {
		for i := range e.s.tracks[k].runs {
			e.restore(&e.s.tracks[k].runs[i])
		}
	}
	e.drop()
	return nil
}

// maxText and maxTally bound what a state may hold: far beyond what one of ours
// does.
const (
	maxText  = 1 << 10
	maxTally = 1 << 20
)

func (e *Evaluator) read(r *em.StateReader, s *state) {
	octet := func(limit byte, what string) byte {
		b := r.Bytes(1)
		if b == nil {
			return 0
		}
		if b[0] > limit {
			r.Fail(what)
		}
		return b[0]
	}
	when := func(t *time.Time) {
		if *t = r.Time(); !t.IsZero() && !judgeable(*t) {
			r.Fail("curfew: a time out of range")
		}
	}
	read := func(f fields) {
		for _, t := range f.times {
			when(t)
		}
		for _, d := range f.durations {
			if *d = time.Duration(r.Int()); *d < 0 || *d > maxDuration {
				r.Fail("curfew: a duration out of range")
			}
		}
		for _, x := range f.refs {
			copy(x.id[:], r.Bytes(len(x.id)))
			x.off = time.Duration(r.Int())
			if why := (grounds{r.String(), em.ReadFacts(r)}); why.words != "" {
				x.why = &why
			} else if len(why.facts) > 0 {
				r.Fail("curfew: facts without words")
			}
		}
		for _, b := range f.flags {
			*b = r.Bool()
		}
		for _, t := range f.texts {
			*t = r.String()
		}
	}
	version := octet(stateVersion, "curfew: unknown version")
	if version < 5 {
		r.Fail("curfew: unknown version")
	}
	s.now = Presence(octet(byte(Away), "curfew: unknown presence"))
	s.dark = dark(octet(byte(allDark-1), "curfew: unknown darkness"))
	when(&s.at)
	read(s.evidence.fields(version))
	if s.at.IsZero() || s.now == Home && s.home.IsZero() || s.now == Away && s.away.IsZero() || (s.lostBy == "") != s.lost.IsZero() {
		r.Fail("curfew: presence without evidence")
	}
	if followed := r.String(); s.follow != nil && r.Err() == nil {
		if err := s.follow.UnmarshalBinary([]byte(followed)); err != nil {
			r.Fail(err.Error())
		}
	}
	last := ""
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		id := r.String()
		u := unitState{word: word(octet(byte(lost), "curfew: unknown word"))}
		read(u.fields())
		if id <= last || u == (unitState{}) {
			r.Fail("curfew: units out of order")
		}
		last = id
		if i := slices.IndexFunc(e.order.Units, func(u Unit) bool { return u.key() == id }); i >= 0 {
			s.units[i] = u
		}
	}
	n := r.Len()
	if n < 1 || n > 2 {
		r.Fail("curfew: one or two tracks")
		return
	}
	wanted := len(s.tracks)
	s.tracks = make([]track, n)
	for k := range s.tracks {
		readTrack(r, version, read, octet, &s.tracks[k], k, s.at)
	}
	if n < wanted && r.Err() == nil {
		s.begin()
	}
}

func readTrack(r *em.StateReader, version byte, read func(fields), octet func(byte, string) byte, tr *track, k int, at time.Time) {
	read(tr.fields())
	if tr.settled.IsZero() || tr.settled.After(at) {
		r.Fail("curfew: settled in the future")
	}
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		v := run{row: r.String(), kind: Kind(octet(byte(MustAttend), "curfew: unknown kind")), tail: span(octet(byte(spanDoubt), "curfew: unknown span"))}
		read(v.fields())
		v.incidents, v.silences = r.Uint(), r.Uint()
		w := &v.outweighed
		switch version {
		case 5:
		case 6: // of positions alone, which the first was of both reasons
			w[byContact].n, w[byJump].n = r.Uint(), r.Uint()
			read(fields{refs: []*ref{&w[byContact].what}})
			if w[byContact].n == 0 {
				w[byContact].what, w[byJump].what = ref{}, w[byContact].what
			}
		default:
			for i := range w {
				w[i].n = r.Uint()
				read(w[i].fields())
			}
		}
		most := uint64(0)
		for i := range w {
			most = max(most, w[i].n)
		}
		switch {
		case len(v.row) > 4*maxText || v.incidents > maxTally || v.silences > maxTally || most > maxTally:
			r.Fail("curfew: an obligation out of range")
		case v.start.IsZero() || v.from.IsZero() || len(tr.runs) >= 4*MaxRows || trackOf(v.kind) != k:
			r.Fail("curfew: an obligation without a beginning")
		case len(tr.runs) > 0 && compareRuns(tr.runs[len(tr.runs)-1], v) >= 0:
			r.Fail("curfew: obligations out of order")
		}
		tr.runs = append(tr.runs, v)
	}
}

// begin adds the second track where the order before had none: who is home stays
// home.
func (s *state) begin() {
	tr := track{settled: s.at}
	if s.now == Home {
		tr.out, tr.left, tr.first, tr.before, tr.proof = true, Crossing{s.away, s.home}, s.homeRef, s.awayRef, s.home
	}
	s.tracks = append(s.tracks, tr)
}
