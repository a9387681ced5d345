package curfew

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// NewSchedule checks a plan and copies it. The error joins all that is wrong:
// *ZoneError, *EntryError, *ConflictError. MUST_BE_HOME rows may overlap where
// they ask for the same place.
func NewSchedule(p Plan) (Schedule, error) {
	p = p.clone()
	b := builder{t: &table{plan: p, special: map[int][]duty{}, last: dayNumber(earliest)}}
	b.zones()
	b.rows()
	b.release()
	b.calendars()
	b.lifts()
	b.conflicts()
	if len(b.errs) > 0 {
		return Schedule{}, errors.Join(b.errs...)
	}
	if len(b.t.special) == 0 {
		b.t.special = nil
	}
	return Schedule{b.t}, nil
}

// builder lays a plan out, and collects what is wrong with it.
type builder struct {
	t    *table
	errs []error
}

func (b *builder) refuse(err error, text, format string, args ...any) {
	b.errs = append(b.errs, &EntryError{fmt.Sprintf(format, args...), text, err})
}

// bounded reports whether a list is within its bound.
func (b *builder) bounded(n, limit int, format string, args ...any) bool {
	if n > limit {
		b.refuse(fmt.Errorf("%w: at most %d", ErrTooMany, limit), "", "%s[%d]", fmt.Sprintf(format, args...), limit) // the first one too many
	}
	return n <= limit
}

func (b *builder) zones() {
	t := b.t
	load := func(name string) *time.Location {
		if name == "" || name == "Local" {
			b.errs = append(b.errs, &ZoneError{name, errors.New("not the name of a zone such as Europe/Vilnius")})
			return time.UTC
		}
		loc, err := time.LoadLocation(name)
		if err != nil {
			b.errs = append(b.errs, &ZoneError{name, err})
			return time.UTC
		}
		return loc
	}
	t.zones = []*time.Location{load(t.plan.Zone)}
	if !b.bounded(len(t.plan.Places), MaxPlaces, "places") {
		return
	}
	for i, p := range t.plan.Places {
		if slices.ContainsFunc(t.plan.Places[:i], func(q Place) bool { return q.Name == p.Name }) {
			b.refuse(ErrPlaceTwice, p.Name, "places[%d]", i)
		}
		if len(p.Name) > maxText {
			b.refuse(ErrPlace, "", "places[%d]", i)
		}
		if p.Zone != "" && !slices.ContainsFunc(t.zones, func(l *time.Location) bool { return l.String() == p.Zone }) {
			t.zones = append(t.zones, load(p.Zone))
		}
	}
}

// check checks a row.
func (b *builder) check(r Row, format string, args ...any) bool {
	err := r.check()
	if err == nil && !b.known(r.Place) {
		err = ErrPlace
	}
	if err != nil {
		b.refuse(err, r.String(), format, args...)
	}
	return err == nil
}

// known reports whether rows may name a place.
func (b *builder) known(place string) bool {
	list := b.t.plan.Places
	return len(list) == 0 || place == "" || slices.ContainsFunc(list, func(p Place) bool { return p.Name == place })
}

func (b *builder) rows() {
	t := b.t
	if !b.bounded(len(t.plan.Weekly), MaxRows, "weekly") {
		return
	}
	for i, r := range t.plan.Weekly {
		if b.check(r, "weekly[%d]", i) {
			t.byDay[r.Day] = append(t.byDay[r.Day], duty{
				row: r, source: FromWeek, entry: fmt.Sprintf("weekly[%d]", i), minutes: r.minutes(), zone: t.zoneOf(r.Place),
			})
		}
	}
}

func (b *builder) release() {
	t := b.t
	r := t.plan.Release
	if r == nil {
		return
	}
	var err error
	switch {
	case !r.Date.valid():
		err = ErrDate
	case r.Start >= minutesADay || r.End >= minutesADay:
		err = ErrTimeOfDay
	case len(r.Place) > maxText || !b.known(r.Place):
		err = ErrPlace
	}
	if err != nil {
		b.refuse(err, r.Date.String()+" "+r.row().hours(), "release")
		t.plan.Release = nil
		return
	}
	d := duty{row: r.row(), source: FromRelease, entry: "release", minutes: r.minutes(), zone: t.zoneOf(r.Place)}
	n := dayNumber(r.Date.midnight())
	if b.lasts(&d, r.Date, "release") {
		t.special[n] = []duty{d}
	}
	t.last = max(t.last, n)
}

// lasts reports whether clocks leave something of a row on a date.
func (b *builder) lasts(d *duty, on Date, entry string) bool {
	clocks := make([]clock, len(b.t.zones))
	for i, l := range b.t.zones {
		clocks[i].loc = l
	}
	if o := d.starting(on.midnight(), clocks); !o.Start.Before(o.End) {
		b.refuse(ErrInGap, o.String(), "%s", entry)
		return false
	}
	return true
}

