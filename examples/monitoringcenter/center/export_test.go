package center

import (
	"context"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/protocol"
)

// Append is the log's, or what a test puts before it.
type Append func(context.Context, *protocol.Report) error

// Intercept puts f before the log; next is the log's own.
func (c *Center) Intercept(f func(ctx context.Context, r *protocol.Report, next Append) error) {
	c.append = func(ctx context.Context, e *journal.Entry) error {
		return f(ctx, &e.Report, func(ctx context.Context, r *protocol.Report) error {
			of := *e
			of.Report = *r
			return c.journal.Append(ctx, &of)
		})
	}
}

// BreakRecord closes the record under a running center, so that all that needs
// it fails.
func (c *Center) BreakRecord() error { return c.store.Close() }

// Settle shortens how long groups collect changes before they are judged.
func (c *Center) Settle(d time.Duration) { c.settle = d }

// Grid shortens the cells in which both sides of pairs are told.
func (c *Center) Grid(d time.Duration) { c.grid = d }

// Again shortens the time until the second attempt of a notice.
func (c *Center) Again(d time.Duration) { c.sender.again = d }

// Look makes the center look at itself this often.
func (c *Center) Look(d time.Duration) { c.self.every, c.self.capacity = d, d }

// Silent shortens the time after which a gateway is silent.
func (c *Center) Silent(d time.Duration) { c.self.silent = d }

// Sing shortens the time between two reports of the gateway's canary.
func (g *Gateway) Sing(d time.Duration) { g.canaryEvery = d }

// Forget makes a gateway end as if it were killed: the log is not told.
func (g *Gateway) Forget() { g.opts.Name = "" }
