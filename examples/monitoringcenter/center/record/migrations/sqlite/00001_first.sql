-- +goose Up
-- Instants are nanoseconds since 1970 UTC. Blobs hold the SDK's binary forms.

-- How far into which log the record is; '' before it has met one.
CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), log TEXT NOT NULL, seq INTEGER NOT NULL) STRICT;
INSERT INTO position VALUES (1, '', 0);

-- Who is monitored, with what, under which rules: one document a row.
CREATE TABLE zone   (id TEXT PRIMARY KEY, doc TEXT NOT NULL) STRICT;
CREATE TABLE person (id TEXT PRIMARY KEY, since INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;

-- The rules that a person was judged by from an instant on, zones included:
-- late data about the time before a change is judged by the rules of then.
CREATE TABLE rules (
	person TEXT NOT NULL,
	since  INTEGER NOT NULL,
	doc    TEXT NOT NULL,
	PRIMARY KEY (person, since)
) STRICT, WITHOUT ROWID;

-- What a subject is told of a device: own, its own device's observations, or copies
-- of another's. '' while nobody is known to carry the device.
CREATE TABLE stream (
	n       INTEGER PRIMARY KEY,
	subject TEXT NOT NULL,
	device  TEXT NOT NULL,
	own     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX stream_name ON stream (device, subject, own);

-- The days that there is evidence of, and one for what has no place in them, each
-- with two tables of its own: segment_<day>, packed arrivals by the day on which
-- they happened, and frames_<day>, packed raw frames by the day of their reception.
CREATE TABLE bucket (
	day          INTEGER PRIMARY KEY, -- since 1970
	arrivals     INTEGER NOT NULL,    -- whether there are any
	heard_from   INTEGER NOT NULL,    -- seconds since 1970 of their reception
	heard_to     INTEGER NOT NULL,
	observations INTEGER NOT NULL,
	fixes        INTEGER NOT NULL,
	receptions   INTEGER NOT NULL,
	frames       INTEGER NOT NULL,
	frame_errors INTEGER NOT NULL
) STRICT;

-- The newest arrivals, by transaction, until they are packed.
CREATE TABLE tail (n INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

-- What verdicts rest on, with its frame, for as long as they do.
CREATE TABLE cited (
	id       BLOB PRIMARY KEY,
	subject  TEXT NOT NULL,
	data     BLOB NOT NULL,
	frame    INTEGER,
	received INTEGER,
	type     TEXT,
	error    TEXT,
	raw      BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
	subject TEXT NOT NULL,
	clock   INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	data    BLOB NOT NULL,
	PRIMARY KEY (subject, clock, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
	id        BLOB PRIMARY KEY,
	subject   TEXT NOT NULL,
	clock     INTEGER NOT NULL,
	concluded INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	data      BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX event_concluded ON event (subject, clock, concluded);

-- The ledger of all that was ever told. Rows are only added.
CREATE TABLE change (
	n       INTEGER PRIMARY KEY,
	subject TEXT NOT NULL,
	kind    TEXT NOT NULL,
	event   BLOB NOT NULL,
	known   INTEGER NOT NULL,
	cause   BLOB NOT NULL,
	now     BLOB NOT NULL,
	was     BLOB NOT NULL
) STRICT;
CREATE INDEX change_event ON change (event, n);

CREATE TABLE incident (
	id        INTEGER PRIMARY KEY,
	event     BLOB NOT NULL, -- late data may move an event to where a withdrawn one was: the newest incident is the event's
	subject   TEXT NOT NULL,
	kind      TEXT NOT NULL,
	severity  INTEGER NOT NULL,
	verdict   TEXT NOT NULL CHECK (verdict IN ('stands', 'withdrawn')),
	handling  TEXT NOT NULL CHECK (handling IN ('new', 'acknowledged', 'closed')),
	raised    INTEGER NOT NULL,
	changed   INTEGER NOT NULL,
	by        TEXT NOT NULL,
	note      TEXT NOT NULL,
	data      BLOB NOT NULL
) STRICT;
CREATE INDEX incident_queue ON incident (handling, severity, id);
CREATE INDEX incident_event ON incident (event, id);
CREATE INDEX incident_subject ON incident (subject, id);

-- Observations beyond the late limits: kept and shown, never judged.
CREATE TABLE refused (subject TEXT NOT NULL, id BLOB NOT NULL, known INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (subject, id)) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
	device TEXT NOT NULL, -- '' for connections that named none
	codec  TEXT NOT NULL,
	reason TEXT NOT NULL,
	first  INTEGER NOT NULL,
	last   INTEGER NOT NULL,
	frames INTEGER NOT NULL,
	recent BLOB NOT NULL, -- the last few frames
	PRIMARY KEY (device, codec)
) STRICT, WITHOUT ROWID;

-- What people and the center did. Each row's hash covers the one before.
CREATE TABLE audit (
	n      INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	target TEXT NOT NULL,
	detail TEXT NOT NULL,
	hash   BLOB NOT NULL
) STRICT;

-- What live pages are told, by rising id, so that they can resume.
CREATE TABLE feed (n INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, data TEXT NOT NULL) STRICT;

-- +goose Down
DROP TABLE feed; DROP TABLE audit; DROP TABLE quarantine; DROP TABLE refused; DROP TABLE incident; DROP TABLE change;
DROP TABLE event; DROP TABLE checkpoint; DROP TABLE cited; DROP TABLE tail; DROP TABLE bucket; DROP TABLE stream;
DROP TABLE rules; DROP TABLE person; DROP TABLE zone; DROP TABLE position;
