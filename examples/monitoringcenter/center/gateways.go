package center

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// Pace of the gateways' canaries.
const (
	gatewayCanaryEvery = 5 * time.Second
	// gatewaySilent is after what time a gateway is: three reports are missing, and a
	// slow log has had its time.
	gatewaySilent = 3*gatewayCanaryEvery + 5*time.Second
	// mostGateways bounds those that are known at once, by far.
	mostGateways = 1024
)

// gateways are those that the log has heard of and that have a name, by what the
// log calls them: see journal.Journal.Gateway. One that was stopped says so and is
// forgotten; one that began anew takes the place of the one of its name that has
// fallen silent before.
type gateways map[string]voice

type voice struct {
	device em.DeviceID // its canary
	since  time.Time   // when its first report was received
	last   time.Time   // when its last report was received
	heard  time.Time   // when that was read, by the monotonic clock
	known  bool        // this process has heard it; else the record knows of it
}

// gatewayName is what people call a gateway; empty for one without a name.
func gatewayName(id string) string {
	name, _, ok := strings.Cut(id, "/")
	if !ok {
		return ""
	}
	return name
}

// loadGateways takes up those that the record knows of. They have as long to be
// heard as if they had just been.
func (s *step) loadGateways() error {
	stored, err := s.tx.Gateways()
	s.gateways = gateways{}
	for _, g := range stored {
		_, device := canaryOf([]byte(g.ID))
		s.gateways[g.ID] = voice{device: device, since: g.Since, last: g.Since, heard: time.Now()}
	}
	return err
}

// gateway notes what the canary of a gateway reports; false where the report is no
// such canary's.
func (s *step) gateway(id string, r *protocol.Report) (bool, error) {
	if gatewayName(id) == "" || r.Conn != canaryConn {
		return false, nil
	}
	v, ok := s.gateways[id]
	if !ok {
		_, v.device = canaryOf([]byte(id))
	}
	if r.Device != v.device {
		return false, nil
	}
	if len(r.Frames) == 0 {
		s.views = append(s.views, func() { delete(s.gateways, id) })
		return true, s.tx.DropGateway(id)
	}
	if !ok {
		if len(s.gateways) >= mostGateways {
			return true, nil
		}
		v.since = r.Received
		if err := s.tx.AddGateway(record.Gateway{ID: id, Since: v.since}); err != nil {
			return false, err
		}
	}
	v.last, v.heard, v.known = r.Received, time.Now(), true
	s.views = append(s.views, func() { s.gateways[id] = v })
	return true, nil
}

// gatewayAlarms tells of gateways that are silent.
func (s *step) gatewayAlarms(silent time.Duration) error {
	now := time.Now()
	ages := map[string]time.Duration{} // of the worst, by name; 0 where all are well
	for _, id := range slices.Sorted(maps.Keys(s.gateways)) {
		v, name := s.gateways[id], gatewayName(id)
		age := now.Sub(v.heard)
		switch {
		case age <= silent:
			if _, ok := ages[name]; !ok && v.known {
				ages[name] = 0
			}
		case s.gateways.succeeded(id):
			s.views = append(s.views, func() { delete(s.gateways, id) })
			if err := s.tx.DropGateway(id); err != nil {
				return err
			}
		default:
			ages[name] = max(ages[name], age)
		}
	}
	for a := range s.alarms {
		if name, ok := strings.CutPrefix(a.about, aboutGateway); ok && a.kind == kindCanary && !s.gateways.named(name) {
			ages[name] = 0 // it was stopped
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ages)) {
		severity := em.Info
		if ages[name] > 0 {
			severity = em.Warning
		}
		err := s.alarm(alarm{kindCanary, aboutGateway + name}, severity,
			"Nothing is heard of this gateway, and it was not stopped: devices that report to it may not be heard.",
			em.Fact{Name: "age", Num: ages[name].Seconds(), Unit: "s"})
		if err != nil {
			return err
		}
	}
	return nil
}

const aboutGateway = "gateway "

// succeeded reports whether another gateway of the same name began after one was
// heard last.
func (all gateways) succeeded(id string) bool {
	for other, v := range all {
		if other != id && gatewayName(other) == gatewayName(id) && v.since.After(all[id].last) {
			return true
		}
	}
	return false
}

func (all gateways) named(name string) bool {
	for id := range all {
		if gatewayName(id) == name {
			return true
		}
	}
	return false
}
