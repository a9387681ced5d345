package record_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// model is what a record should hold: for each subject the SDK's own History in
// memory, and what is nobody's yet.
type model struct {
	subjects map[em.SubjectID]*em.MemoryHistory
	whose    map[em.ObservationID]em.SubjectID
	at       map[em.ObservationID]time.Time // as first stored
	nobodys  map[em.DeviceID][]em.Observation
	heard    map[string]bool // receptions
	fixes    int64
}

func newModel() *model {
	return &model{map[em.SubjectID]*em.MemoryHistory{}, map[em.ObservationID]em.SubjectID{}, map[em.ObservationID]time.Time{},
		map[em.DeviceID][]em.Observation{}, map[string]bool{}, 0}
}

func (m *model) of(s em.SubjectID) *em.MemoryHistory {
	if m.subjects[s] == nil {
		m.subjects[s] = &em.MemoryHistory{}
	}
	return m.subjects[s]
}

// add stores an arrival as AddObservation is to, and returns what that is to say.
func (m *model) add(o em.Observation, s em.SubjectID) (em.Observation, em.SubjectID) {
	if at, known := m.at[o.ID]; known {
		o.At, s = at, m.whose[o.ID]
	} else {
		m.at[o.ID], m.whose[o.ID] = o.At, s
		if o.Body.Kind() == em.KindFix {
			m.fixes++
		}
	}
	m.heard[fmt.Sprint(o.ID, o.Received)] = true
	if s == "" {
		m.nobodys[o.Device] = append(m.nobodys[o.Device], o)
	} else {
		m.of(s).Store(o)
	}
	return o, s
}

func (m *model) adopt(d em.DeviceID, s em.SubjectID, from, to time.Time) {
	m.nobodys[d] = slices.DeleteFunc(m.nobodys[d], func(o em.Observation) bool {
		if o.At.Before(from) || !o.At.Before(to) {
			return false
		}
		m.whose[o.ID] = s
		m.of(s).Store(o)
		return true
	})
}

// few makes rapid check less than usual, unless it is told how often: each step is
// a transaction on a disk.
func few(t *testing.T, checks string) {
	f := flag.Lookup("rapid.checks")
	if was := f.Value.String(); was == f.DefValue {
		f.Value.Set(checks)
		t.Cleanup(func() { f.Value.Set(was) })
	}
}

var errRefused = errors.New("refused by the test")

