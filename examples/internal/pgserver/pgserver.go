// Package pgserver runs a PostgreSQL server of its own for tests, from what is
// installed: one folder, one Unix socket, nothing that others can reach.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running server. Stop it.
type Server struct {
	dir   string // data, and the socket in it
	bin   string
	owner *syscall.Credential // the server refuses to run as root
	dbs   atomic.Int64

	process *os.Process
	exited  chan struct{}
}

// ErrMissing: no PostgreSQL server is installed.
var ErrMissing = errors.New("pgserver: no PostgreSQL server is installed (Debian: apt-get install postgresql)")

// Start makes a new, empty server and starts it.
func Start() (_ *Server, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	// A short name: that of a socket has some hundred bytes at most.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	s := &Server{dir: dir, bin: bin}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if os.Getuid() == 0 {
		if s.owner, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return nil, fmt.Errorf("pgserver: %w", err)
		}
	}
	init := s.command("initdb", "--no-sync", "--auth=trust", "--username=em", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata="+s.data())
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgserver: initdb: %w\n%s", err, out)
	}
	if err := s.Resume(); err != nil {
		return nil, err
	}
	return s, nil
}

// binaries finds the folder of the newest server.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), "postgres")); err == nil {
				return filepath.Dir(path), nil
			}
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return "", ErrMissing
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("pgserver: the server does not run as root, and there is no user postgres or nobody")
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	return cmd
}

// Resume starts the server again after Pause or Kill, and waits until it answers.
func (s *Server) Resume() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.launch(); err != nil {
		return err
	}
	for {
		c, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("pgserver: it does not answer: %w", err), s.Kill())
		case <-s.exited:
			// What worked for a server that was killed may need a moment to follow it.
			time.Sleep(100 * time.Millisecond)
			if err := s.launch(); err != nil {
				return err
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) launch() error {
	cmd := s.command("postgres", "-D", s.data(), "-c", "listen_addresses=", "-c", "unix_socket_directories="+s.dir,
		"-c", "shared_buffers=64MB", "-c", "max_connections=50")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	exited := make(chan struct{})
	go func() { defer close(exited); cmd.Wait() }() // however it ends
	s.process, s.exited = cmd.Process, exited
	return nil
}

// URL names a database of the server.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("em"), Path: "/" + database, RawQuery: url.Values{"host": {s.dir}}.Encode()}
	return u.String()
}

// NewDatabase makes an empty database and returns its URL.
func (s *Server) NewDatabase(ctx context.Context) (string, error) {
	c, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("pgserver: %w", err)
	}
	defer c.Close(ctx)
	name := fmt.Sprintf("em%d", s.dbs.Add(1))
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("pgserver: %w", err)
	}
	return s.URL(name), nil
}

// Pause stops the server at once, as an administrator's fast shutdown does; its
// data stays for Resume.
func (s *Server) Pause() error { return s.end(syscall.SIGINT) }

// Kill ends the server without a word; the processes of its connections see that
// and follow. Its data stays for Resume.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

func (s *Server) end(sig syscall.Signal) error {
	if err := s.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("pgserver: %w", err)
	}
	<-s.exited
	return nil
}

// Stop ends the server and removes its data.
func (s *Server) Stop() error { return errors.Join(s.Pause(), os.RemoveAll(s.dir)) }
