package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/session"
)

// settle decides what comes after a step that has proven something, and keeps it; or ends the attempt and gives the
// person what it was for.
func (s *Service) settle(ctx context.Context, t *step) (Progress, error) {
	v := s.judge(t)
	if !v.Done {
		t.anew = true // whatever is asked for next has guesses of its own
		if err := s.keep(ctx, t); err != nil {
			return Progress{}, err
		}
		return t.progress(v), nil
	}
	// Before anything is given, so that of any number of equal steps one gets it.
	if err := s.finish(ctx, t); err != nil {
		return Progress{}, err
	}
	var (
		g   Grant
		err error
	)
	switch t.state.Purpose {
	case ToStepUp:
		g, err = s.renewed(ctx, t.identity(), t.state.Proofs, v.ACR, t.delivery(), audit.SteppedUp, t.client)
	case ToConnect, ToVerifyEmail:
	default:
		g, err = s.start(ctx, entrance{
			User: t.user, Revision: t.state.Revision, App: t.app, Rules: t.rules, Delivery: t.delivery(), Proofs: t.state.Proofs, ACR: v.ACR,
			Remember: t.state.Remember, New: t.state.NewUser != "" && t.state.NewUser == t.user.ID,
		}, t.client)
		if errors.Is(err, ErrInvalidCredentials) {
			err = ErrNoAttempt // the user was changed a moment ago: begin again
		}
	}
	if err != nil {
		return Progress{}, err
	}
	return t.done(g), nil
}

func (s *Service) finish(ctx context.Context, t *step) error {
	if err := s.Attempts.Finish(ctx, t.kept.ID); err != nil {
		return fmt.Errorf("finish attempt: %w", err)
	}
	return nil
}

func (t *step) done(g Grant) Progress {
	p := t.progress(verdict{})
	p.Done, p.Grant, p.CodeSent = true, g, false
	return p
}

// delivery is by cookie, but for a session that has no token to put into one.
func (t *step) delivery() Delivery {
	if t.app.Mode == application.ModeJWT {
		return Body
	}
	return Cookie
}

// identity is whose session the attempt is about.
func (t *step) identity() Identity { return Identity{View: t.view, Application: t.app, At: t.now} }

// entrance is a sign-in that was proven.
type entrance struct {
	User     account.User
	Revision uint64 // of the user, as it was read with the proof
	App      application.Application
	Rules    rules
	Delivery Delivery
	Proofs   []proof
	ACR      string
	Remember bool // the person wants the device to be spared the second factor
	New      bool // the account was made a moment ago
}

// start begins the session of a user who has just proven themselves, and hands out its credentials.
func (s *Service) start(ctx context.Context, e entrance, c Client) (Grant, error) {
	now := s.Now()
	p := s.policy(e.App)
	one := session.Session{
		ID: session.NewID(now), User: e.User.ID, Application: e.App.ID, ACR: e.ACR, AMR: references(nil, e.Proofs, e.ACR), Device: c.Device, IP: c.IP,
	}
	p.Deadlines(&one, now)
	strange, err := s.strange(ctx, e, c)
	if err != nil {
		return Grant{}, err
	}
	g := Grant{Application: e.App, Delivery: e.Delivery, DeviceToken: s.DeviceTokens.Issue(e.User.ID)}
	one.Token, one.Refresh = s.credentials(&g, one, now)
	entry := s.entry(audit.SignedIn, c, e.User.ID, now)
	entry.Target = string(one.ID)
	view, err := s.Sessions.Start(ctx, session.Start{Session: one, AccountRevision: e.Revision, Limit: p.Limit, Audit: entry})
	if errors.Is(err, session.ErrAccountChanged) {
		return Grant{}, ErrInvalidCredentials
	}
	if err != nil {
		return Grant{}, fmt.Errorf("start session: %w", err)
	}
	g.View = view
	if e.Remember && e.ACR == twoFactors && e.Rules.Remember > 0 {
		g.Remembered = s.remember(e.User.ID, e.Revision, e.Rules.Remember, now)
	}
	if strange {
		s.tell(ctx, mail.NewDevice(s.happening(view, now), language.For(c.Languages)))
	}
	return s.complete(ctx, g, now)
}

// strange reports whether the user has signed in before, and neither on this device nor from this address.
func (s *Service) strange(ctx context.Context, e entrance, c Client) (bool, error) {
	if e.New || s.DeviceTokens.Check(c.DeviceToken, e.User.ID) {
		return false, nil
	}
	known, err := s.Store.KnownAddress(ctx, e.User.ID, c.IP)
	if err != nil {
		return false, fmt.Errorf("look for known address: %w", err)
	}
	if known {
		return false, nil
	}
	before, err := s.Audit.List(ctx, audit.Query{User: string(e.User.ID), Type: audit.SignedIn, Limit: 1})
	if err != nil {
		return false, fmt.Errorf("look for an earlier sign-in: %w", err)
	}
	return len(before) > 0, nil
}

// renewed gives the session new credentials after a proof, and the old ones are dead in the same commit.
func (s *Service) renewed(ctx context.Context, who Identity, proofs []proof, level string, d Delivery, why audit.Type, c Client) (Grant, error) {
	return s.retry(ctx, who, func(who Identity) (Grant, error) {
		now := s.Now()
		g, renewal := s.renewal(who, d, c, audit.SteppedUp, now)
		if why != audit.SteppedUp {
			renewal.Audit.Reason = string(why)
			renewal.AuthenticatedAt = who.View.Session.AuthenticatedAt // setting a factor up says nothing of who does it
		}
		before := who.View.Session.AMR
		if level < who.View.Session.ACR {
			before = nil // what made it stronger is gone
		}
		renewal.ACR, renewal.AMR = level, references(before, proofs, level)
		if len(proofs) == 0 {
			renewal.ACR, renewal.AMR = who.View.Session.ACR, who.View.Session.AMR
		}
		var err error
		if g.View, _, err = s.Sessions.Renew(ctx, renewal); err != nil {
			return Grant{}, fmt.Errorf("renew session: %w", err)
		}
		return s.complete(ctx, g, now)
	})
}

// occasion is what a notice to the user tells of, as it happens now.
func (s *Service) occasion(to string, c Client, now time.Time) mail.Happening {
	return mail.Happening{To: to, Service: s.service(), Device: c.Device, IP: c.IP, At: now, Account: s.url(AccountPath)}
}

// service is what people know this server as.
func (s *Service) service() string {
	if s.ServiceName != "" {
		return s.ServiceName
	}
	return s.Issuer
}
