package protocol

import (
	"time"

	"github.com/sargas-em/em"
)

// Session is one conversation with one device. It does no I/O and reads no
// clock; its caller is single-threaded.
type Session interface {
	// Handle takes the next message. It appends to out what the message says
	// and what to answer. An error means that the message could not be used (it
	// wraps ErrNoIdentity, ErrIdentity or ErrMalformed); replies already in out
	// are still sent, and the conversation goes on.
	Handle(now time.Time, m Message, out *Output) error

	// Deadline is when the session wants to be woken; zero for never. One in the
	// past means at once. After Wake(now) it is zero or after now.
	Deadline() time.Time

	// Wake tells that Deadline has been reached.
	Wake(now time.Time, out *Output) error

	// Device is the identity that the device has given; empty before.
	Device() em.DeviceID
}

// Output collects what a session decides. Observations need Device, DeviceAt
// (where the frame has a time), Seq, Part, Stored and Body; At only where the
// session corrects the clock. Whoever drives the session stamps the rest.
type Output struct {
	Send         []Message // in order, after the observations are durable
	Observations []em.Observation
	Close        bool // hang up after sending
}

// Reset empties the output for the next call, keeping its memory.
func (o *Output) Reset() {
	clear(o.Send)
	clear(o.Observations)
	*o = Output{Send: o.Send[:0], Observations: o.Observations[:0]}
}

// Observe appends one observation with the next Part number of this frame.
// deviceAt is zero where the frame carries no time.
func (o *Output) Observe(d em.DeviceID, deviceAt time.Time, b em.Body) *em.Observation {
	o.Observations = append(o.Observations, em.Observation{
		Device: d, DeviceAt: deviceAt, Part: uint16(len(o.Observations)), Body: b,
	})
	return &o.Observations[len(o.Observations)-1]
}

// Simulator is the device's side of a conversation: a Session that is handed
// the center's messages and sends a device's. Its first Wake, which Link makes
// whatever Deadline says, starts it; further ones at Deadline continue it.
type Simulator interface {
	Session

	// Report gives the device something to say: it goes out at the next Wake, or
	// as soon as the dialect's login and order allow, as the dialect's own
	// message, with DeviceAt (or At where that is zero) as its time, and as
	// backlog where Stored is set. A body for which the dialect has no message,
	// or that it cannot tell as it is, is an error that wraps ErrUnsupported.
	Report(obs ...em.Observation) error
}

// Tell makes what says obs, for a Simulator's Report: all of it, or nothing where one
// cannot be said. sim is what message changes; it is set back then.
func Tell[S, M any](sim *S, obs []em.Observation, message func(em.Observation) (M, error)) ([]M, error) {
	before := *sim
	var all []M
	for _, o := range obs {
		m, err := message(o)
		if err != nil {
			*sim = before
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// ToldAt is the time that a Simulator tells of an observation: the device's, or At
// where it has none.
func ToldAt(o em.Observation) time.Time {
	if o.DeviceAt.IsZero() {
		return o.At
	}
	return o.DeviceAt
}

// Resumer is a Simulator whose device outlives its connection, as all of package
// devices do. It is apart from Simulator so that one that serves a single
// connection needs no more than that.
type Resumer interface {
	Simulator

	// Waiting returns how many reports the device still holds: those that were not
	// sent, and in a dialect with acknowledgements those that wait for theirs.
	// Heartbeats and logins do not count.
	Waiting() int

	// Reconnect tells that the connection was lost and there is a new one. The
	// next Wake, to be made whatever Deadline says, begins the conversation anew,
	// and what was not acknowledged goes out again. No message of the old
	// connection may be handed over after it.
	Reconnect()
}
