package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em/examples/internal/loopback"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
	"github.com/sargas-em/em/protocol/serialline"
	"github.com/sargas-em/em/protocol/tcp"
)

// mostReplayed bounds what a record's center said and is kept, to be said again.
const mostReplayed = 64 << 20

// replaying is what the flags of replay say.
type replaying struct {
	*tool
	tcp, listen, serial string
	baud                int
	speed               float64 // 0 is as fast as it goes
	patience            time.Duration

	conns, sent, got atomic.Int64
}

// replay lets one side of a record speak again: the devices to a center, or the
// center to a device that connects.
func (t *tool) replay(ctx context.Context, args []string) error {
	r := &replaying{tool: t}
	fs := t.flags("replay")
	fs.StringVar(&r.tcp, "tcp", "", "speak as the recorded devices to the center at `address`, one connection for each of theirs")
	fs.StringVar(&r.serial, "serial", "", "the same over the serial `port`, one connection after the other")
	fs.IntVar(&r.baud, "baud", 9600, "of --serial")
	fs.StringVar(&r.listen, "listen", "", "speak as the recorded center to devices that connect to `address`: each gets the next recorded connection")
	speed := fs.String("speed", "1", "how much faster than the record, or max: without its pauses")
	fs.DurationVar(&r.patience, "patience", 5*time.Second, "how long the other side's last answer, or its next bytes, are waited for")
	remote := fs.Bool("allow-remote", false, "allow addresses that are not this machine's loopback")
	rest, err := program.Parse(fs, args)
	if err != nil {
		return err
	}
	given := 0
	for _, s := range []string{r.tcp, r.listen, r.serial} {
		if s != "" {
			given++
		}
	}
	switch {
	case len(rest) != 1:
		return program.Usagef("replay: give one capture file")
	case given != 1:
		return program.Usagef("replay: give one of --tcp, --serial and --listen")
	case r.patience <= 0:
		return program.Usagef("replay: --patience %v", r.patience)
	}
	if *speed != "max" {
		if r.speed, err = strconv.ParseFloat(*speed, 64); err != nil || !(r.speed > 0 && r.speed <= 1e6) {
			return program.Usagef("replay: --speed %q is no number from 0 to 1000000, nor max", *speed)
		}
	}
	for _, addr := range []string{r.tcp, r.listen} {
		if addr != "" {
			if err := loopback.Allow(addr, *remote); err != nil {
				return err
			}
		}
	}
	f, err := t.metered("replaying", rest[0], false)
	if err != nil {
		return err
	}
	defer f.Close()
	rd, err := capture.NewReader(f, capture.Options{})
	if err != nil {
		return err
	}
	if r.listen != "" {
		err = r.asCenter(ctx, rd)
	} else {
		err = r.asDevices(ctx, rd)
	}
	f.end()
	fmt.Fprintf(t.errs, "emcodec: %d connections, %d bytes sent, %d received\n", r.conns.Load(), r.sent.Load(), r.got.Load())
	return err
}

// asDevices lets capture.Replay feed each connection.
func (r *replaying) asDevices(ctx context.Context, rd *capture.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	speed := r.speed
	if speed == 0 {
		speed = -1
	}
	var line sync.Mutex // there is one serial port
	return (&capture.Replay{Speed: speed}).Run(ctx, rd, func(ctx context.Context, from *capture.ReplayConn) {
		var conn io.ReadWriteCloser
		var err error
		if r.serial != "" {
			line.Lock()
			defer line.Unlock()
			conn, err = serialline.Open(serialline.Config{Port: r.serial, Baud: r.baud})
		} else {
			conn, err = (&tcp.Dialer{Addr: r.tcp}).Dial(ctx)
		}
		if err != nil {
			cancel(fmt.Errorf("connection %d of the record: %w", from.Conn.Number, err))
			return
		}
		r.conns.Add(1)
		if err := r.speak(ctx, conn, from); err != nil {
			cancel(fmt.Errorf("connection %d of the record: %w", from.Conn.Number, err))
		}
	})
}

