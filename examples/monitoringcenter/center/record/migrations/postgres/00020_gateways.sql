-- +goose Up

-- Gateways that have a name and were heard, and not stopped since.
CREATE TABLE gateway (id TEXT PRIMARY KEY, since BIGINT NOT NULL);

-- +goose Down
DROP TABLE gateway;
