// Package jt808 speaks JT/T 808, the Chinese national standard for terminals on
// the road, in its editions of 2011, 2013 and 2019, with what vendors of
// trackers, personal units and electronic padlocks add to it. It is a general
// protocol: no bracelet of community corrections is known to speak it.
//
//	7E  type(2) attributes(2) [version(1)] terminal(6 or 10) serial(2) [parts(2) part(2)]  body  check(1)  7E
//
// All numbers are big-endian. Between the flags 7E is sent as 7D 02 and 7D as
// 7D 01. The check code is the exclusive or of header and body before escaping. The
// attributes hold the body's length, say whether it is encrypted or but a part of
// a message, and mark the header of 2019, which has a version and ten bytes of
// terminal number. Some devices use E7 as flag, with escapes of their own and seven
// bytes of terminal number. Padlocks number their compact reports with one byte.
// A line of text in parentheses may stand between frames. One flag may end a frame and
// begin the next, and flags with nothing between them mean nothing.
//
// [Codec] cuts and reads frames. Messages keep the numbers of the wire, so that
// nothing is lost. The session, made by [Device] or by [New] with a [Config],
// turns them into observations and answers them.
//
// # Sessions
//
// Every frame names its terminal; the first good one says whom the conversation is
// with. A registration (0100) is answered with an authentication code (8100), most
// else with the general reply (8001), a question for the time with 8109 or
// 8004, a medium (0801) with 8800, a compact report that asks for it with 4401. Types that the package does not know, and
// encrypted bodies, are answered with result 3, unsupported, and kept.
//
// Without [Config].RequireAuth any terminal is believed, as is usual with this
// standard: the number is printed on the device and travels in clear text.
//
// Observation.Seq is the frame's serial number, unwrapped; compact reports have
// none. Observations are marked as stored where the device says so: in batches
// (0704) of kind 1 and in compact reports of type 5502.
//
// A batch of which one report does not read gives the others, and that one as it came,
// in an em.Vendor that names its index and offset. Where the lengths of the reports do
// not lead to the batch's end, only reports with a date, a place on earth and whole items
// are taken, up to the first without, and all that follows is kept as one. Such a batch
// is answered with success: it came as it was made, and would come no better. A
// batch of which no report reads is an error and is not answered.
//
// A message in parts is answered part by part and told when the last has come.
// Parts that do not come are asked for (8003) three times. One conversation
// keeps no more than four unfinished messages and 256 KiB of them: each of up to 64
// KiB in 255 parts, media (0801) of up to [Config].MaxMedia, 256 KiB where that is 0,
// and where it is more, of that together. What goes
// beyond is refused with an error that wraps [ErrParts], and so ends a message
// that is never completed. Parts do not outlive their connection.
//
// # What a report becomes
//
// A position report gives a Fix; one observation for each alarm bit and each event
// in its additional items, but the same event once; a Power with what is known of
// battery and supply; a Comms with signal, cells and access points; and an
// em.Vendor, "jt808 0x0200", with the rest: status, mileage, the items of locks and
// sensors, unknown items in hexadecimal.
//
// A report without the fix bit is em.FixLastKnown, or em.FixInvalid at 0, 0.
//
// The alarm bits are the standard's with the vendors' 16 and 17 as tampers. The
// padlocks G-360P and G-508P use bits 0 and 4 for removal and 1 for tamper; they are
// known by the model in their registration or from [Config].Model.
//
// # Source
//
// The protocol description "jt808" of November 2026, which rests on open decoders
// and captured frames, and general knowledge of JT/T 808. The text of the standard
// was not at hand.
//
// # Unverified
//
//   - The registration, authentication and attributes of 2019, the registration of
//     2011 (taken for one below 37 bytes), requests for parts, and that a frame of
//     encryption other than 0 cannot be read: from general knowledge of the standard.
//   - Clocks show GMT+8, as the standard says, unless configured. A report whose
//     item EB states a zone ("UTC+08:00") is read in that zone. Compact reports are
//     taken for UTC, and their speed for km/h.
//   - Status bit 5 means coordinates shifted for secrecy. They are told with a
//     radius of 500 m. Some padlocks set the bit and shift nothing.
//   - Alarm bit 8 is the loss of the main supply, not a switched-off device; 5 and 6
//     (GNSS antenna) are tampers. The bits 2–4, 9–11, 26, 29 and 30, and those
//     without a meaning here, are em.AlarmOther with their number.
//   - Item DA is read as {times cut, state} with bit 0 for a string in place; of one
//     byte it is left alone. E7 is a number of eight bytes with the alarms in its
//     lowest bits. EB 0089 bit 0 is read as a lost supply.
//   - Of items E1 and EB with cells the level has no known scale and is left out.
//   - A level of 0 % beside a voltage (E3) means that the device knows none.
//   - A terminal number that is not decimal is a binary IMEI. One whose hexadecimal
//     form happens to be decimal cannot be told from another number.
//   - The time reply is {year(2) month day hour minute second} in UTC; the answer to
//     a BASE line replaces TIME by yyyymmddhhmmss in UTC.
//   - Texts of 6006, 1300 and 0701 state no encoding that is known: it is guessed.
//     The rest is GBK.
//   - Positions asked for (0201, 0500), parameters (0104), media (0800, 0801, 8800)
//     and the time of 2019 (0004, 8004, in UTC) are read as general knowledge of the
//     standard has them, as are items 02 to 04, 06 of two bytes, 11, 13, 25, 2A and 2B
//     and the status bits 18 to 21; no capture shows them.
//   - Types of the standard that concern vehicles (driving records, CAN data, areas,
//     compressed data 0901 and others), of JT/T 1078 and of alarms with files (1210)
//     have a name, are acknowledged and kept as they are; so is 1007. Their names, and
//     items 14 to 17, are from general knowledge.
//   - Bodies of 0107, 0701 and 0702 differ between editions and vendors: one that does
//     not read is kept as it is, an [Opaque].
//   - Transparent data (0900) is read only where it lists tags (kind 53), and of a
//     plug (kind F0) its position: status, latitude and longitude at the end, with a
//     time behind them where the seventh byte is not 0. Two captures show that.
package jt808
