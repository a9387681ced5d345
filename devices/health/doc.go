// Package health judges the device itself: was it heard, was it opened, has it
// power, can what it says be true, did its wearer call for help. What it finds
// are em.Events of rule "device", about the device that it was found on:
//
//	Silence    device.silence            not heard for longer than agreed
//	Tamper     device.tamper.strap, …    a tamper sensor, until it is in order again
//	           device.equipment          a sensor that closes again and again by itself
//	Power      device.power.low, .cut, .off
//	Battery    device.battery.forecast   may be empty before the night is over
//	Reports    device.report.clock, .old, .sequence   reports that cannot be what they say
//	Track      device.position, .frozen  positions that cannot be, by themselves or beside cells, access points and contacts
//	Installed  device.unit.elsewhere, .disturbed      a home unit that was moved
//	SOS        device.sos                the wearer's call for help
//
// Each is an em.Evaluator for an em.Timeline. Silence and Reports go by the time
// of reception, so that a backlog later fills the track but the outage stays a
// fact; the others go by event time.
//
// Four are about more than one subject or device, and are fed by the center:
//
//	Mass        device.silence.mass      many devices fall silent together: one incident
//	Units       device.unit              a home unit's trouble: one incident, N people
//	Identities  device.identity.twice    one identity on two live connections
//	Lots        device.lot               tamper rates of hardware lots against the fleet
//
// Mass and Units group the events that the evaluators told, and suppress none.
//
// Jamming and shielding are what a device says of itself (em.TamperJamming,
// em.TamperShielding). No rule here concludes them from weak signals: no source
// was found for one. What they lead to is found, as silence or as no position.
//
// The zero value of each configuration works but for Installed, which needs its
// unit; a constructor's error says which
// field is out of range.
//
// An event that happens at one instant, such as a call for help, has Until equal
// to At: it is closed from the start.
//
// No evaluator reads a clock. State is bounded by what is open and by the number
// of the subject's devices, which the caller knows: feed it no strangers'.
package health
