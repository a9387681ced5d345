// Package bactrack speaks with BACtrack breathalysers: dialect V, the serial
// line of the Vio and Go instruments, and a tunnel that carries it over TCP.
//
// Source: the manufacturer's own SDK for phones (BACtrackSDKV2), which has four
// dialects: M, V, C and S. Only V is spoken here so far; the others get files of
// their own beside vio.go.
//
// # Dialect V
//
//	10 02 | L | command | payload | xor | 10 17
//
// L counts command and payload; xor is over L, command and payload; nothing is
// stuffed. The center asks (70 to 76) and the instrument answers (80 to 86); only
// 85, a change of the button, comes on its own. No result is ever sent without
// being asked for, none is acknowledged, and the instrument keeps no memory and
// no clock.
//
// The session therefore polls. It asks who the instrument is (70), how often it
// was used (73 01) and what it does (71), the last again every Options.Poll, two
// seconds by default. The state leads through countdown, ready, blowing and
// analysing to "idle, and BAC valid", which stays while the result is shown:
//
//   - A result becomes one em.AlcoholReading when it is first shown after any
//     other state, at the time of reception, in % BAC with four decimals as it
//     came. While the same value stays, nothing more is observed. A test takes
//     longer than a poll, so that two results are always told apart by the
//     states between them; the use count, which is asked for after each result,
//     lets a person check that none is missing.
//   - A result that is shown when the conversation begins, or after a minute
//     without an answer (ten seconds, where a result was shown before), cannot
//     be dated. It becomes an em.Vendor "bactrack.undated", which people see and
//     no rule judges.
//   - A test that ends without a result makes the session ask for the last error
//     (72), three times at most. It becomes an em.AlcoholReading that has no
//     value, with the Status that the error means and its name as Reason; a low
//     battery is an em.Power "low" besides.
//   - The battery's level is an em.Power: with the first status, when it changes
//     (once a minute at most), and every Options.Beat as a sign of life.
//
// To start or to cancel a test, or to switch off, use protocol.Link.Command. An
// instrument may be switched off for days: on a serial
// line run the Link with Limits.First and Limits.Idle below zero.
//
// # Identity
//
// The wire carries no serial number. On a serial line the instrument is whatever
// protocol.SessionConfig.Identity says is plugged in there. Through the tunnel
// the preamble says it.
//
// # The tunnel
//
// No maker has published a way to carry these instruments over TCP, so this one
// is the SDK's own. The host is what the instrument is plugged into: a kiosk's
// computer, a phone, a serial device server. It dials the center, sends one line
// of preamble, and from then on the bytes of the serial line follow both ways as
// they are. Lines may stand between two frames, never inside one.
//
// A line is printable ASCII, at most 640 bytes with its end:
//
//	EMTUN/1 hello bactrack VIO-0017 kept*45
//
// "*45" is the XOR of all bytes before the asterisk, as two upper-case
// hexadecimal digits, and CR LF ends the line. Fields are parted by one space.
//
//	hello bactrack <identity> <mode>   host → center, the preamble
//	result <time> <seq> <frame>        host → center, mode kept
//	late <time> <seq> <frame>          host → center, mode kept
//	ok <seq>                           center → host, mode kept
//	no <reason>                        center → host, which then hangs up
//
// An identity is 1 to 32 ASCII letters, digits, dots, underscores and hyphens,
// and begins with a letter or digit. A time is the host's clock in UTC, RFC 3339
// with exactly three decimals: 2026-10-03T19:30:00.000Z. A seq is a decimal
// number below 2^64 without leading zeros. A frame is a frame of dialect V in
// hexadecimal. An unknown word after EMTUN/1 is ignored by both sides, so that
// words can be added.
//
// The mode says what the host does:
//
//   - raw: it only passes bytes on. A serial device server that can send a fixed
//     banner is enough. The center polls as on a serial line, and a result that
//     comes while the connection is down is lost.
//   - kept: it polls the instrument itself. Each result (a status with a valid
//     BAC, or the error that ended a test) it writes to its memory with its own
//     time and the next seq, once, and sends as a result line. It forgets the
//     result when the ok with that seq comes, and not before: the center says ok
//     only when the result is durable. After a new connection it says hello and
//     sends what it still has, oldest first, as late lines, whose observations
//     are marked Stored. A result that comes twice has the time and the bytes of
//     the first and thus its ObservationID; it is acknowledged each time. Frames
//     that are passed on as they are show the state and prove life; no result is
//     taken from them. A line that gets no ok the host keeps for a person to see.
//
// The center hangs up with "no preamble" when none has come within 30 seconds of
// the connection, and refuses frames before it; and with "no identity" when
// another preamble, or the connection itself (SessionConfig.Identity), names
// another instrument. A preamble that is sent again is ignored.
//
// The tunnel adds no secrecy and no proof of who speaks: run it over mutual TLS.
//
// # Unverified
//
//   - Unverified: all of dialect V on hardware. The maker publishes no frames;
//     the vectors are computed from its SDK's rules. So is the speed of the serial
//     line, 9600 8N1, which is a guess.
//   - Unverified: that the error codes of dialect V (82) are those of the Mobile
//     dialect, and that the code is 0 after a test that was cancelled.
//   - Unverified: that the battery's scale from 0 to 15 is linear.
//   - Unverified: the widths of the fields of 80 (one byte each), the byte order of
//     the two-byte use count (low byte first, like the BAC), and what 84, 85 and 86
//     carry, which is kept as it comes.
//   - Unverified: how long a result stays shown, and that the state passes through
//     another one between two results.
//   - Bytes beyond the documented ones of an answer are kept in Extra and are no
//     error.
package bactrack
