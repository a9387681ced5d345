package record_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

func (f *file) apply(r em.Result) {
	f.t.Helper()
	f.update(func(tx *record.Tx) error { return tx.Apply(wearer, &r) })
}

func (f *file) present(c em.Clock, from time.Time) []string {
	f.t.Helper()
	var all []string
	f.update(func(tx *record.Tx) error {
		for e, err := range record.NewHistory(wearer, func() *record.Tx { return tx }).Events(c, from) {
			if err != nil {
				return err
			}
			all = append(all, e.About+" "+e.Detail.Class)
		}
		return nil
	})
	return all
}

func (f *file) checkpoints(c em.Clock, notAfter time.Time) []int {
	f.t.Helper()
	var all []int
	f.update(func(tx *record.Tx) error {
		for cp, err := range record.NewHistory(wearer, func() *record.Tx { return tx }).Checkpoints(c, notAfter) {
			if err != nil {
				return err
			}
			all = append(all, int(cp.At.Sub(base)/time.Minute))
		}
		return nil
	})
	return all
}

func minute(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }

// Void clears (From, To] of its clock, before Save writes.
func TestApplyCheckpoints(t *testing.T) {
	f := create(t)
	var r em.Result
	for n := range 6 {
		r.Save = append(r.Save, em.Checkpoint{At: minute(n)}, em.Checkpoint{Clock: em.ReceiveTime, At: minute(n)})
	}
	f.apply(r)
	f.update(func(tx *record.Tx) error {
		return tx.Apply("p-2", &em.Result{Void: []em.Span{{From: base, To: minute(9)}}}) // another person's
	})
	f.apply(em.Result{
		Void: []em.Span{{Clock: em.EventTime, From: minute(1), To: minute(4)}},
		Save: []em.Checkpoint{{At: minute(3), State: [][]byte{[]byte("new")}}},
	})
	if got := f.checkpoints(em.EventTime, minute(9)); !slices.Equal(got, []int{5, 3, 1, 0}) {
		t.Errorf("by event time, newest first: %v", got)
	}
	if got := f.checkpoints(em.EventTime, minute(3)); !slices.Equal(got, []int{3, 1, 0}) {
		t.Errorf("not after the third minute: %v", got)
	}
	if got := f.checkpoints(em.ReceiveTime, minute(9)); !slices.Equal(got, []int{5, 4, 3, 2, 1, 0}) {
		t.Errorf("by time of reception: %v", got)
	}
}

// More streams and checkpoints than one statement writes are all there, and of a
// checkpoint that is saved twice the later one.
func TestManyAtOnce(t *testing.T) {
	const many = 70
	f := create(t)
	device := func(n int) em.DeviceID { return em.DeviceID(fmt.Sprint("gt06:", n)) }
	f.update(func(tx *record.Tx) error {
		var r em.Result
		for n := range many {
			frame, err := tx.AddFrame(1, &protocol.Report{Codec: "gt06", Device: device(n), Received: base}, &protocol.ReportFrame{Raw: []byte("x")})
			if err == nil {
				_, _, err = tx.AddObservation(fix(device(n), base, 54+float64(n)/1000), em.SubjectID(fmt.Sprint("p-", n)), frame)
			}
			if err != nil {
				return err
			}
			r.Save = append(r.Save, em.Checkpoint{At: minute(n), State: [][]byte{[]byte("first")}})
		}
		r.Save = append(r.Save, em.Checkpoint{At: minute(many - 1), State: [][]byte{[]byte("again")}})
		return tx.Apply(wearer, &r)
	})
	f.reopen()
	for n := range many {
		track, err := f.Track(t.Context(), em.SubjectID(fmt.Sprint("p-", n)), base, base.Add(time.Hour), 10)
		if err != nil || len(track) != 1 || track[0].Device != device(n) {
			t.Fatalf("person %d has %v, %v", n, track, err)
		}
	}
	if all := f.checkpoints(em.EventTime, minute(many)); len(all) != many || all[0] != many-1 {
		t.Errorf("%d checkpoints, the newest of minute %d", len(all), all[0])
	}
	f.update(func(tx *record.Tx) error {
		for cp, err := range record.NewHistory(wearer, func() *record.Tx { return tx }).Checkpoints(em.EventTime, minute(many)) {
			if err != nil || string(cp.State[0]) != "again" {
				t.Errorf("the newest is %q, %v", cp.State, err)
			}
			break
		}
		return nil
	})
}

