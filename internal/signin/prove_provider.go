package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
)

// AskProvider answers the URL to send the browser to, to sign in there or to connect the account there. It comes back to
// CallbackPath. Errors: federate.ErrUnknownProvider, federate.ErrUnreachable.
func (s *Service) AskProvider(ctx context.Context, attempt secret.Text, provider string, c Client) (string, error) {
	return insist(func() (string, error) { return s.askProvider(ctx, attempt, provider, c) })
}

func (s *Service) askProvider(ctx context.Context, attempt secret.Text, provider string, c Client) (string, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return "", err
	}
	if s.Providers == nil || !s.asks(t, application.Provider(provider)) {
		return "", ErrNotNow
	}
	again := t.state.Purpose == ToStepUp
	to, handshake, err := s.Providers.Begin(ctx, provider, s.url(CallbackPath(provider)), again)
	if err != nil {
		s.providerFailed(ctx, provider, err, c)
		return "", fmt.Errorf("ask provider: %w", err)
	}
	t.state.Provider, t.state.Handshake, t.state.Sent = provider, &handshake, t.now
	if err := s.keep(ctx, t); err != nil {
		return "", err
	}
	return to, nil
}

// ProveProvider reads what the browser came back with. It signs in whoever has connected the account there; connects
// it, if that is the purpose; and makes an account for whoever is new, if the provider vouches for the address and
// nobody has it. Errors: those of federate, ErrUnverified, credential.ErrConnectionTaken; ErrNotNow if the browser has come
// back before; ErrSignInAgain if it was to ask the person again and does not say that it did.
func (s *Service) ProveProvider(ctx context.Context, attempt secret.Text, provider string, query map[string][]string, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	m := application.Provider(provider)
	if s.Providers == nil || !s.asks(t, m) || t.state.Handshake == nil || t.state.Provider != provider {
		return Progress{}, ErrNotNow
	}
	identity, err := s.comeBack(ctx, t, query)
	if err != nil {
		return Progress{}, err
	}
	if t.state.Purpose == ToStepUp && !askedAgain(identity, t.state.Sent, s.Now()) {
		if err := s.refusedFor(ctx, t.refusal(), t.user.ID, "provider_did_not_ask", c); err != nil {
			return Progress{}, err
		}
		return Progress{}, ErrSignInAgain
	}
	t.state.Proofs = append(t.state.Proofs, proof{Method: m})
	if t.state.Purpose == ToConnect {
		return s.connected(ctx, t, identity)
	}
	if err := s.recogniseAt(ctx, t, identity); err != nil {
		return Progress{}, err
	}
	return s.settle(ctx, t)
}

// providerFailed tells the operator why nobody can sign in there: the person is told no more than that. The words are ours,
// and hold no secret.
func (s *Service) providerFailed(ctx context.Context, provider string, err error, c Client) {
	if errors.Is(err, federate.ErrUnreachable) || errors.Is(err, federate.ErrAnswer) {
		s.Log.WarnContext(ctx, "sign-in with a provider failed", "provider", provider, "error", err, "request_id", c.RequestID)
	}
}

// askedAgain reports whether the provider says that the person signed in there after they were sent: else it may have
// answered for somebody who did so days ago. One that does not say when has not asked.
func askedAgain(who federate.Identity, sent, now time.Time) bool {
	const skew = time.Minute // between its clock and ours
	return !sent.IsZero() && who.AuthTime.After(sent.Add(-skew)) && who.AuthTime.Before(now.Add(skew))
}

// comeBack asks the provider who it is, once for each time that the browser was sent there (RFC 9700 §4.7.1): a provider
// is not to be asked about one code after another that somebody makes up. What does not carry the state, since another has
// sent the browser here with it, takes nothing away.
func (s *Service) comeBack(ctx context.Context, t *step, query map[string][]string) (federate.Identity, error) {
	provider, handshake := t.state.Provider, *t.state.Handshake
	if !handshake.Carried(query) {
		return federate.Identity{}, fmt.Errorf("come back from provider %s: %w: it carries another state", provider, federate.ErrAnswer)
	}
	tried, err := s.takeAddress(ctx, t.client.IP)
	if err != nil {
		return federate.Identity{}, err
	}
	t.state.Handshake, t.state.Provider = nil, ""
	if err := s.keep(ctx, t); err != nil {
		return federate.Identity{}, err
	}
	identity, err := s.Providers.Finish(ctx, provider, s.url(CallbackPath(provider)), handshake, query)
	if err != nil {
		s.providerFailed(ctx, provider, err, t.client)
		return federate.Identity{}, fmt.Errorf("ask provider who it is: %w", err)
	}
	s.refund(ctx, []taken{tried})
	return identity, nil
}

