-- +goose Up
-- Instants are nanoseconds since 1970 UTC. Blobs hold the SDK's binary forms.

-- How far into which log the record is; '' before it has met one.
CREATE TABLE position (one BIGINT PRIMARY KEY CHECK (one = 1), log TEXT COLLATE "C" NOT NULL, seq BIGINT NOT NULL);
INSERT INTO position VALUES (1, '', 0);

-- Who is monitored, with what, under which rules: one document a row.
CREATE TABLE zone   (id TEXT COLLATE "C" PRIMARY KEY, doc TEXT COLLATE "C" NOT NULL);
CREATE TABLE person (id TEXT COLLATE "C" PRIMARY KEY, since BIGINT NOT NULL, doc TEXT COLLATE "C" NOT NULL);

-- The rules that a person was judged by from an instant on, zones included:
-- late data about the time before a change is judged by the rules of then.
CREATE TABLE rules (
	person TEXT COLLATE "C" NOT NULL,
	since  BIGINT NOT NULL,
	doc    TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (person, since)
);

-- What a subject is told of a device: own, its own device's observations, or copies
-- of another's. '' while nobody is known to carry the device.
CREATE TABLE stream (
	n       BIGINT PRIMARY KEY,
	subject TEXT COLLATE "C" NOT NULL,
	device  TEXT COLLATE "C" NOT NULL,
	own     BIGINT NOT NULL
);
-- By hash: a device may say any length of itself.
CREATE INDEX stream_device ON stream USING hash (device);

-- The days that there is evidence of, and one for what has no place in them, each
-- with two partitions of its own.
CREATE TABLE bucket (
	day          BIGINT PRIMARY KEY, -- since 1970
	arrivals     BIGINT NOT NULL,    -- whether there are any
	heard_from   BIGINT NOT NULL,    -- seconds since 1970 of their reception
	heard_to     BIGINT NOT NULL,
	observations BIGINT NOT NULL,
	fixes        BIGINT NOT NULL,
	receptions   BIGINT NOT NULL,
	frames       BIGINT NOT NULL,
	frame_errors BIGINT NOT NULL
);

-- Packed arrivals by the day on which they happened, and packed raw frames by the
-- day of their reception. Seconds are since 1970.
CREATE TABLE segment (
	day        BIGINT NOT NULL,
	stream     BIGINT NOT NULL,
	at_from    BIGINT NOT NULL,
	at_to      BIGINT NOT NULL,
	heard_from BIGINT NOT NULL,
	heard_to   BIGINT NOT NULL,
	data       BYTEA NOT NULL
) PARTITION BY LIST (day);
CREATE INDEX segment_stream ON segment (stream, at_to);
ALTER TABLE segment ALTER data SET STORAGE EXTERNAL; -- it does not get smaller

CREATE TABLE frames (day BIGINT NOT NULL, chunk BIGINT NOT NULL, data BYTEA NOT NULL) PARTITION BY LIST (day);
CREATE INDEX frames_chunk ON frames (chunk);
ALTER TABLE frames ALTER data SET STORAGE EXTERNAL;

-- The newest arrivals, by transaction, until they are packed.
CREATE TABLE tail (n BIGINT PRIMARY KEY, data BYTEA NOT NULL);
ALTER TABLE tail ALTER data SET STORAGE EXTERNAL;

-- What verdicts rest on, with its frame, for as long as they do.
CREATE TABLE cited (
	id       BYTEA PRIMARY KEY,
	subject  TEXT COLLATE "C" NOT NULL,
	data     BYTEA NOT NULL,
	frame    BIGINT,
	received BIGINT,
	type     TEXT COLLATE "C",
	error    TEXT COLLATE "C",
	raw      BYTEA
);

CREATE TABLE checkpoint (
	subject TEXT COLLATE "C" NOT NULL,
	clock   BIGINT NOT NULL,
	at      BIGINT NOT NULL,
	data    BYTEA NOT NULL,
	PRIMARY KEY (subject, clock, at)
);

