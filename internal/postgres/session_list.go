package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/session"
)

// List reads in the order of an index from the cursor on: of the user's sessions, of those of an application, or of
// all. It passes over what is not wanted, so a page of few among many may take long; Timeout bounds it.
func (p sessions) List(ctx context.Context, q session.Query) (found []session.View, err error) {
	query, args, possible := listing(q)
	if !possible {
		return nil, ctx.Err()
	}
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		found = nil
		rows, err := c.Query(ctx, query, append([]any{binaryRows}, args...)...)
		return eachView(rows, err, func(v session.View) { found = append(found, v) })
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return found, nil
}

// listing is the query for a page; impossible if it names what cannot be there.
func listing(q session.Query) (query string, args []any, possible bool) {
	var where []string
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	possible = keepable(string(q.User)) && keepable(string(q.Application))
	if q.User != "" {
		add("s.user_n = (SELECT n FROM users WHERE id = ?)", string(q.User))
	}
	if q.Application != "" {
		add("s.application_n = (SELECT n FROM applications WHERE id = ?)", string(q.Application))
	}
	if !q.SeenSince.IsZero() {
		add("s.last_seen_at >= ?", millis(q.SeenSince))
	}
	if !q.AliveAt.IsZero() {
		add(living("?"), millis(q.AliveAt))
	}
	if q.Before != "" {
		k, ok := key(q.Before)
		possible = possible && ok
		add("s.id < ?", k)
	}
	query = selectView
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, pageSize(q.Limit))
	return query + " ORDER BY s.id DESC LIMIT $" + strconv.Itoa(len(args)), args, possible
}
