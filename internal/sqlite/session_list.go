package sqlite

import (
	"context"
	"fmt"
	"strings"

	"tandem.example/tandem/internal/session"
)

// listChunk is how many rows a listing reads at a time when it has to pass over dead sessions.
const listChunk = 100

// List reads in the order of an index from the cursor on: of the user's sessions, of those of an application, of those
// last seen in the hours in question, or of all.
func (p sessions) List(ctx context.Context, q session.Query) (found []session.View, err error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	revision := p.s.write.head.Load().Revision()
	for {
		chunk := q.Limit - len(found)
		if !q.AliveAt.IsZero() {
			chunk = max(chunk, listChunk)
		}
		if q.Limit <= 0 {
			chunk = -1
		}
		query, args := listing(q, chunk)
		rows, err := p.s.read.rows(ctx, query, args...)
		views, err := collect(rows, err, scanView)
		if err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		for _, v := range views {
			if q.AliveAt.IsZero() || v.Alive(q.AliveAt) == nil {
				v.Revision = revision
				found = append(found, v)
			}
			if q.Before = v.Session.ID; len(found) == q.Limit && q.Limit > 0 {
				return found, nil
			}
		}
		if chunk < 0 || len(views) < chunk {
			return found, nil
		}
	}
}

// listing is the query for one chunk. The ids are found first, by an index that holds them in the order wanted or, for
// those last seen since, are few enough to be sorted; the rows after.
func listing(q session.Query, chunk int) (query string, args []any) {
	var where []string
	add := func(condition string, arg any) {
		where = append(where, condition)
		args = append(args, arg)
	}
	index := ""
	switch {
	case q.User != "":
		index = " INDEXED BY sessions_user"
	case !q.SeenSince.IsZero():
		index = " INDEXED BY sessions_seen"
	case q.Application != "":
		index = " INDEXED BY sessions_application"
	}
	if q.User != "" {
		add("user = (SELECT n FROM users WHERE id = ?)", string(q.User))
	}
	if q.Application != "" {
		add("application = (SELECT n FROM applications WHERE id = ?)", string(q.Application))
	}
	if !q.SeenSince.IsZero() {
		if q.User == "" {
			add("seen_hour >= ?", hour(q.SeenSince))
		}
		add("last_seen_at >= ?", millis(q.SeenSince))
	}
	if !q.AliveAt.IsZero() {
		where = append(where, "ended_at = 0") // a help only: Alive decides
	}
	if q.Before != "" {
		add("id < ?", string(q.Before))
	}
	ids := "SELECT id FROM sessions" + index
	if len(where) > 0 {
		ids += " WHERE " + strings.Join(where, " AND ")
	}
	ids += " ORDER BY id DESC LIMIT ?"
	return selectView + " WHERE s.id IN (" + ids + ") ORDER BY s.id DESC", append(args, chunk)
}
