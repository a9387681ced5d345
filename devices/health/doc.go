// Package health judges the device itself: was it heard, was it opened, has it
// power, did its wearer call for help. What it finds are em.Events of rule
// "device", about the device that it was found on:
//
//	Silence   device.silence            not heard for longer than agreed
//	Tamper    device.tamper.strap, …    a tamper sensor, until it is in order again
//	          device.equipment          a sensor that closes again and again by itself
//	Power     device.power.low, .cut, .off
//	SOS       device.sos                the wearer's call for help
//
// Each is an em.Evaluator for an em.Timeline. Silence goes by the time of
// reception, so that a backlog later fills the track but the outage stays a
// fact; the others go by event time.
//
// The zero value of each configuration works; a constructor's error says which
// field is out of range.
//
// An event that happens at one instant, such as a call for help, has Until equal
// to At: it is closed from the start.
//
// No evaluator reads a clock. State is bounded by what is open and by the number
// of the subject's devices, which the caller knows: feed it no strangers'.
package health
