package signin

import (
	"context"
	"fmt"
	"slices"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/revocation"
)

// SetFirstPassword gives a password to an account that has none. The session that asks stays, with new credentials; the
// user's others end. Errors: ErrStepUp, ErrNotNow if it has one or the application's policy takes none,
// *credential.PolicyError, session.ErrRaced if it was given one meanwhile.
func (s *Service) SetFirstPassword(ctx context.Context, who Identity, password secret.Text, c Client) (Grant, error) {
	_, has, err := s.mayChange(ctx, who)
	if err != nil {
		return Grant{}, err
	}
	user := who.View.User
	if has.Password || !slices.Contains(s.rules(who.Application).Methods, application.Password) {
		return Grant{}, ErrNotNow
	}
	if err := s.Passwords.Check(password, user.Email, user.Name); err != nil {
		return Grant{}, err
	}
	to, err := s.Hasher.Hash(ctx, password)
	if err != nil {
		return Grant{}, fmt.Errorf("set first password: %w", err)
	}
	g, err := s.retry(ctx, who, func(who Identity) (Grant, error) {
		now := s.Now()
		g, keep := s.renewal(who, deliveryTo(who.Application), c, audit.PasswordChanged, now)
		keep.AuthenticatedAt = who.View.Session.AuthenticatedAt // choosing a password proves nothing
		var err error
		g.View, _, err = s.Store.SetPassword(ctx, NewPassword{
			User: user.ID, To: to, Keep: &keep, At: now, Announce: []revocation.Event{revocation.SubjectEvent(string(user.ID))},
		})
		if err != nil {
			return Grant{}, fmt.Errorf("set first password: %w", err)
		}
		return s.complete(ctx, g, now)
	})
	if err != nil {
		return Grant{}, err
	}
	s.tell(ctx, mail.FactorChanged(s.occasion(user.Email, c, s.Now()), mail.PasswordSet, "", language.For(c.Languages)))
	return g, nil
}

// History lists what happened to the caller's account, newest first. before is the id of the last entry of the page
// before, empty for the first page.
func (s *Service) History(ctx context.Context, who Identity, before string, limit int) ([]audit.Entry, error) {
	entries, err := s.Audit.List(ctx, audit.Query{User: string(who.View.User.ID), Before: before, Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("list history: %w", err)
	}
	return entries, nil
}

// TheftSeen takes the notice of a detected theft away: the user was told.
func (s *Service) TheftSeen(ctx context.Context, who Identity, c Client) (account.User, error) {
	now := s.Now()
	entry := s.entry(audit.UserChanged, c, who.View.User.ID, now)
	entry.Reason = "the notice of a theft was read"
	user, _, err := s.Accounts.Amend(ctx, account.Amendment{ID: who.View.User.ID, TheftSeen: true, Audit: []audit.Entry{entry}, At: now})
	if err != nil {
		return account.User{}, fmt.Errorf("note that the theft was told: %w", err)
	}
	return user, nil
}
