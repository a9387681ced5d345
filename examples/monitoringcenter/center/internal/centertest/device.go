package centertest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol"
)

// IMEI is the identity of an invented tracker.
func IMEI(n int) string { return fmt.Sprintf("9900000000%05d", n) }

// Person is the document of invented person n who carries tracker n, with
// further fields in JSON such as `"zones":["school-1"]`.
func Person(n int, since time.Time, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Sprintf(`{"id":"p-%d","name":"Invented %d","version":"v1","since":%q,"devices":[{"id":"gt06:%s"}],"silence":{"from":%q}%s}`,
		n, n, since.UTC().Format(time.RFC3339Nano), IMEI(n), time.Now().UTC().Format(time.RFC3339), fields)
}

// School is an exclusion zone with a radius in metres about 54.72 N, 25.28 E.
func School(id, version string, radius int) string {
	return fmt.Sprintf(`{"type":"FeatureCollection","features":[{"type":"Feature","id":%q,"properties":{"kind":"exclusion","version":%q,"radius_m":%d},
		"geometry":{"type":"Point","coordinates":[25.28,54.72]}}]}`, id, version, radius)
}

// At is a fix at a time, so many metres north of the school.
func At(at time.Time, metres float64) em.Observation {
	return em.Observation{DeviceAt: at, Body: &em.Fix{
		LatLng:   em.LatLng{Lat: 54.72 + metres/111_195, Lng: 25.28},
		Validity: em.FixCurrent, Source: em.SourceGNSS,
	}}
}

// Kept is a fix out of the tracker's memory.
func Kept(at time.Time, metres float64) em.Observation {
	o := At(at, metres)
	o.Stored = true
	return o
}

// SOS is a call for help: an incident at once, whatever the rules.
func SOS(at time.Time) em.Observation {
	return em.Observation{DeviceAt: at, Body: &em.Alarm{What: em.AlarmSOS}}
}

// Device is a simulated tracker that is connected.
type Device struct {
	Link    *protocol.Link
	t       *testing.T
	tracker *tracker
	ended   chan struct{}
}

// tracker counts acknowledgements.
type tracker struct {
	protocol.Simulator
	mu   sync.Mutex
	acks int
}

// Connect dials and logs in as tracker n. It stays until the test ends, or the
// center hangs up.
func (c *Center) Connect(n int) *Device {
	c.T.Helper()
	sim, err := gt06.Device().Simulator(IMEI(n), uint64(n))
	if err != nil {
		c.T.Fatal(err)
	}
	d := &Device{t: c.T, tracker: &tracker{Simulator: sim}, ended: make(chan struct{})}
	d.Link = &protocol.Link{Device: gt06.Device(), Session: d.tracker, Conn: c.Dial(), Limits: protocol.Limits{First: -1, Idle: -1}}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { defer close(d.ended); d.Link.Run(ctx) }()
	c.T.Cleanup(func() { cancel(); <-d.ended })
	return d
}

// Dial opens a bare connection to the center's tracker port, closed when the
// test ends.
func (c *Center) Dial() net.Conn {
	c.T.Helper()
	conn, err := net.Dial("tcp", c.Devices)
	if err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(func() { conn.Close() })
	return conn
}

// Handle implements protocol.Session.
func (d *tracker) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	if _, ok := m.(*gt06.Ack); ok {
		d.mu.Lock()
		d.acks++
		d.mu.Unlock()
	}
	return d.Simulator.Handle(now, m, out)
}

// Acks is how many frames the center has acknowledged, the login among them.
func (d *Device) Acks() int {
	d.tracker.mu.Lock()
	defer d.tracker.mu.Unlock()
	return d.tracker.acks
}

// Report gives the tracker something to send.
func (d *Device) Report(obs ...em.Observation) {
	d.t.Helper()
	err := d.Link.Do(context.Background(), func(time.Time, protocol.Session, *protocol.Output) error { return d.tracker.Report(obs...) })
	if err != nil {
		d.t.Fatal(err)
	}
}

// Ended is closed when the center has hung up.
func (d *Device) Ended() <-chan struct{} { return d.ended }

// Send reports through a tracker and waits until all is acknowledged and
// evaluated; what the tracker has sent before is not judged together with it.
func (c *Center) Send(d *Device, obs ...em.Observation) {
	c.T.Helper()
	c.Eventually("the login is acknowledged", func() bool { return d.Acks() > 0 })
	c.CaughtUp()
	want := d.Acks() + len(obs)
	d.Report(obs...)
	c.Eventually("the reports are acknowledged", func() bool { return d.Acks() >= want })
	c.CaughtUp()
}
