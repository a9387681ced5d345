package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// dial connects to an external server or cluster. The connection comes back by
// itself, to whichever of the servers is there. Processes that are started together
// with the servers are mostly ready before those.
func dial(ctx context.Context, cfg Config) (*nats.Conn, error) {
	for {
		conn, err := nats.Connect(cfg.URL, nats.Name("monitoringcenter"), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond))
		if !errors.Is(err, nats.ErrNoServers) {
			return conn, err
		}
		if !sleep(ctx, retryEvery) {
			return nil, fmt.Errorf("%w: none of its servers answered for %v: %w", ErrAway, cfg.Wait, err)
		}
	}
}

const identityKey = "sargas.log"

// openStream opens the stream of the log, or makes one with a new identity.
func openStream(ctx context.Context, js jetstream.JetStream, cfg Config) (jetstream.Stream, string, error) {
	// A cluster that has just started elects its leader first.
	for {
		s, id, err := openStreamOnce(ctx, js, cfg)
		var api *jetstream.APIError
		switch {
		case err == nil:
			return s, id, nil
		case cfg.URL == "" || errors.Is(err, errNoLog) || errors.As(err, &api) && api.Code < 500:
			return nil, "", err
		}
		switch {
		case sleep(ctx, retryEvery):
		case errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
			return nil, "", fmt.Errorf("the server keeps no streams: %w", err) // which does not pass
		default:
			return nil, "", fmt.Errorf("%w: its servers answer, but hold no stream for %v; most of them are away, or have no leader: %w", ErrAway, cfg.Wait, err)
		}
	}
}

var errNoLog = errors.New("the server has a stream " + streamName + " that is no log of a center")

func openStreamOnce(ctx context.Context, js jetstream.JetStream, cfg Config) (jetstream.Stream, string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	want := jetstream.StreamConfig{
		Name:       streamName,
		Subjects:   []string{"em.in.*"},
		Storage:    jetstream.FileStorage,
		Replicas:   cfg.Replicas,
		MaxAge:     cfg.MaxAge,
		Duplicates: duplicates,
		Discard:    jetstream.DiscardNew, // a full log refuses; it never drops what it has acknowledged
	}
	if cfg.URL == "" {
		want.Compression = jetstream.S2Compression // of blocks that are full
	}
	s, err := js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		want.Metadata = map[string]string{identityKey: rand.Text()}
		s, err = js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another gateway was faster
			s, err = js.Stream(ctx, streamName)
		}
	}
	if err != nil {
		return nil, "", err
	}
	id := s.CachedInfo().Config.Metadata[identityKey]
	if id == "" {
		return nil, "", errNoLog
	}
	have := s.CachedInfo().Config
	if cfg.URL != "" {
		want.Compression = have.Compression // whoever runs the servers may compress
	}
	if have.MaxAge != want.MaxAge || have.Replicas != want.Replicas || have.Duplicates != want.Duplicates ||
		have.Compression != want.Compression {
		want.Metadata = have.Metadata
		s, err = js.UpdateStream(ctx, want)
	}
	return s, id, err
}

// Times of publishing and reading. A cluster that loses its leader stands still
// for some seconds.
const (
	// giveUp is longer than any fsync or election should take: then it must become
	// an error to the devices, which keep their data.
	giveUp = 30 * time.Second
	// stalled is longer than a disk of our own should take.
	stalled = 10 * time.Second
	// hurriedFor is how long a commit may take at the end: SIGTERM must lead to exit
	// within 5 s, whatever has become of the log.
	hurriedFor = time.Second
	tryFor     = 5 * time.Second
	retryEvery = 100 * time.Millisecond
	// duplicates is for how long the server knows a message again. It is much
	// longer than giveUp.
	duplicates = 2 * time.Minute
)

// publish writes one message and returns when it is durable. A try whose answer
// does not come is made again, as the same message: the server takes it once.
func (j *Journal) publish(msg []byte, n uint64) error {
	select {
	case <-j.stopped:
		return ErrStopped
	default:
	}
	wait := giveUp
	if j.srv != nil {
		wait = stalled
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	defer context.AfterFunc(j.hurried, func() { time.AfterFunc(hurriedFor, cancel) })()
	var options []jetstream.PublishOpt
	if j.srv == nil {
		options = append(options, jetstream.WithMsgID(j.name+strconv.FormatUint(n, 36)), jetstream.WithExpectStream(streamName))
	}
	for {
		err := j.try(ctx, msg, options)
		var api *jetstream.APIError
		switch {
		case err == nil:
			return nil
		case j.srv != nil && (errors.Is(err, context.DeadlineExceeded) || !j.srv.JetStreamEnabled()):
			j.fail()
			return ErrStopped
		case j.srv != nil || ctx.Err() != nil || errors.As(err, &api) && api.Code < 500 || errors.Is(err, nats.ErrMaxPayload):
			return fmt.Errorf("journal: %w", err)
		}
		if !sleep(ctx, retryEvery) {
			return fmt.Errorf("journal: %w", err)
		}
	}
}

func (j *Journal) try(ctx context.Context, msg []byte, options []jetstream.PublishOpt) error {
	if j.srv == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tryFor)
		defer cancel()
	}
	_, err := j.js.Publish(ctx, subject, msg, options...)
	return err
}

// ErrAway: an external log cannot be reached now; nothing is wrong with what was
// asked, and the same may succeed later.
var ErrAway = errors.New("journal: the log cannot be reached")

// ErrStopped: the embedded server keeps no log any more. When its disk is full or
// fails it does not answer, and does not recover; a new start does, once the disk
// works again.
var ErrStopped = errors.New("journal: the log has stopped; its disk may be full")

// fail makes ErrStopped the answer to everything.
func (j *Journal) fail() { j.broken.Do(func() { close(j.stopped) }) }

// Stopped is closed once the log answers ErrStopped.
func (j *Journal) Stopped() <-chan struct{} { return j.stopped }

// sleep waits; false where ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
