package postgres

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
)

// crowd is a store with many sessions, of half as many users, as after the first refresh of each.
type crowd struct {
	s *Store
	n int
}

// crowdSize is a hundred thousand, since a million takes a minute; TANDEM_TEST_MILLION asks for it.
func crowdSize() int {
	switch {
	case os.Getenv("TANDEM_TEST_MILLION") != "":
		return 1_000_000
	case testing.Short():
		return 10_000
	}
	return 100_000
}

func newCrowd(t testing.TB, s *Store, n int) *crowd {
	t.Helper()
	app := s.addApplication(t, "app")
	row := withRefresh(session.Session{})
	row.Refresh.Previous, row.Refresh.Sealed = generation(0), make([]byte, 40)
	session.Standard.Deadlines(&row, epochDay)
	for _, c := range []struct {
		statement string
		args      []any
	}{
		{`INSERT INTO users (created_at, revision, theft_at, email_verified, id, email, email_key, name, search, roles, status)
			SELECT $1, 1, 0, true, 'usr_' || lpad(i::text, 26, '0'), 'user' || i || '@example.com', 'user' || i || '@example.com',
				'User ' || i, 'user' || i || '@example.com', 'reader', 'active' FROM generate_series(1, $2::int) AS i`,
			[]any{epochDay.UnixMilli(), n / 2}},
		{`INSERT INTO sessions (` + sessionColumns + `)
			SELECT (lpad(to_hex($1::bigint + i * 40), 12, '0') || substr(md5(i::text), 1, 20))::uuid, u.n, a.n,
				$1 + i * 40, $1 + i * 40, $1 + i * 40, $2::bigint + i * 40, $3::bigint + i * 40, $4::bigint, '1', 'pwd', 'Firefox on Linux', '203.0.113.77',
				1, h.base, 0, '', $5::bytea
			FROM generate_series(1, $6::int) AS i
				JOIN LATERAL (SELECT n FROM users WHERE id = 'usr_' || lpad((1 + i::bigint * 7919 % ($6 / 2))::text, 26, '0') LIMIT 1) u ON true
				CROSS JOIN applications a CROSS JOIN head h WHERE a.id = $7 ORDER BY i`,
			[]any{epochDay.UnixMilli(), row.IdleExpiresAt.UnixMilli(), row.ExpiresAt.UnixMilli(), row.Idle.Milliseconds(),
				packRefresh(row.Refresh), n, string(app.ID)}},
		{`INSERT INTO audit (at, id, type, actor, user_id, target, ip, reason, outcome, request_id)
			SELECT $1::bigint + i, 'aud_' || lpad(i::text, 26, '0'), CASE i % 10 WHEN 0 THEN 'session.ended' ELSE 'session.signed_in' END,
				u, u, 'ses', '203.0.113.77', '', 'done', i::text
			FROM (SELECT i, 'usr_' || lpad((1 + i % ($2 / 2))::text, 26, '0') AS u FROM generate_series(1, $2::int) AS i) AS x`,
			[]any{epochDay.UnixMilli(), n}},
		{`INSERT INTO events (seq, committed_at, retain_until, kind, id, chain)
			SELECT i, $1::bigint, $1, 'session', md5(i::text), sha256(i::text::bytea) FROM generate_series(1, 20000) AS i`,
			[]any{epochDay.UnixMilli()}},
		{`INSERT INTO passkeys (created_at, used_at, sign_count, user_n, id, name, credential_id, record)
			SELECT 0, 0, 0, n, 'pky_' || n, '', int8send(n), '' FROM users LIMIT 20000`, nil},
		{`INSERT INTO totps (created_at, step, user_n, sealed) SELECT 0, 0, n, '' FROM users LIMIT 20000`, nil},
		{`INSERT INTO recovery_codes (user_n, digest) SELECT n, int8send(n * 2 + i) FROM users, generate_series(0, 1) AS i LIMIT 20000`, nil},
		{`INSERT INTO connections (created_at, used_at, user_n, id, provider, subject, email)
			SELECT 0, 0, n, 'con_' || n, 'provider', n::text, '' FROM users LIMIT 20000`, nil},
		{`INSERT INTO attempts (expires_at, version, tries, id, digest, state) SELECT i, 0, 0, 'att_' || i, '', '' FROM generate_series(1, 20000) AS i`, nil},
		{`INSERT INTO mails (next_at, until, tries, id, sealed) SELECT i, 0, 0, 'msg_' || i, '' FROM generate_series(1, 20000) AS i`, nil},
		{`INSERT INTO limits (state, was, key) SELECT i, 0, 'k' || i FROM generate_series(1, 20000) AS i`, nil},
		// While statistics are gathered, which takes the longer the busier the machine is, no page gets rid of what was
		// overwritten in it meanwhile. refreshADay measures what rewriting costs, not that.
		{`ALTER TABLE sessions SET (autovacuum_enabled = false)`, nil},
		{`ANALYZE`, nil},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		_, err := s.pool.Exec(ctx, c.statement, c.args...)
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", c.statement, err)
		}
	}
	return &crowd{s: s, n: n}
}

