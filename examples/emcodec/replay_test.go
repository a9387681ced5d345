package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// The devices of a record speak to a center again.
func TestReplayAsDevices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "field.pcapng")
	if err := writeCapture(file); err != nil {
		t.Fatal(err)
	}
	l := start(t, "listen", "--codec", "auto", "--tcp", "127.0.0.1:0")
	addr := l.errs.wait(t, `listening for auto at (\S+)`)
	out, errs, status := emcodec(t, "replay", file, "--tcp", addr, "--speed", "max")
	// 18 + 28 of the tracker, 21 of the bracelet, 4 of the stranger; the center
	// answers 10 + 10 and 21.
	if status != 0 || !strings.Contains(errs, "3 connections, 71 bytes sent, 41 received") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	for _, want := range []string{"=> login 990000000000017", `"lat":54.6872`, "=> ECHK 99000017"} {
		l.out.wait(t, want)
	}
	l.errs.wait(t, "rejected .*the dialect is unknown")
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// The center of a record answers a device again, at its own pace too.
func TestReplayAsCenter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "field.pcapng")
	if err := writeCapture(file); err != nil {
		t.Fatal(err)
	}
	r := start(t, "replay", file, "--listen", "127.0.0.1:0", "--speed", "1000")
	addr := r.errs.wait(t, `devices at (\S+)`)
	for i, said := range []string{
		"78780d0109900000000000170001d9d40d0a787817101a030e091e00c905de076002b653e405142d000298440d0a",
		hex.EncodeToString([]byte("$ECHK,99000017,0*33\r\n")), "16030100",
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := hex.DecodeString(said)
		if _, err := conn.Write(data); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		want := ""
		if i == 0 {
			want = "787805010001d9dc0d0a"
		}
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%d: %x, %v", i, got, err)
		}
		conn.Close()
	}
	if err := r.wait(); err != nil {
		t.Error(err)
	}
	r.errs.wait(t, `3 connections, 10 bytes sent, 71 received`)
	// A device that says less is told.
	r = start(t, "replay", file, "--listen", "127.0.0.1:0", "--patience", "50ms")
	conn, err := net.Dial("tcp", r.errs.wait(t, `devices at (\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.ReadAll(conn)
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "bytes less than in the record") {
		t.Errorf("error %v", err)
	}
}

// connected lets a device speak until its center hangs up.
func connected(t *testing.T, codec, identity string, conn io.ReadWriteCloser) {
	t.Helper()
	dev, sim := simulated(t, codec, identity)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- (&protocol.Link{Device: dev, Session: sim, Conn: conn}).Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// A command reaches a device that connects, and one that is dialled, and its answer
// is told.
func TestSend(t *testing.T) {
	s := start(t, "send", "--codec", "laipac", "--tcp", "127.0.0.1:0", "locate")
	conn, err := net.Dial("tcp", s.errs.wait(t, `at (127\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	connected(t, "laipac", "99000017", conn)
	if err := s.wait(); err != nil {
		t.Errorf("%v\n%s", err, s.errs.String())
	}
	for _, want := range []string{"emcodec: locate queued", "emcodec: locate sent", "emcodec: locate acknowledged by AVRMC"} {
		if !strings.Contains(s.errs.String(), want) {
			t.Errorf("no %q in\n%s", want, s.errs.String())
		}
	}
	// A message of the dialect, to a device that is dialled.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s = start(t, "send", "--codec", "gt06", "--dial", ln.Addr().String(), "--message", "787805010001d9dc0d0a")
	conn, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if _, err := io.ReadFull(conn, got); err != nil || hex.EncodeToString(got) != "787805010001d9dc0d0a" {
		t.Errorf("%x, %v", got, err)
	}
	if err := s.wait(); err != nil || !strings.Contains(s.errs.String(), "message sent") {
		t.Errorf("%v\n%s", err, s.errs.String())
	}
	conn.Close()
	// Nobody answers.
	s = start(t, "send", "--codec", "laipac", "--dial", ln.Addr().String(), "--timeout", "50ms", "locate")
	if conn, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := s.wait(); !errors.Is(err, errUndelivered) {
		t.Errorf("error %v", err)
	}
	for _, args := range [][]string{
		{"send", "--codec", "laipac", "--tcp", "127.0.0.1:0"},
		{"send", "--codec", "laipac", "--tcp", "127.0.0.1:0", "test"},
		{"send", "--codec", "laipac", "--tcp", "192.0.2.1:1", "locate"},
		{"send", "--codec", "gt06", "--tcp", "127.0.0.1:0", "--message", "7878"},
		{"replay", "x.pcapng"},
		{"replay", "x.pcapng", "--tcp", "192.0.2.1:1"},
		{"replay", "x.pcapng", "--tcp", "127.0.0.1:1", "--speed", "0"},
	} {
		if _, errs, status := emcodec(t, args...); status != program.Usage {
			t.Errorf("%v: status %d: %s", args, status, errs)
		}
	}
}
