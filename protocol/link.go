package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/sargas-em/em"
)

// Errors that end a Link.
var (
	// ErrIdle: no good frame came within Limits.First or Limits.Idle.
	ErrIdle = errors.New("protocol: the peer is silent")
	// ErrTooManyErrors: Limits.Errors frames in a row were in error.
	ErrTooManyErrors = errors.New("protocol: too many errors in a row")
	// ErrLinkClosed: the link has ended, or was run before.
	ErrLinkClosed = errors.New("protocol: the link has ended")
)

// Report is what a Link took from one read: all frames that were complete, in
// the order of the stream, with what the session made of them. It is the unit
// of durability: Link.Commit stores it whole or not at all.
type Report struct {
	Conn     string      // Link.Name
	Codec    string      // Device.Name
	Device   em.DeviceID // as the session knows it after these frames; empty before a login
	Received time.Time   // when the read returned; UTC, by the wall clock
	Frames   []ReportFrame
}

// ReportFrame is one frame, one piece of junk (Err is set, Type empty), or what
// the session said without a frame when it was woken or called (Raw is nil).
type ReportFrame struct {
	Offset       int64            // of Raw in the stream
	Raw          []byte           // the evidence; of junk at most MaxFrame bytes are kept
	Type         string           // Message.Type; empty where nothing was decoded
	Err          error            // from splitting, decoding, handling, or encoding a reply
	Observations []em.Observation // stamped with Received
}

// Limits bound what a peer can take from us. A field of zero has the default;
// a negative one is no limit.
type Limits struct {
	First  time.Duration // to the first good frame; a minute. Slow or silent strangers go
	Idle   time.Duration // between good frames; 30 minutes, above the usual heartbeats
	Write  time.Duration // to write the replies of one report; 30 seconds
	Frames int           // in one Report; 64, so that an acknowledgement does not wait for a long backlog
	Errors int           // frames in error in a row; 32
}

func (l Limits) withDefaults() Limits {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.First, time.Minute)
	def(&l.Idle, 30*time.Minute)
	def(&l.Write, 30*time.Second)
	if l.Frames == 0 {
		l.Frames = 64
	}
	if l.Errors == 0 {
		l.Errors = 32
	}
	return l
}

// Link drives one Session over one connection: it reads, splits, decodes, hands
// over, commits and only then answers. Fill in the fields and call Run or Start; a
// Link is for one run and is not copied.
//
// It keeps one goroutine, with Run the caller's, where Conn has read deadlines
// (net.Conn, a pollable os.File), and one more that reads where it has none (a
// serial port). While Commit runs nothing is read: a slow store is felt by the
// device as back-pressure.
//
// Conn must buffer what is written as a socket does. Two Links over a net.Pipe
// that write at the same instant block each other until Limits.Write.
type Link struct {
	Device  Device             // for a relaxed codec: Device.Relax()
	Session Session            // Device.NewSession() where nil; a Simulator on the device's side
	Conn    io.ReadWriteCloser // Run closes it; its Close must end a Read
	Name    string             // of the connection, for Report.Conn

	// Commit makes a report durable; it may keep it, but for Reuse. Replies are
	// sent after it returned nil. An error ends the link, and nothing of the report
	// is answered, so that the device sends it again. nil, on the device's side
	// and in tools, commits nothing. It must not call Do. Its context has the
	// values of Run's but not its end: what has begun is brought to an end, and
	// a limit of time is the store's own.
	Commit func(context.Context, *Report) error

	// Tap, where set, is told of all that passes: Received before it is handled,
	// Sent after it was written, Woken, and Ended or Stopped last. An error ends
	// the link before anything is committed or answered: what the record lacks
	// is not acknowledged. It is called on the link's goroutine. See
	// capture.Stream.
	Tap func(Traffic) error

	// Limits have their defaults filled in when the link begins.
	Limits Limits

	// Reuse says that Commit keeps nothing of a report when it has returned: its memory
	// is that of the next one, of this or another link.
	Reuse bool

	mu     sync.Mutex
	state  linkState
	calls  []*linkCall // in order; each has a caller that waits in Do
	reader linkReader  // of the running link

	commands []*delivery // that the running link has not seen
	waiting  int         // commands without their last Delivery
}

