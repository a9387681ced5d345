package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/emsim/scenario"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// center is the SDK's own server side: a tcp.Server with a Link per connection,
// which keeps in memory what it acknowledges.
type center struct {
	addr  string
	ended chan struct{} // one for each connection

	mu        sync.Mutex
	seen      map[em.ObservationID]em.Observation
	committed int // observations, with those that came again
	conns     int
	bad       []error // of frames
	refuse    int     // so many commits fail, each ending its connection
}

func startCenter(t testing.TB, codec string, config *tls.Config) *center {
	t.Helper()
	dev := registry(t, codec)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	identity := ""
	c := &center{addr: ln.Addr().String(), ended: make(chan struct{}, 10_000), seen: map[em.ObservationID]em.Observation{}}
	srv := &tcp.Server{TLSConfig: config, Handler: func(ctx context.Context, conn net.Conn) {
		defer func() { c.ended <- struct{}{} }()
		c.mu.Lock()
		c.conns++
		c.mu.Unlock()
		link := protocol.Link{Device: dev, Session: dev.Sessions(protocol.SessionConfig{Identity: identity}), Conn: conn, Commit: c.commit}
		_ = link.Run(ctx) // how connections end is the test's to cause
	}}
	if codec == "alcoholuart" { // its wire carries no identity
		identity = "990000000000100"
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

// drain waits until so many connections have been read to their end.
func (c *center) drain(connections int) {
	for range connections {
		<-c.ended
	}
}

func mustRegistry(t testing.TB) *protocol.Registry {
	t.Helper()
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func registry(t testing.TB, codec string) protocol.Device {
	t.Helper()
	dev, err := mustRegistry(t).Device(codec)
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

func (c *center) commit(_ context.Context, r *protocol.Report) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse > 0 {
		c.refuse--
		return errors.New("the store is away")
	}
	for _, f := range r.Frames {
		if f.Err != nil {
			c.bad = append(c.bad, f.Err)
		}
		for _, o := range f.Observations {
			c.seen[o.ID] = o
			c.committed++
		}
	}
	return nil
}

// total is how many observations have come.
func (c *center) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.committed
}

// emsim runs the command, and returns its totals and the truth.
func emsim(t testing.TB, args ...string) (stats, []scenario.Truth) {
	t.Helper()
	var out, errs bytes.Buffer
	if err := run(t.Context(), append([]string{"run", "--speed", "max", "--json", "--truth", "-"}, args...), &out, &errs); err != nil {
		t.Fatalf("emsim run %q: %v\n%s", args, err, errs.String())
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	var total stats
	if err := json.Unmarshal(lines[len(lines)-1], &total); err != nil {
		t.Fatal(err)
	}
	return total, parseTruth(t, bytes.Join(lines[:len(lines)-1], []byte("\n")))
}

func parseTruth(t testing.TB, doc []byte) []scenario.Truth {
	t.Helper()
	var truth []scenario.Truth
	for dec := json.NewDecoder(bytes.NewReader(doc)); dec.More(); {
		var tr scenario.Truth
		if err := dec.Decode(&tr); err != nil {
			t.Fatal(err)
		}
		truth = append(truth, tr)
	}
	return truth
}

// position is how far a position may be from the one that was told: a wire with
// five decimals of a degree rounds by up to 0.8 m.
const position = 1.0

// arrived looks for what was told among what the center has: of the same device,
// kind and second, and with the same content.
func (c *center) arrived(told em.Observation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.seen {
		if o.Device != told.Device || o.Body.Kind() != told.Body.Kind() {
			continue
		}
		if d := o.At.Sub(told.DeviceAt).Abs(); d >= time.Second && !o.DeviceAt.IsZero() {
			continue
		}
		if says(o.Body, told.Body) {
			return true
		}
	}
	return false
}

// says reports whether an observation's body has at least what was told.
func says(got, told em.Body) bool {
	switch told := told.(type) {
	case *em.Fix:
		got := got.(*em.Fix)
		return got.Validity == told.Validity && (told.Validity == em.FixInvalid || got.LatLng.Distance(told.LatLng) <= position)
	case *em.Tamper:
		got := got.(*em.Tamper)
		return got.What == told.What && got.Cleared == told.Cleared
	case *em.Alarm:
		return got.(*em.Alarm).What == told.What
	case *em.Power:
		got := got.(*em.Power)
		near := func(a, b em.Opt[float64]) bool { return !b.OK || a.OK && a.V-b.V < 0.101 && b.V-a.V < 0.101 }
		// An alarm and a level may come as two observations.
		return (told.Event == em.PowerNone || got.Event == told.Event) && (got.Event != em.PowerNone || near(got.Level, told.Level) && near(got.Volts, told.Volts))
	case *em.AlcoholReading:
		got := got.(*em.AlcoholReading)
		return got.Status == told.Status && (told.Status != em.SampleOK || got.Value == told.Value && got.Unit == told.Unit)
	}
	return true // a sign of life has no content
}

// lacking lists what was told and did not arrive.
func (c *center) lacking(truth []scenario.Truth) []string {
	var lost []string
	for _, t := range truth {
		if t.Told != nil && !c.arrived(*t.Told) {
			doc, _ := json.Marshal(t.Told)
			lost = append(lost, fmt.Sprintf("%s of %s: %s", t.What, t.At.Format(time.TimeOnly), doc))
		}
	}
	return lost
}

// invented lists the positions at the center that no device told.
func (c *center) invented(truth []scenario.Truth) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	type key struct {
		d  em.DeviceID
		at time.Time
	}
	told := map[key]*em.Fix{}
	for _, t := range truth {
		if t.Told == nil {
			continue
		}
		if f, ok := t.Told.Body.(*em.Fix); ok {
			told[key{t.Device, t.Told.DeviceAt}] = f
		}
	}
	var extra []string
	for _, o := range c.seen {
		f, ok := o.Body.(*em.Fix)
		if !ok || f.Validity != em.FixCurrent {
			continue
		}
		if w := told[key{o.Device, o.At}]; w == nil || w.LatLng.Distance(f.LatLng) > position {
			extra = append(extra, fmt.Sprint(o.At, f.LatLng))
		}
	}
	return extra
}
