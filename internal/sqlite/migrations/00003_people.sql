-- +goose Up

-- How people prove who they are, and how pages show the application: JSON, see application.SignIn and Brand.
ALTER TABLE applications ADD COLUMN sign_in TEXT NOT NULL DEFAULT '{}';
ALTER TABLE applications ADD COLUMN brand TEXT NOT NULL DEFAULT '{}';

CREATE TABLE passkeys (
    id            TEXT    PRIMARY KEY,
    user          INTEGER NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    name          TEXT    NOT NULL,
    credential_id BLOB    NOT NULL UNIQUE,
    record        BLOB    NOT NULL, -- public key, flags, transports
    sign_count    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    used_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_user ON passkeys (user, id);

CREATE TABLE totps (
    user       INTEGER PRIMARY KEY REFERENCES users (n) ON DELETE CASCADE,
    sealed     BLOB    NOT NULL, -- the seed, under the master key
    created_at INTEGER NOT NULL,
    step       INTEGER NOT NULL  -- the last one whose code was used
) STRICT;

CREATE TABLE recovery_codes (
    user   INTEGER NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    digest BLOB    NOT NULL,
    PRIMARY KEY (user, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE connections (
    id         TEXT    PRIMARY KEY,
    user       INTEGER NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    provider   TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    UNIQUE (provider, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX connections_user ON connections (user, id);

-- Proofs under way. They belong to a browser; whose they are, if anybody's, is in the sealed state alone.
CREATE TABLE attempts (
    id         TEXT    PRIMARY KEY,
    digest     BLOB    NOT NULL, -- of the secret that the browser holds
    state      BLOB    NOT NULL, -- under the master key
    version    INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_expires ON attempts (expires_at);

CREATE TABLE mails (
    id      TEXT    PRIMARY KEY,
    sealed  BLOB    NOT NULL, -- under the master key
    tries   INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mails_next ON mails (next_at, id);