type linkState uint8

const (
	linkNew linkState = iota
	linkRunning
	linkEnded
)

type linkCall struct {
	f    func(now time.Time, s Session, out *Output) error
	done chan struct{}
	err  error
}

// Do runs f on the link's goroutine, between two messages: this is how commands
// reach a session and how a simulator is told what to report. What f puts into
// out is treated like a message's: observations are committed, then the
// messages are sent, then Do returns. An error of f is returned as it is; its
// output is dropped and the link goes on. Before Run, Do waits for it. After
// the end of the link it returns ErrLinkClosed; where ctx ends before f began,
// its error. Do is safe for concurrent use; f must not call it.
func (l *Link) Do(ctx context.Context, f func(now time.Time, s Session, out *Output) error) error {
	c := &linkCall{f: f, done: make(chan struct{})}
	l.mu.Lock()
	if l.state == linkEnded {
		l.mu.Unlock()
		return ErrLinkClosed
	}
	l.calls = append(l.calls, c)
	l.kick()
	l.mu.Unlock()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(l.calls, c)
	if i >= 0 {
		l.calls = slices.Delete(l.calls, i, i+1)
	}
	l.mu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	<-c.done // it is running and will not take long
	return c.err
}

func (l *Link) nextCall() *linkCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == 0 {
		return nil
	}
	c := l.calls[0]
	l.calls = slices.Delete(l.calls, 0, 1)
	return c
}

// Run serves the connection until it ends, and closes it. The result is
//   - nil where the peer closed the stream or the session hung up;
//   - the context's cause where ctx ended;
//   - an error that wraps what Commit returned;
//   - ErrIdle, ErrTooManyErrors;
//   - the connection's error otherwise.
//
// Where the stream ended or the peer fell silent, what there is of an unfinished
// frame is reported, and committed, as a frame in error.
func (l *Link) Run(ctx context.Context) (err error) {
	r, err := l.begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = r.finish(err) }()
	for err = r.start(); err == nil; {
		if err = r.due(); err == nil {
			err = r.heard(r.l.reader.read(ctx, r.pause))
		}
	}
	return err
}

// Start is Run for a server of very many connections that are mostly quiet: it
// returns at once, and tells ended the result. Each wait for a quiet peer is in a
// goroutine of its own, on a fresh stack of 2 KB: what decoding and committing
// take, 8 KB and more, is given back in between. One goroutine at a time serves
// the link, so that what is said of "the link's goroutine" holds.
func (l *Link) Start(ctx context.Context, ended func(error)) {
	r, err := l.begin(ctx)
	if err != nil {
		go ended(err)
		return
	}
	r.tell = ended
	go func() { r.goOn(r.start()) }()
}

// goOn does what is due and leaves the wait to another goroutine.
func (r *linkRun) goOn(err error) {
	if err == nil {
		err = r.due()
	}
	if err != nil {
		r.tell(r.finish(err))
		return
	}
	go r.await()
}

// await is all that is on the stack of a quiet connection. Where reports come one upon
// the other it waits for linger where it has served the last: a fresh stack costs a
// tenth of what a report does.
func (r *linkRun) await() {
	for wait := r.pause; ; {
		before := r.good
		chunk, err := r.l.reader.read(r.ctx, wait)
		growStack(0)
		if err = r.heard(chunk, err); err == nil {
			err = r.due()
		}
		if err != nil {
			r.tell(r.finish(err))
			return
		}
		if d := r.good.Sub(before); d <= 0 || d > linger {
			r.burst = 0
		} else if r.burst < burst {
			r.burst++
		}
		if r.burst < burst {
			go r.await()
			return
		}
		if wait = r.pause; wait < 0 || wait > linger {
			wait = linger
		}
	}
}

const (
	linger = 100 * time.Millisecond
	burst  = 4 // reports within linger of each other; a login and what follows it are fewer
)

// growStack makes the stack of a fresh goroutine as large as decoding and
// committing will want it, once and while there is little on it to move: growing
// by steps on the way down costs several times as much.
//
//go:noinline
func growStack(n int) byte {
	var frame [6 << 10]byte
	return frame[n]
}

