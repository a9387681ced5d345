// Package megastek speaks the text dialects of Megastek's personal and ankle
// trackers (GVT900, MT-60X, MT-65, MT-80, MT-90) over TCP. The forms are told
// apart by their first bytes:
//
//	0156$MGV002,990000000000017,,R,140326,092653,A,5441.23200,N,02516.78200,E,00,09,00,0.88,1.21,40.90,112.5,,246,01,0D7A,B913,28,0000,0000,0,,,,,,01,092,Belt Off;!
//	STX,990000000000017,$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52,F,Nil-Alarms,imei:990000000000017,9,112.5,Battery=82%,,0,246,01,0D7A,B913;10
//	LOGSTX99017␠␠␠␠␠␠␠␠␠␠␠␂P$GPRMC,092653.000,V,,,,,,,140326,,,N*44,246,01,0D7A,B913,28,97,0000,0001,0,Timer;36
//	cmd=aid;…
//
// A Report is the current form, with or without the four digits of its length
// in front. STX and STXPadded are those of older devices, which pass on their
// receiver's RMC sentence; "LOG" in front of them, and S in a Report, mark what
// was kept in memory. The last form asks for a receiver's assistance data and is
// dropped: it carries somebody's password, which is not kept.
//
// There is no acknowledgement and no command: a device that sends a report
// takes it for received. The center commits it like any other, and nothing is
// sent back; what is lost on the way stays lost.
//
// # What a report becomes
//
// A Fix; an Alarm, a Tamper or a Power event where its alert text says so; a
// Power with the battery's level; a Comms with cell, signal and Wi-Fi access
// points, a heartbeat where the report is routine; and a Vendor with what only
// people read: belt state, health, temperatures, RFID. Belt Off is an opened
// strap and Belt On a closed one. An alert that is not known is an AlarmOther
// with its text.
//
// A fix of status V is em.FixInvalid, though most devices repeat an older
// position in it; one with flag L behind an RMC sentence is em.FixLastKnown.
//
// # Checks
//
// A Report has its length at most, so that only the format of its fields finds
// line noise. STX has the sum of its bytes behind it, STXPadded their exclusive
// or and a length. The check code inside the RMC sentence is noted and never
// judged: the firmware edits the sentence behind its receiver's back, so that it
// is wrong in frames whose own code is right.
//
// # Sources
//
// The public protocol description ("megastek", edition of November 2026), which
// rests on the open-source server Traccar and on captured frames; not the
// vendor's document.
//
// Unverified: speed in knots; the two fields of two digits beside the number of
// satellites; the number of the belt state, which is passed on as it is; the
// charging digit where a dash follows ("1-0" of the GVT900), which is not taken
// for charging; the order of the health numbers; the alert "Belt Up"; the moves
// in and out as the device's fence; "GPS cut" as tamper; "HIT" as vibration;
// flags, inputs and values of STXPadded.
package megastek
