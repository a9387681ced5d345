package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrDamaged: a message of the log cannot be read, or is missing between others.
var ErrDamaged = errors.New("journal: the log is damaged")

// Read sends the commits after position after to out, in order, and then what is
// written from now on, until ctx ends. While an external log cannot be reached it
// waits. A commit that does not decode, or does not follow the one before, is an
// error that wraps ErrDamaged: reading on would lose evidence silently.
func (j *Journal) Read(ctx context.Context, after uint64, out chan<- Commit) error {
	for {
		err := j.read(ctx, &after, out)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case j.srv != nil || errors.Is(err, ErrDamaged):
			return err
		}
		if !sleep(ctx, retryEvery) {
			return ctx.Err()
		}
	}
}

// read does it until something fails; after is then where it stands.
func (j *Journal) read(ctx context.Context, after *uint64, out chan<- Commit) error {
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
		if *after != 0 && seq != *after+1 {
			return fmt.Errorf("%w: message %d follows %d", ErrDamaged, seq, *after)
		}
		commit, err := readCommit(msg.Data())
		if err != nil {
			return fmt.Errorf("%w: message %d: %w", ErrDamaged, seq, err)
		}
		commit.Seq = seq
		select {
		case out <- commit:
			*after = seq
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
