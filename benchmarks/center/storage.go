package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// storage is what a day of devices takes that report once a minute: the load of
// seconds fills no segment. All was sent by devices that had been without a network,
// and all is stored, once.
type storage struct {
	Devices int     `json:"devices"`
	Fixes   int64   `json:"fixes"`
	Tracks  float64 `json:"track_bytes_per_fix"` // what a report says, packed, with indexes
	Frames  float64 `json:"frame_bytes_per_fix"` // the raw bytes of it
	Other   float64 `json:"other_bytes_per_fix"` // what is not packed yet, and what is there once
	Log     float64 `json:"log_bytes_per_fix"`
}

// How much a device has stored, and how long ago that began.
const (
	dayReports = 24 * 60
	dayAgo     = 25 * time.Hour
)

// storage measures it, of a center of its own.
func (b *bench) storage(ctx context.Context) (*storage, error) {
	st, err := b.start(ctx, setup{known: dayAgo + time.Hour})
	if err != nil {
		return nil, err
	}
	defer st.kill()
	before, err := b.sizes(ctx, st)
	if err != nil {
		return nil, err
	}
	begin := time.Now().Add(-dayAgo).UTC().Truncate(time.Minute)
	uploads := make(chan error)
	for n := range b.Stored {
		go func() {
			uploads <- upload(ctx, st.addrs[n%len(st.addrs)], identity(n), day(begin, b.Seed, n))
		}()
	}
	for range b.Stored {
		err = errors.Join(err, <-uploads)
	}
	if err != nil {
		return nil, err
	}
	if err := st.center.CaughtUp(ctx); err != nil {
		return nil, err
	}
	c, err := countsOf(ctx, st.center.Client)
	if err == nil {
		err = complete(c, b.Stored*dayReports, b.Stored*dayReports, 0)
	}
	if err == nil {
		err = st.stop()
	}
	if err != nil {
		return nil, err
	}
	after, err := b.sizes(ctx, st)
	if err != nil {
		return nil, err
	}
	log, _, err := st.stored()
	if err != nil {
		return nil, err
	}
	fixes := float64(c.Fixes)
	return &storage{b.Stored, c.Fixes, float64(after.Tracks-before.Tracks) / fixes, float64(after.Frames-before.Frames) / fixes,
		float64(after.Other-before.Other) / fixes, (log - st.logBefore) / fixes}, nil
}

// sizes are those of the record's file.
func (b *bench) sizes(ctx context.Context, st *stack) (record.Sizes, error) {
	s, err := record.Connect(filepath.Join(st.dir, "record.db"), "")
	if err != nil {
		return record.Sizes{}, err
	}
	sizes, err := s.Sizes(ctx)
	return sizes, errors.Join(err, s.Close())
}

// day is what a device saw whose wearer walked all day long: no two positions are the
// same, which takes the most.
func day(begin time.Time, seed uint64, n int) []em.Observation {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	p := em.LatLng{Lat: 54.4 + 0.2*r.Float64(), Lng: 24.6 + 0.2*r.Float64()}
	course := 360 * r.Float64()
	var all []em.Observation
	for i := range dayReports {
		speed := 0.5 + r.Float64() // m/s
		course = math.Mod(course+360+40*r.NormFloat64(), 360)
		sin, cos := math.Sincos(course * math.Pi / 180)
		p.Lat += speed * 60 * cos / 111_200
		p.Lng += speed * 60 * sin / 111_200 / math.Cos(p.Lat*math.Pi/180)
		all = append(all, em.Observation{DeviceAt: begin.Add(time.Duration(i)*time.Minute + time.Duration(n%60)*time.Second), Stored: true, Body: &em.Fix{
			LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(6 + r.IntN(6)), Speed: em.Some(speed), Course: em.Some(course)}})
	}
	return all
}

// upload lets a device send what it has stored, until all is acknowledged.
func upload(ctx context.Context, addr, identity string, all []em.Observation) error {
	device := gt06.Device()
	sim, err := device.Simulator(identity, 1)
	if err != nil {
		return err
	}
	if err := sim.Report(all...); err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(addr, "tcp://"))
	if err != nil {
		return err
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	link := &protocol.Link{Device: device, Session: sim, Conn: conn, Name: "upload"}
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	for waiting := 1; waiting > 0; {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		if err := link.Do(ctx, func(time.Time, protocol.Session, *protocol.Output) error {
			waiting = sim.(protocol.Resumer).Waiting()
			return nil
		}); err != nil {
			return fmt.Errorf("upload: %w", errors.Join(err, <-ended))
		}
	}
	done()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
