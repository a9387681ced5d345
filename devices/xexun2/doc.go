// Package xexun2 speaks the second binary protocol of Xexun's personal and asset
// trackers over TCP. They tell when they are dismantled, and pack many records
// into one message.
//
//	FA AF  type(2)  serial(2)  IMEI(8)  attributes(2)  check(2)  payload  FA AF
//
// All numbers are big-endian. The IMEI is 15 decimal digits and a 0, the low ten
// bits of the attributes are the payload's length, the check code is FOLD-16 over
// the payload. Between the flags FA AF is sent as FB BF 01, and FB BF as FB BF 02.
//
// Every message but a command (type 7) is acknowledged with its own type, serial
// and IMEI and the payload 01; a device repeats what is not.
//
// # What a message becomes
//
// Each record of a Report (type 0x14) has a time of its own and masks of what it
// holds. It gives a Fix of the best position in it (module G, then double, then
// single precision); a Tamper for a removal, Alarms for the other alarm bits; a
// Power; a Comms with signal, cells and access points; and a Vendor with the rest.
// A Command of a device is its answer to one.
//
// Nothing marks a backlog. Of several records in one message all but the one of
// the latest time are marked as stored: they waited in the device.
//
// Observations have no Seq: the serial number belongs to the message, and changes
// where records are sent anew in another one.
//
// # Commands
//
// NewCommand makes commands of the known texts: Reset, PowerOff, TrackEvery.
//
// # Security
//
// The dialect has neither authentication nor encryption. The check code is weak:
// it finds single bit errors, not swapped bytes, and the header is not under it.
//
// # Sources
//
// The public protocol description ("xexun2"), which rests on the open-source
// server Traccar and on captured messages; not the vendor's document.
//
// Unverified: "removal" as off the body; that nothing clears it; alarm bits other
// than 0, 1 and 15, which are AlarmOther with their number; a position of 0
// satellites in the plain forms as the last known one; levels of cells and access
// points as dBm with a sign; signal as 0 to 31; mask bits 2, 6 and 7 and bit 4 of
// the positions, behind which a record cannot be read and is kept as Tail; the
// texts in version, IMSI and ICCID; the attributes' high bits, which are kept; the
// form of a device's answer to a command; what "of=1" does, taken for switching
// off; the simulator's timing.
package xexun2
