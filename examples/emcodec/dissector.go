package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// dissector writes a dissector for Wireshark and tshark.
func (t *tool) dissector(_ context.Context, args []string) error {
	fs := t.flags("dissector")
	codec := fs.String("codec", "", "`dialect`, one of those that list names")
	port := fs.Uint("port", 0, "`port` of TCP and UDP that is the dialect's; without it, streams that begin like the dialect are taken, and those of Decode As")
	switch err := program.ParseAll(fs, args); {
	case err != nil:
		return err
	case *codec == "":
		return program.Usagef("dissector: --codec is missing")
	case *port > 65535:
		return program.Usagef("dissector: --port %d is above 65535", *port)
	}
	d, err := t.device(*codec)
	if err != nil {
		return err
	}
	described, ok := d.Codec.(protocol.Described)
	if !ok {
		return program.Usagef("dissector: %s has no layout; there are %s", d.Name, strings.Join(t.described(), ", "))
	}
	_, err = io.WriteString(t.out, described.Layout().Lua(uint16(*port)))
	return err
}

// described are the names of the dialects that have a layout.
func (t *tool) described() []string {
	all := slices.DeleteFunc(t.reg.All(), func(d protocol.Device) bool {
		_, ok := d.Codec.(protocol.Described)
		return !ok
	})
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Name
	}
	return names
}
