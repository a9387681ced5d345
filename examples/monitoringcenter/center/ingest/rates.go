package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sargas-em/em"
)

// Rates bound what one sender may put into the log. What is above them waits,
// which the sender feels as back-pressure; who lets too much pile up is refused
// with ErrRate, unacknowledged. A negative rate is no bound.
type Rates struct {
	// Device bounds the frames a second under one device's identity: 50 if 0. A
	// backlog of 20 seconds' worth passes at once.
	Device float64
	// Address bounds those from one address: 2,000 if 0, which is 120,000 trackers
	// behind a mobile operator's, one report a minute each. 20 seconds' worth
	// pass at once.
	Address float64
}

func (r Rates) withDefaults() Rates {
	if r.Device == 0 {
		r.Device = 50
	}
	if r.Address == 0 {
		r.Address = 2000
	}
	return r
}

const (
	rateBurst = 20 * time.Second // of frames that pass at once
	// rateWait is how long a report waits at most. A Link's whole report, 64
	// frames, waits for less at the usual rates: who waits longer sends over many
	// connections at once.
	rateWait = 10 * time.Second
	// rateKeys bounds what is remembered of each kind, some 100 bytes a sender:
	// identities are free to invent.
	rateKeys = 100_000
)

// rates are the token buckets of a server.
type rates struct {
	device  *buckets[em.DeviceID]
	address *buckets[netip.Addr]
	waited  func(by string) // counts
}

func newRates(r Rates, waited func(by string)) *rates {
	r = r.withDefaults()
	return &rates{newBuckets[em.DeviceID](r.Device), newBuckets[netip.Addr](r.Address), waited}
}

// admit waits until frames may pass. The error is ErrRate, or that of ctx.
func (r *rates) admit(ctx context.Context, stopping <-chan struct{}, d em.DeviceID, a netip.Addr, frames int) error {
	now := time.Now()
	wait, by := time.Duration(0), ""
	if d != "" {
		wait, by = r.device.take(now, d, frames), "device"
	}
	if a.IsValid() {
		if w := r.address.take(now, a, frames); w > wait {
			wait, by = w, "address"
		}
	}
	switch {
	case wait <= 0:
		return nil
	case wait > rateWait:
		return fmt.Errorf("%w, by %s", ErrRate, by)
	}
	r.waited(by)
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-stopping:
		return fmt.Errorf("%w, by %s: %w", ErrRate, by, errStopping)
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errStopping = errors.New("ingest: it is stopping")

// buckets are token buckets by sender, in the form of the instant at which each
// is full again. Two generations bound them: when the younger is full the older
// is forgotten, so that who is remembered less than rateKeys senders back is
// bounded, and nobody's entry is looked for.
type buckets[K comparable] struct {
	cost time.Duration // of a frame; 0 for no bound

	mu         sync.Mutex
	young, old map[K]time.Time
}

func newBuckets[K comparable](rate float64) *buckets[K] {
	b := &buckets[K]{young: map[K]time.Time{}}
	if rate > 0 {
		b.cost = time.Duration(float64(time.Second) / rate)
	}
	return b
}

// take takes so many frames' tokens and returns how long to wait for them. What
// would have to wait for longer than rateWait takes none.
func (b *buckets[K]) take(now time.Time, k K, frames int) time.Duration {
	if b.cost == 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	full, ok := b.young[k]
	if !ok {
		full = b.old[k]
	}
	if full.Before(now) {
		full = now
	}
	full = full.Add(time.Duration(frames) * b.cost)
	wait := full.Sub(now) - rateBurst
	if wait > rateWait {
		return wait
	}
	if !ok && len(b.young) >= rateKeys {
		b.young, b.old = map[K]time.Time{}, b.young
	}
	b.young[k] = full
	return wait
}
