package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sargas-em/em/devices/blebeacon"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// dissector writes a dissector for Wireshark and tshark: of a dialect, or of a
// package in a folder, whose kit gives it.
func (t *tool) dissector(ctx context.Context, args []string) error {
	fs := t.flags("dissector")
	codec := fs.String("codec", "", "`dialect`, one of those that list names, or of a folder that has several")
	port := fs.Uint("port", 0, "`port` of TCP and UDP that is the dialect's; without it, streams that begin like the dialect are taken, and those of Decode As")
	test := fs.String("run", kitTests, "`pattern` of the tests in a folder that call codectest.Run")
	rest, err := program.Parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 1 || len(rest) == 0 && *codec == "":
		return program.Usagef("dissector: name a codec by --codec, or the folder of one")
	case *port > 65535:
		return program.Usagef("dissector: --port %d is above 65535", *port)
	}
	var script []byte
	if len(rest) == 1 {
		script, err = t.dissectorOf(ctx, rest[0], *codec, *test, *port)
	} else {
		script, err = t.dissectorNamed(*codec, *port)
	}
	if err != nil {
		return err
	}
	_, err = t.out.Write(script)
	return err
}

func (t *tool) dissectorNamed(codec string, port uint) ([]byte, error) {
	if codec == beaconsName { // no dialect of a stream: it is shown within Bluetooth's packets
		if port != 0 {
			return nil, program.Usagef("dissector: --port: advertisements of beacons have none")
		}
		return []byte(blebeacon.Layout().Lua(0)), nil
	}
	d, err := t.device(codec)
	if err != nil {
		return nil, err
	}
	described, ok := d.Codec.(protocol.Described)
	if !ok {
		return nil, program.Usagef("dissector: %s has no layout; there are %s", d.Name, strings.Join(t.described(), ", "))
	}
	return []byte(described.Layout().Lua(uint16(port))), nil
}

func (t *tool) dissectorOf(ctx context.Context, dir, codec, test string, port uint) ([]byte, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, program.Usagef("dissector: %s is no folder; a codec of the SDK is named by --codec", dir)
	}
	script, err := t.kitFile(ctx, "dissector", dir, test, "EM_DISSECTOR", []string{"EM_DIALECT=" + codec, fmt.Sprintf("EM_DISSECTOR_PORT=%d", port)})
	if err == nil && script == nil {
		err = program.Usagef("dissector: the codec in %s has no layout (protocol.Described), or no test %s calls codectest.Run", dir, test)
	}
	return script, err
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
