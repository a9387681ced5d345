package health

import (
	"testing"
	"time"

	"github.com/sargas-em/em"
)

// said is a report of d that is received at start + after and says says.
func said(after, says time.Duration) em.Observation {
	return em.Observation{Device: bracelet, DeviceAt: start.Add(says), Body: heartbeat}.Stamp(start.Add(after))
}

func stored(o em.Observation) em.Observation { o.Stored = true; return o }

func numbered(after time.Duration, seq uint64, b em.Body) em.Observation {
	o := at(after, bracelet, b)
	o.Seq = em.Some(seq)
	return o
}

// near is a position of latitude lat that is not by satellites.
func near(lat float64, source em.FixSource, accuracy float64) *em.Fix {
	f := fix(lat, 25.3, 0)
	f.Source, f.Accuracy = source, em.Opt[float64]{V: accuracy, OK: accuracy > 0}
	return f
}

var reportScripts = []script{
	{
		name: "clock: behind, then set",
		ev:   must(NewReports(ReportsConfig{})),
		obs:  []em.Observation{said(0, 0), said(10*m, 5*m), said(11*m, 6*m), said(12*m, 7*m+s), said(13*m, 8*m), said(14*m, 14*m)},
		end:  h,
		told: []string{
			"report.clock CLOCK_BEHIND technical 10m0s..open because 2",
			"report.clock CLOCK_BEHIND technical 10m0s..14m0s because 2",
		},
	},
	{
		name: "clock: ahead, then further",
		ev:   must(NewReports(ReportsConfig{})),
		obs:  []em.Observation{said(0, h), said(2*m, h+2*m), said(3*m, 9*h), said(6*m, 9*h+3*m)},
		end:  h,
		told: []string{
			"report.clock CLOCK_AHEAD technical 0s..open because 2",
			"report.clock CLOCK_AHEAD technical 0s..3m0s because 2",
			"report.clock CLOCK_AHEAD technical 3m0s..open because 2",
		},
	},
	{
		name: "old: a recorded report is sent again",
		ev:   must(NewReports(ReportsConfig{})),
		obs:  []em.Observation{said(0, 0), said(10*m, 10*m), said(15*m, 4*m), said(20*m, 20*m)},
		end:  h,
		told: []string{"report.old OLD_REPORT warning 15m0s..20m0s because 2"},
	},
	{
		name: "old: a time to come",
		ev:   must(NewReports(ReportsConfig{})),
		obs:  []em.Observation{said(0, 0), said(m, 5*h), said(2*m, 2*m)},
		end:  h,
		told: []string{"report.old STRAY_REPORT warning 1m0s..2m0s because 2"},
	},
	{
		name: "old: of a dialect that does not mark its memory",
		ev:   must(NewReports(ReportsConfig{Unmarked: true})),
		obs:  []em.Observation{said(0, 0), said(10*m, 10*m), said(15*m, 4*m), said(20*m, 20*m)},
		end:  h,
	},
	{
		name: "old: a memory is uploaded, marked; a report is sent again; a minute is nothing",
		ev:   must(NewReports(ReportsConfig{})),
		obs: []em.Observation{
			said(0, 0), said(10*m, 10*m), stored(said(15*m, 2*m)), stored(said(15*m, 3*m)), stored(said(18*m, 6*m)),
			said(16*m, 0), said(20*m, 19*m), said(21*m, 22*m),
		},
		end: h,
	},
	{
		name: "old: an unmarked memory of an hour comes within seconds, and is no clock",
		ev:   must(NewReports(ReportsConfig{Unmarked: true})),
		obs:  []em.Observation{said(0, 0), said(h, m), said(h+s, 2*m), said(h+2*s, 3*m), said(h+3*s, 4*m), said(h+4*s, h+4*s)},
		end:  h,
	},
	{
		name: "sequence: back by more than repeats, once; a login begins anew",
		ev:   must(NewReports(ReportsConfig{Sequence: true})),
		obs: []em.Observation{
			numbered(0, 1000, heartbeat), numbered(m, 744, heartbeat), numbered(2*m, 1001, heartbeat), numbered(3*m, 744, heartbeat),
			numbered(4*m, 745, heartbeat), numbered(5*m, 3, &em.Comms{Event: em.CommsLogin}), numbered(6*m, 4, heartbeat), at(7*m, bracelet, heartbeat),
		},
		end:  h,
		told: []string{"report.sequence SEQUENCE_BACK technical 3m0s..3m0s because 1"},
	},
	{
		name: "sequence: not judged unless asked for",
		ev:   must(NewReports(ReportsConfig{})),
		obs:  []em.Observation{numbered(0, 100_000, heartbeat), numbered(m, 1, heartbeat)},
		end:  h,
	},
	{
		name: "position: one outlier",
		ev:   must(NewTrack(TrackConfig{})),
		obs:  []em.Observation{at(0, bracelet, fix(54.7, 25.3, 0)), at(m, bracelet, fix(55.7, 25.3, 0)), at(2*m, bracelet, fix(54.7001, 25.3, 0)), at(3*m, bracelet, fix(54.7002, 25.3, 0))},
		end:  h,
		told: []string{"position POSITION_OUTLIER warning 0s..2m0s because 3"},
	},
	{
		name: "position: a jump",
		ev:   must(NewTrack(TrackConfig{})),
		obs:  []em.Observation{at(0, bracelet, fix(54.7, 25.3, 0)), at(m, bracelet, fix(55.7, 25.3, 0)), at(2*m, bracelet, fix(55.7001, 25.3, 0))},
		end:  h,
		told: []string{"position POSITION_JUMP warning 0s..2m0s because 3"},
	},
	{
		// One degree of latitude is 111.195 km; each radius is 5 m × 1.6215 at 95 %.
		// In 1,111.79 s nobody goes 111,179 m at 100 m/s, in 1,111.8 s somebody may.
		name: "position: exactly as fast as allowed",
		ev:   must(NewTrack(TrackConfig{})),
		obs:  []em.Observation{at(0, bracelet, fix(54, 25.3, 0)), at(1111800*time.Millisecond, bracelet, fix(55, 25.3, 0)), at(h, bracelet, fix(55, 25.3, 0))},
		end:  h,
	},
	{
		name: "position: a little faster than allowed",
		ev:   must(NewTrack(TrackConfig{})),
		obs:  []em.Observation{at(0, bracelet, fix(54, 25.3, 0)), at(1111700*time.Millisecond, bracelet, fix(55, 25.3, 0)), at(1112*s, bracelet, fix(55, 25.3, 0))},
		end:  h,
		told: []string{"position POSITION_JUMP warning 0s..18m32s because 3"},
	},
	{
		name: "position: a cell's, an old one, another device's",
		ev:   must(NewTrack(TrackConfig{})),
		obs: []em.Observation{
			at(0, bracelet, fix(54.7, 25.3, 0)), at(m, unit, fix(50, 20, 0)),
			at(m, bracelet, &em.Fix{LatLng: em.LatLng{Lat: 50}, Validity: em.FixCurrent, Source: em.SourceCell}),
			at(m, bracelet, &em.Fix{LatLng: em.LatLng{Lat: 50}, Validity: em.FixLastKnown, Source: em.SourceGNSS}),
			at(2*m, bracelet, fix(54.7, 25.3, 0)),
		},
		end: h,
	},
	{
		// In 21 minutes somebody may go a degree of latitude, 111 km, but not from where
		// access points had him a minute before, within 5 km.
		name: "position: contradicted by access points after a silence, once",
		ev:   must(NewTrack(TrackConfig{})),
		obs: []em.Observation{
			at(0, bracelet, fix(54.7, 25.3, 0)), at(20*m, bracelet, near(54.7, em.SourceWiFi, 20)), at(21*m, bracelet, fix(55.7, 25.3, 0)),
			at(21*m+30*s, bracelet, near(54.7, em.SourceWiFi, 20)), at(22*m, bracelet, fix(55.7001, 25.3, 0)), at(23*m, bracelet, fix(54.7, 25.3, 0)), at(24*m, bracelet, fix(54.7001, 25.3, 0)),
			at(25*m, bracelet, fix(55.7, 25.3, 0)), at(26*m, bracelet, fix(54.7, 25.3, 0)),
		},
		end: h,
		told: []string{
			"position POSITION_CONTRADICTED warning 20m0s..21m0s because 2",
			"position POSITION_CONTRADICTED warning 21m30s..25m0s because 2",
		},
	},
	{
		name: "position: two cells contradict the one before, and vouch for the next",
		ev:   must(NewTrack(TrackConfig{})),
		obs: []em.Observation{
			at(0, bracelet, fix(54.7, 25.3, 0)), at(20*m, bracelet, fix(55.7, 25.3, 0)), at(21*m, bracelet, near(54.7, em.SourceCell, 300)),
			at(22*m, bracelet, near(54.71, em.SourceCell, 300)), at(23*m, bracelet, near(54.71, em.SourceCell, 300)),
			at(24*m, bracelet, fix(54.7, 25.3, 0)), at(25*m, bracelet, fix(54.7, 25.3, 0)),
		},
		end:  h,
		told: []string{"position POSITION_CONTRADICTED warning 20m0s..22m0s because 2"},
	},
	{
		name: "position: one by access points may be wrong, one without an accuracy says nothing",
		ev:   must(NewTrack(TrackConfig{})),
		obs: []em.Observation{
			at(0, bracelet, fix(54.7, 25.3, 0)), at(m, bracelet, near(55.7, em.SourceWiFi, 20)), at(2*m, bracelet, fix(54.7, 25.3, 0)),
			at(20*m, bracelet, near(54.7, em.SourceWiFi, 0)), at(22*m, bracelet, fix(55.7, 25.3, 0)), at(23*m, bracelet, fix(55.7, 25.3, 0)),
		},
		end: h,
	},
	{
		// In a minute 6,000 m; the others are good to 3 × 2,000 × 1.6215 = 9,729 m and to
		// 8 m: 15,737 m in all, of which 0.1415° are 15,734 m and 0.1416° 15,745 m.
		name: "position: contradicted by no less than the worst",
		ev:   must(NewTrack(TrackConfig{})),
		obs: []em.Observation{
			at(0, bracelet, fix(54, 25.3, 0)), at(20*m, bracelet, near(54, em.SourceCell, 2000)), at(21*m, bracelet, fix(54.1415, 25.3, 0)),
			at(41*m, bracelet, near(54.1415, em.SourceCell, 2000)), at(42*m, bracelet, fix(54.2831, 25.3, 0)),
		},
		end:  h,
		told: []string{"position POSITION_CONTRADICTED warning 41m0s..42m0s because 2"},
	},
	{
		// In 21 minutes somebody may go a degree of latitude, but not from where the unit
		// heard the bracelet a minute before; nor be there when it is heard a minute after.
		name: "position: contradicted by contacts that the unit reports, before and after",
		ev:   must(NewTrack(TrackConfig{Contacts: []em.Contact{{Beacon: "B-1", Reporter: unit, Worn: bracelet, Place: em.LatLng{Lat: 54.7, Lng: 25.3}}}})),
		obs: []em.Observation{
			at(0, bracelet, fix(54.7, 25.3, 0)), at(20*m, unit, &em.Beacon{Beacon: "B-1"}), at(21*m, bracelet, fix(55.7, 25.3, 0)), at(22*m, bracelet, fix(54.7, 25.3, 0)),
			at(50*m, bracelet, fix(55.7, 25.3, 0)), at(51*m, unit, &em.Beacon{Beacon: "B-1"}), at(52*m, bracelet, fix(54.7, 25.3, 0)), at(53*m, bracelet, fix(54.7, 25.3, 0)),
		},
		end: h,
		told: []string{
			"position POSITION_CONTRADICTED warning 20m0s..21m0s because 2",
			"position POSITION_CONTRADICTED warning 50m0s..51m0s because 2",
		},
	},
	{
		name: "position: contradicted by a beacon that the bracelet hears itself",
		ev:   must(NewTrack(TrackConfig{Contacts: []em.Contact{{Beacon: "B-1", Place: em.LatLng{Lat: 54.7, Lng: 25.3}}}})),
		obs:  []em.Observation{at(0, bracelet, fix(54.7, 25.3, 0)), at(20*m, bracelet, &em.Beacon{Beacon: "B-1"}), at(21*m, bracelet, fix(55.7, 25.3, 0))},
		end:  h,
		told: []string{"position POSITION_CONTRADICTED warning 20m0s..21m0s because 2"},
	},
	{
		name: "position: a loss, another bracelet's beacon and another reporter say nothing",
		ev:   must(NewTrack(TrackConfig{Contacts: []em.Contact{{Beacon: "B-1", Reporter: unit, Worn: bracelet, Place: em.LatLng{Lat: 54.7, Lng: 25.3}}}})),
		obs: []em.Observation{
			at(0, bracelet, fix(54.7, 25.3, 0)), at(20*m, unit, &em.Beacon{Beacon: "B-1", Lost: true}), at(20*m+s, unit, &em.Beacon{Beacon: "B-2"}),
			at(20*m+2*s, bracelet, &em.Beacon{Beacon: "B-1"}), at(21*m, bracelet, fix(55.7, 25.3, 0)), at(22*m, bracelet, fix(55.7, 25.3, 0)),
		},
		end: h,
	},
	{
		// In a minute 6,000 m; the contact reaches 1,000 m and the position is good to 8 m:
		// 7,008 m in all, of which 0.0630° are 7,005 m and 0.0631° 7,016 m.
		name: "position: as far from a contact as can be, and a little farther",
		ev:   must(NewTrack(TrackConfig{Contacts: []em.Contact{{Beacon: "B-1", Place: em.LatLng{Lat: 54, Lng: 25.3}}}})),
		obs: []em.Observation{
			at(0, bracelet, fix(54, 25.3, 0)), at(20*m, bracelet, &em.Beacon{Beacon: "B-1"}), at(21*m, bracelet, fix(54.0630, 25.3, 0)),
			at(40*m, bracelet, &em.Beacon{Beacon: "B-1"}), at(41*m, bracelet, fix(54.0631, 25.3, 0)),
		},
		end:  h,
		told: []string{"position POSITION_CONTRADICTED warning 40m0s..41m0s because 2"},
	},
	{
		name: "frozen: alike while it moves",
		ev:   must(NewTrack(TrackConfig{Frozen: 3})),
		obs: []em.Observation{
			at(0, bracelet, fix(54.7, 25.3, 0)), at(m, bracelet, fix(54.7, 25.3, 4)), at(2*m, bracelet, fix(54.7, 25.3, 1)),
			at(3*m, bracelet, fix(54.7, 25.3, 0.9)), at(4*m, bracelet, fix(54.7, 25.3, 2)), at(5*m, bracelet, fix(54.7, 25.3, 2)),
			at(6*m, bracelet, fix(54.700001, 25.3, 2)),
		},
		end: h,
		told: []string{
			"position.frozen POSITION_FROZEN warning 0s..open because 2",
			"position.frozen POSITION_FROZEN warning 0s..6m0s because 2",
		},
	},
	{
		name: "unit: elsewhere by two positions, then in place; moved by its own word",
		ev:   must(NewInstalled(InstalledConfig{Device: unit, Place: em.Some(em.LatLng{Lat: 54.7, Lng: 25.3})})),
		obs: []em.Observation{
			at(0, unit, fix(54.7005, 25.3, 0)), at(m, unit, fix(54.71, 25.3, 0)), at(2*m, unit, fix(54.7, 25.3, 0)),
			at(3*m, unit, fix(54.71, 25.3, 0)), at(4*m, bracelet, fix(54.8, 25.3, 0)), at(5*m, unit, fix(54.72, 25.3, 0)), at(6*m, unit, fix(54.7, 25.3, 0)),
			at(7*m, unit, &em.Alarm{What: em.AlarmMoved}),
		},
		end: h,
		told: []string{
			"unit.elsewhere UNIT_ELSEWHERE warning 3m0s..open because 2",
			"unit.elsewhere UNIT_ELSEWHERE warning 3m0s..6m0s because 2",
			"unit.disturbed UNIT_DISTURBED warning 7m0s..7m0s because 1",
		},
	},
}

