package main

import (
	"strings"
	"testing"

	"tandem.example/tandem/internal/session"
)

// The rows that need servers can be measured, at sizes that say nothing of speed.
func TestRowsOfServers(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL and Redis")
	}
	var out strings.Builder
	status, err := run(t.Context(), []string{"-short", "-rows", "pg,redis,http,fanout,receipts,growth"}, &out)
	if err != nil || status > 1 { // 1 is for budgets, which are not what this is about
		t.Fatalf("status %d: %v\n%s", status, err, &out)
	}
	for _, work := range []string{
		"live check, PostgreSQL, 4", "refresh, PostgreSQL, 4", "BEGIN..COMMIT, 4", "sign-in rows, PostgreSQL, 4", "mint, PostgreSQL, 4",
		"live check, PostgreSQL+Redis, 4", "reads of both, 4", "refresh, PostgreSQL+Redis, 4", "sign-in rows, PostgreSQL+Redis, 4", "mint, PostgreSQL+Redis, 4",
		"check over HTTP, PostgreSQL", "refresh over HTTP, PostgreSQL", "fan-out to 20, SQLite", "fan-out to 40, PostgreSQL",
		"receipt of 6 verifiers, 1 node", "receipt of 6 verifiers, 3 nodes",
		"live check, 2000 against 100", "refresh, 2000 against 100", "bytes a session of 2000",
	} {
		if !strings.Contains(out.String(), work) {
			t.Errorf("no row tells of: %s", work)
		}
	}
	if strings.Contains(out.String(), verdictFailed) || t.Failed() {
		t.Errorf("rows failed:\n%s", &out)
	}
}

// What the floors are asked for is what the store has.
func TestNamesOfSessions(t *testing.T) {
	for _, id := range []string{"ses_00000000000000000000000000", "ses_7zzzzzzzzzzzzzzzzzzzzzzzzz", "ses_01hzxyv3k4m5n6p7q8r9s0tavw"} {
		if got := string(nameOf(uuidOf(session.ID(id)))); got != id {
			t.Errorf("%s becomes %s", id, got)
		}
	}
}