// recogniseAt finds, or makes, the user who is known at a provider.
func (s *Service) recogniseAt(ctx context.Context, t *step, who federate.Identity) error {
	connection, err := s.Connections.Find(ctx, who.Provider, who.Subject)
	if errors.Is(err, credential.ErrConnectionNotFound) {
		if t.state.Session != "" {
			return ErrUnverified // a step-up takes what is connected already
		}
		return s.welcome(ctx, t, who)
	}
	if err != nil {
		return fmt.Errorf("find connection: %w", err)
	}
	user, err := s.Accounts.ByID(ctx, connection.User)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return fmt.Errorf("find user of connection: %w", err)
	}
	if err != nil || user.Status != account.Active || t.state.Session != "" && user.ID != t.user.ID {
		if err := s.refusedFor(ctx, t.refusal(), connection.User, "wrong_connection", t.client); err != nil {
			return err
		}
		return ErrUnverified
	}
	connection.Email, connection.UsedAt = who.Email, t.now
	if err := s.Connections.Use(ctx, connection); err != nil {
		return fmt.Errorf("use connection: %w", err)
	}
	if t.state.Session != "" {
		return nil
	}
	return s.identify(ctx, t, user, user.Revision)
}

// welcome takes in whoever the provider vouches for. An address that it does not vouch for says nothing; one that is an
// account's here is connected by whoever has proven to be its user here, and by nobody else; but nobody is the user of an
// account whose address was never verified.
func (s *Service) welcome(ctx context.Context, t *step, who federate.Identity) error {
	if !who.EmailVerified || account.CheckEmail(who.Email) != nil {
		return ErrUnverified
	}
	user, err := s.Accounts.ByEmail(ctx, who.Email)
	switch {
	case errors.Is(err, account.ErrNotFound):
		name := who.Name
		if account.CheckName(name) != nil {
			name = ""
		}
		user, err = s.register(ctx, account.User{Email: who.Email, EmailVerified: true, Name: name}, credential.PHC{}, t.client)
		if errors.Is(err, account.ErrEmailTaken) {
			return ErrUnverified
		}
		if err != nil {
			return fmt.Errorf("sign up: %w", err)
		}
		t.state.NewUser = user.ID
	case err != nil:
		return fmt.Errorf("find user: %w", err)
	case user.EmailVerified || user.Status != account.Active:
		return ErrUnverified
	default:
		if user, err = s.claim(ctx, user, t.client); err != nil {
			return err
		}
	}
	if err := s.connect(ctx, user, who, t.client); err != nil {
		return err
	}
	t.state.User, t.state.Revision, t.state.Email = user.ID, user.Revision, user.Email
	return s.changed(ctx, t, 1)
}

func (s *Service) connect(ctx context.Context, user account.User, who federate.Identity, c Client) error {
	now := s.Now()
	one := credential.Connection{
		ID: credential.NewConnectionID(now), User: user.ID, Provider: who.Provider, Subject: who.Subject, Email: who.Email, CreatedAt: now, UsedAt: now,
	}
	entry := s.entry(audit.Connected, c, user.ID, now)
	entry.Target, entry.Reason = one.ID, one.Provider
	if err := s.Connections.Connect(ctx, one, &user, entry); err != nil {
		return fmt.Errorf("connect account: %w", raced(err))
	}
	return nil
}

// connected connects the account at the provider to the user whose session it is.
func (s *Service) connected(ctx context.Context, t *step, who federate.Identity) (Progress, error) {
	if _, err := s.Connections.Find(ctx, who.Provider, who.Subject); !errors.Is(err, credential.ErrConnectionNotFound) {
		if err == nil {
			err = credential.ErrConnectionTaken
		}
		return Progress{}, fmt.Errorf("connect account: %w", err)
	}
	return s.change(ctx, t, nil, audit.Connected, func() error {
		if err := s.connect(ctx, t.user, who, t.client); err != nil {
			return err
		}
		s.tell(ctx, mail.FactorChanged(s.occasion(t.user.Email, t.client, t.now), mail.Connected, who.Provider, language.For(t.client.Languages)))
		return nil
	})
}

// change ends an attempt by a change of what the user can prove themselves with. The session has new credentials before
// the change takes effect, so that whoever holds the old ones gains nothing by it; if the change fails after that, both
// the grant and the error are answered, and the grant has to be delivered.
func (s *Service) change(ctx context.Context, t *step, proofs []proof, why audit.Type, do func() error) (Progress, error) {
	if err := s.finish(ctx, t); err != nil {
		return Progress{}, err
	}
	level := t.view.Session.ACR
	if strong(append(proofs, proof{Method: application.Password})) { // something else has begun the session
		level = twoFactors
	}
	g, err := s.renewed(ctx, t.identity(), proofs, level, t.delivery(), why, t.client)
	if err != nil {
		return Progress{}, err
	}
	return t.done(g), do()
}
