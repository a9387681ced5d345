-- +goose Up

-- Keys of what is drawn at random. Never shown as they are.
CREATE TABLE secret (name TEXT COLLATE "C" PRIMARY KEY, key BYTEA NOT NULL);

-- Home units: each is a subject of its own, 'unit/' and its device.
CREATE TABLE unit (id TEXT COLLATE "C" PRIMARY KEY, since BIGINT NOT NULL, doc TEXT COLLATE "C" NOT NULL);

-- Whose order names which unit, in [since, until): what the unit reported then
-- is evidence about the person too.
CREATE TABLE hearing (
	person TEXT COLLATE "C" NOT NULL,
	unit   TEXT COLLATE "C" NOT NULL,
	since  BIGINT NOT NULL,
	until  BIGINT NOT NULL,
	PRIMARY KEY (person, unit, since)
);
CREATE INDEX hearing_unit ON hearing (unit, since);

-- The states of what groups events of several subjects: 'mass', 'units'.
CREATE TABLE grouping (name TEXT COLLATE "C" PRIMARY KEY, state BYTEA NOT NULL);

-- Of an event that groups others: whom it concerns, and what belongs to it.
CREATE TABLE affected (
	event   BYTEA NOT NULL,
	subject TEXT COLLATE "C" NOT NULL,
	covered BOOLEAN NOT NULL,
	PRIMARY KEY (event, subject)
);
CREATE TABLE member (
	event  BYTEA NOT NULL,
	member BYTEA NOT NULL,
	PRIMARY KEY (event, member)
);
CREATE INDEX member_of ON member (member);

-- +goose Down
DROP TABLE member; DROP TABLE affected; DROP TABLE grouping; DROP TABLE hearing; DROP TABLE unit; DROP TABLE secret;
