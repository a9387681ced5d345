package health

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
)

// grouper is what Mass and Units have in common.
type grouper interface {
	Observe(now time.Time, c em.Change) error
	Deadline() time.Time
	Wake(dst []GroupChange, at time.Time) []GroupChange
	AppendBinary(dst []byte) ([]byte, error)
	UnmarshalBinary(b []byte) error
}

// silent is a version of the silence of a subject's device.
func silent(s em.SubjectID, d em.DeviceID, kind em.EventKind, from, until time.Duration) em.Change {
	e := newEvent("", d, kind, start.Add(from))
	e.Detail.Severity = em.Technical
	c := em.Change{Kind: em.Opened}
	if until > 0 {
		e.Until = start.Add(until)
		c.Kind = em.Closed
	}
	e.Stamp(s, start.Add(max(from, until)))
	c.Event = e
	return c
}

func person(i int) em.SubjectID { return em.SubjectID(fmt.Sprintf("person-%02d", i)) }

// told feeds changes and wakes at each deadline up to end, with a restart
// between any two steps; it returns what was told, and the last versions.
func tell(t *testing.T, fresh func() grouper, changes []em.Change, apart time.Duration) (all []GroupChange, last []em.Event) {
	t.Helper()
	g := fresh()
	now := start
	restart := func() {
		t.Helper()
		b, err := g.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		n := fresh()
		if err := n.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if again, _ := n.AppendBinary(nil); !bytes.Equal(b, again) {
			t.Fatalf("state %x is restored as %x", b, again)
		}
		g = n
	}
	wake := func(until time.Time) {
		for dl := g.Deadline(); !dl.IsZero() && !dl.After(until); dl = g.Deadline() {
			restart()
			all = g.Wake(all, dl)
		}
	}
	for _, c := range changes {
		now = now.Add(apart)
		wake(now)
		restart()
		if err := g.Observe(now, c); err != nil {
			t.Fatal(err)
		}
	}
	wake(now.Add(h))
	present := map[em.EventID]em.Event{}
	for _, c := range all {
		switch c.Kind {
		case em.Withdrawn:
			delete(present, c.Event.ID)
			continue
		case em.Moved:
			delete(present, c.Was.ID)
		case em.Opened:
			if _, ok := present[c.Event.ID]; ok {
				t.Fatalf("%v is opened twice", c.Event.About)
			}
		default:
			if was := present[c.Event.ID]; !was.Equal(&c.Was) {
				t.Fatalf("%v: Was is not what was told", c.Event.About)
			}
		}
		present[c.Event.ID] = c.Event
		if len(c.Members) == 0 || !slices.IsSortedFunc(c.People, func(a, b AffectedPerson) int { return bytes.Compare([]byte(a.Subject), []byte(b.Subject)) }) {
			t.Fatalf("%+v", c)
		}
	}
	for _, e := range present {
		last = append(last, e)
	}
	slices.SortFunc(last, func(a, b em.Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return all, last
}

func groupBriefs(all []GroupChange) (lines []string) {
	for _, c := range all {
		covered := 0
		for _, p := range c.People {
			if p.Covered {
				covered++
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s | %s members %d people %d covered %d", c.Kind, brief(c.Event), c.Event.About, len(c.Members), len(c.People), covered))
	}
	return lines
}

// fleet has 40 people: all of provider p; operators a (30) and b (10); cells of
// ten, a0, a1, a2 and b0.
func fleet(t testing.TB, c MassConfig) *Mass {
	t.Helper()
	m, err := NewMass(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		op := "a"
		if i >= 30 {
			op = "b"
		}
		err := m.Place(Placed{person(i), bracelet, []Label{{"provider", "p"}, {"operator", op}, {"cell", fmt.Sprintf("%s%d", op, i/10)}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func each(from, to int, f func(i int) em.Change) (all []em.Change) {
	for i := from; i < to; i++ {
		all = append(all, f(i))
	}
	return all
}

func TestMass(t *testing.T) {
	down := func(from, to int, at, until time.Duration) []em.Change {
		return each(from, to, func(i int) em.Change {
			return silent(person(i), bracelet, KindSilence, at+time.Duration(i)*s, until)
		})
	}
	for _, c := range []struct {
		name    string
		changes []em.Change
		want    []string
	}{
		{
			name:    "four of ten in a cell are fewer than five",
			changes: down(0, 4, 0, 0),
		},
		{
			name:    "a cell: five of ten; of the operator's 30 they are too few",
			changes: down(0, 5, 0, 0),
			want:    []string{"opened silence.mass MASS_SILENCE critical 0s..open because 0 | cell=a0 members 5 people 5 covered 0"},
		},
		{
			name:    "an operator, and not its cells, nor the provider that has it",
			changes: down(0, 30, 0, 0),
			want:    []string{"opened silence.mass MASS_SILENCE critical 0s..open because 0 | operator=a members 30 people 30 covered 0"},
		},
		{
			name:    "an operator and a few strays of the other: the strays stand alone",
			changes: append(down(0, 30, 0, 0), down(30, 32, 0, 0)...),
			want:    []string{"opened silence.mass MASS_SILENCE critical 0s..open because 0 | operator=a members 30 people 30 covered 0"},
		},
		{
			name:    "everything",
			changes: down(0, 40, 0, 0),
			want:    []string{"opened silence.mass MASS_SILENCE critical 0s..open because 0 | provider=p members 40 people 40 covered 0"},
		},
		{
			name: "not together: three minutes apart and a window of 15",
			changes: each(0, 10, func(i int) em.Change {
				return silent(person(i), bracelet, KindSilence, time.Duration(i)*4*m, 0)
			}),
		},
		{
			name: "over when fewer than half of the five that it needs are left; one is heard at once",
			changes: slices.Concat(down(0, 6, 0, 0), down(0, 3, 0, h), down(3, 4, 0, 2*h), []em.Change{
				silent(person(7), bracelet, KindSilence, 10*m, 10*m+s),
			}),
			want: []string{
				"opened silence.mass MASS_SILENCE critical 0s..2h0m0s because 0 | cell=a0 members 7 people 7 covered 0",
			},
		},
		{
			name: "withdrawn silences take the incident with them",
			changes: slices.Concat(down(0, 5, 0, 0), each(0, 1, func(i int) em.Change {
				c := silent(person(i), bracelet, KindSilence, 0, 0)
				c.Kind = em.Withdrawn
				return c
			})),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fresh := func() grouper { return fleet(t, MassConfig{}) }
			all, _ := tell(t, fresh, c.changes, 0)
			if diff := cmp.Diff(c.want, groupBriefs(all)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// One by one, with time in between: the incident opens, grows and is closed.
func TestMassGrows(t *testing.T) {
	fresh := func() grouper { return fleet(t, MassConfig{}) }
	var changes []em.Change
	for i := range 6 {
		changes = append(changes, silent(person(i), bracelet, KindSilence, time.Duration(i)*s, 0))
	}
	for i := range 4 {
		changes = append(changes, silent(person(i), bracelet, KindSilence, time.Duration(i)*s, h+time.Duration(i)*m))
	}
	all, _ := tell(t, fresh, changes, m)
	want := []string{
		"opened silence.mass MASS_SILENCE critical 0s..open because 0 | cell=a0 members 5 people 5 covered 0",
		"updated silence.mass MASS_SILENCE critical 0s..open because 0 | cell=a0 members 6 people 6 covered 0",
		"updated silence.mass MASS_SILENCE critical 0s..open because 0 | cell=a0 members 6 people 6 covered 0",
		"updated silence.mass MASS_SILENCE critical 0s..open because 0 | cell=a0 members 6 people 6 covered 0",
		"updated silence.mass MASS_SILENCE critical 0s..open because 0 | cell=a0 members 6 people 6 covered 0",
		"closed silence.mass MASS_SILENCE critical 0s..1h3m0s because 0 | cell=a0 members 6 people 6 covered 0",
	}
	if diff := cmp.Diff(want, groupBriefs(all)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if got, want := all[0].Event.Detail.Reason, "5 of 10 devices with cell=a0 fell silent together from 2026-10-03 19:00:00 UTC on; 5 are still silent."; got != want {
		t.Errorf("%q", got)
	}
	if all[0].Event.Subject != "system" {
		t.Errorf("subject %q", all[0].Event.Subject)
	}
}

// Whatever the order in which silences are told, one by one or at once, the
// incidents are the same in the end.
func TestMassOrder(t *testing.T) {
	const seed = 20261102
	t.Logf("seed %d", seed)
	found, moved := 0, 0
	for round := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, round))
		var changes []em.Change
		for i := range 40 {
			if rnd.IntN(3) > 0 {
				from := time.Duration(rnd.IntN(90)) * m
				until := time.Duration(rnd.IntN(2)) * (from + time.Duration(1+rnd.IntN(90))*m)
				changes = append(changes, silent(person(i), bracelet, KindSilence, from, until))
			}
		}
		var want []em.Event
		for k := range 4 {
			rnd.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
			fresh := func() grouper { return fleet(t, MassConfig{Least: 3, Share: 0.2}) }
			all, last := tell(t, fresh, append(changes, changes[0]), time.Duration(k)*s*5)
			for _, c := range all {
				if c.Kind == em.Moved {
					moved++
				}
			}
			if k == 0 {
				want, found = last, found+len(last)
				continue
			}
			if !slices.EqualFunc(want, last, func(a, b em.Event) bool { return a.Equal(&b) }) {
				t.Fatalf("round %d: another order ends in other incidents:\n%s", round, cmp.Diff(briefs(want), briefs(last)))
			}
		}
	}
	if found < 12 || moved == 0 {
		t.Errorf("only %d incidents, %d of them moved: the test proves little", found, moved)
	}
}

// Where devices are placed is the caller's to know: a state of a whole country is
// no larger for it, and reading one leaves them where they are.
func TestMassStateHasNoPlaces(t *testing.T) {
	m, n := fleet(t, MassConfig{}), fleet(t, MassConfig{})
	bare, err := NewMass(MassConfig{})
	check(err)
	before, _ := m.AppendBinary(nil)
	if none, _ := bare.AppendBinary(nil); !bytes.Equal(before, none) {
		t.Errorf("the state of those who are only placed is %x, not %x", before, none)
	}
	check(m.Observe(start, silent(person(1), bracelet, KindSilence, 0, 0)))
	state, _ := m.AppendBinary(nil)
	check(n.UnmarshalBinary(state))
	for i := 2; i < 14; i++ { // of 40 at the provider twelve are needed
		check(n.Observe(start, silent(person(i), bracelet, KindSilence, time.Duration(i)*s, 0)))
	}
	if err := bare.UnmarshalBinary(state); err != nil {
		t.Error(err)
	} else if err := bare.Observe(start, silent(person(2), bracelet, KindSilence, 0, 0)); !errors.Is(err, ErrUnknown) {
		t.Errorf("of a device that was not placed: %v", err)
	}
	told := n.Wake(nil, n.Deadline())
	if len(told) != 1 || len(told[0].Members) != 13 {
		t.Fatalf("told %v", groupBriefs(told))
	}
}

func TestMassErrors(t *testing.T) {
	m := fleet(t, MassConfig{Devices: 40})
	for _, c := range []struct {
		err, want error
	}{
		{m.Place(Placed{Subject: "person-41"}), ErrFull},
		{m.Place(Placed{Subject: person(1), Labels: make([]Label, 1)}), nil},
		{m.Place(Placed{Subject: person(1), Device: bracelet, Labels: []Label{{"1", ""}, {"2", ""}, {"3", ""}, {"4", ""}, {"5", ""}, {"6", ""}, {"7", ""}, {"8", ""}, {"9", ""}}}), ErrFull},
		{m.Observe(start, silent("person-41", bracelet, KindSilence, 0, 0)), ErrUnknown},
		{m.Observe(start, silent(person(1), bracelet, KindPowerLow, 0, 0)), ErrKind},
	} {
		if c.want == nil {
			c.want = ErrFull // another device of a full fleet
		}
		if !errors.Is(c.err, c.want) {
			t.Errorf("%v, want %v", c.err, c.want)
		}
	}
	if !m.Deadline().IsZero() {
		t.Error("an error leaves something to judge")
	}
	var err error
	for i := range 4*40 + 1 {
		err = m.Observe(start, silent(person(i%40), bracelet, KindSilence, time.Duration(i)*h, time.Duration(i)*h+1))
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("of 161 silences: %v", err)
	}
	// A day after they are over there is room again.
	m.Wake(nil, start.Add(30*24*h))
	if len(m.facts) != 0 || len(m.told) != 0 {
		t.Errorf("%d silences and %d incidents are kept", len(m.facts), len(m.told))
	}
	m.Remove(person(1), bracelet)
	if m.count[Label{"provider", "p"}] != 39 {
		t.Errorf("%d devices", m.count[Label{"provider", "p"}])
	}
}

// An operator of 30,000 fails within a minute.
func TestMassMany(t *testing.T) {
	m, _ := NewMass(MassConfig{})
	const n = 30_000
	for i := range n {
		d := em.DeviceID(fmt.Sprint("gt06:", i))
		if err := m.Place(Placed{"s", d, []Label{{"operator", "a"}, {"cell", fmt.Sprint(i / 30)}}}); err != nil {
			t.Fatal(err)
		}
		if err := m.Observe(start, silent("s", d, KindSilence, time.Duration(i)*2*time.Millisecond, 0)); err != nil {
			t.Fatal(err)
		}
	}
	all := m.Wake(nil, m.Deadline())
	if len(all) != 1 || len(all[0].Members) != n || all[0].Event.About != "operator=a" {
		t.Errorf("%v", groupBriefs(all))
	}
}

// Worked scenario 14: a hostel's unit is unplugged, with 28 residents.
func TestHostel(t *testing.T) {
	const hostel em.SubjectID = "unit-1"
	fresh := func() grouper {
		u, err := NewUnits(UnitsConfig{})
		if err != nil {
			t.Fatal(err)
		}
		var all []Assignment
		for i := range 28 {
			all = append(all, Assignment{Unit: unit, Subject: person(i), From: start.Add(-24 * h)})
		}
		all = append(all,
			Assignment{Unit: unit, Subject: "person-28", From: start.Add(-24 * h), To: start}, // has left
			Assignment{Unit: "laipac:2", Subject: person(0), From: start.Add(-24 * h)},        // has a unit at work
			Assignment{Unit: "laipac:2", Subject: person(1), From: start.Add(h)},              // … from 20:00 on
		)
		if err := u.Assign(start, all...); err != nil {
			t.Fatal(err)
		}
		return u
	}
	changes := []em.Change{
		silent(hostel, unit, KindPowerCut, 0, 0),
		silent(hostel, unit, KindSilence, 40*m, 0),
		silent(hostel, unit, KindPowerCut, 0, 60*m),
		silent(hostel, unit, KindSilence, 40*m, 61*m),
	}
	all, _ := tell(t, fresh, changes, m)
	want := []string{
		"opened unit UNIT_POWER technical 0s..open because 0 | laipac:99000017 members 1 people 28 covered 1",
		"updated unit UNIT_SILENT technical 0s..open because 0 | laipac:99000017 members 2 people 28 covered 1",
		"closed unit UNIT_SILENT technical 0s..1h1m0s because 0 | laipac:99000017 members 2 people 28 covered 1",
	}
	if diff := cmp.Diff(want, groupBriefs(all)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if got, want := all[2].Event.Detail.Reason, "The home unit of 28 people was not heard and without its supply for 1 h 1 min, from 2026-10-03 19:00:00 UTC to 2026-10-03 20:01:00 UTC; another unit covers 1 person."; got != want {
		t.Errorf("%q", got)
	}
	if all[0].Event.Subject != hostel {
		t.Errorf("subject %q", all[0].Event.Subject)
	}

	// The other unit fails too: nobody is covered.
	all, _ = tell(t, fresh, []em.Change{silent(hostel, unit, KindPowerCut, 0, 0), silent("unit-2", "laipac:2", KindTamper+"moved", m, 0)}, 0)
	want = []string{
		"opened unit UNIT_POWER technical 0s..open because 0 | laipac:99000017 members 1 people 28 covered 0",
		"opened unit UNIT_MOVED technical 1m0s..open because 0 | laipac:2 members 1 people 2 covered 0",
	}
	got := groupBriefs(all)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestUnitsOrder(t *testing.T) {
	const seed = 20261103
	t.Logf("seed %d", seed)
	found := 0
	units := []em.DeviceID{"laipac:1", "laipac:2", "laipac:3"}
	fresh := func() grouper {
		u, _ := NewUnits(UnitsConfig{})
		var all []Assignment
		for i := range 12 {
			all = append(all, Assignment{Unit: units[i%3], Subject: person(i % 5), From: start.Add(time.Duration(i) * 10 * m), To: start.Add(time.Duration(i+6) * 20 * m)})
		}
		check(u.Assign(start, all...))
		return u
	}
	for round := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, round))
		var changes []em.Change
		for i := range 8 {
			d := units[rnd.IntN(3)]
			from := time.Duration(rnd.IntN(200)) * m
			until := time.Duration(rnd.IntN(2)) * (from + time.Duration(1+rnd.IntN(60))*m)
			changes = append(changes, silent(em.SubjectID(d), d, unitCauses[i%len(unitCauses)].kind, from, until))
		}
		var want []em.Event
		for k := range 3 {
			rnd.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
			_, last := tell(t, fresh, changes, time.Duration(k)*5*s)
			if k == 0 {
				want, found = last, found+len(last)
			} else if !slices.EqualFunc(want, last, func(a, b em.Event) bool { return a.Equal(&b) }) {
				t.Fatalf("round %d: another order ends in other incidents:\n%s", round, cmp.Diff(briefs(want), briefs(last)))
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d incidents: the test proves little", found)
	}
}

func TestUnitsErrors(t *testing.T) {
	u, _ := NewUnits(UnitsConfig{Assignments: 1})
	for _, c := range []struct{ err, want error }{
		{u.Assign(start, make([]Assignment, 2)...), ErrFull},
		{u.Observe(start, silent("u", unit, KindSOS, 0, 0)), ErrKind},
		{u.Observe(start, silent("u", "", KindSilence, 0, 0)), ErrUnknown},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%v, want %v", c.err, c.want)
		}
	}
	var err error
	for i := range 5 {
		err = u.Observe(start, silent("u", unit, KindSilence, time.Duration(i)*h, 0))
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("of five events: %v", err)
	}
}

// FuzzGroups reads hostile states: an error, or a state that is written as it was.
func FuzzGroups(f *testing.F) {
	groups := func() []grouper {
		u, _ := NewUnits(UnitsConfig{})
		m, _ := NewMass(MassConfig{})
		return []grouper{m, u}
	}
	m := fleet(f, MassConfig{})
	for i := range 6 {
		check(m.Observe(start, silent(person(i), bracelet, KindSilence, time.Duration(i)*s, 0)))
	}
	m.Wake(nil, m.Deadline())
	b, _ := m.AppendBinary(nil)
	f.Add(uint8(0), b)
	u, _ := NewUnits(UnitsConfig{})
	check(u.Assign(start, Assignment{Unit: unit, Subject: "person-1", From: start}))
	check(u.Observe(start, silent("unit-1", unit, KindPowerCut, 0, 0)))
	b, _ = u.AppendBinary(nil)
	f.Add(uint8(1), b)
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		g := groups()[which%2]
		before, _ := g.AppendBinary(nil)
		if err := g.UnmarshalBinary(b); err != nil {
			if after, _ := g.AppendBinary(nil); !bytes.Equal(before, after) {
				t.Errorf("an error leaves the state changed: %x", after)
			}
			return
		}
		again, _ := g.AppendBinary(nil)
		n := groups()[which%2]
		if err := n.UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
		if twice, _ := n.AppendBinary(nil); !bytes.Equal(again, twice) {
			t.Errorf("state %x is written as %x and then as %x", b, again, twice)
		}
		_ = g.Observe(start, silent("person-1", unit, KindSilence, 0, 0))
		g.Wake(nil, start.Add(1000*h))
	})
}
