// Command monitoringcenter runs a monitoring center: in one process, with its log
// and its record embedded, or in several on an external log and record.
//
//	monitoringcenter demo                     twenty invented people with simulated devices
//	monitoringcenter serve --data DIR …       a center for real devices
//	monitoringcenter gateway --log URL …      listen to devices for a center in another process
//	monitoringcenter replay FILE --codec NAME send a file of captured frames to a running center
//	monitoringcenter watch --center URL …     raise the alarm when a center no longer works
//
// Each command's -h lists its flags. Exit status: 0 ok, 1 failed, 2 usage.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // schedules work where the system has no time zones

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/demo"
	"github.com/sargas-em/em/examples/monitoringcenter/replay"
	"github.com/sargas-em/em/examples/monitoringcenter/watchdog"
	"github.com/sargas-em/em/protocol"
)

func main() { program.Main("monitoringcenter", 1, program.Interruptible(run)) }

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return program.Usagef("say what to do: demo, serve, gateway, replay or watch (each with -h for its flags)")
	}
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		return err
	}
	switch args[0] {
	case "demo":
		return runDemo(ctx, args[1:], reg, out, errs)
	case "serve":
		return runServe(ctx, args[1:], reg, out, errs)
	case "gateway":
		return runGateway(ctx, args[1:], reg, out, errs)
	case "replay":
		return runReplay(ctx, args[1:], reg, out, errs)
	case "watch":
		return runWatch(ctx, args[1:], errs)
	case "help", "-h", "--help":
		fmt.Fprintln(out, "usage: monitoringcenter demo | serve --data DIR [--device CODEC=URL …] | gateway --log URL --device CODEC=URL … | replay FILE --codec NAME | watch --center URL\nEach command lists its flags with -h.")
		return nil
	}
	return program.Usagef("unknown command %q: demo, serve, gateway, replay or watch", args[0])
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

// daemon are the flags of all processes that run.
type daemon struct {
	metrics  string
	duration time.Duration
	verbose  bool
}

func (d *daemon) register(fs *flag.FlagSet) {
	fs.StringVar(&d.metrics, "metrics", "", "loopback `address` for Prometheus' /metrics, /healthz and /readyz")
	fs.DurationVar(&d.duration, "for", 0, "stop by itself after this `time`")
	fs.BoolVar(&d.verbose, "v", false, "log debug messages, which may name devices, to standard error")
}

func (d *daemon) log(errs io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if d.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))
}

func (d *daemon) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.duration > 0 {
		return context.WithTimeout(ctx, d.duration)
	}
	return context.WithCancel(ctx)
}

// common are the flags that demo and serve share.
type common struct {
	daemon
	listen, token, cert, key, basemap string
	heartbeat                         string
	canary                            time.Duration
}

func (c *common) register(fs *flag.FlagSet) {
	c.daemon.register(fs)
	fs.StringVar(&c.listen, "listen", "127.0.0.1:8080", "`address` of page and API; port 0 for any free one; off loopback it needs --tls-cert, --tls-key and --token")
	fs.StringVar(&c.token, "token", "", "bearer `token` of the API for tools; made at random and printed if absent")
	fs.StringVar(&c.cert, "tls-cert", "", "certificate `file` in PEM for page and API")
	fs.StringVar(&c.key, "tls-key", "", "its key `file`")
	fs.StringVar(&c.basemap, "basemap", "", "`folder` of GeoJSON layers to draw under the people")
	fs.DurationVar(&c.canary, "canary", 10*time.Second, "`time` between two reports of the center's own device, whose silence is an alarm; 0 for none")
	fs.StringVar(&c.heartbeat, "heartbeat", "", "`file` to write anew while the center is well, for what watches it")
}

func (c *common) options(reg *protocol.Registry, out, errs io.Writer) (center.Options, error) {
	o := center.Options{
		Registry: reg, Listen: c.listen, Token: c.token, Basemap: c.basemap, Out: out,
		Metrics: c.metrics, Canary: c.canary, Heartbeat: c.heartbeat, Log: c.log(errs),
	}
	if (c.cert == "") != (c.key == "") {
		return o, program.Usagef("--tls-cert and --tls-key go together")
	}
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return o, err
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	return o, nil
}