func (b *builder) calendars() {
	t := b.t
	n := 0
	for i, c := range t.plan.Calendars {
		if n += len(c.Days); n > MaxHolidays {
			b.refuse(fmt.Errorf("%w: at most %d", ErrTooMany, MaxHolidays), "", "calendars[%d].days[%d]", i, len(c.Days)-(n-MaxHolidays))
			return
		}
	}
	type override struct{ entry, text string }
	by := map[int]override{} // what has replaced the rows of a day
	added := map[int][]duty{}
	for i, c := range t.plan.Calendars {
		for k, h := range c.Days {
			entry := fmt.Sprintf("calendars[%d].days[%d]", i, k)
			text := strings.TrimSpace(h.Date.String() + " " + h.Name)
			switch {
			case !h.Date.valid():
				b.refuse(ErrDate, text, "%s", entry)
				continue
			case h.Like.OK && (h.Like.V < 0 || h.Like.V > 6):
				b.refuse(ErrDay, text, "%s", entry)
				continue
			case h.Like.OK && h.Replace:
				b.refuse(ErrLike, text, "%s", entry)
				continue
			case len(h.Name) > maxText/2:
				b.refuse(fmt.Errorf("%w: name of %d bytes", ErrTooMany, len(h.Name)), "", "%s", entry)
				continue
			}
			day := dayNumber(h.Date.midnight())
			if r := t.plan.Release; r != nil && day == dayNumber(r.Date.midnight()) {
				continue // the release has its own rows
			}
			if h.Replace || h.Like.OK {
				if was, ok := by[day]; ok {
					b.errs = append(b.errs, &ConflictError{was.entry, entry, was.text, text})
					continue
				}
				by[day] = override{entry, text}
				t.special[day] = []duty{}
				if h.Like.OK {
					for _, d := range t.byDay[h.Like.V] {
						d.holiday = h.Name
						t.special[day] = append(t.special[day], d)
					}
				}
			}
			if !b.bounded(len(h.Rows), MaxRows, "%s.rows", entry) {
				continue
			}
			for m, r := range h.Rows {
				at := fmt.Sprintf("%s.rows[%d]", entry, m)
				d := duty{row: r, source: FromHoliday, entry: at, holiday: h.Name, minutes: r.minutes(), zone: t.zoneOf(r.Place)}
				if b.check(r, "%s", at) && b.lasts(&d, h.Date, at) {
					added[day] = append(added[day], d)
				}
			}
		}
	}
	for day, list := range added {
		base, ok := t.special[day]
		if !ok {
			base = t.byDay[weekday(day)]
		}
		if len(list) > 0 {
			t.special[day] = slices.Concat(base, list)
		}
	}
	for day := range t.special {
		t.last = max(t.last, day)
	}
}

func weekday(day int) time.Weekday { return time.Weekday((day + 4) % 7) } // 1970 began on a Thursday

// lifts lays out permits and suspensions.
func (b *builder) lifts() {
	t := b.t
	if !b.bounded(len(t.plan.Permits), MaxPermits, "permits") || !b.bounded(len(t.plan.Suspensions), MaxSuspensions, "suspensions") {
		return
	}
	ends := b.replaced()
	var leave, excuse [MayLeave][]interval
	add := func(k Kind, from, to, known time.Time) {
		from, to, known = from.UTC(), to.UTC(), known.UTC()
		leave[k] = append(leave[k], interval{later(from, known), to})
		excuse[k] = append(excuse[k], interval{from, sooner(known, to)})
	}
	for i := range t.plan.Permits {
		q := &t.plan.Permits[i]
		if err := q.check(); err != nil {
			b.refuse(err, q.ID, "permits[%d]", i)
			continue
		}
		to := q.To
		for _, end := range []time.Time{q.RevokedAt, ends[i]} {
			if !end.IsZero() {
				to = sooner(to, end)
			}
		}
		add(q.Kind, q.From, to, q.known())
	}
	for i := range t.plan.Suspensions {
		q := &t.plan.Suspensions[i]
		if err := q.check(); err != nil {
			b.refuse(err, "", "suspensions[%d]", i)
			continue
		}
		for k := range MayLeave {
			add(k, q.From, orTime(q.To, latest), q.known())
		}
	}
	for k := range t.lift {
		t.lift[k] = lift{union(leave[k]), union(excuse[k])}
	}
}

