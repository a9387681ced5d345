// Package bactrack speaks with BACtrack's instruments, in the four dialects of
// the maker's SDK, and through a tunnel that carries them over TCP:
//
//	V  Vio and Go breathalysers: a serial line, or the tunnel     Device
//	M  Mobile breathalysers: Bluetooth, through the tunnel        Device, Mobile
//	C  C6 and C8 breathalysers: Bluetooth, through the tunnel     Device, C6
//	S  Skyn, alcohol at the skin: Bluetooth, through the tunnel   Skyn
//
// A session of [Device] takes V, M and C: the preamble says which. [Mobile] and
// [C6] are the same with simulators of their own. The [Skyn] is another kind of
// device, and has its own name.
//
// Source: the manufacturer's SDK for phones (BACtrackSDKV2, as published in 2026)
// and, for the value 81 of dialect C, a public note on captures of a C6.
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
// # Dialects M and C
//
// These instruments tell what they do by themselves; the center asks for nothing
// but the use count and, in C, the battery's voltage each Options.Beat. A test
// becomes an em.AlcoholReading by the rules of dialect V, as do its errors.
//
//	02 | command | data | xor of data | E0      M; no xor of fewer than two bytes
//	80 phase left …                             C; a step of a test
//	81 ? bac …                                  C; the result in four decimals
//
// The maker's parser of M looks for E0 one byte later than its encoder writes it
// where there is no xor: both are taken. In C a completed test (80 06) states three
// decimals, and captures have an 81 with four: it is preferred where it comes
// within three seconds. A host in mode kept decides so itself, and writes one
// result.
//
// # Dialect S, the Skyn
//
// The Skyn keeps records of eight bytes: the head of a chunk (a time, and the
// seconds between two samples), samples, events, and voltages. It is not worn with
// a strap that could tell; temperature and motion do. The center uploads when the
// host says hello, again when it says so once more, and each SkynOptions.Every:
//
//	00 02 05 0, 05 1      clock, battery, calibration
//	01 now                sets the clock, which ends the chunk that is open
//	15 13                 begin with the oldest; how many are there?
//	14 n                  fetch them
//	16                    forget them: after the observations are durable
//
// No half of a chunk is discarded, since its samples have their times by its head:
// where the last chunk is open, the records before it are fetched once more alone,
// compared, observed and discarded. A chunk that no upload ends is taken the second
// time it is alone. After a loss of power (event 0B) times count from near zero;
// the first head behind the next setting of the clock (event 0C) dates them, and
// until then they stay in the instrument. What nothing dates is counted in an
// em.Vendor "skyn.undated".
//
// Each sample is an em.Transdermal, Stored, with the instrument's time. The records
// have no serial numbers and no check code: the tunnel's line has one, and TCP
// keeps the order; a frame too many or too few ends the upload, which begins anew.
// The value is the sensor's own number (em.UnitRaw), or by SkynOptions.Unit its
// concentration by the instrument's own calibration. A rule of package alcohol has
// to be set to the unit.
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
//	hello <dialect> <identity> <mode>  host → center, the preamble; the dialect is
//	                                   bactrack, bactrack-m, bactrack-c or bactrack-s
//	write <m|c|s> <value>              center → host: write it to the characteristic
//	notify <m|c|s> <value>             host → center: the characteristic notified it
//	result <time> <seq> <frame>        host → center, mode kept
//	late <time> <seq> <frame>          host → center, mode kept
//	ok <seq>                           center → host, mode kept
//	no <reason>                        center → host, which then hangs up
//
// An identity is 1 to 32 ASCII letters, digits, dots, underscores and hyphens,
// and begins with a letter or digit. A time is the host's clock in UTC, RFC 3339
// with exactly three decimals: 2026-10-03T19:30:00.000Z. A seq is a decimal
// number below 2^64 without leading zeros. A frame is a frame of dialect V in
// hexadecimal, or "m:" or "c:" and a value. A value is what one characteristic
// carries at once, 1 to 244 bytes in lower-case hexadecimal. The host writes values
// of dialect M zero-padded to 20 bytes where the hardware is the first one. An
// unknown word after EMTUN/1 is ignored by both sides, so that words can be added.
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
// A Skyn is carried in mode raw: it has a memory itself.
//
// The center hangs up with "no preamble" when none has come within 30 seconds of
// the connection, and refuses frames before it; and with "no identity" when
// another preamble, or the connection itself (SessionConfig.Identity), names
// another instrument; with "no dialect" where the device of the listener is another.
// A preamble that is sent again is ignored, but for a Skyn, of which it asks for an
// upload.
//
// The tunnel adds no secrecy and no proof of who speaks: run it over mutual TLS.
//
// # Unverified
//
//   - Unverified: all of dialect V on hardware. The maker publishes no frames;
//     the vectors are computed from its SDK's rules. So is the speed of the serial
//     line, 9600 8N1, which is a guess.
//   - Unverified: all of dialects M and S on hardware, and of C but for the two
//     captured kinds of values (80 and 81). The two sources disagree on C's result.
//   - Unverified: what answers 75 in dialect M; that A0 and B0 answer a power
//     command; the lengths of its answers, so that what follows is kept.
//   - Unverified: that in dialect S setting the clock ends a chunk and writes an
//     event 0C; the layout of battery records and of 8B; the width of version and
//     lsb (two bytes); the units of alcohol, temperature and acceleration, of a
//     calibration point's concentration, and that two points make a line.
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