func TestReportScripts(t *testing.T) { runScripts(t, reportScripts) }

// Two connections of one identity, by the clock of reception.
func TestIdentities(t *testing.T) {
	x, err := NewIdentities(IdentitiesConfig{Each: 2, Connections: 3})
	if err != nil {
		t.Fatal(err)
	}
	var told []em.Event
	step := func(after time.Duration, conn uint64, d em.DeviceID) {
		t.Helper()
		now := start.Add(after)
		for dl := x.Deadline(); !dl.IsZero() && !dl.After(now); dl = x.Deadline() {
			told = x.Wake(told, dl)
		}
		var err error
		if told, err = x.Observe(told, now, conn, d, em.ObservationID{1}); err != nil {
			t.Fatal(err)
		}
	}
	step(0, 1, bracelet)
	step(m, 2, bracelet) // connected anew; 1 is silent
	step(2*m, 2, bracelet)
	if len(told) != 0 || !x.Deadline().IsZero() {
		t.Fatalf("%v", briefs(told))
	}
	step(3*m, 1, bracelet) // … and is not
	step(4*m, 2, bracelet)
	step(5*m, 1, bracelet)
	step(5*m, 1, unit)
	step(20*m, 1, bracelet)
	want := []string{
		"identity.twice IDENTITY_TWICE technical 3m0s..open because 1",
		"identity.twice IDENTITY_TWICE technical 3m0s..15m0s because 1",
	}
	if got := briefs(told); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v", got)
	}
	if _, err := x.Observe(nil, start, 1, "gt06:3", em.ObservationID{}); err == nil {
		t.Error("a third identity of one connection")
	}
	step(21*m, 3, unit)
	if _, err := x.Observe(nil, start, 4, unit, em.ObservationID{}); err == nil {
		t.Error("a fourth connection")
	}
	for conn := range uint64(4) {
		x.Close(conn)
	}
	if len(x.conns) != 0 || len(x.owner) != 0 {
		t.Errorf("%d connections and %d identities are left", len(x.conns), len(x.owner))
	}
}
