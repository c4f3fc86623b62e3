-- +goose Up

-- Marks the file as Tandem's ("TNDM"), for file(1) and for Open, which touches no other database.
PRAGMA application_id = 0x544e444d;

-- Times and durations are integer milliseconds, 0 for "never". Digests are the 32 bytes of a SHA-256. Lists are words
-- joined by spaces, or JSON where a member may hold a space.

-- The end of the revocation log, and what else there is exactly one of. Positions come from this row alone, inside the
-- transaction that appends, so they are in the order of the commits and have no gap.
CREATE TABLE head (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    epoch         TEXT    NOT NULL,
    position      INTEGER NOT NULL,
    chain         BLOB    NOT NULL,
    floor         INTEGER NOT NULL, -- events up to here have been pruned, but for key events still in force
    anchor        BLOB    NOT NULL, -- the chain at the floor
    token_longest INTEGER NOT NULL, -- feed.Lifetimes
    token_wanted  INTEGER NOT NULL,
    token_since   INTEGER NOT NULL,
    committed_at  INTEGER NOT NULL, -- the latest time that a commit carried
    ring          INTEGER NOT NULL  -- version of the signing keys
) STRICT;

CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    kind         TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    chain        BLOB    NOT NULL,
    retain_until INTEGER NOT NULL
) STRICT;

CREATE TABLE holders (
    application TEXT    NOT NULL,
    instance    TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (application, instance)
) STRICT, WITHOUT ROWID;
CREATE INDEX holders_seen ON holders (seen_at);

-- A session names its user and its application by their numbers: 30 characters less in the row and in two indexes.
CREATE TABLE users (
    n              INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    email          TEXT    NOT NULL,
    email_key      TEXT    NOT NULL UNIQUE, -- account.NormalizeEmail
    email_verified INTEGER NOT NULL,
    name           TEXT    NOT NULL,
    search         TEXT    NOT NULL, -- e-mail and name in lower case
    roles          TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    revision       INTEGER NOT NULL,
    theft_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE passwords (
    user INTEGER PRIMARY KEY REFERENCES users (n) ON DELETE CASCADE,
    phc  TEXT NOT NULL
) STRICT;

-- A deleted application keeps its row, without a name: its sessions are dead because sessions_from is out of reach.
CREATE TABLE applications (
    n                INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    name             TEXT    UNIQUE,
    kind             TEXT    NOT NULL,
    mode             TEXT    NOT NULL,
    audiences        TEXT    NOT NULL, -- JSON
    allowed_origins  TEXT    NOT NULL, -- JSON
    algorithm        TEXT    NOT NULL,
    access_token_ttl INTEGER NOT NULL,
    refresh_grace    INTEGER NOT NULL,
    refresh_idle     INTEGER NOT NULL,
    refresh_absolute INTEGER NOT NULL,
    session_preset   TEXT    NOT NULL,
    session_idle     INTEGER NOT NULL,
    session_absolute INTEGER NOT NULL,
    session_limit    INTEGER NOT NULL,
    secret           BLOB,             -- digest
    sessions_from    INTEGER NOT NULL,
    created_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id               TEXT    PRIMARY KEY,
    user             INTEGER NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    application      INTEGER NOT NULL REFERENCES applications (n),
    created_at       INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    seen_hour        INTEGER NOT NULL, -- last_seen_at in hours: what is indexed, so that few sightings move an index
    idle_expires_at  INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    idle             INTEGER NOT NULL,
    acr              TEXT    NOT NULL,
    amr              TEXT    NOT NULL,
    device           TEXT    NOT NULL,
    ip               TEXT    NOT NULL,
    ended_at         INTEGER NOT NULL DEFAULT 0,
    end_reason       TEXT    NOT NULL DEFAULT '',
    version          INTEGER NOT NULL,
    position         INTEGER NOT NULL,
    tokens_from      INTEGER NOT NULL,
    token            BLOB,             -- digest
    refresh          BLOB              -- state of the refresh token, see packRefresh
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user, id);
CREATE INDEX sessions_application ON sessions (application, id);
CREATE INDEX sessions_seen ON sessions (seen_hour, id);

CREATE TABLE audit (
    id         TEXT    PRIMARY KEY,
    at         INTEGER NOT NULL,
    type       TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    ip         TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    request_id TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_user ON audit (user, id) WHERE user <> '';
-- Sign-ins are most of what is recorded, so whoever looks for them finds them without an index.
CREATE INDEX audit_type ON audit (type, id) WHERE type <> 'session.signed_in';

CREATE TABLE signing_keys (
    kid        TEXT    PRIMARY KEY,
    use        TEXT    NOT NULL,
    algorithm  TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    sealed     BLOB,
    created_at INTEGER NOT NULL,
    current_at INTEGER NOT NULL,
    retired_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
