package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// Attempts answers the port to attempts.
func (s *Store) Attempts() signin.Attempts { return attempts{s} }

type attempts struct{ s *Store }

func (p attempts) Begin(ctx context.Context, a signin.Attempt) error {
	return p.s.do(ctx, "attempt.Begin", func() error {
		if _, ok := p.s.attempts[a.ID]; ok {
			return fmt.Errorf("attempt %s exists already", a.ID)
		}
		p.s.attempts[a.ID] = cloneAttempt(a)
		return nil
	})
}

func (p attempts) Find(ctx context.Context, id string, now time.Time) (found signin.Attempt, err error) {
	err = p.s.do(ctx, "attempt.Find", func() error {
		a, ok := p.s.attempts[id]
		if !ok || !now.Before(a.ExpiresAt) {
			return signin.ErrNoAttempt
		}
		found = cloneAttempt(a)
		return nil
	})
	return found, err
}

func (p attempts) Advance(ctx context.Context, a signin.Attempt) error {
	return p.s.do(ctx, "attempt.Advance", func() error {
		stored, ok := p.s.attempts[a.ID]
		if !ok {
			return signin.ErrNoAttempt
		}
		if stored.Version != a.Version {
			return session.ErrRaced
		}
		if a.Tries == 0 {
			stored.Tries = 0
		}
		stored.State, stored.ExpiresAt, stored.Version = slices.Clone(a.State), a.ExpiresAt, stored.Version+1
		p.s.attempts[a.ID] = stored
		return nil
	})
}

func (p attempts) Try(ctx context.Context, id string, limit int) error {
	return p.s.do(ctx, "attempt.Try", func() error {
		a, ok := p.s.attempts[id]
		if !ok {
			return signin.ErrNoAttempt
		}
		if a.Tries >= limit {
			return signin.ErrTooManyTries
		}
		a.Tries++
		p.s.attempts[id] = a
		return nil
	})
}

func (p attempts) Finish(ctx context.Context, id string) error {
	return p.s.do(ctx, "attempt.Finish", func() error {
		if _, ok := p.s.attempts[id]; !ok {
			return signin.ErrNoAttempt
		}
		delete(p.s.attempts, id)
		return nil
	})
}

func (p attempts) Sweep(ctx context.Context, before time.Time, limit int) (swept int, err error) {
	err = p.s.do(ctx, "attempt.Sweep", func() error {
		var dead []signin.Attempt
		for _, a := range p.s.attempts {
			if a.ExpiresAt.Before(before) {
				dead = append(dead, a)
			}
		}
		slices.SortFunc(dead, func(a, b signin.Attempt) int {
			return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), cmp.Compare(a.ID, b.ID))
		})
		for _, a := range dead[:min(max(limit, 0), len(dead))] {
			delete(p.s.attempts, a.ID)
			swept++
		}
		return nil
	})
	return swept, err
}

func cloneAttempt(a signin.Attempt) signin.Attempt {
	a.State = slices.Clone(a.State)
	return a
}