// begin makes the run of a link; finish ends it.
func (l *Link) begin(ctx context.Context) (*linkRun, error) {
	l.mu.Lock()
	if l.state != linkNew {
		l.mu.Unlock()
		return nil, ErrLinkClosed
	}
	l.state = linkRunning
	l.mu.Unlock()
	if l.Session == nil {
		l.Session = l.Device.NewSession()
	}
	l.Limits = l.Limits.withDefaults()
	r := &linkRun{l: l, ctx: ctx, commit: context.WithoutCancel(ctx), split: *NewSplitter(l.Device)}
	rd := newReader(l)
	l.mu.Lock()
	l.reader = rd
	l.mu.Unlock()
	r.unhook = context.AfterFunc(ctx, l.interrupt)
	return r, nil
}

// interrupt makes the running link look at calls, commands and its context.
func (l *Link) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kick()
}

// kick is interrupt under mu; nothing where the link does not run.
func (l *Link) kick() {
	if l.reader != nil {
		l.reader.interrupt()
	}
}

// finish closes the connection and answers all that waits for the link. The
// result is Run's.
func (r *linkRun) finish(err error) error {
	if err == errHangUp {
		err = nil
	}
	l := r.l
	r.unhook()
	if e := r.ended(); e != nil {
		err = errors.Join(err, e)
	}
	l.Conn.Close() // every write was confirmed: what Close says changes nothing
	l.reader.wait()
	l.mu.Lock()
	l.state = linkEnded
	left := l.calls
	l.calls = nil
	undelivered := append(r.orders, l.commands...)
	l.commands = nil
	l.mu.Unlock()
	for _, d := range undelivered {
		r.done(time.Now(), d, DeliveryFailed, ErrLinkClosed)
	}
	for _, c := range left {
		c.err = ErrLinkClosed
		close(c.done)
	}
	r.rest()
	return err
}

// errHangUp ends a run where nothing failed: the session hung up, or the stream
// is over. It is never wrapped.
var errHangUp = errors.New("hang up")

// linkRun is the state of a running link, of one goroutine at a time.
type linkRun struct {
	l      *Link
	ctx    context.Context
	commit context.Context // ctx without its end
	unhook func() bool
	tell   func(error) // of Start
	split  Splitter
	good   time.Time     // of the last good frame; monotonic
	pause  time.Duration // of the next read; negative for ever
	orders []*delivery   // in order; the first may be on its way
	errors int32         // in a row
	first  bool          // a good frame has come
	burst  uint8         // reports within linger of each other, up to burst
	*desk                // nil while it waits
}

// desk is what a link works with and does not need while it waits.
type desk struct {
	out    Output
	reply  []byte // encoded, waiting for the commit
	report *Report
	over   time.Time // when the stream came to its end
	buf    []byte    // of the Splitter, where no frame is unfinished
	memory memory    // of the report, with Link.Reuse
}

// memory is what a report is made in, and the next one.
type memory struct {
	report       Report
	frames       []ReportFrame
	observations []em.Observation // of all frames
}

// Bounds of what is kept of it: a backlog must not stay for ever.
const (
	memoryFrames       = 64
	memoryObservations = 256
)

// clear forgets the report.
func (m *memory) clear() {
	clear(m.frames)
	clear(m.observations)
	*m = memory{frames: m.frames[:0], observations: m.observations[:0]}
	if cap(m.frames) > memoryFrames || cap(m.observations) > memoryObservations {
		*m = memory{}
	}
}

var desks = sync.Pool{New: func() any { return new(desk) }}

// work takes a desk, and rest gives it back.
func (r *linkRun) work() {
	if r.desk != nil {
		return
	}
	r.desk = desks.Get().(*desk)
	if r.split.buf == nil {
		r.split.buf, r.buf = r.buf, nil
	}
}

func (r *linkRun) rest() {
	if r.desk == nil {
		return
	}
	if r.split.Buffered() == 0 {
		r.buf, r.split.buf, r.split.start = r.split.buf[:0], nil, 0
	}
	r.out.Reset()
	r.memory.clear()
	r.reply, r.report, r.over = r.reply[:0], nil, time.Time{}
	desks.Put(r.desk)
	r.desk = nil
}

