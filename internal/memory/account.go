package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
)

// Accounts answers the port to users.
func (s *Store) Accounts() account.Store { return accounts{s} }

type accounts struct{ s *Store }

func (a accounts) ByID(ctx context.Context, id account.ID) (found account.User, err error) {
	err = a.s.do(ctx, "account.ByID", func() error {
		u, ok := a.s.users[id]
		if !ok {
			return account.ErrNotFound
		}
		found = cloneUser(u.account)
		return nil
	})
	return found, err
}

func (a accounts) ByEmail(ctx context.Context, email string) (found account.User, err error) {
	err = a.s.do(ctx, "account.ByEmail", func() error {
		id, ok := a.s.emails[account.NormalizeEmail(email)]
		if !ok {
			return account.ErrNotFound
		}
		found = cloneUser(a.s.users[id].account)
		return nil
	})
	return found, err
}

func (a accounts) List(ctx context.Context, q account.Query) (found []account.User, err error) {
	part := strings.ToLower(q.Search)
	err = a.s.do(ctx, "account.List", func() error {
		for _, u := range a.s.users {
			matches := strings.Contains(strings.ToLower(u.account.Email), part) ||
				strings.Contains(strings.ToLower(u.account.Name), part)
			if matches && u.account.ID > q.After {
				found = append(found, cloneUser(u.account))
			}
		}
		slices.SortFunc(found, func(a, b account.User) int { return cmp.Compare(a.ID, b.ID) })
		found = first(found, q.Limit)
		return nil
	})
	return found, err
}

func (a accounts) Amend(ctx context.Context, m account.Amendment) (amended account.User, commit feed.Commit, err error) {
	err = a.s.do(ctx, "account.Amend", func() error {
		u, ok := a.s.users[m.ID]
		if !ok {
			return account.ErrNotFound
		}
		if !m.Fits(u.account) {
			return account.ErrRaced
		}
		if m.Email != nil {
			if owner, taken := a.s.emails[account.NormalizeEmail(*m.Email)]; taken && owner != m.ID {
				return account.ErrEmailTaken
			}
		}
		a.s.amend(u, m)
		if m.EndSessions != "" {
			for _, row := range a.s.ofUser[m.ID] {
				a.s.end(row, session.Reason(m.EndSessions), m.At)
			}
		}
		amended = cloneUser(u.account)
		if m.EndSessions == "" {
			commit = a.s.finish(m.At, m.Announce, m.Audit...)
		} else {
			commit = a.s.finishAll(u, ending{at: m.At, reason: session.Reason(m.EndSessions)}, m.Announce, m.Audit...)
		}
		return nil
	})
	return amended, commit, err
}

func (s *Store) amend(u *user, m account.Amendment) {
	if m.Email != nil {
		delete(s.emails, account.NormalizeEmail(u.account.Email))
		s.emails[account.NormalizeEmail(*m.Email)] = m.ID
	}
	if m.DropCredentials {
		s.forget(u)
	}
	u.account = cloneUser(m.Of(u.account))
}

func (a accounts) Delete(ctx context.Context, r account.Removal) (commit feed.Commit, err error) {
	err = a.s.do(ctx, "account.Delete", func() error {
		u, ok := a.s.users[r.ID]
		if !ok {
			return account.ErrNotFound
		}
		for _, row := range a.s.ofUser[r.ID] {
			a.s.drop(row)
		}
		a.s.forget(u)
		delete(a.s.emails, account.NormalizeEmail(u.account.Email))
		delete(a.s.users, r.ID)
		commit = a.s.finish(r.At, r.Announce, r.Audit...)
		return nil
	})
	return commit, err
}

func cloneUser(u account.User) account.User {
	u.Roles = slices.Clone(u.Roles)
	return u
}
