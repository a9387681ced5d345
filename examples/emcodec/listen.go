package main

import (
	"context"

	"github.com/sargas-em/em/examples/internal/program"
)

// listen takes what devices send, prints it, and answers as a center does.
func (t *tool) listen(ctx context.Context, args []string) error {
	c := &center{tool: t, command: "listen"}
	fs := t.flags("listen")
	fs.StringVar(&c.codec, "codec", "", "`dialect`, one of those that list names, or auto: found by the first bytes of each connection")
	c.connFlags(fs)
	fs.StringVar(&c.http, "http", "", "take requests at `address`, of a dialect whose frames are such")
	if err := program.ParseAll(fs, args); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	err := c.run(ctx)
	c.totals()
	return err
}
