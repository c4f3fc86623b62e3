package signin

import (
	"context"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

// claim gives an account whose address nobody had verified to whoever has just proven to read it, from outside of any
// session of the account. It may have been registered by somebody else, who waits for the owner to use it. So all that
// was set up before is gone, and all sessions with it, in the commit that verifies the address. Error: session.ErrRaced.
func (s *Service) claim(ctx context.Context, user account.User, c Client) (account.User, error) {
	now, verified := s.Now(), true
	claimed, _, err := s.Accounts.Amend(ctx, account.Amendment{
		ID: user.ID, Was: &user, EmailVerified: &verified, DropCredentials: true, EndSessions: string(session.AccountClaimed),
		Announce: []revocation.Event{revocation.SubjectEvent(string(user.ID))},
		Audit:    []audit.Entry{s.entry(audit.AccountClaimed, c, user.ID, now)}, At: now,
	})
	if err != nil {
		return user, fmt.Errorf("claim account: %w", raced(err))
	}
	s.tell(ctx, mail.Claimed(s.occasion(user.Email, c, now), language.For(c.Languages)))
	return claimed, nil
}

// verified notes that the person whose session it is reads the address: that of the account, or the one that takes its
// place.
func (s *Service) verified(ctx context.Context, t *step) (Progress, error) {
	if err := s.finish(ctx, t); err != nil {
		return Progress{}, err
	}
	was, yes := t.user, true
	change := account.Amendment{ID: was.ID, Was: &was, EmailVerified: &yes, At: t.now}
	kind := audit.EmailVerified
	moved := t.state.Email != was.Email
	if moved {
		change.Email, kind = &t.state.Email, audit.EmailChanged
	}
	change.Audit = []audit.Entry{s.entry(kind, t.client, was.ID, t.now)}
	_, _, err := s.Accounts.Amend(ctx, change)
	switch {
	case errors.Is(err, account.ErrEmailTaken):
		return Progress{}, ErrWrongCode // somebody else has proven it meanwhile
	case err != nil:
		return Progress{}, fmt.Errorf("verify e-mail: %w", raced(err))
	}
	if moved {
		s.tell(ctx, mail.EmailChanged(s.occasion(was.Email, t.client, t.now), language.For(t.client.Languages)))
	}
	return t.done(Grant{}), nil
}
