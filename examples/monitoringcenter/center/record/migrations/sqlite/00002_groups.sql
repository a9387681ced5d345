-- +goose Up

-- Keys of what is drawn at random. Never shown as they are.
CREATE TABLE secret (name TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT;

-- Home units: each is a subject of its own, 'unit/' and its device.
CREATE TABLE unit (id TEXT PRIMARY KEY, since INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;

-- Whose order names which unit, in [since, until): what the unit reported then
-- is evidence about the person too.
CREATE TABLE hearing (
	person TEXT NOT NULL,
	unit   TEXT NOT NULL,
	since  INTEGER NOT NULL,
	until  INTEGER NOT NULL,
	PRIMARY KEY (person, unit, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX hearing_unit ON hearing (unit, since);

-- The states of what groups events of several subjects: 'mass', 'units'.
CREATE TABLE grouping (name TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT;

-- Of an event that groups others: whom it concerns, and what belongs to it.
CREATE TABLE affected (
	event   BLOB NOT NULL,
	subject TEXT NOT NULL,
	covered INTEGER NOT NULL,
	PRIMARY KEY (event, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE member (
	event  BLOB NOT NULL,
	member BLOB NOT NULL,
	PRIMARY KEY (event, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_of ON member (member);

-- +goose Down
DROP TABLE member; DROP TABLE affected; DROP TABLE grouping; DROP TABLE hearing; DROP TABLE unit; DROP TABLE secret;
