//go:build linux

package serialline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
	"github.com/sargas-em/em/protocol/serialline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair opens a pseudo-terminal and its slave as a serial port.
func pair(t *testing.T, c serialline.Config) (master *os.File, line io.ReadWriteCloser) {
	t.Helper()
	master, slave, err := serialline.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	c.Port = slave
	if line, err = serialline.Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { line.Close() })
	return master, line
}

func TestAllBytesPassBothWays(t *testing.T) {
	master, line := pair(t, serialline.Config{Baud: 115200})
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i) // with XON, XOFF, CR, LF, ^C and ^D
	}
	for _, way := range []struct {
		name     string
		from, to io.ReadWriter
	}{{"to the line", master, line}, {"from the line", line, master}} {
		if n, err := way.from.Write(all); n != len(all) || err != nil {
			t.Fatalf("%s: wrote %d, %v", way.name, n, err)
		}
		got := make([]byte, len(all))
		if _, err := io.ReadFull(way.to, got); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: got %x, %v", way.name, got, err)
		}
	}
}

func TestNothingIsEchoedBeforeTheSlaveIsOpen(t *testing.T) {
	master, slave, err := serialline.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	io.WriteString(master, "early\r\n")
	master.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := master.Read(make([]byte, 10)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes back, %v", n, err)
	}
	line, err := serialline.Open(serialline.Config{Port: slave})
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	master.SetReadDeadline(time.Time{})
	io.WriteString(master, "late")
	got := make([]byte, 11)
	if _, err := io.ReadFull(line, got); err != nil || string(got) != "early\r\nlate" {
		t.Errorf("the line reads %q, %v", got, err)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name   string
		config serialline.Config
		cflag  uint32 // of CSIZE, PARENB, PARODD and CSTOPB
		speed  uint32
	}{
		{"defaults", serialline.Config{}, unix.CS8, unix.B9600},
		{"4800 7E2", serialline.Config{Baud: 4800, DataBits: 7, Parity: serialline.ParityEven, StopBits: 2},
			unix.CS7 | unix.PARENB | unix.CSTOPB, unix.B4800},
		{"115200 8O1", serialline.Config{Baud: 115200, DataBits: 8, Parity: serialline.ParityOdd, StopBits: 1},
			unix.CS8 | unix.PARENB | unix.PARODD, unix.B115200},
	} {
		t.Run(c.name, func(t *testing.T) {
			master, _ := pair(t, c.config)
			conn, err := master.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			conn.Control(func(fd uintptr) {
				term, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
				if err != nil {
					t.Fatal(err)
				}
				// A pseudo-terminal has no line to run at 7 bits: the kernel keeps 8 there.
				const mask = unix.PARODD | unix.CSTOPB
				if got, want := term.Cflag&mask, c.cflag&mask; got != want {
					t.Errorf("flags %#o, want %#o", got, want)
				}
				if got := term.Cflag & unix.CBAUD; got != c.speed {
					t.Errorf("speed %#o, want %#o", got, c.speed)
				}
			})
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		config serialline.Config
		want   string
	}{
		{serialline.Config{}, "no port named"},
		{serialline.Config{Port: "x", Baud: -1}, "Baud"},
		{serialline.Config{Port: "x", DataBits: 9}, "DataBits"},
		{serialline.Config{Port: "x", Parity: "mark"}, "Parity"},
		{serialline.Config{Port: "x", StopBits: 3}, "StopBits"},
		{serialline.Config{Port: "/dev/does-not-exist"}, "/dev/does-not-exist"},
		{serialline.Config{Port: "/dev/null"}, "/dev/null"}, // no terminal
	} {
		line, err := serialline.Open(c.config)
		if err == nil {
			line.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%+v) = %v, want an error with %q", c.config, err, c.want)
		}
	}
	if _, err := serialline.Open(serialline.Config{Port: "/dev/does-not-exist"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing port gives %v", err)
	}
}

func TestCloseEndsARead(t *testing.T) {
	_, line := pair(t, serialline.Config{})
	ended := make(chan error, 1)
	go func() {
		_, err := line.Read(make([]byte, 1))
		ended <- err
	}()
	if err := line.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read = %v", err)
	}
}

func TestUnpluggedPort(t *testing.T) {
	master, line := pair(t, serialline.Config{})
	master.Close()
	if n, err := line.Read(make([]byte, 1)); err == nil {
		t.Errorf("Read = %d, nil from a port that is gone", n)
	}
}

// TestManyDescriptors: a center with thousands of connections can open ports.
func TestManyDescriptors(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 1200 {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatalf("the limit of descriptors is %d, 1200 are needed", limit.Cur)
		}
		t.Skipf("SKIPPED: the limit of descriptors is %d, 1200 are needed", limit.Cur)
	}
	for range 1100 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	master, line := pair(t, serialline.Config{})
	io.WriteString(master, "x")
	if n, err := line.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
}

// TestLink runs a link over the line, and sees that it ends in all ways.
func TestLink(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(cancel context.CancelFunc, master *os.File)
		want error
	}{
		{"cancelled", func(cancel context.CancelFunc, _ *os.File) { cancel() }, context.Canceled},
		{"unplugged", func(_ context.CancelFunc, master *os.File) { master.Close() }, unix.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			master, line := pair(t, serialline.Config{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			link := &protocol.Link{Device: sample.Device(), Conn: line, Limits: protocol.Limits{First: -1, Idle: -1}}
			ended := make(chan error, 1)
			go func() { ended <- link.Run(ctx) }()
			for range 3 {
				io.WriteString(master, "#alive,990000000000017*6D\r\n")
				ack := make([]byte, len("#ack,0*75\r\n"))
				if _, err := io.ReadFull(master, ack); err != nil || string(ack) != "#ack,0*75\r\n" {
					t.Fatalf("the device hears %q, %v", ack, err)
				}
			}
			if err := link.Do(ctx, func(_ time.Time, _ protocol.Session, out *protocol.Output) error {
				out.Send = append(out.Send, &sample.Ack{At: 9})
				return nil
			}); err != nil {
				t.Error(err)
			}
			c.end(cancel, master)
			if err := <-ended; err != nil && !errors.Is(err, c.want) {
				t.Errorf("Run = %v, want %v or the end of the stream", err, c.want)
			}
		})
	}
}

// TestLinkOverALineThatIsStuck: nobody takes the bytes, and the link ends.
func TestLinkOverALineThatIsStuck(t *testing.T) {
	_, line := pair(t, serialline.Config{})
	link := &protocol.Link{Device: sample.Device(), Conn: line, Limits: protocol.Limits{First: -1, Idle: -1, Write: 20 * time.Millisecond}}
	var run sync.WaitGroup
	run.Go(func() {
		if err := link.Run(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Run = %v", err)
		}
	})
	for {
		err := link.Do(t.Context(), func(_ time.Time, _ protocol.Session, out *protocol.Output) error {
			for range 1000 {
				out.Send = append(out.Send, &sample.Ack{At: 9})
			}
			return nil
		})
		if err != nil {
			break
		}
	}
	run.Wait()
}

func Example() {
	device, port, err := serialline.OpenPTY()
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close()
	line, err := serialline.Open(serialline.Config{Port: port, Baud: 9600})
	if err != nil {
		log.Fatal(err)
	}
	defer line.Close()
	fmt.Fprint(device, "hello\r\n")
	b := make([]byte, 7)
	io.ReadFull(line, b)
	fmt.Printf("%q\n", b)
	// Output: "hello\r\n"
}
