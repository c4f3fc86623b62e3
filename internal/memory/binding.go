package memory

import (
	"context"
	"slices"

	"tandem.example/tandem/internal/session"
)

// Bindings answers the port to what binds sessions to devices.
func (s *Store) Bindings() session.Bindings { return bindings{s} }

type bindings struct{ s *Store }

func (p bindings) Bind(ctx context.Context, b session.Binding) (view session.View, err error) {
	err = p.s.do(ctx, "session.Bind", func() error {
		row, ok := p.s.sessions[b.ID]
		if !ok {
			return session.ErrNotFound
		}
		if err := p.s.view(row).Alive(b.At); err != nil {
			return err
		}
		write, err := b.Decide(*row)
		if err != nil {
			return err
		}
		if write {
			row.Bound = session.Bound{Key: slices.Clone(b.Key), At: b.At}
			p.s.finish(b.At, nil, b.Audit)
		}
		view = p.s.view(row)
		return nil
	})
	return view, err
}
