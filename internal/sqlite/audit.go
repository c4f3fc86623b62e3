package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tandem.example/tandem/internal/audit"
)

// Audit answers the port to the audit trail.
func (s *Store) Audit() audit.Store { return trail{s} }

type trail struct{ s *Store }

func (p trail) Record(ctx context.Context, entries ...audit.Entry) error {
	if len(entries) == 0 {
		return ctx.Err()
	}
	return p.s.write.do(ctx, func(t *tx) error { return t.record(entries) })
}

const selectEntries = `SELECT id, at, type, actor, user, target, ip, reason, outcome, request_id FROM audit`

func scanEntry(row scanner) (e audit.Entry, err error) {
	var at int64
	err = row.Scan(&e.ID, &at, &e.Type, &e.Actor, &e.User, &e.Target, &e.IP, &e.Reason, &e.Outcome, &e.RequestID)
	e.At = instant(at)
	return e, err
}

func (p trail) List(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	query, args := entries(q)
	rows, err := p.s.read.rows(ctx, query, args...)
	found, err := collect(rows, err, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("list audit entries: %w", err)
	}
	return found, nil
}

// entries is the query for a page, which follows the index of the user, of the type, or of all.
func entries(q audit.Query) (query string, args []any) {
	var where []string
	add := func(condition string, arg any) {
		where = append(where, condition)
		args = append(args, arg)
	}
	index := ""
	switch {
	case q.User != "":
		index = " INDEXED BY audit_user"
	case q.Type != "" && q.Type != audit.SignedIn:
		where = append(where, "type <> '"+string(audit.SignedIn)+"'")
		index = " INDEXED BY audit_type"
	}
	if q.User != "" {
		add("user = ? AND user <> ''", q.User)
	}
	if q.Type != "" {
		add("type = ?", string(q.Type))
	}
	if q.Outcome != "" {
		add("outcome = ?", string(q.Outcome))
	}
	if !q.Since.IsZero() {
		add("at >= ?", millis(q.Since))
		add("id >= ?", entryID(q.Since.Add(-idDrift)))
	}
	below := q.Before
	if !q.Until.IsZero() {
		add("at < ?", millis(q.Until))
		if last := entryID(q.Until.Add(idDrift)); below == "" || last < below { // the lower of both is where a page begins
			below = last
		}
	}
	if below != "" {
		add("id < ?", below)
	}
	query = selectEntries + index
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return query + " ORDER BY id DESC LIMIT ?", append(args, limit(q.Limit))
}

// idDrift is how far the time in an entry's id may lie from the entry's own. Ids are in the order of time, so a part
// of the trail is a part of the primary key, give or take this; the exact time is compared besides.
const idDrift = time.Hour

// entryID is the lowest id of an entry made at the time.
func entryID(t time.Time) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	ms := max(t.UnixMilli(), 0)
	var text [10]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = digits[ms&31]
		ms >>= 5
	}
	return "aud_" + string(text[:])
}

const deleteEntries = `DELETE FROM audit WHERE id IN
	(SELECT id FROM audit WHERE id < ? AND at < ? ORDER BY id LIMIT ?)`

func (p trail) Prune(ctx context.Context, before time.Time, limit int) (pruned int, err error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	err = p.s.write.do(ctx, func(t *tx) error {
		pruned, err = t.exec(deleteEntries, entryID(before.Add(idDrift)), millis(before), limit)
		if err != nil {
			return fmt.Errorf("prune audit entries: %w", err)
		}
		return nil
	})
	return pruned, err
}

// Sign-ins are found in the part of the trail that is asked for, whatever else is; all other types by their index. The
// statement is the same for any number of types.
const (
	tallyColumns = `SELECT (at - ?1) / ?2, type, outcome, CASE outcome WHEN 'refused' THEN reason ELSE '' END, count(*)
		FROM audit`
	tallyWhere = ` type IN (SELECT value FROM json_each(?3)) AND id >= ?4 AND at >= ?1
		GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT ?5`
	tallyAll    = tallyColumns + ` NOT INDEXED WHERE` + tallyWhere
	tallyByType = tallyColumns + ` INDEXED BY audit_type WHERE type <> 'session.signed_in' AND` + tallyWhere
)

func (p trail) Tally(ctx context.Context, types []audit.Type, since time.Time, step time.Duration) ([]audit.Tally, error) {
	if err := audit.CheckStep(since, step); err != nil {
		return nil, err
	}
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	query, wanted := tallyByType, make([]string, len(types))
	for i, t := range types {
		if wanted[i] = string(t); t == audit.SignedIn {
			query = tallyAll
		}
	}
	rows, err := p.s.read.rows(ctx, query, since.UnixMilli(), step.Milliseconds(), array(wanted),
		entryID(since.Add(-idDrift)), audit.MaxTallies+1)
	found, err := collect(rows, err, func(row scanner) (t audit.Tally, err error) {
		var steps int64
		err = row.Scan(&steps, &t.Type, &t.Outcome, &t.Reason, &t.Count)
		t.From = since.Add(time.Duration(steps) * step).UTC()
		return t, err
	})
	if err == nil && len(found) > audit.MaxTallies {
		err = audit.ErrTooManyTallies
	}
	if err != nil {
		return nil, fmt.Errorf("tally the audit trail: %w", err)
	}
	return found, nil
}
