// Package journal is the center's durable log of what devices sent: a NATS
// JetStream in which one message is one group commit. The server is embedded, or
// an external cluster: the code is the same. A device is acknowledged only after
// Append has returned.
package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const (
	streamName = "EM"
	subject    = "em.in.0" // one partition; its number is the last token

	// maxPayload bounds one message of the embedded log: a group commit and its
	// packing. An external server has a bound of its own.
	maxPayload = 8 << 20
	// commitShare of what a message holds closes a group commit, so that one
	// report more still fits.
	commitShare = 8
	// commitHeader is more than the header of a group commit takes.
	commitHeader = 64
	// usualReport is more than a report of one frame mostly takes.
	usualReport = 512
	// queued reports wait for the next group commit; when so many wait, Append
	// blocks and with it the connections: back-pressure, not loss.
	queued = 4096
)

// Config says where the log lives. Either Dir or URL is required; the zero value
// of all else works.
type Config struct {
	Dir string // of the embedded server; created if missing

	// URL names an external server or the servers of a cluster,
	// "nats://a:4222,nats://b:4222", with user and password or token where they
	// ask for them. The servers must sync before they acknowledge (jetstream {
	// sync_interval: always }): what they say cannot be checked from here, and
	// with NATS's default a power cut of the cluster loses acknowledged reports.
	URL string
	// Replicas is on how many servers of an external cluster each message lies; 3
	// by default.
	Replicas int

	// Group is the least time from one group commit to the next; 5 ms by default. A
	// report that comes alone does not wait.
	//
	// Each costs one fsync, which the commits of all gateways take in turn, and wakes
	// gateway, server and evaluator for what is mostly a report or two. With 20 ms at
	// 250 reports a second through one gateway they took 0.250 cores, of 0.364 with 5,
	// and half of the reports were acknowledged after 14 ms, of 5: a device across a
	// mobile network does not notice.
	Group time.Duration

	// Name is what people call the gateway that writes; see Gateway. Optional.
	Name string

	// MaxAge is how long the log keeps what the record already holds; 30 days
	// by default. The record is the archive, the log the buffer before it.
	MaxAge time.Duration
}

// Journal is an open log. It is safe for concurrent use.
type Journal struct {
	srv    *server.Server // nil for an external one
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	id     string
	name   string // tells this gateway's messages from those of others

	maxCommit, maxReport int // bytes

	queue    chan *pending
	answered sync.Pool // of *pending
	group    time.Duration
	stop     chan struct{}
	done     chan struct{}
	once     sync.Once

	stopped chan struct{}
	broken  sync.Once

	shared shared
}

// pending is a report that waits for its group commit. Once it is answered, nobody
// but Append has it.
type pending struct {
	data []byte
	done chan error
}

// Errors of Append: after Close, and for a report that no message holds.
var (
	ErrClosed  = errors.New("journal: closed")
	ErrTooLong = errors.New("journal: the report is too long")
)

// Open opens the log, embedded or external, and creates its stream where there is
// none.
func Open(ctx context.Context, cfg Config) (*Journal, error) {
	if (cfg.Dir == "") == (cfg.URL == "") {
		return nil, errors.New("journal: it takes a folder or the URL of a server")
	}
	if cfg.Group < 0 {
		return nil, fmt.Errorf("journal: group commits %v apart", cfg.Group)
	}
	if cfg.Group == 0 {
		cfg.Group = 5 * time.Millisecond
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 30 * 24 * time.Hour
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 3
	}
	name := rand.Text()
	if cfg.Name != "" {
		name = cfg.Name + "/" + name
	}
	j := &Journal{name: name, queue: make(chan *pending, queued), group: cfg.Group, stop: make(chan struct{}), done: make(chan struct{}), stopped: make(chan struct{}),
		shared: shared{commits: windowCommits}}
	if err := j.open(ctx, cfg); err != nil {
		j.disconnect()
		return nil, fmt.Errorf("journal: %w", err)
	}
	go j.commitLoop()
	return j, nil
}

func (j *Journal) open(ctx context.Context, cfg Config) (err error) {
	if cfg.URL != "" {
		j.conn, err = dial(ctx, cfg.URL)
	} else {
		cfg.Replicas = 1
		if j.srv, err = embed(cfg.Dir); err == nil {
			j.conn, err = nats.Connect("", nats.InProcessServer(j.srv), nats.MaxReconnects(-1))
		}
	}
	if err != nil {
		return err
	}
	payload := int(j.conn.MaxPayload())
	j.maxCommit = payload / commitShare
	j.maxReport = payload - j.maxCommit - commitHeader
	if j.js, err = jetstream.New(j.conn); err != nil {
		return err
	}
	j.stream, j.id, err = openStream(ctx, j.js, cfg)
	return err
}

