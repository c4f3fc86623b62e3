package postgres

import (
	"github.com/jackc/pgx/v5"

	"strconv"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// drafts are events as tandem_append takes them. When an event may be pruned depends on the longest lifetime in force,
// which the head knows: feed.RetainUntil is asked here how, so the rule stays in one place.
func drafts(at time.Time, events []revocation.Event) []string {
	out := make([]string, 0, 4*len(events))
	at = grain(at)
	for _, e := range events {
		least := feed.RetainUntil(e.Kind, at, 0)
		longer := "0"
		if feed.RetainUntil(e.Kind, at, time.Hour).Equal(least.Add(time.Hour)) {
			longer = "1"
		}
		out = append(out, string(e.Kind), e.ID, strconv.FormatInt(millis(least), 10), longer)
	}
	return out
}

// records are audit entries as tandem_record takes them. The zero Entry is none.
func records(entries ...audit.Entry) []string {
	out := make([]string, 0, 10*len(entries))
	for _, e := range entries {
		if e.ID == "" {
			continue
		}
		out = append(out, text(e.ID), strconv.FormatInt(millis(e.At), 10), text(string(e.Type)), text(e.Actor), text(e.User),
			text(e.Target), text(e.IP), text(e.Reason), text(string(e.Outcome)), text(e.RequestID))
	}
	return out
}

// appending are the arguments of tandem_append.
func appending(at time.Time, events []revocation.Event, entries ...audit.Entry) []any {
	return []any{drafts(at, events), records(entries...), millis(at)}
}

// place is where a commit stands: the base of the epoch and the position in it, as tandem_append answers them.
type place struct{ base, position int64 }

func (p place) commit(at time.Time) feed.Commit {
	return feed.Commit{Position: uint64(p.position), At: grain(at)}
}

// committed ends a verb that has committed: its time is noted and, if it appended events, everybody is told.
func (s *Store) committed(at time.Time, events int) {
	s.saw(at)
	if events > 0 {
		s.signals.moved()
	}
}

const selectAppend = `SELECT head_base, head_position FROM tandem_append($1, $2, $3)`

func (p *place) scan(row pgx.Row) error { return row.Scan(&p.base, &p.position) }
