// Command emcodec is the vendor's tool: it shows what the SDK understands of a
// device's frames, talks with a device, and holds a codec to the contract.
//
//	emcodec list
//	emcodec describe gt06
//	emcodec decode --codec gt06 '78780D01 0990000000000017 0001 D9D4 0D0A'
//	emcodec decode --codec laipac --text '$ECHK,99000017,0*33\r\n'
//	emcodec decode --codec megastek --in frames.jsonl -o jsonl
//	emcodec decode --codec auto --pcap field.pcapng -o jsonl
//	emcodec listen --codec gt06 --tcp 127.0.0.1:5023 --record cap.pcapng
//	emcodec listen --codec auto --udp 127.0.0.1:5024
//	emcodec listen --codec rftrack --http 127.0.0.1:8081 --record cap.pcapng
//	emcodec send --codec laipac --tcp 127.0.0.1:5025 locate
//	emcodec dissector --codec gt06 > gt06.lua && tshark -X lua_script:gt06.lua -r cap.pcapng
//	emcodec dissector ./beta/b7 --port 5023 > b7.lua
//	emcodec replay cap.pcapng --tcp 127.0.0.1:5023 --speed max
//	emcodec init beta/b7 --profile gps-bracelet
//	emcodec init beta/t2 --profile breathalyser
//	emcodec verify ./beta/b7 --junit r.xml --html r.html --json r.json --badge badge.svg
//
// listen, send and replay keep to this machine, unless --allow-remote is given.
//
// Data goes to standard output, errors and progress to standard error. Exit
// status: 0 ok, 1 a codec does not meet the contract, 2 usage, 3 something did not
// decode, 4 a file or connection
// cannot be read or written, or a command was not delivered.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/mattn/go-isatty"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// Exit statuses.
const (
	exitConformance = 1
	exitDecode      = 3
	exitIO          = 4
)

// tool is what a command works with.
type tool struct {
	reg      *protocol.Registry
	in       io.Reader
	out      io.Writer
	errs     io.Writer
	terminal bool // out is one
	colour   bool // it wants colours
	progress bool // errs is a terminal
}

// command is one word after emcodec.
type command struct {
	name, usage string
	run         func(*tool, context.Context, []string) error
}

var commands = []command{
	{"list", "list", (*tool).list},
	{"describe", "describe [-o text|json] CODEC", (*tool).describe},
	{"decode", "decode --codec NAME|auto [-o dump|text|jsonl] HEX | --text TEXT | @FILE | - | --in FILE | --pcap FILE", (*tool).decode},
	{"listen", "listen --codec NAME|auto --tcp ADDR [--tls --cert FILE --key FILE] | --udp ADDR | --http ADDR | --serial PORT [--record FILE]", (*tool).listen},
	{"send", "send --codec NAME --tcp ADDR | --dial ADDR | --serial PORT COMMAND [--every D] [--on] [--say TEXT] | --message HEX", (*tool).send},
	{"dissector", "dissector --codec NAME | DIR [--port N]", (*tool).dissector},
	{"replay", "replay FILE --tcp ADDR | --serial PORT | --listen ADDR [--speed N|max]", (*tool).replay},
	{"verify", "verify CODEC|DIR [--profile P] [--vectors FILE] [--junit FILE] [--html FILE] [--json FILE] [--badge FILE]", (*tool).verify},
	{"init", "init DIR [--profile " + strings.ReplaceAll(variantNames(), ", ", "|") + "] [--sdk DIR]", (*tool).initialize},
}

func main() {
	program.Main("emcodec", exitIO, program.Interruptible(func(ctx context.Context, args []string, out, errs io.Writer) error {
		terminal := isatty.IsTerminal(os.Stdout.Fd())
		t := &tool{
			in: os.Stdin, out: out, errs: errs,
			terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == "",
			progress: isatty.IsTerminal(os.Stderr.Fd()),
		}
		return t.run(ctx, args)
	}))
}

func (t *tool) run(ctx context.Context, args []string) (err error) {
	if t.reg, err = protocol.NewRegistry(devices.All()...); err != nil {
		return err
	}
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.name
		if len(args) > 0 && args[0] == c.name {
			return c.run(t, ctx, args[1:])
		}
	}
	switch {
	case len(args) == 0:
		return program.Usagef("say what to do: %s (each with -h for its flags)", strings.Join(names, ", "))
	case args[0] == "help" || args[0] == "-h" || args[0] == "--help":
		for _, c := range commands {
			if _, err := fmt.Fprintf(t.out, "emcodec %s\n", c.usage); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintln(t.out, "Each command lists its flags with -h.")
		return err
	}
	return program.Usagef("unknown command %q: %s", args[0], strings.Join(names, ", "))
}

// flags returns an empty set of flags of a command.
func (t *tool) flags(command string) *flag.FlagSet {
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(t.errs)
	return fs
}

// device returns a dialect by its name; auto is none.
func (t *tool) device(name string) (protocol.Device, error) {
	d, err := t.reg.Device(name)
	if name == beaconsName {
		err = fmt.Errorf("%s is no dialect of a stream: decode and dissector know it", name)
	}
	if err != nil {
		return d, program.Usagef("%w", err)
	}
	return d, nil
}

func (t *tool) list(_ context.Context, args []string) error {
	if err := program.ParseAll(t.flags("list"), args); err != nil {
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CODEC\tDEVICES\tOVER\tLONGEST FRAME\tCHECKSUM")
	for _, d := range t.reg.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d bytes\t%s\n", d.Name, d.Title, over(d), d.MaxFrame, strictness(d))
	}
	return w.Flush()
}

// over says what carries a dialect.
func over(d protocol.Device) string {
	switch {
	case d.Serial:
		return fmt.Sprintf("serial %d baud, TCP tunnel", d.BaudRate)
	case d.Datagrams:
		return "TCP, UDP"
	case d.Name == rftrack.Name:
		return "HTTP"
	}
	return "TCP"
}

func strictness(d protocol.Device) string {
	if d.Relaxed != nil {
		return "strict; --relaxed"
	}
	return "none to relax"
}
