-- +goose Up

-- What devices were told to do. doc is the command; final: nothing more will
-- happen to it.
CREATE TABLE command (
	id      INTEGER PRIMARY KEY,
	device  TEXT NOT NULL,
	doc     TEXT NOT NULL,
	by      TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	changed INTEGER NOT NULL,
	state   TEXT NOT NULL,
	reason  TEXT NOT NULL,
	final   INTEGER NOT NULL
) STRICT;
CREATE INDEX command_device ON command (device, id);
CREATE INDEX command_open ON command (final, id);

-- +goose Down
DROP TABLE command;
