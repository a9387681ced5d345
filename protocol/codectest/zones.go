package codectest

import (
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// zones are where a device's times may come to nothing else than in UTC: the day
// there is another for hours, and an hour does not begin with UTC's.
var zones = []*time.Location{
	time.FixedZone("west", -(9*3600 + 30*60)),
	time.FixedZone("east", 12*3600+45*60),
}

var oneZone sync.Mutex

// inZone runs f while the process is in a time zone. Kits that run at once wait for
// each other; for all else in the process to read the clock meanwhile is a race.
func inZone(z *time.Location, f func()) {
	oneZone.Lock()
	defer oneZone.Unlock()
	defer func(z *time.Location) { time.Local = z }(time.Local)
	time.Local = z
	f()
}

// runZones: neither the time zone of the process nor that of the time that a session
// is handed changes what a frame becomes, what a session makes of it and what it
// answers. That all times of observations are UTC the watcher checks.
func runZones(t tester, k Kit, good []goodVector) {
	told := func(k Kit) (msgs []protocol.Message, log string) {
		d := k.device(t)
		for _, v := range good {
			m, err := d.Codec.Decode(v.frame)
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			msgs = append(msgs, m)
		}
		return msgs, k.converse(t, msgs, 1)
	}
	k.Now = k.Now.UTC()
	var msgs []protocol.Message
	var log string
	inZone(time.UTC, func() { msgs, log = told(k) })
	for _, z := range zones {
		k.Now = k.Now.In(z)
		inZone(z, func() {
			there, thereLog := told(k)
			for i := range msgs {
				if !reflect.DeepEqual(msgs[i], there[i]) {
					t.Errorf("%s: another message in the zone %v (-UTC +there):\n%s", good[i].Name, k.Now.Format("-07:00"), diff(msgs[i], there[i]))
				}
			}
			if log != thereLog {
				t.Errorf("the session is another in the zone %v (-UTC +there):\n%s", k.Now.Format("-07:00"),
					diff(strings.Split(log, "\n"), strings.Split(thereLog, "\n")))
			}
		})
	}
}

// turns are instants at which a date is completed wrongly by a clock of another zone:
// the year ends somewhere, a leap day does, and clocks are turned in Europe.
var turns = []time.Time{
	time.Date(2026, 12, 31, 23, 40, 0, 0, time.UTC),
	time.Date(2028, 2, 29, 12, 5, 0, 0, time.UTC),
	time.Date(2026, 10, 25, 0, 40, 0, 0, time.UTC),
}

// runInstants: what the simulated device reports, with a time in any zone, arrives as
// of the same instant, whatever the zone of the process, also where the day is another
// there and where the day has just begun.
func runInstants(t tester, k Kit, _ []goodVector) {
	const most = 4 // bodies at each turn
	reported := 0
	for i, z := range zones {
		for _, turn := range turns {
			k.Now = turn.In(z)
			inZone(zones[len(zones)-1-i], func() { // the process is in the other one
				x := newExchange(t, k, 2)
				x.start()
				taken := 0
				for _, b := range append(samples(), k.Reports...) {
					if taken == most {
						break
					}
					x.run(7 * time.Minute)
					at, from := x.now, len(x.obs)
					if !x.report(em.Observation{Device: k.DeviceID, DeviceAt: at, At: at, Body: b}) {
						continue
					}
					taken++
					for n := 0; n < 20 && !arrived(k, x.obs[from:], at, b); n++ {
						x.run(10 * time.Second)
					}
					if !arrived(k, x.obs[from:], at, b) {
						t.Errorf("reported %s %+v of %v; seen:\n%s", b.Kind(), b, at, list(k, x.obs[from:], at, b))
					}
				}
				reported += taken
			})
		}
	}
	if reported == 0 {
		t.Error("the simulator takes no body at all")
	}
	t.Logf("%d reports at %d turns in %d zones", reported, len(turns), len(zones))
}
