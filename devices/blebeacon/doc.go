// Package blebeacon reads what Bluetooth Low Energy beacons advertise: iBeacon,
// AltBeacon and Eddystone. Worn devices hear such beacons at home or at a
// protected person's place, or home units hear worn ones, and pass the payload on
// with its signal strength.
//
//	payload:    structure structure … 00 …
//	structure:  length(1)  type(1)  data(length-1)
//
//	iBeacon     FF  4C 00 02 15  uuid(16)  major(2)  minor(2)  tx(1)
//	AltBeacon   FF  company(2)  BE AC  uuid(16)  major(2)  minor(2)  tx(1)  [mfg(1)]
//	Eddystone   16  AA FE  00 UID | 10 URL | 20 TLM | 30 EID …
//
// [Parse] gives typed results; [Advertisement.Contacts] turns them into em.Beacon
// bodies for whoever has the observation's device and time.
//
// This is no protocol.Device and not listed in devices.All: an advertisement has
// no framing of its own on any stream, no conversation and no time. The dialect
// that carries it has. For the same reason there is no dissector of it: captures of
// streams have payloads inside of other dialects' frames alone, and those of Bluetooth
// Wireshark reads by itself.
//
// # Identity
//
// A contact's beacon is named "2f00c0de-…-000000000017/1/2" (UUID, major, minor;
// alike for iBeacon and AltBeacon, which one beacon may send in turn) or, for
// Eddystone-UID, "0a0b0c0d0e0f10111213/000000000017" (namespace, instance), in
// lower case. EID is ephemeral: whose it is only the holder of its key can tell,
// so it makes no contact. URL and TLM name nobody.
//
// Nothing of it is secret or signed: anyone who has heard a beacon can send the
// same. A contact is a hint of presence, and presence that matters needs a second
// one.
//
// # Presence and distance
//
// One missing advertisement means nothing. When a beacon counts as lost is for
// whoever sees many (the device's firmware, package curfew): no contact of this
// package is ever Lost. [Distance] is a rough figure for people to look at, never
// for a rule: walls and bodies change it by a factor of ten.
//
// # Source
//
// The layouts as the open library AltBeacon/android-beacon-library reads and tests
// them (2026), iBeacon's by Apple's published layout; Bluetooth's supplement to
// the core specification for the structures.
//
// # Unverified
//
//   - No maker of equipment for electronic monitoring has published which of these
//     its bracelets or home units send, if any.
//   - That an iBeacon is never longer or shorter than its 25 bytes.
//   - TLM with a voltage of zero is read as "not told".
package blebeacon
