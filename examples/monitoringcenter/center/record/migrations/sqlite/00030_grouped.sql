-- +goose Up

-- What the groups were told since their states were stored.
CREATE TABLE grouped (n INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

-- +goose Down
DROP TABLE grouped;
