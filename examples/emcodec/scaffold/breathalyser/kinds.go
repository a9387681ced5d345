//go:build overlay

package scaffold

import (
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

const title = "Breathalyser of the dialect scaffold"

var kinds = []kind{
	{name: "reading", read: readReading, fields: stamped("value")},
	{name: "failure", read: readFailure, fields: stamped("reason")},
	{name: "battery", read: readBattery, fields: stamped("level")},
	{name: "heartbeat", read: readHeartbeat},
	{name: "ready", read: readReady},
	{name: "start", read: readStart},
	{name: "ack", read: readAck},
}

var commands = []protocol.CommandKind{protocol.CommandTest}

// Command implements protocol.Commander: a breath test is started.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	switch {
	case c.Kind != protocol.CommandTest:
		return protocol.Order{}, fmt.Errorf("scaffold: command %q: %w", c.Kind, protocol.ErrUnsupported)
	case s.device == "":
		return protocol.Order{}, fmt.Errorf("scaffold: command %q: %w", c.Kind, protocol.ErrNoIdentity)
	}
	return protocol.Order{
		Send: []protocol.Message{&Start{Head{Identity: string(s.device[len(name)+1:])}}},
		Answer: func(m protocol.Message) protocol.Answer {
			if _, ok := m.(*Ready); ok {
				return protocol.Acknowledged
			}
			return protocol.NoAnswer
		},
	}, nil
}

// reasons are those of tests without a result.
var reasons = map[string]em.SampleStatus{"FLOW": em.SampleInvalid, "ABORT": em.SampleAborted, "SENSOR": em.SampleSensor}

// tell returns the simulator's message that says a body; nil where there is none.
func tell(at Stamp, body em.Body) message {
	switch b := body.(type) {
	case *em.AlcoholReading:
		switch reading := (em.AlcoholReading{Value: b.Value, Unit: em.UnitBreathUgPerL, Status: b.Status, Reason: b.Reason}); {
		case *b != reading || b.Value.Scale != 0 || b.Value.Coef < 0 || b.Value.Coef > mostValue:
		case b.Status == em.SampleOK && b.Reason == "":
			return &Reading{Stamp: at, Value: uint16(b.Value.Coef)}
		case b.Status == reasons[b.Reason] && b.Value.Coef == 0:
			return &Failure{Stamp: at, Reason: b.Reason}
		}
	case *em.Power:
		if level := math.Round(b.Level.V * 100); b.Level.OK && level >= 0 && level <= 100 && *b == (em.Power{Event: b.Event, Level: b.Level}) &&
			(b.Event == em.PowerNone || b.Event == em.PowerLow) {
			return &Battery{Stamp: at.with(b.Event == em.PowerLow), Level: byte(level)}
		}
	}
	return nil
}

// mostValue is the highest value that the instrument shows.
const mostValue = 9999

// Reading is the result of a test.
type Reading struct {
	Head
	Stamp
	Value uint16 // µg/L of breath
}

// Type returns "reading".
func (*Reading) Type() string { return "reading" }

func (m *Reading) payload(dst []byte) []byte { return fmt.Appendf(m.append(dst), ",%d", m.Value) }

func (m *Reading) observe() (Stamp, em.Body) {
	return m.Stamp, &em.AlcoholReading{Value: em.Decimal{Coef: int64(m.Value)}, Unit: em.UnitBreathUgPerL, Status: em.SampleOK}
}

func readReading(h Head, c *wire.Cursor) message {
	return &Reading{h, stamp(c), uint16(number(c, "value", mostValue))}
}

// Failure is a test without a result.
type Failure struct {
	Head
	Stamp
	Reason string // FLOW, ABORT or SENSOR
}

// Type returns "failure".
func (*Failure) Type() string { return "failure" }

func (m *Failure) payload(dst []byte) []byte { return fmt.Appendf(m.append(dst), ",%s", m.Reason) }

func (m *Failure) observe() (Stamp, em.Body) {
	return m.Stamp, &em.AlcoholReading{Unit: em.UnitBreathUgPerL, Status: reasons[m.Reason], Reason: m.Reason}
}

func readFailure(h Head, c *wire.Cursor) message {
	m := &Failure{Head: h, Stamp: stamp(c)}
	at := c.Pos()
	if m.Reason = nmea.ReadText(c, "reason"); c.Err() == nil && reasons[m.Reason] == "" {
		c.FailAt("reason", at, wire.ErrValue)
	}
	return m
}

// Battery tells its level. FlagOn: it is low.
type Battery struct {
	Head
	Stamp
	Level byte // percent
}

// Type returns "battery".
func (*Battery) Type() string { return "battery" }

func (m *Battery) payload(dst []byte) []byte { return fmt.Appendf(m.append(dst), ",%d", m.Level) }

func (m *Battery) observe() (Stamp, em.Body) {
	power := &em.Power{Level: em.Some(float64(m.Level) / 100)}
	if m.on() {
		power.Event = em.PowerLow
	}
	return m.Stamp, power
}

func readBattery(h Head, c *wire.Cursor) message {
	return &Battery{h, stamp(c), byte(number(c, "level", 100))}
}

// Start is the center's order to begin a test.
type Start struct{ Head }

// Type returns "start".
func (*Start) Type() string { return "start" }

func (*Start) payload(dst []byte) []byte { return dst }
func (*Start) observe() (Stamp, em.Body) { return Stamp{}, nil }
func (*Start) obey(h Head) message       { return &Ready{h} }

func readStart(h Head, _ *wire.Cursor) message { return &Start{h} }

// Ready is the instrument's answer to a Start.
type Ready struct{ Head }

// Type returns "ready".
func (*Ready) Type() string { return "ready" }

func (*Ready) payload(dst []byte) []byte { return dst }
func (*Ready) observe() (Stamp, em.Body) { return Stamp{}, nil }

func readReady(h Head, _ *wire.Cursor) message { return &Ready{h} }
