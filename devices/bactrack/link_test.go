package bactrack

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/serialline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// readings hands on the alcohol readings of reports.
func readings(ch chan<- em.Observation) func(context.Context, *protocol.Report) error {
	return func(ctx context.Context, r *protocol.Report) error {
		for _, f := range r.Frames {
			for _, o := range f.Observations {
				if o.Body.Kind() == em.KindAlcohol {
					ch <- o
				}
			}
		}
		return nil
	}
}

// TestPTY has a center poll an instrument over a pair of pseudo-terminals,
// through the same code that opens a serial port.
func TestPTY(t *testing.T) {
	instrument, name, err := serialline.OpenPTY()
	if errors.Is(err, errors.ErrUnsupported) && os.Getenv("EM_REQUIRE") == "" {
		t.Skip("SKIPPED: no pseudo-terminals on this system: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	center, err := serialline.Open(serialline.Config{Port: name})
	if err != nil {
		instrument.Close()
		t.Fatal(err)
	}
	d, err := New(Options{Poll: minPoll})
	if err != nil {
		t.Fatal(err)
	}
	sim, err := NewSimulator(SimulatorConfig{Seed: 1, Speed: 100})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make(chan em.Observation, 10)
	first := make(chan struct{}, 1)
	commit := readings(seen)
	centerLink := &protocol.Link{
		Device: d, Conn: center, Session: d.Sessions(protocol.SessionConfig{Identity: "VIO-0017"}),
		Commit: func(ctx context.Context, r *protocol.Report) error {
			for _, f := range r.Frames {
				if f.Type == (&VioStatus{}).Type() {
					select {
					case first <- struct{}{}:
					default:
					}
				}
			}
			return commit(ctx, r)
		},
	}
	instrumentLink := &protocol.Link{Device: d, Conn: instrument, Session: sim}
	ended := make(chan error, 2)
	for _, l := range []*protocol.Link{centerLink, instrumentLink} {
		go func() { ended <- l.Run(ctx) }()
	}
	defer func() {
		cancel()
		for range 2 {
			<-ended
		}
	}()
	wait := func(ch <-chan struct{}) {
		t.Helper()
		select {
		case <-ch:
		case err := <-ended:
			ended <- err
			t.Fatalf("a link ended: %v", err)
		case <-ctx.Done():
			t.Fatal("nothing came within a minute")
		}
	}
	wait(first) // the center has seen that no result is shown: what comes now is new
	if err := instrumentLink.Do(ctx, func(time.Time, protocol.Session, *protocol.Output) error {
		return sim.Report(em.Observation{Body: bac(208)})
	}); err != nil {
		t.Fatal(err)
	}
	select {
	case o := <-seen:
		r := o.Body.(*em.AlcoholReading)
		if o.Device != "bactrack:VIO-0017" || r.Value.String() != "0.0208" || r.Unit != em.UnitBloodGPer100mL || r.Status != em.SampleOK {
			t.Errorf("%s %+v", o.Device, r)
		}
	case err := <-ended:
		ended <- err
		t.Fatalf("a link ended: %v", err)
	case <-ctx.Done():
		t.Fatal("no reading within a minute")
	}
}

// TestTCP uploads results through the tunnel to a center whose store fails at
// first: nothing is acknowledged then, and all comes again.
func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sim, err := NewSimulator(SimulatorConfig{Identity: "VIO-0017", Tunnel: TunnelKept})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Report(
		em.Observation{DeviceAt: start, Stored: true, Body: bac(300)},
		em.Observation{DeviceAt: start.Add(time.Minute), Stored: true, Body: refused(em.SampleInvalid, "blow")},
	); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// connect runs one connection until done returns true for a report.
	connect := func(commit func(*protocol.Report) error, session protocol.Session) (center, host error) {
		t.Helper()
		dialed, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		hostEnded := make(chan error, 1)
		go func() {
			hostEnded <- (&protocol.Link{Device: Device(), Conn: dialed, Session: session}).Run(ctx)
		}()
		center = (&protocol.Link{
			Device: Device(), Conn: accepted,
			Commit: func(_ context.Context, r *protocol.Report) error { return commit(r) },
		}).Run(ctx)
		return center, <-hostEnded
	}

	failed := errors.New("the disk is full")
	var lost []em.ObservationID
	center, _ := connect(func(r *protocol.Report) error {
		for _, f := range r.Frames {
			for _, o := range f.Observations {
				lost = append(lost, o.ID)
			}
		}
		if len(lost) > 0 {
			return failed
		}
		return nil
	}, sim)
	if !errors.Is(center, failed) || sim.Pending() != 2 {
		t.Fatalf("the center ended with %v, %d results are pending", center, sim.Pending())
	}

	sim.Reconnect()
	var kept []em.Observation
	center, host := connect(func(r *protocol.Report) error {
		for _, f := range r.Frames {
			for _, o := range f.Observations {
				if o.Body.Kind() == em.KindAlcohol {
					kept = append(kept, o)
				}
			}
		}
		return nil
	}, hangUpWhenDone{sim})
	if center != nil || host != nil {
		t.Errorf("the ends end with %v and %v", center, host)
	}
	if sim.Pending() != 0 || len(kept) != 2 {
		t.Fatalf("%d results are pending, %d were kept", sim.Pending(), len(kept))
	}
	if kept[0].ID != lost[0] || !kept[0].Stored || !kept[0].At.Equal(start) || !kept[1].At.Equal(start.Add(time.Minute)) {
		t.Errorf("kept %+v, before %v", kept, lost)
	}
}

// hangUpWhenDone is a host that closes the connection when all is acknowledged.
type hangUpWhenDone struct{ *Simulator }

func (h hangUpWhenDone) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	err := h.Simulator.Handle(now, m, out)
	out.Close = out.Close || h.Pending() == 0
	return err
}
