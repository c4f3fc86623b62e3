package redis

import (
	"context"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// SignIn answers the port to what only signing in needs: that of the SQL store, but for the session that a new password
// keeps.
func (s *Store) SignIn() signin.Store { return signIn{s.base.SignIn, s} }

type signIn struct {
	signin.Store
	s *Store
}

// SetPassword has the SQL store end every session of the user in its commit and then lifts the kept one over it, behind
// a fence, so that nothing comes in between. Should this node die before that, the user signs in anew, with the new
// password.
func (p signIn) SetPassword(ctx context.Context, n signin.NewPassword) (session.View, feed.Commit, error) {
	if n.Keep == nil || n.Reset {
		n.Keep = nil
		return p.Store.SetPassword(ctx, n)
	}
	keep := *n.Keep
	kept, err := p.s.look(ctx, keep.ID)
	if err == nil && kept.row.User != n.User {
		err = session.ErrNotFound
	}
	if err != nil {
		return session.View{}, feed.Commit{}, wrap("set password", err)
	}
	if kept, err = p.s.fenceOff(ctx, keep.ID, mayRenew(keep)); err != nil {
		return session.View{}, feed.Commit{}, err
	}
	return p.keeping(ctx, n, keep, kept)
}

func (p signIn) keeping(ctx context.Context, n signin.NewPassword, keep session.Renewal, kept *seen) (session.View, feed.Commit, error) {
	n.Keep = nil
	if keep.Audit.ID != "" {
		n.Audit = append(n.Audit[:len(n.Audit):len(n.Audit)], keep.Audit)
	}
	_, commit, err := p.Store.SetPassword(ctx, n)
	if err != nil {
		return session.View{}, commit, errors.Join(err, p.s.unfence(ctx, kept.row))
	}
	ground, err := p.s.ledger.Standing(ctx, nil)
	if err != nil {
		return session.View{}, commit, fmt.Errorf("set password: %w", err)
	}
	// If a new epoch has begun meanwhile, it is not known in which of the two the commit was: the session stays below it.
	place := session.Place{Epoch: ground.Head.Epoch, Ordinal: ground.Base}
	if kept.ground.Head.Epoch == ground.Head.Epoch {
		place.Ordinal += commit.Position
	}
	view, err := p.s.behind(ctx, kept.row, func(r *row) {
		r.renew(keep, place)
		r.started = place // above what has ended the user's other sessions
	})
	if errors.Is(err, session.ErrRaced) {
		err = session.ErrEnded // the password is set, and this session did not outlive it
	}
	return view, commit, err
}
