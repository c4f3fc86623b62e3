package sqlite

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
)

// plan is how SQLite means to run the query.
func plan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.read.db.Query("EXPLAIN QUERY PLAN "+query, args...)
	steps, err := collect(rows, err, func(row scanner) (step string, err error) {
		err = row.Scan(new(int), new(int), new(int), &step)
		return step, err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(steps, "\n")
}

// noTable are the scans of what is no table.
var noTable = strings.NewReplacer("SCAN CONSTANT ROW", "", "SCAN json_each", "")

// No listing reads a table from end to end, or sorts what it could have read in order.
func TestListingsFollowAnIndex(t *testing.T) {
	s := open(t, Config{})
	now := epochDay
	sessionsBy := func(q session.Query) func() (string, []any) {
		return func() (string, []any) { return listing(q, 100) }
	}
	entriesBy := func(q audit.Query) func() (string, []any) {
		return func() (string, []any) { q.Limit = 100; return entries(q) }
	}
	fixed := func(query string, args ...any) func() (string, []any) {
		return func() (string, []any) { return query, args }
	}
	for name, c := range map[string]struct {
		query func() (string, []any)
		via   string
		sorts bool // what an index on something else has found
		walks bool // in the order of the key, until the page is full
	}{
		"sessions":                {query: sessionsBy(session.Query{}), via: "SCAN sessions", walks: true},
		"living sessions":         {query: sessionsBy(session.Query{AliveAt: now}), via: "SCAN sessions", walks: true},
		"sessions after":          {query: sessionsBy(session.Query{Before: "ses_1"}), via: "PRIMARY KEY (id<?)"},
		"of a user":               {query: sessionsBy(session.Query{User: "usr_1"}), via: "sessions_user (user=?)"},
		"of a user after":         {query: sessionsBy(session.Query{User: "usr_1", Before: "ses_1"}), via: "sessions_user (user=? AND id<?)"},
		"of a user, all said":     {query: sessionsBy(session.Query{User: "u", Application: "a", SeenSince: now, AliveAt: now, Before: "s"}), via: "sessions_user (user=? AND id<?)"},
		"of an application":       {query: sessionsBy(session.Query{Application: "app_1"}), via: "sessions_application (application=?)"},
		"of an application after": {query: sessionsBy(session.Query{Application: "app_1", Before: "ses_1"}), via: "sessions_application (application=? AND id<?)"},
		"seen since":              {query: sessionsBy(session.Query{SeenSince: now}), via: "sessions_seen (seen_hour>?)", sorts: true},
		"seen since, of an application": {
			query: sessionsBy(session.Query{SeenSince: now, Application: "app_1", Before: "ses_1"}), via: "sessions_seen (seen_hour>?)", sorts: true,
		},
		"one session":        {query: fixed(selectViewByID, "ses_1"), via: "PRIMARY KEY (id=?)"},
		"room for a session": {query: fixed(selectLiving, "usr_1", "app_1"), via: "sessions_user (user=?)"},
		"sweep":              {query: fixed(selectSwept, 1, 2, "ses_1", 3, 4), via: "INDEX sessions_seen ((seen_hour,id)>(?,?) AND seen_hour<?)"},
		"ending a user's":    {query: fixed(updateEndedEffective, 1, "r", "usr_1", "ses_1"), via: "sessions_user (user=?"},
		"known address":      {query: fixed(selectKnownAddress, "usr_1", "ip"), via: "sessions_user (user=?)"},
		"entries":            {query: entriesBy(audit.Query{}), via: "SCAN audit", walks: true},
		"entries after":      {query: entriesBy(audit.Query{Before: "aud_1"}), via: "PRIMARY KEY (id<?)"},
		"entries since":      {query: entriesBy(audit.Query{Since: now}), via: "PRIMARY KEY (id>?)"},
		"entries until":      {query: entriesBy(audit.Query{Until: now}), via: "PRIMARY KEY (id<?)"},
		"entries of a span":  {query: entriesBy(audit.Query{Since: now, Until: now.Add(time.Hour), Before: "aud_1"}), via: "PRIMARY KEY (id>? AND id<?)"},
		"refused entries":    {query: entriesBy(audit.Query{Outcome: audit.Refused}), via: "SCAN audit", walks: true},
		"refused, of a user": {query: entriesBy(audit.Query{Outcome: audit.Refused, User: "usr_1", Until: now}), via: "audit_user (user=? AND id<?)"},
		"entries of a user":  {query: entriesBy(audit.Query{User: "usr_1", Type: audit.SignedIn, Since: now, Before: "a"}), via: "audit_user (user=? AND id>? AND id<?)"},
		"entries of a type":  {query: entriesBy(audit.Query{Type: audit.KeyRevoked, Before: "a"}), via: "audit_type (type=? AND id<?)"},
		"sign-ins":           {query: entriesBy(audit.Query{Type: audit.SignedIn}), via: "SCAN audit", walks: true},
		"pruned entries":     {query: fixed(deleteEntries, "aud_1", 1, 2), via: "SEARCH audit USING PRIMARY KEY (id<?)"},
		"users":              {query: fixed(selectUsers, "usr_1", 10), via: "(id>?)"},
		"searched users":     {query: fixed(searchedUsers, "usr_1", "x", 10), via: "(id>?)"},
		"a user by e-mail":   {query: fixed(selectUser+"u.email_key = ?", "x"), via: "(email_key=?)"},
		"an application":     {query: fixed(selectApplicationBy, "x"), via: "MULTI-INDEX OR", sorts: true},
		"events":             {query: fixed(selectEvents, 1), via: "INTEGER PRIMARY KEY (rowid>?)"},
		"pruned events":      {query: fixed(deletePruned, 1, 2, 3), via: "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		"spared events":      {query: fixed(deleteSpared, 1, 2, 3), via: "INTEGER PRIMARY KEY (rowid<?)"},
		"tally":              {query: fixed(tallyByType, 1, 2, `["key.revoked"]`, "aud_1", 3), via: "audit_type (type=? AND id>?)", sorts: true},
		"tally of sign-ins":  {query: fixed(tallyAll, 1, 2, `["session.signed_in"]`, "aud_1", 3), via: "PRIMARY KEY (id>?)", sorts: true},
		"a passkey":          {query: fixed(selectPasskeyByCredential, "x"), via: "(credential_id=?)"},
		"passkeys of a user": {query: fixed(selectPasskeysOf, "usr_1"), via: "passkeys_user (user=?)"},
		"room for a passkey": {query: fixed(selectPasskeyRoom, "x", 1), via: "passkeys_user (user=?)"},
		"a seed":             {query: fixed(selectTOTP, "usr_1"), via: "SEARCH t USING INTEGER PRIMARY KEY"},
		"a recovery code":    {query: fixed(selectRecoveryCode, "usr_1", "x"), via: "PRIMARY KEY (user=? AND digest=?)"},
		"recovery codes":     {query: fixed(countRecoveryCodes, "usr_1"), via: "PRIMARY KEY (user=?)"},
		"a connection":       {query: fixed(selectConnection, "p", "s"), via: "(provider=? AND subject=?)"},
		"connections of":     {query: fixed(selectConnectionsOf, "usr_1"), via: "connections_user (user=?)"},
		"an attempt":         {query: fixed(selectAttempt, "att_1"), via: "PRIMARY KEY (id=?)"},
		"expired attempts":   {query: fixed(deleteExpired, 1, 2), via: "attempts_expires (expires_at<?)"},
		"mail that is due":   {query: fixed(selectDue, 1, 2), via: "mails_next (next_at<?)"},
		"dropped passkeys":   {query: fixed(deletePasskeysOf, 1), via: "passkeys_user (user=?)"},
		"dropped connection": {query: fixed(deleteConnectionsOf, 1), via: "connections_user (user=?)"},
		"holders":            {query: fixed(selectHolders, 1), via: "holders_seen (seen_at>?)", sorts: true},
	} {
		t.Run(name, func(t *testing.T) {
			query, args := c.query()
			got := plan(t, s, query, args...)
			if !strings.Contains(got, c.via) {
				t.Errorf("not by %s:\n%s", c.via, got)
			}
			if strings.Contains(got, "TEMP B-TREE") && !c.sorts {
				t.Errorf("sorts:\n%s", got)
			}
			if strings.Contains(noTable.Replace(got), "SCAN") && !c.walks {
				t.Errorf("scans:\n%s", got)
			}
		})
	}
}

// A page of a span is looked for from the lower of its two upper bounds, not from the end of the span again and again.
func TestAPageBeginsAtTheLowerBound(t *testing.T) {
	end := entryID(epochDay.Add(idDrift))
	for before, want := range map[string]string{"": end, "aud_0": "aud_0", "aud_z": end} {
		query, args := entries(audit.Query{Until: epochDay, Before: before})
		if strings.Count(query, "id <") != 1 || !slices.Contains(args, any(want)) {
			t.Errorf("before %q: %s with %v, want below %s", before, query, args, want)
		}
	}
}
