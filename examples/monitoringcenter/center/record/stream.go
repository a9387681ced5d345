package record

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// What a Timeline is fed is kept in streams, one for each subject and device: so
// each row of evidence belongs to one subject. A pair, or a resident whose order
// names a home unit, has copies of what others' devices reported. What a device
// reports that nobody carries is in a stream of its own, of no subject.
//
// The newest arrivals of a stream are its open segments, one for each bucket that
// it has lately come to. They are in memory and, as they grow, in the rows of the
// tail (tail.go); a full one becomes a row of its bucket.

// streamKey names a stream.
type streamKey struct {
	subject em.SubjectID // empty: nobody is known to carry the device
	device  em.DeviceID
	own     bool // the subject's own device; else copies
}

// stream is a stream in memory. What is published of it is not changed any more;
// a transaction changes a copy.
type stream struct {
	*slot
	open   []*open
	packed [2]upTo // of the segments that are rows: of days, and of the far bucket
}

// upTo is up to where the keys of a stream's rows go: a later arrival is a new
// observation.
type upTo struct {
	known  bool // else it is to be looked up
	newest time.Time
}

func (m *upTo) add(t time.Time) {
	if t.After(m.newest) {
		m.newest = t
	}
}

// open is a segment that is being written.
type open struct {
	bucket int64
	begin  int64 // the row of the tail in which it is whole up to there
	data   []byte
	kept   int  // how much of data the tail has
	full   bool // to become a row of its bucket

	// Of the writer alone, nil after a start. All copies share it: a transaction that
	// fails leaves nothing of what is in memory (Store.sure).
	coder *coder
}

// ready makes the coder stand at the end of the data.
func (o *open) ready(device em.DeviceID) error {
	if o.coder != nil {
		return nil
	}
	o.coder = new(coder)
	_, err := o.coder.readAll(nil, o.data, device)
	return err
}

func class(bucket int64) int {
	if bucket == farBucket {
		return 1
	}
	return 0
}

// segmentBytes is when a segment is full: three rows fill a page of SQLite, six one
// of PostgreSQL, and a person's day of a report a minute is some thirty rows.
const segmentBytes = 1270

// limit is when a segment of a bucket is full: of a day the first one at a quarter of
// what the others hold or later, as the stream has it. Devices that report alike, from
// midnight on, would else fill theirs all at once, and evaluation would wait for
// seconds until all were written.
func (s *stream) limit(bucket int64, most int) int {
	if m := &s.packed[0]; bucket == farBucket || !m.known || dayOf(m.newest) >= bucket {
		return most
	}
	const golden = 0x9E3779B9 // spreads numbers that follow each other evenly
	return most/4 + int(uint64(uint32(s.n)*golden)*uint64(most-most/4)>>32)
}

// openBytes is what the open segments hold; of none nothing.
func (s *stream) openBytes() (n int) {
	if s != nil {
		for _, o := range s.open {
			n += len(o.data)
		}
	}
	return n
}

// slot is where a stream lies: each has one, for as long as the memory of the Store
// lasts.
type slot struct {
	streamKey
	n    int64   // its number
	now  *stream // as published; nil where the present transaction creates it
	next *stream // what the present transaction has made of it, nil where nothing
}

// look returns a stream as the transaction sees it.
func (l *slot) look() *stream {
	if l.next != nil {
		return l.next
	}
	return l.now
}

// slot returns the slot of a stream, nil where there is none.
func (t *Tx) slot(k streamKey) *slot {
	if l := t.s.streams[k]; l != nil {
		return l
	}
	return t.fresh[k]
}

