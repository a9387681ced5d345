//go:build overlay

// Package scaffold speaks the protocol of a breathalyser on a serial line. It is
// a complete codec of an invented dialect to start from: put your instrument's
// frames in the place of these, and keep the tests green on the way.
//
//	$TYPE,identity,serial[,fields]*check CR LF
//
// The check code is the exclusive or of all between $ and *, as two upper-case
// hexadecimal digits. Times are seconds since 1970, UTC; numbers are decimal.
//
//	READING    time,flags,value      µg/L of breath
//	FAILURE    time,flags,reason     FLOW, ABORT or SENSOR
//	BATTERY    time,flags,level      in percent
//	HEARTBEAT
//	READY                            answers START
//	START                            of the center: begin a test
//	ACK                              of the center, with the serial of what it answers
//
// The instrument sends a message again until it is acknowledged.
//
// # Source
//
// TODO: name the document, its edition and date, and who published it.
//
// # Unverified
//
//   - TODO: list all that was guessed, and how it could be checked.
//   - The simulator's times: 30 s to a repeat, 5 min between heartbeats.
package scaffold
