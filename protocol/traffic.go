package protocol

import (
	"context"
	"fmt"
	"io"
	"time"
)

// TrafficKind says what Traffic tells.
type TrafficKind uint8

// Kinds of traffic.
const (
	Received TrafficKind = iota + 1 // Data came from the device, in one read
	Sent                            // Data was written to the device
	Woken                           // the session was woken at its deadline; no Data
	Lost                            // Missing bytes of the device are not in the record
	Ended                           // the stream came to its end: closed, failed, silent for too long
	Stopped                         // we stopped: the session hung up, a context ended, a commit failed
)

var trafficNames = [...]string{"", "received", "sent", "woken", "lost", "ended", "stopped"}

// String names the kind in lower case.
func (k TrafficKind) String() string {
	if k > 0 && int(k) < len(trafficNames) {
		return trafficNames[k]
	}
	return fmt.Sprintf("TrafficKind(%d)", uint8(k))
}

// Traffic is one thing that happened on a connection, as a Link tells it to its
// Tap and a Derivation takes it back.
type Traffic struct {
	At      time.Time // UTC; of Received the very instant of Report.Received
	Kind    TrafficKind
	Data    []byte // valid during the call
	Missing int64  // bytes, of Lost
}

// Derivation makes the reports of a recorded conversation again, with the code
// of a Link but without a connection and a clock: the same traffic gives the
// same reports, byte for byte, and so the same observations. It is not safe for
// concurrent use. Replies are encoded and dropped; what a Do put into a session
// is no part of a record, and no session's observations depend on it.
type Derivation struct {
	r     *linkRun
	ended bool
}

// NewDerivation starts with a new session of d. name is the reports' Conn.
// commit gets each report, which it may keep; its error comes back from Take.
// Limits.Frames must be that of the recorded link, since it says where reports
// end; the other limits do nothing.
func NewDerivation(d Device, c SessionConfig, name string, limits Limits, commit func(*Report) error) *Derivation {
	l := &Link{
		Device: d, Session: d.Sessions(c), Conn: nowhere{}, Name: name,
		Commit: func(_ context.Context, r *Report) error { return commit(r) },
	}
	limits.Errors, limits.Write = -1, -1
	l.Limits = limits.withDefaults()
	return &Derivation{r: &linkRun{l: l, commit: context.Background(), split: *NewSplitter(d), desk: new(desk)}}
}

// Take takes the next traffic, in its order. The connection is over with Ended
// or Stopped, or where the session hung up: what comes later does nothing. What
// is there of an unfinished frame is reported at Ended, and at Lost, behind
// which the stream is looked at afresh.
func (d *Derivation) Take(t Traffic) error {
	if d.ended {
		return nil
	}
	r, err := d.r, error(nil)
	switch t.Kind {
	case Received:
		r.split.Write(t.Data)
		err = r.take(t.At)
	case Woken:
		err = r.wake(t.At)
	case Lost:
		err = r.end(t.At, nil)
		offset := r.split.offset + t.Missing
		r.split = *NewSplitter(r.l.Device)
		r.split.offset = offset
	case Ended:
		d.ended = true
		err = r.end(t.At, nil)
	case Stopped:
		d.ended = true
	}
	if err == errHangUp {
		d.ended, err = true, nil
	}
	return err
}

// Session returns the session, to be asked for the device.
func (d *Derivation) Session() Session { return d.r.l.Session }

// nowhere takes the replies of a derived conversation.
type nowhere struct{}

func (nowhere) Read([]byte) (int, error)    { return 0, io.EOF }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) Close() error                { return nil }
