package record_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// history reads what the record knows of a subject on a clock.
func history(t *testing.T, f *file, s em.SubjectID, c em.Clock) []em.Observation {
	t.Helper()
	var all []em.Observation
	f.update(func(tx *record.Tx) error {
		for o, err := range record.NewHistory(s, func() *record.Tx { return tx }).Observations(c, time.Unix(0, 0), base.AddDate(100, 0, 0)) {
			if err != nil {
				return err
			}
			all = append(all, o)
		}
		return nil
	})
	return all
}

func (f *file) add(o em.Observation, s em.SubjectID) (kept em.Observation, whose em.SubjectID) {
	f.t.Helper()
	f.update(func(tx *record.Tx) (err error) {
		kept, whose, err = tx.AddObservation(o, s, 1)
		return err
	})
	return kept, whose
}

// A frame that is sent again is one observation with two receptions.
func TestObservationSentAgain(t *testing.T) {
	f := create(t)
	first := fix("gt06:1", base, 54.7)
	first.Seq = em.Some[uint64](7)
	again := first
	again.Seq, again.Stored, again.At = em.Some[uint64](8), true, base.Add(time.Second)
	again = again.Stamp(base.Add(time.Hour))
	f.add(first, wearer)
	kept, whose := f.add(again, wearer)
	if !kept.At.Equal(first.At) || !kept.Received.Equal(again.Received) || !kept.Stored || whose != wearer {
		t.Errorf("the second reception comes back as %+v of %q", kept, whose)
	}
	f.add(again, wearer) // and once more the very same
	if got := history(t, f, wearer, em.EventTime); len(got) != 1 || !got[0].Received.Equal(base) || got[0].Stored || got[0].Seq != first.Seq {
		t.Errorf("by event time: %+v", got)
	}
	got := history(t, f, wearer, em.ReceiveTime)
	if len(got) != 2 || got[1].Seq != again.Seq || !got[1].Stored || !got[1].At.Equal(first.At) {
		t.Errorf("by time of reception: %+v", got)
	}
}

// Whose an observation is stays as it was when it first came, whatever is known
// when it comes again: a timeline must find in the record what it was fed.
func TestObservationStaysWhoseItWas(t *testing.T) {
	f := create(t)
	for name, c := range map[string]struct {
		device       em.DeviceID
		first, later em.SubjectID
	}{
		"another person's": {"gt06:1", wearer, "p-2"},
		"nobody's":         {"gt06:2", "", "p-2"},
		"known no longer":  {"gt06:3", wearer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := fix(c.device, base, 54.7)
			f.add(o, c.first)
			if _, whose := f.add(o.Stamp(base.Add(time.Minute)), c.later); whose != c.first {
				t.Errorf("it went from %q to %q", c.first, whose)
			}
			if c.later != "" && len(history(t, f, c.later, em.ReceiveTime)) > 0 {
				t.Errorf("a reception is %q's", c.later)
			}
		})
	}
}

// Enrolment gives a person what the device sent before, with every reception,
// within the time of the assignment.
func TestAdopt(t *testing.T) {
	f := create(t)
	var want []em.ObservationID
	for i := range 6 {
		o := fix("gt06:1", base.Add(time.Duration(i)*time.Minute), 54.7)
		f.add(o, "")
		f.add(o.Stamp(base.Add(time.Hour+time.Duration(i)*time.Second)), "")
		f.add(fix("gt06:2", base.Add(time.Duration(i)*time.Minute), 54.7), "")
		if i >= 2 && i < 5 {
			want = append(want, o.ID)
		}
	}
	mine := fix("gt06:1", base.Add(150*time.Second), 54.7)
	f.add(mine, "p-2") // somebody else's already
	adopt := func(s em.SubjectID, from, to time.Time) (got []em.Observation) {
		f.update(func(tx *record.Tx) (err error) {
			got, err = tx.Adopt("gt06:1", s, from, to)
			return err
		})
		return got
	}
	got := adopt(wearer, base.Add(2*time.Minute), base.Add(5*time.Minute))
	if len(got) != 6 || !slices.IsSortedFunc(got, func(a, b em.Observation) int { return a.Received.Compare(b.Received) }) {
		t.Errorf("%d receptions, want 6 in order of arrival", len(got))
	}
	var ids []em.ObservationID
	for _, o := range history(t, f, wearer, em.EventTime) {
		ids = append(ids, o.ID)
	}
	if !slices.Equal(ids, want) {
		t.Errorf("adopted %v, want %v", ids, want)
	}
	if n := len(history(t, f, wearer, em.ReceiveTime)); n != 6 {
		t.Errorf("%d receptions kept, want 6", n)
	}
	if n := len(history(t, f, "p-2", em.EventTime)); n != 1 {
		t.Errorf("the other person has %d observations, want 1", n)
	}
	if again := adopt(wearer, base, base.Add(5*time.Minute)); len(again) != 4 {
		t.Errorf("then %d receptions of the first two minutes, want 4", len(again))
	}
	if rest := adopt("p-2", base, time.Time{}); len(rest) != 2 {
		t.Errorf("an open assignment takes %d receptions, want the 2 that are left", len(rest))
	}
	if n := len(history(t, f, "", em.ReceiveTime)); n != 6 {
		t.Errorf("%d receptions are nobody's, want the other device's 6", n)
	}
}