// Withdrawn removes, Moved takes the place of what it was, all else is put.
func TestApplyChanges(t *testing.T) {
	f := create(t)
	a, b, c := event("a", minute(1)), event("b", minute(2)), event("c", minute(3))
	closed := a
	closed.Detail.Class, closed.Until, closed.Concluded = "CLOSED", minute(5), minute(5)
	moved := event("b", minute(4))
	f.apply(em.Result{Changes: []em.Change{
		{Kind: em.Opened, Event: a, Known: minute(1)}, {Kind: em.Opened, Event: b, Known: minute(2)}, {Kind: em.Opened, Event: c, Known: minute(3)},
		{Kind: em.Opened, Clock: em.ReceiveTime, Event: event("silent", minute(3)), Known: minute(3)},
	}})
	f.apply(em.Result{Changes: []em.Change{
		{Kind: em.Closed, Event: closed, Was: a, Known: minute(5)},
		{Kind: em.Moved, Event: moved, Was: b, Known: minute(5)},
		{Kind: em.Withdrawn, Event: c, Known: minute(5)},
	}})
	f.reopen()
	if got := f.present(em.EventTime, base); !slices.Equal(got, []string{"b ", "a CLOSED"}) {
		t.Errorf("present: %q", got)
	}
	if got := f.present(em.EventTime, minute(5)); !slices.Equal(got, []string{"a CLOSED"}) {
		t.Errorf("concluded from the fifth minute on: %q", got)
	}
	if got := f.present(em.ReceiveTime, base); !slices.Equal(got, []string{"silent "}) {
		t.Errorf("by time of reception: %q", got)
	}
	for name, want := range map[em.EventID][]string{
		a.ID: {"opened", "closed"}, c.ID: {"opened", "withdrawn"}, moved.ID: {"opened", "moved"}, b.ID: {"opened"},
	} {
		if got := f.ledger(name, 100); !slices.Equal(got, want) {
			t.Errorf("ledger of %v: %q, want %q", name, got, want)
		}
	}
}

func (f *file) ledger(id em.EventID, n int) []string {
	f.t.Helper()
	rows, err := f.ChangesOf(f.t.Context(), id, n)
	if err != nil {
		f.t.Fatal(err)
	}
	var kinds []string
	for i, r := range rows {
		if i > 0 && r.N <= rows[i-1].N {
			f.t.Errorf("entry %d follows %d", r.N, rows[i-1].N)
		}
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

// Late data may move an event away and back again: its ledger holds each entry
// once, and at most as many as asked for, the newest.
func TestLedgerOfAnEventThatCameBack(t *testing.T) {
	f := create(t)
	a, b := event("x", minute(1)), event("x", minute(2))
	updated := a
	updated.Detail.Class = "LATER"
	f.apply(em.Result{Changes: []em.Change{
		{Kind: em.Opened, Event: a}, {Kind: em.Moved, Event: b, Was: a},
		{Kind: em.Moved, Event: a, Was: b}, {Kind: em.Updated, Event: updated, Was: a},
	}})
	if got := f.ledger(a.ID, 100); !slices.Equal(got, []string{"opened", "moved", "moved", "updated"}) {
		t.Errorf("ledger: %q", got)
	}
	if got := f.ledger(a.ID, 2); !slices.Equal(got, []string{"moved", "updated"}) {
		t.Errorf("its two newest entries: %q", got)
	}
}