// change returns a stream for change, and creates it if there is none.
func (t *Tx) change(k streamKey) (*stream, error) {
	if k.subject == "" {
		if err := t.loadNobodys(k.device); err != nil {
			return nil, err
		}
	}
	if l := t.slot(k); l != nil {
		return t.changed(l), nil
	}
	t.newStreams++
	l := &slot{streamKey: k, n: t.s.lastStream + t.newStreams}
	l.next = &stream{slot: l, packed: [2]upTo{{known: true}, {known: true}}}
	if t.fresh == nil {
		t.fresh, t.createdFor, t.createdBy = map[streamKey]*slot{}, map[em.SubjectID][]*slot{}, map[em.DeviceID][]*slot{}
	}
	t.fresh[k] = l
	t.touched = append(t.touched, l)
	t.carriersOf = ""
	t.created = append(t.created, l)
	t.createdFor[k.subject] = append(t.createdFor[k.subject], l)
	if k.own {
		t.createdBy[k.device] = append(t.createdBy[k.device], l)
	}
	return l.next, nil
}

// changed returns the stream of a slot for change.
func (t *Tx) changed(l *slot) *stream {
	if l.next == nil {
		l.next = l.now.copy()
		t.touched = append(t.touched, l)
	}
	return l.next
}

// copy returns a copy that may be changed. Mostly it has one open segment.
func (s *stream) copy() *stream {
	c := &struct {
		stream
		first open
		room  [2]*open
	}{stream: *s}
	c.open = c.room[:0]
	for i, o := range s.open {
		own := &c.first
		if i > 0 {
			own = new(open)
		}
		*own = *o
		c.open = append(c.open, own)
	}
	return &c.stream
}

// of returns the streams of a subject.
func (t *Tx) of(subject em.SubjectID) (all []*stream) {
	return looks(looks(nil, t.s.subjects[subject]), t.createdFor[subject])
}

// looks appends the streams of slots.
func looks(dst []*stream, slots []*slot) []*stream {
	for _, l := range slots {
		dst = append(dst, l.look())
	}
	return dst
}

// carrying returns the slots of the streams that hold a device's observations as
// their own, until it is called again. A device mostly reports several at once.
func (t *Tx) carrying(device em.DeviceID) ([]*slot, error) {
	if device == t.carriersOf && device != "" {
		return t.carriers, nil
	}
	if err := t.loadNobodys(device); err != nil {
		return nil, err
	}
	all := t.carriers[:0]
	if d := t.s.devices[device]; d != nil {
		all = append(all, d.own...)
	}
	all = append(all, t.createdBy[device]...)
	t.carriers, t.carriersOf = all, device
	return all, nil
}

