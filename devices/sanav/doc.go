// Package sanav speaks the text dialect of SANAV's trackers for electronic
// monitoring: the OT101 ankle bracelet tracker and the OT102 home unit, which
// hear a radio bracelet (a "house arrest" bracelet such as I0251), and SANAV's
// older trackers. Reports come over TCP or UDP, or as an HTTP GET, one a line:
//
//	990000000000017,$GNRMC,092653.00,A,5441.23200,N,02516.78200,E,0.054,,140326,,,A*6C,AUTO,I0251,,,,17,M16,3782mV,45,2.40,246,1,0D7A,B913,36␍␊
//	imei=990000000000017&rmc=$GPRMC,…*hh,AUTO-4095mv␍␊
//	imei:990000000000017rmc:$GPRMC,…*hh,3950mV,AUTO␍␊
//	GET /gps?imei=990000000000017&rmc=$GPRMC,…*hh,AUTO HTTP/1.1␍␊␍␊
//
// The first line is a Report, the others are a Legacy. There is no
// acknowledgement: a device that sends a report takes it for received. A GET
// alone is answered, because HTTP demands it.
//
// # What a report becomes
//
// A Fix; a Tamper for ST (the bracelet's strap) and TT (the home unit's tamper
// switch), an AlarmOther for any other event but AUTO and STOP, which are
// routine; a Beacon for the bracelet; a Power with the battery's voltage; a Comms
// with signal and serving cell, a heartbeat where the report is routine; and a
// Vendor with the rest. An older tracker's input word gives the battery's state.
//
// A Report that names a bracelet is a radio contact with it. The first one that
// names none afterwards, of a later time and on the same connection, is its loss.
// Nothing in the dialect marks an upload from memory: the report's time tells.
//
// ST is repeated until it is switched off (Account.RelayAlarmOff). No event says
// that a strap was closed again or the unit's switch released.
//
// # Commands
//
// An Account makes commands in the form of a short message, "#user,password,…*",
// which the same units take over the data link; the home unit relays some of
// them to a bracelet. TamperSwitch makes the form that is for the link alone
// ("COTA"). The answer is a Reply in words.
//
// # Security
//
// The dialect has no authentication of reports and no encryption. The factory's
// user name and password are common knowledge: with them, whoever can reach the
// unit can switch strap detection off. Set others on every unit.
//
// # Checks
//
// The only check code is the one inside the RMC sentence. The strict codec holds
// to it; what stands behind the sentence is not protected at all.
//
// # Sources
//
// The public protocol description ("sanav-ot"), which rests on some pages of
// SANAV's manuals for OT101, OT102 and NB-5, with one example of a Report, and
// on captured frames of older trackers. The vendor's table of fields and events
// is not complete there.
//
// Unverified: the line end, which no capture shows (a report also ends where the
// next one begins); the path and the coding of a GET, of which none was captured;
// that a Report without a bracelet means that it is out of reach; that TT is the
// switch of the case (it is told as em.TamperOther); STOP as routine; the width of
// the report counter, which is passed on as it is; the scale of GPS sensitivity
// and of cell levels; the numbers of neighbour cells; what stands behind an older
// tracker's input word; S, H and D in "V3.872;67%,S4,H8.3,D2.38"; the brackets
// and blanks in a Reply; the line end behind a COTA command, and its name (the
// manual's example prints swfbr where its text says swtamper).
package sanav
