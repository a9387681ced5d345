// Command emcodec shows what the SDK understands of a device's frames.
//
//	emcodec list
//	emcodec decode --codec gt06 '78780D01 0990000000000017 0001 D9D4 0D0A'
//	emcodec decode --codec laipac --text '$ECHK,80006405,0*5D'
//	emcodec decode --codec megastek --in frames.jsonl -o jsonl
//
// Data goes to standard output, errors to standard error. Exit status: 0 ok, 2
// usage, 3 something did not decode, 4 a file cannot be read or written.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/protocol"
)

// Exit statuses.
const (
	exitUsage  = 2
	exitDecode = 3
	exitIO     = 4
)

// exitError is an error that has an exit status of its own.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "emcodec:", err)
	status := exitIO
	var e *exitError
	if errors.As(err, &e) {
		status = e.status
	}
	os.Exit(status)
}

func run(args []string, in io.Reader, out, errs io.Writer) error {
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usagef("say what to do: list or decode (each with -h for its flags)")
	}
	switch args[0] {
	case "list":
		return list(reg, out)
	case "decode":
		return decode(args[1:], reg, in, out, errs)
	case "help", "-h", "--help":
		_, err := fmt.Fprintln(out, "usage: emcodec list | decode --codec NAME [--in FILE -o jsonl | HEX | --text TEXT]\nEach command lists its flags with -h.")
		return err
	}
	return usagef("unknown command %q: list or decode", args[0])
}

func list(reg *protocol.Registry, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CODEC\tDEVICES\tOVER\tLONGEST FRAME\tCHECKSUM")
	for _, d := range reg.All() {
		over, sum := "TCP", "none to relax"
		if d.Serial {
			over = fmt.Sprintf("serial %d baud, TCP tunnel", d.BaudRate)
		}
		if d.Relaxed != nil {
			sum = "strict; --relaxed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d bytes\t%s\n", d.Name, d.Title, over, d.MaxFrame, sum)
	}
	return w.Flush()
}

func decode(args []string, reg *protocol.Registry, in io.Reader, out, errs io.Writer) error {
	fs := flag.NewFlagSet("decode", flag.ContinueOnError)
	fs.SetOutput(errs)
	codec := fs.String("codec", "", "dialect, one of those that list names")
	file := fs.String("in", "", "`file` of JSON lines, each with hex or text; - for standard input")
	format := fs.String("o", "dump", "`form` of the output: dump (annotated bytes) or jsonl (one object a line)")
	text := fs.Bool("text", false, `the argument is text with \r \n \t \xNN escapes, not hexadecimal`)
	relaxed := fs.Bool("relaxed", false, "accept wrong checksums, as anonymised captures have")
	identity := fs.String("identity", inventedIdentity, "`identity` for frames that come before a login")
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return &exitError{exitUsage, err}
		}
		if fs.NArg() == 0 {
			break
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
	switch {
	case *codec == "":
		return usagef("decode: --codec is missing")
	case *format != "dump" && *format != "jsonl":
		return usagef("decode: -o %q: dump or jsonl", *format)
	case (*file == "") == (len(rest) == 0):
		return usagef("decode: give a frame or --in FILE, not both")
	}
	dev, err := reg.Device(*codec)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if *relaxed {
		if dev.Relaxed == nil {
			fmt.Fprintf(errs, "emcodec: --relaxed: %s has no checksum to relax\n", dev.Name)
		} else {
			fmt.Fprintln(errs, "emcodec: --relaxed: wrong checksums are accepted")
		}
		dev = dev.Relax()
	}
	var lines []line
	if *file != "" {
		if lines, err = readFile(*file, in); err != nil {
			return err
		}
	} else {
		data, err := parseArgument(strings.Join(rest, " "), *text)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		lines = []line{{n: 1, data: data}}
	}
	failed := 0
	for _, l := range lines {
		r := understand(dev, l, *identity)
		if !r.OK {
			failed++
		}
		if *format == "jsonl" {
			err = r.writeJSON(out)
		} else {
			err = r.writeDump(out, dev)
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return &exitError{exitDecode, fmt.Errorf("%d of %d did not decode", failed, len(lines))}
	}
	return nil
}
