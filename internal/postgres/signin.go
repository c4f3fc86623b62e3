package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

// SignIn answers the port to what only signing in needs.
func (s *Store) SignIn() signin.Store { return signIn{s} }

type signIn struct{ s *Store }

const registerUser = `WITH u AS (
		INSERT INTO users (id, email, email_key, email_verified, name, search, roles, status, created_at, revision, theft_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (email_key) DO NOTHING RETURNING n
	), p AS (INSERT INTO passwords (user_n, phc) SELECT n, $12::text FROM u WHERE $12 <> ''),
	r AS (SELECT tandem_record($13) FROM u)
	SELECT (SELECT count(*) FROM u), (SELECT count(*) FROM r)`

// Register takes one round trip.
func (p signIn) Register(ctx context.Context, r signin.Registration) error {
	u, phc := r.User, ""
	if !r.Password.Empty() {
		phc = r.Password.Reveal()
	}
	var registered, recorded int
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, registerUser, text(string(u.ID)), text(u.Email), text(account.NormalizeEmail(u.Email)),
			u.EmailVerified, text(u.Name), searchable(&u), words(u.Roles), string(u.Status), millis(u.CreatedAt),
			int64(u.Revision), millis(u.TheftAt), phc, records(r.Audit...)).Scan(&registered, &recorded)
	})
	if err != nil {
		return fmt.Errorf("register user %s: %w", u.ID, err)
	}
	if registered == 0 {
		return account.ErrEmailTaken
	}
	p.s.committed(u.CreatedAt, 0)
	return nil
}

const selectPassword = `SELECT p.phc, u.revision FROM users u JOIN passwords p ON p.user_n = u.n WHERE u.id = $1`

func scanPassword(row pgx.Row) (hash credential.PHC, revision uint64, err error) {
	var phc string
	var r int64
	err = row.Scan(&phc, &r)
	if errors.Is(err, pgx.ErrNoRows) {
		return credential.PHC{}, 0, account.ErrNotFound
	}
	if err == nil {
		hash, err = credential.ParsePHC(phc)
	}
	return hash, uint64(r), err
}

func (p signIn) Password(ctx context.Context, id account.ID) (hash credential.PHC, revision uint64, err error) {
	if !keepable(string(id)) {
		return credential.PHC{}, 0, account.ErrNotFound
	}
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		hash, revision, err = scanPassword(c.QueryRow(ctx, selectPassword, string(id)))
		return err
	})
	if err != nil {
		return credential.PHC{}, 0, fmt.Errorf("find password of user: %w", err)
	}
	return hash, revision, nil
}

const (
	upsertPassword = `INSERT INTO passwords (user_n, phc) VALUES ($1, $2) ON CONFLICT (user_n) DO UPDATE SET phc = $2`
	deletePassword = `DELETE FROM passwords WHERE user_n = $1`
	raiseRevision  = `UPDATE users SET revision = revision + 1 WHERE n = $1`
)

func (t *tx) setPassword(user int64, hash credential.PHC) {
	if hash.Empty() {
		t.queue(deletePassword, user)
		return
	}
	t.queue(upsertPassword, user, hash.Reveal())
}

// SetPassword announces a subject event even if it was given none: sessions that are kept elsewhere end by their
// position alone, so the log has to move.
func (p signIn) SetPassword(ctx context.Context, n signin.NewPassword) (view session.View, commit feed.Commit, err error) {
	events := n.Announce
	if len(events) == 0 {
		events = []revocation.Event{revocation.SubjectEvent(string(n.User))}
	}
	err = p.s.transact(ctx, func(t *tx) error {
		view = session.View{}
		user, err := t.still(n.User, n.Was)
		if err != nil {
			return err
		}
		kept, err := t.keeps(n)
		if err != nil {
			return err
		}
		if _, err := t.endAll(user, kept.Session.ID, string(session.PasswordChanged), millis(n.At)); err != nil {
			return err
		}
		t.setPassword(user, n.To)
		t.queue(raiseRevision, user)
		reached := &place{}
		if kept.Session.ID == "" {
			t.queue(selectAppend, appending(n.At, events, n.Audit...)...).QueryRow(reached.scan)
		} else {
			entries := append([]audit.Entry{n.Keep.Audit}, n.Audit...)
			reached = t.replace(*n.Keep, n.At, events, &view, true, entries...)
		}
		t.queue(endUser, user, millis(n.At), string(session.PasswordChanged))
		if err := t.commit(); err != nil {
			return err
		}
		commit = reached.commit(n.At)
		return nil
	})
	if err != nil {
		return session.View{}, feed.Commit{}, fmt.Errorf("set password: %w", err)
	}
	p.s.committed(n.At, len(events))
	return view, commit, nil
}

// keeps checks the conditions and finds the session that survives the new password; the zero view if none is to.
func (t *tx) keeps(n signin.NewPassword) (session.View, error) {
	if n.Reset {
		return session.View{}, nil
	}
	var now credential.PHC
	err := t.first(func(row pgx.Row) (err error) {
		if now, _, err = scanPassword(row); errors.Is(err, account.ErrNotFound) {
			err = nil
		}
		return err
	}, selectPassword, string(n.User))
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

const rehashPassword = `UPDATE passwords SET phc = $3 WHERE user_n = (SELECT n FROM users WHERE id = $1) AND phc = $2`

func (p signIn) Rehash(ctx context.Context, id account.ID, from, to credential.PHC) error {
	if from.Empty() || to.Empty() || !keepable(string(id)) {
		return ctx.Err()
	}
	err := p.s.call(ctx, writing, func(ctx context.Context, c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, rehashPassword, string(id), from.Reveal(), to.Reveal())
		return err
	})
	if err != nil {
		return fmt.Errorf("rehash password: %w", err)
	}
	return nil
}

const selectKnownAddress = `SELECT EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.n = s.user_n
		WHERE u.id = $1 AND s.ip = $2)
	OR EXISTS (SELECT 1 FROM addresses d JOIN users u ON u.n = d.user_n WHERE u.id = $1 AND d.ip = $2)`

// KnownAddress knows as many addresses as there are sessions left, dead or alive: Sweep forgets them with the session.
// Of sessions that are kept in another store it knows those that Admit has noted.
func (p signIn) KnownAddress(ctx context.Context, id account.ID, ip string) (known bool, err error) {
	if ip == "" || !keepable(string(id)) || !keepable(ip) {
		return false, ctx.Err()
	}
	err = p.s.call(ctx, reading, func(ctx context.Context, c *pgxpool.Conn) error {
		return c.QueryRow(ctx, selectKnownAddress, string(id), ip).Scan(&known)
	})
	if err != nil {
		return false, fmt.Errorf("look for a known address: %w", err)
	}
	return known, nil
}
