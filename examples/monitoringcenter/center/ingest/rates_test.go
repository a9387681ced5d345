package ingest

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em"
)

func TestBuckets(t *testing.T) {
	begin := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	b := newBuckets[string](10)
	for i, c := range []struct {
		at     float64
		key    string
		frames int
		want   time.Duration // to wait; above rateWait: refused
	}{
		{0, "a", 200, 0},                       // 20 s' worth at once
		{0, "a", 1, 100 * time.Millisecond},    // then a frame each 100 ms
		{0, "b", 200, 0},                       // another sender's are its own
		{0, "a", 98, 9900 * time.Millisecond},  // 99 wait
		{0, "a", 64, 16300 * time.Millisecond}, // too long: refused, and nothing taken
		{0, "a", 1, 10 * time.Second},          // as before
		{5, "a", 1, 5100 * time.Millisecond},   // five seconds later
		{15.1, "a", 1, -4900 * time.Millisecond},
		{1000, "a", 201, 100 * time.Millisecond}, // it holds no more than 20 s' worth
	} {
		got := b.take(at(c.at), c.key, c.frames)
		if got = max(got, -time.Hour); c.want == 0 && got > 0 || c.want != 0 && got != c.want {
			t.Errorf("step %d: wait %v, want %v", i, got, c.want)
		}
	}
	if free := newBuckets[string](-1); free.take(at(0), "a", 1_000_000) != 0 || len(free.young) != 0 {
		t.Error("a negative rate is a bound")
	}
}

// Whatever comes, what passes in a span is at most the burst, what may wait, and
// the rate times the span.
func TestBucketsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.5, 1000).Draw(t, "rate")
		b := newBuckets[int](rate)
		now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
		begin, passed := now, 0.0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "pause")))
			frames := rapid.IntRange(1, 64).Draw(t, "frames")
			if b.take(now, 1, frames) <= rateWait {
				passed += float64(frames)
			}
			if most := rate*(now.Sub(begin)+rateBurst+rateWait).Seconds() + 1; passed > most {
				t.Fatalf("%v passed of at most %v", passed, most)
			}
		}
	})
}

// However many senders are invented, what is remembered is bounded.
func TestBucketsMemory(t *testing.T) {
	b := newBuckets[int](1)
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i := range 3 * rateKeys {
		b.take(now, i, 1)
	}
	if n := len(b.young) + len(b.old); n > 2*rateKeys {
		t.Errorf("%d senders are remembered", n)
	}
}

// What waits is let go when the center stops, refused and so not acknowledged.
func TestRateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waited := 0
		r := newRates(Rates{Device: 1, Address: 10}, func(string) { waited++ })
		stopping := make(chan struct{})
		addr := netip.MustParseAddr("192.0.2.1")
		admit := func(d em.DeviceID, frames int) error { return r.admit(t.Context(), stopping, d, addr, frames) }
		begin := time.Now()
		for i, want := range []time.Duration{0, 5 * time.Second} {
			if err := admit("gt06:1", []int{20, 5}[i]); err != nil || time.Since(begin) != want {
				t.Errorf("report %d passes after %v, %v", i, time.Since(begin), err)
			}
		}
		if err := admit("gt06:1", 64); !errors.Is(err, ErrRate) {
			t.Errorf("a flood: %v", err)
		}
		// By its address: 89 frames were counted already, and 200 pass at once.
		if err := admit("", 200); err != nil || waited != 2 {
			t.Errorf("by address: %v, %d waited", err, waited)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.admit(ctx, stopping, "gt06:1", addr, 2); !errors.Is(err, context.Canceled) {
			t.Errorf("without its connection: %v", err)
		}
		close(stopping)
		if err := admit("gt06:1", 2); !errors.Is(err, ErrRate) {
			t.Errorf("while the center stops: %v", err)
		}
	})
}
