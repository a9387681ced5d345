package main

import "context"

// listen takes what devices send, prints it, and answers as a center does.
func (t *tool) listen(ctx context.Context, args []string) error {
	c := &center{tool: t, command: "listen"}
	fs := t.flags("listen")
	fs.StringVar(&c.codec, "codec", "", "`dialect`, one of those that list names, or auto: found by the first bytes of each connection")
	c.connFlags(fs)
	rest, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("listen: %q is no flag", rest[0])
	}
	if err := c.check(); err != nil {
		return err
	}
	err = c.run(ctx)
	c.totals()
	return err
}
