-- +goose Up

-- Who is told of incidents: one document a row.
CREATE TABLE recipient (id TEXT PRIMARY KEY, doc TEXT NOT NULL) STRICT;

-- What recipients are to be told, written with what it is about, and what has
-- become of it. Rows are never removed: they say who was told what, and when.
CREATE TABLE notice (
	n         INTEGER PRIMARY KEY,
	id        TEXT NOT NULL, -- by which a receiver knows one that comes again
	recipient TEXT NOT NULL,
	channel   TEXT NOT NULL,
	incident  INTEGER NOT NULL, -- 0 for what both sides of a pair are told
	kind      TEXT NOT NULL,
	says      TEXT NOT NULL, -- what of it is news when it changes
	body      TEXT NOT NULL, -- JSON
	created   INTEGER NOT NULL,
	next      INTEGER NOT NULL, -- when it may be tried
	tried     INTEGER NOT NULL, -- the last time
	told      INTEGER NOT NULL,
	attempts  INTEGER NOT NULL,
	maybe     INTEGER NOT NULL, -- an attempt of which it is not known that it failed: the recipient may know
	state     TEXT NOT NULL CHECK (state IN ('pending', 'told', 'failed', 'cancelled', 'overtaken')),
	reason    TEXT NOT NULL,
	command   INTEGER NOT NULL -- to the device that shows it; 0: none
) STRICT;
CREATE INDEX notice_due ON notice (state, recipient, attempts, n);
CREATE INDEX notice_incident ON notice (incident, recipient, n);
CREATE INDEX notice_recipient ON notice (recipient, n);

-- From when to when the center ran, so that it can tell what it missed.
CREATE TABLE run (began INTEGER PRIMARY KEY, seen INTEGER NOT NULL) STRICT;

-- When an incident could have been known, and why it was raised late; '': it was not.
ALTER TABLE incident ADD COLUMN knowable INTEGER NOT NULL DEFAULT -9223372036854775808;
ALTER TABLE incident ADD COLUMN late TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE incident DROP COLUMN late; ALTER TABLE incident DROP COLUMN knowable;
DROP TABLE run; DROP TABLE notice; DROP TABLE recipient;
