package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/internal/faults"
)

// disk is a file system of its own in an image file, on which a power cut can be
// had: what has reached the image is what is left.
type disk struct{ image, dir string }

// newDisk makes and mounts one. It takes root and loop devices, which CI has.
func newDisk(t *testing.T, megabytes int) *disk {
	t.Helper()
	if os.Getuid() != 0 && os.Getenv("EM_REQUIRE") == "" {
		t.Skip("mounting a file system takes root")
	}
	d := &disk{image: filepath.Join(t.TempDir(), "image")}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, int64(megabytes)<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	d.mount(t)
	return d
}

func (d *disk) mount(t *testing.T) {
	t.Helper()
	d.dir = t.TempDir()
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		if os.Getenv("EM_REQUIRE") == "" {
			t.Skipf("no loop device can be mounted here: %v: %s", err, out)
		}
		t.Fatalf("mount: %v: %s", err, out)
	}
	dir := d.dir
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// cut is the disk as it is after a power cut now, for a process that has been
// stopped so that nothing changes in the middle.
func (d *disk) cut(t *testing.T) *disk {
	t.Helper()
	after := &disk{image: filepath.Join(t.TempDir(), "image")}
	if out, err := exec.Command("cp", "--sparse=always", d.image, after.image).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	after.mount(t)
	return after
}

// The power fails at random moments while devices upload. What was acknowledged
// before is on the disk.
func TestPowerCut(t *testing.T) {
	alone(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	rounds := faults.Rounds(t, 3)
	f := newFleet(4, perRound*(rounds+1))
	d := newDisk(t, 256)
	for round := range rounds {
		f.until = perRound * (round + 1)
		p := launch(t, d.dir)
		if round == 0 {
			f.enrol(t, p)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.upload(ctx, p) }()
		time.Sleep(time.Duration(50+rnd.IntN(300)) * time.Millisecond)
		acked, n := f.acknowledged()
		if err := p.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		after := d.cut(t)
		p.Cmd.Process.Kill()
		p.Cmd.Wait()
		cancel()
		<-done
		t.Logf("the power fails with %d of %d acknowledged", n, f.size())
		d = after
		f.acked = acked // what came later went to a disk that is no more
		p = launch(t, d.dir)
		f.has(t, p, acked)
		p.stop(t)
	}
	f.until = 0
	f.ends(t, launch(t, d.dir))
}

// The disk is full. Nothing is acknowledged that is not on it, and once there is
// room again all goes on.
func TestDiskFull(t *testing.T) {
	alone(t)
	f := newFleet(2, 1200) // more than it takes while the disk fills
	d := newDisk(t, 48)
	p := launch(t, d.dir)
	f.enrol(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.upload(ctx, p) }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, n := f.acknowledged(); n > 100 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is acknowledged")
		}
	}
	fill := fill(t, filepath.Join(d.dir, "ballast"))
	// It stands still, or the center says why it ends: it may not go on acknowledging.
	ended := make(chan error, 1)
	go func() { ended <- p.Cmd.Wait() }()
	last, since := -1, time.Now()
	for deadline := time.Now().Add(time.Minute); time.Since(since) < 2*time.Second; time.Sleep(20 * time.Millisecond) {
		if _, n := f.acknowledged(); n != last {
			last, since = n, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatal("it goes on acknowledging on a full disk")
		}
	}
	if last == f.size() {
		t.Fatal("the devices were through before the disk was full")
	}
	cancel()
	<-done
	acked, n := f.acknowledged()
	t.Logf("the disk is full with %d of %d acknowledged", n, f.size())
	// It says so and ends; or it waits for room.
	select {
	case err := <-ended:
		t.Logf("it ended with: %v; it says: %s", err, p.Errs)
	case <-time.After(20 * time.Second):
		p.Cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
		p.Cmd.Process.Kill()
		t.Errorf("it neither ended nor went on: %v, %s", <-ended, p.Errs)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	p = launch(t, d.dir)
	f.has(t, p, acked)
	f.ends(t, p)
}

// fill takes all room that there is and returns the file that takes it.
func fill(t *testing.T, name string) string {
	t.Helper()
	w, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, n := range []int{1 << 20, 4096} {
		for buf := make([]byte, n); err == nil || errors.Is(err, io.ErrShortWrite); {
			_, err = w.Write(buf)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	return name
}
