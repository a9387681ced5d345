package protocol_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	identity = "990000000000017"
	device   = em.DeviceID("sample:" + identity)
)

// line encodes messages of the sample dialect.
func line(t testing.TB, ms ...protocol.Message) []byte {
	t.Helper()
	var b []byte
	for _, m := range ms {
		var err error
		if b, err = (sample.Codec{}).Append(b, m); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

var strap = &sample.Strap{Identity: identity, At: 1773480413, Open: true}

// bare hides the deadlines of a connection: a serial port has none.
type bare struct{ io.ReadWriteCloser }

// started is Link.Run by way of Start.
func started(l *protocol.Link, ctx context.Context) error {
	end := make(chan error)
	l.Start(ctx, func(err error) { end <- err })
	return <-end
}

// kinds are the two ways in which a link reads, and in which it waits, and whose the
// reports' memory is.
var kinds = []struct {
	name string
	conn func(net.Conn) io.ReadWriteCloser
	run  func(*protocol.Link, context.Context) error

	reuse bool
}{
	{"deadlines", func(c net.Conn) io.ReadWriteCloser { return c }, (*protocol.Link).Run, false},
	{"pump", func(c net.Conn) io.ReadWriteCloser { return bare{c} }, (*protocol.Link).Run, true},
	{"deadlines, started", func(c net.Conn) io.ReadWriteCloser { return c }, started, true},
	{"pump, started", func(c net.Conn) io.ReadWriteCloser { return bare{c} }, started, false},
}

// bench is a link on one end of a pipe, within a bubble of fake time.
type bench struct {
	t       *testing.T
	link    *protocol.Link
	peer    net.Conn
	cancel  context.CancelCauseFunc
	mu      sync.Mutex
	got     bytes.Buffer // what the peer received
	reports []*protocol.Report
	done    chan struct{}
	err     error
}

// inBubble runs f with a fresh link for both kinds of connections.
func inBubble(t *testing.T, set func(*bench), f func(*bench)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, peer := net.Pipe()
				ctx, cancel := context.WithCancelCause(t.Context())
				b := &bench{t: t, peer: peer, cancel: cancel, done: make(chan struct{})}
				b.link = &protocol.Link{Device: sample.Device(), Conn: k.conn(ours), Name: "test", Reuse: k.reuse}
				b.link.Commit = func(_ context.Context, r *protocol.Report) error {
					b.keep(r)
					return nil
				}
				if set != nil {
					set(b)
				}
				var reader sync.WaitGroup
				reader.Go(func() {
					buf := make([]byte, 512)
					for {
						n, err := peer.Read(buf)
						b.mu.Lock()
						b.got.Write(buf[:n])
						b.mu.Unlock()
						if err != nil {
							return
						}
					}
				})
				go func() {
					defer close(b.done)
					b.err = k.run(b.link, ctx)
				}()
				synctest.Wait()
				f(b)
				peer.Close()
				<-b.done
				reader.Wait()
				cancel(nil)
			})
		})
	}
}

// keep keeps a report, or what it says where its memory is the link's.
func (b *bench) keep(r *protocol.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.link.Reuse {
		r = copied(r)
	}
	b.reports = append(b.reports, r)
}

func (b *bench) send(p []byte) {
	b.t.Helper()
	if _, err := b.peer.Write(p); err != nil {
		b.t.Fatal(err)
	}
	synctest.Wait()
}

func (b *bench) received() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got.String()
}

// ended waits for the end of Run and returns its result.
func (b *bench) ended() error {
	<-b.done
	return b.err
}

func (b *bench) running() bool {
	synctest.Wait()
	select {
	case <-b.done:
		return false
	default:
		return true
	}
}

