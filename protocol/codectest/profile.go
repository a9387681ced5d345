package codectest

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Profile is a kind of device: what one must tell, and be told. It asks for what
// the rules of the SDK need of such a device, and no more.
type Profile struct {
	Name  string
	Title string
	Shows []Need
	Takes [][]protocol.CommandKind // of each set at least one
}

// Need is an observation that a device of a profile must be able to make.
type Need struct {
	Name  string
	shown func(em.Observation) bool
}

// need makes a Need of a body of one type.
func need[B em.Body](name string, ok func(B) bool) Need {
	return Need{name, func(o em.Observation) bool {
		b, is := o.Body.(B)
		return is && ok(b)
	}}
}

// Profiles lists the kinds of devices.
func Profiles() []Profile {
	position := need("a current position", func(f *em.Fix) bool { return f.Current() })
	noPosition := need("that there is no current position", func(f *em.Fix) bool { return f.Validity != em.FixCurrent })
	alive := Need{"a sign of life", func(o em.Observation) bool {
		_, comms := o.Body.(*em.Comms)
		_, fix := o.Body.(*em.Fix)
		return comms || fix // a report that comes by itself is one
	}}
	worn := need("that it was taken off", func(b *em.Tamper) bool {
		return !b.Cleared && (b.What == em.TamperStrap || b.What == em.TamperRemoval || b.What == em.TamperOther)
	})
	battery := need("its battery", func(b *em.Power) bool { return b.Level.OK || b.Volts.OK || b.Event == em.PowerLow })
	mains := need("that the supply was lost", func(b *em.Power) bool { return b.Event == em.PowerCut })
	tamper := need("that it was tampered with", func(b *em.Tamper) bool { return !b.Cleared })
	near := need("contact with a beacon or bracelet", func(b *em.Beacon) bool { return !b.Lost })
	reading := need("a reading of breath", func(b *em.AlcoholReading) bool { return b.Status == em.SampleOK })
	return []Profile{
		{Name: "tracker", Title: "Tracker that is carried, not worn", Shows: []Need{position, noPosition, alive, battery}},
		{Name: "gps-bracelet", Title: "Bracelet with satellite positions", Shows: []Need{position, noPosition, alive, worn, battery}},
		{
			Name: "home-unit", Title: "Unit in the home that hears a bracelet",
			Shows: []Need{alive, near, need("that the bracelet is out of reach", func(b *em.Beacon) bool { return b.Lost }), mains, tamper},
		},
		{Name: "alarm-unit", Title: "Alarm panel or unit that tells events", Shows: []Need{alive, mains, tamper}},
		{Name: "sensor", Title: "Alcohol sensor of a kiosk or interlock", Shows: []Need{reading}, Takes: [][]protocol.CommandKind{{protocol.CommandRead}}},
		{
			Name: "breathalyser", Title: "Breath tester",
			Shows: []Need{
				reading, battery,
				need("a test without a result", func(b *em.AlcoholReading) bool { return b.Status != em.SampleOK }),
			},
			Takes: [][]protocol.CommandKind{{protocol.CommandTest, protocol.CommandVendor}},
		},
		{
			Name: "transdermal", Title: "Bracelet that measures alcohol at the skin",
			Shows: []Need{need("a reading at the skin", func(*em.Transdermal) bool { return true }), battery},
		},
		{Name: "beacon", Title: "Beacon that others hear", Shows: []Need{near}},
	}
}
