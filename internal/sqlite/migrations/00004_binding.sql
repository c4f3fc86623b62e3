-- +goose Up

-- The device that a session is bound to, see packBound; NULL for none.
ALTER TABLE sessions ADD COLUMN bound BLOB;
