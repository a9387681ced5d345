package geofence

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sargas-em/em"
)

// Live is zones that change while they are read: an Index of most of them, the
// changes since it was made, and one atomic pointer to both. Put and Remove are
// seen as a whole by whoever calls View after they returned, and by nobody
// before; readers never wait. A change takes time in proportion to the vertices
// of the zones that it is about and, a little, to the changes that were not
// merged yet; not to the number of zones.
//
// Changes are few: up to MaxChanges, and every query looks through them. Merge
// makes a new Index that has them. It works in the caller's goroutine, for as
// long as NewIndex takes; call it in one of its own, after so many changes or
// so much time, as it suits. Nothing else starts it, and a Live has no
// goroutines. Meanwhile readers read and writers write: what they change then
// stays for the next Merge.
//
// Zones are known by their ID, which is the same before and after a Merge.
//
// All methods may be called by any number of goroutines.
type Live struct {
	view  atomic.Pointer[View]
	write sync.Mutex // held to replace the view
	merge sync.Mutex // held by Merge
}

// MaxChanges bounds what Merge has not taken over yet: zones that were put, and
// zones of the Index that were replaced or removed. Beyond it a query would
// spend more time on changes than on the Index.
const MaxChanges = 4096

// ErrChanges is wrapped by the errors of Put and Remove when there would be
// more than MaxChanges changes: call Merge, then try again.
var ErrChanges = errors.New("geofence: more than MaxChanges changes to merge")

// NewLive returns a Live of the zones of an index; nil is empty.
func NewLive(x *Index) *Live {
	if x == nil {
		x = &Index{}
	}
	l := &Live{}
	l.view.Store(&View{base: x})
	return l
}

// View returns the zones as they are now. Take one View for answers that are to
// agree with each other; keep it no longer than that, as it holds its memory.
func (l *Live) View() *View { return l.view.Load() }

// Pending returns how many changes Merge has not taken over yet, of MaxChanges.
func (l *Live) Pending() int { return l.View().pending() }

// Put adds zones, or replaces those with the same IDs: all of them at once, or
// none if there is an error. Errors are *ZoneError or wrap ErrChanges.
func (l *Live) Put(zones ...Zone) error {
	fences := make([]*fence, len(zones))
	for i, z := range zones {
		f, err := newFence(z)
		if err != nil {
			var e *ZoneError
			if errors.As(err, &e) {
				e.Index = i
			}
			return err
		}
		fences[i] = f
	}
	sorted := slices.Clone(fences)
	slices.SortStableFunc(sorted, byFenceID)
	for i, f := range sorted[min(1, len(sorted)):] {
		if f.zone.ID == sorted[i].zone.ID {
			e := nowhere(ErrDuplicateID, "")
			e.Zone, e.Index = f.zone.ID, slices.Index(fences, f)
			return e
		}
	}
	return l.change(func(v *View) {
		for _, f := range sorted {
			v.drop(f.zone.ID)
		}
		v.changed.insert(sorted)
	})
}

// Remove removes zones: all of them at once, or none if there is an error. IDs
// that no zone has are left out; it returns how many were removed. Errors wrap
// ErrChanges.
func (l *Live) Remove(ids ...string) (removed int, err error) {
	err = l.change(func(v *View) {
		removed = 0
		for _, id := range ids {
			if v.drop(id) {
				removed++
			}
		}
	})
	if err != nil {
		removed = 0
	}
	return removed, err
}

// change publishes a changed copy of the view.
func (l *Live) change(f func(*View)) error {
	l.write.Lock()
	defer l.write.Unlock()
	now := l.View()
	v := &View{base: now.base, gone: now.gone, changed: now.changed.clone()}
	f(v)
	if n := v.pending(); n > MaxChanges && n > now.pending() {
		return fmt.Errorf("%w: %d", ErrChanges, n)
	}
	v.changed.build()
	l.view.Store(v)
	return nil
}

// Merge makes an Index of the zones as they are when it begins, and puts it in
// the place of the present one. It takes as long as NewIndex and, until it is
// done, the memory of both. A second call waits for the first. Its errors are
// those of NewIndex; then nothing has changed.
func (l *Live) Merge() error {
	l.merge.Lock()
	defer l.merge.Unlock()
	old := l.View()
	if old.pending() == 0 {
		return nil
	}
	zones := make([]Zone, 0, old.Len())
	for z := range old.Zones() {
		zones = append(zones, *z)
	}
	x, err := NewIndex(zones...)
	if err != nil {
		return err
	}

	l.write.Lock()
	defer l.write.Unlock()
	now := l.View()
	v := &View{base: x}
	drop := func(id string) {
		if i, ok := x.Lookup(id); ok {
			v.gone = v.gone.with(i)
		}
	}
	for _, f := range old.changed.byID {
		if now.changed.find(f.zone.ID) != f.fence { // replaced or removed meanwhile
			drop(f.zone.ID)
		}
	}
	for i := range now.gone.all() {
		if !old.gone.has(i) {
			drop(now.base.zones[i].ID)
		}
	}
	var since []*fence
	for _, f := range now.changed.byID {
		if old.changed.find(f.zone.ID) != f.fence {
			since = append(since, f.fence)
		}
	}
	v.changed.insert(since)
	v.changed.build()
	l.view.Store(v)
	return nil
}

