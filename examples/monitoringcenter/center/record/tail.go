package record

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/sargas-em/em"
)

// Each transaction writes one row of the tail: what it has added to open segments.
// From the rows a start brings the open segments back. A row goes when no open
// segment has anything in it or behind it any more; a segment that is slow to fill
// is written whole into a newer row, or becomes a row of its bucket as it is, so
// that the tail stays short.

// Pieces of a row of the tail, each followed by its stream and bucket.
const (
	pieceEnd   = iota // the segment is in its bucket, or gone; then the marks
	pieceBegin        // a segment, whole; the marks before it
	pieceMore         // what follows
)

// tailBytes is how long the tail may be whatever there is in it, and tailTimes how
// many times what the open segments hold now: a start reads it as a whole.
const (
	tailBytes = 1 << 20
	tailTimes = 3
)

// tailRow is a row of the tail in memory.
type tailRow struct {
	n      int64
	size   int
	begins []*slot // whose open segments may begin in it
}

// ending is an open segment that ends without becoming a row.
type ending struct {
	s      *stream
	bucket int64
}

// row is the number of this transaction's row.
func (t *Tx) row() int64 { return t.s.lastRow + 1 }

func (t *Tx) chunkNumber() (int64, error) {
	t.newChunks++
	return t.s.lastChunk + t.newChunks, nil
}

func appendMarks(dst []byte, s *stream) []byte {
	for _, m := range s.packed {
		dst = em.AppendTime(em.AppendBool(dst, m.known), m.newest)
	}
	return dst
}

func readMarks(r *em.StateReader) (m [2]upTo) {
	for i := range m {
		m[i] = upTo{r.Bool(), r.Time()}
	}
	return m
}

// clean takes care that the tail stays short: the segments that begin in its
// oldest row are written anew, or become rows of their buckets.
func (t *Tx) clean() error {
	t.s.firstNeeded()
	if t.s.tailSize <= t.s.limits.tail+tailTimes*t.s.openBytes || len(t.s.tail) == 0 {
		return nil
	}
	oldest := &t.s.tail[0]
	for _, l := range oldest.begins {
		if !slices.ContainsFunc(l.look().open, func(o *open) bool { return o.begin == oldest.n }) {
			continue
		}
		s := t.changed(l)
		for _, o := range s.open {
			if o.begin != oldest.n {
				continue
			}
			today := max(t.latest, t.s.latest)/secondsPerDay - 1
			if err := o.ready(s.device); err != nil {
				return err
			}
			if len(o.data) < t.s.limits.segment/2 && o.bucket >= today && s.subject != "" {
				o.begin, o.kept = t.row(), 0
			} else {
				o.full = true
			}
		}
	}
	return nil
}

// nobodysMost bounds the streams of nobody's devices in memory: whoever can reach
// the port can invent identities.
const nobodysMost = 16 << 10

// forget packs all streams of nobody's when there are too many, so that publish can
// forget them: they are asked for again when their devices come again.
func (t *Tx) forget() error {
	if len(t.s.subjects[""]) < t.s.limits.nobodys {
		return nil
	}
	t.forgotten = true
	for _, l := range append(slices.Clone(t.s.subjects[""]), t.created...) {
		if l.subject != "" {
			continue
		}
		s := t.changed(l)
		for _, o := range s.open {
			if err := o.ready(s.device); err != nil {
				return err
			}
			o.full = true
		}
	}
	return nil
}

// forget forgets the streams of nobody's.
func (s *Store) forget() {
	for _, l := range s.subjects[""] {
		s.openBytes -= l.now.openBytes()
		delete(s.streams, l.streamKey)
		d := s.devices[l.device]
		d.own = slices.DeleteFunc(d.own, func(o *slot) bool { return o == l })
		d.loaded = false
		if len(d.own) == 0 {
			delete(s.devices, l.device)
		}
	}
	delete(s.subjects, "")
	s.allNobodys = false
}

// segmentRow is a full segment on its way into its bucket.
type segmentRow struct {
	stream    int64
	at, heard span
	data      []byte
}

