-- +goose Up

-- How people prove who they are, and how pages show the application: JSON, see application.SignIn and Brand.
ALTER TABLE applications ADD COLUMN sign_in text COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE applications ADD COLUMN brand text COLLATE "C" NOT NULL DEFAULT '{}';

CREATE TABLE passkeys (
    created_at    bigint NOT NULL,
    used_at       bigint NOT NULL,
    sign_count    bigint NOT NULL,
    user_n        bigint NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    id            text   COLLATE "C" PRIMARY KEY,
    name          text   COLLATE "C" NOT NULL,
    credential_id bytea  NOT NULL UNIQUE,
    record        bytea  NOT NULL -- public key, flags, transports
) WITH (fillfactor = 80);
CREATE INDEX passkeys_user ON passkeys (user_n, id);

CREATE TABLE totps (
    created_at bigint NOT NULL,
    step       bigint NOT NULL, -- the last one whose code was used
    user_n     bigint PRIMARY KEY REFERENCES users (n) ON DELETE CASCADE,
    sealed     bytea  NOT NULL  -- the seed, under the master key
) WITH (fillfactor = 80);

CREATE TABLE recovery_codes (
    user_n bigint NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    digest bytea  NOT NULL,
    PRIMARY KEY (user_n, digest)
);

CREATE TABLE connections (
    created_at bigint NOT NULL,
    used_at    bigint NOT NULL,
    user_n     bigint NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    id         text   COLLATE "C" PRIMARY KEY,
    provider   text   COLLATE "C" NOT NULL,
    subject    text   COLLATE "C" NOT NULL,
    email      text   COLLATE "C" NOT NULL,
    UNIQUE (provider, subject)
) WITH (fillfactor = 80);
CREATE INDEX connections_user ON connections (user_n, id);

-- Proofs under way. They belong to a browser; whose they are, if anybody's, is in the sealed state alone. After a crash
-- people begin again, so attempts are not written to the journal, and no step of one waits for a disk.
CREATE UNLOGGED TABLE attempts (
    expires_at bigint NOT NULL,
    version    bigint NOT NULL,
    tries      bigint NOT NULL,
    id         text   COLLATE "C" PRIMARY KEY,
    digest     bytea  NOT NULL, -- of the secret that the browser holds
    state      bytea  NOT NULL  -- under the master key
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX attempts_expires ON attempts (expires_at);

CREATE TABLE mails (
    next_at bigint NOT NULL,
    until   bigint NOT NULL,
    tries   bigint NOT NULL,
    id      text   COLLATE "C" PRIMARY KEY,
    sealed  bytea  NOT NULL -- under the master key
);
CREATE INDEX mails_next ON mails (next_at, id);
