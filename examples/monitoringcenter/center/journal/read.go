package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sargas-em/em"
)

// ErrDamaged: a message of the log cannot be read, or is missing between others.
var ErrDamaged = errors.New("journal: the log is damaged")

// Read sends the commits after position after to out, in order, and then what is
// written from now on, until ctx ends. While an external log cannot be reached it
// waits. A commit that does not decode, or does not follow the one before, is an
// error that wraps ErrDamaged: reading on would lose evidence silently.
func (j *Journal) Read(ctx context.Context, after uint64, out chan<- Commit) error {
	d := newDecoder()
	return j.readOn(ctx, after, func(s Sealed) error {
		c, err := s.open(d, nil)
		if err != nil {
			return err
		}
		select {
		case out <- c:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// errEnough: what is read on for has come. It is never wrapped.
var errEnough = errors.New("enough")

// readOn calls take with each message after a position, until ctx ends or take returns
// an error: then the message counts as not taken.
func (j *Journal) readOn(ctx context.Context, after uint64, take func(Sealed) error) error {
	for {
		err := j.readOnce(ctx, &after, take)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case j.srv != nil || err == errEnough || errors.Is(err, ErrDamaged):
			return err
		}
		if !sleep(ctx, retryEvery) {
			return ctx.Err()
		}
	}
}

// readOnce does it until something fails; after is then where it stands.
func (j *Journal) readOnce(ctx context.Context, after *uint64, take func(Sealed) error) error {
	cons, err := j.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   *after + 1,
	})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	it, err := cons.Messages()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer j.forget(ctx, cons)
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Stop)()
	for {
		msg, err := it.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("journal: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		seq := meta.Sequence.Stream
		if seq <= *after {
			continue // a server that has just become the leader may begin before what was asked for
		}
		if *after != 0 && seq != *after+1 {
			return fmt.Errorf("%w: message %d follows %d", ErrDamaged, seq, *after)
		}
		if err := take(Sealed{seq, msg.Data()}); err != nil {
			return err
		}
		*after = seq
	}
}

// forget ends what the server keeps for a reader, which else does so after minutes.
func (j *Journal) forget(ctx context.Context, cons jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	if info := cons.CachedInfo(); info != nil {
		j.stream.DeleteConsumer(ctx, info.Name)
	}
}

// forgetWithin is what the end of a reader waits for at most: the log may be away.
const forgetWithin = 250 * time.Millisecond

// Sealed is a commit before its entries are decoded.
type Sealed struct {
	Seq  uint64
	data []byte
}

// unpacked is s for who opens it more than once. What is wrong with it Open tells.
func (s Sealed) unpacked() Sealed {
	if data, err := unpack(new([]byte), s.data); err == nil {
		s.data = data
	}
	return s
}

// Open decodes the entries that want says yes to, or all where it is nil: to the
// device of the report, or of an observation in it. The others are passed over, which
// takes a fraction of the time. Raw frames are parts of what lies in the log. Errors
// wrap ErrDamaged.
func (s Sealed) Open(want func(em.DeviceID) bool) (Commit, error) {
	return s.open(new(decoder), want)
}

func (s Sealed) open(d *decoder, want func(em.DeviceID) bool) (Commit, error) {
	c, err := d.commit(s.data, want)
	if err != nil {
		return c, fmt.Errorf("%w: message %d: %w", ErrDamaged, s.Seq, err)
	}
	c.Seq = s.Seq
	return c, nil
}

// Has reports whether Open would decode an entry.
func (s Sealed) Has(want func(em.DeviceID) bool) (found bool) {
	c, _ := new(decoder).commit(s.data, func(d em.DeviceID) bool { // what is wrong with it is for Open to tell
		found = found || want(d)
		return false
	})
	c.Free()
	return found
}