// intake are the flags of what listens to devices, which serve and gateway share.
type intake struct {
	devices, serials  list
	config, keys, log string
	replicas          int
	group             time.Duration
	relaxed           bool
	rates             ingest.Rates
}

func (i *intake) register(fs *flag.FlagSet, log string) {
	fs.StringVar(&i.log, "log", "", "`URL` of an external NATS cluster for the log, nats://a:4222,nats://b:4222"+log)
	fs.IntVar(&i.replicas, "log-replicas", 3, "on `how many` servers of an external cluster each report lies")
	fs.DurationVar(&i.group, "log-group", 5*time.Millisecond, "least `time` from one group commit of the log to the next: 20ms saves processor where many gateways share a log, and acknowledges later")
	fs.StringVar(&i.config, "config", "", "`file` of flags in JSON, by their names; those of the command line come first")
	fs.StringVar(&i.keys, "keys", "", "keys `file` in JSON that nobody else can read: {\"siadc09\": {\"accounts\": {\"9017\": \"hexadecimal AES key\"}}}")
	fs.Float64Var(&i.rates.Device, "rate-device", 50, "frames a `second` that one device may send; more wait, and in the end are not acknowledged; negative for no bound")
	fs.Float64Var(&i.rates.Address, "rate-address", 2000, "frames a `second` from one address")
	fs.Var(&i.devices, "device", deviceUsage)
	fs.Var(&i.serials, "serial", "`CODEC=PORT[,identity=ID][,baud=N]`: a serial port with one device on it; may be repeated")
	fs.BoolVar(&i.relaxed, "relaxed", false, "take frames with a wrong checksum, as in anonymised captures; never for real devices")
}

// parse reads the command line and the configuration file.
func (i *intake) parse(fs *flag.FlagSet, args []string, errs io.Writer) error {
	fs.SetOutput(errs)
	rest, err := program.Parse(fs, args)
	if err == nil && i.config != "" {
		err = configure(fs, i.config)
	}
	if err == nil && len(rest) > 0 {
		err = program.Usagef("%s: unexpected argument %q", fs.Name(), rest[0])
	}
	return err
}

// listeners returns what is listened to, and the registry that it speaks.
func (i *intake) listeners(reg *protocol.Registry, errs io.Writer) (_ *protocol.Registry, ls []ingest.Listener, ps []ingest.SerialPort, err error) {
	if i.keys != "" {
		if reg, err = withKeys(reg, i.keys); err != nil {
			return nil, nil, nil, err
		}
	}
	if i.relaxed {
		fmt.Fprintln(errs, "monitoringcenter: --relaxed: wrong checksums are accepted; verdicts on such frames prove nothing")
		if reg, err = relax(reg); err != nil {
			return nil, nil, nil, err
		}
	}
	for _, d := range i.devices {
		l, err := parseDevice(d)
		if err != nil {
			return nil, nil, nil, err
		}
		ls = append(ls, l)
	}
	for _, s := range i.serials {
		p, err := parseSerial(s)
		if err != nil {
			return nil, nil, nil, err
		}
		ps = append(ps, p)
	}
	return reg, ls, ps, nil
}

