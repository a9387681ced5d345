package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

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
	codec := fs.String("codec", "", "`dialect`, one of those that list names, or auto: found by the first bytes of each frame or connection")
	file := fs.String("in", "", "`file` of JSON lines, each with hex or text; - for standard input")
	pcap := fs.String("pcap", "", "capture `file`, pcap or pcapng; - for standard input")
	format := fs.String("o", "dump", "`form` of the output: dump (annotated bytes), text (messages and observations) or jsonl (one object a line)")
	text := fs.Bool("text", false, `the argument is text with \r \n \t \xNN escapes, not hexadecimal`)
	relaxed := fs.Bool("relaxed", false, "accept wrong checksums, as anonymised captures have")
	identity := fs.String("identity", inventedIdentity, "`identity` for frames that come before a login, and of devices whose wire carries none")
	rest, err := parse(fs, args)
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
		return usagef("decode: --codec is missing: a name, or auto")
	case !slices.Contains([]string{"dump", "text", "jsonl"}, *format):
		return usagef("decode: -o %q: dump, text or jsonl", *format)
	case given != 1:
		return usagef("decode: give one of a frame, --in FILE and --pcap FILE")
	}
	d := &decoding{tool: t, relaxed: *relaxed, identity: *identity, format: *format}
	if *codec != "auto" {
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
		err = d.capture(ctx, *pcap)
	} else {
		err = d.lines(*file, rest, *text)
	}
	if err == nil && d.failed > 0 {
		err = &exitError{exitDecode, fmt.Errorf("%d of %d did not decode", d.failed, d.total)}
	}
	return err
}

// lines decodes what stands on the command line, or in a file of JSON lines.
func (d *decoding) lines(file string, rest []string, text bool) error {
	var lines []line
	if file != "" {
		f, err := d.open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		if lines, err = readLines(f); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	} else {
		data, err := d.parseArgument(strings.Join(rest, " "), text)
		if err != nil {
			return err
		}
		lines = []line{{n: 1, data: data}}
	}
	for _, l := range lines {
		dev, why, err := d.codec, "", l.err
		if dev.Name == "" && err == nil {
			dev, why, err = d.tool.detect(l.data, false)
			if err != nil { // the line ends of a text may be another's
				if trimmed := bytes.Trim(l.data, "\r\n"); len(trimmed) < len(l.data) {
					if dev2, why2, err2 := d.tool.detect(trimmed, false); err2 == nil {
						dev, why, err = dev2, why2, nil
					}
				}
			}
			if d.relaxed {
				dev = dev.Relax()
			}
		}
		r := result{N: l.n, Codec: dev.Name, Why: why, dev: dev}
		if l.err = err; err != nil {
			r.Codec, r.dev = "", protocol.Device{}
		}
		r.understand(l, d.identity)
		if err := d.write(&r); err != nil {
			return err
		}
	}
	return nil
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
	parsed := parseHex
	if text {
		parsed = parseText
	}
	b, err := parsed(arg)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return b, nil
}

// capture decodes a capture file.
func (d *decoding) capture(ctx context.Context, name string) error {
	f, err := d.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var size int64
	if f, ok := f.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
	}
	return d.conversations(ctx, f, size)
}
