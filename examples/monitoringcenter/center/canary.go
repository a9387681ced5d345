package center

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// canary is a device of the center's own. It reports over a loopback connection
// to a listener of its own, through the codec, the log and the engine, like all
// others; its report is seen when the transaction with the log position behind
// it is committed. The record keeps nothing of it, and nobody else can speak for
// it: its identity is drawn at random and kept with the record.
type canary struct {
	every time.Duration

	mu       sync.Mutex
	identity string        // empty until the record is loaded
	id       em.DeviceID   // of it
	seen     time.Time     // by the monotonic clock; when this process began to evaluate, where there was none yet
	lag      time.Duration // of the last one, from its reception to the record
}

func (c *canary) device() (identity string, d em.DeviceID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity, c.id
}

// begin says that from now on this process looks for the canary.
func (c *canary) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.lag = time.Now(), 0
}

// of reports whether a device is the canary.
func (c *canary) of(d em.DeviceID) bool {
	if c == nil {
		return false
	}
	_, own := c.device()
	return d == own
}

// note tells that a report is in the record.
func (c *canary) note(now, received time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.lag = now, now.Round(0).Sub(received)
}

// age is the time since a report was last seen, and how long that one took.
func (c *canary) age() (age, lag time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.seen), c.lag
}

// limit is the age above which the canary is silent: three reports are missing,
// and a slow disk has had its time.
func (c *canary) limit() time.Duration { return 3*c.every + 2*time.Second }

// identify draws the identity, or takes the one that the record has.
func (c *canary) identify(tx *record.Tx) error {
	secret, err := tx.Secret("canary", randomKey)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity, c.id = canaryOf(secret)
	return nil
}

// canaryOf is the device that a secret stands for.
func canaryOf(secret []byte) (identity string, d em.DeviceID) {
	sum := sha256.Sum256(secret)
	// IMEIs of 98… belong to no maker, and 13 digits are not guessed.
	identity = fmt.Sprintf("98%013d", binary.BigEndian.Uint64(sum[:])%1e13)
	return identity, em.DeviceID(gt06.Name + ":" + identity)
}

// runCanary keeps the canary on the wire until ctx ends, while this process
// evaluates.
func (c *Center) runCanary(ctx context.Context) error {
	w := cage{ingest: c.ingest, every: c.canary.every, first: c.canary.limit(), log: c.log, device: c.canary.device,
		sings: c.engine.knows}
	return w.run(ctx)
}
