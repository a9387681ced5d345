// Package watch3g speaks the bracket protocol of watches and 4G bracelets for
// children and seniors, known by the vendor codes in its frames: 3G, SG, CS, ZJ.
// Makers sell the same units for supervision: they tell when they are taken off.
//
//	[3G*9900000017*0009*LK,0,0,53]
//	[ZJ*990000000000017*0075*0064*AL,140326,092653,A,54.687200,N,25.279700,E,…]
//
// A frame has a vendor code, the device's number (an IMEI or ten digits of it),
// from some vendors an index, the length of the content as four hexadecimal
// digits, and the content: a keyword and fields. Keywords with endings such as
// _LTE, _WCDMA, CUSTOMER1 or a digit mean the same as without.
//
// A frame ends with the bracket that closes it: access points' names may hold
// brackets in pairs. Where they hold an opening one alone, the length decides;
// elsewhere it is told in a dump and never judged, because it is often wrong.
// Sound is escaped: 7D 01 to 7D 05 for 7D, 5B, 5D, 2C and 2A.
//
// # Answers
//
// INIT is answered with INIT,1, LK and AL with their keyword, TKQ with itself,
// JXTK with JXTKR,1: with the vendor code, number and index of what came. A
// position (UD) and a sensor's value are not acknowledged: the device takes them
// for received.
//
// # What a message becomes
//
// A Position gives a Fix; a Tamper, Alarms and Power events where its status bits
// say so; the battery's level; a Comms with signal, cells and access points; and a
// Vendor with steps, motion and the rest. UD2 is marked as stored. Bits 16 to 22
// and 14 are told wherever they come, the two of the fence's state (1 and 2) in
// an AL alone. Removal is em.TamperRemoval. A status V is em.FixInvalid.
//
// The hemisphere may be missing. A latitude's sign is then the number's own. A
// longitude's is lost: a negative one is believed, a positive one takes the sign
// of the continent that the cell's country code names (3xx and 7xx west, 4xx
// east); without such a cell the fix is em.FixInvalid and the Vendor says why.
//
// # Commands
//
// Header's methods make commands, NewCommand makes any. Address says where a
// session's device takes them. A device answers with the keyword.
//
// # Security
//
// The dialect has neither authentication nor encryption nor a check code. The
// numbers are printed on the devices; anyone can send in a device's name.
//
// # Sources
//
// The public protocol description ("watch-3g"), which rests on captured frames
// and on the open-source server Traccar; not a vendor's document.
//
// Unverified: bit 3 of the status, which some documents call worn or taken off,
// and which is passed on in the Vendor; that nothing clears a removal; bit 14 as
// an event; WT, UD3 and other digits as live; the fields of an INIT; LK with two
// fields, whose values are passed on; the levels of cells, of unknown scale;
// cells in hexadecimal, which are told by their letters; the fields behind the
// access points, of which the last may be a radius in metres; the first value of
// oxygen and of temperatures; JXTK's fields; whether a length counts escaped or
// plain bytes (commands count escaped ones, captured sound plain ones); that TK
// wants no answer; the islands of 3xx networks in the eastern hemisphere.
package watch3g
