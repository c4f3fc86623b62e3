-- +goose Up

-- Times and durations are integer milliseconds, 0 for "never". Digests are the 32 bytes of a SHA-256. Lists are words
-- joined by spaces, or JSON where a member may hold a space. Texts that are compared or sorted do so byte by byte.
-- Columns are NOT NULL, since a row with a NULL carries a bitmap, and wide ones first, since that spares padding.
--
-- An ordinal is a position that outlives its epoch: the base of the epoch plus the position in it. Ordinals grow for
-- ever, so a new epoch rewrites none: what lies below its base belongs to an epoch before.

-- The end of the revocation log, and what else there is exactly one of. Positions come from this row alone, under its
-- lock, inside the transaction that appends: they are in the order of the commits and have no gap.
CREATE TABLE head (
    base              bigint  NOT NULL, -- ordinal of position 0 of the epoch
    position          bigint  NOT NULL,
    floor             bigint  NOT NULL, -- events up to here have been pruned, but for key events still in force
    token_longest     bigint  NOT NULL, -- feed.Lifetimes
    token_wanted      bigint  NOT NULL,
    token_since       bigint  NOT NULL,
    ring              bigint  NOT NULL, -- version of the signing keys
    sessions_from     bigint  NOT NULL, -- ordinal below which every session is dead: the store was restored
    sessions_ended_at bigint  NOT NULL, -- when that was
    least             bigint  NOT NULL, -- the least schema that a version of Tandem must know to use this one
    one               boolean PRIMARY KEY CHECK (one),
    epoch             text    COLLATE "C" NOT NULL,
    timeline          text    COLLATE "C" NOT NULL, -- of the server, as last confirmed; empty if never
    chain             bytea   NOT NULL,
    anchor            bytea   NOT NULL  -- the chain at the floor
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- The latest time that a commit carried, as each node notes it once a second at most. It is apart from the head, so
-- that a refresh does not wait for a revocation.
CREATE TABLE clock (
    committed_at bigint  NOT NULL,
    one          boolean PRIMARY KEY CHECK (one)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE events (
    seq          bigint PRIMARY KEY,
    committed_at bigint NOT NULL,
    retain_until bigint NOT NULL,
    kind         text   COLLATE "C" NOT NULL,
    id           text   COLLATE "C" NOT NULL,
    chain        bytea  NOT NULL
);
-- Of sessions kept elsewhere it is asked whether the log has ended them.
CREATE INDEX events_session ON events (id) WHERE kind = 'session';
CREATE INDEX events_key ON events (seq) WHERE kind = 'key';

CREATE TABLE holders (
    seen_at      bigint NOT NULL,
    acknowledged bigint NOT NULL,
    renewals     bigint NOT NULL,
    application  text   COLLATE "C" NOT NULL,
    instance     text   COLLATE "C" NOT NULL,
    name         text   COLLATE "C" NOT NULL,
    epoch        text   COLLATE "C" NOT NULL,
    PRIMARY KEY (application, instance)
) WITH (fillfactor = 70);

-- A session names its user and its application by their numbers.
CREATE TABLE users (
    n                   bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at          bigint  NOT NULL,
    revision            bigint  NOT NULL,
    theft_at            bigint  NOT NULL,
    -- The last end of all sessions of the user: those that began at an ordinal below. Rows in sessions are ended
    -- besides; sessions that are kept in another store are ended by this alone.
    sessions_from       bigint  NOT NULL DEFAULT 0,
    sessions_ended_at   bigint  NOT NULL DEFAULT 0,
    email_verified      boolean NOT NULL,
    id                  text    COLLATE "C" NOT NULL UNIQUE,
    email               text    COLLATE "C" NOT NULL,
    email_key           text    COLLATE "C" NOT NULL UNIQUE, -- account.NormalizeEmail
    name                text    COLLATE "C" NOT NULL,
    search              text    COLLATE "C" NOT NULL, -- e-mail and name in lower case
    roles               text    COLLATE "C" NOT NULL,
    status              text    COLLATE "C" NOT NULL,
    sessions_end_reason text    COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 90);

CREATE TABLE passwords (
    user_n bigint PRIMARY KEY REFERENCES users (n) ON DELETE CASCADE,
    phc    text   COLLATE "C" NOT NULL
) WITH (fillfactor = 90);

-- Whence users have signed in, where their sessions are kept in another store.
CREATE TABLE addresses (
    user_n  bigint NOT NULL REFERENCES users (n) ON DELETE CASCADE,
    seen_at bigint NOT NULL,
    ip      text   COLLATE "C" NOT NULL,
    PRIMARY KEY (user_n, ip)
) WITH (fillfactor = 80);

-- A deleted application keeps its row, without a name: its sessions are dead because sessions_from is out of reach.
CREATE TABLE applications (
    access_token_ttl bigint  NOT NULL,
    refresh_grace    bigint  NOT NULL,
    refresh_idle     bigint  NOT NULL,
    refresh_absolute bigint  NOT NULL,
    session_idle     bigint  NOT NULL,
    session_absolute bigint  NOT NULL,
    session_limit    bigint  NOT NULL,
    sessions_from    bigint  NOT NULL, -- ordinal below which its sessions are dead
    created_at       bigint  NOT NULL,
    n                integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               text    COLLATE "C" NOT NULL UNIQUE,
    name             text    COLLATE "C" UNIQUE,
    kind             text    COLLATE "C" NOT NULL,
    mode             text    COLLATE "C" NOT NULL,
    audiences        text    COLLATE "C" NOT NULL, -- JSON
    allowed_origins  text    COLLATE "C" NOT NULL, -- JSON
    algorithm        text    COLLATE "C" NOT NULL,
    session_preset   text    COLLATE "C" NOT NULL,
    secret           bytea   NOT NULL  -- digest, empty for none
);

-- No column that a refresh or a sighting changes is in an index, so either rewrites the row in its page and nothing
-- else (a heap-only update), for which the pages keep room. The id is the 128 bits that a session's name spells.
-- There are no foreign keys: users are locked by every verb that needs them to stay, and applications are never
-- removed, so a key would only add two look-ups to each sign-in.
CREATE TABLE sessions (
    created_at       bigint  NOT NULL,
    authenticated_at bigint  NOT NULL,
    last_seen_at     bigint  NOT NULL,
    idle_expires_at  bigint  NOT NULL,
    expires_at       bigint  NOT NULL,
    idle             bigint  NOT NULL,
    ended_at         bigint  NOT NULL DEFAULT 0,
    position         bigint  NOT NULL, -- ordinal
    tokens_from      bigint  NOT NULL, -- ordinal, 0 for none
    user_n           bigint  NOT NULL,
    application_n    integer NOT NULL,
    version          integer NOT NULL,
    id               uuid    PRIMARY KEY,
    end_reason       text    COLLATE "C" NOT NULL DEFAULT '',
    acr              text    COLLATE "C" NOT NULL,
    amr              text    COLLATE "C" NOT NULL,
    device           text    COLLATE "C" NOT NULL,
    ip               text    COLLATE "C" NOT NULL,
    token            bytea   NOT NULL, -- digest, empty for none
    refresh          bytea   NOT NULL  -- state of the refresh token, empty for none, see packRefresh
) WITH (fillfactor = 92, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX sessions_user ON sessions (user_n, id);
CREATE INDEX sessions_application ON sessions (application_n, id);

CREATE TABLE audit (
    at         bigint NOT NULL,
    id         text   COLLATE "C" PRIMARY KEY,
    type       text   COLLATE "C" NOT NULL,
    actor      text   COLLATE "C" NOT NULL,
    user_id    text   COLLATE "C" NOT NULL,
    target     text   COLLATE "C" NOT NULL,
    ip         text   COLLATE "C" NOT NULL,
    reason     text   COLLATE "C" NOT NULL,
    outcome    text   COLLATE "C" NOT NULL,
    request_id text   COLLATE "C" NOT NULL
);
CREATE INDEX audit_user ON audit (user_id, id) WHERE user_id <> '';
-- Sign-ins are most of what is recorded, so whoever looks for them finds them without an index.
CREATE INDEX audit_type ON audit (type, id) WHERE type <> 'session.signed_in';

CREATE TABLE signing_keys (
    created_at bigint NOT NULL,
    current_at bigint NOT NULL,
    retired_at bigint NOT NULL,
    revoked_at bigint NOT NULL,
    kid        text   COLLATE "C" PRIMARY KEY,
    use        text   COLLATE "C" NOT NULL,
    algorithm  text   COLLATE "C" NOT NULL,
    state      text   COLLATE "C" NOT NULL,
    sealed     bytea  NOT NULL -- empty once revoked
);

CREATE TABLE api_keys (
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint NOT NULL,
    id         text   COLLATE "C" PRIMARY KEY,
    name       text   COLLATE "C" NOT NULL,
    created_by text   COLLATE "C" NOT NULL,
    digest     bytea  NOT NULL
);

-- Rate limits need not survive a crash, so they are not written to the journal, and a take waits for no disk.
CREATE UNLOGGED TABLE limits (
    state bigint NOT NULL, -- limit.State: nanoseconds since 1970
    was   bigint NOT NULL, -- before the last take
    key   text   COLLATE "C" PRIMARY KEY
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- entries is ten texts for each, in the order of the columns below.
-- +goose StatementBegin
CREATE FUNCTION tandem_record(entries text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (id, at, type, actor, user_id, target, ip, reason, outcome, request_id)
    SELECT entries[i], entries[i + 1]::bigint, entries[i + 2], entries[i + 3], entries[i + 4], entries[i + 5],
        entries[i + 6], entries[i + 7], entries[i + 8], entries[i + 9]
    FROM generate_series(1, cardinality(entries), 10) AS i;
END $$;
-- +goose StatementEnd

-- The end of every commit that announces something. drafts is four texts for each event: kind, id, and until when it
-- is kept, in milliseconds, to which the longest lifetime in force is added if the fourth says "1". The head is locked
-- as late as can be, since the lock is held until the commit is durable. Without events the head is only read.
-- The link of the chain is that of revocation.Chain.Next.
-- +goose StatementBegin
CREATE FUNCTION tandem_append(drafts text[], entries text[], committed bigint, OUT head_base bigint, OUT head_position bigint)
LANGUAGE plpgsql AS $$
DECLARE
    link    bytea;
    longest bigint;
BEGIN
    IF cardinality(entries) > 0 THEN
        PERFORM tandem_record(entries);
    END IF;
    IF cardinality(drafts) = 0 THEN
        SELECT h.base, h.position INTO STRICT head_base, head_position FROM head h WHERE h.one;
        RETURN;
    END IF;
    SELECT h.base, h.position, h.chain, h.token_longest INTO STRICT head_base, head_position, link, longest
    FROM head h WHERE h.one FOR NO KEY UPDATE;
    FOR i IN 1 .. cardinality(drafts) BY 4 LOOP
        head_position := head_position + 1;
        link := sha256(link || int8send(head_position) || convert_to(drafts[i], 'UTF8') || '\x00'::bytea
            || convert_to(drafts[i + 1], 'UTF8'));
        INSERT INTO events (seq, committed_at, kind, id, chain, retain_until) VALUES (head_position, committed, drafts[i],
            drafts[i + 1], link, drafts[i + 2]::bigint + CASE drafts[i + 3] WHEN '1' THEN longest ELSE 0 END);
    END LOOP;
    UPDATE head SET position = head_position, chain = link WHERE one;
END $$;
-- +goose StatementEnd

-- Ends one session for good unless its end, its application's or a restore came before. Rows are locked in the order
-- user, session, head, as everywhere.
-- +goose StatementBegin
CREATE FUNCTION tandem_end(session_id uuid, whose text, why text, at bigint, theft boolean, drafts text[], entries text[],
    OUT known boolean, OUT ended boolean, OUT head_base bigint, OUT head_position bigint)
LANGUAGE plpgsql AS $$
DECLARE
    owner bigint;
BEGIN
    known := false;
    ended := false;
    SELECT s.user_n INTO owner FROM sessions s JOIN users u ON u.n = s.user_n
    WHERE s.id = session_id AND (whose = '' OR u.id = whose);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    known := true;
    IF theft THEN
        PERFORM 1 FROM users u WHERE u.n = owner FOR NO KEY UPDATE;
    END IF;
    UPDATE sessions s SET ended_at = at, end_reason = why FROM applications a, head h
    WHERE s.id = session_id AND s.ended_at = 0 AND a.n = s.application_n AND h.one
        AND s.position >= a.sessions_from AND s.position >= h.sessions_from;
    ended := FOUND;
    IF ended AND theft THEN
        UPDATE users u SET theft_at = at WHERE u.n = owner;
    END IF;
    IF NOT ended THEN
        drafts := '{}';
        entries := '{}';
    END IF;
    SELECT a.head_base, a.head_position INTO head_base, head_position FROM tandem_append(drafts, entries, at) a;
END $$;
-- +goose StatementEnd

INSERT INTO clock (one, committed_at) VALUES (true, 0);
