package geofence

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// eventOf and wordsOf say how events speak of zones. They are never changed.
var (
	eventOf = map[Kind]em.EventKind{
		KindExclusion: EventExclusion,
		KindInclusion: EventLeft,
		KindBuffer:    EventBuffer,
		KindHome:      EventStay,
		KindPlace:     EventStay,
	}
	wordsOf = map[em.EventKind]words{
		EventExclusion: {em.Violation, "Entered", "In", "left it", "exclusion zone"},
		EventLeft:      {em.Violation, "Left", "Out of", "returned", "inclusion zone"},
		EventBuffer:    {em.Warning, "Entered", "In", "left it", "buffer zone"},
		EventStay:      {em.Info, "Came to", "At", "left it", "place"},
	}
)

type words struct {
	severity           em.Severity
	begins, lasts, end string
	zone               string
}

func (w words) during(id string) string { return w.lasts + " " + w.zone + " " + id }

// crossing is a confirmed crossing of a zone's edge, as its last fix saw it.
type crossing struct {
	zone       *Zone
	run        run
	distance   float64
	radius95   float64
	reported   bool
	dwell      time.Duration
	confirm    Confirm
	exitMargin float64
}

// event is the event that begins with the crossing.
func (c *crossing) event() em.Event {
	kind := eventOf[c.zone.Kind]
	w := wordsOf[kind]
	return em.Event{
		Rule:    Rule,
		Version: c.zone.Version,
		About:   c.zone.ID,
		Anchor:  c.run.first,
		At:      c.run.first,
		Because: c.run.ids,
		Detail: em.Detail{
			Kind:     kind,
			Severity: w.severity,
			Reason:   fmt.Sprintf("%s %s %s: %s.", w.begins, w.zone, c.zone.ID, c.place()),
			Facts:    c.facts(nil, ""),
		},
	}
}

// end is told's last version, which ends with the crossing.
func (c *crossing) end(told em.Event) em.Event {
	w := wordsOf[told.Detail.Kind]
	told.Until = c.run.first
	told.Because = slices.Concat(told.Because, c.run.ids)
	told.Detail.Reason = fmt.Sprintf("%s for %v, then %s: %s.", w.during(c.zone.ID), duration(told.Until.Sub(told.At)), w.end, c.place())
	told.Detail.Facts = c.facts(told.Detail.Facts, "end_")
	return told
}

func duration(d time.Duration) time.Duration { return d.Round(time.Second) }

// place says where the deciding fix lies.
func (c *crossing) place() string {
	side, quality := "outside", "good to"
	if c.distance <= 0 {
		side = "inside"
	}
	if !c.reported {
		quality = "of unstated accuracy, taken as"
	}
	return fmt.Sprintf("%.0f m %s its edge, position %s ±%.0f m", math.Abs(c.distance), side, quality, c.radius95)
}

// facts appends what the crossing rests on: where the deciding fix lies
// (negative inside), by how much that exceeds its uncertainty, and the row of
// fixes with what was asked of it.
func (c *crossing) facts(dst []em.Fact, prefix string) []em.Fact {
	origin := "assumed"
	if c.reported {
		origin = "reported"
	}
	dst = append(slices.Clip(dst),
		em.Fact{Name: prefix + "distance_m", Num: centimetres(c.distance), Unit: "m"},
		em.Fact{Name: prefix + "margin_m", Num: centimetres(math.Abs(c.distance) - c.radius95), Unit: "m"},
		em.Fact{Name: prefix + "radius95_m", Text: origin, Num: centimetres(c.radius95), Unit: "m"},
		em.Fact{Name: prefix + "fixes", Num: float64(c.run.fixes), Unit: "1"},
		em.Fact{Name: prefix + "dwell_s", Num: c.dwell.Seconds(), Unit: "s"},
		em.Fact{Name: prefix + "min_fixes", Num: float64(c.confirm.Fixes), Unit: "1"},
		em.Fact{Name: prefix + "min_dwell_s", Num: c.confirm.Dwell.Seconds(), Unit: "s"},
	)
	if c.distance > 0 {
		dst = append(dst, em.Fact{Name: prefix + "exit_margin_m", Num: c.exitMargin, Unit: "m"})
	}
	return dst
}

// centimetres rounds metres, so that evidence does not differ by the last bits
// of a processor's arithmetic.
func centimetres(m float64) float64 { return math.Round(m*100)/100 + 0 }
