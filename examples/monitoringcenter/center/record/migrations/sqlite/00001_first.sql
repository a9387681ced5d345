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

-- Everything that came over the wire, as it came.
CREATE TABLE frame (
	id       INTEGER PRIMARY KEY,
	seq      INTEGER NOT NULL, -- position in the log
	received INTEGER NOT NULL,
	conn     TEXT NOT NULL,
	codec    TEXT NOT NULL,
	device   TEXT NOT NULL, -- '' where the connection had no identity yet
	type     TEXT NOT NULL,
	error    TEXT NOT NULL,
	raw      BLOB NOT NULL
) STRICT;
CREATE INDEX frame_device ON frame (device, id);

CREATE TABLE observation (
	id      BLOB PRIMARY KEY,
	device  TEXT NOT NULL,
	subject TEXT NOT NULL, -- '' while nobody is known to carry the device
	at      INTEGER NOT NULL,
	body    TEXT NOT NULL,
	frame   INTEGER NOT NULL,
	data    BLOB NOT NULL -- of its earliest reception, but with the at of the one that was stored first
) STRICT, WITHOUT ROWID;
CREATE INDEX observation_subject ON observation (subject, at);
CREATE INDEX observation_device ON observation (device, at);

-- Each arrival of an observation: a re-sent one arrives again.
CREATE TABLE reception (
	subject  TEXT NOT NULL,
	received INTEGER NOT NULL,
	id       BLOB NOT NULL,
	device   TEXT NOT NULL,
	seq      INTEGER, -- the frame's serial number
	stored   INTEGER NOT NULL,
	PRIMARY KEY (subject, received, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reception_device ON reception (device, received);

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
CREATE TABLE refused (id BLOB PRIMARY KEY, subject TEXT NOT NULL, known INTEGER NOT NULL, reason TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
	device TEXT NOT NULL, -- '' for connections that named none
	codec  TEXT NOT NULL,
	reason TEXT NOT NULL,
	first  INTEGER NOT NULL,
	last   INTEGER NOT NULL,
	frames INTEGER NOT NULL,
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
DROP TABLE event; DROP TABLE checkpoint; DROP TABLE reception; DROP TABLE observation; DROP TABLE frame;
DROP TABLE rules; DROP TABLE person; DROP TABLE zone; DROP TABLE position;
