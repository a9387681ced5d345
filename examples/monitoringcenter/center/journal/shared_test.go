package journal

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Readers that begin anywhere, read slowly, and come and go while reports are written
// get all that is behind where they began, in order; those at the end have one consumer
// between them.
func TestReadSealedByMany(t *testing.T) {
	const readers, before, reports = 6, 40, 160
	j := open(t, Config{Dir: t.TempDir(), Group: time.Microsecond})
	j.shared.commits = 4
	write := func(n int) {
		if err := j.Append(t.Context(), report("c", n)); err != nil {
			t.Error(err)
		}
	}
	for n := range before {
		write(n)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for i := range readers {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for after := uint64(i * before / (readers - 1)); after < reports; { // comes again where it went
				ctx, cancel := context.WithCancel(t.Context())
				out, ended := make(chan Sealed), make(chan error, 1)
				go func() { ended <- j.ReadSealed(ctx, after, out) }()
				for range 1 + random.IntN(reports) {
					c := <-out
					if c.Seq != after+1 {
						t.Errorf("reader %d: commit %d follows %d", i, c.Seq, after)
					}
					if of, err := c.Open(nil); err != nil || len(of.Entries) != 1 || of.Entries[0].Frames[0].Offset != int64(after) {
						t.Errorf("reader %d: commit %d is %+v, %v", i, c.Seq, of, err)
					}
					if after = c.Seq; after == reports {
						break
					}
					if random.IntN(8) == 0 {
						time.Sleep(time.Duration(random.IntN(int(10 * time.Millisecond))))
					}
				}
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("reader %d ends with %v", i, err)
				}
			}
		})
	}
	for n := before; n < reports; n++ {
		write(n)
	}
	wg.Wait()
	if w := j.shared.of; w != nil {
		t.Error("it is read on for nobody")
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, readers)
	var outs [readers]chan Sealed
	for i := range outs {
		outs[i] = make(chan Sealed)
		go func() { ended <- j.ReadSealed(ctx, reports-1, outs[i]) }()
	}
	for _, out := range outs {
		<-out // from the log itself
	}
	write(reports)
	for _, out := range outs {
		<-out
	}
	// Those who read alone have ended, or are about to.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		info, err := j.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Consumers == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d consumers for %d readers", info.State.Consumers, readers)
		}
	}
	cancel()
	for range readers {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a reader ends with %v", err)
		}
	}
}

// What ends reading is told to all who have read what is held.
func TestReadSealedTellsAll(t *testing.T) {
	w := &window{commits: 4, next: 1, changed: make(chan struct{})}
	w.add(Sealed{Seq: 1})
	_, _, changed, _ := w.from(2)
	w.close(ErrDamaged)
	<-changed
	for _, c := range []struct {
		seq    uint64
		some   int
		behind bool
		err    error
	}{{1, 1, false, nil}, {2, 0, false, ErrDamaged}} {
		if some, behind, _, err := w.from(c.seq); len(some) != c.some || behind != c.behind || err != c.err {
			t.Errorf("from %d: %v, %t, %v", c.seq, some, behind, err)
		}
	}
}