CREATE TABLE event (
	id        BYTEA PRIMARY KEY,
	subject   TEXT COLLATE "C" NOT NULL,
	clock     BIGINT NOT NULL,
	concluded BIGINT NOT NULL,
	at        BIGINT NOT NULL,
	data      BYTEA NOT NULL
);
CREATE INDEX event_concluded ON event (subject, clock, concluded);

-- The ledger of all that was ever told. Rows are only added.
CREATE TABLE change (
	n       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	subject TEXT COLLATE "C" NOT NULL,
	kind    TEXT COLLATE "C" NOT NULL,
	event   BYTEA NOT NULL,
	known   BIGINT NOT NULL,
	cause   BYTEA NOT NULL,
	now     BYTEA NOT NULL,
	was     BYTEA NOT NULL
);
CREATE INDEX change_event ON change (event, n);

CREATE TABLE incident (
	id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	event     BYTEA NOT NULL, -- late data may move an event to where a withdrawn one was: the newest incident is the event's
	subject   TEXT COLLATE "C" NOT NULL,
	kind      TEXT COLLATE "C" NOT NULL,
	severity  BIGINT NOT NULL,
	verdict   TEXT COLLATE "C" NOT NULL CHECK (verdict IN ('stands', 'withdrawn')),
	handling  TEXT COLLATE "C" NOT NULL CHECK (handling IN ('new', 'acknowledged', 'closed')),
	raised    BIGINT NOT NULL,
	changed   BIGINT NOT NULL,
	by        TEXT COLLATE "C" NOT NULL,
	note      TEXT COLLATE "C" NOT NULL,
	data      BYTEA NOT NULL
);
CREATE INDEX incident_queue ON incident (handling, severity, id);
CREATE INDEX incident_event ON incident (event, id);
CREATE INDEX incident_subject ON incident (subject, id);

-- Observations beyond the late limits: kept and shown, never judged.
CREATE TABLE refused (subject TEXT COLLATE "C" NOT NULL, id BYTEA NOT NULL, known BIGINT NOT NULL, reason TEXT COLLATE "C" NOT NULL, PRIMARY KEY (subject, id));

CREATE TABLE quarantine (
	device TEXT COLLATE "C" NOT NULL, -- '' for connections that named none
	codec  TEXT COLLATE "C" NOT NULL,
	reason TEXT COLLATE "C" NOT NULL,
	first  BIGINT NOT NULL,
	last   BIGINT NOT NULL,
	frames BIGINT NOT NULL,
	recent BYTEA NOT NULL, -- the last few frames
	PRIMARY KEY (device, codec)
);

-- What people and the center did. Each row's hash covers the one before.
CREATE TABLE audit (
	n      BIGINT PRIMARY KEY,
	at     BIGINT NOT NULL,
	actor  TEXT COLLATE "C" NOT NULL,
	action TEXT COLLATE "C" NOT NULL,
	target TEXT COLLATE "C" NOT NULL,
	detail TEXT COLLATE "C" NOT NULL,
	hash   BYTEA NOT NULL
);

-- What live pages are told, by rising id, so that they can resume.
CREATE TABLE feed (n BIGINT PRIMARY KEY, kind TEXT COLLATE "C" NOT NULL, data TEXT COLLATE "C" NOT NULL);

-- +goose Down
DROP TABLE feed; DROP TABLE audit; DROP TABLE quarantine; DROP TABLE refused; DROP TABLE incident; DROP TABLE change;
DROP TABLE event; DROP TABLE checkpoint; DROP TABLE cited; DROP TABLE tail; DROP TABLE frames; DROP TABLE segment; DROP TABLE bucket; DROP TABLE stream;
DROP TABLE rules; DROP TABLE person; DROP TABLE zone; DROP TABLE position;
