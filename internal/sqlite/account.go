package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
)

// Accounts answers the port to users.
func (s *Store) Accounts() account.Store { return accounts{s} }

type accounts struct{ s *Store }

const selectUser = `SELECT ` + userColumns + ` FROM users u WHERE `

func (a accounts) ByID(ctx context.Context, id account.ID) (account.User, error) {
	return a.one(ctx, selectUser+`u.id = ?`, string(id))
}

func (a accounts) ByEmail(ctx context.Context, email string) (account.User, error) {
	return a.one(ctx, selectUser+`u.email_key = ?`, account.NormalizeEmail(email))
}

func (a accounts) one(ctx context.Context, query, by string) (account.User, error) {
	if a.s.closed.Load() {
		return account.User{}, ErrClosed
	}
	u, err := scanUser(a.s.read.row(ctx, query, by))
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		err = fmt.Errorf("find user: %w", err)
	}
	return u, err
}

// A part of a text is found by looking at every text, so a search goes through the users in the order of their ids
// until it has a page.
const (
	selectUsers   = selectUser + `u.id > ? ORDER BY u.id LIMIT ?`
	searchedUsers = selectUser + `u.id > ? AND instr(u.search, ?) > 0 ORDER BY u.id LIMIT ?`
)

func (a accounts) List(ctx context.Context, q account.Query) ([]account.User, error) {
	if a.s.closed.Load() {
		return nil, ErrClosed
	}
	query, args := selectUsers, []any{string(q.After), limit(q.Limit)}
	if q.Search != "" {
		query, args = searchedUsers, []any{string(q.After), strings.ToLower(q.Search), limit(q.Limit)}
	}
	rows, err := a.s.read.rows(ctx, query, args...)
	users, err := collect(rows, err, scanUser)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// searchable is the column that a search looks into. No part of it that a search could name spans the line.
func searchable(u *account.User) string {
	return strings.ToLower(u.Email) + "\n" + strings.ToLower(u.Name)
}

func (a accounts) Amend(ctx context.Context, m account.Amendment) (amended account.User, commit feed.Commit, err error) {
	err = a.s.write.do(ctx, func(t *tx) error {
		n, u, err := t.user(m.ID)
		if err != nil {
			return fmt.Errorf("amend user: %w", err)
		}
		if !m.Fits(u) {
			return account.ErrRaced
		}
		u = m.Of(u)
		u.Roles = slices.Clone(u.Roles)
		if err := t.putUser(u); err != nil {
			return fmt.Errorf("amend user: %w", err)
		}
		if m.DropCredentials {
			if err := t.dropCredentials(n); err != nil {
				return fmt.Errorf("amend user: %w", err)
			}
		}
		if m.EndSessions != "" {
			if _, err := t.endAll(updateEndedAll, m.ID, "", session.Reason(m.EndSessions), m.At); err != nil {
				return fmt.Errorf("amend user: %w", err)
			}
		}
		amended = u
		amended.Roles = slices.Clone(u.Roles)
		commit, err = t.finish(m.At, m.Announce, m.Audit...)
		return err
	})
	return amended, commit, err
}

const updateUser = `UPDATE users SET email = ?, email_key = ?, email_verified = ?, name = ?, search = ?, roles = ?,
	status = ?, revision = ?, theft_at = ? WHERE id = ?`

// putUser writes the user, who is there.
func (t *tx) putUser(u account.User) error {
	_, err := t.exec(updateUser, u.Email, account.NormalizeEmail(u.Email), u.EmailVerified, u.Name, searchable(&u),
		words(u.Roles), string(u.Status), int64(u.Revision), millis(u.TheftAt), string(u.ID))
	if taken(err) {
		return account.ErrEmailTaken
	}
	if err == nil {
		t.changes.putUser(u)
	}
	return err
}

const (
	deleteSessionsOfUser = `DELETE FROM sessions WHERE user = ? RETURNING id`
	deleteUser           = `DELETE FROM users WHERE n = ?`
)

func (a accounts) Delete(ctx context.Context, r account.Removal) (commit feed.Commit, err error) {
	err = a.s.write.do(ctx, func(t *tx) error {
		n, u, err := t.user(r.ID)
		if err != nil {
			return fmt.Errorf("delete user: %w", err)
		}
		gone, err := t.returning(deleteSessionsOfUser, n)
		if err != nil {
			return fmt.Errorf("delete user: %w", err)
		}
		for _, id := range gone {
			t.changes.dropSession(session.ID(id))
		}
		if _, err := t.exec(deleteUser, n); err != nil {
			return fmt.Errorf("delete user: %w", err)
		}
		t.changes.putUser(u) // nothing refers to them any more; a read under way must not link them again
		commit, err = t.finish(r.At, r.Announce, r.Audit...)
		return err
	})
	return commit, err
}
