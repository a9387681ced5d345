package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/sargas-em/em/examples/internal/frames"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// decoding is what the flags of decode say.
type decoding struct {
	*tool
	codec    protocol.Device // its Name is empty for auto
	relaxed  bool
	identity string
	format   string
	total    int
	failed   int
}

func (t *tool) decode(ctx context.Context, args []string) error {
	fs := t.flags("decode")
	codec := fs.String("codec", "", "`dialect`, one of those that list names, or auto: found by the first bytes of each frame or connection; or blebeacon, what beacons advertise")
	file := fs.String("in", "", "`file` of JSON lines, each with hex or text; - for standard input")
	pcap := fs.String("pcap", "", "capture `file`, pcap or pcapng; - for standard input")
	format := fs.String("o", "dump", "`form` of the output: dump (annotated bytes), text (messages and observations) or jsonl (one object a line)")
	text := fs.Bool("text", false, `the argument is text with \r \n \t \xNN escapes, not hexadecimal`)
	relaxed := fs.Bool("relaxed", false, "accept wrong checksums, as anonymised captures have")
	identity := fs.String("identity", inventedIdentity, "`identity` for frames that come before a login, and of devices whose wire carries none")
	rest, err := program.Parse(fs, args)
	if err != nil {
		return err
	}
	given := 0
	for _, is := range []bool{*file != "", *pcap != "", len(rest) > 0} {
		if is {
			given++
		}
	}
	switch {
	case *codec == "":
		return program.Usagef("decode: --codec is missing: a name, or auto")
	case !slices.Contains([]string{"dump", "text", "jsonl"}, *format):
		return program.Usagef("decode: -o %q: dump, text or jsonl", *format)
	case given != 1:
		return program.Usagef("decode: give one of a frame, --in FILE and --pcap FILE")
	}
	d := &decoding{tool: t, relaxed: *relaxed, identity: *identity, format: *format}
	switch {
	case *codec == "auto":
	case *codec == beaconsName && *pcap != "":
		return program.Usagef("decode: beacons of a capture are shown by the dissector")
	case *codec == beaconsName:
		d.codec = beacons()
	default:
		if d.codec, err = t.device(*codec); err != nil {
			return err
		}
	}
	if *relaxed {
		if d.codec.Name != "" && d.codec.Relaxed == nil {
			fmt.Fprintf(t.errs, "emcodec: --relaxed: %s has no checksum to relax\n", d.codec.Name)
		} else {
			fmt.Fprintln(t.errs, "emcodec: --relaxed: wrong checksums are accepted")
		}
		d.codec = d.codec.Relax()
	}
	if *pcap != "" {
		err = d.conversations(ctx, *pcap)
	} else if *file != "" {
		err = d.lines(ctx, *file)
	} else {
		err = d.argument(strings.Join(rest, " "), *text)
	}
	switch {
	case err != nil:
	case d.total == 0:
		err = program.Errorf(exitDecode, "%s: no frames", cmp.Or(*pcap, *file))
	case d.failed > 0:
		err = program.Errorf(exitDecode, "%d of %d did not decode", d.failed, d.total)
	}
	return err
}

// lines decodes a file of JSON lines.
func (d *decoding) lines(ctx context.Context, name string) error {
	file, err := d.metered("decoding", name, true)
	if err != nil {
		return err
	}
	defer file.Close()
	for l, err := range frames.Lines(file) {
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := d.line(l); err != nil {
			return err
		}
	}
	return nil
}

// argument decodes what stands on the command line.
func (d *decoding) argument(arg string, text bool) error {
	data, err := d.parseArgument(arg, text)
	if err != nil {
		return err
	}
	return d.line(frames.Line{N: 1, Data: data})
}

func (d *decoding) line(l frames.Line) error {
	dev, why := d.codec, ""
	if dev.Name == "" && l.Err == nil {
		dev, why, l.Err = d.tool.detect(l.Data, false)
		if l.Err != nil { // the line ends of a text may be another's
			if trimmed := bytes.Trim(l.Data, "\r\n"); len(trimmed) < len(l.Data) {
				if dev2, why2, err := d.tool.detect(trimmed, false); err == nil {
					dev, why, l.Err = dev2, why2, nil
				}
			}
		}
		if d.relaxed {
			dev = dev.Relax()
		}
	}
	r := result{N: l.N, Codec: dev.Name, Why: why, dev: dev}
	if l.Err != nil {
		r.Codec, r.dev = "", protocol.Device{}
	}
	r.understand(l, d.identity)
	if !r.OK && l.Err == nil {
		if again, ok := d.complete(l, dev, &r); ok {
			r = again
		}
	}
	if !r.OK && d.codec.Name == "" && len(l.Data) > 0 {
		if again, ok := d.completeAny(l); ok {
			r = again
		}
	}
	return d.write(&r)
}

// complete decodes a copy with what it lacks; ok says that it is better than r so.
func (d *decoding) complete(l frames.Line, dev protocol.Device, r *result) (again result, ok bool) {
	completer, is := dev.Codec.(protocol.Completer)
	if !is {
		return again, false
	}
	whole, lacked := completer.Complete(l.Data)
	if whole == nil {
		return again, false
	}
	again = result{N: l.N, Codec: dev.Name, Why: r.Why, Completed: lacked, dev: dev}
	again.understand(frames.Line{N: l.N, Data: whole}, d.identity)
	return again, again.OK || again.cut() > r.cut()
}

// completeAny decodes a copy that is no dialect's as it stands with what it lacks; ok
// says that this makes it good in one of them and no other.
func (d *decoding) completeAny(l frames.Line) (good result, ok bool) {
	found := 0
	tried := map[reflect.Type]bool{} // dialects may share a codec
	for _, dev := range d.tool.reg.All() {
		codec := reflect.TypeOf(dev.Codec)
		if tried[codec] {
			continue
		}
		tried[codec] = true
		if d.relaxed {
			dev = dev.Relax()
		}
		again, _ := d.complete(l, dev, &result{Why: "no dialect's as it stands, and of this one alone when completed"})
		if again.OK {
			good = again
			found++
		}
	}
	return good, found == 1
}

// write tells one result.
func (d *decoding) write(r *result) error {
	if !r.OK {
		d.failed++
	}
	if !r.OK || slices.ContainsFunc(r.frames, func(f frame) bool { return f.raw != nil }) {
		d.total++
	}
	return d.print(r, d.format)
}

// parseArgument reads a frame from the command line. @FILE names a file that
// holds it, - is standard input.
func (t *tool) parseArgument(arg string, text bool) ([]byte, error) {
	name, fromFile := strings.CutPrefix(arg, "@")
	if arg == "-" || fromFile {
		if !fromFile {
			name = "-"
		}
		r, err := t.open(name)
		if text && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf(`%w (a text that begins with @ is written \x40…)`, err)
		}
		if err != nil {
			return nil, err
		}
		defer r.Close()
		b, err := readBounded(r, longestInput)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		arg = strings.TrimRight(string(b), "\r\n")
	}
	parsed := frames.ParseHex
	if text {
		parsed = frames.ParseText
	}
	b, err := parsed(arg)
	if err != nil {
		return nil, program.Usagef("%w", err)
	}
	return b, nil
}