// flush writes what the transaction has added.
func (t *Tx) flush() error {
	if err := t.cite(); err != nil {
		return err
	}
	if err := t.save(); err != nil {
		return err
	}
	if len(t.touched) == 0 && len(t.buckets) == 0 {
		return nil
	}
	if err := t.clean(); err != nil {
		return err
	}
	if err := t.forget(); err != nil {
		return err
	}
	if err := t.enter(); err != nil {
		return err
	}
	n := t.row()
	var ends []byte
	pieces := t.s.spare.pieces[:0]
	full := map[int64][]segmentRow{}
	slices.SortFunc(t.touched, func(a, b *slot) int { return cmp.Compare(a.n, b.n) })
	for _, e := range t.ended {
		ends = em.AppendInt(em.AppendInt(append(ends, pieceEnd), e.s.n), e.bucket)
		ends = appendMarks(ends, e.s)
	}
	for _, l := range t.touched {
		s := l.next
		for _, o := range s.open {
			if !o.full {
				continue
			}
			full[o.bucket] = append(full[o.bucket], segmentRow{s.n, o.coder.at, o.coder.heard, o.data})
			s.packed[class(o.bucket)].add(o.coder.newest)
			delete(t.s.indexes, indexKey{s.n, o.bucket})
			ends = em.AppendInt(em.AppendInt(append(ends, pieceEnd), s.n), o.bucket)
			ends = appendMarks(ends, s)
		}
		s.open = slices.DeleteFunc(s.open, func(o *open) bool { return o.full })
		for _, o := range s.open {
			switch {
			case o.kept == len(o.data):
				continue
			case o.begin == n:
				pieces = em.AppendInt(em.AppendInt(append(pieces, pieceBegin), s.n), o.bucket)
				pieces = appendMarks(pieces, s)
				t.begins = append(t.begins, l)
			default:
				pieces = em.AppendInt(em.AppendInt(append(pieces, pieceMore), s.n), o.bucket)
			}
			pieces = em.AppendUint(pieces, uint64(len(o.data)-o.kept))
			pieces = append(pieces, o.data[o.kept:]...)
			o.kept = len(o.data)
		}
	}
	for _, b := range slices.Sorted(maps.Keys(full)) {
		if err := t.writeSegments(b, full[b]); err != nil {
			return err
		}
	}
	if err := t.flushFrames(); err != nil {
		return err
	}
	if err := t.flushBuckets(); err != nil {
		return err
	}
	data := em.AppendInt(t.s.spare.row[:0], t.s.lastChunk+t.newChunks)
	data = append(append(data, ends...), pieces...)
	t.s.spare.pieces, t.s.spare.row = pieces, data
	t.rowSize = len(data)
	if err := t.exec(`INSERT INTO tail (n, data) VALUES (?,?)`, n, data); err != nil {
		return err
	}
	if first := t.s.firstNeeded(); first >= t.s.firstRow+tailRowsAtOnce {
		t.dropped = first
		return t.exec(`DELETE FROM tail WHERE n < ?`, first)
	}
	return nil
}

// enter writes the streams that are new.
func (t *Tx) enter() error {
	created := make([]any, 0, 4*len(t.created))
	for _, l := range t.created {
		created = append(created, l.n, string(l.subject), string(l.device), flag(l.own))
	}
	return t.insertRows(`INSERT INTO stream (n, subject, device, own) VALUES `, 4, ``, created)
}

// tailRowsAtOnce is how many rows of the tail are deleted together.
const tailRowsAtOnce = 16

// writeSegments writes rows of a bucket.
func (t *Tx) writeSegments(b int64, rows []segmentRow) error {
	var args []any
	for _, r := range rows {
		args = append(args, r.stream, r.at.from, r.at.to, r.heard.from, r.heard.to, r.data)
	}
	return t.insertRows(`INSERT INTO `+segmentTable(b)+` (stream, at_from, at_to, heard_from, heard_to, data) VALUES `, 6, ``, args)
}

// firstNeeded is the first row of the tail that is needed, as far as the last
// transaction tells.
func (s *Store) firstNeeded() int64 {
	for len(s.tail) > 1 { // the newest one is kept for its numbers
		r := &s.tail[0]
		for len(r.begins) > 0 {
			if slices.ContainsFunc(r.begins[0].now.open, func(o *open) bool { return o.begin == r.n }) {
				return r.n
			}
			r.begins = r.begins[1:]
		}
		s.tailSize -= r.size
		s.tail = s.tail[1:]
	}
	if len(s.tail) == 0 {
		return 0
	}
	return s.tail[0].n
}

// publish makes what a transaction has done what everybody sees.
func (t *Tx) publish() {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range t.touched {
		s.put(l, l.next)
	}
	for _, l := range t.created {
		if l.subject == "" { // it was looked for
			s.device(l.device).loaded = true
		}
	}
	if t.forgotten {
		s.forget()
	}
	for day, b := range t.buckets {
		s.buckets[day] = *b
	}
	for _, day := range t.removed {
		delete(s.buckets, day)
	}
	if t.oldest != 0 {
		s.oldest = t.oldest
	}
	if t.rowSize > 0 {
		s.lastRow++
		s.tail = append(s.tail, tailRow{s.lastRow, t.rowSize, t.begins})
		s.tailSize += t.rowSize
	}
	if t.dropped > 0 {
		s.firstRow = t.dropped
	}
	s.lastStream += t.newStreams
	s.lastChunk += t.newChunks
	s.latest = max(s.latest, t.latest)
}

