// Package journal is the center's durable log of what devices sent: an embedded
// NATS JetStream in which one message is one group commit. A device is
// acknowledged only after Append has returned.
package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sargas-em/em/protocol"
)

const (
	streamName = "EM"
	subject    = "em.in.0" // one partition; its number is the last token

	// maxPayload bounds one message of the log: a group commit and its packing.
	maxPayload = 8 << 20
	// maxCommit closes a group commit at about this many bytes, well below
	// maxPayload, so that one report more still fits.
	maxCommit = 1 << 20
	// maxReport bounds one report so that it fits behind a group commit that is
	// about to be closed, with the commit's header.
	maxReport = maxPayload - maxCommit - 16
	// queued reports wait for the next group commit; when so many wait, Append
	// blocks and with it the connections: back-pressure, not loss.
	queued = 4096
)

// Config says where the log lives. The zero value of all but Dir works.
type Config struct {
	Dir string // created if missing

	// Group is how long a group commit waits for company after its first
	// report; 2 ms by default. Each commit costs one fsync.
	Group time.Duration

	// MaxAge is how long the log keeps what the record already holds; 30 days
	// by default. The record is the archive, the log the buffer before it.
	MaxAge time.Duration
}

// Journal is an open log. It is safe for concurrent use.
type Journal struct {
	srv    *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	id     string
	queue  chan pending
	group  time.Duration
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
}

type pending struct {
	data []byte
	done chan error
}

// Errors of Append: after Close, and for a report that no message holds.
var (
	ErrClosed  = errors.New("journal: closed")
	ErrTooLong = errors.New("journal: the report is too long")
)

// Open starts the embedded server on Dir, with every write synced to disk
// before it is acknowledged, and opens or creates the stream.
func Open(ctx context.Context, cfg Config) (*Journal, error) {
	if cfg.Dir == "" {
		return nil, errors.New("journal: no folder given")
	}
	if cfg.Group == 0 {
		cfg.Group = 2 * time.Millisecond
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 30 * 24 * time.Hour
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "sargas",
		DontListen: true,
		JetStream:  true,
		StoreDir:   filepath.Clean(cfg.Dir),
		// Without SyncAlways the server acknowledges up to two minutes before it
		// syncs, and a power cut loses all of that.
		SyncAlways: true,
		MaxPayload: maxPayload,
		NoLog:      true,
		NoSigs:     true,
	})
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{srv: srv, queue: make(chan pending, queued), group: cfg.Group, stop: make(chan struct{}), done: make(chan struct{})}
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		srv.Shutdown()
		return nil, errors.New("journal: the embedded log did not start within 20 s; is another center using its folder?")
	}
	if err := j.connect(ctx, cfg); err != nil {
		if j.conn != nil {
			j.conn.Close()
		}
		srv.Shutdown()
		return nil, fmt.Errorf("journal: %w", err)
	}
	go j.commitLoop()
	return j, nil
}

func (j *Journal) connect(ctx context.Context, cfg Config) (err error) {
	if j.conn, err = nats.Connect("", nats.InProcessServer(j.srv), nats.MaxReconnects(-1)); err != nil {
		return err
	}
	if j.js, err = jetstream.New(j.conn); err != nil {
		return err
	}
	if j.id, err = j.identity(ctx); err != nil {
		return err
	}
	j.stream, err = j.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:     streamName,
		Subjects: []string{"em.in.*"},
		Storage:  jetstream.FileStorage,
		Replicas: 1,
		MaxAge:   cfg.MaxAge,
		Discard:  jetstream.DiscardNew, // a full log refuses; it never drops what it has acknowledged
		Metadata: map[string]string{identityKey: j.id},
	})
	return err
}

const identityKey = "sargas.log"

// identity returns the stream's own, or a new one where there is no stream yet.
func (j *Journal) identity(ctx context.Context) (string, error) {
	s, err := j.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return rand.Text(), nil
	}
	if err != nil {
		return "", err
	}
	return s.CachedInfo().Config.Metadata[identityKey], nil
}

// ID names this log for ever: a log that was lost and began anew has another.
func (j *Journal) ID() string { return j.id }

// Append writes r and returns when it is on disk, together with all that came
// meanwhile. On an error the report may or may not be in the log; the device is
// not acknowledged and sends it again, and equal observations are one. The end
// of ctx is heeded while the report waits for its turn; once it has it, the
// write is brought to an end, which takes 30 s at most.
func (j *Journal) Append(ctx context.Context, r *protocol.Report) error {
	data, err := appendReport(nil, r)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if len(data) > maxReport {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(data), maxReport)
	}
	p := pending{data, make(chan error, 1)}
	select {
	case j.queue <- p:
	case <-j.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-p.done:
		return err
	case <-j.done:
		// The loop has ended; it may have answered just before.
		select {
		case err := <-p.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// commitLoop packs what waits into one message, and waits for its durable
// acknowledgement before it takes the next.
func (j *Journal) commitLoop() {
	defer close(j.done)
	for {
		var batch []pending
		select {
		case p := <-j.queue:
			batch = append(batch, p)
		case <-j.stop:
			return
		}
		size := len(batch[0].data)
		timer := time.NewTimer(j.group)
	collect:
		for size < maxCommit {
			select {
			case p := <-j.queue:
				batch = append(batch, p)
				size += len(p.data)
			case <-timer.C:
				break collect
			case <-j.stop:
				break collect
			}
		}
		timer.Stop()
		err := j.publish(batch, size)
		for _, p := range batch {
			p.done <- err
		}
	}
}

func (j *Journal) publish(batch []pending, size int) error {
	msg := make([]byte, 0, size+8*len(batch)+8)
	msg = appendCommitHeader(msg, len(batch))
	for _, p := range batch {
		msg = append(msg, p.data...)
	}
	// Longer than any fsync should take; a stalled disk must become an error to
	// the devices, which then keep their data.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := j.js.Publish(ctx, subject, msg); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Commit is one message of the log: the reports of one group commit.
type Commit struct {
	Seq     uint64 // position in the log, rising
	Reports []protocol.Report
}

// Bounds returns the first and last position that the log holds; an empty log
// has last < first.
func (j *Journal) Bounds(ctx context.Context) (first, last uint64, err error) {
	info, err := j.stream.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("journal: %w", err)
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}

// Read sends the commits after position after to out, in order, and then what
// is written from now on, until ctx ends. A commit that does not decode is an
// error: the log is damaged, and reading on would lose evidence silently.
func (j *Journal) Read(ctx context.Context, after uint64, out chan<- Commit) error {
	cons, err := j.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   after + 1,
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
		reports, err := readCommit(msg.Data())
		if err != nil {
			return fmt.Errorf("journal: message %d: %w", meta.Sequence.Stream, err)
		}
		select {
		case out <- Commit{meta.Sequence.Stream, reports}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close stops taking reports, finishes the commit under way and shuts the
// server down.
func (j *Journal) Close() {
	j.once.Do(func() {
		close(j.stop)
		<-j.done
		j.conn.Close()
		j.srv.Shutdown()
		j.srv.WaitForShutdown()
	})
}
