package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/faults"
	"github.com/sargas-em/em/protocol"
)

func TestMain(m *testing.M) {
	if faults.RunNode() {
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, cfg Config) *Journal {
	t.Helper()
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j
}

// report is an invented one that its number tells from others.
func report(conn string, n int) *Entry {
	return &Entry{Report: protocol.Report{Conn: conn, Codec: "gt06", Device: "gt06:990000000000017", Received: time.Date(2026, 3, 2, 8, 0, n, 0, time.UTC),
		Frames: []protocol.ReportFrame{{Offset: int64(n), Raw: fmt.Appendf(nil, "frame %d", n), Type: "position"}}}}
}

// read returns the commits after a position up to the end of the log.
func read(t *testing.T, j *Journal, after uint64) []Commit {
	t.Helper()
	_, last, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(chan Commit), make(chan error, 1)
	go func() { ended <- j.Read(ctx, after, out) }()
	defer func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Read ends with %v", err)
		}
	}()
	var all []Commit
	for after < last {
		select {
		case c := <-out:
			if c.Seq != after+1 {
				t.Errorf("commit %d follows %d", c.Seq, after)
			}
			after = c.Seq
			all = append(all, c)
		case err := <-ended:
			ended <- err
			t.Fatalf("Read ends at %d of %d: %v", after, last, err)
		case <-time.After(30 * time.Second):
			t.Fatalf("Read hangs at %d of %d", after, last)
		}
	}
	return all
}

