-- +goose Up

-- The device that a session is bound to, see packBound; empty for none. A node of the version before does not know the
-- column, and takes a bound session by its session token alone until it is replaced.
ALTER TABLE sessions ADD COLUMN bound bytea NOT NULL DEFAULT '';