func runServe(ctx context.Context, args []string, reg *protocol.Registry, out, errs io.Writer) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	var (
		c                   common
		in                  intake
		data, people, where string
		logOnly             bool
		partitions          int
		tell                telling
		keep                record.Retention
	)
	c.register(fs)
	in.register(fs, "; an embedded server in the folder if absent")
	tell.register(fs)
	fs.StringVar(&data, "data", "", "`folder` of log and record; made if missing")
	fs.StringVar(&where, "record", "", "`URL` of a PostgreSQL database for the record, postgres://…; a file in the folder if absent")
	fs.IntVar(&partitions, "partitions", 0, "into `how many` a new record in a database is divided, so that several processes evaluate at once: 16, say; it stays so. Not divided, or as it is, if absent")
	fs.DurationVar(&keep.Tracks, "keep-tracks", 0, "`time` to keep what no verdict rests on, 2160h for 90 days; 0 for ever")
	fs.DurationVar(&keep.Frames, "keep-frames", 0, "`time` to keep raw frames that no verdict rests on; 0 for ever")
	fs.BoolVar(&logOnly, "log-only", false, "acknowledge what devices send, and evaluate nothing before the next start without this: for measuring")
	fs.StringVar(&people, "people", "", "people `file` to take at the start: people, devices, orders, zones, and who is told of incidents, in JSON")
	if err := in.parse(fs, args, errs); err != nil {
		return err
	}
	if data == "" {
		return program.Usagef("serve: --data DIR is missing")
	}
	reg, devices, serials, err := in.listeners(reg, errs)
	if err != nil {
		return err
	}
	o, err := c.options(reg, out, errs)
	if err != nil {
		return err
	}
	o.DataDir, o.Journal, o.Replicas, o.Group, o.Record, o.LogOnly = data, in.log, in.replicas, in.group, where, logOnly
	o.Partitions = partitions
	o.Devices, o.Serial, o.Rates, o.Keep = devices, serials, in.rates, keep
	if o.Telling, err = tell.options(); err != nil {
		return err
	}
	if people != "" {
		doc, err := os.ReadFile(people)
		if err != nil {
			return err
		}
		if o.Roster, err = roster.Parse(doc); err != nil {
			return fmt.Errorf("%s: %w", people, err)
		}
	}
	ctr, err := center.New(o)
	if err != nil {
		return err
	}
	allowGarbage(centerGarbage)
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return ctr.Run(ctx)
}

func runGateway(ctx context.Context, args []string, reg *protocol.Registry, out, errs io.Writer) error {
	fs := flag.NewFlagSet("gateway", flag.ContinueOnError)
	var (
		p    daemon
		in   intake
		name string
	)
	host, _ := os.Hostname()
	fs.StringVar(&name, "name", gatewayName(host), "`name` of this gateway, its own alone: when a gateway is silent that was not stopped, the center raises an alarm about the name; empty for no such alarm")
	p.register(fs)
	in.register(fs, ", which the process that evaluates reads")
	if err := in.parse(fs, args, errs); err != nil {
		return err
	}
	switch {
	case in.log == "":
		return program.Usagef("gateway: --log URL is missing: what it takes, others evaluate")
	case len(in.devices)+len(in.serials) == 0:
		return program.Usagef("gateway: --device CODEC=URL is missing")
	}
	reg, devices, serials, err := in.listeners(reg, errs)
	if err != nil {
		return err
	}
	g, err := center.NewGateway(center.GatewayOptions{
		Registry: reg, Journal: in.log, Replicas: in.replicas, Group: in.group, Name: name, Devices: devices, Serial: serials, Rates: in.rates,
		Metrics: p.metrics, Out: out, Log: p.log(errs),
	})
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gatewayGC)
	}
	ctx, cancel := p.limit(ctx)
	defer cancel()
	return g.Run(ctx)
}

// gatewayGC is how much garbage a gateway piles up, in percent of what it holds. That
// is its connections, some 5 KB each, of which there are many and most are quiet: at
// Go's own 100 the garbage would take as much memory as they do. A report costs some
// microseconds of the processor more for it.
const gatewayGC = 50

// gatewayName makes a gateway's name of a host's.
func gatewayName(host string) string {
	host, _, _ = strings.Cut(host, ".")
	host = strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, host)
	return host[:min(len(host), 63)]
}

func runWatch(ctx context.Context, args []string, errs io.Writer) error {
	fs := flag.NewFlagSet("watch", flag.ContinueOnError)
	o := watchdog.Options{Out: errs}
	fs.StringVar(&o.Center, "center", "", "`URL` of the center's page, or of its metrics")
	fs.StringVar(&o.CA, "ca", "", "`file` of PEM certificates that the center's is checked with; the system's if absent")
	fs.StringVar(&o.Heartbeat, "heartbeat", "", "heartbeat `file` that the center writes")
	fs.DurationVar(&o.Every, "every", 10*time.Second, "`time` between two looks")
	fs.DurationVar(&o.After, "after", 30*time.Second, "`time` that something must be wrong before it is told")
	fs.DurationVar(&o.MaxAge, "max-age", time.Minute, "`age` of the canary's last report, and of the heartbeat, that is wrong")
	fs.DurationVar(&o.Repeat, "repeat", 15*time.Minute, "`time` after which it is told again while it lasts")
	fs.StringVar(&o.Exec, "exec", "", "shell `command` that tells it; SARGAS_STATE is down or up, and there are SARGAS_REASON and SARGAS_SINCE")
	fs.StringVar(&o.Webhook, "webhook", "", "`URL` that it is posted to as JSON")
	fs.BoolVar(&o.Once, "once", false, "look once, and exit with status 1 if something is wrong")
	fs.SetOutput(errs)
	rest, err := program.Parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return program.Usagef("watch: unexpected argument %q", rest[0])
	case o.Center == "" && o.Heartbeat == "":
		return program.Usagef("watch: --center URL or --heartbeat FILE is missing")
	case !o.Once && o.Exec == "" && o.Webhook == "":
		return program.Usagef("watch: --exec or --webhook is missing: nobody would be told")
	case o.Every <= 0 || o.After < 0 || o.MaxAge <= 0 || o.Repeat <= 0:
		return program.Usagef("watch: a time that is not above zero")
	}
	return watchdog.Run(ctx, o)
}

