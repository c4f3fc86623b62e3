package redis

import (
	"context"
	"fmt"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// Rotate decides on the row and swaps it. A revocation that commits between the look and the swap makes the session
// dead all the same, and what is minted from the view does not claim to know of it.
func (p sessions) Rotate(ctx context.Context, r session.Rotation) (session.View, error) {
	var w wait
	for {
		one, err := p.s.look(ctx, r.ID)
		if err != nil {
			return session.View{}, wrap("rotate", err)
		}
		if err := one.view.Alive(r.At); err != nil {
			return session.View{}, err
		}
		if err := one.row.rotate(r); err != nil {
			return session.View{}, err
		}
		// A renewal under way has decided upon this generation, and an end under way will not be turned back.
		if again, err := w.out(ctx, one.row.fence); err != nil {
			return session.View{}, fmt.Errorf("rotate: %w", err)
		} else if again {
			continue
		}
		one.row.fence = fence{}
		swapped, err := p.s.swap(ctx, one.row)
		if err != nil {
			return session.View{}, fmt.Errorf("rotate: %w", err)
		}
		if swapped {
			p.s.clock.saw(r.At)
			one.join()
			return one.view, nil
		}
	}
}

// Renew puts up a fence first, so that of many renewals one is announced, and no refresh comes in between.
func (p sessions) Renew(ctx context.Context, r session.Renewal) (session.View, feed.Commit, error) {
	one, err := p.s.fenceOff(ctx, r.ID, mayRenew(r))
	if err != nil {
		return session.View{}, feed.Commit{}, err
	}
	done, err := p.s.ledger.Conclude(ctx, session.Conclusion{
		User: one.row.User, Announce: []revocation.Event{revocation.AuthzEvent(string(one.row.User))},
		Audit: []audit.Entry{r.Audit}, At: r.At,
	})
	if err != nil {
		return session.View{}, feed.Commit{}, fmt.Errorf("announce the renewal: %w", err)
	}
	view, err := p.s.behind(ctx, one.row, func(n *row) { n.renew(r, done.Place) })
	return view, done.Commit, err
}

// mayRenew answers why the session may not be renewed, if it may not.
func mayRenew(r session.Renewal) func(*seen) error {
	return func(one *seen) error {
		if one.view.Alive(r.At) != nil {
			return session.ErrEnded
		}
		if !r.Fits(one.row.Session) {
			return session.ErrRaced
		}
		return nil
	}
}

// fenceOff puts a fence around a session that may be changed.
func (s *Store) fenceOff(ctx context.Context, id session.ID, may func(*seen) error) (*seen, error) {
	var w wait
	own := newFence(renewing)
	for {
		one, err := s.look(ctx, id)
		if err != nil {
			return nil, wrap("renew", err)
		}
		if one.row.fence.nonce == own.nonce {
			return one, nil // it stands, though its answer was lost
		}
		if err := may(one); err != nil {
			return nil, err
		}
		if again, err := w.out(ctx, one.row.fence); err != nil {
			return nil, fmt.Errorf("renew: %w", err)
		} else if again {
			continue
		}
		own.before = one.ground.Here()
		one.row.fence = own
		fenced, err := s.swap(ctx, one.row)
		if err != nil {
			return nil, fmt.Errorf("renew: %w", err)
		}
		if fenced {
			return one, nil
		}
	}
}

// behind changes the row behind the caller's own fence. session.ErrEnded if the session ended meanwhile,
// session.ErrRaced if the fence was broken.
func (s *Store) behind(ctx context.Context, own *row, change func(*row)) (session.View, error) {
	for {
		one, err := s.look(ctx, own.ID)
		if err != nil {
			return session.View{}, wrap("renew", err)
		}
		switch {
		case !one.row.EndedAt.IsZero() || one.row.fence.kind == ending:
			return session.View{}, session.ErrEnded
		case one.row.fence.nonce != own.fence.nonce:
			return session.View{}, session.ErrRaced
		}
		change(one.row)
		swapped, err := s.swap(ctx, one.row)
		if err != nil {
			return session.View{}, fmt.Errorf("renew: %w", err)
		}
		if swapped {
			one.join()
			return one.view, nil
		}
	}
}

// unfence takes the caller's own fence away again.
func (s *Store) unfence(ctx context.Context, own *row) error {
	for {
		now, err := s.row(ctx, revocation.Hash(string(own.ID)))
		if err != nil || now.row == nil || now.row.fence.nonce != own.fence.nonce {
			return err
		}
		now.row.fence = fence{}
		if swapped, err := s.swap(ctx, now.row); err != nil || swapped {
			return err
		}
	}
}
