// Package gt06 speaks the binary protocol of the Concox and Jimi "GT06" family:
// general trackers, among them personal and asset units that tell when they are
// taken off. A device logs in with its IMEI, numbers its messages, and repeats
// them until they are acknowledged.
//
//	short  78 78  length(1)  type(1)  payload  serial(2)  check(2)  0D 0A
//	long   79 79  length(2)  type(1)  payload  serial(2)  check(2)  0D 0A
//
// All numbers are big-endian. The length counts type to check; the check code is
// CRC-16/X-25 over length to serial. Some firmware states a wrong length, and
// Wi-Fi trackers send neither serial nor check code: a frame then ends at the
// next 0D 0A, and a check code that is right excuses a wrong length.
//
// [Codec] cuts and reads frames. Messages keep the numbers of the wire, so that
// nothing is lost; their methods convert. The session, made by [Device], turns
// them into observations, acknowledges them and answers requests for the time
// and for an address.
//
// # Sessions
//
// A session is with nobody until a login names the IMEI; what comes before it is
// refused and not acknowledged, but for a request for the time. All frames of a
// known type are acknowledged with the short header, the long ones of stations
// (0x32, 0x33) and multimedia (0x41) with the long one; the frames 0x80–0x82 and
// long ones of an unknown type are not.
//
// Observation.Seq is the frame's serial number, unwrapped: it grows over the wrap
// at 65,535, takes the next multiple of 65,536 where the device starts counting
// anew, and is that of the first where a frame is sent again. Frames without a
// serial have none.
//
// Observations are marked as stored where the message says that it comes from
// memory: types 0x22, 0x2D, 0x31, 0x37 and 0xA0. An alarm byte and the class of
// alarm in a status byte that say the same are one observation. What has no body
// in package em (ACC, mileage, inputs, RFID, tags' temperatures, unknown bytes) is
// in an em.Vendor named "gt06 " and the type.
//
// # Source
//
// The protocol as the GT06 device family speaks it, in the common subset of its
// vendors' editions with the firmware variants that open decoders know. No
// edition of the vendor's own manual was at hand.
//
// # Unverified
//
//   - Positions are UTC; where the login names a time zone they are taken for
//     local time of that zone.
//   - The alarm byte means different things to different models: 0x09 vibration
//     or towing, 0x18 removal or (LW models) collision, 0x30 jamming or (VL
//     models) braking. The reading that matters to monitoring is used, so a
//     VL model in a car shows braking as jamming.
//   - 0x13 "disassembly" is taken for a removal from the body. No alarm of the
//     family names a strap.
//   - The time in an event of a modular message (type 0x70, module 0x34) is
//     little-endian in the source, big-endian in captures: the reading nearer to
//     the message's own time is used. Module 0x2B's values are from open decoders.
//   - The level of a cell is in dBm (sign dropped) only in the 4G types 0xA1 and
//     0xA2, and of access points everywhere; elsewhere the scale is unknown and
//     the raw number is kept as a vendor field.
//   - A tracker that sends a position without serial and check code is answered
//     like a Wi-Fi message, one that logs in so with 78 78 01 01 0D 0A.
//   - In a status (0x13) an alarm byte of 0xF0 means that the next byte is the
//     supply in 0.1 V.
//   - Type 0xF3 is read from one capture: time, number, and of each access point two
//     bytes that were zero and its address. No level of them is known.
//   - The long types 0x66 and 0x8C (a vehicle's plug) have a position whose flags are
//     read as everywhere; what the numbers in their text mean is not told. Of the
//     long 0xF2 the time alone is known, of a short 0xA3 of 19 bytes the steps: each
//     rests on one capture. 0x35 as the announcement of a picture, and 0x1A, 0x17 of
//     31 bytes and 0xA7 as requests of somebody who called, rest on open decoders and
//     one capture; they are acknowledged, an address is told for 0x2A alone, and no
//     picture is fetched.
//   - Layouts of the firmware variants rest on few captures each; what follows
//     the known fields is kept as a vendor field "tail".
//   - Replies echo the serial of the request. The simulator's timing (three
//     minutes between heartbeats, ten seconds to a repeat) is usual, not stated.
//   - Types 0x21, 0x36 and 0x38 in short frames are read as positions where they
//     begin with a date and a fix; the cell in 0x36 and 0x38 is assumed.
//   - Types that are not read become a *protocol.Raw, which has a name where open
//     decoders have one: 0x14 (satellites), 0x1F (a clock: eight bytes, the last two
//     perhaps a language), 0x39, 0x40, 0x41 (multimedia), 0x65, 0x81 and 0x82 (replies
//     to commands), short types 0x33 and 0x34 other than X1, and forms of the known
//     types whose length fits none. Two forms of 0x24 keep their cells as "tail".
package gt06
