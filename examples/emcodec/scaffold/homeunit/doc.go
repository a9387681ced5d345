//go:build overlay

// Package scaffold speaks the protocol of a unit in the home that hears a bracelet. It is
// a complete codec of an invented dialect to start from: put your unit's
// frames in the place of these, and keep the tests green on the way.
//
//	A5 5A  length(1)  type(1)  identity(8)  serial(2)  payload  check(2)
//
// Numbers are big-endian. The length counts type to payload; the check code is
// CRC-16/X-25 over length to payload. The identity is the IMEI as 16 decimal digits,
// a zero in front. Times are seconds since 1970, UTC.
//
//	01 contact    time(4) flags(1) bracelet(4) strength(1), in dBm, 00 unknown
//	02 mains      time(4) flags(1)
//	03 tamper     time(4) flags(1), of the case
//	04 heartbeat
//	81 ack        of the center, with the serial of what it answers
//
// The device sends a message again until it is acknowledged.
//
// # Source
//
// TODO: name the document, its edition and date, and who published it.
//
// # Unverified
//
//   - TODO: list all that was guessed, and how it could be checked.
//   - The simulator's times: 30 s to a repeat, 5 min between heartbeats.
package scaffold
