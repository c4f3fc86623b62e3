package memory

import (
	"context"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// Connections answers the port to connected accounts.
func (s *Store) Connections() credential.Connections { return connections{s} }

type connections struct{ s *Store }

func (p connections) Find(ctx context.Context, provider, subject string) (found credential.Connection, err error) {
	err = p.s.do(ctx, "connection.Find", func() error {
		c, ok := p.s.connection(provider, subject)
		if !ok {
			return credential.ErrConnectionNotFound
		}
		found = c
		return nil
	})
	return found, err
}

func (p connections) Of(ctx context.Context, id account.ID) (found []credential.Connection, err error) {
	err = p.s.do(ctx, "connection.Of", func() error {
		found = sorted(p.s.connections, func(c credential.Connection) bool { return c.User == id },
			func(c credential.Connection) string { return c.ID })
		return nil
	})
	return found, err
}

func (p connections) Connect(ctx context.Context, c credential.Connection, was *account.User, entry audit.Entry) error {
	return p.s.do(ctx, "connection.Connect", func() error {
		u, ok := p.s.users[c.User]
		if !ok {
			return account.ErrNotFound
		}
		if err := u.account.Still(was); err != nil {
			return err
		}
		if _, taken := p.s.connection(c.Provider, c.Subject); taken {
			return credential.ErrConnectionTaken
		}
		if _, ok := p.s.connections[c.ID]; ok {
			return fmt.Errorf("connection %s exists already", c.ID)
		}
		p.s.connections[c.ID] = c
		p.s.raise(u, entry)
		return nil
	})
}

func (p connections) Use(ctx context.Context, c credential.Connection) error {
	return p.s.do(ctx, "connection.Use", func() error {
		stored, ok := p.s.connections[c.ID]
		if !ok {
			return credential.ErrConnectionNotFound
		}
		stored.Email, stored.UsedAt = c.Email, c.UsedAt
		p.s.connections[c.ID] = stored
		p.s.seen(c.UsedAt)
		return nil
	})
}

func (p connections) Disconnect(ctx context.Context, id account.ID, connection string, was *account.User, entry audit.Entry) error {
	return p.s.do(ctx, "connection.Disconnect", func() error {
		c, ok := p.s.connections[connection]
		if !ok || c.User != id {
			return credential.ErrConnectionNotFound
		}
		if err := p.s.users[id].account.Still(was); err != nil {
			return err
		}
		delete(p.s.connections, connection)
		p.s.raise(p.s.users[id], entry)
		return nil
	})
}

// connection looks up by what the provider calls it.
func (s *Store) connection(provider, subject string) (credential.Connection, bool) {
	for _, c := range s.connections {
		if c.Provider == provider && c.Subject == subject {
			return c, true
		}
	}
	return credential.Connection{}, false
}
