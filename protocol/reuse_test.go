package protocol_test

import (
	"bytes"
	"context"
	"io"
	"reflect"
	"slices"
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
