// Package em is the vocabulary of electronic monitoring: what devices observe,
// what rules conclude from it, and the timeline that keeps conclusions right
// when data comes late.
//
//	bytes ─Codec.Split→ frame ─Codec.Decode→ Message ─Session.Handle→ Observation
//	      ─Timeline (Evaluator.Observe, Wake)→ Event ─(the center's policy)→ Incident
//
// # Units
//
// Positions are degrees on WGS-84. Lengths are metres, speeds metres a second,
// temperatures degrees Celsius. Alcohol keeps the instrument's own number and
// unit. A value that may be missing is an Opt: absent is not zero.
//
// # Time
//
// Three times are told apart everywhere: At, when it happened by the device's
// clock; Received, when we got it; and Known, the wall clock when we told
// somebody. Intervals are half-open, [From, To). All instants are UTC; civil
// time exists only in package curfew, which resolves it once.
//
// # Packages
//
//   - em: observations, events, Evaluator, Timeline. Standard library only.
//   - protocol: codecs, sessions, links; wire, checksum, tcp, serialline, capture, faultconn, codectest.
//   - devices: one package for each dialect, and All, which lists them.
//   - geofence, geofence/proximity, curfew, curfew/checkin, alcohol, devices/health: evaluators.
//   - geofence/movement: stored tracks in authorised reports; no evaluator imports it.
//   - examples: a monitoring center, a simulator, the vendor's tool and the court's. benchmarks: rivals.
//
// Evaluators never call sessions, and sessions never see zones or orders.
package em
