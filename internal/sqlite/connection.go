package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// Connections answers the port to connected accounts.
func (s *Store) Connections() credential.Connections { return connections{s} }

type connections struct{ s *Store }

const (
	selectConnections = `SELECT c.id, u.id, c.provider, c.subject, c.email, c.created_at, c.used_at
		FROM connections c JOIN users u ON u.n = c.user WHERE `
	selectConnection    = selectConnections + `c.provider = ? AND c.subject = ?`
	selectConnectionsOf = selectConnections + `c.user = (SELECT n FROM users WHERE id = ?) ORDER BY c.id`
)

func scanConnection(row scanner) (c credential.Connection, err error) {
	var created, used int64
	err = row.Scan(&c.ID, &c.User, &c.Provider, &c.Subject, &c.Email, &created, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return credential.Connection{}, credential.ErrConnectionNotFound
	}
	c.CreatedAt, c.UsedAt = instant(created), instant(used)
	return c, err
}

func (p connections) Find(ctx context.Context, provider, subject string) (credential.Connection, error) {
	if p.s.closed.Load() {
		return credential.Connection{}, ErrClosed
	}
	c, err := scanConnection(p.s.read.row(ctx, selectConnection, provider, subject))
	if err != nil && !errors.Is(err, credential.ErrConnectionNotFound) {
		err = fmt.Errorf("find connected account: %w", err)
	}
	return c, err
}

func (p connections) Of(ctx context.Context, user account.ID) ([]credential.Connection, error) {
	if p.s.closed.Load() {
		return nil, ErrClosed
	}
	rows, err := p.s.read.rows(ctx, selectConnectionsOf, string(user))
	all, err := collect(rows, err, scanConnection)
	if err != nil {
		return nil, fmt.Errorf("list connected accounts: %w", err)
	}
	return all, nil
}

const insertConnection = `INSERT INTO connections (id, user, provider, subject, email, created_at, used_at)
	VALUES (?, ?, ?, ?, ?, ?, ?)`

func (p connections) Connect(ctx context.Context, c credential.Connection, was *account.User, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		n, u, err := t.still(c.User, was)
		if err == nil {
			err = t.connectable(c)
		}
		if err == nil {
			_, err = t.exec(insertConnection, c.ID, n, c.Provider, c.Subject, c.Email, millis(c.CreatedAt), millis(c.UsedAt))
		}
		if err == nil {
			err = t.raise(u, entry)
		}
		if err != nil {
			return fmt.Errorf("connect account: %w", err)
		}
		return nil
	})
}

// connectable answers ErrConnectionTaken if somebody has connected the account.
func (t *tx) connectable(c credential.Connection) error {
	_, err := scanConnection(t.row(selectConnection, c.Provider, c.Subject))
	switch {
	case errors.Is(err, credential.ErrConnectionNotFound):
		return nil
	case err == nil:
		return credential.ErrConnectionTaken
	}
	return err
}

const updateConnection = `UPDATE connections SET email = ?, used_at = ? WHERE id = ?`

func (p connections) Use(ctx context.Context, c credential.Connection) error {
	return p.s.write.do(ctx, func(t *tx) error {
		n, err := t.exec(updateConnection, c.Email, millis(c.UsedAt), c.ID)
		if err == nil && n == 0 {
			err = credential.ErrConnectionNotFound
		}
		if err != nil {
			return fmt.Errorf("note the use of a connected account: %w", err)
		}
		t.seen(c.UsedAt)
		return nil
	})
}

const (
	selectConnectionOf = `SELECT 1 FROM connections WHERE id = ? AND user = ?`
	deleteConnection   = `DELETE FROM connections WHERE id = ?`
)

func (p connections) Disconnect(ctx context.Context, user account.ID, connection string, was *account.User, entry audit.Entry) error {
	return p.s.write.do(ctx, func(t *tx) error {
		n, u, err := t.user(user)
		if err == nil {
			err = t.row(selectConnectionOf, connection, n).Scan(new(int))
		}
		if errors.Is(err, account.ErrNotFound) || errors.Is(err, sql.ErrNoRows) {
			return credential.ErrConnectionNotFound
		}
		if err == nil {
			err = u.Still(was)
		}
		if err == nil {
			_, err = t.exec(deleteConnection, connection)
		}
		if err == nil {
			err = t.raise(u, entry)
		}
		if err != nil {
			return fmt.Errorf("disconnect account: %w", err)
		}
		return nil
	})
}