// Whatever comes in whatever order, again, late or from a wrong clock, of one's
// own device or a copy of another's, before and after somebody carries the device,
// with transactions that fail and starts in between, and however it is packed: the
// record answers as the SDK's own History does.
func TestRecordIsTheModel(t *testing.T) {
	few(t, "12")
	f := create(t)
	check, expected := 0, record.Counts{}
	rapid.Check(t, func(t *rapid.T) {
		check++
		f.Small(rapid.SampledFrom([]int{1, 80, 300, 920}).Draw(t, "segment"), rapid.SampledFrom([]int{0, 400, 4000, 1 << 20}).Draw(t, "tail"))
		f.Forgetful(rapid.SampledFrom([]int{1, 2, 1 << 20}).Draw(t, "nobodys"))
		m := newModel()
		own := []em.SubjectID{"", em.SubjectID(fmt.Sprint("p-", check)), em.SubjectID(fmt.Sprint("q-", check))}
		pair := em.SubjectID(fmt.Sprint("pair-", check))
		device := func(n int) em.DeviceID { return em.DeviceID(fmt.Sprint("gt06:", check, "-", n)) }
		now := base
		var sent []em.Observation
		arrival := func() em.Observation {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 30, 60, 3600, 40000}).Draw(t, "later")) * time.Second)
			received := now.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "disorder")) * 20 * time.Second)
			if len(sent) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
				o := sent[rapid.IntRange(0, len(sent)-1).Draw(t, "which")]
				o.Stored = true
				if o.Seq.OK = rapid.Bool().Draw(t, "numbered"); o.Seq.OK {
					o.Seq.V = rapid.Uint64Range(0, 50).Draw(t, "seq")
				} else {
					o.Seq.V = 0
				}
				switch {
				case o.DeviceAt.IsZero(), rapid.Bool().Draw(t, "at once"):
					received = o.Received
				case rapid.Bool().Draw(t, "corrected otherwise"):
					o.At = o.DeviceAt.Add(3 * time.Second)
				}
				return o.Stamp(received)
			}
			o := em.Observation{Device: device(rapid.IntRange(0, 2).Draw(t, "device")), DeviceAt: received.Truncate(10 * time.Second), Part: uint16(rapid.IntRange(0, 1).Draw(t, "part"))}
			switch rapid.IntRange(0, 11).Draw(t, "clock") {
			case 0:
				o.DeviceAt = time.Time{}
			case 1:
				o.DeviceAt = received.Add(-time.Duration(rapid.IntRange(1, 100).Draw(t, "late")) * time.Hour).Truncate(time.Second)
			case 2:
				o.DeviceAt = o.DeviceAt.AddDate(rapid.SampledFrom([]int{-26, -1, 1, 4}).Draw(t, "years"), 0, 0)
			case 3:
				o.DeviceAt, o.At = o.DeviceAt.AddDate(-20, 0, 0), received.Truncate(time.Second)
			}
			o.Body = &em.Fix{LatLng: em.LatLng{Lat: float64(rapid.IntRange(0, 3).Draw(t, "lat")) / 10, Lng: 25.28}, Validity: em.FixCurrent}
			if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
				o.Body = &em.Power{Level: em.Some(0.5)}
			}
			if rapid.Bool().Draw(t, "numbered") {
				o.Seq = em.Some(rapid.Uint64Range(0, 50).Draw(t, "seq"))
			}
			o = o.Stamp(received)
			sent = append(sent, o)
			return o
		}
		update := func(what string, do func(*record.Tx) error) bool {
			fails := rapid.IntRange(0, 5).Draw(t, "fails") == 0
			err := f.Update(f.t.Context(), func(tx *record.Tx) error {
				if err := do(tx); err != nil {
					return err
				}
				if fails {
					return errRefused
				}
				return nil
			})
			if fails != errors.Is(err, errRefused) || err != nil && !fails {
				t.Fatalf("%s: %v", what, err)
			}
			return !fails
		}
		defer func() { // what this history has left is not the next one's
			c, err := f.Counts(f.t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !t.Failed() && (c.Observations-expected.Observations != int64(len(m.at)) || c.Fixes-expected.Fixes != m.fixes || c.Receptions-expected.Receptions != int64(len(m.heard))) {
				t.Fatalf("counted %+v after %+v; want %d observations, %d fixes, %d receptions more", c, expected, len(m.at), m.fixes, len(m.heard))
			}
			expected = c
		}()
		t.Repeat(map[string]func(*rapid.T){
			"report": func(t *rapid.T) {
				var batch []em.Observation
				var subjects []em.SubjectID
				for range rapid.IntRange(1, 6).Draw(t, "batch") {
					batch = append(batch, arrival())
					subjects = append(subjects, rapid.SampledFrom(own).Draw(t, "subject"))
				}
				type answer struct {
					o em.Observation
					s em.SubjectID
				}
				var got []answer
				ok := update("report", func(tx *record.Tx) error {
					for i, o := range batch {
						o, s, err := tx.AddObservation(o, subjects[i], 1)
						if err != nil {
							return err
						}
						got = append(got, answer{o, s})
						if s == own[1] {
							if err := tx.Copy(o, pair); err != nil {
								return err
							}
						}
					}
					return nil
				})
				if !ok {
					sent = slices.DeleteFunc(sent, func(o em.Observation) bool { _, known := m.at[o.ID]; return !known })
					return
				}
				for i, o := range batch {
					want, s := m.add(o, subjects[i])
					if !got[i].o.At.Equal(want.At) || got[i].s != s {
						t.Fatalf("it is at %v and %q's, not at %v and %q's", got[i].o.At, got[i].s, want.At, s)
					}
					if s == own[1] {
						m.of(pair).Store(want)
					}
				}
			},
			"adopt": func(t *rapid.T) {
				d, s := device(rapid.IntRange(0, 2).Draw(t, "device")), rapid.SampledFrom(own[1:]).Draw(t, "subject")
				from := base.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "from")) * time.Hour)
				to := from.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour)
				if update("adopt", func(tx *record.Tx) error { _, err := tx.Adopt(d, s, from, to); return err }) {
					m.adopt(d, s, from, to)
				}
			},
			"restart": func(t *rapid.T) {
				f.reopen()
				f.Small(300, 1000)
				f.Forgetful(2)
			},
			"": func(t *rapid.T) {
				c := rapid.SampledFrom([]em.Clock{em.EventTime, em.ReceiveTime}).Draw(t, "clock")
				from, to := time.Unix(0, 0), base.AddDate(10, 0, 0)
				if rapid.Bool().Draw(t, "part") {
					from = base.Add(time.Duration(rapid.IntRange(-6000, 6000).Draw(t, "from")) * time.Minute)
					to = from.Add(time.Duration(rapid.IntRange(0, 6000).Draw(t, "minutes")) * time.Minute)
				}
				for _, s := range append(slices.Clone(own[1:]), pair) {
					m.compare(t, f, s, c, from, to)
				}
			},
		})
	})
}

// compare reads a part of a subject's history from both.
func (m *model) compare(t *rapid.T, f *file, s em.SubjectID, c em.Clock, from, to time.Time) {
	t.Helper()
	var got, want [][]byte
	read := func(h em.History, all *[][]byte) error {
		for o, err := range h.Observations(c, from, to) {
			if err != nil {
				return err
			}
			b, err := o.AppendBinary(nil)
			if err != nil {
				return err
			}
			*all = append(*all, b)
		}
		return nil
	}
	if err := read(m.of(s), &want); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(f.t.Context(), func(tx *record.Tx) error {
		return read(record.NewHistory(s, func() *record.Tx { return tx }), &got)
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Fatalf("%s by clock %d from %v to %v: %d observations, want %d", s, c, from, to, len(got), len(want))
	}
	if c == em.ReceiveTime || s[0] == 'p' && s[1] == 'a' {
		return
	}
	// A reader sees the same.
	track, err := f.Track(f.t.Context(), s, from, to, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var fixes [][]byte
	for _, b := range want {
		var o em.Observation
		if err := o.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if o.Body.Kind() == em.KindFix {
			fixes = append(fixes, b)
		}
	}
	for i := range track {
		b, err := track[i].AppendBinary(nil)
		if err != nil || i >= len(fixes) || !bytes.Equal(b, fixes[i]) {
			t.Fatalf("the track of %s has another %d-th position: %v", s, i, err)
		}
	}
	if len(track) != len(fixes) {
		t.Fatalf("the track of %s has %d positions, want %d", s, len(track), len(fixes))
	}
}
