// Package journal is the center's durable log of what devices sent: a NATS
// JetStream in which one message is one group commit. The server is embedded, or
// an external cluster: the code is the same. A device is acknowledged only after
// Append has returned. A group commit of some reports is packed before it is sent. The
// embedded server compresses each block once it is full, to about a quarter where its
// commits are of a report or two. Of a cluster that is left to its operator:
// compressing, three servers of which two were killed again and again (50 rounds) did
// once not come back within a minute, not compressing they did.
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
	// commitHeader is more than the header of a group commit takes, but for the name
	// of its gateway.
	commitHeader = 32
	// usualReport is more than a report of one frame mostly takes.
	usualReport = 512
	// mostKept is of a report how much is kept to encode the next one in.
	mostKept = 4096
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

	// Wait is how long Open waits for an external log to be there; a minute by default.
	Wait time.Duration

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

	groups  *groups
	encoded sync.Pool // of *[]byte
	group   time.Duration
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
	hurried context.Context // ends with Hurry
	hurry   context.CancelFunc

	stopped chan struct{}
	broken  sync.Once

	shared shared
}

// Errors of Append: after Close, and for a report that no message holds.
var (
	ErrClosed  = errors.New("journal: closed")
	ErrTooLong = errors.New("journal: the report is too long")
)

// Open opens the log, embedded or external, and creates its stream where there is
// none. Where an external one is not there within Config.Wait the error wraps ErrAway.
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
	if cfg.Wait == 0 {
		cfg.Wait = time.Minute
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 3
	}
	name := rand.Text()
	if cfg.Name != "" {
		name = cfg.Name + "/" + name
	}
	j := &Journal{name: name, group: cfg.Group, stop: make(chan struct{}), done: make(chan struct{}), stopped: make(chan struct{}),
		shared: shared{commits: windowCommits}}
	if err := j.open(ctx, cfg); err != nil {
		j.disconnect()
		if errors.Is(err, ErrAway) {
			return nil, err
		}
		return nil, fmt.Errorf("journal: %w", err)
	}
	j.hurried, j.hurry = context.WithCancel(context.Background())
	go j.commitLoop()
	return j, nil
}

func (j *Journal) open(ctx context.Context, cfg Config) (err error) {
	if cfg.URL != "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Wait)
		defer cancel()
		j.conn, err = dial(ctx, cfg)
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
	room := commitHeader + len(j.name)
	j.maxReport = payload - j.maxCommit - room
	j.groups = newGroups(room, j.maxCommit)
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

// Commit is one message of the log: the entries of one group commit. They share
// memory: who keeps a frame or its bytes for long makes a copy.
type Commit struct {
	Seq     uint64 // position in the log, rising
	Gateway string // that wrote it; empty where that is not known
	Entries []Entry

	memory *memory // of the entries; nil where it is not shared
}

// Free says that nobody uses the entries any more, nor their frames, bytes and lists of
// observations: the next commits are read into the same memory. Texts and bodies of
// observations are their own, and stay. It may be left out, and is called once at most.
func (c *Commit) Free() {
	if c.memory != nil {
		c.memory.free()
	}
	c.Entries, c.memory = nil, nil
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

// Hurry says that the end is near: from now on no commit is waited for longer than a
// second, nor the one under way. What is not durable by then is an error to Append.
func (j *Journal) Hurry() { j.hurry() }

// Close stops taking reports, finishes the commit under way, in a hurry, and shuts the
// server down.
func (j *Journal) Close() {
	j.once.Do(func() {
		j.Hurry()
		close(j.stop)
		<-j.done
		j.disconnect()
	})
}