func (j *Journal) disconnect() {
	if j.conn != nil {
		j.conn.Close()
	}
	if j.srv != nil {
		j.srv.Shutdown()
		j.srv.WaitForShutdown()
	}
}

// ID names this log for ever: a log that was lost and began anew has another.
func (j *Journal) ID() string { return j.id }

// Gateway names this writer of the log for as long as it is open: what people
// call it and a slash, where it was given a name, and what is drawn at random by
// each Open.
func (j *Journal) Gateway() string { return j.name }

// Conn is the connection with the log's server, for messages between the
// center's processes. Subjects that begin with em.in are the log's. It is closed
// by Close.
func (j *Journal) Conn() *nats.Conn { return j.conn }

// Embedded reports whether the log's server is this process's own, so that no
// other process writes or reads it.
func (j *Journal) Embedded() bool { return j.srv != nil }

// Append writes e and returns when it is on disk, together with all that came
// meanwhile. On an error the report may or may not be in the log; the device is
// not acknowledged and sends it again, and equal observations are one. The end
// of ctx is heeded while the report waits for its turn; once it has it, the
// write is brought to an end, which takes 30 s at most.
func (j *Journal) Append(ctx context.Context, e *Entry) error {
	p, ok := j.answered.Get().(*pending)
	if !ok {
		p = &pending{make([]byte, 0, usualReport), make(chan error, 1)}
	}
	data, err := appendEntry(p.data[:0], e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if len(data) > j.maxReport {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(data), j.maxReport)
	}
	p.data = data
	select {
	case j.queue <- p:
	case <-j.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-p.done:
		if cap(p.data) <= usualReport {
			j.answered.Put(p)
		}
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
	commits := uint64(0)
	var last time.Time
	var batch []*pending
	for {
		clear(batch)
		batch = batch[:0]
		select {
		case p := <-j.queue:
			batch = append(batch, p)
		case <-j.stop:
			return
		}
		size := len(batch[0].data)
		timer := time.NewTimer(time.Until(last.Add(j.group)))
	collect:
		for size < j.maxCommit {
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
		last = time.Now()
		commits++
		err := j.publish(j.pack(batch, size), commits)
		for _, p := range batch {
			p.done <- err
		}
	}
}

// pack makes one message of entries of size bytes together.
func (j *Journal) pack(batch []*pending, size int) []byte {
	msg := appendCommitHeader(make([]byte, 0, size+commitHeader), j.name, len(batch))
	for _, p := range batch {
		msg = append(msg, p.data...)
	}
	return msg
}

// Entry is a report in the log, and what its gateway knows of the sender.
type Entry struct {
	protocol.Report

	// Conversation numbers the connection among those of the gateway, from 1; 0
	// where it is not known, or where connections mean nothing, as for requests.
	Conversation uint64
	// Foreign is the device that the report named although the certificate of its
	// connection is another's; empty otherwise. Nothing of the report is judged.
	Foreign em.DeviceID
}

// Commit is one message of the log: the entries of one group commit.
type Commit struct {
	Seq     uint64 // position in the log, rising
	Gateway string // that wrote it; empty where that is not known
	Entries []Entry
}

// Bounds returns the first and last position that the log holds; an empty log
// has last < first. While an external log cannot be reached its error wraps ErrAway.
func (j *Journal) Bounds(ctx context.Context) (first, last uint64, err error) {
	info, err := j.stream.Info(ctx)
	switch {
	case err == nil && (info.Cluster == nil || info.Cluster.Leader != ""):
	case err == nil: // any server answers then, with what it has
		return 0, 0, fmt.Errorf("%w: its servers have no leader", ErrAway)
	case j.srv == nil && ctx.Err() == nil:
		return 0, 0, fmt.Errorf("%w: %w", ErrAway, err)
	default:
		return 0, 0, fmt.Errorf("journal: %w", err)
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}

// Close stops taking reports, finishes the commit under way and shuts the
// server down.
func (j *Journal) Close() {
	j.once.Do(func() {
		close(j.stop)
		<-j.done
		j.disconnect()
	})
}
