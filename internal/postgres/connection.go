package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// Connections answers the port to connected accounts.
func (s *Store) Connections() credential.Connections { return connections{s} }

type connections struct{ s *Store }

const (
	selectConnections = `SELECT c.id, u.id, c.provider, c.subject, c.email, c.created_at, c.used_at
		FROM connections c JOIN users u ON u.n = c.user_n WHERE `
	selectConnection    = selectConnections + `c.provider = $1 AND c.subject = $2`
	selectConnectionsOf = selectConnections + `c.user_n = (SELECT n FROM users WHERE id = $1) ORDER BY c.id`
)

func scanConnection(row pgx.CollectableRow) (c credential.Connection, err error) {
	var created, used int64
	err = row.Scan(&c.ID, &c.User, &c.Provider, &c.Subject, &c.Email, &created, &used)
	c.CreatedAt, c.UsedAt = instant(created), instant(used)
	return c, err
}

func (p connections) Find(ctx context.Context, provider, subject string) (credential.Connection, error) {
	if !keepable(provider) || !keepable(subject) {
		return credential.Connection{}, credential.ErrConnectionNotFound
	}
	c, err := one(ctx, p.s, credential.ErrConnectionNotFound, scanConnection, selectConnection, provider, subject)
	if err != nil {
		return credential.Connection{}, fmt.Errorf("find connected account: %w", err)
	}
	return c, nil
}

func (p connections) Of(ctx context.Context, user account.ID) ([]credential.Connection, error) {
	all, err := collect(ctx, p.s, scanConnection, selectConnectionsOf, text(string(user)))
	if err != nil {
		return nil, fmt.Errorf("list connected accounts: %w", err)
	}
	return all, nil
}

const insertConnection = `INSERT INTO connections (id, user_n, provider, subject, email, created_at, used_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7)`

// errUnkeepable: two subjects could become one if they were made fit.
var errUnkeepable = errors.New("PostgreSQL cannot keep the name of this account")

func (p connections) Connect(ctx context.Context, c credential.Connection, was *account.User, entry audit.Entry) error {
	if !keepable(c.Provider) || !keepable(c.Subject) {
		return fmt.Errorf("connect account: %w", errUnkeepable)
	}
	err := p.s.transact(ctx, func(t *tx) error {
		n, err := t.still(c.User, was)
		if err != nil {
			return err
		}
		t.queue(insertConnection, c.ID, n, c.Provider, c.Subject, text(c.Email), millis(c.CreatedAt), millis(c.UsedAt))
		return t.raise(n, entry)
	})
	if key, taken := unique(err); taken && key == "connections_provider_subject_key" {
		err = credential.ErrConnectionTaken
	}
	if err != nil {
		return fmt.Errorf("connect account: %w", err)
	}
	p.s.committed(entry.At, 0)
	return nil
}

const useConnection = `WITH c AS (UPDATE connections SET email = $2, used_at = $3 WHERE id = $1 RETURNING id)
	SELECT count(*), 0 FROM c`

func (p connections) Use(ctx context.Context, c credential.Connection) error {
	err := p.s.swapped(ctx, "note the use of a connected account", credential.ErrConnectionNotFound, nil, useConnection,
		text(c.ID), text(c.Email), millis(c.UsedAt))
	if err == nil {
		p.s.committed(c.UsedAt, 0)
	}
	return err
}

const deleteConnection = `DELETE FROM connections WHERE id = $1 AND user_n = $2 RETURNING id`

func (p connections) Disconnect(ctx context.Context, user account.ID, connection string, was *account.User, entry audit.Entry) error {
	err := p.s.transact(ctx, func(t *tx) error {
		n, u, err := t.user(user)
		if err != nil {
			return otherwise(err, account.ErrNotFound, credential.ErrConnectionNotFound)
		}
		if err := t.first(discard, deleteConnection, text(connection), n); err != nil {
			return otherwise(err, pgx.ErrNoRows, credential.ErrConnectionNotFound)
		}
		if err := u.Still(was); err != nil {
			return err
		}
		return t.raise(n, entry)
	})
	if err != nil {
		return fmt.Errorf("disconnect account: %w", err)
	}
	p.s.committed(entry.At, 0)
	return nil
}
