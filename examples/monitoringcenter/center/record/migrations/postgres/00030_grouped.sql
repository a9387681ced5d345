-- +goose Up

-- What the groups were told since their states were stored.
CREATE TABLE grouped (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data BYTEA NOT NULL);

-- +goose Down
DROP TABLE grouped;