func TestLinkAcknowledgesAfterCommit(t *testing.T) {
	var began, release chan struct{}
	inBubble(t, func(b *bench) {
		began, release = make(chan struct{}), make(chan struct{})
		b.link.Commit = func(context.Context, *protocol.Report) error {
			close(began)
			<-release
			return nil
		}
	}, func(b *bench) {
		b.send(line(b.t, strap))
		<-began
		time.Sleep(time.Hour) // however long the store takes
		if got := b.received(); got != "" {
			b.t.Errorf("the device got %q before its report was committed", got)
		}
		close(release)
		synctest.Wait()
		if want := string(line(b.t, &sample.Ack{At: strap.At})); b.received() != want {
			b.t.Errorf("the device got %q, want %q", b.received(), want)
		}
	})
}

func TestLinkFailedCommit(t *testing.T) {
	for _, broken := range []error{errors.New("disk full"), fmt.Errorf("store: %w", io.EOF)} {
		t.Run(broken.Error(), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.link.Commit = func(context.Context, *protocol.Report) error { return broken }
			}, func(b *bench) {
				b.send(line(b.t, strap))
				if err := b.ended(); !errors.Is(err, broken) {
					b.t.Errorf("Run = %v, want %v", err, broken)
				}
				if got := b.received(); got != "" {
					b.t.Errorf("the device got %q, although the commit failed", got)
				}
				if _, err := b.peer.Write([]byte("x")); err == nil {
					b.t.Error("the connection is still open")
				}
			})
		})
	}
}

func TestLinkReport(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.link.Name = "198.51.100.7:4711"
		good1, good2 := line(b.t, strap), line(b.t, &sample.Alive{Identity: identity})
		bad := []byte("#alive,990000000000017*00\r\n")
		other := line(b.t, &sample.Alive{Identity: "990000000000025"})
		time.Sleep(1500 * time.Millisecond)
		b.send(slices.Concat(good1, []byte("junk"), bad, good2, other, []byte("#ali")))
		if len(b.reports) != 1 {
			b.t.Fatalf("%d reports for one read, want 1", len(b.reports))
		}
		r := b.reports[0]
		now := time.Now().Round(0).UTC()
		if r.Conn != "198.51.100.7:4711" || r.Codec != "sample" || r.Device != device || r.Received != now {
			b.t.Errorf("report of %q %q %q at %v, want %v", r.Conn, r.Codec, r.Device, r.Received, now)
		}
		want := []struct {
			raw, typ string
			err      error
			kind     em.BodyKind
			at       time.Time
		}{
			{string(good1), "strap", nil, em.KindTamper, time.Unix(strap.At, 0)},
			{"junk", "", protocol.ErrJunk, "", time.Time{}},
			{string(bad), "", protocol.ErrChecksum, "", time.Time{}},
			{string(good2), "alive", nil, em.KindComms, now},
			{string(other), "alive", protocol.ErrIdentity, "", time.Time{}},
		}
		if len(r.Frames) != len(want) {
			b.t.Fatalf("%d frames, want %d: %+v", len(r.Frames), len(want), r.Frames)
		}
		offset := int64(0)
		for i, w := range want {
			f := r.Frames[i]
			if string(f.Raw) != w.raw || f.Offset != offset || f.Type != w.typ || !errors.Is(f.Err, w.err) {
				b.t.Errorf("frame %d: %q at %d, type %q, error %v; want %q at %d, %q, %v", i, f.Raw, f.Offset, f.Type, f.Err, w.raw, offset, w.typ, w.err)
			}
			offset += int64(len(w.raw))
			if w.kind == "" {
				if len(f.Observations) != 0 {
					b.t.Errorf("frame %d in error has observations %v", i, f.Observations)
				}
				continue
			}
			if len(f.Observations) != 1 {
				b.t.Fatalf("frame %d has %d observations", i, len(f.Observations))
			}
			o := f.Observations[0]
			if o.Body.Kind() != w.kind || !o.At.Equal(w.at) || o.Received != now || o.ID == (em.ObservationID{}) || o.Device != device {
				b.t.Errorf("frame %d: observation %+v, want a %s at %v", i, o, w.kind, w.at)
			}
		}
		acks := string(line(b.t, &sample.Ack{At: strap.At}, &sample.Ack{At: 0}))
		if b.received() != acks {
			b.t.Errorf("the device got %q, want %q", b.received(), acks)
		}

		// The start of a frame that never came is evidence too.
		b.peer.Close()
		if err := b.ended(); err != nil {
			b.t.Errorf("Run = %v after the peer closed, want nil", err)
		}
		last := b.reports[len(b.reports)-1].Frames
		if len(last) != 1 || string(last[0].Raw) != "#ali" || last[0].Offset != offset || !errors.Is(last[0].Err, io.ErrUnexpectedEOF) {
			b.t.Errorf("the unfinished frame is reported as %+v", last)
		}
	})
}

