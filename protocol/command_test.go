package protocol_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
)

// told collects the steps of deliveries: "locate sent", and the last with "."
type told struct {
	mu    sync.Mutex
	steps []string
}

func (s *told) tell(d protocol.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := string(d.Command.Kind) + d.Command.Text + " " + d.State.String()
	if d.Err != nil {
		step += fmt.Sprintf(" (%v)", d.Err)
	}
	if d.Final {
		step += "."
	}
	s.steps = append(s.steps, step)
}

func (s *told) all() []string { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.steps) }

// Each state that a delivery may come to, with a device that is scripted byte
// by byte.
func TestCommandDelivery(t *testing.T) {
	const hello = "#alive,990000000000017*6D\r\n"
	done := func(n int, ok int) string {
		body := fmt.Sprintf("done,990000000000017,%d,%d", n, ok)
		x := byte(0)
		for i := range len(body) {
			x ^= body[i]
		}
		return fmt.Sprintf("#%s*%02X\r\n", body, x)
	}
	locate := protocol.Command{Kind: protocol.CommandLocate, Timeout: time.Minute}
	for _, c := range []struct {
		name   string
		cmds   []protocol.Command
		answer func(i int, line string) string // what the device says to the i-th command
		silent bool                            // the device never says who it is
		want   []string
	}{
		{"acknowledged", []protocol.Command{locate}, func(i int, _ string) string { return done(i, 1) }, false,
			[]string{"locate queued", "locate sent", "locate acknowledged."}},
		{"refused", []protocol.Command{locate}, func(i int, _ string) string { return done(i, 0) }, false,
			[]string{"locate queued", "locate sent", "locate refused."}},
		{"never answered", []protocol.Command{locate}, func(int, string) string { return hello }, false,
			[]string{"locate queued", "locate sent", "locate timed out."}},
		{"no answer in the dialect", []protocol.Command{{Kind: protocol.CommandShow}}, nil, false,
			[]string{"show queued", "show sent."}},
		{"another's answer", []protocol.Command{locate}, func(i int, _ string) string { return done(i+5, 1) }, false,
			[]string{"locate queued", "locate sent", "locate timed out."}},
		{"no login", []protocol.Command{locate}, nil, true,
			[]string{"locate queued", "locate timed out (protocol: the command was not sent in time: sample: command: protocol: no identity yet)."}},
		{"cannot be encoded", []protocol.Command{{Kind: protocol.CommandVendor, Text: "a,b"}}, nil, false,
			[]string{"vendora,b queued", `vendora,b failed (protocol: link: command: sample: "do,1,a,b": protocol: unsupported by the dialect).`}},
		{"one after the other", []protocol.Command{locate, {Kind: protocol.CommandVendor, Text: "x"}}, func(i int, _ string) string { return done(i, 1) }, false,
			[]string{"locate queued", "vendorx queued", "locate sent", "locate acknowledged.", "vendorx sent", "vendorx acknowledged."}},
		{"the second after the first's time", []protocol.Command{locate, {Kind: protocol.CommandVendor, Text: "x"}}, func(i int, _ string) string {
			if i == 2 {
				return done(2, 1)
			}
			return ""
		}, false, []string{"locate queued", "vendorx queued", "locate sent", "locate timed out.", "vendorx sent", "vendorx acknowledged."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				var s told
				l := &protocol.Link{Device: sample.Device(), Conn: near, Limits: protocol.Limits{First: -1}, Commit: func(_ context.Context, r *protocol.Report) error {
					for _, f := range r.Frames {
						if f.Type == "done" {
							for _, step := range s.all() {
								if strings.Contains(step, "acknowledged") && len(c.cmds) == 1 {
									t.Error("the answer is told before it is durable")
								}
							}
						}
					}
					return nil
				}}
				ended := make(chan error, 1)
				go func() { ended <- l.Run(t.Context()) }()
				go func() {
					if !c.silent {
						io.WriteString(far, hello)
					}
					seen := 0
					var buf []byte
					b := make([]byte, 512)
					for {
						n, err := far.Read(b)
						if err != nil {
							return
						}
						buf = append(buf, b[:n]...)
						for {
							line, rest, ok := bytes.Cut(buf, []byte("\n"))
							if !ok {
								break
							}
							buf = rest
							if bytes.HasPrefix(line, []byte("#do")) && c.answer != nil {
								seen++
								if a := c.answer(seen, string(line)); a != "" {
									go io.WriteString(far, a)
								}
							}
						}
					}
				}()
				if !c.silent {
					synctest.Wait()
				}
				for _, cmd := range c.cmds {
					if cmd.Timeout == 0 {
						cmd.Timeout = 2 * time.Minute
					}
					if err := l.Command(cmd, s.tell); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				got := s.all()
				// The first may be on its way before the second is given.
				slices.SortStableFunc(got, func(a, b string) int {
					return strings.Count(b, " queued") - strings.Count(a, " queued")
				})
				if !slices.Equal(got, c.want) {
					t.Errorf("got  %q\nwant %q", got, c.want)
				}
				far.Close()
				<-ended
			})
		})
	}
}

// What a link still holds at its end is told as failed; it takes no more than
// its bound, and what the dialect does not list not at all.
func TestCommandLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := &protocol.Link{Device: sample.Device(), Conn: near}
		var s told
		n := 0
		for ; ; n++ {
			if err := l.Command(protocol.Command{Kind: protocol.CommandLocate}, s.tell); err != nil {
				if !errors.Is(err, protocol.ErrBusy) {
					t.Error(err)
				}
				break
			}
		}
		if n != 16 {
			t.Errorf("%d commands are taken", n)
		}
		if err := l.Command(protocol.Command{Kind: protocol.CommandTest}, nil); !errors.Is(err, protocol.ErrUnsupported) {
			t.Errorf("a command that the dialect does not have: %v", err)
		}
		far.Close()
		if err := l.Run(t.Context()); err != nil {
			t.Error(err)
		}
		failed := 0
		for _, step := range s.all() {
			if step == "locate failed (protocol: the link has ended)." {
				failed++
			}
		}
		if failed != n {
			t.Errorf("%d of %d are told as failed: %q", failed, n, s.all())
		}
		if err := l.Command(protocol.Command{Kind: protocol.CommandLocate}, nil); !errors.Is(err, protocol.ErrLinkClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Commands from many goroutines over a link and a simulator all arrive.
func TestCommandsConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		sim, err := sample.Device().Simulator("990000000000017", 1)
		if err != nil {
			t.Fatal(err)
		}
		center := &protocol.Link{Device: sample.Device(), Conn: a}
		device := &protocol.Link{Device: sample.Device(), Conn: b, Session: sim}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { center.Run(ctx) })
		wait.Go(func() { device.Run(ctx) })
		var s told
		for range 8 {
			wait.Go(func() {
				if err := center.Command(protocol.Command{Kind: protocol.CommandLocate}, s.tell); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		n := 0
		for _, step := range s.all() {
			if step == "locate acknowledged." {
				n++
			}
		}
		if n != 8 {
			t.Errorf("%d of 8 acknowledged: %q", n, s.all())
		}
		cancel()
		wait.Wait()
	})
}
