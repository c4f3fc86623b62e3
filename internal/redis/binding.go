package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
)

// Bindings answers the port to what binds sessions to devices.
func (s *Store) Bindings() session.Bindings { return bindings{s} }

type bindings struct{ s *Store }

// errBoundAlready leaves the fence out: there is nothing to write.
var errBoundAlready = errors.New("session is bound to this device already")

// Bind puts up a fence first, so that of several keys one is recorded in the trail.
func (p bindings) Bind(ctx context.Context, b session.Binding) (session.View, error) {
	one, err := p.s.fenceOff(ctx, b.ID, func(one *seen) error {
		if err := one.view.Alive(b.At); err != nil {
			return err
		}
		write, err := b.Decide(one.row.Session)
		if err == nil && !write {
			return errBoundAlready
		}
		return err
	})
	if errors.Is(err, errBoundAlready) {
		one, err = p.s.look(ctx, b.ID)
		if err != nil {
			return session.View{}, wrap("bind session", err)
		}
		return one.view, nil
	}
	if err != nil {
		return session.View{}, err
	}
	if _, err := p.s.ledger.Conclude(ctx, session.Conclusion{User: one.row.User, Audit: []audit.Entry{b.Audit}, At: b.At}); err != nil {
		return session.View{}, errors.Join(fmt.Errorf("bind session: %w", err), p.s.unfence(ctx, one.row))
	}
	return p.s.behind(ctx, one.row, func(r *row) {
		r.Bound, r.fence = session.Bound{Key: slices.Clone(b.Key), At: time.UnixMilli(millis(b.At)).UTC()}, fence{}
	})
}
