package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/audit"
)

// Audit answers the port to the audit trail.
func (s *Store) Audit() audit.Store { return trail{s} }

type trail struct{ s *Store }

func (p trail) Record(ctx context.Context, entries ...audit.Entry) error {
	if len(entries) == 0 {
		return ctx.Err()
	}
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, `SELECT tandem_record($1)`, records(entries...))
		return err
	})
	if err != nil {
		return fmt.Errorf("record in the audit trail: %w", err)
	}
	return nil
}

const selectEntries = `SELECT id, at, type, actor, user_id, target, ip, reason, outcome, request_id FROM audit`

func scanEntry(row pgx.CollectableRow) (e audit.Entry, err error) {
	var at int64
	err = row.Scan(&e.ID, &at, &e.Type, &e.Actor, &e.User, &e.Target, &e.IP, &e.Reason, &e.Outcome, &e.RequestID)
	e.At = instant(at)
	return e, err
}

func (p trail) List(ctx context.Context, q audit.Query) (found []audit.Entry, err error) {
	if !keepable(q.User) || !keepable(string(q.Type)) || !keepable(string(q.Outcome)) || !keepable(q.Before) {
		return nil, ctx.Err()
	}
	query, args := entries(q)
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scanEntry)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list audit entries: %w", err)
	}
	return found, nil
}

// entries is the query for a page, which follows the index of the user, of the type, or of all.
func entries(q audit.Query) (query string, args []any) {
	var where []string
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, condition+" $"+strconv.Itoa(len(args)))
	}
	if q.User != "" {
		where = append(where, "user_id <> ''")
		add("user_id =", q.User)
	}
	if q.Type != "" {
		if q.Type != audit.SignedIn {
			where = append(where, "type <> '"+string(audit.SignedIn)+"'")
		}
		add("type =", string(q.Type))
	}
	if q.Outcome != "" {
		add("outcome =", string(q.Outcome))
	}
	if !q.Since.IsZero() {
		add("at >=", millis(q.Since))
		add("id >=", entryID(q.Since.Add(-idDrift)))
	}
	below := q.Before
	if !q.Until.IsZero() {
		add("at <", millis(q.Until))
		if last := entryID(q.Until.Add(idDrift)); below == "" || last < below { // the lower of both is where a page begins
			below = last
		}
	}
	if below != "" {
		add("id <", below)
	}
	query = selectEntries
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, pageSize(q.Limit))
	return query + " ORDER BY id DESC LIMIT $" + strconv.Itoa(len(args)), args
}

// entryID is the lowest id of an entry made at the time. Ids are in the order of time, so a part of the trail is a part
// of the primary key, give or take idDrift; the exact time is compared besides.
func entryID(t time.Time) string {
	return "aud_" + string(name(lowest(t)))[len(namePrefix):]
}

const deleteEntries = `DELETE FROM audit WHERE id IN (
	SELECT id FROM audit WHERE id < $1 AND at < $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)`

func (p trail) Prune(ctx context.Context, before time.Time, limit int) (pruned int, err error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	err = p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		tag, err := c.Exec(ctx, deleteEntries, entryID(before.Add(idDrift)), millis(before), limit)
		pruned = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune audit entries: %w", err)
	}
	return pruned, nil
}

// Sign-ins are found in the part of the trail that is asked for, whatever else is; all other types by their index.
const (
	tallyColumns = `SELECT (at - $1) / $2, type, outcome, CASE outcome WHEN 'refused' THEN reason ELSE '' END, count(*)
		FROM audit WHERE`
	tallyWhere  = ` type = ANY($3) AND id >= $4 AND at >= $1 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT $5`
	tallyAll    = tallyColumns + tallyWhere
	tallyByType = tallyColumns + ` type <> 'session.signed_in' AND` + tallyWhere
)

func (p trail) Tally(ctx context.Context, types []audit.Type, since time.Time, step time.Duration) ([]audit.Tally, error) {
	if err := audit.CheckStep(since, step); err != nil {
		return nil, err
	}
	query, wanted := tallyByType, make([]string, len(types))
	for i, t := range types {
		if wanted[i] = text(string(t)); t == audit.SignedIn {
			query = tallyAll
		}
	}
	found, err := collect(ctx, p.s, func(row pgx.CollectableRow) (t audit.Tally, err error) {
		var steps int64
		err = row.Scan(&steps, &t.Type, &t.Outcome, &t.Reason, &t.Count)
		t.From = since.Add(time.Duration(steps) * step).UTC()
		return t, err
	}, query, since.UnixMilli(), step.Milliseconds(), wanted, entryID(since.Add(-idDrift)), audit.MaxTallies+1)
	if err == nil && len(found) > audit.MaxTallies {
		err = audit.ErrTooManyTallies
	}
	if err != nil {
		return nil, fmt.Errorf("tally the audit trail: %w", err)
	}
	return found, nil
}
