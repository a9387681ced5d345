// Package laipac speaks the text dialect of Laipac's trackers and of the S911
// Bracelet Locator: sentences in the style of NMEA 0183, one a line, over TCP or UDP.
//
//	$AVRMC,99000017,092653,a,5441.2320,N,02516.7820,E,1.21,40.90,140326,T,3987,12,1,0,0,0D7AB913,024601*32␍␊
//	$EAVACK,T,32*4E␍␊
//	$ECHK,99000017,7*34␍␊
//
// A report with a status in lower case is repeated by the device until the
// center has answered with $EAVACK and the report's own check code. A keep-alive
// is echoed as it came. Some alarms are repeated, besides, until the center
// releases them with $AVCFG (see Config).
//
// # What a report becomes
//
// A Report gives a Fix; an Alarm, a Tamper or a Power event where its event code
// says so; a Power with the battery's voltage; and a Comms with the serving cell
// where the device names one. Mileage and analogue inputs stay in the Report.
// An event code without a known meaning is an AlarmOther with that code.
//
// Status A is a current fix. R, a position that the device repeats after losing
// its signal, and P, one that it holds while parked with the receiver off, are
// em.FixLastKnown: shown, but not judged on. V is em.FixInvalid. No observation
// is marked as stored: the dialect has no marker for uploads from memory (R says
// what the position is worth, not when the report was made), and the time of
// the report tells them from live ones.
//
// # Security
//
// The dialect has no authentication and no encryption. The unit's number is
// printed on it and can be sent by anyone; the check code finds line noise, not
// forgery. The password of commands travels in clear text, and the factory's,
// DefaultPassword, is common knowledge: with it whoever can reach the device can
// release its alarms and restart it. Set another one on every device, and run
// the connection through a private network of the mobile operator.
//
// # Sources
//
// The public protocol description of the family ("laipac", edition of November
// 2026), which rests on the open-source server Traccar and on captured frames,
// and on the S911's feature list. It is not the vendor's document.
//
// Unverified: T as a tampered strap (the S911 is a bracelet; the source says
// "tamper", and S, which is acknowledged alike, is kept as em.TamperOther);
// 8 on the S911, where it may be its man-down alarm rather than a shock; that R
// never marks a report from memory; M, of which only the release code is known;
// the event of a strap that was closed again (none is known); the meaning of the
// fields behind the network code; 000000 as the date of a clock that was never
// set.
package laipac
