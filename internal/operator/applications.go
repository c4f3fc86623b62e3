package operator

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

// Application finds an application by id or name.
func (s *Service) Application(ctx context.Context, idOrName string) (application.Application, error) {
	return s.Applications.Find(ctx, idOrName)
}

// ListApplications answers all applications.
func (s *Service) ListApplications(ctx context.Context) ([]application.Application, error) {
	return s.Applications.List(ctx)
}

// CreateApplication registers an application; ID, CreatedAt and Secret are set here. Applications that authenticate
// themselves (kinds machine and resource) get a client secret, which is answered once and never stored.
//
// Errors: *FieldError, application.ErrNameTaken.
func (s *Service) CreateApplication(ctx context.Context, a application.Application, by By) (application.Application, secret.Text, error) {
	now := s.Now()
	a.ID, a.CreatedAt = application.NewID(now), now
	if a.Kind == "" {
		a.Kind = application.User
	}
	if a.Mode == "" {
		a.Mode = application.ModeHybrid
	}
	if err := checkName(a.Name); err != nil {
		return a, secret.Text{}, err
	}
	if err := s.checkApplication(a, application.Application{}); err != nil {
		return a, secret.Text{}, err
	}
	var text secret.Text
	if a.Kind != application.User {
		text, a.Secret = credential.NewClientSecret()
	}
	if err := s.prepare(ctx, a); err != nil {
		return a, secret.Text{}, err
	}
	if err := s.Applications.Create(ctx, a, s.entry(by, audit.ApplicationMade, "", string(a.ID), now)); err != nil {
		return a, secret.Text{}, fmt.Errorf("create application: %w", err)
	}
	return a, text, nil
}

// ChangeApplication changes the application's name and policies by what `change` does to them. If somebody else changes
// them meanwhile, on whichever node, it is done anew, so that no change undoes what another did. They hold for what is
// issued from now on.
//
// Errors: those of change, *FieldError, application.ErrNotFound, application.ErrNameTaken, application.ErrRaced if
// others come in between again and again.
func (s *Service) ChangeApplication(ctx context.Context, idOrName string, change func(*application.Application) error, by By) (changed application.Application, err error) {
	err = settle(application.ErrRaced, func() error {
		changed, err = s.changeApplication(ctx, idOrName, change, by)
		return err
	})
	return changed, err
}

func (s *Service) changeApplication(ctx context.Context, idOrName string, change func(*application.Application) error, by By) (application.Application, error) {
	a, err := s.Applications.Find(ctx, idOrName)
	if err != nil {
		return a, fmt.Errorf("change application: %w", err)
	}
	was := a
	if err := change(&a); err != nil {
		return a, err
	}
	if a.Name != was.Name { // one from before the rule stays until it is changed
		if err := checkName(a.Name); err != nil {
			return a, err
		}
	}
	if err := s.checkApplication(a, was); err != nil {
		return a, err
	}
	if err := s.prepare(ctx, a); err != nil {
		return a, err
	}
	now := s.Now()
	changed, _, err := s.Applications.Amend(ctx, application.Amendment{
		Application: a, Was: &was, At: now, Audit: []audit.Entry{s.entry(by, audit.ApplicationEdited, "", string(a.ID), now)},
	})
	if err != nil {
		return a, fmt.Errorf("change application: %w", err)
	}
	return changed, nil
}

// prepare makes ready what the application's tokens need before the first of them is minted: a key, and a log that
// keeps its events for as long as they live.
func (s *Service) prepare(ctx context.Context, a application.Application) error {
	switch err := s.Ring.Need(ctx, a.Algorithm); {
	case errors.Is(err, signing.ErrNoShared):
		return &FieldError{Field: "alg", Rule: "must not be HS256 while the server has no secret that verifiers share: " +
			"set hs256_secret (TANDEM_HS256_SECRET) and start it again, or use ES256"}
	case err != nil:
		return err
	}
	apps, err := s.Applications.List(ctx)
	if err != nil {
		return fmt.Errorf("list applications: %w", err)
	}
	return s.keepFor(ctx, append(apps, a))
}

// keepFor tells the log the longest lifetime that an access token of these applications may have.
func (s *Service) keepFor(ctx context.Context, apps []application.Application) error {
	longest := s.Bounds.DefaultTTL
	for _, a := range apps {
		longest = max(longest, a.AccessTokenTTL)
	}
	if _, err := s.Log.KeepFor(ctx, longest, s.Now()); err != nil {
		return fmt.Errorf("record access token lifetime: %w", err)
	}
	return nil
}

// Housekeep lets the log forget a longer lifetime once the last token of that kind has expired.
func (s *Service) Housekeep(ctx context.Context) error {
	apps, err := s.Applications.List(ctx)
	if err != nil {
		return fmt.Errorf("list applications: %w", err)
	}
	return s.keepFor(ctx, apps)
}

// RenewSecret gives the application a new client secret; the old one is dead when this returns.
func (s *Service) RenewSecret(ctx context.Context, idOrName string, by By) (secret.Text, error) {
	text, digest := credential.NewClientSecret()
	_, err := s.ChangeApplication(ctx, idOrName, func(a *application.Application) error {
		if a.Kind == application.User {
			return &FieldError{Field: "id", Rule: "must name an application of kind machine or resource: others have no secret"}
		}
		a.Secret = digest
		return nil
	}, by)
	if err != nil {
		return secret.Text{}, err
	}
	return text, nil
}