func TestLinkReportsOwnTheirMemory(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		a, c := line(b.t, strap), line(b.t, &sample.Alive{Identity: identity})
		b.send(a)
		b.send(c)
		b.send([]byte(strings.Repeat("X", 1000)))
		if got := b.reports[0].Frames[0].Raw; !bytes.Equal(got, a) {
			b.t.Errorf("the first report now holds %q", got)
		}
	})
}

func TestLinkLimitsFramesOfAReport(t *testing.T) {
	var acked []int
	inBubble(t, func(b *bench) {
		acked = nil
		b.link.Limits.Frames = 3
		b.link.Commit = func(_ context.Context, r *protocol.Report) error {
			acked = append(acked, strings.Count(b.received(), "#ack"))
			b.keep(r)
			return nil
		}
	}, func(b *bench) {
		b.send(bytes.Repeat(line(b.t, &sample.Alive{Identity: identity}), 10))
		var sizes []int
		for _, r := range b.reports {
			sizes = append(sizes, len(r.Frames))
		}
		if !slices.Equal(sizes, []int{3, 3, 3, 1}) {
			b.t.Errorf("reports of %v frames", sizes)
		}
		for i, n := range acked {
			if n > 3*i {
				b.t.Errorf("%d frames are acknowledged before report %d was committed", n, i)
			}
		}
		if n := strings.Count(b.received(), "#ack"); n != 10 {
			b.t.Errorf("%d acknowledgements, want 10", n)
		}
	})
}

func TestLinkWakesTheSession(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.send(line(b.t, strap))
		start := time.Now()
		if err := b.ended(); err != nil { // the session hangs up after five minutes
			b.t.Errorf("Run = %v", err)
		}
		if d := time.Since(start); d != 5*time.Minute {
			b.t.Errorf("the session hung up after %v", d)
		}
	})
}

// scripted is a session made of functions.
type scripted struct {
	handle   func(time.Time, protocol.Message, *protocol.Output) error
	wake     func(time.Time, *protocol.Output) error
	deadline time.Time
}

func (s *scripted) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	return s.handle(now, m, out)
}
func (s *scripted) Wake(now time.Time, out *protocol.Output) error { return s.wake(now, out) }
func (s *scripted) Deadline() time.Time                            { return s.deadline }
func (s *scripted) Device() em.DeviceID                            { return device }

func TestLinkReportsWhatWakeSays(t *testing.T) {
	inBubble(t, func(b *bench) {
		s := &scripted{deadline: time.Now().Add(time.Second)}
		s.wake = func(now time.Time, out *protocol.Output) error {
			s.deadline = time.Time{}
			out.Observe(device, time.Time{}, &em.Comms{Event: em.CommsInfo})
			out.Send = append(out.Send, &sample.Ack{At: 7})
			return nil
		}
		b.link.Session = s
	}, func(b *bench) {
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(b.reports) != 1 || len(b.reports[0].Frames) != 1 {
			b.t.Fatalf("reports %+v", b.reports)
		}
		if f := b.reports[0].Frames[0]; f.Raw != nil || len(f.Observations) != 1 || f.Observations[0].ID == (em.ObservationID{}) {
			b.t.Errorf("frame %+v", f)
		}
		if !strings.HasPrefix(b.received(), "#ack,7") {
			b.t.Errorf("the device got %q", b.received())
		}
	})
}

