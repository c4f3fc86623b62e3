-- +goose Up

-- What a holder has acknowledged, and how often it was written, see feed.Holder.
ALTER TABLE holders ADD COLUMN epoch TEXT NOT NULL DEFAULT '';
ALTER TABLE holders ADD COLUMN acknowledged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holders ADD COLUMN renewals INTEGER NOT NULL DEFAULT 1;
