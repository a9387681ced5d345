package health

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// KindIdentity, em.Technical, Class "IDENTITY_TWICE": one device's identity
// reports over two connections in turn, so that one of them may not be the
// device: a device's number is no secret. It begins with the report that shows
// it and ends when no more of that is seen for IdentitiesConfig.Quiet.
const KindIdentity em.EventKind = "device.identity.twice"

// IdentitiesConfig bounds what is remembered. The zero value works.
type IdentitiesConfig struct {
	Version string // of this configuration, for Event.Version

	// Quiet is for how long nothing must be seen for the event to end: 10 minutes
	// where zero. Unverified.
	Quiet time.Duration
	// Each is how many identities of one connection are remembered: 64 where
	// zero, as a gateway may speak for several devices and an attacker for any
	// number. Connections is how many connections are: 200,000 where zero.
	Each, Connections int
}

// Identities finds an identity that two live connections share. A device that
// connects anew leaves its old connection silent: two are too many only when a
// connection reports again after another has taken over. It is fed by whoever
// accepts connections, in the order of reception; it reads no clock and is not
// safe for concurrent use. It has no binary form, since connections do not
// outlive the process.
//
// Its events bear no subject: call Event.Stamp with the one who carries the device.
type Identities struct {
	c     IdentitiesConfig
	conns map[uint64][]em.DeviceID
	owner map[em.DeviceID]*owner
}

type owner struct {
	conn, before uint64    // who reports, and from whom it took over; 0: nobody
	since, last  time.Time // of the open event: its beginning, and the latest turn; zero: none
	id           em.ObservationID
	anchor       time.Time // of the last event
}

// NewIdentities returns an empty Identities.
func NewIdentities(c IdentitiesConfig) (*Identities, error) {
	var err error
	if c.Quiet, err = positive("quiet time", c.Quiet, 10*time.Minute); err != nil {
		return nil, err
	}
	if c.Each == 0 {
		c.Each = 64
	}
	if c.Connections == 0 {
		c.Connections = 200_000
	}
	if c.Each < 1 || c.Connections < 1 {
		return nil, fmt.Errorf("health: %d identities of %d connections", c.Each, c.Connections)
	}
	return &Identities{c: c, conns: map[uint64][]em.DeviceID{}, owner: map[em.DeviceID]*owner{}}, nil
}

// Observe takes that connection conn, which is not 0, reported as device d; by
// is an observation of it, zero where there is none. Errors wrap ErrFull.
func (x *Identities) Observe(dst []em.Event, now time.Time, conn uint64, d em.DeviceID, by em.ObservationID) ([]em.Event, error) {
	if d == "" || conn == 0 {
		return dst, nil
	}
	now = now.Round(0).UTC()
	ds, known := x.conns[conn]
	if !known && len(x.conns) >= x.c.Connections {
		return dst, fmt.Errorf("%w: %d connections", ErrFull, len(x.conns))
	}
	if !slices.Contains(ds, d) {
		if len(ds) >= x.c.Each {
			return dst, fmt.Errorf("%w: %d identities of one connection", ErrFull, len(ds))
		}
		x.conns[conn] = append(ds, d)
	}
	o := x.owner[d]
	switch {
	case o == nil:
		x.owner[d] = &owner{conn: conn}
		return dst, nil
	case o.conn == conn:
		return dst, nil
	case o.conn == 0:
		o.conn = conn
		return dst, nil
	}
	back := o.before == conn
	o.conn, o.before = conn, o.conn
	if !back {
		return dst, nil
	}
	o.last = now
	if o.since.IsZero() {
		o.since, o.id = now, by
		o.anchor = later(now, o.anchor.Add(1))
		dst = append(dst, x.event(d, o, time.Time{}))
	}
	return dst, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Close takes that a connection is closed.
func (x *Identities) Close(conn uint64) {
	for _, d := range x.conns[conn] {
		o := x.owner[d]
		if o == nil {
			continue
		}
		if o.conn == conn {
			o.conn = 0
		}
		if o.before == conn {
			o.before = 0
		}
		if o.conn == 0 && o.before == 0 && o.since.IsZero() {
			delete(x.owner, d)
		}
	}
	delete(x.conns, conn)
}

// Deadline is when Wake is to be called; zero: not before the next Observe. It
// looks at every identity with an open event.
func (x *Identities) Deadline() (at time.Time) {
	for _, o := range x.owner {
		if !o.since.IsZero() {
			at = earlier(at, o.last.Add(x.c.Quiet))
		}
	}
	return at
}

// Wake ends what has been quiet until at.
func (x *Identities) Wake(dst []em.Event, at time.Time) []em.Event {
	for _, d := range slices.Sorted(maps.Keys(x.owner)) {
		o := x.owner[d]
		if o.since.IsZero() || at.Before(o.last.Add(x.c.Quiet)) {
			continue
		}
		dst = append(dst, x.event(d, o, o.last.Add(x.c.Quiet)))
		o.since, o.last, o.id = time.Time{}, time.Time{}, em.ObservationID{}
		if o.conn == 0 && o.before == 0 {
			delete(x.owner, d)
		}
	}
	return dst
}

func (x *Identities) event(d em.DeviceID, o *owner, until time.Time) em.Event {
	e := newEvent(x.c.Version, d, KindIdentity, o.since)
	e.Anchor, e.Until, e.Because = o.anchor, until, because(o.id)
	e.Detail.Class, e.Detail.Severity = "IDENTITY_TWICE", em.Technical
	e.Detail.Reason = fmt.Sprintf("The same device identity reports over two connections in turn since %s: one of them may not be the device.", clock(o.since))
	if !until.IsZero() {
		e.Detail.Reason = fmt.Sprintf("The same device identity reported over two connections in turn from %s to %s: one of them may not have been the device.", clock(o.since), clock(o.last))
	}
	e.Detail.Facts = []em.Fact{seconds("over when quiet for", x.c.Quiet)}
	return e
}
