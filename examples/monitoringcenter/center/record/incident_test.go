package record_test

import (
	"errors"
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

func (f *file) put(i record.Incident) (n int64) {
	f.t.Helper()
	f.update(func(tx *record.Tx) (err error) {
		n, err = tx.PutIncident(i)
		return err
	})
	return n
}

func TestIncidentFollowsItsEvent(t *testing.T) {
	f := create(t)
	a, b := event("a", minute(1)), event("a", minute(2))
	first := record.Incident{Verdict: record.Stands, Handling: record.New, Raised: minute(1), Changed: minute(1), Event: a}
	first.ID = f.put(first)
	first.Verdict = record.Withdrawn
	f.put(first)
	second := first
	second.ID, second.Event, second.Verdict = 0, b, record.Stands
	second.ID = f.put(second)

	// Late data moves the second event to where the withdrawn first one was:
	// both incidents stay, and the event is the second's.
	second.Event = a
	f.put(second)
	f.update(func(tx *record.Tx) error {
		got, err := tx.IncidentOf(a.ID)
		if err != nil || got.ID != second.ID {
			t.Errorf("the event's incident is %d, %v; want %d", got.ID, err, second.ID)
		}
		if _, err := tx.IncidentOf(b.ID); !errors.Is(err, record.ErrNoIncident) {
			t.Errorf("the place it left: %v", err)
		}
		if _, err := tx.Incident(99); !errors.Is(err, record.ErrNoIncident) {
			t.Errorf("an unknown number: %v", err)
		}
		open, err := tx.OpenIncidents()
		if len(open) != 2 || open[0].Verdict != record.Withdrawn {
			t.Errorf("open: %v", open)
		}
		return err
	})
}

func TestIncidentsPages(t *testing.T) {
	f := create(t)
	for i := range 5 {
		h := record.New
		if i == 2 {
			h = record.Closed
		}
		f.put(record.Incident{Verdict: record.Stands, Handling: h, Raised: base, Changed: base, Event: event("a", minute(i))})
	}
	numbers := func(closed bool, before int64, n int) (all []int64) {
		t.Helper()
		rows, err := f.Incidents(t.Context(), closed, before, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			all = append(all, r.ID)
		}
		return all
	}
	for name, c := range map[string]struct {
		got  []int64
		want []int64
	}{
		"open":       {numbers(false, 0, 10), []int64{5, 4, 2, 1}},
		"all":        {numbers(true, 0, 10), []int64{5, 4, 3, 2, 1}},
		"first page": {numbers(true, 0, 2), []int64{5, 4}},
		"next page":  {numbers(true, 4, 2), []int64{3, 2}},
	} {
		if len(c.got) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
			continue
		}
		for i := range c.got {
			if c.got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", name, c.got, c.want)
			}
		}
	}
}

// Latest is what a new start shows: what a device's wrong clock put into the
// future, and the late limits refused, is not where the person is.
func TestLatest(t *testing.T) {
	f := create(t)
	now, wrong := fix("gt06:1", minute(5), 54.7), fix("gt06:1", minute(5), 54.9)
	wrong.DeviceAt, wrong.At = minute(5).AddDate(4, 0, 0), minute(5).AddDate(4, 0, 0)
	wrong = wrong.Stamp(minute(6))
	power := em.Observation{Device: "gt06:1", DeviceAt: minute(4), Body: &em.Power{Level: em.Some(0.5)}}.Stamp(minute(4))
	for _, o := range []em.Observation{fix("gt06:1", minute(3), 54.6), now, power, wrong} {
		f.add(o, wearer)
	}
	f.update(func(tx *record.Tx) error {
		if err := tx.Refuse(wearer, minute(6), em.Refused{Observation: wrong, Reason: em.TooFarAhead}); err != nil {
			return err
		}
		got, err := tx.Latest(wearer)
		if len(got) != 3 || got[0].ID != now.ID || got[1].ID != power.ID || !got[2].Received.Equal(minute(6)) {
			t.Errorf("latest: %v", got)
		}
		return err
	})
}
