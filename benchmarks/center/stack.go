package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/client"
)

// token is the bearer token of all centers that are measured.
const token = "token-of-the-benchmark-0123456789"

// setup is in what a run differs from others.
type setup struct {
	logOnly    bool
	slow       int           // connections beside
	database   bool          // the record is in one of PostgreSQL
	partitions int           // of it; not divided if 0
	evaluators int           // that share them
	known      time.Duration // since when people are; an hour if 0
}

// stack are the processes of one center.
type stack struct {
	dir      string
	log      *node             // nil where it is embedded
	gateways []*client.Process // or the one process that is all
	center   *client.Process   // evaluates; nil where only the log is kept behind gateways
	others   []*client.Process // share its partitions
	addrs    []string          // where devices connect: each a process of its own

	logBefore, recordBefore float64 // bytes, with all people enrolled
}

// start starts a center on an empty folder.
func (b *bench) start(ctx context.Context, s setup) (_ *stack, err error) {
	dir, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return nil, err
	}
	st := &stack{dir: dir}
	defer func() {
		if err != nil {
			st.kill()
		}
	}()
	people := filepath.Join(dir, "people.json")
	if err := b.people(people, cmp.Or(s.known, time.Hour)); err != nil {
		return nil, err
	}
	launch := func(listeners int, args ...string) (*client.Process, error) {
		if listeners > 0 {
			args = append(args, "--device", "gt06=tcp://127.0.0.1:0?max-conns=100000", "--rate-address", "-1", "--rate-device", "-1")
		}
		if b.Group > 0 {
			args = append(args, "--log-group", b.Group.String())
		}
		return client.Start(exec.CommandContext(ctx, b.program, args...), token, listeners)
	}
	serve := []string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--token", token}
	if s.database {
		where, err := b.database(ctx)
		if err != nil {
			return nil, err
		}
		serve = append(serve, "--record", where)
	}
	if s.partitions > 0 {
		serve = append(serve, "--partitions", strconv.Itoa(s.partitions))
	}
	var log []string
	if b.Gateways > 0 {
		if st.log, err = b.role(ctx, "nats "+filepath.Join(dir, "journal")); err != nil {
			return nil, err
		}
		log = []string{"--log", st.log.ready, "--log-replicas", "1"}
	}
	// People are enrolled by a center of its own that stops: only a record that is
	// closed has a size that another can be compared with.
	first, err := launch(0, slices.Concat(serve, log, []string{"--people", people})...)
	if err != nil {
		return nil, err
	}
	defer first.Kill()
	if err := first.CaughtUp(ctx); err != nil {
		return nil, err
	}
	if err := first.Stop(); err != nil {
		return nil, err
	}
	if st.logBefore, st.recordBefore, err = st.stored(); err != nil {
		return nil, err
	}
	if b.Gateways == 0 {
		if s.logOnly {
			serve = append(serve, "--log-only")
		}
		if st.center, err = launch(1, serve...); err != nil {
			return nil, err
		}
		st.gateways = []*client.Process{st.center}
	} else {
		for range b.Gateways {
			g, err := launch(1, slices.Concat([]string{"gateway"}, log)...)
			if err != nil {
				return nil, err
			}
			st.gateways = append(st.gateways, g)
		}
		if !s.logOnly {
			if st.center, err = launch(0, slices.Concat(serve, log)...); err != nil {
				return nil, err
			}
			for i := range s.evaluators - 1 {
				o, err := launch(0, slices.Concat(serve, log, []string{"--data", filepath.Join(dir, fmt.Sprint("other-", i))})...)
				if err != nil {
					return nil, err
				}
				st.others = append(st.others, o)
			}
		}
	}
	for _, g := range st.gateways {
		st.addrs = append(st.addrs, g.Devices["gt06"])
	}
	if s.logOnly || st.center == nil {
		return st, nil
	}
	if s.evaluators > 1 { // they see twice a second which partitions each is to have
		if err := pause(ctx, 3*time.Second); err != nil {
			return nil, err
		}
	}
	return st, st.center.CaughtUp(ctx)
}

// kill ends what is left.
func (s *stack) kill() {
	for _, g := range slices.Concat(s.gateways, s.others) {
		g.Kill()
	}
	if s.center != nil {
		s.center.Kill()
	}
	if s.log != nil {
		s.log.cmd.Process.Kill()
		s.log.cmd.Wait()
	}
}

// stop ends all but the log, in the order in which data flow.
func (s *stack) stop() error {
	var errs []error
	for _, g := range slices.Concat(s.gateways, s.others) {
		errs = append(errs, g.Stop())
	}
	if s.center != nil && len(s.gateways) > 0 && s.center != s.gateways[0] {
		errs = append(errs, s.center.Stop())
	}
	return errors.Join(errs...)
}

// openLog opens the log of a center that has stopped.
func (s *stack) openLog(ctx context.Context) (*journal.Journal, error) {
	if s.log != nil {
		return journal.Open(ctx, journal.Config{URL: s.log.ready, Replicas: 1})
	}
	return journal.Open(ctx, journal.Config{Dir: filepath.Join(s.dir, "journal")})
}

// usage is what the parts of a center take: of the processor in seconds, or of
// memory in bytes.
type usage struct{ gateways, center, log float64 }

func (u usage) sum() float64 { return u.gateways + u.center + u.log }

// measure adds something up over the processes. One process that is all counts as
// the center.
func (s *stack) measure(of func(pid int) (float64, error)) (u usage, err error) {
	add := func(to *float64, pid int) {
		v, e := of(pid)
		*to += v
		err = errors.Join(err, e)
	}
	for _, g := range s.gateways {
		if g != s.center {
			add(&u.gateways, g.Cmd.Process.Pid)
		}
	}
	for _, c := range s.evaluate() {
		add(&u.center, c.Cmd.Process.Pid)
	}
	if s.log != nil {
		add(&u.log, s.log.cmd.Process.Pid)
	}
	return u, err
}

// evaluate are the processes that do.
func (s *stack) evaluate() []*client.Process {
	if s.center == nil {
		return nil
	}
	return append([]*client.Process{s.center}, s.others...)
}

func (s *stack) cpu() (usage, error)    { return s.measure(cpuOf) }
func (s *stack) memory() (usage, error) { return s.measure(memoryOf) }

// cpuOf is what a process has computed so far, in seconds.
func cpuOf(pid int) (float64, error) {
	doc, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; utime and stime are the 12th
	// and 13th behind it, in ticks of 10 ms.
	f := strings.Fields(string(doc[bytes.LastIndexByte(doc, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/stat has %d fields", len(f))
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return float64(user+system) / 100, errors.Join(err, err2)
}

// memoryOf is what a process has resident.
func memoryOf(pid int) (float64, error) {
	doc, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(doc)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb * 1024, nil
		}
	}
	return 0, errors.New("/proc/status has no VmRSS")
}

// stored is how many bytes log and record take on the disk. The record is all
// that is not the log: its files are its own business.
func (s *stack) stored() (log, record float64, err error) {
	err = filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "people.json" {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file of the log that it has just replaced
		}
		if err != nil {
			return err
		}
		if rel, _ := filepath.Rel(s.dir, name); strings.HasPrefix(rel, "journal"+string(filepath.Separator)) {
			log += float64(info.Size())
		} else {
			record += float64(info.Size())
		}
		return nil
	})
	return log, record, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
