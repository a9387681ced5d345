package devices

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
)

// identities are invented, in each dialect's own form.
var identities = map[string]string{
	"alcoholuart": "kiosk-17", "bactrack": "VIO-0017", "eview": "990000000000017", "gt06": "990000000000017",
	"jt808": "099000000017", "laipac": "99000017", "megastek": "990000000000017", "r16h": "990000000000017",
	"rftrack": "990000000000017",
	"sanav":   "990000000000017", "siadc09": "99017", "skyn": "SK-0017", "watch3g": "9900000017", "xexun2": "990000000000017",
}

// Evidence: of every device, what its link reported while it was recorded, with
// commands under way, is derived from the capture file again, byte for byte, by a
// session that knows nothing of the commands.
func TestEvidence(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			var file bytes.Buffer
			live := record(t, d, &file)
			var derived []*protocol.Report
			r, err := capture.NewReader(&file, capture.Options{})
			if err != nil {
				t.Fatal(err)
			}
			err = capture.Derive(r, func(c *capture.Conn) (*protocol.Derivation, error) {
				if c.Codec != d.Name {
					return nil, fmt.Errorf("the record names the codec %q", c.Codec)
				}
				return protocol.NewDerivation(d, protocol.SessionConfig{Identity: identities[d.Name]}, c.Name, protocol.Limits{}, func(r *protocol.Report) error {
					derived = append(derived, r)
					return nil
				}), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(live, derived, cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); diff != "" {
				t.Errorf("-live +derived\n%s", diff)
			}
		})
	}
}

// record runs a device's simulator against a center's link over TCP, and returns
// what the center committed.
func record(t *testing.T, d protocol.Device, file *bytes.Buffer) []*protocol.Report {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	sim, err := d.Simulator(identities[d.Name], 7)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for i, b := range []em.Body{
		&em.Fix{LatLng: em.LatLng{Lat: 54.687157, Lng: 25.279652}, Validity: em.FixCurrent, Source: em.SourceGNSS},
		&em.Tamper{What: em.TamperStrap}, &em.Alarm{What: em.AlarmSOS}, &em.Power{Event: em.PowerLow}, &em.Power{Event: em.PowerCut},
		&em.AlcoholReading{Value: em.Decimal{Coef: 37}, Unit: em.UnitRaw, Status: em.SampleOK},
		&em.Transdermal{Value: em.Decimal{Coef: 37}, Unit: em.UnitRaw},
	} {
		o := em.Observation{At: at.Add(time.Duration(i) * time.Minute), Stored: true, Body: b}
		o.DeviceAt = o.At
		if sim.Report(o) != nil { // as now, or not at all
			o.At, o.DeviceAt, o.Stored = time.Now(), time.Now(), false
			sim.Report(o)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wait sync.WaitGroup
	wait.Go(func() {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		l := &protocol.Link{Device: d, Session: sim, Conn: conn}
		l.Run(ctx)
	})
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(file)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := w.Open(time.Now(), capture.InfoOf(conn, "dock 7", d.Name))
	if err != nil {
		t.Fatal(err)
	}
	var reports []*protocol.Report
	seen := make(chan struct{}, 1)
	l := &protocol.Link{
		Device: d, Session: d.Sessions(protocol.SessionConfig{Identity: identities[d.Name]}), Conn: conn, Name: "dock 7", Tap: stream.Tap,
		Commit: func(_ context.Context, r *protocol.Report) error {
			reports = append(reports, r)
			for _, f := range r.Frames {
				if len(f.Observations) > 0 {
					select {
					case seen <- struct{}{}:
					default:
					}
				}
			}
			return nil
		},
	}
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(context.Background()) }()
	select {
	case <-seen:
	case <-ended:
		t.Fatal("the conversation ended without an observation")
	}
	var final sync.WaitGroup
	for _, kind := range d.Commands {
		final.Add(1)
		err := l.Command(protocol.Command{Kind: kind, Every: time.Minute, On: true, Text: "t", Timeout: 2 * time.Second}, func(s protocol.Delivery) {
			if s.Final {
				final.Done()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	final.Wait()
	cancel() // the device hangs up
	wait.Wait()
	<-ended
	return reports
}
