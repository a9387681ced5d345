-- +goose Up

-- Gateways that have a name and were heard, and not stopped since.
CREATE TABLE gateway (id TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT;

-- +goose Down
DROP TABLE gateway;
