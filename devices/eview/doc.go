// Package eview speaks the binary protocol of Eview's personal alarms (EV-07B
// and kin, sold as MiniFinder and under other names): wearables that report
// positions, falls, SOS, and the Bluetooth beacons and access points around
// them, so that presence at home shows without satellites.
//
//	AB  properties(1)  length(2)  check(2)  serial(2)  command(1)  { length(1) key(1) value }…
//
// All numbers are little-endian. The check code is CRC-16/XMODEM over the body,
// from the command on. A packet whose properties have bit 4 asks for an
// acknowledgement, and the device repeats it until it comes:
//
//	AB 00 03 00 08 C7 34 12 7F 01 00
//
// [Codec] cuts and reads frames into a [Packet] with its records, of which the
// session, made by [Device], makes observations.
//
// # Sessions
//
// Each packet of data names the IMEI, as a configuration does; what comes before
// the first of them is refused and not acknowledged, but for questions for the
// time and for a position, which are answered (the position with zeros).
//
// One packet may hold many moments: a key that comes again starts the next, but
// for those that list tags. Each moment with a status is told as a Power, a Comms
// (a heartbeat where nothing else is said) and an em.Vendor, "eview data", with
// the rest; with a Fix for a position, an Alarm or a Power event for each alarm
// bit, and a Beacon for each beacon that the device hears. What a moment is
// marked with as backlog is marked as stored. A moment without a time is of the
// time of the one before; steps, barks, heart rate and activity have times of their
// own.
//
// Where a beacon is said to stand is a field and no Fix: beacons tell that
// themselves, or the configuration does. The home's Wi-Fi (key 27) is a Fix
// from Wi-Fi.
//
// Observation.Seq is the packet's serial number, unwrapped.
//
// # Source
//
// The protocol description "eview" of November 2026, which rests on open decoders
// and captured frames. The vendor's document was not at hand. The devices have no
// strap; nothing here tells a removal.
//
// # Unverified
//
//   - Properties with a bit of 5 to 7 mean an encrypted body, which becomes a
//     *protocol.Raw. Bit 3 is set by some devices and not understood.
//   - An HDOP comes in tenths. Some firmware states less than 0.5 so, which cannot
//     be: it is left out of the Fix and kept as a field. An HDOP of 0 is no fix of
//     now.
//   - The levels of cells and beacons are in dBm where they are negative; others are
//     left out.
//   - The address of a Wi-Fi beacon (2A) comes last byte first, like a tag's; those of
//     access points come in order. 2A's coordinates and text are there where the
//     flags say so, as with tags.
//   - In home tags (23, 26) coordinates are there where eight bytes follow the
//     address, and text is what remains.
//   - Alarm bits without a meaning, and the buttons (13, 14), are em.AlarmOther with
//     their number. Bit 31 is a bark, and a field.
//   - Heart rate and oxygen are numbers of up to four bytes behind a time.
//   - A control packet of the device is an answer: text behind a zero.
//   - The simulator's timing (heartbeats every five minutes, ten seconds to a repeat)
//     is usual, not stated.
package eview
