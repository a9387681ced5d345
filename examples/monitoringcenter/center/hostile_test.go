package center_test

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// frame encodes what a tracker sends.
func frame(t *testing.T, m protocol.Message) []byte {
	t.Helper()
	b, err := gt06.Codec{}.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func login(t *testing.T, n int, serial uint16) []byte {
	return frame(t, &gt06.Login{Header: gt06.Header{Code: 0x01, Serial: serial}, IMEI: centertest.IMEI(n)})
}

func heartbeat(t *testing.T, serial uint16) []byte {
	return frame(t, &gt06.Status{Header: gt06.Header{Code: 0x13, Serial: serial}, State: gt06.State{Voltage: 5, Signal: 4, Language: 2}})
}

// damaged is a frame with one bit of its check code changed.
func damaged(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)-3] ^= 1
	return b
}

// Whatever is between a tracker's frames is counted in error, the frames behind
// it are taken and acknowledged, and the connection stays.
func TestStreamGoesOnBehindErrors(t *testing.T) {
	long := bytes.Repeat([]byte{0x79, 0x79, 0xFF, 0xFF}, 3000)
	for name, c := range map[string]struct {
		noise  []byte
		errors int64 // at least
	}{
		"junk":                      {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 1},
		"wrong checksum":            {damaged(heartbeat(t, 7)), 1},
		"truncated":                 {heartbeat(t, 7)[:6], 1},
		"a frame within a frame":    {slices.Concat(heartbeat(t, 7)[:5], heartbeat(t, 8), heartbeat(t, 7)[5:]), 1},
		"announced and never sent":  {[]byte{0x79, 0x79, 0xFF, 0xFF}, 1},
		"oversized":                 {long, 1},
		"zeros":                     {make([]byte, 5000), 1},
		"end of a frame":            {[]byte("\r\n"), 1},
		"another dialect's message": {[]byte("$MGV002,990000000000017,,R,010326,080000,A,5441.2320,N,02516.7880,E,00,12,00,0.82,,,,,,,;!"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			center := centertest.Start(t, centertest.Config{})
			conn := center.Dial()
			answered := make(chan []byte)
			go func() {
				var all []byte
				b := make([]byte, 1024)
				for {
					n, err := conn.Read(b)
					all = append(all, b[:n]...)
					if err != nil {
						answered <- all
						return
					}
				}
			}()
			if _, err := conn.Write(slices.Concat(login(t, 1, 1), heartbeat(t, 2), c.noise, heartbeat(t, 9))); err != nil {
				t.Fatal(err)
			}
			// Enough good frames that a splitter which waits for what an unfinished
			// frame announces finds out.
			for serial := range uint16(40) {
				if _, err := conn.Write(heartbeat(t, 100+serial)); err != nil {
					t.Fatalf("frame %d behind it: %v", serial, err)
				}
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			replies := <-answered
			center.CaughtUp()
			counts := centertest.Get[record.Counts](center, "/api/v1/counts")
			if counts.FrameErrors < c.errors || counts.Frames-counts.FrameErrors < 43 {
				t.Errorf("%d frames, %d of them in error; want 43 good ones and %d errors", counts.Frames, counts.FrameErrors, c.errors)
			}
			for serial := range uint16(40) {
				ack := frame(t, &gt06.Ack{Header: gt06.Header{Code: 0x13, Serial: 100 + serial}})
				if !bytes.Contains(replies, ack) {
					t.Fatalf("frame %d behind it is not acknowledged", serial)
				}
			}
		})
	}
}

// A thousand idle strangers, and some that send a byte at a time, take little
// memory and nothing from a device that works.
func TestStrangersBesideADevice(t *testing.T) {
	const idle, slow = 1000, 20
	c := centertest.Start(t, centertest.Config{})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	d := c.Connect(1)
	c.Send(d, centertest.At(now(), 0))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := heap()
	conns := make([]net.Conn, idle)
	for i := range conns {
		conns[i] = c.Dial()
	}
	var slows []net.Conn
	for range slow {
		slows = append(slows, c.Dial())
	}
	frame := login(t, 2, 1)
	for i := range len(frame) - 1 {
		for _, s := range slows {
			if _, err := s.Write(frame[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
		c.Send(d, centertest.SOS(now().Add(time.Duration(i)*time.Second)))
	}
	c.Eventually("all are connected", func() bool {
		return centertest.Get[struct{ Connections int }](c, "/api/v1/health").Connections == idle+slow+1
	})
	// Both ends of a connection are in this process; 40 KB each is far above what
	// they take, and far below one that buffers what it should not.
	if grown := int64(heap()) - int64(before); grown > 40<<10*(idle+slow) {
		t.Errorf("%d connections take %d KB", idle+slow, grown>>10)
	}
	if all := c.Incidents("device.sos"); len(all) == 0 {
		t.Error("the device was not heard")
	}
	// The slow ones finish their logins, and are answered.
	for _, s := range slows {
		if _, err := s.Write(frame[len(frame)-1:]); err != nil {
			t.Fatal(err)
		}
	}
	ack := make([]byte, 10)
	for _, s := range slows {
		if _, err := io.ReadFull(s, ack); err != nil || ack[3] != 0x01 {
			t.Fatalf("a slow login is answered %x, %v", ack, err)
		}
	}
	if out := c.Out.String(); strings.Contains(out, centertest.IMEI(1)) {
		t.Errorf("it prints identities: %s", out)
	}
}

// Who sends nothing but errors is cut off, and what was sent is kept.
func TestEndlessJunk(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	conn := c.Dial()
	junk := damaged(heartbeat(t, 1))
	go func() {
		for {
			if _, err := conn.Write(junk); err != nil {
				return
			}
		}
	}()
	io.Copy(io.Discard, conn) // until it is cut, in whatever way
	c.Eventually("the conversation is over", func() bool {
		return centertest.Get[struct{ Connections int }](c, "/api/v1/health").Connections == 0
	})
	c.CaughtUp()
	counts := centertest.Get[record.Counts](c, "/api/v1/counts")
	if counts.FrameErrors == 0 || counts.FrameErrors > 100 || counts.FrameErrors != counts.Frames {
		t.Errorf("%+v", counts)
	}
	all := centertest.Get[[]struct{ Device, Codec, Reason string }](c, "/api/v1/quarantine")
	if len(all) != 1 || all[0].Device != "" || all[0].Codec != "gt06" || !strings.Contains(all[0].Reason, "checksum") {
		t.Errorf("quarantine: %+v", all)
	}
}
