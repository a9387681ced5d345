package em_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// atHome tells when a home unit stops hearing the wearer's tag.
type atHome struct{ lost time.Time }

func (*atHome) Clock() em.Clock                             { return em.EventTime }
func (*atHome) Deadline() time.Time                         { return time.Time{} }
func (*atHome) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }
func (a *atHome) AppendBinary(dst []byte) ([]byte, error)   { return em.AppendTime(dst, a.lost), nil }
func (a *atHome) event(until time.Time) em.Event {
	return em.Event{
		Rule: "presence", About: "home", Anchor: a.lost, At: a.lost, Until: until,
		Detail: em.Detail{Kind: "presence.away", Severity: em.Warning, Reason: "The home unit does not hear the tag."},
	}
}

func (a *atHome) Observe(dst []em.Event, o em.Observation) []em.Event {
	b, ok := o.Body.(*em.Beacon)
	switch {
	case !ok:
	case b.Lost && a.lost.IsZero():
		a.lost = o.At
		dst = append(dst, a.event(time.Time{}))
	case !b.Lost && !a.lost.IsZero():
		dst = append(dst, a.event(o.At))
		a.lost = time.Time{}
	}
	return dst
}

func (a *atHome) UnmarshalBinary(b []byte) error {
	*a = atHome{}
	if len(b) == 0 {
		return nil
	}
	r := em.NewStateReader(b)
	a.lost = r.Time()
	return r.Close()
}

// A contact that a device had stored comes late, and the absence that was told
// meanwhile is told again, shorter.
func ExampleTimeline() {
	evening := func(hour, minute int) time.Time { return time.Date(2026, 10, 3, hour, minute, 0, 0, time.UTC) }
	heard := func(at, received time.Time, lost bool) em.Observation {
		return em.Observation{Device: "rf:17", DeviceAt: at, Body: &em.Beacon{Beacon: "home-17", Radio: "rf", Lost: lost}}.Stamp(received)
	}

	var history em.MemoryHistory
	timeline, err := em.NewTimeline(em.Config{Subject: "person-1", History: &history}, new(atHome))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range []em.Observation{
		heard(evening(19, 0), evening(19, 0), true),
		heard(evening(21, 30), evening(21, 30), false),
		heard(evening(20, 10), evening(21, 45), false), // stored since 20:10
	} {
		var result em.Result
		if err := timeline.Feed(&result, o.Received, o); err != nil {
			fmt.Println(err)
			return
		}
		history.Commit(&result, o) // a service writes both to its store, in one transaction
		for _, c := range result.Changes {
			fmt.Print(c.Known.Format("15:04 "), c.Kind, " ", c.Event.Detail.Kind, c.Event.At.Format(" from 15:04"))
			if !c.Event.Open() {
				fmt.Print(c.Event.Until.Format(" to 15:04"))
			}
			fmt.Println()
		}
	}

	// Output:
	// 19:00 opened presence.away from 19:00
	// 21:30 closed presence.away from 19:00 to 21:30
	// 21:45 updated presence.away from 19:00 to 20:10
}
