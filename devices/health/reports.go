package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Kinds of Reports.
//
//   - KindReportClock, em.Technical: the device's clock is off by more than
//     ReportsConfig.Offset. Class "CLOCK_BEHIND" or "CLOCK_AHEAD". It begins with
//     the first report that shows it and ends with the first that shows the
//     right time again.
//   - KindReportOld, em.Warning: single reports with another time among reports
//     with the right one. Class "OLD_REPORT" where they repeat a time that was
//     already reported on, as a recorded report does that somebody sends again, or
//     "STRAY_REPORT".
//   - KindReportSequence, em.Technical, Class "SEQUENCE_BACK": the frames' serial
//     numbers went back without a login. It happens at one instant.
const (
	KindReportClock    em.EventKind = "device.report.clock"
	KindReportOld      em.EventKind = "device.report.old"
	KindReportSequence em.EventKind = "device.report.sequence"
)

// ReportsConfig says what is implausible in reports. The zero value works.
type ReportsConfig struct {
	Device  em.DeviceID // the only device to watch; where empty each one by itself
	Version string      // of this configuration, for Event.Version

	// Offset is how far the time in a report may be from its reception: a minute
	// where zero. Confirm is for how long reports must agree on another one
	// before the clock is held to be off: 2 minutes where zero, which no upload of
	// a memory takes for one and the same offset. Unverified.
	Offset, Confirm time.Duration

	// Unmarked: the dialect does not mark what it uploads from memory
	// (em.Observation.Stored), so that old reports mean nothing.
	Unmarked bool

	// Sequence judges serial numbers. Only for dialects that log in with each
	// connection, as numbers start anew there; Repeats is how far back a frame
	// that is sent again may be, 256 where zero.
	Sequence bool
	Repeats  uint64
}

// Reports finds reports that cannot be what they say: a clock that jumped, a
// recorded report sent again, serial numbers that go back. It goes by
// em.ReceiveTime and is not safe for concurrent use.
//
// Reports without a time of their own, and those marked as stored, are not
// judged, nor is a re-sent report: the last 16 IDs of a device are known. Where
// nothing follows an odd report it is not told.
type Reports struct {
	c       ReportsConfig
	devices []reporter
}

// reporter is what is known of one device's reports.
type reporter struct {
	device em.DeviceID
	heard  time.Time // last
	newest time.Time // the latest time of its own in a report that was in order
	seen   []em.ObservationID
	seq    em.Opt[uint64]

	// The anchors of the last odd report and of the last number that went back,
	// until their instants are over: several can be received at one.
	oddAnchor, seqAnchor time.Time

	odd    odd // reports that do not agree with the clock as it is known to be
	since  time.Time
	id     em.ObservationID // that showed the clock to be off
	offset time.Duration    // known; meaningful while since is set
}

// odd is a run of reports that agree on an offset that is not known.
type odd struct {
	n      uint64 // zero: there are none
	at     time.Time
	anchor time.Time
	id     em.ObservationID
	says   time.Time // the time in the first
	offset time.Duration
	old    bool // that time had been reported on
}

func (a reporter) compare(b reporter) int { return cmp.Compare(a.device, b.device) }

const (
	reportIDs     = 16 // of one more, the oldest is forgotten
	reportDevices = 16 // a subject has a few; of one more, the one heard least lately is forgotten
)

var _ em.Evaluator = (*Reports)(nil)

// NewReports returns the evaluator.
func NewReports(c ReportsConfig) (*Reports, error) {
	var err error
	if c.Offset, err = positive("offset", c.Offset, time.Minute); err != nil {
		return nil, err
	}
	if c.Confirm, err = positive("time to confirm", c.Confirm, 2*time.Minute); err != nil {
		return nil, err
	}
	if c.Repeats == 0 {
		c.Repeats = 256
	}
	return &Reports{c: c}, nil
}

// Clock returns em.ReceiveTime.
func (r *Reports) Clock() em.Clock { return em.ReceiveTime }

// Observe implements em.Evaluator.
func (r *Reports) Observe(dst []em.Event, o em.Observation) []em.Event {
	if r.c.Device != "" && o.Device != r.c.Device {
		return dst
	}
	var d *reporter
	if d, dst = r.reporter(dst, o); d == nil {
		return dst
	}
	if slices.Contains(d.seen, o.ID) {
		return dst
	}
	if len(d.seen) == reportIDs {
		d.seen = slices.Delete(d.seen, 0, 1)
	}
	d.seen = append(d.seen, o.ID)
	if o.Stored {
		return dst
	}
	if r.c.Sequence {
		dst = r.sequence(dst, d, o)
	}
	if o.DeviceAt.IsZero() {
		return dst
	}
	return r.clock(dst, d, o)
}