func TestLinkRefusesASessionThatSpins(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.link.Session = &scripted{
			deadline: time.Now(),
			wake:     func(time.Time, *protocol.Output) error { return nil },
		}
	}, func(b *bench) {
		if err := b.ended(); err == nil || !strings.Contains(err.Error(), "for ever") {
			b.t.Errorf("Run = %v", err)
		}
	})
}

func TestLinkTellsAReplyThatCannotBeEncoded(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.link.Session = &scripted{handle: func(_ time.Time, _ protocol.Message, out *protocol.Output) error {
			out.Send = append(out.Send, &protocol.Raw{}, &sample.Ack{At: 8})
			return nil
		}}
	}, func(b *bench) {
		b.send(line(b.t, strap))
		if err := b.reports[0].Frames[0].Err; !errors.Is(err, protocol.ErrUnsupported) {
			b.t.Errorf("the frame's error is %v", err)
		}
		if !strings.HasPrefix(b.received(), "#ack,8") {
			b.t.Errorf("the device got %q", b.received())
		}
	})
}

func TestLinkEndsOnSilence(t *testing.T) {
	alive := line(t, &sample.Alive{Identity: identity})
	limits := func(b *bench) { b.link.Limits = protocol.Limits{First: 10 * time.Second, Idle: 90 * time.Second} }
	for _, c := range []struct {
		name string
		talk func(b *bench)
		want time.Duration
	}{
		{"nothing at all", func(*bench) {}, 10 * time.Second},
		{"byte by byte", func(b *bench) {
			for _, p := range alive {
				if !b.running() {
					return
				}
				b.peer.Write([]byte{p})
				time.Sleep(time.Second)
			}
		}, 10 * time.Second},
		{"junk only", func(b *bench) {
			for b.running() {
				b.peer.Write([]byte("junk\r\n"))
				time.Sleep(4 * time.Second)
			}
		}, 10 * time.Second},
		{"after a good frame", func(b *bench) { b.send(alive) }, 90 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, limits, func(b *bench) {
				var took time.Duration
				start := time.Now()
				go func() {
					<-b.done
					took = time.Since(start)
				}()
				c.talk(b)
				err := b.ended()
				synctest.Wait()
				if !errors.Is(err, protocol.ErrIdle) || took != c.want {
					b.t.Errorf("Run = %v after %v, want ErrIdle after %v", err, took, c.want)
				}
			})
		})
	}
}

func TestLinkWithoutLimits(t *testing.T) {
	inBubble(t, func(b *bench) { b.link.Limits = protocol.Limits{First: -1, Idle: -1, Errors: -1} }, func(b *bench) {
		for range 100 {
			b.send([]byte("#bad*00\r\n"))
		}
		time.Sleep(1000 * time.Hour)
		if !b.running() {
			b.t.Errorf("the link ended: %v", b.err)
		}
	})
}

func TestLinkEndsOnErrorsInARow(t *testing.T) {
	inBubble(t, func(b *bench) { b.link.Limits.Errors = 4 }, func(b *bench) {
		for range 5 { // a good frame starts the count anew
			b.send([]byte("#bad*00\r\n#bad*00\r\n#bad*00\r\n"))
			b.send(line(b.t, strap))
		}
		if !b.running() {
			b.t.Fatalf("the link ended early: %v", b.err)
		}
		b.send(bytes.Repeat([]byte("#bad*00\r\n"), 10))
		if err := b.ended(); !errors.Is(err, protocol.ErrTooManyErrors) {
			b.t.Errorf("Run = %v", err)
		}
		if last := b.reports[len(b.reports)-1]; len(last.Frames) != 4 {
			b.t.Errorf("the last report has %d frames, want the 4 that ended the link", len(last.Frames))
		}
	})
}

func TestLinkContext(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		drain := errors.New("drain")
		b.cancel(drain)
		if err := b.ended(); !errors.Is(err, drain) {
			b.t.Errorf("Run = %v, want the cause", err)
		}
		for _, k := range kinds {
			if err := k.run(b.link, b.t.Context()); !errors.Is(err, protocol.ErrLinkClosed) {
				b.t.Errorf("a second run = %v", err)
			}
		}
	})
}