// id is the i-th session, from 1.
func (c *crowd) id(t testing.TB, i int) session.ID {
	t.Helper()
	var k [16]byte
	err := c.s.pool.QueryRow(context.Background(),
		`SELECT (lpad(to_hex($1::bigint + $2::bigint * 40), 12, '0') || substr(md5($2::bigint::text), 1, 20))::uuid`,
		epochDay.UnixMilli(), i).Scan(&k)
	if err != nil {
		t.Fatal(err)
	}
	return name(k)
}

// sessionBytes are the bytes of a session on disk, with its part of the indexes.
func (c *crowd) sessionBytes(t testing.TB) float64 {
	t.Helper()
	var bytes int64
	if err := c.s.pool.QueryRow(t.Context(), `SELECT pg_total_relation_size('sessions')`).Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	return float64(bytes) / float64(c.n)
}

// plan is how PostgreSQL means to run the statement, whatever its values.
func (s *Store) plan(t *testing.T, query string) string {
	t.Helper()
	c, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	prepared, err := c.Conn().Prepare(t.Context(), "explained", query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer c.Conn().Deallocate(t.Context(), "explained") //nolint:errcheck // the next Prepare tells
	values := ""
	if n := len(prepared.ParamOIDs); n > 0 {
		values = "(NULL" + strings.Repeat(", NULL", n-1) + ")"
	}
	rows, err := c.Query(t.Context(), "EXPLAIN EXECUTE explained"+values)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// growing are the tables of which one has a row for each user, or more.
var growing = map[string]bool{
	"sessions": true, "users": true, "audit": true, "events": true, "passkeys": true, "totps": true, "recovery_codes": true,
	"connections": true, "attempts": true, "mails": true,
}

// No statement reads a table that grows from end to end, nor a whole index of it where it has a value to look up.
func TestStatementsFollowAnIndex(t *testing.T) {
	s := open(t, config(t))
	c := newCrowd(t, s, crowdSize())
	now := epochDay
	pageOf := func(q session.Query) string { query, _, _ := listing(q); return query }
	trail := func(q audit.Query) string { query, _ := entries(q); return query }
	for name, query := range map[string]string{
		"find": selectViewByID, "find many": selectViews, "locked view": lockedView, "rotate": rotateSession,
		"rotate many": rotateSessions, "touch": touchSessions, "start": startSession, "living": selectLiving,
		"of a user to end": lockOfUser, "end": updateEnded, "renew": renewSession, "look for the dead": selectSwept,
		"sweep": deleteSwept, "known address": selectKnownAddress, "register": registerUser, "password": selectPassword,
		"rehash": rehashPassword, "locked user": lockedUser, "lock user": lockUser, "amend user": updateUser,
		"user by id": selectUser + `u.id = $1`, "user by e-mail": selectUser + `u.email_key = $1`, "users": selectUsers,
		"searched users": searchedUsers, "sessions of a user to delete": deleteSessionsOfUser, "delete user": deleteUser,
		"end user": endUser, "theft": markTheft, "read the log": selectSince, "prunable": selectPrunable,
		"spared": deleteSpared, "pruned": deletePruned, "key events": selectKeyEvents, "prune the trail": deleteEntries,
		"take": takeLimit, "refund": refundLimit, "forget limits": selectWhole, "standing": selectStanding, "admit": admitSession,
		"tally": tallyByType, "tally of sign-ins": tallyAll,
		"passkey": selectPasskeyByCredential, "passkeys": selectPasskeysOf, "room for a passkey": selectPasskeyRoom, "use a passkey": usePasskey,
		"rename a passkey": renamePasskey, "remove a passkey": deletePasskey, "drop passkeys": deletePasskeysOf,
		"seed": selectTOTP, "spend a step": spendStep, "drop the seed": deleteTOTPOf,
		"recovery codes": countRecoveryCodes, "spend a recovery code": deleteRecoveryCode, "drop recovery codes": deleteRecoveryCodesOf,
		"connection": selectConnection, "connections": selectConnectionsOf, "use a connection": useConnection,
		"disconnect": deleteConnection, "drop connections": deleteConnectionsOf,
		"attempt": selectAttempt, "advance": advanceAttempt, "try": countTry, "finish": deleteAttempt, "expired attempts": deleteExpired,
		"mail": selectDue, "mail again": updateMail, "mail sent": deleteMail,
		"sessions":                pageOf(session.Query{Limit: 10}),
		"living sessions":         pageOf(session.Query{AliveAt: now, Limit: 10}),
		"sessions after":          pageOf(session.Query{Before: c.id(t, 1), Limit: 10}),
		"sessions seen":           pageOf(session.Query{SeenSince: now, Limit: 10}),
		"sessions of a user":      pageOf(session.Query{User: "usr_1", AliveAt: now, SeenSince: now, Limit: 10}),
		"sessions of application": pageOf(session.Query{Application: "app_1", Before: c.id(t, 1), Limit: 10}),
		"entries":                 trail(audit.Query{Limit: 10}),
		"entries of a user":       trail(audit.Query{User: "usr_1", Before: "aud_1", Limit: 10}),
		"entries of a type":       trail(audit.Query{Type: audit.KeyRevoked, Since: now, Limit: 10}),
		"entries of a span":       trail(audit.Query{Since: now, Until: now.Add(time.Hour), Outcome: audit.Refused, Limit: 10}),
		"sign-ins":                trail(audit.Query{Type: audit.SignedIn, Limit: 10}),
	} {
		t.Run(name, func(t *testing.T) {
			got := s.plan(t, query)
			if strings.Contains(got, "Seq Scan") {
				t.Errorf("reads a table from end to end:\n%s", got)
			}
			// In the order of an index, until the page is full; all others look something up.
			walks := strings.Contains(query, "LIMIT") || strings.Contains(query, "kind = 'key'")
			lines := strings.Split(got, "\n")
			for i, line := range lines {
				_, table, _ := strings.Cut(line, " on ")
				grows := growing[strings.SplitN(table, " ", 2)[0]]
				looks := i+1 < len(lines) && strings.Contains(lines[i+1], "Cond")
				if strings.Contains(line, "Scan") && grows && !looks && !walks {
					t.Errorf("reads a whole index:\n%s", got)
				}
			}
		})
	}
	if per := c.sessionBytes(t); per > 450 {
		t.Errorf("%.0f bytes a session, want 450 at most", per)
	} else {
		t.Logf("%.0f bytes a session, of %d", per, c.n)
	}
	c.refreshADay(t)
}

// A day of refreshes and sightings rewrites rows in their pages: the table grows by little, its indexes not at all.
func (c *crowd) refreshADay(t *testing.T) {
	t.Helper()
	const some, rounds = 400, 25
	ids := make([]session.ID, some)
	first := 1 + rand.IntN(c.n-some)
	for i := range ids {
		ids[i] = c.id(t, first+i)
	}
	size := func() (table, indexes int64) {
		err := c.s.pool.QueryRow(t.Context(), `SELECT pg_relation_size('sessions'), pg_indexes_size('sessions')`).Scan(&table, &indexes)
		if err != nil {
			t.Fatal(err)
		}
		return table, indexes
	}
	before, indexesBefore := size()
	for round := range rounds {
		at := epochDay.Add(time.Duration(round) * time.Hour)
		share(t, 16, some, func(i int) error {
			_, err := c.s.Sessions().Rotate(context.Background(), rotation(ids[i], uint32(round+1), at))
			if err == nil {
				err = c.s.Sessions().Touch(context.Background(), []session.Sighting{{ID: ids[i], At: at.Add(time.Minute)}})
			}
			return err
		})
	}
	table, indexes := size()
	if grown := table - before; grown > some*rounds*2*300/5 {
		t.Errorf("%d writes have grown the table by %d bytes", some*rounds*2, grown)
	}
	if grown := indexes - indexesBefore; grown > 1<<20 {
		t.Errorf("%d writes have grown the indexes by %d bytes", some*rounds*2, grown)
	}
	t.Logf("%d writes: table %+d bytes, indexes %+d", some*rounds*2, table-before, indexes-indexesBefore)
}