// replaced returns when each permit was replaced by another one; zero if never.
func (b *builder) replaced() []time.Time {
	list := b.t.plan.Permits
	ends := make([]time.Time, len(list))
	byID := map[string]int{}
	for i, q := range list {
		if k, ok := byID[q.ID]; ok && q.ID != "" {
			b.errs = append(b.errs, &ConflictError{fmt.Sprintf("permits[%d]", k), fmt.Sprintf("permits[%d]", i), q.ID, q.ID})
		} else if q.ID != "" {
			byID[q.ID] = i
		}
	}
	for i, q := range list {
		if q.Replaces == "" {
			continue
		}
		was, ok := byID[q.Replaces]
		circle := false
		for k, n := was, 0; ok && n <= len(list) && !circle; n++ {
			circle = k == i
			if list[k].Replaces == "" {
				break
			}
			if next, found := byID[list[k].Replaces]; found {
				k = next
			} else {
				break
			}
		}
		switch {
		case circle:
			b.refuse(ErrCircle, q.ID, "permits[%d]", i)
		case !ok || q.known().Before(list[was].known()) || !ends[was].IsZero():
			b.refuse(ErrReplaces, q.ID, "permits[%d]", i)
		default:
			ends[was] = q.known()
		}
	}
	return ends
}

// placed is a duty on a day, in minutes by the clock on the wall of its zone.
type placed struct {
	*duty
	day        int
	begin, end int
}

// conflicts refuses what cannot be met: in a week as it comes every week, and
// round each day that differs from it.
func (b *builder) conflicts() {
	t := b.t
	place := func(list []placed, day int, duties []duty) []placed {
		for i := range duties {
			d := &duties[i]
			at := day*minutesADay + int(d.row.Start)
			list = append(list, placed{d, day, at, at + d.minutes})
		}
		return list
	}
	between := differences(t.zones)
	told := map[[2]string]bool{}
	check := func(list []placed, of func(day int) bool) {
		for i, x := range list {
			for _, y := range list[i+1:] {
				if !of(x.day) && !of(y.day) || !clash(x.row, y.row) || told[[2]string{x.entry, y.entry}] {
					continue
				}
				for _, d := range between[x.zone][y.zone] {
					from, to := max(x.begin, y.begin+d), min(x.end, y.end+d)
					if from < to && !mayLeave(list, x, from, to) && !mayLeave(list, y, from-d, to-d) {
						told[[2]string{x.entry, y.entry}] = true
						b.errs = append(b.errs, &ConflictError{x.entry, y.entry, x.text(), y.text()})
						break
					}
				}
			}
		}
	}
	var list []placed
	for day := range 21 {
		list = place(list, day, t.byDay[weekday(day)])
	}
	check(list, func(day int) bool { return day/7 == 1 })
	days := make([]int, 0, len(t.special))
	for day := range t.special {
		days = append(days, day)
	}
	slices.Sort(days)
	for _, day := range days {
		list = list[:0]
		for d := day - 2; d <= day+2; d++ {
			list = place(list, d, t.on(time.Unix(int64(d)*24*3600, 0).UTC()))
		}
		check(list, func(d int) bool { return d == day })
	}
}

func (p placed) text() string {
	o := Obligation{Source: p.source, Row: p.row, Holiday: p.holiday, Date: dateOf(time.Unix(int64(p.day)*24*3600, 0).UTC())}
	if p.source == FromWeek && p.holiday == "" {
		return p.row.String()
	}
	return o.String()
}

// mayLeave reports whether MAY_LEAVE rows lift x from one minute to another.
func mayLeave(list []placed, x placed, from, to int) bool {
	if x.row.Kind != MustBeHome {
		return false
	}
	var windows []placed
	for _, w := range list {
		if w.row.Kind == MayLeave && w.row.Place == x.row.Place {
			windows = append(windows, w)
		}
	}
	slices.SortFunc(windows, func(a, b placed) int { return cmp.Compare(a.begin, b.begin) })
	for _, w := range windows {
		if w.begin <= from {
			from = max(from, w.end)
		}
	}
	return from >= to
}

// differences lists by how many minutes the clock of a zone can be ahead of that
// of another one.
func differences(zones []*time.Location) [][][]int {
	all := make([][][]int, len(zones))
	for i, a := range zones {
		all[i] = make([][]int, len(zones))
		for k, b := range zones {
			if i == k {
				all[i][k] = []int{0}
				continue
			}
			for t := earliest; t.Before(latest); {
				_, x := t.In(a).Zone()
				_, y := t.In(b).Zone()
				if d := (x - y) / 60; !slices.Contains(all[i][k], d) {
					all[i][k] = append(all[i][k], d)
				}
				next := latest
				for _, l := range []*time.Location{a, b} {
					if _, to := zoneBounds(t.In(l)); !to.IsZero() {
						next = sooner(next, to)
					}
				}
				t = next
			}
		}
	}
	return all
}
