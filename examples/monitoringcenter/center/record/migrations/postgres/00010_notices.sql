-- +goose Up

-- Who is told of incidents: one document a row.
CREATE TABLE recipient (id TEXT COLLATE "C" PRIMARY KEY, doc TEXT COLLATE "C" NOT NULL);

-- What recipients are to be told, written with what it is about, and what has
-- become of it. Rows are never removed: they say who was told what, and when.
CREATE TABLE notice (
	n         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id        TEXT COLLATE "C" NOT NULL, -- by which a receiver knows one that comes again
	recipient TEXT COLLATE "C" NOT NULL,
	channel   TEXT COLLATE "C" NOT NULL,
	incident  BIGINT NOT NULL, -- 0 for what both sides of a pair are told
	kind      TEXT COLLATE "C" NOT NULL,
	says      TEXT COLLATE "C" NOT NULL, -- what of it is news when it changes
	body      TEXT COLLATE "C" NOT NULL, -- JSON
	created   BIGINT NOT NULL,
	next      BIGINT NOT NULL, -- when it may be tried
	tried     BIGINT NOT NULL, -- the last time
	told      BIGINT NOT NULL,
	attempts  BIGINT NOT NULL,
	maybe     BIGINT NOT NULL, -- an attempt of which it is not known that it failed: the recipient may know
	state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'told', 'failed', 'cancelled', 'overtaken')),
	reason    TEXT COLLATE "C" NOT NULL,
	command   BIGINT NOT NULL -- to the device that shows it; 0: none
);
CREATE INDEX notice_due ON notice (state, recipient, attempts, n);
CREATE INDEX notice_incident ON notice (incident, recipient, n);
CREATE INDEX notice_recipient ON notice (recipient, n);

-- From when to when the center ran, so that it can tell what it missed.
CREATE TABLE run (began BIGINT PRIMARY KEY, seen BIGINT NOT NULL);

-- When an incident could have been known, and why it was raised late; '': it was not.
ALTER TABLE incident ADD COLUMN knowable BIGINT NOT NULL DEFAULT -9223372036854775808;
ALTER TABLE incident ADD COLUMN late TEXT COLLATE "C" NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE incident DROP COLUMN late; ALTER TABLE incident DROP COLUMN knowable;
DROP TABLE run; DROP TABLE notice; DROP TABLE recipient;