// tap tells of what passes.
func (r *linkRun) tap(now time.Time, k TrafficKind, data []byte) error {
	if r.l.Tap == nil {
		return nil
	}
	if err := r.l.Tap(Traffic{At: wall(now), Kind: k, Data: data}); err != nil {
		return fmt.Errorf("protocol: link: tap: %w", err)
	}
	return nil
}

func (r *linkRun) ended() error {
	if !r.over.IsZero() {
		return r.tap(r.over, Ended, nil)
	}
	return r.tap(time.Now(), Stopped, nil)
}

// start begins the conversation.
func (r *linkRun) start() error {
	r.work()
	r.good = time.Now()
	if _, ok := r.l.Session.(Simulator); ok { // its first Wake starts it
		return r.awake(time.Now())
	}
	return nil
}

// due does what there is to do without the peer, and sets the pause.
func (r *linkRun) due() error {
	r.work()
	ctx, s := r.ctx, r.l.Session
	for {
		for c := r.l.nextCall(); c != nil; c = r.l.nextCall() {
			if err := r.call(c); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		now := time.Now()
		if d := r.order(now); d != nil {
			if err := r.flush(); err != nil {
				return err
			}
			r.sentOrder(time.Now(), d)
			continue
		}
		r.pause = -1
		if dl := s.Deadline(); !dl.IsZero() {
			if r.pause = dl.Sub(now.Round(0)); r.pause <= 0 {
				if err := r.awake(now); err != nil {
					return err
				}
				if dl := s.Deadline(); !dl.IsZero() && !dl.After(now) {
					return fmt.Errorf("protocol: link: %s session asks to be woken at once for ever", r.l.Device.Name)
				}
				continue
			}
		}
		limit := r.l.Limits.Idle
		if !r.first {
			limit = r.l.Limits.First
		}
		if limit > 0 {
			left := limit - now.Sub(r.good)
			if left <= 0 {
				return r.end(now, ErrIdle)
			}
			if r.pause < 0 || left < r.pause {
				r.pause = left
			}
		}
		for _, d := range r.orders {
			if left := d.deadline.Sub(now); r.pause < 0 || left < r.pause {
				r.pause = left
			}
		}
		r.rest()
		return nil
	}
}

// heard takes what a read brought.
func (r *linkRun) heard(chunk []byte, err error) error {
	r.work()
	if len(chunk) > 0 {
		now := time.Now()
		if err := r.tap(now, Received, chunk); err != nil {
			return err
		}
		r.split.Write(chunk)
		if err := r.take(now); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return r.end(time.Now(), errHangUp)
	case err != nil:
		return r.end(time.Now(), fmt.Errorf("protocol: link: read: %w", err))
	}
	return nil
}

// end reports what the stream holds of an unfinished frame, and returns reason.
func (r *linkRun) end(now time.Time, reason error) error {
	r.over = now
	r.split.End()
	if err := r.take(now); err != nil {
		return err
	}
	return reason
}

// take handles all frames that the splitter has.
func (r *linkRun) take(now time.Time) error {
	for {
		frame, offset, ok, ferr := r.split.Next()
		var end error
		switch {
		case ferr != nil:
			r.frame(now, ReportFrame{Offset: ferr.Offset, Raw: ferr.Raw, Err: ferr.Err})
			end = r.count(now, false)
		case ok:
			if !r.l.Reuse {
				frame = slices.Clone(frame)
			}
			end = r.handle(now, frame, offset)
		default:
			return r.flush()
		}
		if full := r.l.Limits.Frames > 0 && len(r.report.Frames) >= r.l.Limits.Frames; full || end != nil {
			if err := r.flush(); err != nil {
				return err
			}
		}
		if end != nil {
			return end
		}
	}
}

// handle decodes one frame and hands it to the session.
func (r *linkRun) handle(now time.Time, raw []byte, offset int64) error {
	f := ReportFrame{Offset: offset, Raw: raw}
	m, err := r.l.Device.Codec.Decode(raw)
	if err != nil {
		f.Err = err
		r.frame(now, f)
		return r.count(now, false)
	}
	f.Type = m.Type()
	r.out.Reset()
	if f.Err = r.l.Session.Handle(wall(now), m, &r.out); f.Err == nil {
		r.answered(m)
	}
	hangUp := r.collect(now, f)
	if err := r.count(now, f.Err == nil); err != nil {
		return err
	}
	return hangUp
}

// count keeps the number of errors in a row and the time of the last good frame.
func (r *linkRun) count(now time.Time, good bool) error {
	if good {
		r.good, r.first, r.errors = now, true, 0
		return nil
	}
	if r.errors++; r.l.Limits.Errors > 0 && int(r.errors) >= r.l.Limits.Errors {
		return ErrTooManyErrors
	}
	return nil
}

func (r *linkRun) awake(now time.Time) error {
	if err := r.tap(now, Woken, nil); err != nil {
		return err
	}
	return r.wake(now)
}

func (r *linkRun) wake(now time.Time) error {
	r.out.Reset()
	err := r.l.Session.Wake(wall(now), &r.out)
	end := r.collect(now, ReportFrame{Offset: r.split.offset, Err: err})
	if err := r.flush(); err != nil {
		return err
	}
	return end
}

// call runs one Do. Its error is the call's where f failed, and the link's too
// where the output could not be committed or sent.
func (r *linkRun) call(c *linkCall) error {
	defer close(c.done)
	now := time.Now()
	r.out.Reset()
	if c.err = c.f(wall(now), r.l.Session, &r.out); c.err != nil {
		return nil
	}
	end := r.collect(now, ReportFrame{Offset: r.split.offset})
	if err := r.flush(); err != nil {
		c.err = fmt.Errorf("%w: %w", ErrLinkClosed, err)
		return err
	}
	return end
}

// collect adds the session's output to the report and encodes the replies. A
// reply that the codec refuses is told in the frame's Err: the log has it.
func (r *linkRun) collect(now time.Time, f ReportFrame) error {
	for _, m := range r.out.Send {
		var err error
		if r.reply, err = r.l.Device.Codec.Append(r.reply, m); err != nil {
			f.Err = errors.Join(f.Err, fmt.Errorf("protocol: link: reply: %w", err))
		}
	}
	if n := len(r.out.Observations); n > 0 {
		if r.l.Reuse {
			at := len(r.memory.observations)
			r.memory.observations = slices.Grow(r.memory.observations, n)[:at+n]
			f.Observations = r.memory.observations[at : at+n : at+n]
		} else {
			f.Observations = make([]em.Observation, n)
		}
		for i := range r.out.Observations {
			f.Observations[i] = r.out.Observations[i].Stamp(now)
		}
	}
	if f.Raw != nil || f.Err != nil || len(f.Observations) > 0 {
		r.frame(now, f)
	}
	if r.out.Close {
		return errHangUp
	}
	return nil
}

func (r *linkRun) frame(now time.Time, f ReportFrame) {
	if r.report == nil {
		if r.l.Reuse {
			r.report = &r.memory.report
			r.report.Frames = r.memory.frames
		} else {
			r.report = new(Report)
		}
		r.report.Conn, r.report.Codec, r.report.Received = r.l.Name, r.l.Device.Name, wall(now)
	}
	r.report.Frames = append(r.report.Frames, f)
	if r.l.Reuse {
		r.memory.frames = r.report.Frames
	}
}

// flush commits the report, then sends the replies.
func (r *linkRun) flush() error {
	if rep := r.report; rep != nil {
		r.report = nil
		rep.Device = r.l.Session.Device()
		if r.l.Commit != nil {
			if err := r.l.Commit(r.commit, rep); err != nil {
				return fmt.Errorf("protocol: link: commit: %w", err)
			}
		}
		r.memory.clear()
		r.settle(time.Now())
	}
	if len(r.reply) == 0 {
		return nil
	}
	err := write(r.l.Conn, r.reply, r.l.Limits.Write)
	if err == nil {
		if err := r.tap(time.Now(), Sent, r.reply); err != nil {
			return err
		}
	}
	r.reply = r.reply[:0]
	if err != nil {
		return fmt.Errorf("protocol: link: write: %w", err)
	}
	return nil
}

// wall is the time without its monotonic part, in UTC: what is kept and what a
// session sees, so that a replay of the record gives the same.
func wall(t time.Time) time.Time { return t.Round(0).UTC() }
