package journal

import (
	"context"
	"sync"
)

// shared is what all in this process have together who read on at the log's end.
type shared struct {
	mu      sync.Mutex
	readers int
	of      *window // nil while there are none

	commits int // windowCommits; tests make it small
}

// window is the newest part of the log. Who is behind it reads alone until there.
type window struct {
	commits int
	end     func() // stops reading, and waits for it

	mu      sync.Mutex
	held    []Sealed
	size    int           // of them, in bytes
	next    uint64        // position behind them
	changed chan struct{} // closed then
	err     error         // nothing more is read
}

// Bounds of what is held.
const (
	windowCommits = 512
	windowBytes   = 16 << 20
)

// ReadSealed is Read for those who want a part of each commit: see Sealed.Open. Many
// may read at once: the server is asked once for what all of them read at the end of
// the log.
func (j *Journal) ReadSealed(ctx context.Context, after uint64, out chan<- Sealed) error {
	w, err := j.enter(ctx)
	if err != nil {
		return err
	}
	defer j.shared.leave()
	send := func(c Sealed) error {
		select {
		case out <- c:
			after = c.Seq
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		some, behind, changed, err := w.from(after + 1)
		switch {
		case err != nil:
			return err
		case behind:
			if err := j.readOn(ctx, after, func(c Sealed) error {
				err := send(c.unpacked())
				if err == nil && !w.behind(after+1) {
					err = errEnough
				}
				return err
			}); err != errEnough {
				return err
			}
		case len(some) == 0:
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for _, c := range some {
			if err := send(c); err != nil {
				return err
			}
		}
	}
}

// enter counts a reader in; the first one begins to read at the end of the log.
func (j *Journal) enter(ctx context.Context) (*window, error) {
	var last uint64
	for {
		var err error
		if _, last, err = j.Bounds(ctx); err == nil {
			break
		} else if j.srv != nil {
			return nil, err
		}
		if !sleep(ctx, retryEvery) {
			return nil, ctx.Err()
		}
	}
	s := &j.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers++; s.readers > 1 {
		return s.of, nil
	}
	w := &window{commits: s.commits, next: last + 1, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	w.end = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		w.close(j.readOn(ctx, last, func(c Sealed) error {
			w.add(c.unpacked())
			return nil
		}))
	}()
	s.of = w
	return w, nil
}

// leave counts a reader out.
func (s *shared) leave() {
	s.mu.Lock()
	var last *window
	if s.readers--; s.readers == 0 {
		last, s.of = s.of, nil
	}
	s.mu.Unlock()
	if last != nil {
		last.end()
	}
}

// add adds a commit.
func (w *window) add(c Sealed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, c)
	w.size += len(c.data)
	w.next = c.Seq + 1
	for len(w.held) > 1 && (len(w.held) > w.commits || w.size > windowBytes) {
		w.size -= len(w.held[0].data)
		w.held[0] = Sealed{}
		w.held = w.held[1:]
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// close says why there is no more.
func (w *window) close(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	close(w.changed)
}

// from returns what is held from a position on, or that it is behind all that is held,
// or what is closed when there is more.
func (w *window) from(seq uint64) (some []Sealed, behind bool, changed <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.next - uint64(len(w.held))
	switch {
	case seq < first:
		return nil, true, nil, nil
	case seq < w.next:
		return append(some, w.held[seq-first:]...), false, nil, nil
	}
	return nil, false, w.changed, w.err
}

// behind reports whether a position is before all that is held.
func (w *window) behind(seq uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return seq < w.next-uint64(len(w.held))
}