// View is the zones of a Live at one time. It is immutable: any number of
// goroutines may use it.
type View struct {
	base    *Index
	gone    tombstones // zones of base that are no more, or are in changed
	changed changes
}

func (v *View) pending() int { return len(v.changed.byID) + v.gone.n }

// drop removes the zone with that ID from a view that is being made.
func (v *View) drop(id string) bool {
	if v.changed.remove(id) {
		return true
	}
	i, ok := v.base.Lookup(id)
	if !ok || v.gone.has(i) {
		return false
	}
	v.gone = v.gone.with(i)
	return true
}

// Len returns the number of zones.
func (v *View) Len() int { return v.base.Len() - v.gone.n + len(v.changed.byID) }

// Lookup returns the zone with this ID. It is not to be changed.
func (v *View) Lookup(id string) (*Zone, bool) {
	if f := v.changed.find(id); f != nil {
		return &f.zone, true
	}
	if i, ok := v.base.Lookup(id); ok && !v.gone.has(i) {
		return &v.base.zones[i], true
	}
	return nil, false
}

// Zones yields all zones. They are not to be changed.
func (v *View) Zones() iter.Seq[*Zone] {
	return func(yield func(*Zone) bool) {
		if v.base != nil {
			for i := range v.base.zones {
				if !v.gone.has(i) && !yield(&v.base.zones[i]) {
					return
				}
			}
		}
		for _, f := range v.changed.byID {
			if !yield(&f.zone) {
				return
			}
		}
	}
}

// Append appends the zones that contain p, in no order that is promised; an
// invalid p is in none. They are not to be changed. It does not allocate, dst
// aside, where no more than 32 zones contain p.
func (v *View) Append(dst []*Zone, p em.LatLng) []*Zone {
	if !p.Valid() {
		return dst
	}
	var buf [32]int
	for _, i := range v.base.Append(buf[:0], p) {
		if !v.gone.has(i) {
			dst = append(dst, &v.base.zones[i])
		}
	}
	return v.changed.append(dst, p)
}

// ZoneHit says that a point of a batch lies in a zone.
type ZoneHit struct {
	Point int
	Zone  *Zone
}

// AppendBatch appends one ZoneHit for each zone that contains each of the
// points, in order of the points. It is Append for many points.
func (v *View) AppendBatch(dst []ZoneHit, pts []em.LatLng) []ZoneHit {
	var s stage
	var buf [2 * stagePoints]Hit
	var zones [32]*Zone
	hits := buf[:0]
	for from := 0; from < len(pts); from += stagePoints {
		part := pts[from:min(from+stagePoints, len(pts))]
		hits = v.base.appendPart(hits[:0], &s, part, 0, nil)
		done := 0 // of the hits
		for _, i := range v.changed.near(&s, part) {
			for ; done < len(hits) && hits[done].Point <= int32(i); done++ {
				dst = v.appendHit(dst, hits[done], from)
			}
			for _, z := range v.changed.append(zones[:0], part[i]) {
				dst = append(dst, ZoneHit{from + int(i), z})
			}
		}
		for _, h := range hits[done:] {
			dst = v.appendHit(dst, h, from)
		}
	}
	return dst
}

// appendHit appends a hit of the base, of points from one on, but of a zone that is no more.
func (v *View) appendHit(dst []ZoneHit, h Hit, from int) []ZoneHit {
	if v.gone.has(int(h.Zone)) {
		return dst
	}
	return append(dst, ZoneHit{from + int(h.Point), &v.base.zones[h.Zone]})
}

// Classify is Index.Classify for the zone with that ID. If there is none, the
// side is unknown and the distance no number.
func (v *View) Classify(id string, p em.LatLng, radius95 float64) (em.Side, float64) {
	if f := v.changed.find(id); f != nil {
		if !p.Valid() {
			return em.SideUnknown, math.NaN()
		}
		d := f.distance(&place{p: p})
		return sideOf(d, radius95), d
	}
	if i, ok := v.base.Lookup(id); ok && !v.gone.has(i) {
		return v.base.Classify(i, p, radius95)
	}
	return em.SideUnknown, math.NaN()
}

// tombstones is a set of numbers in pages, so that a changed copy shares all
// but one of them.
type tombstones struct {
	n     int
	pages []*tombstonePage
}

type tombstonePage [64]uint64

const tombstonesPerPage = 64 * len(tombstonePage{})

func (t *tombstones) has(i int) bool {
	page := i / tombstonesPerPage
	if page >= len(t.pages) || t.pages[page] == nil {
		return false
	}
	i %= tombstonesPerPage
	return t.pages[page][i/64]>>(i%64)&1 != 0
}

// with returns a copy that has i, which t has not.
func (t *tombstones) with(i int) tombstones {
	page := i / tombstonesPerPage
	n := tombstones{t.n + 1, make([]*tombstonePage, max(len(t.pages), page+1))}
	copy(n.pages, t.pages)
	var p tombstonePage
	if n.pages[page] != nil {
		p = *n.pages[page]
	}
	i %= tombstonesPerPage
	p[i/64] |= 1 << (i % 64)
	n.pages[page] = &p
	return n
}

func (t *tombstones) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for page, p := range t.pages {
			if p == nil {
				continue
			}
			for i := range tombstonesPerPage {
				if n := page*tombstonesPerPage + i; t.has(n) && !yield(n) {
					return
				}
			}
		}
	}
}

func byFenceID(a, b *fence) int { return strings.Compare(a.zone.ID, b.zone.ID) }