// put puts a stream in place of what was in its slot.
func (s *Store) put(l *slot, st *stream) {
	s.openBytes += st.openBytes() - l.now.openBytes()
	if l.now == nil {
		s.streams[l.streamKey] = l
		s.subjects[l.subject] = append(s.subjects[l.subject], l)
		if l.own {
			d := s.device(l.device)
			d.own = append(d.own, l)
		}
	}
	l.now = st
}

// device returns what is known of a device, for change.
func (s *Store) device(id em.DeviceID) *carriers {
	d := s.devices[id]
	if d == nil {
		d = new(carriers)
		s.devices[id] = d
	}
	return d
}

// recover reads the streams, the buckets and the tail: what is in memory is then
// what is in the database.
func (t *Tx) recover() error {
	s := t.s
	fresh := memory{
		streams: map[streamKey]*slot{}, subjects: map[em.SubjectID][]*slot{}, devices: map[em.DeviceID]*carriers{},
		buckets: map[int64]bucket{}, indexes: map[indexKey]*index{}, oldest: s.oldest,
	}
	type numbered struct {
		n int64
		k streamKey
	}
	scan := func(r row, s *numbered) error {
		var own int64
		err := r.Scan(&s.n, &s.k.subject, &s.k.device, &own)
		s.k.own = own != 0
		return err
	}
	// Nobody's are read too where they are few: then no new device need be looked for
	// among them.
	streams := `SELECT n, subject, device, own FROM stream`
	var nobodys int
	if err := t.tx.QueryRowContext(t.ctx, `SELECT coalesce(max(n), 0), count(CASE WHEN subject = '' THEN 1 END) FROM stream`).Scan(&fresh.lastStream, &nobodys); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if fresh.allNobodys = nobodys < s.limits.nobodys/2; !fresh.allNobodys {
		streams += ` WHERE subject <> ''`
	}
	all, err := collect(t.ctx, t.tx, scan, streams)
	if err != nil {
		return err
	}
	byNumber := map[int64]*slot{}
	add := func(s numbered) *slot {
		l := &slot{streamKey: s.k, n: s.n}
		l.next = &stream{slot: l}
		byNumber[s.n] = l
		return l
	}
	for _, s := range all {
		add(s)
	}
	days, err := collect(t.ctx, t.tx, scanBucket, `SELECT `+bucketColumns+` FROM bucket`)
	if err != nil {
		return err
	}
	for _, d := range days {
		fresh.buckets[d.day] = d.bucket
		fresh.latest = max(fresh.latest, d.heard.to)
	}
	find := func(n int64) (*slot, error) {
		if l := byNumber[n]; l != nil {
			return l, nil
		}
		one, err := collect(t.ctx, t.tx, scan, `SELECT n, subject, device, own FROM stream WHERE n = ?`, n)
		if err == nil && len(one) == 0 {
			err = fmt.Errorf("record: the tail speaks of stream %d, which is not there", n)
		}
		if err != nil {
			return nil, err
		}
		return add(one[0]), nil
	}
	for after, more := int64(0), true; more; {
		rows, err := collect(t.ctx, t.tx, func(r row, t *struct {
			n    int64
			data []byte
		}) error {
			return r.Scan(&t.n, &t.data)
		}, `SELECT n, data FROM tail WHERE n > ? ORDER BY n LIMIT 256`, after)
		if err != nil {
			return err
		}
		more = len(rows) == 256
		for _, row := range rows {
			after = row.n
			if fresh.firstRow == 0 {
				fresh.firstRow = row.n
			}
			r := em.NewStateReader(row.data)
			fresh.lastRow, fresh.lastChunk = row.n, r.Int()
			fresh.tailSize += len(row.data)
			fresh.tail = append(fresh.tail, tailRow{n: row.n, size: len(row.data)})
			for r.More() {
				what, n, in := r.Uint(), r.Int(), r.Int()
				l, err := find(n)
				if err != nil {
					return err
				}
				st := l.next
				at := slices.IndexFunc(st.open, func(o *open) bool { return o.bucket == in })
				if what != pieceMore {
					st.packed = readMarks(r)
					if at >= 0 {
						st.open = slices.Delete(st.open, at, at+1)
					}
					at = -1
				}
				switch {
				case what == pieceEnd:
					continue
				case what == pieceBegin:
					at = len(st.open)
					st.open = append(st.open, &open{bucket: in, begin: row.n})
					begins := &fresh.tail[len(fresh.tail)-1].begins
					*begins = append(*begins, l)
				case what != pieceMore:
					r.Fail("unknown piece")
				}
				data := r.Bytes(r.Len())
				if at >= 0 { // else its beginning went with the rows before
					o := st.open[at]
					o.data = append(o.data, data...)
					o.kept = len(o.data)
				}
			}
			if err := r.Err(); err != nil {
				return fmt.Errorf("record: tail: %w", err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory, s.hearings = fresh, nil
	for _, l := range byNumber {
		s.put(l, l.next)
		l.next = nil
	}
	return nil
}
