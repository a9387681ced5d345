package journal

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// group are the entries of one group commit, from the first that comes until it is
// published. Who waits for it waits for done alone.
type group struct {
	msg     []byte // room for the header, and the entries
	entries int
	full    chan struct{} // closed when no more are taken
	taken   chan struct{} // closed when the next group is there
	done    chan struct{} // closed when err is set, and final
	err     error
}

// groups collects entries while a commit is under way.
type groups struct {
	mu     sync.Mutex
	open   *group
	closed bool
	begun  chan struct{} // holds one: the open group has an entry

	room int // for the header, in front of the entries
	most int // bytes of entries close a group
}

func newGroups(room, most int) *groups {
	g := &groups{begun: make(chan struct{}, 1), room: room, most: most}
	g.next(nil)
	return g
}

// next opens another group, in a message that nobody uses any more.
func (g *groups) next(spare []byte) {
	if cap(spare) > g.room+2*g.most {
		spare = nil // a rare long report must not stay
	}
	if cap(spare) < g.room {
		spare = make([]byte, g.room, g.room+4*usualReport)
	}
	g.open = &group{msg: spare[:g.room], full: make(chan struct{}), taken: make(chan struct{}), done: make(chan struct{})}
}

// join puts an entry into the open group. Where that is full it waits for the next
// one, and with it the connection: back-pressure, not loss.
func (g *groups) join(ctx context.Context, entry []byte) (*group, error) {
	for {
		g.mu.Lock()
		in := g.open
		if g.closed {
			g.mu.Unlock()
			return nil, ErrClosed
		}
		if len(in.msg)-g.room < g.most {
			in.msg = append(in.msg, entry...)
			if in.entries++; in.entries == 1 {
				g.begun <- struct{}{} // take has emptied it
			}
			if len(in.msg)-g.room >= g.most {
				close(in.full)
			}
			g.mu.Unlock()
			return in, nil
		}
		g.mu.Unlock()
		select {
		case <-in.taken:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// collect waits for an entry, and until a time for more; false where it was stopped.
func (g *groups) collect(until time.Time, stop <-chan struct{}) bool {
	select {
	case <-g.begun:
	case <-stop:
		return false
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.open.full: // open changes in take alone, which collect's caller calls
	case <-stop:
		return false
	}
	return true
}

// take returns the open group and opens the next, or none where it was the last.
func (g *groups) take(spare []byte, last bool) *group {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.open
	select {
	case <-g.begun: // where collect was stopped
	default:
	}
	g.next(spare)
	g.closed = last
	close(taken.taken)
	return taken
}

// Append writes e and returns when it is on disk, together with all that came
// meanwhile; it keeps nothing of e. On an error the report may or may not be in the
// log; the device is not acknowledged and sends it again, and equal observations are
// one. The end of ctx is heeded while the report waits for its turn; once it has it,
// the write is brought to an end, which takes 30 s at most, and after Hurry one.
func (j *Journal) Append(ctx context.Context, e *Entry) error {
	buf, ok := j.encoded.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
		*buf = make([]byte, 0, usualReport)
	}
	g, err := j.join(ctx, buf, e)
	if cap(*buf) <= mostKept {
		j.encoded.Put(buf)
	}
	if err != nil {
		return err
	}
	<-g.done
	return g.err
}

func (j *Journal) join(ctx context.Context, buf *[]byte, e *Entry) (*group, error) {
	data, err := appendEntry((*buf)[:0], e)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	*buf = data
	if len(data) > j.maxReport {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(data), j.maxReport)
	}
	return j.groups.join(ctx, data)
}

// commitLoop publishes group after group, each when the one before is durable.
func (j *Journal) commitLoop() {
	defer close(j.done)
	var (
		commits       uint64
		last          time.Time
		spare, packed []byte
	)
	for on := true; on; {
		on = j.groups.collect(last.Add(j.group), j.stop)
		g := j.groups.take(spare, !on)
		last = time.Now()
		if g.entries > 0 {
			commits++
			var msg []byte
			msg, packed = pack(j.message(g), packed)
			g.err = j.publish(msg, commits)
			if cap(packed) > 2*j.maxCommit {
				packed = nil // a rare long report must not stay
			}
		}
		spare = g.msg
		close(g.done)
	}
}

// message puts the header before the entries of a group, into the room for it.
func (j *Journal) message(g *group) []byte {
	var room [2 * commitHeader]byte
	header := appendCommitHeader(room[:0], j.name, g.entries)
	msg := g.msg[j.groups.room-len(header):]
	copy(msg, header)
	return msg
}
