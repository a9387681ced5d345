package geofence

import (
	"fmt"
	"math"
	"slices"
	"strings"
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
		EventUnknown:   {em.Warning, "May be in", "May have been on the wrong side of", "a fix said where", "zone"},
		EventStay:      {em.Info, "Came to", "At", "left it", "place"},
	}
)

type words struct {
	severity           em.Severity
	begins, lasts, end string
	zone               string
}

func (w words) during(id string) string { return w.lasts + " " + w.zone + " " + id }

// crossing is a confirmed crossing of an edge, as its last fix saw it.
type crossing struct {
	zone     *Zone
	buffer   bool
	run      run
	distance float64
	q        *reading
	confirm  Confirm
	margin   float64
	rested   time.Duration // of a device that came to rest lately, before q
	c        *Config
}

func (c *crossing) kind() em.EventKind {
	if c.buffer {
		return EventBuffer
	}
	return eventOf[c.zone.Kind]
}

// event is the event that begins with the crossing.
func (c *crossing) event() em.Event {
	kind := c.kind()
	w := wordsOf[kind]
	e := em.Event{
		Rule:    Rule,
		Version: c.zone.Version,
		About:   c.zone.ID,
		Anchor:  c.run.first,
		At:      c.run.first,
		Because: c.run.ids,
		Detail: em.Detail{
			Kind:     kind,
			Severity: w.severity,
			Reason:   fmt.Sprintf("%s %s %s: %s%s.", w.begins, w.zone, c.zone.ID, c.place(), c.silence()),
			Facts:    c.facts([]em.Fact{{Name: "rule", Text: RuleVersion}}, ""),
		},
	}
	if c.run.already {
		e.Detail.Class = ClassAlready
		e.Detail.Reason = fmt.Sprintf("Already %s %s %s when its rule came into force: %s.", strings.ToLower(w.lasts), w.zone, c.zone.ID, c.place())
	}
	return e
}

// end is told's last version, which ends with the crossing.
func (c *crossing) end(told em.Event) em.Event {
	w := wordsOf[told.Detail.Kind]
	told.Until = c.run.first
	told.Because = slices.Concat(told.Because, c.run.ids)
	told.Detail.Reason = fmt.Sprintf("%s for %v, then %s: %s%s.", w.during(c.zone.ID), duration(told.Until.Sub(told.At)), w.end, c.place(), c.silence())
	told.Detail.Facts = c.facts(told.Detail.Facts, "end_")
	return told
}

func duration(d time.Duration) time.Duration { return d.Round(time.Second) }

// longGap is from when on the Reason says how long before nothing was known; the
// fact "gap_s" always does.
const longGap = 5 * time.Minute

func (c *crossing) gap() time.Duration {
	if c.run.since.IsZero() {
		return 0
	}
	return c.run.first.Sub(c.run.since)
}

// silence says since when nothing was known.
func (c *crossing) silence() string {
	if g := c.gap(); g >= longGap {
		return fmt.Sprintf("; at some time in the %v since the fix before", duration(g))
	}
	return ""
}

// place says where the deciding fix lies.
func (c *crossing) place() string {
	what := "its edge"
	if c.buffer {
		what = fmt.Sprintf("its edge, %.0f m from the zone", c.c.Buffer)
	}
	return fmt.Sprintf("%s %s, %s ±%.0f m", insideBy(c.distance), what, originWords[c.q.origin], c.q.r95)
}

func insideBy(d float64) string {
	side := "outside"
	if d <= 0 {
		side = "inside"
	}
	return fmt.Sprintf("%.0f m %s", math.Abs(d), side)
}

// facts appends what the crossing rests on: where the deciding fix lies
// (negative inside), by how much that exceeds its uncertainty, and the row of
// fixes with what was asked of it.
func (c *crossing) facts(dst []em.Fact, prefix string) []em.Fact {
	fact := func(name, text string, num float64, unit string) {
		dst = append(dst, em.Fact{Name: prefix + name, Text: text, Num: num, Unit: unit})
	}
	dst = slices.Clip(dst)
	fact("distance_m", "", centimetres(c.distance), "m")
	fact("margin_m", "", centimetres(abs(c.distance)-c.q.r95), "m")
	fact("radius95_m", originFact[c.q.origin], centimetres(c.q.r95), "m")
	fact("fixes", "", float64(c.run.fixes), "1")
	fact("dwell_s", "", c.q.at.Sub(c.run.first).Seconds(), "s")
	if !c.run.since.IsZero() {
		fact("gap_s", "", c.gap().Seconds(), "s")
	}
	fact("min_fixes", "", float64(c.confirm.Fixes), "1")
	fact("min_dwell_s", "", c.confirm.Dwell.Seconds(), "s")
	if c.confirm.Sum > 0 {
		fact("sum", "", centimetres(c.run.sum), "1")
		fact("min_sum", "", c.confirm.Sum, "1")
	}
	if c.run.sure {
		fact("sure", "", c.confirm.Sure, "1")
	}
	if c.q.drift && c.run.firm && !c.run.precise.IsZero() {
		fact("precise_s", "", c.q.at.Sub(c.run.precise).Seconds(), "s")
		fact("min_precise_s", "", preciseFor.Seconds(), "s")
		if c.rested > 0 {
			fact("rested_s", "", c.rested.Seconds(), "s")
			fact("max_rested_s", "", restsLately.Seconds(), "s")
		}
	}
	if !c.run.firm {
		fact("drift_hold_s", "", c.c.DriftHold.Seconds(), "s")
	}
	if c.margin > 0 {
		fact("clear_margin_m", "", c.margin, "m")
	}
	if c.buffer {
		fact("buffer_m", "", c.c.Buffer, "m")
	}
	return dst
}

// passed is the event of a zone that lies on the straight way between two fixes,
// which leads to a depth of d, negative, in it.
func passed(z *Zone, a, b *reading, d float64) em.Event {
	gap, far := b.at.Sub(a.at), a.p.Distance(b.p)
	because := []em.ObservationID{a.id, b.id}
	return em.Event{
		Rule: Rule, Version: z.Version, About: z.ID, Anchor: anchorOf(a.at, because), At: a.at, Until: b.at, Because: because,
		Detail: em.Detail{
			Kind: EventPassed, Severity: em.Warning,
			Reason: fmt.Sprintf("The straight way between two fixes, %v apart, leads through exclusion zone %s, %s its edge; when it was passed, if it was, is not known.", duration(gap), z.ID, insideBy(d)),
			Facts: []em.Fact{
				{Name: "rule", Text: RuleVersion},
				{Name: "distance_m", Num: centimetres(d), Unit: "m"},
				{Name: "min_depth_m", Num: centimetres(depthAsked(a, b)), Unit: "m"},
				{Name: "way_m", Num: centimetres(far), Unit: "m"},
				{Name: "gap_s", Num: gap.Seconds(), Unit: "s"},
				{Name: "speed_mps", Num: centimetres(far / gap.Seconds()), Unit: "m/s"},
				{Name: "radius95_m", Text: originFact[a.origin], Num: centimetres(a.r95), Unit: "m"},
				{Name: "end_radius95_m", Text: originFact[b.origin], Num: centimetres(b.r95), Unit: "m"},
			},
		},
	}
}

// centimetres rounds metres, so that evidence does not differ by the last bits
// of a processor's arithmetic.
func centimetres(m float64) float64 { return math.Round(m*100)/100 + 0 }