// speak sends all that the device sent, and reads what comes until it is quiet.
func (r *replaying) speak(ctx context.Context, conn io.ReadWriteCloser, from io.Reader) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	heard := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			r.got.Add(int64(n))
			select {
			case heard <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	n, err := io.Copy(struct{ io.Writer }{conn}, from)
	r.sent.Add(n)
	if err == nil {
		if c, ok := conn.(*net.TCPConn); ok {
			err = c.CloseWrite() // a center answers and closes
		}
	}
	quiet := time.NewTimer(r.patience)
	defer quiet.Stop()
	for waiting := err == nil; waiting; {
		select {
		case <-heard:
			quiet.Reset(r.patience)
		case <-quiet.C:
			waiting = false
		case <-done:
			waiting = false
		}
	}
	conn.Close()
	<-done
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// step is what a recorded connection does next: the center speaks, or it waits for
// the device to have said as much as in the record.
type step struct {
	pause time.Duration // since the step before
	say   []byte
	await int // bytes
}

// script reads what the center has to do on each recorded connection.
func script(rd *capture.Reader) ([][]step, error) {
	var all [][]step
	index := map[int]int{}
	last := map[int]time.Time{}
	total := 0
	for {
		e, err := rd.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		i, known := index[e.Conn.Number]
		if !known {
			i = len(all)
			index[e.Conn.Number], all = i, append(all, nil)
			last[e.Conn.Number] = e.At
		}
		var s step
		switch e.Kind {
		case protocol.Received:
			s.await = len(e.Data)
		case protocol.Sent:
			s.say = append([]byte(nil), e.Data...)
			s.pause = max(0, e.At.Sub(last[e.Conn.Number]))
		default:
			continue
		}
		last[e.Conn.Number] = e.At
		if total += len(s.say); total > mostReplayed {
			return nil, fmt.Errorf("the center says more than %d bytes in this record", mostReplayed)
		}
		all[i] = append(all[i], s)
	}
}

// asCenter answers devices as the recorded center did.
func (r *replaying) asCenter(ctx context.Context, rd *capture.Reader) error {
	scripts, err := script(rd)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", r.listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	fmt.Fprintf(r.errs, "emcodec: %d recorded connections wait for devices at %v\n", len(scripts), ln.Addr())
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for n, steps := range scripts {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
			break
		}
		r.conns.Add(1)
		wg.Go(func() {
			if err := r.answer(ctx, conn, steps); err != nil {
				mu.Lock()
				failed = errors.Join(failed, fmt.Errorf("connection %d of the record: %w", n+1, err))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failed
}

// answer plays one recorded connection to one device.
func (r *replaying) answer(ctx context.Context, conn net.Conn, steps []step) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	buf := make([]byte, 4096)
	owed := 0
	for _, s := range steps {
		for owed += s.await; owed > 0; {
			if err := conn.SetReadDeadline(time.Now().Add(r.patience)); err != nil {
				return err
			}
			n, err := conn.Read(buf)
			r.got.Add(int64(n))
			owed -= n // below zero: the device said more at once than in the record
			switch {
			case errors.Is(err, io.EOF):
				return fmt.Errorf("the device hung up, %d bytes before the record: %w", owed, io.ErrUnexpectedEOF)
			case errors.Is(err, os.ErrDeadlineExceeded):
				return fmt.Errorf("the device said %d bytes less than in the record: %w", owed, err)
			case err != nil:
				return err
			}
		}
		if s.say == nil {
			continue
		}
		if r.speed > 0 {
			select {
			case <-time.After(time.Duration(float64(s.pause) / r.speed)):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		n, err := conn.Write(s.say)
		r.sent.Add(int64(n))
		if err != nil {
			return err
		}
	}
	return nil
}