// loadNobodys reads the stream of a device that nobody carries, once.
func (t *Tx) loadNobodys(device em.DeviceID) error {
	if t.s.allNobodys {
		return nil
	}
	if d := t.s.devices[device]; d != nil && d.loaded {
		return nil
	}
	n, err := collect(t.ctx, t.tx, func(r row, n *int64) error { return r.Scan(n) }, `SELECT n FROM stream WHERE subject = '' AND device = ?`, string(device))
	if err != nil {
		return err
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	for _, n := range n {
		if k := (streamKey{"", device, true}); t.s.streams[k] == nil { // the tail may have told of it
			l := &slot{streamKey: k, n: n}
			t.s.put(l, &stream{slot: l})
		}
	}
	t.s.device(device).loaded = true
	return nil
}

// append adds an arrival to a stream, and returns its bucket.
func (t *Tx) append(s *stream, a *arrival, in int64) (*bucket, error) {
	i := slices.IndexFunc(s.open, func(o *open) bool { return o.bucket == in && !o.full })
	if i < 0 {
		i = len(s.open)
		s.open = append(s.open, &open{bucket: in, begin: t.row()})
	}
	o := s.open[i]
	if err := o.ready(s.device); err != nil {
		return nil, err
	}
	b, err := t.bucket(in)
	if err != nil {
		return nil, err
	}
	if o.data, err = o.coder.append(o.data, a); err != nil {
		return nil, err
	}
	o.full = len(o.data) >= s.limit(in, t.s.limits.segment)
	b.hear(a.Received)
	t.latest = max(t.latest, a.Received.Unix())
	return b, nil
}

// known is what a stream knows of an observation.
type known struct {
	at    time.Time
	heard []reception
}

type reception struct {
	received time.Time
	seq      em.Opt[uint64]
}

// knownAt is an observation that find has just found.
func (t *Tx) knownAt(at time.Time) *known {
	t.found = known{at, t.found.heard[:0]}
	return &t.found
}

// find looks for an observation in a stream; nil where it is new there. What it
// returns is good until it is called again.
func (t *Tx) find(s *stream, o *em.Observation) (*known, error) {
	k := key(o)
	var found *known
	take := func(id em.ObservationID, at time.Time, heard reception) {
		if id == o.ID {
			if found == nil {
				found = t.knownAt(at)
			}
			found.heard = append(found.heard, heard)
		}
	}
	for _, op := range s.open {
		if err := op.ready(s.device); err != nil {
			return nil, err
		}
		// In the order in which it happened, and if the newest is told again, there is
		// nothing to be read.
		switch k.Compare(op.coder.newest) {
		case 1:
			continue
		case 0:
			for _, a := range op.coder.newestOf {
				take(a.id, a.at, a.reception)
			}
			continue
		}
		var again coder
		all, err := again.readAll(nil, op.data, s.device)
		if err != nil {
			return nil, err
		}
		for i := range all {
			a := &all[i]
			take(a.ID, a.At, reception{a.Received, a.Seq})
		}
	}
	for c := range s.packed {
		if m := &s.packed[c]; m.known && k.After(m.newest) {
			continue
		}
		// Mostly it is another reception: it lies among what happened when it did.
		if again, err := t.findAgain(s, o, found, c); err != nil {
			return nil, err
		} else if again != nil {
			found = again
			continue
		}
		near, newest := []int64{farBucket}, upTo{known: true}
		if c == 0 {
			d := dayOf(k)
			near = []int64{d - 1, d, d + 1}
			// What lies in days before those has an earlier key than this day's.
			newest.newest = time.Unix(d*secondsPerDay-1, 0)
			days := t.bucketDays()
			newest.known = len(days) == 0 || days[len(days)-1] <= d+1
		}
		for _, b := range near {
			index, err := t.index(s, b)
			if err != nil {
				return nil, err
			}
			if index == nil {
				continue
			}
			newest.add(index.newest)
			if was := index.ids[o.ID]; was != nil {
				if found == nil {
					found = t.knownAt(was.at)
				}
				found.heard = append(found.heard, was.heard...)
			}
		}
		if m := &s.packed[c]; !m.known {
			*m = newest
		}
	}
	return found, nil
}

// findAgain looks for other receptions of an observation in the rows of one class
// about when it happened: found.At where it was found already, else its key. It
// returns found with them, or nil where a look at all that was received is needed,
// or would cost no more. Whatever came at the instant of its reception, which is all
// that is asked about other receptions, lies in that bucket.
func (t *Tx) findAgain(s *stream, o *em.Observation, found *known, of int) (*known, error) {
	at := *o
	if at.At = key(o); found != nil {
		at.At = found.at
	}
	in := bucketOf(&at, t.s.oldest)
	if class(in) != of || t.s.indexes[indexKey{s.n, in}] != nil {
		return nil, nil
	}
	if _, has := t.lookBucket(in); !has {
		return nil, nil
	}
	second := at.At.Unix()
	all, err := t.view().rows(t.ctx, s, in, em.EventTime, span{second, second})
	if err != nil {
		return nil, err
	}
	for i := range all {
		a := &all[i].Observation
		if a.ID != o.ID || a.At.Unix() != second {
			continue
		}
		if found == nil {
			found = t.knownAt(a.At)
		}
		found.heard = append(found.heard, reception{a.Received, a.Seq})
	}
	return found, nil
}

// index is what the rows of a stream in a bucket know.
type index struct {
	ids    map[em.ObservationID]*known
	newest time.Time // key
}

type indexKey struct{ stream, bucket int64 }

// indexesMost bounds the indexes in memory: each has a day of a device, some
// hundred kilobytes for a report a minute.
const indexesMost = 64

func (t *Tx) index(s *stream, bucket int64) (*index, error) {
	if _, has := t.lookBucket(bucket); !has {
		return nil, nil
	}
	k := indexKey{s.n, bucket}
	if x, ok := t.s.indexes[k]; ok {
		return x, nil
	}
	all, err := t.view().rows(t.ctx, s, bucket, em.EventTime, span{minSeconds, maxSeconds})
	if err != nil {
		return nil, err
	}
	x := &index{ids: map[em.ObservationID]*known{}}
	for i := range all {
		o := &all[i].Observation
		of := x.ids[o.ID]
		if of == nil {
			of = &known{at: o.At}
			x.ids[o.ID] = of
		}
		of.heard = append(of.heard, reception{o.Received, o.Seq})
		if k := key(o); k.After(x.newest) {
			x.newest = k
		}
	}
	if len(t.s.indexes) >= indexesMost {
		for k := range t.s.indexes { // any one
			delete(t.s.indexes, k)
			break
		}
	}
	t.s.indexes[k] = x
	return x, nil
}

// AddObservation keeps o as seen by subject, which is empty while nobody is
// known to carry the device. A known observation is not stored again, but its
// arrival is: it stays whose it was, and at the At that it had. AddObservation
// returns o with that At, and whose it is. Frame is the number of the frame that
// it came in.
func (t *Tx) AddObservation(o em.Observation, subject em.SubjectID, frame int64) (em.Observation, em.SubjectID, error) {
	if o.Body == nil {
		return o, "", fmt.Errorf("record: observation without a body")
	}
	slots, err := t.carrying(o.Device)
	if err != nil {
		return o, "", err
	}
	if len(slots) > 0 {
		o.Device = slots[0].device // the same; whoever keeps and compares it finds it in one place
	}
	a := &arrival{o, frame}
	var to *slot
	for _, l := range slots {
		was, err := t.find(l.look(), &o)
		if err != nil {
			return o, "", err
		}
		if was != nil {
			a.At = was.at
			s := t.changed(l)
			return a.Observation, s.subject, t.again(s, a, was)
		}
		if l.subject == subject {
			to = l
		}
	}
	var s *stream
	if to != nil {
		s = t.changed(to)
	} else if s, err = t.change(streamKey{subject, o.Device, true}); err != nil {
		return o, "", err
	}
	in := bucketOf(&o, t.s.oldest)
	b, err := t.append(s, a, in)
	if err != nil {
		return o, "", err
	}
	b.observations++
	b.receptions++
	if o.Body.Kind() == em.KindFix {
		b.fixes++
	}
	t.fed.note(o.ID, frame)
	return o, subject, nil
}

// again keeps another arrival of a known observation.
func (t *Tx) again(s *stream, a *arrival, was *known) error {
	t.fed.note(a.ID, a.frame)
	first, counts := was.takes(a)
	if !counts {
		return nil
	}
	in := bucketOf(&a.Observation, t.s.oldest)
	b, err := t.append(s, a, in)
	if err == nil && first {
		b.receptions++
	}
	return err
}

// takes says whether an arrival is the first one of its instant, and whether it
// counts: of two at one instant it is the one with the lower serial number.
func (k *known) takes(a *arrival) (first, counts bool) {
	first, counts = true, true
	for _, h := range k.heard {
		if h.received.Equal(a.Received) {
			first = false
			counts = counts && compareSerial(a.Seq, h.seq) < 0
		}
	}
	return first, counts
}

// Copy keeps an arrival that this transaction has added or adopted as evidence
// about another subject too: a pair, or a person whose order names the unit.
func (t *Tx) Copy(o em.Observation, subject em.SubjectID) error {
	return t.copy(&arrival{o, t.fed.of(o.ID)}, subject)
}

func (t *Tx) copy(a *arrival, subject em.SubjectID) error {
	s, err := t.change(streamKey{subject, a.Device, false})
	if err != nil {
		return err
	}
	was, err := t.find(s, &a.Observation)
	if err != nil {
		return err
	}
	if was != nil {
		if _, counts := was.takes(a); !counts {
			return nil
		}
	}
	_, err = t.append(s, a, bucketOf(&a.Observation, t.s.oldest))
	return err
}

// Adopt gives the observations of a device in [from, to) that are nobody's yet
// to a subject; a zero to is open. It returns all their arrivals in order.
func (t *Tx) Adopt(d em.DeviceID, subject em.SubjectID, from, to time.Time) ([]em.Observation, error) {
	if err := t.loadNobodys(d); err != nil {
		return nil, err
	}
	k := streamKey{"", d, true}
	l := t.slot(k)
	if l == nil {
		return nil, nil
	}
	s := t.changed(l)
	var taken []arrival
	for _, b := range t.bucketDays() {
		all, err := t.view().load(t.ctx, s, b, em.EventTime, span{minSeconds, maxSeconds})
		if err != nil {
			return nil, err
		}
		var rest []arrival
		for _, a := range all {
			if !a.At.Before(from) && (to.IsZero() || a.At.Before(to)) {
				taken = append(taken, a)
			} else {
				rest = append(rest, a)
			}
		}
		if len(rest) == len(all) {
			continue
		}
		if err := t.empty(s, b); err != nil {
			return nil, err
		}
		for i := range rest {
			if _, err := t.append(s, &rest[i], b); err != nil {
				return nil, err
			}
		}
	}
	if len(taken) == 0 {
		return nil, nil
	}
	mine, err := t.change(streamKey{subject, d, true})
	if err != nil {
		return nil, err
	}
	taken = normalize(em.ReceiveTime, taken)
	slices.SortFunc(taken, func(a, b arrival) int {
		return cmp.Or(a.Received.Compare(b.Received), slices.Compare(a.ID[:], b.ID[:]))
	})
	obs := make([]em.Observation, len(taken))
	for i := range taken {
		a := &taken[i]
		if _, err := t.append(mine, a, bucketOf(&a.Observation, t.s.oldest)); err != nil {
			return nil, err
		}
		t.fed.note(a.ID, a.frame)
		obs[i] = a.Observation
	}
	return obs, nil
}

// empty removes all that a stream has in a bucket.
func (t *Tx) empty(s *stream, b int64) error {
	if err := t.exec(`DELETE FROM `+segmentTable(b)+` WHERE stream = ?`, s.n); err != nil {
		return err
	}
	delete(t.s.indexes, indexKey{s.n, b})
	t.end(s, b)
	return nil
}

// end ends the open segments that a stream has in a bucket.
func (t *Tx) end(s *stream, b int64) {
	s.open = slices.DeleteFunc(s.open, func(o *open) bool {
		if o.bucket == b && o.begin != t.row() {
			t.ended = append(t.ended, ending{s, b})
		}
		return o.bucket == b
	})
}

// copyFrom copies what a device has reported as of an instant to another subject.
func (t *Tx) copyFrom(device em.DeviceID, since time.Time, subject em.SubjectID) error {
	from, err := t.carrying(device)
	if err != nil {
		return err
	}
	for _, s := range looks(nil, from) {
		var all []arrival
		for _, b := range t.bucketDays() {
			if b != farBucket && b < dayOf(since) {
				continue
			}
			some, err := t.view().load(t.ctx, s, b, em.EventTime, span{since.Unix(), maxSeconds})
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		for i := range all {
			if all[i].At.Before(since) {
				continue
			}
			if err := t.copy(&all[i], subject); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookBucket returns a bucket as it is now.
func (t *Tx) lookBucket(day int64) (bucket, bool) {
	if b := t.buckets[day]; b != nil {
		return *b, true
	}
	b, ok := t.s.buckets[day]
	return b, ok
}

// bucketDays are the buckets that there are, far first.
func (t *Tx) bucketDays() []int64 {
	days := slices.AppendSeq(slices.Collect(maps.Keys(t.buckets)), maps.Keys(t.s.buckets))
	slices.Sort(days)
	return slices.Compact(days)
}