func TestLinkPeerThatNeverReads(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, peer := net.Pipe()
				defer peer.Close()
				l := &protocol.Link{Device: sample.Device(), Conn: k.conn(ours), Limits: protocol.Limits{Write: 7 * time.Second}}
				done := make(chan error)
				go func() { done <- k.run(l, t.Context()) }()
				peer.Write(line(t, strap))
				start := time.Now()
				if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Run = %v", err)
				}
				if d := time.Since(start); d != 7*time.Second {
					t.Errorf("the write ended after %v", d)
				}
			})
		})
	}
}

func TestLinkDo(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.send(line(b.t, strap))
		b.got.Reset()

		// Output is committed, then sent, before Do returns.
		err := b.link.Do(b.t.Context(), func(now time.Time, s protocol.Session, out *protocol.Output) error {
			if s.Device() != device || !now.Equal(time.Now()) {
				b.t.Errorf("called with %q at %v", s.Device(), now)
			}
			out.Send = append(out.Send, &sample.Ack{At: 9})
			out.Observe(device, now, &em.CheckIn{Method: "button"})
			return nil
		})
		synctest.Wait()
		if last := b.reports[len(b.reports)-1]; err != nil || len(b.reports) != 2 || last.Frames[0].Observations[0].Body.Kind() != em.KindCheckIn {
			b.t.Errorf("Do = %v, reports %+v", err, b.reports)
		}
		if !strings.HasPrefix(b.received(), "#ack,9") {
			b.t.Errorf("the device got %q", b.received())
		}

		// An error is the caller's; its output is dropped, the link goes on.
		b.got.Reset()
		refused := errors.New("refused")
		err = b.link.Do(b.t.Context(), func(_ time.Time, _ protocol.Session, out *protocol.Output) error {
			out.Send = append(out.Send, &sample.Ack{At: 10})
			return refused
		})
		synctest.Wait()
		if err != refused || b.received() != "" || !b.running() {
			b.t.Errorf("Do = %v, the device got %q, running %t", err, b.received(), b.running())
		}

		// Many at once: each runs once.
		var ran atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := b.link.Do(b.t.Context(), func(time.Time, protocol.Session, *protocol.Output) error {
					ran.Add(1)
					return nil
				}); err != nil {
					b.t.Error(err)
				}
			})
		}
		wg.Wait()
		if ran.Load() != 100 {
			b.t.Errorf("%d of 100 calls ran", ran.Load())
		}

		// After the end there is nobody to run it.
		b.peer.Close()
		b.ended()
		if err := b.link.Do(b.t.Context(), nil); !errors.Is(err, protocol.ErrLinkClosed) {
			b.t.Errorf("Do after the end = %v", err)
		}
	})
}

func TestLinkDoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, peer := net.Pipe()
		l := &protocol.Link{Device: sample.Device(), Conn: ours}
		early := make(chan error)
		go func() {
			early <- l.Do(t.Context(), func(time.Time, protocol.Session, *protocol.Output) error { return nil })
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := l.Do(ctx, func(time.Time, protocol.Session, *protocol.Output) error {
			t.Error("a call that was given up runs")
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do = %v before Run", err)
		}
		done := make(chan error)
		go func() { done <- l.Run(t.Context()) }()
		if err := <-early; err != nil {
			t.Errorf("Do = %v once Run began", err)
		}
		peer.Close()
		<-done
	})
}

func TestLinkDoTellsAFailedCommit(t *testing.T) {
	broken := errors.New("disk full")
	inBubble(t, func(b *bench) {
		b.link.Commit = func(context.Context, *protocol.Report) error { return broken }
	}, func(b *bench) {
		err := b.link.Do(b.t.Context(), func(now time.Time, _ protocol.Session, out *protocol.Output) error {
			out.Observe(device, now, &em.CheckIn{Method: "button"})
			return nil
		})
		if !errors.Is(err, broken) || !errors.Is(err, protocol.ErrLinkClosed) {
			b.t.Errorf("Do = %v", err)
		}
		if err := b.ended(); !errors.Is(err, broken) {
			b.t.Errorf("Run = %v", err)
		}
	})
}

