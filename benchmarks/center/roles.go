package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// roleVariable makes this program another process of the benchmark: "nats DIR", a
// server for the log, or "slow N ADDRESS …", connections that nobody wants. Each
// says a line when it is ready and ends with its standard input.
const roleVariable = "SARGAS_BENCHMARK_ROLE"

func play(role string) error {
	f := strings.Fields(role)
	switch {
	case len(f) == 2 && f[0] == "nats":
		return playLog(f[1])
	case len(f) > 2 && f[0] == "slow":
		n, err := strconv.Atoi(f[1])
		if err != nil {
			return err
		}
		return playSlow(n, f[2:])
	}
	return fmt.Errorf("%s=%q", roleVariable, role)
}

func playLog(dir string) error {
	srv, err := server.NewServer(&server.Options{ServerName: "log", Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir,
		SyncAlways: true, MaxPayload: 8 << 20, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		return errors.New("the server does not start")
	}
	fmt.Println(srv.ClientURL())
	io.Copy(io.Discard, os.Stdin)
	srv.Shutdown()
	srv.WaitForShutdown()
	return nil
}

// slowByte is how often a slow connection sends one.
const slowByte = 3 * time.Second

// playSlow holds connections of which every other one says nothing and the rest
// sends the beginning of a frame, byte by byte, for ever. One that is closed is
// opened again.
func playSlow(n int, addrs []string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var wg sync.WaitGroup
	var opened, up atomic.Int64
	for i := range n {
		wg.Go(func() {
			for first := true; ctx.Err() == nil; first = false {
				conn, err := net.Dial("tcp", addrs[i%len(addrs)])
				if err != nil {
					time.Sleep(time.Second)
					continue
				}
				opened.Add(1)
				if first {
					up.Add(1)
				}
				bother(ctx, conn, i%2 == 1)
			}
		})
		if i%10 == 9 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	for deadline := time.Now().Add(time.Minute); up.Load() < int64(n); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d connections are open", up.Load(), n)
		}
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	stop()
	wg.Wait()
	fmt.Println(opened.Load())
	return nil
}

// bother holds a connection until it is closed or ctx ends.
func bother(ctx context.Context, conn net.Conn, slow bool) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	// A frame of gt06 that announces 128 bytes.
	for part := []byte{0x78, 0x78, 0x80, 0x12}; slow; part = []byte{0} {
		if _, err := conn.Write(part[:1]); err != nil {
			return
		}
		for _, b := range part[1:] {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
		conn.SetReadDeadline(time.Now().Add(slowByte))
		if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
	io.Copy(io.Discard, conn)
}

// node is a process with a role.
type node struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	ready string // its first line
}

// role starts a process with a role and waits for its line.
func (b *bench) role(ctx context.Context, role string) (*node, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	n := &node{cmd: exec.CommandContext(ctx, self)}
	n.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	n.cmd.Stderr = os.Stderr
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	n.out = bufio.NewReader(out)
	if n.ready, err = n.out.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", role, err), n.stop())
	}
	n.ready = strings.TrimSpace(n.ready)
	return n, nil
}

// stop ends it, and returns what it said last.
func (n *node) stop() error { return errors.Join(n.stdin.Close(), n.cmd.Wait()) }
