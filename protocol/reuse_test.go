package protocol_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

// turns is a connection over which a device says something each time that it has
// been told so, and reads no answer.
type turns struct {
	say    chan []byte
	silent chan struct{} // what it said has been handled
	spoken bool
}

func (c *turns) Read(b []byte) (int, error) {
	if c.spoken {
		c.silent <- struct{}{}
	}
	p, ok := <-c.say
	c.spoken = ok
	if !ok {
		return 0, io.EOF
	}
	return copy(b, p), nil
}

func (c *turns) Write(b []byte) (int, error) { return len(b), nil }
func (c *turns) Close() error                { return nil }

// link starts a link whose reports go to commit. What it returns lets the device
// speak, and comes back when that is acknowledged.
func link(t *testing.T, reuse bool, commit func(*protocol.Report) error) (speak func([]byte)) {
	c := &turns{say: make(chan []byte), silent: make(chan struct{})}
	l := &protocol.Link{Device: sample.Device(), Conn: deadlined{c}, Reuse: reuse, Commit: func(_ context.Context, r *protocol.Report) error { return commit(r) }}
	ended := make(chan error, 1)
	l.Start(t.Context(), func(err error) { ended <- err })
	t.Cleanup(func() {
		close(c.say)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return func(p []byte) {
		c.say <- p
		<-c.silent
	}
}

// deadlined has deadlines, which never pass.
type deadlined struct{ *turns }

func (deadlined) SetReadDeadline(time.Time) error  { return nil }
func (deadlined) SetWriteDeadline(time.Time) error { return nil }

// copied is a report in memory of its own.
func copied(r *protocol.Report) *protocol.Report {
	of := *r
	of.Frames = slices.Clone(of.Frames)
	for i := range of.Frames {
		f := &of.Frames[i]
		f.Raw, f.Observations = bytes.Clone(f.Raw), slices.Clone(f.Observations)
	}
	return &of
}

// A report that Commit keeps stays as it is, whatever links do beside it that use
// their memory again; those need less.
func TestLinkReuse(t *testing.T) {
	alive, straps := line(t, &sample.Alive{Identity: identity}), line(t, strap, strap, strap)
	var kept, want, reused []*protocol.Report
	quiet := false
	keeps := link(t, false, func(r *protocol.Report) error {
		if !quiet {
			kept, want = append(kept, r), append(want, copied(r))
		}
		return nil
	})
	reuses := link(t, true, func(r *protocol.Report) error {
		if !quiet {
			reused = append(reused, copied(r))
		}
		return nil
	})
	for range 10 {
		keeps(straps)
		reuses(alive)
		keeps(alive)
		reuses(straps)
	}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("what was kept has changed: %+v\nto %+v", want[0], kept[0])
	}
	for i, r := range reused {
		raw := alive
		if i%2 == 1 {
			raw = straps[:len(straps)/3]
		}
		if len(kept) != 20 || len(reused) != 20 || len(r.Frames) != len(kept[i^1].Frames) {
			t.Fatalf("%d and %d reports, %+v", len(kept), len(reused), r)
		}
		for _, f := range r.Frames {
			if !bytes.Equal(f.Raw, raw) || f.Err != nil || len(f.Observations) != 1 || f.Observations[0].Device != device || f.Observations[0].Received != r.Received {
				t.Errorf("report %d: %+v", i, f)
			}
		}
	}
	quiet = true
	keep, reuse := testing.AllocsPerRun(200, func() { keeps(straps) }), testing.AllocsPerRun(200, func() { reuses(straps) })
	if reuse > keep-5 { // the report, its frames, and the bytes and observations of three
		t.Errorf("%v allocations a report, and %v where memory is used again", keep, reuse)
	}
}

// half is a connection that takes the first bytes of an answer at once.
type half struct {
	deadlined
	did *[]string
}

func (c half) WriteNow(b []byte) (int, error) {
	*c.did = append(*c.did, fmt.Sprintf("now %s", b))
	return min(3, len(b)), nil
}

func (c half) Write(b []byte) (int, error) {
	*c.did = append(*c.did, fmt.Sprintf("write %s", b))
	return len(b), nil
}

func (c half) SetWriteDeadline(t time.Time) error {
	*c.did = append(*c.did, fmt.Sprint("deadline ", !t.IsZero()))
	return nil
}

// What does not go at once is written within the limit, which is then lifted.
func TestLinkWritesAtOnce(t *testing.T) {
	c := &turns{say: make(chan []byte), silent: make(chan struct{})}
	var did []string
	l := &protocol.Link{Device: sample.Device(), Conn: half{deadlined{c}, &did}}
	ended := make(chan error, 1)
	l.Start(t.Context(), func(err error) { ended <- err })
	c.say <- line(t, &sample.Alive{Identity: identity})
	<-c.silent
	ack := string(line(t, &sample.Ack{At: 0}))
	if want := []string{"now " + ack, "deadline true", "write " + ack[3:], "deadline false"}; !slices.Equal(did, want) {
		t.Errorf("%q, want %q", did, want)
	}
	close(c.say)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A started link takes reports that come one upon the other in one goroutine, and
// leaves it when they stop.
func TestLinkLingers(t *testing.T) {
	created := func() uint64 {
		s := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	inBubble(t, nil, func(b *bench) {
		if !strings.HasSuffix(b.t.Name(), "deadlines,_started") { // the others have goroutines of their own
			return
		}
		alive := line(b.t, &sample.Alive{Identity: identity})
		say := func(n int, every time.Duration) uint64 {
			before := created()
			for range n {
				time.Sleep(every)
				b.send(alive)
			}
			return created() - before
		}
		say(5, 10*time.Millisecond)
		if n := say(10, 10*time.Millisecond); n != 0 {
			b.t.Errorf("%d goroutines for 10 reports one upon the other", n)
		}
		if n := say(10, time.Second); n < 10 || n > 20 { // it does not look each linger either
			b.t.Errorf("%d goroutines for 10 reports a second apart", n)
		}
	})
}