// reporter returns what is known of o's device.
func (r *Reports) reporter(dst []em.Event, o em.Observation) (*reporter, []em.Event) {
	i, found := slices.BinarySearchFunc(r.devices, reporter{device: o.Device}, reporter.compare)
	if !found {
		if len(r.devices) == reportDevices {
			least := 0
			for j := range r.devices {
				if r.devices[j].heard.Before(r.devices[least].heard) {
					least = j
				}
			}
			if d := &r.devices[least]; !d.since.IsZero() {
				dst = append(dst, r.clockEvent(d, o.Received, em.ObservationID{}))
			}
			r.devices = slices.Delete(r.devices, least, least+1)
			i, _ = slices.BinarySearchFunc(r.devices, reporter{device: o.Device}, reporter.compare)
		}
		r.devices = slices.Insert(r.devices, i, reporter{device: o.Device})
	}
	d := &r.devices[i]
	d.heard = o.Received
	for _, a := range []*time.Time{&d.oddAnchor, &d.seqAnchor} {
		if o.Received.After(*a) {
			*a = time.Time{}
		}
	}
	return d, dst
}

// sequence judges the serial number of o.
func (r *Reports) sequence(dst []em.Event, d *reporter, o em.Observation) []em.Event {
	if !o.Seq.OK {
		return dst
	}
	anew := false
	switch b := o.Body.(type) {
	case *em.Comms:
		anew = b.Event == em.CommsLogin
	case *em.Power:
		anew = b.Event == em.PowerOn
	}
	was := d.seq
	if anew || !was.OK || o.Seq.V > was.V {
		d.seq = o.Seq
		return dst
	}
	if was.V-o.Seq.V <= r.c.Repeats {
		return dst
	}
	d.seq = o.Seq
	e := newEvent(r.c.Version, d.device, KindReportSequence, o.Received)
	d.seqAnchor = later(o.Received, d.seqAnchor.Add(1))
	e.Anchor, e.Until, e.Because = d.seqAnchor, o.Received, because(o.ID)
	e.Detail.Class, e.Detail.Severity = "SEQUENCE_BACK", em.Technical
	e.Detail.Reason = fmt.Sprintf("The serial numbers of the device's reports went back from %d to %d at %s, and it had not logged in anew.", was.V, o.Seq.V, clock(o.Received))
	e.Detail.Facts = []em.Fact{
		{Name: "from", Num: float64(was.V), Unit: "1"}, {Name: "to", Num: float64(o.Seq.V), Unit: "1"},
		{Name: "repeats allowed", Num: float64(r.c.Repeats), Unit: "1"},
	}
	return append(dst, e)
}

// clock judges the time in o.
func (r *Reports) clock(dst []em.Event, d *reporter, o em.Observation) []em.Event {
	offset := o.Received.Sub(o.DeviceAt)
	right := within(offset, 0, r.c.Offset)
	if right || !d.since.IsZero() && within(offset, d.offset, r.c.Offset) {
		if d.odd.n > 0 {
			dst = r.stray(dst, d, o)
		}
		if right && !d.since.IsZero() {
			dst = append(dst, r.clockEvent(d, o.Received, o.ID))
			d.since, d.id, d.offset = time.Time{}, em.ObservationID{}, 0
		}
		if o.DeviceAt.After(d.newest) || right {
			d.newest = o.DeviceAt
		}
		return dst
	}
	x := &d.odd
	if x.n == 0 || !within(offset, x.offset, r.c.Offset) {
		if x.n > 0 {
			dst = r.stray(dst, d, o)
		}
		old := !d.newest.IsZero() && o.DeviceAt.Before(d.newest)
		d.oddAnchor = later(o.Received, d.oddAnchor.Add(1))
		*x = odd{n: 1, at: o.Received, anchor: d.oddAnchor, id: o.ID, says: o.DeviceAt, offset: offset, old: old}
		return dst
	}
	x.n++
	if o.Received.Sub(x.at) < r.c.Confirm {
		return dst
	}
	if !d.since.IsZero() {
		dst = append(dst, r.clockEvent(d, x.at, x.id))
	}
	d.since, d.id, d.offset = x.at, x.id, x.offset
	d.newest, d.odd = o.DeviceAt, odd{}
	return append(dst, r.clockEvent(d, time.Time{}, o.ID))
}

func within(a, b, limit time.Duration) bool { return a-b <= limit && b-a <= limit }

