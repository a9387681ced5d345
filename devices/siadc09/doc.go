// Package siadc09 speaks ANSI/SIA DC-09, in which premises units (alarm panels,
// personal emergency systems, and house-arrest home units built on them) report
// to a receiver over IP. Events are SIA-DCS codes or Contact ID, in clear or
// encrypted.
//
//	LF 821D 003A "SIA-DCS"0001L0#9017[#9017|Nri1/TA002]_12:00:00,01-02-2026 CR
//	   │    │    │        │   │ │     └ data           └ GMT, MM-DD-YYYY
//	   │    │    │        │   │ └ account
//	   │    │    │        │   └ line; a receiver R may stand before it
//	   │    │    │        └ sequence number
//	   │    │    └ identifier; "*SIA-DCS" where encrypted
//	   │    └ length │ both from the quote to before CR
//	   └ CRC-16/ARC  │
//
// The codec is the same over TCP and in UDP, where each datagram is one frame. A
// check code of two bytes, as some panels send it, is taken and answered in kind.
// A wrong length is no error where the check code is right.
//
// # The receiver
//
// The session, which [Device] and [New] make, answers each message that it
// accepts with ACK, of the same number, receiver, line and account, encrypted if
// the message was. It refuses with NAK, which tells the time: a message in clear
// of an account that has a key, one whose time stamp is more than 20 s ahead or
// 40 s behind, one of no or another account. What it understands as a frame but
// cannot read (no key, another identifier) it answers with DUH. A frame with a
// wrong check code, or one that does not decrypt to a message, has no answer.
//
// A unit repeats what was not acknowledged in time, with a new time stamp. The
// same number and the same data as the last event on this connection are
// acknowledged and not observed again.
//
// # What a message becomes
//
// Each event gives what rules read, by its code (see [Meaning]), and an em.Vendor
// "siadc09.event" with all of its parts as they came. NULL, the poll of older
// panels, and test reports are an em.Comms heartbeat. Extended data are an em.Vendor
// "siadc09.extended", but for the content of a key change (K); a position (X and
// Y) is an em.Fix besides. It is em.FixLastKnown, because the unit does not say how
// old it is: shown, but not judged on.
//
// The time of an event is that of extended data H, else the message's time stamp;
// without both it is that of reception. Events marked O are Stored. Without H the
// time stamp of an old event is later than the event was. The modifier ti has no
// date and no time zone: it is in the em.Vendor alone.
//
// The beacon of UY and UJ is named by the zone number, which is the account's own:
// in an order name the unit's device besides.
//
// # Keys
//
// AES in CBC mode with 128, 192 or 256 bits, by account or one for all ([Config]).
// A [Key] prints as "[key]". The standard starts each chain at zero and puts
// padding in front; ours is derived from the content by HMAC-SHA-256 under the
// key, so that Append has no state and needs no source of randomness.
//
// Encryption hides what is said, but proves nothing: there is no authentication
// code, a changed block may still read as a message, and the answers tell whoever
// tries what does. Account numbers are in clear. Run the connections through a private network or a tunnel with mutual
// authentication. DUH, NAK and the poll of older panels are never encrypted.
//
// # Source
//
// The public wire format of ANSI/SIA DC-09 as four open implementations have it
// (edition of November 2026 of the description used here): pysiaalarm, ioBroker.sia,
// dc09_spt and dc09. The standard itself, which is sold, was not at hand. SIA
// codes and Contact ID events have the meanings that pysiaalarm gives them.
//
// # Unverified
//
//   - No maker of equipment for electronic monitoring is known to use it; zone
//     numbers and codes are the installer's choice.
//   - That TA and TT have no better place than em.TamperOther: what was tampered
//     with is known to who installed the zone.
//   - XT and XR (a transmitter's battery) are told as the unit's own em.PowerLow
//     and em.PowerGood, as YT and YR are: where both batteries are low, the first
//     restoral ends either.
//   - Contact ID 344, 350, 354 and 381 are read as YC (communication), which no
//     rule reads. Published tables call 344 jamming, 381 a missing transmitter, 383
//     a tampered sensor and 384 a transmitter's battery: state what is true of your
//     panels in Config.ContactID, such as {"344": "XQ", "381": "UY"}.
//   - The format of H (taken to be that of a time stamp), and that X and Y are of
//     the moment of the event.
//   - The order of the two bytes of a binary check code: high byte first.
//   - The frame of the older panels' poll, SR…, and of its answer: LF and CR.
//   - That a time stamp is judged also where a message in clear has one.
//   - Addresses of more than decimal digits: what follows the digits is text.
//   - The simulator's times: 20 s to a repeat, 3 min between signs of life.
package siadc09
