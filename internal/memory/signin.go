package memory

import (
	"context"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// SignIn answers the port to what only signing in needs.
func (s *Store) SignIn() signin.Store { return signIn{s} }

type signIn struct{ s *Store }

func (p signIn) Register(ctx context.Context, r signin.Registration) error {
	return p.s.do(ctx, "signin.Register", func() error {
		email := account.NormalizeEmail(r.User.Email)
		if _, taken := p.s.emails[email]; taken {
			return account.ErrEmailTaken
		}
		if _, ok := p.s.users[r.User.ID]; ok {
			return fmt.Errorf("user %s exists already", r.User.ID)
		}
		p.s.users[r.User.ID] = &user{account: cloneUser(r.User), password: r.Password, addresses: map[string]bool{}}
		p.s.emails[email] = r.User.ID
		p.s.finish(r.User.CreatedAt, nil, r.Audit...)
		return nil
	})
}

func (p signIn) Password(ctx context.Context, id account.ID) (hash credential.PHC, revision uint64, err error) {
	err = p.s.do(ctx, "signin.Password", func() error {
		u, ok := p.s.users[id]
		if !ok || u.password.Empty() {
			return account.ErrNotFound
		}
		hash, revision = u.password, u.account.Revision
		return nil
	})
	return hash, revision, err
}

func (p signIn) SetPassword(ctx context.Context, n signin.NewPassword) (view session.View, commit feed.Commit, err error) {
	err = p.s.do(ctx, "signin.SetPassword", func() error {
		u, ok := p.s.users[n.User]
		if !ok {
			return account.ErrNotFound
		}
		if err := u.account.Still(n.Was); err != nil {
			return err
		}
		if !n.Reset && u.password != n.From {
			return session.ErrRaced
		}
		kept, err := p.s.keeps(n)
		if err != nil {
			return err
		}
		u.password = n.To
		u.account.Revision++
		for _, row := range p.s.ofUser[n.User] {
			if row != kept {
				p.s.end(row, session.PasswordChanged, n.At)
			}
		}
		entries := n.Audit
		if kept != nil && n.Keep.Audit.ID != "" {
			entries = append([]audit.Entry{n.Keep.Audit}, entries...)
		}
		commit = p.s.finishAll(u, ending{at: n.At, reason: session.PasswordChanged}, n.Announce, entries...)
		if kept != nil {
			renew(kept, *n.Keep, n.At, commit.Position)
			view = p.s.view(kept)
		}
		return nil
	})
	return view, commit, err
}

// keeps finds the session that survives the new password; nil if none is to.
func (s *Store) keeps(n signin.NewPassword) (*session.Session, error) {
	if n.Keep == nil || n.Reset {
		return nil, nil
	}
	row, err := s.renewable(*n.Keep, n.At)
	if err != nil {
		return nil, err
	}
	if row.User != n.User {
		return nil, session.ErrNotFound
	}
	return row, nil
}

func (p signIn) Rehash(ctx context.Context, id account.ID, from, to credential.PHC) error {
	return p.s.do(ctx, "signin.Rehash", func() error {
		if u, ok := p.s.users[id]; ok && !u.password.Empty() && u.password == from {
			u.password = to
		}
		return nil
	})
}

func (p signIn) KnownAddress(ctx context.Context, id account.ID, ip string) (known bool, err error) {
	err = p.s.do(ctx, "signin.KnownAddress", func() error {
		if u, ok := p.s.users[id]; ok {
			known = u.addresses[ip]
		}
		return nil
	})
	return known, err
}
