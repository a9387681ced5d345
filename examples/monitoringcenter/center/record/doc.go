// Package record is the center's system of record: observations, verdicts,
// incidents, the audit and the position in the log, all changed together in one
// transaction by one writer. It is one SQLite file, or a PostgreSQL database: the
// same queries run on both (dialect.go).
//
// # How evidence is written
//
// A transaction writes few rows, whatever it takes: one of the tail with what is new
// of all devices, one chunk of raw frames, one row for each day it touches, the
// position, and for each 55 reports or so a device's segment that is full: of the
// 1,024 reports that a transaction has at most some 19. COPY is for rows by the
// thousand. Measured on PostgreSQL over a Unix socket, with BenchmarkSegments, the
// least of 60 transactions in turn on a machine that had other work, in ms:
//
//	segments in a transaction      1     23    100   1000
//	a statement each            0.57   1.36    6.2   39.3
//	statements of up to 32 rows 0.50   0.78    4.2   23.6
//	COPY                        0.53   0.63    1.5   11.9
//
// Statements of several rows are what both databases have, and with them COPY would
// save a transaction 0.15 ms of the 25 ms from one to the next; it would take the
// driver's own connection out of database/sql. It is not used.
//
// # How a person's day is read
//
// Each day has tables of its own, and a segment is found by its stream and the end of
// its time. How long a query takes depends on how many devices a day has, not on how
// many days are kept: a billion positions are 77,000 devices, one report a minute, on
// nine days, and the table of a day then has 2.0 million segments. Of their index one
// page in some 200 (SQLite) or 300 (PostgreSQL) is no leaf: it has three levels, of
// which two, some hundred pages, stay in memory. A day of one device is 26 segments, each in a
// page of its own, since devices fill theirs in turn: about 30 pages, all of which a
// cold disk reads one after the other. At 0.1 ms a page that is 3 ms, and beside it
// decoding takes half a millisecond. Unverified: a billion were never stored here.
//
// BenchmarkTrack reads such days, 1,440 positions, warm, in ms; how many are stored
// hardly matters:
//
//	                       least  median   99 %
//	SQLite       200,000    0.46    0.55    2.4
//	SQLite     1,000,000    0.47    0.59    2.4
//	SQLite    10,000,000    0.56    0.70    2.5
//	PostgreSQL   200,000    0.51    0.89    3.0
//	PostgreSQL 1,000,000    0.52    0.73    3.1
package record
