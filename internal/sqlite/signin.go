package sqlite

import (
	"context"
	"database/sql"
	"errors"
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

const insertUser = `INSERT INTO users (id, email, email_key, email_verified, name, search, roles, status, created_at,
	revision, theft_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING n`

func (p signIn) Register(ctx context.Context, r signin.Registration) error {
	return p.s.write.do(ctx, func(t *tx) error {
		u := r.User
		var n int64
		err := t.row(`SELECT 1 FROM users WHERE email_key = ?`, account.NormalizeEmail(u.Email)).Scan(&n)
		if err == nil {
			return account.ErrEmailTaken
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("register user: %w", err)
		}
		if err := t.change(); err != nil {
			return fmt.Errorf("register user: %w", err)
		}
		err = t.row(insertUser, string(u.ID), u.Email, account.NormalizeEmail(u.Email), u.EmailVerified, u.Name,
			searchable(&u), words(u.Roles), string(u.Status), millis(u.CreatedAt), int64(u.Revision),
			millis(u.TheftAt)).Scan(&n)
		if err == nil {
			err = t.setPassword(n, r.Password)
		}
		if err == nil {
			_, err = t.finish(u.CreatedAt, nil, r.Audit...)
		}
		if err != nil {
			return fmt.Errorf("register user %s: %w", u.ID, err)
		}
		return nil
	})
}

const selectPassword = `SELECT p.phc, u.revision FROM users u JOIN passwords p ON p.user = u.n WHERE u.id = ?`

func scanPassword(row scanner) (hash credential.PHC, revision uint64, err error) {
	var text string
	err = row.Scan(&text, &revision)
	if errors.Is(err, sql.ErrNoRows) {
		return credential.PHC{}, 0, account.ErrNotFound
	}
	if err == nil {
		hash, err = credential.ParsePHC(text)
	}
	return hash, revision, err
}

func (p signIn) Password(ctx context.Context, id account.ID) (credential.PHC, uint64, error) {
	if p.s.closed.Load() {
		return credential.PHC{}, 0, ErrClosed
	}
	hash, revision, err := scanPassword(p.s.read.row(ctx, selectPassword, string(id)))
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		err = fmt.Errorf("find password of user %s: %w", id, err)
	}
	return hash, revision, err
}

// password reads the hash of a user who is there; the zero hash if they have none.
func (t *tx) password(id account.ID) (credential.PHC, error) {
	hash, _, err := scanPassword(t.row(selectPassword, string(id)))
	if errors.Is(err, account.ErrNotFound) {
		return credential.PHC{}, nil
	}
	return hash, err
}

func (t *tx) setPassword(user int64, hash credential.PHC) error {
	if hash.Empty() {
		_, err := t.exec(`DELETE FROM passwords WHERE user = ?`, user)
		return err
	}
	_, err := t.exec(`INSERT OR REPLACE INTO passwords (user, phc) VALUES (?, ?)`, user, hash.Reveal())
	return err
}

func (p signIn) SetPassword(ctx context.Context, n signin.NewPassword) (view session.View, commit feed.Commit, err error) {
	err = p.s.write.do(ctx, func(t *tx) error {
		number, u, err := t.still(n.User, n.Was)
		if err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		kept, err := t.keeps(n)
		if err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		u.Revision++
		if err := errors.Join(t.setPassword(number, n.To), t.putUser(u)); err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		if _, err := t.endAll(updateEndedAll, n.User, kept.Session.ID, session.PasswordChanged, n.At); err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		entries := n.Audit
		if kept.Session.ID != "" {
			entries = append([]audit.Entry{n.Keep.Audit}, entries...)
		}
		if commit, err = t.finish(n.At, n.Announce, entries...); err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		if kept.Session.ID != "" {
			kept.User = u
			view, err = t.renew(kept, *n.Keep, n.At)
		}
		return err
	})
	return view, commit, err
}

// keeps checks the conditions and finds the session that survives the new password; the zero view if none is to.
func (t *tx) keeps(n signin.NewPassword) (session.View, error) {
	if n.Reset {
		return session.View{}, nil
	}
	now, err := t.password(n.User)
	if err != nil {
		return session.View{}, err
	}
	if now != n.From {
		return session.View{}, session.ErrRaced
	}
	if n.Keep == nil {
		return session.View{}, nil
	}
	view, err := t.renewable(*n.Keep, n.At)
	if err == nil && view.Session.User != n.User {
		err = session.ErrNotFound
	}
	if err != nil {
		return session.View{}, err
	}
	return view, nil
}

func (p signIn) Rehash(ctx context.Context, id account.ID, from, to credential.PHC) error {
	return p.s.write.do(ctx, func(t *tx) error {
		number, _, err := t.user(id)
		if errors.Is(err, account.ErrNotFound) {
			return nil
		}
		now := credential.PHC{}
		if err == nil {
			now, err = t.password(id)
		}
		if err == nil && !now.Empty() && now == from {
			err = t.setPassword(number, to)
		}
		if err != nil {
			return fmt.Errorf("rehash password: %w", err)
		}
		return nil
	})
}

const selectKnownAddress = `SELECT EXISTS (SELECT 1 FROM sessions WHERE user = (SELECT n FROM users WHERE id = ?) AND ip = ?)`

// KnownAddress knows as many addresses as there are sessions left, dead or alive: Sweep forgets them with the session.
func (p signIn) KnownAddress(ctx context.Context, id account.ID, ip string) (known bool, err error) {
	if p.s.closed.Load() {
		return false, ErrClosed
	}
	if ip == "" {
		return false, ctx.Err()
	}
	if err := p.s.read.row(ctx, selectKnownAddress, string(id), ip).Scan(&known); err != nil {
		return false, fmt.Errorf("look for a known address: %w", err)
	}
	return known, nil
}