func parseSerial(s string) (ingest.SerialPort, error) {
	codec, rest, ok := strings.Cut(s, "=")
	parts := strings.Split(rest, ",")
	if !ok || parts[0] == "" {
		return ingest.SerialPort{}, program.Usagef("--serial %q is not CODEC=PORT[,identity=ID][,baud=N]", s)
	}
	p := ingest.SerialPort{Codec: codec, Port: parts[0]}
	for _, opt := range parts[1:] {
		name, value, _ := strings.Cut(opt, "=")
		switch name {
		case "identity":
			p.Identity = value
		case "baud":
			n, err := strconv.Atoi(value)
			if err != nil || n <= 0 {
				return p, program.Usagef("--serial: baud %q is not a positive number", value)
			}
			p.Baud = n
		default:
			return p, program.Usagef("--serial: unknown option %q", opt)
		}
	}
	return p, nil
}

func relax(reg *protocol.Registry) (*protocol.Registry, error) {
	all := reg.All()
	for i, d := range all {
		all[i] = d.Relax()
	}
	return protocol.NewRegistry(all...)
}

func runDemo(ctx context.Context, args []string, reg *protocol.Registry, out, errs io.Writer) error {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	var (
		c    common
		seed uint64
		data string
	)
	c.register(fs)
	fs.Uint64Var(&seed, "seed", 1, "`number` that the invented movements follow from")
	fs.StringVar(&data, "data", "", "`folder` for log and record; a temporary one that is removed at the end, if absent")
	fs.SetOutput(errs)
	rest, err := program.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return program.Usagef("demo: unexpected argument %q", rest[0])
	}
	o, err := c.options(reg, out, errs)
	if err != nil {
		return err
	}
	if o.DataDir = data; data == "" {
		if o.DataDir, err = os.MkdirTemp("", "sargas-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.DataDir)
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return demo.Run(ctx, o, seed)
}

func runReplay(ctx context.Context, args []string, reg *protocol.Registry, out, errs io.Writer) error {
	fs := flag.NewFlagSet("replay", flag.ContinueOnError)
	o := replay.Options{Out: out}
	var codec string
	fs.StringVar(&codec, "codec", "", "dialect of the frames")
	fs.StringVar(&o.To, "to", "", "`address` where the center listens for this dialect; with --token it is asked of the center, if absent")
	fs.StringVar(&o.API, "api", "http://127.0.0.1:8080", "`URL` of the center's page and API")
	fs.StringVar(&o.Token, "token", "", "the center's bearer `token`")
	fs.BoolVar(&o.Enrol, "enrol", false, "create people and devices for the identities met; needs --token")
	fs.IntVar(&o.Repeat, "repeat", 1, "send the file this `often`")
	fs.SetOutput(errs)
	rest, err := program.Parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return program.Usagef("replay: name one file")
	case codec == "":
		return program.Usagef("replay: --codec NAME is missing")
	case o.To == "" && o.Token == "":
		return program.Usagef("replay: --to ADDR is missing; or give --token, and the center is asked for it")
	case o.Enrol && o.Token == "":
		return program.Usagef("replay: --enrol needs --token")
	}
	if o.Device, err = reg.Device(codec); err != nil {
		return program.Usagef("%w", err)
	}
	o.File = rest[0]
	return replay.Run(ctx, o)
}
