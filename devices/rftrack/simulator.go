package rftrack

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// patience is how long a unit waits for a reply. It hangs up then: HTTP replies have
// no numbers, and one that came late would be taken for that to the next request.
const patience = 30 * time.Second

// simulator is a unit: each thing that is reported is a request, of which the
// next goes when the reply to the last has come.
type simulator struct {
	unit     string
	bracelet string
	queue    []*Report
	sent     time.Time // of the first of queue; zero where it was not
}

var _ protocol.Resumer = (*simulator)(nil)

func newSimulator(unit string, seed uint64) (*simulator, error) {
	if !nmea.Word(unit, 32) {
		return nil, fmt.Errorf("rftrack: simulator: %w", protocol.ErrIdentity)
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	return &simulator{unit: unit, bracelet: strconv.Itoa(10_000 + rnd.IntN(50_000))}, nil
}

func (s *simulator) Device() em.DeviceID { return deviceID(s.unit) }
func (s *simulator) Waiting() int        { return len(s.queue) }
func (s *simulator) Reconnect()          { s.sent = time.Time{} }

// Deadline is at once where a report waits and none is under way.
func (s *simulator) Deadline() time.Time {
	switch {
	case len(s.queue) == 0:
		return time.Time{}
	case s.sent.IsZero():
		return time.Unix(0, 0).UTC()
	}
	return s.sent.Add(patience)
}

// Wake sends the oldest report, or hangs up where its reply does not come.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	if dl := s.Deadline(); !dl.IsZero() && !now.Before(dl) {
		out.Close = !s.sent.IsZero()
		if s.sent = now; out.Close {
			return nil
		}
		out.Send = append(out.Send, s.queue[0])
	}
	return nil
}

// Handle takes the reply to the report that is under way.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	r, ok := m.(*Reply)
	if !ok {
		return fmt.Errorf("rftrack: %s to a unit: %w", m.Type(), protocol.ErrUnsupported)
	}
	if r.Status == 200 && !s.sent.IsZero() && len(s.queue) > 0 {
		s.queue, s.sent = s.queue[1:], time.Time{}
		return s.Wake(now, out)
	}
	return nil
}

// Report implements protocol.Simulator.
func (s *simulator) Report(obs ...em.Observation) error {
	var all []*Report
	for _, o := range obs {
		at := o.DeviceAt
		if at.IsZero() {
			at = o.At
		}
		r, err := s.form(at.UTC(), o.Body)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	s.queue = append(s.queue, all...)
	return nil
}

// form is the upload that says a body.
func (s *simulator) form(at time.Time, body em.Body) (*Report, error) {
	ms := at.UnixMilli()
	bracelet, rc := s.bracelet, "0"
	idt, bat, gps := uint64(0), "", ""
	bad := func() (*Report, error) {
		return nil, fmt.Errorf("rftrack: report of %T that no form can say: %w", body, protocol.ErrUnsupported)
	}
	if ms < 0 || ms > latest {
		return bad()
	}
	switch b := body.(type) {
	case *em.Fix:
		if b.Validity == em.FixInvalid {
			break
		}
		if b.Validity != em.FixCurrent || !b.Valid() || b.Source != em.SourceGNSS {
			return bad()
		}
		f := func(v float64) string { return strconv.FormatFloat(v, 'f', 7, 64) }
		gps = fmt.Sprintf(`{"a":%s,"y":%s,"s":%d,"t":%d,"z":%s,"x":%s}`, f(b.Accuracy.Or(10)), f(b.Lat), b.Satellites.Or(8), ms, f(b.Altitude.V), f(b.Lng))
	case *em.Beacon:
		if b.Radio != "rf" || b.RSSI.OK || !nmea.Word(b.Beacon, 32) || b.Beacon == "0" {
			return bad()
		}
		if bracelet = b.Beacon; b.Lost {
			idt = never << 45
		}
	case *em.Tamper:
		hi, lo, ok := strings.Cut(b.Code, ":")
		status, err1 := strconv.ParseUint(hi, 16, 16)
		code, err2 := strconv.ParseUint(lo, 16, 16)
		if b.What != em.TamperOther || b.Cleared || !ok || err1 != nil || err2 != nil || status == 0 {
			return bad()
		}
		rc = strconv.FormatUint(status<<16|code, 10)
	case *em.Power:
		if *b != (em.Power{Level: b.Level}) || !b.Level.OK || !(b.Level.V >= 0 && b.Level.V <= 1) {
			return bad()
		}
		bat = strconv.Itoa(int(math.Round(b.Level.V * 100)))
	default:
		return bad()
	}
	r := &Report{}
	add := func(name, value string) { r.Fields = append(r.Fields, Field{name, value}) }
	add("i", s.unit)
	add("t", strconv.FormatInt(ms, 10))
	add("id", bracelet)
	add("rc", rc)
	add("idt", strconv.FormatUint(idt, 10))
	if bat != "" {
		add("bat", bat)
	}
	if gps != "" {
		add("gps", gps)
	}
	return r, nil
}
