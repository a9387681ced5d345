package record_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// divided is the head of a new divided record, and two of its partitions.
type divided struct {
	t     *testing.T
	url   string
	head  *record.Store
	parts [3]*record.Store // 1 and 2
}

// TestDivided runs them on one server.
func TestDivided(t *testing.T) {
	server := pgserver.ForTest(t)
	for name, f := range map[string]func(*testing.T, *divided){
		"once": divideOnce, "one owner": onePartitionOwner, "hand over": handOver, "versions": versions, "lend": lend,
	} {
		t.Run(name, func(t *testing.T) { f(t, divide(t, server)) })
	}
}

func divide(t *testing.T, server *pgserver.Server) *divided {
	t.Helper()
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := &divided{t: t, url: url}
	if d.head, err = record.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.head.Close() })
	d.in(d.head, func(tx *record.Tx) error {
		if n, err := tx.Divide(2); err != nil || n != 2 {
			t.Errorf("divided into %d: %v", n, err)
		}
		_, err := tx.Secret("draws", func() []byte { return []byte("key") })
		return err
	})
	for part := range d.parts[1:] {
		d.parts[part+1] = d.partition(part + 1)
		d.must(d.parts[part+1].Own(t.Context()))
	}
	return d
}

func (d *divided) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *divided) partition(part int) *record.Store {
	d.t.Helper()
	s, err := d.head.Partition(d.t.Context(), part)
	d.must(err)
	d.t.Cleanup(func() { s.Close() })
	return s
}

func (d *divided) in(s *record.Store, f func(*record.Tx) error) {
	d.t.Helper()
	d.must(s.Update(d.t.Context(), f))
}