// Identities come from the wire and from people: whatever they are, they are
// told apart and come back as they were.
func TestOddIdentities(t *testing.T) {
	ids := []string{
		"gt06:1", "GT06:1", "gt06:1 ", " gt06:1", "gt06:01", "gt06:1\x00", "gt06:1\x00a", "\x00", "gt06:%", "gt06:_", "gt06:*",
		"gt06:'; DROP TABLE frame; --", `gt06:"`, "gt06:ž", "gt06:z\u030c", "gt06:\xff\xfe", "gt06:\xff", "1", "1.0", "0x1", "NULL", "",
		"gt06:" + strings.Repeat("9", 10_000),
	}
	f := create(t)
	f.update(func(tx *record.Tx) error {
		for i, id := range ids {
			at := base.Add(time.Duration(i) * time.Second)
			r := &protocol.Report{Codec: "gt06", Device: em.DeviceID(id), Conn: id, Received: at,
				Frames: []protocol.ReportFrame{{Raw: []byte(id), Type: id, Err: errors.New("odd " + id)}}}
			n, err := tx.AddFrame(1, r, &r.Frames[0])
			if err != nil {
				return err
			}
			if _, _, err := tx.AddObservation(fix(em.DeviceID(id), at, 54.7), em.SubjectID(id), n); err != nil {
				return err
			}
			if err := errors.Join(tx.Quarantine(r, em.DeviceID(id), id, 1), tx.Audit(at, id, id, id, id),
				tx.PutPerson(record.Doc{ID: id, Since: at, JSON: []byte(id)}), tx.PutRules(id, at, []byte(id))); err != nil {
				return err
			}
		}
		return nil
	})
	f.reopen()
	for i, id := range ids {
		if id == "" {
			continue // that is nobody
		}
		t.Run(fmt.Sprintf("%.20q", id), func(t *testing.T) {
			got := history(t, f, em.SubjectID(id), em.ReceiveTime)
			if len(got) != 1 || string(got[0].Device) != id || !got[0].At.Equal(base.Add(time.Duration(i)*time.Second)) {
				t.Errorf("its observations: %v", got)
			}
			if log, err := f.AuditLog(t.Context(), id, 10); err != nil || len(log) != 1 || log[0].Actor != id {
				t.Errorf("its audit: %v, %v", log, err)
			}
			f.update(func(tx *record.Tx) error {
				rules, err := tx.Rules(id)
				if len(rules) != 1 || rules[0].ID != id || string(rules[0].JSON) != id {
					t.Errorf("its rules: %v", rules)
				}
				return err
			})
		})
	}
	unknown, err := f.Quarantined(t.Context(), 100, 5)
	if err != nil || len(unknown) != len(ids) {
		t.Fatalf("%d in quarantine, want %d: %v", len(unknown), len(ids), err)
	}
	for i, q := range unknown {
		want := ids[len(ids)-1-i] // heard last first
		if q.Device != want || len(q.LastFrames) != 1 || string(q.LastFrames[0].Raw) != want[:min(len(want), 4096)] || q.LastFrames[0].Type != want {
			t.Errorf("quarantine %d is %.20q with frames %v, want %.20q", i, q.Device, q.LastFrames, want)
		}
	}
	if n, err := f.VerifyAudit(t.Context()); err != nil || n != int64(len(ids)) {
		t.Errorf("audit: %d, %v", n, err)
	}
}

// A device's clock may say anything.
func TestObservationOfAnyYear(t *testing.T) {
	f := create(t)
	for _, year := range []int{1, 1601, 1969, 2261, 2262, 2263, 9999} {
		o := fix("gt06:1", base, 54.7)
		o.DeviceAt = time.Date(year, 5, 1, 0, 0, 0, 0, time.UTC)
		o.At = time.Time{}
		o = o.Stamp(base)
		f.add(o, wearer)
		kept, _ := f.add(o.Stamp(base.Add(time.Minute)), wearer)
		if !kept.At.Equal(o.At) {
			t.Errorf("year %d: at %v comes back as %v", year, o.At, kept.At)
		}
	}
	var years []int
	for _, o := range history(t, f, wearer, em.ReceiveTime) {
		if y := o.DeviceAt.Year(); !slices.Contains(years, y) {
			years = append(years, y)
		}
	}
	if slices.Sort(years); !slices.Equal(years, []int{1, 1601, 1969, 2261, 2262, 2263, 9999}) {
		t.Errorf("of the years %v", years)
	}
	// By event time those that lie in our own are found, and no other.
	for _, o := range history(t, f, wearer, em.EventTime) {
		if y := o.At.Year(); y < 1970 || y > 2126 {
			t.Errorf("found %v", o.At)
		}
	}
}

// Frames are given once each, however many observations came in them.
func TestFramesOf(t *testing.T) {
	f := create(t)
	var ids []em.ObservationID
	f.update(func(tx *record.Tx) error {
		r := &protocol.Report{Codec: "gt06", Device: "gt06:1", Received: base}
		for i := range 3 {
			n, err := tx.AddFrame(uint64(i), r, &protocol.ReportFrame{Raw: []byte{byte(i)}, Type: "position"})
			if err != nil {
				return err
			}
			for part := range 2 {
				o := fix("gt06:1", base.Add(time.Duration(i)*time.Minute), 54.7)
				o.Part = uint16(part)
				o = o.Stamp(base)
				if _, _, err := tx.AddObservation(o, wearer, n); err != nil {
					return err
				}
				ids = append(ids, o.ID)
			}
		}
		e := event("zone-1", base)
		e.Because = ids
		return tx.Apply(wearer, &em.Result{Changes: []em.Change{{Kind: em.Opened, Event: e, Known: base}}})
	})
	rows, err := f.FramesOf(t.Context(), append(ids[2:], em.ObservationID{1}))
	if err != nil || len(rows) != 2 || rows[0].Raw[0] != 1 || rows[1].Raw[0] != 2 {
		t.Errorf("%+v, %v", rows, err)
	}
}
