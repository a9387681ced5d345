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

-- Everything that came over the wire, as it came.
CREATE TABLE frame (
	id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	seq      BIGINT NOT NULL, -- position in the log
	received BIGINT NOT NULL,
	conn     TEXT COLLATE "C" NOT NULL,
	codec    TEXT COLLATE "C" NOT NULL,
	device   TEXT COLLATE "C" NOT NULL, -- '' where the connection had no identity yet
	type     TEXT COLLATE "C" NOT NULL,
	error    TEXT COLLATE "C" NOT NULL,
	raw      BYTEA NOT NULL
);
CREATE INDEX frame_device ON frame (device, id);

CREATE TABLE observation (
	id      BYTEA PRIMARY KEY,
	device  TEXT COLLATE "C" NOT NULL,
	subject TEXT COLLATE "C" NOT NULL, -- '' while nobody is known to carry the device
	at      BIGINT NOT NULL,
	body    TEXT COLLATE "C" NOT NULL,
	frame   BIGINT NOT NULL,
	data    BYTEA NOT NULL -- of its earliest reception, but with the at of the one that was stored first
);
CREATE INDEX observation_subject ON observation (subject, at, id);
CREATE INDEX observation_device ON observation (device, at);

-- Each arrival of an observation: a re-sent one arrives again.
CREATE TABLE reception (
	subject  TEXT COLLATE "C" NOT NULL,
	received BIGINT NOT NULL,
	id       BYTEA NOT NULL,
	device   TEXT COLLATE "C" NOT NULL,
	seq      BIGINT, -- the frame's serial number
	stored   BOOLEAN NOT NULL,
	PRIMARY KEY (subject, received, id)
);
CREATE INDEX reception_device ON reception (device, received);

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
CREATE TABLE refused (id BYTEA PRIMARY KEY, subject TEXT COLLATE "C" NOT NULL, known BIGINT NOT NULL, reason TEXT COLLATE "C" NOT NULL);

CREATE TABLE quarantine (
	device TEXT COLLATE "C" NOT NULL, -- '' for connections that named none
	codec  TEXT COLLATE "C" NOT NULL,
	reason TEXT COLLATE "C" NOT NULL,
	first  BIGINT NOT NULL,
	last   BIGINT NOT NULL,
	frames BIGINT NOT NULL,
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
DROP TABLE event; DROP TABLE checkpoint; DROP TABLE reception; DROP TABLE observation; DROP TABLE frame;
DROP TABLE rules; DROP TABLE person; DROP TABLE zone; DROP TABLE position;
