package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// divided measures the first run's load again where several processes share its
// evaluation, and what either sustains at most.
func (b *bench) divided(ctx context.Context, r *report) (err error) {
	one := setup{database: true}
	several := setup{database: true, partitions: b.Parts, evaluators: b.Share}
	progress(fmt.Sprintf("the same, of %d partitions that %d processes share", b.Parts, b.Share))
	if r.Divided, err = b.run(ctx, several); err != nil || b.Ramp.Devices == 0 {
		return err
	}
	for _, c := range []struct {
		name string
		setup
		*ceiling
	}{{"one process", one, &r.MostOne}, {"several", several, &r.MostDivided}} { // one after the other, as each drops the database of the one before
		cl := &climb{bench: b, name: c.name, search: b.Ramp.search(), setup: c.setup, warm: b.Ramp.Warm, stays: b.Ramp.Warm > 0}
		if err := inTurns(ctx, cl); err != nil {
			return err
		}
		*c.ceiling = cl.found
	}
	return nil
}

// database makes an empty database beside the one that was named, and returns its
// URL. They are dropped by the next that is made, and by close.
func (b *bench) database(ctx context.Context) (string, error) {
	if err := b.close(ctx); err != nil {
		return "", err
	}
	name := fmt.Sprintf("sargas_bench_%d_%d", os.Getpid(), b.databases)
	b.databases++
	if err := b.server(ctx, `CREATE DATABASE `+name); err != nil {
		return "", err
	}
	b.made = name
	u, err := url.Parse(b.Record)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// close drops the database that was made.
func (b *bench) close(ctx context.Context) error {
	if b.made == "" {
		return nil
	}
	err := b.server(ctx, `DROP DATABASE `+b.made+` WITH (FORCE)`)
	if err == nil {
		b.made = ""
	}
	return err
}

func (b *bench) server(ctx context.Context, query string) error {
	c, err := pgx.Connect(ctx, b.Record)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, query)
	return errors.Join(err, c.Close(ctx))
}

// evaluation is what each process that evaluates has computed so far, where there
// are several, and what the database server has, in seconds.
func (s *stack) evaluation(of setup) (each []float64, database float64, err error) {
	if len(s.others) > 0 {
		for _, c := range s.evaluate() {
			t, err := cpuOf(c.Cmd.Process.Pid)
			if err != nil {
				return nil, 0, err
			}
			each = append(each, t)
		}
	}
	if !of.database {
		return each, 0, nil
	}
	all, err := filepath.Glob("/proc/[0-9]*/comm")
	for _, name := range all {
		comm, err := os.ReadFile(name)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil || string(comm) != "postgres\n" {
			continue // or it has ended
		}
		if t, err := cpuOf(pid); err == nil {
			database += t
		}
	}
	return each, database, err
}
