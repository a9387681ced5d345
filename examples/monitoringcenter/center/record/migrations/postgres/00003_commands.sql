-- +goose Up

-- What devices were told to do. doc is the command; final: nothing more will
-- happen to it.
CREATE TABLE command (
	id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	device  TEXT COLLATE "C" NOT NULL,
	doc     TEXT COLLATE "C" NOT NULL,
	by      TEXT COLLATE "C" NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	changed BIGINT NOT NULL,
	state   TEXT COLLATE "C" NOT NULL,
	reason  TEXT COLLATE "C" NOT NULL,
	final   BIGINT NOT NULL
);
CREATE INDEX command_device ON command (device, id);
CREATE INDEX command_open ON command (final, id);

-- +goose Down
DROP TABLE command;
