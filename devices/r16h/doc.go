// Package r16h speaks the text dialect of the R16H, a tracker with a strap that
// locks, over TCP. A message begins with "@" and ends with "$":
//
//	@LINK,990000000000017$
//	@GPSD,990000000000017,R,20260314,092653,54.68720,N,25.27970,E,4,309,112,67,L,$
//	@LBSD,990000000000017,S,20260314,092653,246-1-0d7a-b913:-97,,,67,R,ULK$
//
// Nothing is acknowledged, and no command is known: a device that sends a report
// takes it for received.
//
// # What a message becomes
//
// A Position gives a Fix, Cells a Comms with the cells. Both give a Tamper of the
// strap, an Alarm where there is one, and a Power with the battery's level; S
// marks them as stored. A Link is a login at first, and a heartbeat afterwards.
//
// Every report says how the strap is, so that no order of arrival and no lost
// report matters: R (released) or the alarm ULK is em.TamperStrap, L (locked)
// without ULK is the same cleared. ULK tells the moment, R alone the state.
//
// # Security
//
// The dialect has neither authentication nor encryption nor a check code.
//
// # Sources
//
// The public protocol description ("r16h"), which rests on the open-source server
// Traccar and three captured messages; the maker is not named there.
//
// Unverified: that a Position without coordinates means no fix, and 00000000 a
// clock that was never set; the two fields behind the cell, which are taken for
// further cells where they look like it; that a repeated LINK is a keep-alive.
package r16h
