package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Accounts answers the port to users.
func (s *Store) Accounts() account.Store { return accounts{s} }

type accounts struct{ s *Store }

func (a accounts) ByID(ctx context.Context, id account.ID) (account.User, error) {
	return a.one(ctx, selectUser+`u.id = $1`, string(id))
}

func (a accounts) ByEmail(ctx context.Context, email string) (account.User, error) {
	return a.one(ctx, selectUser+`u.email_key = $1`, account.NormalizeEmail(email))
}

func (a accounts) one(ctx context.Context, query, by string) (account.User, error) {
	if !keepable(by) {
		return account.User{}, account.ErrNotFound
	}
	users, err := a.users(ctx, query, by)
	switch {
	case err != nil:
		return account.User{}, fmt.Errorf("find user: %w", err)
	case len(users) == 0:
		return account.User{}, account.ErrNotFound
	}
	return users[0], nil
}

func (a accounts) users(ctx context.Context, query string, args ...any) (found []account.User, err error) {
	err = a.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		found = nil
		rows, err := c.Query(ctx, query, append([]any{binaryRows}, args...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var u account.User
			f := fields{raw: rows.RawValues()}
			if scanUser(&f, &u); f.err != nil {
				return f.err
			}
			found = append(found, u)
		}
		return rows.Err()
	})
	return found, err
}

// A part of a text is found by looking at every text, so a search goes through the users in the order of their ids
// until it has a page.
const (
	selectUsers   = selectUser + `u.id > $1 ORDER BY u.id LIMIT $2`
	searchedUsers = selectUser + `u.id > $1 AND strpos(u.search, $3) > 0 ORDER BY u.id LIMIT $2`
)

func (a accounts) List(ctx context.Context, q account.Query) ([]account.User, error) {
	query, args := selectUsers, []any{text(string(q.After)), pageSize(q.Limit)}
	if q.Search != "" {
		if !keepable(q.Search) {
			return nil, ctx.Err()
		}
		query, args = searchedUsers, append(args, strings.ToLower(q.Search))
	}
	users, err := a.users(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// searchable is the column that a search looks into. No part of it that a search could name spans the line.
func searchable(u *account.User) string {
	return text(strings.ToLower(u.Email) + "\n" + strings.ToLower(u.Name))
}

const updateUser = `UPDATE users SET email = $2, email_key = $3, email_verified = $4, name = $5, search = $6, roles = $7,
	status = $8, revision = $9, theft_at = $10 WHERE n = $1`

// Amend announces the end of all sessions even if it was given no event: sessions that are kept elsewhere end by their
// position alone, so the log has to move.
func (a accounts) Amend(ctx context.Context, m account.Amendment) (amended account.User, commit feed.Commit, err error) {
	events := m.Announce
	if m.EndSessions != "" && len(events) == 0 {
		events = []revocation.Event{revocation.SubjectEvent(string(m.ID))}
	}
	err = a.s.transact(ctx, func(t *tx) error {
		n, u, err := t.user(m.ID)
		if err != nil {
			return err
		}
		if !m.Fits(u) {
			return account.ErrRaced
		}
		u = m.Of(u)
		if m.EndSessions != "" {
			if _, err := t.endAll(n, "", text(m.EndSessions), millis(m.At)); err != nil {
				return err
			}
		}
		t.queue(updateUser, n, text(u.Email), text(account.NormalizeEmail(u.Email)), u.EmailVerified, text(u.Name),
			searchable(&u), words(u.Roles), text(string(u.Status)), int64(u.Revision), millis(u.TheftAt))
		if m.DropCredentials {
			t.dropCredentials(n)
		}
		reached := &place{}
		t.queue(selectAppend, appending(m.At, events, m.Audit...)...).QueryRow(reached.scan)
		if m.EndSessions != "" {
			t.queue(endUser, n, millis(m.At), text(m.EndSessions))
		}
		if err := t.commit(); err != nil {
			if _, taken := unique(err); taken {
				return account.ErrEmailTaken
			}
			return err
		}
		amended, commit = u, reached.commit(m.At)
		return nil
	})
	if err != nil {
		return account.User{}, feed.Commit{}, fmt.Errorf("amend user: %w", err)
	}
	a.s.committed(m.At, len(events))
	amended.Roles = slices.Clone(amended.Roles)
	return amended, commit, nil
}

const (
	deleteSessionsOfUser = `DELETE FROM sessions WHERE user_n = $1`
	deleteUser           = `DELETE FROM users WHERE n = $1`
)

func (a accounts) Delete(ctx context.Context, r account.Removal) (commit feed.Commit, err error) {
	err = a.s.transact(ctx, func(t *tx) error {
		n, _, err := t.user(r.ID)
		if err != nil {
			return err
		}
		t.queue(deleteSessionsOfUser, n)
		t.queue(deleteUser, n)
		reached := &place{}
		t.queue(selectAppend, appending(r.At, r.Announce, r.Audit...)...).QueryRow(reached.scan)
		if err := t.commit(); err != nil {
			return err
		}
		commit = reached.commit(r.At)
		return nil
	})
	if err != nil {
		return feed.Commit{}, fmt.Errorf("delete user: %w", err)
	}
	a.s.committed(r.At, len(r.Announce))
	return commit, nil
}