// TestLinkBothEnds runs the simulator in one link and the session in another.
func TestLinkBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sample.Device()
		center, tracker := net.Pipe()
		sim, err := d.Simulator(identity, 1)
		if err != nil {
			t.Fatal(err)
		}
		var seen []em.Observation
		in := &protocol.Link{Device: d, Conn: center, Name: "center", Commit: func(_ context.Context, r *protocol.Report) error {
			for _, f := range r.Frames {
				if f.Err != nil {
					t.Error(f.Err)
				}
				seen = append(seen, f.Observations...)
			}
			return nil
		}}
		out := &protocol.Link{Device: d, Session: sim, Conn: tracker, Name: "device"}
		ctx, cancel := context.WithCancel(t.Context())
		ends := make(chan error, 2)
		go func() { ends <- in.Run(context.WithoutCancel(ctx)) }()
		go func() { ends <- out.Run(ctx) }()
		at := time.Now().UTC()
		err = out.Do(t.Context(), func(now time.Time, s protocol.Session, out *protocol.Output) error {
			err := s.(protocol.Simulator).Report(em.Observation{DeviceAt: at, Body: &em.Tamper{What: em.TamperStrap}})
			if err != nil {
				return err
			}
			return s.Wake(now, out)
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		cancel()
		if a, b := <-ends, <-ends; !errors.Is(errors.Join(a, b), context.Canceled) {
			t.Errorf("the ends return %v and %v", a, b)
		}
		tampers, beats := 0, 0
		for _, o := range seen {
			switch o.Body.(type) {
			case *em.Tamper:
				tampers++
			case *em.Comms:
				beats++
			}
		}
		if tampers != 1 || beats < 9 {
			t.Errorf("%d tampers and %d signs of life arrived in ten minutes", tampers, beats)
		}
	})
}

func ExampleLink() {
	device, center := net.Pipe()
	go func() {
		fmt.Fprint(device, "#strap,990000000000017,1773480413,1*47\r\n")
		ack := make([]byte, 64)
		n, _ := device.Read(ack)
		fmt.Printf("the device hears %q\n", ack[:n])
		device.Close()
	}()
	link := &protocol.Link{
		Device: sample.Device(),
		Conn:   center,
		Name:   "example",
		Commit: func(_ context.Context, r *protocol.Report) error {
			for _, f := range r.Frames {
				fmt.Printf("%s sent %s: %d observations\n", r.Device, f.Type, len(f.Observations))
			}
			return nil // only now is the device told that we have it
		},
	}
	err := link.Run(context.Background())
	fmt.Println("the end:", err)
	// Output:
	// sample:990000000000017 sent strap: 1 observations
	// the device hears "#ack,1773480413*4D\r\n"
	// the end: <nil>
}

// lateCaller is a session during whose Deadline, after the link has looked for
// calls and before it reads, somebody calls Do.
type lateCaller struct {
	scripted
	once sync.Once
	call func()
}

func (s *lateCaller) Deadline() time.Time {
	s.once.Do(func() {
		go s.call()
		time.Sleep(time.Millisecond)
	})
	return time.Time{}
}

func TestLinkDoIsNotLostBeforeARead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.link.Session = &lateCaller{call: func() {
			start := time.Now()
			err := b.link.Do(context.Background(), func(time.Time, protocol.Session, *protocol.Output) error { return nil })
			if d := time.Since(start); err != nil || d > time.Second {
				b.t.Errorf("Do = %v after %v", err, d)
			}
		}}
	}, func(b *bench) {
		time.Sleep(time.Minute)
		b.peer.Close()
		b.ended()
	})
}