// What Append has acknowledged is there, in the order of each connection, after
// the log was closed and opened.
func TestAcknowledgedIsReadBack(t *testing.T) {
	const conns, reports = 16, 40
	dir := t.TempDir()
	j := open(t, Config{Dir: dir})
	var wg sync.WaitGroup
	for c := range conns {
		wg.Go(func() {
			for n := range reports {
				if err := j.Append(t.Context(), report(fmt.Sprint(c), n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, last, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last >= conns*reports/2 {
		t.Errorf("%d messages for %d reports of %d connections at once: they were not packed", last, conns*reports, conns)
	}
	check := func(j *Journal) {
		t.Helper()
		next := map[string]int{}
		for _, c := range read(t, j, 0) {
			for _, r := range c.Entries {
				n := next[r.Conn]
				if want := report(r.Conn, n); string(r.Frames[0].Raw) != string(want.Frames[0].Raw) || !r.Received.Equal(want.Received) || r.Device != want.Device {
					t.Errorf("connection %s: %q follows report %d", r.Conn, r.Frames[0].Raw, n-1)
				}
				next[r.Conn]++
			}
		}
		for c := range conns {
			if next[fmt.Sprint(c)] != reports {
				t.Errorf("connection %d: %d reports, want %d", c, next[fmt.Sprint(c)], reports)
			}
		}
	}
	check(j)
	id := j.ID()
	j.Close()
	j = open(t, Config{Dir: dir})
	check(j)
	if j.ID() != id || id == "" {
		t.Errorf("the log is %q, then %q", id, j.ID())
	}
	if rest := read(t, j, last-1); len(rest) != 1 || rest[0].Seq != last {
		t.Errorf("from the last position on: %v", rest)
	}
	if other := open(t, Config{Dir: t.TempDir()}); other.ID() == id {
		t.Error("another log has the same identity")
	}
}

// A report that comes alone is written at once; the next waits for company, or for
// the end.
func TestLoneReportDoesNotWait(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir(), Group: time.Hour})
	if err := j.Append(t.Context(), report("c", 0)); err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() { second <- j.Append(t.Context(), report("c", 1)) }()
	waits := func() bool {
		j.groups.mu.Lock()
		defer j.groups.mu.Unlock()
		return j.groups.open.entries == 1
	}
	for !waits() {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-second:
		t.Errorf("the second is there: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	j.Close()
	if err := <-second; err != nil {
		t.Errorf("the second, which was being collected at Close: %v", err)
	}
}

// All that waits while a commit is under way goes into the next one.
func TestGroupCommit(t *testing.T) {
	const reports = 200
	j := open(t, Config{Dir: t.TempDir(), Group: 50 * time.Millisecond})
	var wg sync.WaitGroup
	for n := range reports {
		wg.Go(func() {
			if err := j.Append(t.Context(), report("c", n)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	commits := read(t, j, 0)
	var n int
	for _, c := range commits {
		n += len(c.Entries)
	}
	if n != reports || len(commits) > reports/10 {
		t.Errorf("%d reports in %d messages", n, len(commits))
	}
}

// Read goes on with what is written while it waits.
func TestReadFollows(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(chan Commit), make(chan error, 1)
	go func() { ended <- j.Read(ctx, 0, out) }()
	for n := range 5 {
		if err := j.Append(t.Context(), report("c", n)); err != nil {
			t.Fatal(err)
		}
		if c := <-out; c.Seq != uint64(n+1) || len(c.Entries) != 1 || c.Entries[0].Frames[0].Offset != int64(n) {
			t.Errorf("after report %d: %+v", n, c)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Read ends with %v", err)
	}
}

func TestAppendAfterClose(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	var wg sync.WaitGroup
	for c := range 8 { // some are under way when it closes
		wg.Go(func() {
			for n := 0; ; n++ {
				if err := j.Append(context.Background(), report(fmt.Sprint(c), n)); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("Append says %v", err)
					}
					return
				}
			}
		})
	}
	j.Close()
	j.Close()
	wg.Wait()
	for range 100 { // whichever case a select takes
		if err := j.Append(t.Context(), report("c", 0)); !errors.Is(err, ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
	}
}

// A group takes no more than fits into its message: who comes then waits for the next
// one, for as long as the context does.
func TestAppendWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &Journal{maxReport: maxPayload, groups: newGroups(commitHeader, 1)} // nobody commits
		first, next := make(chan error, 1), make(chan error, 1)
		go func() { first <- j.Append(t.Context(), report("c", 0)) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { next <- j.Append(ctx, report("c", 1)) }()
		synctest.Wait()
		if n := j.groups.open.entries; n != 1 {
			t.Errorf("%d reports in a group that one fills", n)
		}
		cancel()
		if err := <-next; !errors.Is(err, context.Canceled) {
			t.Errorf("Append says %v", err)
		}
		go func() { next <- j.Append(t.Context(), report("c", 2)) }()
		synctest.Wait()
		one := j.groups.take(nil, false)
		synctest.Wait()
		two := j.groups.take(nil, true)
		close(one.done)
		close(two.done)
		if err := errors.Join(<-first, <-next); err != nil || one.entries != 1 || two.entries != 1 {
			t.Errorf("groups of %d and %d, %v", one.entries, two.entries, err)
		}
		if err := j.Append(t.Context(), report("c", 3)); !errors.Is(err, ErrClosed) {
			t.Errorf("behind the last group: %v", err)
		}
	})
}

// The longest report fits even behind a commit that is about to be closed; a
// longer one is refused by itself, and harms no other.
func TestLongestReport(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	filled := func(size int) []byte {
		r := report("c", 0)
		for n := size; ; n-- {
			r.Frames[0].Raw = make([]byte, n)
			b, err := appendEntry(nil, r)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) == size {
				return b
			}
		}
	}
	g := newGroups(j.groups.room, j.maxCommit)
	for _, e := range [][]byte{filled(j.maxCommit - 1), filled(j.maxReport)} {
		if _, err := g.join(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.publish(j.message(g.open), 1); err != nil {
		t.Errorf("the largest commit: %v", err)
	}
	r := report("c", 0)
	r.Frames[0].Raw = make([]byte, j.maxReport)
	if err := j.Append(t.Context(), r); !errors.Is(err, ErrTooLong) {
		t.Errorf("a longer report: %v", err)
	}
	if err := j.Append(t.Context(), report("c", 1)); err != nil {
		t.Errorf("another one: %v", err)
	}
	if all := read(t, j, 0); len(all) != 2 || len(all[0].Entries) != 2 {
		t.Errorf("%d commits in the log, want 2", len(all))
	}
}

// A message that does not decode stops the reader, and is named.
func TestDamagedMessage(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	if err := j.Append(t.Context(), report("c", 0)); err != nil {
		t.Fatal(err)
	}
	whole, err := appendEntry(appendCommitHeader(nil, j.Gateway(), 1), report("c", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.js.Publish(t.Context(), subject, whole[:len(whole)-1]); err != nil {
		t.Fatal(err)
	}
	out := make(chan Commit, 10)
	err = j.Read(t.Context(), 0, out)
	if !errors.Is(err, em.ErrState) || !strings.Contains(fmt.Sprint(err), "message 2") {
		t.Errorf("Read says %v", err)
	}
	if len(out) != 1 {
		t.Errorf("%d commits before the damaged one, want 1", len(out))
	}
}

// Full blocks of the log are compressed, also of one that was begun without, and all is
// read back.
func TestCompressed(t *testing.T) {
	const raw, plain, most = 1 << 16, 200, 600
	dir := t.TempDir()
	same := noise(raw) // which is packed by itself to no less
	long := func(n int) *Entry {
		e := report("1", n)
		e.Report.Frames[0].Raw = append(e.Report.Frames[0].Raw, same...)
		return e
	}
	// As older centers have made it; to compress begins with a start.
	srv, err := embed(dir)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: streamName, Subjects: []string{"em.in.*"}, Metadata: map[string]string{identityKey: "older"}}); err != nil {
		t.Fatal(err)
	}
	(&Journal{conn: conn, srv: srv}).disconnect()
	j := open(t, Config{Dir: dir})
	for n := range most {
		if n == plain {
			if size := sizeOf(t, dir); size < plain*raw {
				t.Errorf("%d bytes of %d reports without compression", size, n)
			}
			j.Close()
			j = open(t, Config{Dir: dir})
		}
		if err := j.Append(t.Context(), long(n)); err != nil {
			t.Fatal(err)
		}
	}
	// A block is compressed behind its last message; those of the first part stay.
	const want = plain*raw + 16<<20
	for begun := time.Now(); sizeOf(t, dir) > want; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%d bytes of %d reports", sizeOf(t, dir), most)
		}
	}
	n := 0
	for _, c := range read(t, j, 0) {
		for _, e := range c.Entries {
			if !bytes.Equal(e.Frames[0].Raw, long(n).Frames[0].Raw) {
				t.Fatalf("report %d comes back as another", n)
			}
			n++
		}
	}
	if n != most {
		t.Errorf("%d of %d reports come back", n, most)
	}
}

// sizeOf is what the files in a folder take.
func sizeOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was replaced
		}
		return err
	}); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return n
}

func TestOpenNeedsFolder(t *testing.T) {
	if j, err := Open(t.Context(), Config{}); err == nil {
		j.Close()
		t.Error("a log without a folder opens")
	}
}