// clockEvent returns the present version; until is zero while it is open.
func (r *Reports) clockEvent(d *reporter, until time.Time, by em.ObservationID) em.Event {
	e := newEvent(r.c.Version, d.device, KindReportClock, d.since)
	e.Until, e.Because = until, because(d.id, by)
	e.Detail.Class, e.Detail.Severity = "CLOCK_BEHIND", em.Technical
	off, which := d.offset, "behind"
	if off < 0 {
		e.Detail.Class, off, which = "CLOCK_AHEAD", -off, "ahead"
	}
	e.Detail.Reason = fmt.Sprintf("The device's clock is %s %s since %s.", span(off), which, clock(d.since))
	if !until.IsZero() {
		e.Detail.Reason = fmt.Sprintf("The device's clock was %s %s from %s to %s.", span(off), which, clock(d.since), clock(until))
	}
	e.Detail.Facts = []em.Fact{
		seconds("received after the time in the report", d.offset), seconds("offset allowed", r.c.Offset), seconds("confirmed over", r.c.Confirm),
	}
	return e
}

// stray tells of odd reports that o, which is in order or odd otherwise, left alone.
func (r *Reports) stray(dst []em.Event, d *reporter, o em.Observation) []em.Event {
	x := d.odd
	d.odd = odd{}
	if r.c.Unmarked {
		return dst
	}
	e := newEvent(r.c.Version, d.device, KindReportOld, x.at)
	e.Anchor, e.Until, e.Because = x.anchor, o.Received, because(x.id, o.ID)
	e.Detail.Class, e.Detail.Severity = "STRAY_REPORT", em.Warning
	e.Detail.Reason = fmt.Sprintf("A report received at %s says %s, and those around it have another time.", clock(x.at), clock(x.says))
	if x.old {
		e.Detail.Class = "OLD_REPORT"
		e.Detail.Reason = fmt.Sprintf("A report received at %s says %s and is not marked as stored, though later times had been reported: it was held up, or recorded and sent again.", clock(x.at), clock(x.says))
	}
	e.Detail.Facts = []em.Fact{
		{Name: "reports", Num: float64(x.n), Unit: "1"}, instant("time in the first", x.says),
		seconds("received after it", x.offset), seconds("offset allowed", r.c.Offset),
	}
	return append(dst, e)
}

// Deadline implements em.Evaluator: there is none.
func (r *Reports) Deadline() time.Time { return time.Time{} }

// Wake implements em.Evaluator: there is nothing to do.
func (r *Reports) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }

// AppendBinary implements em.Evaluator.
func (r *Reports) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendUint(append(dst, stateVersion), uint64(len(r.devices)))
	for i := range r.devices {
		d := &r.devices[i]
		dst = em.AppendTime(em.AppendTime(em.AppendString(dst, string(d.device)), d.heard), d.newest)
		dst = em.AppendUint(dst, uint64(len(d.seen)))
		for _, id := range d.seen {
			dst = appendID(dst, id)
		}
		dst = em.AppendOpt(dst, d.seq, em.AppendUint)
		dst = em.AppendTime(em.AppendTime(dst, d.oddAnchor), d.seqAnchor)
		x := &d.odd
		if dst = em.AppendUint(dst, x.n); x.n > 0 {
			dst = em.AppendTime(appendID(em.AppendTime(em.AppendTime(dst, x.at), x.anchor), x.id), x.says)
			dst = em.AppendBool(em.AppendInt(dst, int64(x.offset)), x.old)
		}
		if dst = em.AppendTime(dst, d.since); !d.since.IsZero() {
			dst = em.AppendInt(appendID(dst, d.id), int64(d.offset))
		}
	}
	return dst, nil
}

// UnmarshalBinary implements em.Evaluator.
func (r *Reports) UnmarshalBinary(b []byte) error {
	v := Reports{c: r.c}
	err := readState(b, func(r *em.StateReader) {
		v.devices = readSorted(r, func() reporter {
			d := reporter{device: em.DeviceID(r.String()), heard: r.Time(), newest: r.Time()}
			for n := r.Len(); n > 0 && r.Err() == nil; n-- {
				d.seen = append(d.seen, readID(r))
			}
			d.seq = em.ReadOpt(r, (*em.StateReader).Uint)
			d.oddAnchor, d.seqAnchor = r.Time(), r.Time()
			if x := &d.odd; true {
				if x.n = r.Uint(); x.n > 0 {
					x.at, x.anchor, x.id, x.says = r.Time(), r.Time(), readID(r), r.Time()
					x.offset, x.old = time.Duration(r.Int()), r.Bool()
				}
			}
			if d.since = r.Time(); !d.since.IsZero() {
				d.id, d.offset = readID(r), time.Duration(r.Int())
			}
			if len(d.seen) > reportIDs {
				r.Fail("too many reports")
			}
			return d
		}, reporter.compare)
		if len(v.devices) > reportDevices {
			r.Fail("too many devices")
		}
	})
	if err == nil {
		*r = v
	}
	return err
}
