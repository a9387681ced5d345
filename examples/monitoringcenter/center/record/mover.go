package record

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// mover takes what SQLite's transactions have written to the write-ahead log into
// the file itself, on a connection of its own. The writer would do it within a
// commit: thousands of pages at once, and two syncs, which all that waits for that
// transaction waits for. It is nil where there is no such log.
type mover struct {
	db     *sql.DB
	asked  chan struct{} // holds one
	ctx    context.Context
	stop   context.CancelFunc
	ended  sync.WaitGroup
	latest time.Time // when it was asked; of the writer
}

const (
	// moveEvery is the least time from one move to the next: pages that are written
	// again within it are moved once.
	moveEvery = 2 * time.Second
	// moveAtMost is at how many pages of the log, of 4 KiB, the writer does it after
	// all: the mover does not keep up, and the log must not fill the disk.
	moveAtMost = 16 << 10
)

func newMover(db *sql.DB) *mover {
	db.SetMaxOpenConns(1)
	ctx, stop := context.WithCancel(context.Background())
	return &mover{db: db, asked: make(chan struct{}, 1), ctx: ctx, stop: stop}
}

// start begins to move; writing is held by who writes.
func (m *mover) start(writing chan struct{}) {
	if m == nil {
		return
	}
	m.ended.Go(func() {
		for {
			select {
			case <-m.asked:
			case <-m.ctx.Done():
				return
			}
			// Most of it beside the writer; then, while it waits, the little that was
			// written meanwhile, so that the log begins anew.
			m.move()
			select {
			case writing <- struct{}{}:
				m.move()
				<-writing
			case <-m.ctx.Done():
				return
			}
		}
	})
}

// move takes what it can. What it cannot is taken the next time, or by the writer,
// whose error it is then.
func (m *mover) move() { m.db.ExecContext(m.ctx, `PRAGMA wal_checkpoint(PASSIVE)`) }

// committed asks for it, now and then.
func (m *mover) committed() {
	if m == nil || time.Since(m.latest) < moveEvery {
		return
	}
	m.latest = time.Now()
	select {
	case m.asked <- struct{}{}:
	default:
	}
}

func (m *mover) close() {
	if m == nil {
		return
	}
	m.stop()
	m.ended.Wait()
	m.db.Close() // it has written nothing of its own
}