// A record is divided while it is empty, once for ever; a file is not, nor is one that
// has seen a log.
func divideOnce(t *testing.T, d *divided) {
	d.in(d.head, func(tx *record.Tx) error {
		n, err := tx.Divide(7)
		if n != 2 {
			t.Errorf("divided anew into %d", n)
		}
		return err
	})
	if n, known, err := d.head.Partitions(t.Context()); err != nil || n != 2 || !known {
		t.Errorf("%d partitions, %v: %v", n, known, err)
	}
	if made, err := d.head.Made(t.Context(), 2); err != nil || !made {
		t.Errorf("made: %v, %v", made, err)
	}
	if made, err := d.head.Made(t.Context(), 3); err != nil || made {
		t.Errorf("the third is made: %v, %v", made, err)
	}
	whole := create(t)
	if err := whole.Update(t.Context(), func(tx *record.Tx) error {
		if err := errors.Join(tx.SetLog("l"), tx.SetPosition(1)); err != nil {
			return err
		}
		n, err := tx.Divide(2)
		if n != 0 {
			t.Errorf("a record in use is divided into %d", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if n, known, err := whole.Partitions(t.Context()); err != nil || n != 0 || !known {
		t.Errorf("%d partitions, %v: %v", n, known, err)
	}
}

// Each partition has one writer, which loses it with its session; whoever is there
// sees who owns what.
func onePartitionOwner(t *testing.T, d *divided) {
	ctx := t.Context()
	here, err := d.head.Present(ctx)
	d.must(err)
	defer here.Close()
	other, err := d.head.Present(ctx)
	d.must(err)
	if n, owned, err := here.Look(ctx); err != nil || n != 2 || len(owned) != 2 || !owned[1] || !owned[2] {
		t.Errorf("%d processes, owned %v: %v", n, owned, err)
	}
	d.must(other.Close())
	second := d.partition(1)
	if err := second.Own(ctx); !errors.Is(err, record.ErrOwned) || !record.Unreachable(err) {
		t.Errorf("a second owner: %v", err)
	}
	set := func(s *record.Store, seq uint64) error {
		return s.Update(ctx, func(tx *record.Tx) error { return tx.SetPosition(seq) })
	}
	d.must(set(d.parts[1], 5))
	admin, err := pgx.Connect(ctx, d.url)
	d.must(err)
	defer admin.Close(ctx)
	var n int
	if err := admin.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid = 1`).Scan(&n); err != nil || n != 1 {
		t.Fatalf("%d sessions cut: %v", n, err)
	}
	d.must(second.Own(ctx))
	if err := set(d.parts[1], 6); err == nil {
		t.Error("whoever has lost its session writes all the same")
	}
	d.must(set(second, 7))
	d.must(set(d.parts[2], 1)) // is not concerned
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		n, owned, err := here.Look(ctx)
		if err == nil && n == 1 && len(owned) == 2 {
			break
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("%d processes, owned %v: %v", n, owned, err)
		}
	}
}

func handed(n int) record.Handed {
	e := em.Event{Rule: "r", Anchor: base, At: base, Detail: em.Detail{Kind: "k", Reason: fmt.Sprint(n)}}
	e.Stamp(wearer, base)
	return record.Handed{Change: em.Change{Kind: em.Opened, Clock: em.ReceiveTime, Event: e, Known: base.Add(time.Second), Cause: em.ObservationID{1}},
		Knowable: base.Add(time.Minute), Received: base.Add(time.Hour), Rules: true}
}

// What partitions hand over the head takes once, in order, in its own transaction;
// progress is that of the last one.
func handOver(t *testing.T, d *divided) {
	const many = 450 // more than is taken at once
	for n := range many {
		d.in(d.parts[1], func(tx *record.Tx) error { return errors.Join(tx.HandOver(handed(n)), tx.SetPosition(uint64(n+1))) })
	}
	d.in(d.parts[2], func(tx *record.Tx) error {
		e, err := record.NewEntry("center", "drop", "day", map[string]bool{"frames": true})
		return errors.Join(err, tx.HandOver(record.Handed{Audit: e}), tx.SetPosition(3), tx.SeeVersion(2))
	})
	back := errors.New("rolled back")
	if err := d.head.Update(t.Context(), func(tx *record.Tx) error {
		if all, _, _, err := tx.TakeOver(2); err != nil || len(all) == 0 {
			t.Errorf("%d, %v", len(all), err)
		}
		return back
	}); !errors.Is(err, back) {
		t.Fatal(err)
	}
	var got []record.Handed
	var p record.Progress
	for whole := false; !whole; {
		d.in(d.head, func(tx *record.Tx) error {
			all, at, last, err := tx.TakeOver(2)
			got, p, whole = append(got, all...), at, last
			return err
		})
	}
	entries := 0
	got = slices.DeleteFunc(got, func(h record.Handed) bool {
		if h.Audit != nil {
			entries++
			if h.Audit.Action != "drop" || string(h.Audit.Detail) != `{"frames":true}` {
				t.Errorf("%+v", h.Audit)
			}
		}
		return h.Audit != nil
	})
	if len(got) != many || entries != 1 || p != (record.Progress{Seq: 3}) {
		t.Fatalf("%d changes and %d entries, progress %+v", len(got), entries, p)
	}
	for n, h := range got {
		want := handed(n)
		if h.Change.Event.Detail.Reason != fmt.Sprint(n) || h.Change.Event.ID != want.Change.Event.ID || h.Change.Clock != em.ReceiveTime || h.Change.Kind != em.Opened ||
			!h.Change.Known.Equal(want.Change.Known) || h.Change.Cause != want.Change.Cause || !h.Knowable.Equal(want.Knowable) || !h.Received.Equal(want.Received) || !h.Rules {
			t.Fatalf("%d: %+v", n, h)
		}
	}
}

// A partition reads the roster as of a version, and what each one changed.
func versions(t *testing.T, d *divided) {
	doc := func(kind, id, json string) record.VersionDoc {
		return record.VersionDoc{Kind: kind, Doc: record.Doc{ID: id, Since: base, JSON: []byte(json)}}
	}
	for n, docs := range [][]record.VersionDoc{
		{doc(record.DocZone, "z", `1`), doc(record.DocPerson, "p-1", `1`), doc(record.DocPerson, "p-2", `1`)},
		{doc(record.DocPerson, "p-1", `2`), doc(record.DocUnit, "u", `2`)},
	} {
		d.in(d.head, func(tx *record.Tx) error {
			v, err := tx.PutVersion(base.Add(time.Duration(n)*time.Hour), docs)
			if v != int64(n+1) {
				t.Errorf("version %d", v)
			}
			return errors.Join(err, tx.SetPosition(uint64(10*(n+1))))
		})
	}
	d.in(d.parts[1], func(tx *record.Tx) error {
		if seq, err := tx.HeadPosition(); err != nil || seq != 20 {
			t.Errorf("the head is at %d: %v", seq, err)
		}
		if key, err := tx.HeadSecret("draws"); err != nil || string(key) != "key" {
			t.Errorf("%q, %v", key, err)
		}
		if v, err := tx.NextVersion(2); err != nil || v != nil {
			t.Errorf("the third version: %+v, %v", v, err)
		}
		for _, c := range []struct {
			after int64
			seq   uint64
			zones bool
			docs  int
		}{{0, 0, true, 3}, {1, 10, false, 2}} {
			v, err := tx.NextVersion(c.after)
			if err != nil || v == nil || v.N != c.after+1 || v.Seq != c.seq || v.Zones != c.zones || len(v.Docs) != c.docs || !v.At.Equal(base.Add(time.Duration(c.after)*time.Hour)) {
				t.Errorf("behind %d: %+v, %v", c.after, v, err)
			}
		}
		for v, want := range map[int64]string{1: "[1]  [1 1]", 2: "[1] [2] [2 1]"} {
			zones, units, people, err := tx.DocsAt(v)
			texts := func(all []record.Doc) (s []string) {
				for _, d := range all {
					s = append(s, string(d.JSON))
				}
				return s
			}
			got := fmt.Sprint(texts(zones), texts(units), texts(people))
			if want := map[int64]string{1: "[1] [] [1 1]", 2: want}[v]; err != nil || got != want {
				t.Errorf("at %d: %s, %v; want %s", v, got, err, want)
			}
		}
		return nil
	})
}

// What another partition lends is there once, with its frames and the time that it
// first had, and stays the lender's; a pair's evidence does without.
func lend(t *testing.T, d *divided) {
	const device = em.DeviceID("gt06:990000000000017")
	at := func(minute int) em.Observation {
		return em.Observation{Device: device, DeviceAt: base.Add(time.Duration(minute) * time.Minute), Body: &em.Power{Level: em.Some(0.5)}}.Stamp(base.Add(time.Duration(minute) * time.Minute))
	}
	add := func(s *record.Store, who em.SubjectID, minutes ...int) {
		d.in(s, func(tx *record.Tx) error {
			for _, m := range minutes {
				o := at(m)
				f, err := tx.AddFrame(1, &protocol.Report{Codec: "gt06", Device: device, Received: o.Received}, &protocol.ReportFrame{Type: "t", Raw: []byte{byte(m)}})
				if err == nil {
					_, _, err = tx.AddObservation(o, who, f)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	add(d.parts[1], wearer, 1, 2, 3)
	reader := d.partition(1)
	const pair = em.SubjectID("pair/p-1/p-2")
	borrow := func(own bool, from, to int) (news int) {
		t.Helper()
		snapshot, end, err := reader.Snapshot(t.Context())
		d.must(err)
		defer end()
		var until time.Time
		if to > 0 {
			until = at(to).At
		}
		lent, err := snapshot.Lend(device, "", at(from).At, until)
		d.must(err)
		d.in(d.parts[2], func(tx *record.Tx) error {
			for i := range lent {
				_, isNew, err := tx.Borrow(&lent[i], pair, own)
				if err != nil {
					return err
				}
				if isNew {
					news++
				}
			}
			return nil
		})
		return news
	}
	if n := borrow(false, 2, 0); n != 2 {
		t.Errorf("%d of 2 are new", n)
	}
	if n := borrow(false, 1, 3); n != 1 {
		t.Errorf("%d of 1 are new", n)
	}
	add(d.parts[1], wearer, 4) // what is written since is seen by another snapshot
	if n := borrow(false, 1, 0); n != 1 {
		t.Errorf("%d of 1 are new", n)
	}
	d.in(d.parts[2], func(tx *record.Tx) error {
		again := at(2)
		again.At = again.At.Add(time.Second) // decided otherwise this time
		got, err := tx.Witness(again, pair, 0)
		if !got.At.Equal(at(2).At) {
			t.Errorf("it is at %v", got.At)
		}
		var all []time.Time
		for o, herr := range record.NewHistory(pair, func() *record.Tx { return tx }).Observations(em.EventTime, base, base.Add(time.Hour)) {
			err = errors.Join(err, herr)
			all = append(all, o.At)
		}
		if want := []time.Time{at(1).At, at(2).At, at(3).At, at(4).At}; !slices.EqualFunc(all, want, time.Time.Equal) {
			t.Errorf("the pair has %v", all)
		}
		e := em.Event{Rule: "r", Anchor: base, At: at(3).At, Because: []em.ObservationID{at(3).ID}, Detail: em.Detail{Kind: "k"}}
		e.Stamp(pair, at(3).At)
		return errors.Join(err, tx.Apply(pair, &em.Result{Changes: []em.Change{{Kind: em.Opened, Event: e, Known: base}}}))
	})
	frames, err := d.parts[2].FramesOf(t.Context(), []em.ObservationID{at(3).ID})
	if err != nil || len(frames) != 1 || string(frames[0].Raw) != "\x03" {
		t.Errorf("its frames: %+v, %v", frames, err)
	}
	d.must(reader.Refresh(t.Context()))
	if all, err := reader.Series(t.Context(), wearer, em.KindPower, base, base.Add(time.Hour), 10); err != nil || len(all) != 4 {
		t.Errorf("the lender has %d: %v", len(all), err)
	}
	d.in(d.head, func(tx *record.Tx) error {
		events, err := tx.PartEvents(2, pair, em.EventTime, time.Unix(0, 0))
		if len(events) != 1 {
			t.Errorf("the head reads %d events", len(events))
		}
		return err
	})
}
