package geofence_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// FuzzState reads states of all kinds of bytes. What is taken is written
// again to the byte, and judged with.
func FuzzState(f *testing.F) {
	zone := roundZone(KindExclusion)
	zone.Active = scheduled{windows{{-1000, 1000}}}
	other := roundZone(KindInclusion)
	other.ID = "in"
	x := mustSet(f, zone, other)
	tracker := func() *Tracker {
		tr, err := NewTracker(x, Config{Buffer: 50, Unused: true})
		if err != nil {
			f.Fatal(err)
		}
		return tr
	}
	// The states of a way with all that a state may hold.
	tr := tracker()
	f.Add([]byte(nil))
	for i, s := range []step{
		{at: 0, distance: 300, radius: 20}, {at: 1, distance: -30, radius: 20}, {at: 2, distance: -95, radius: 5}, {at: 3, distance: 9000, radius: 20},
		{at: 3.1, distance: -50, radius: 20, change: device("test:990000000000025")}, {at: 4, distance: 90, radius: 20}, {at: 5, distance: -50, radius: 20},
	} {
		o := s.observation()
		if fix, ok := o.Body.(*em.Fix); ok && i < 3 {
			fix.Speed = em.Some(1.5 - float64(i))
		}
		tr.Observe(nil, o)
		state, err := tr.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(state)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := tracker()
		if err := tr.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, em.ErrState) {
				t.Fatalf("%v is no ErrState", err)
			}
			return
		}
		again, err := tr.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
		tr.Deadline()
		for i := range 4 {
			tr.Observe(nil, step{at: float64(i), distance: 60 * float64(i-2), radius: 10}.observation())
		}
		state, err := tr.AppendBinary(nil)
		if err == nil {
			err = tracker().UnmarshalBinary(state)
		}
		if err != nil {
			t.Fatalf("%x: %v", state, err)
		}
	})
}

// TestStateOfVersion1 reads what was written before there were ways: it is refused,
// so that em.Timeline passes over it.
func TestStateOfVersion1(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "state1.bin"))
	if err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t, Config{}, roundZone(KindExclusion))
	if err := p.main.UnmarshalBinary(b); !errors.Is(err, em.ErrState) {
		t.Fatal(err)
	}
	// A Timeline that finds it goes back to the observations.
	var obs []em.Observation
	for i := range 3 {
		o := step{at: float64(i), distance: -50, radius: 10}.observation()
		o.Received = o.At
		obs = append(obs, o)
	}
	history := &em.MemoryHistory{}
	history.Commit(&em.Result{Save: []em.Checkpoint{{Clock: em.EventTime, At: minute(1), State: [][]byte{b}}}}, obs...)
	tl, err := em.NewTimeline(em.Config{Subject: "s", Start: minute(-10), Every: time.Minute, Save: time.Minute, History: history}, p.make())
	if err != nil {
		t.Fatal(err)
	}
	var res em.Result
	if err := tl.Feed(&res, minute(3), obs...); err != nil {
		t.Fatal(err)
	}
	history.Commit(&res)
	if got := history.Present(); len(got) != 1 || !got[0].At.Equal(minute(0)) {
		t.Errorf("%+v", got)
	}
}