// DeleteApplication removes the application and ends its sessions.
func (s *Service) DeleteApplication(ctx context.Context, id application.ID, by By) (feed.Commit, error) {
	a, err := s.Applications.Find(ctx, string(id))
	if err != nil {
		return feed.Commit{}, fmt.Errorf("delete application: %w", err)
	}
	if a.Name == application.DefaultName {
		return feed.Commit{}, application.ErrDefault
	}
	now := s.Now()
	commit, err := s.Applications.Delete(ctx, application.Removal{
		ID: a.ID, At: now, Announce: []revocation.Event{revocation.ApplicationEvent(string(a.ID))},
		Audit: []audit.Entry{s.entry(by, audit.ApplicationGone, "", string(a.ID), now)},
	})
	if err != nil {
		return commit, fmt.Errorf("delete application: %w", err)
	}
	return commit, nil
}

// ErrClientSecret is answered for an application that cannot authenticate this way, without saying why.
var ErrClientSecret = errors.New("client id or secret is wrong")

// Authenticate checks an application's client id and secret.
func (s *Service) Authenticate(ctx context.Context, clientID string, text secret.Text) (application.Application, error) {
	a, err := s.Applications.Find(ctx, clientID)
	if errors.Is(err, application.ErrNotFound) || err == nil && string(a.ID) != clientID {
		return application.Application{}, ErrClientSecret
	}
	if err != nil {
		return application.Application{}, fmt.Errorf("authenticate application: %w", err)
	}
	if a.Secret.IsZero() || credential.CheckClientSecret(text, a.Secret) != nil {
		return application.Application{}, ErrClientSecret
	}
	return a, nil
}

func (s *Service) checkApplication(a, was application.Application) error {
	kinds := []application.Kind{application.User, application.Machine, application.Resource}
	modes := []application.Mode{application.ModeSession, application.ModeJWT, application.ModeHybrid}
	algorithms := []jws.Algorithm{"", jws.ES256, jws.EdDSA, jws.RS256, jws.PS256, jws.HS256}
	presets := []string{"", "standard", "strict"}
	switch {
	case !slices.Contains(kinds, a.Kind):
		return &FieldError{Field: "kind", Rule: "must be user, machine or resource"}
	case !slices.Contains(modes, a.Mode):
		return &FieldError{Field: "mode", Rule: "must be session, jwt or hybrid"}
	case !slices.Contains(algorithms, a.Algorithm):
		return &FieldError{Field: "alg", Rule: "must be ES256, EdDSA, RS256, PS256 or HS256"}
	case a.AccessTokenTTL != 0 && (a.AccessTokenTTL < 10*time.Second || a.AccessTokenTTL > s.Bounds.AccessTokenTTL):
		return &FieldError{Field: "access_token_ttl", Rule: fmt.Sprintf("must be from 10s to %s", s.Bounds.AccessTokenTTL)}
	case a.Refresh.Grace > 300*time.Second:
		return &FieldError{Field: "refresh.grace", Rule: "must be from 0 to 300s"}
	case !slices.Contains(presets, a.Session.Preset):
		return &FieldError{Field: "session.preset", Rule: "must be standard or strict"}
	case a.Session.Limit < 0:
		return &FieldError{Field: "session.limit", Rule: "must not be negative"}
	}
	for _, d := range []struct {
		field          string
		idle, absolute time.Duration
	}{{"session", a.Session.Idle, a.Session.Absolute}, {"refresh", a.Refresh.Idle, a.Refresh.Absolute}} {
		if d.idle < 0 || d.absolute < 0 || d.absolute > 0 && d.idle > d.absolute {
			return &FieldError{Field: d.field + ".idle", Rule: "must not be negative nor exceed absolute"}
		}
	}
	if err := s.checkSignIn(a.SignIn, was.SignIn); err != nil {
		return err
	}
	if err := checkBrand(a.Brand); err != nil {
		return err
	}
	return checkNames(a)
}

// idPrefix is how the ids of applications begin.
const idPrefix = "app_"

// checkName refuses names that are empty or long, that could steer a terminal or deceive whoever reads them there, and
// those that look like an id: an application is found by either.
func checkName(name string) error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case len(name) < 1 || len(name) > 100:
		return &FieldError{Field: "name", Rule: "must be 1 to 100 bytes"}
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
		return &FieldError{Field: "name", Rule: "must be of printable characters"}
	case strings.HasPrefix(name, idPrefix):
		return &FieldError{Field: "name", Rule: "must not begin as an id does, with " + idPrefix}
	}
	return nil
}

func checkNames(a application.Application) error {
	for _, audience := range a.Audiences {
		if len(audience) < 1 || len(audience) > 500 {
			return &FieldError{Field: "audiences", Rule: "must each be 1 to 500 bytes"}
		}
	}
	for _, origin := range a.AllowedOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host || strings.Contains(origin, "*") {
			return &FieldError{Field: "allowed_origins", Rule: "must each be an exact origin such as https://app.example.com"}
		}
	}
	return nil
}
