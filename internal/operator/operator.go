// Package operator owns what the person on call does to others: lock a customer, demote an administrator, end a
// session, replace a stolen key, register applications, read the trail. Each act is written to the audit trail in the
// commit that performs it, and its commit can be waited for until it is enforced everywhere.
//
// What users do for themselves lies in signin. It is called by the administration API and the command line.
package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
)

// Config wires a Service. All fields but Tell are required.
type Config struct {
	Accounts     account.Store
	Applications application.Store
	Sessions     session.Store
	SignIn       signin.Store
	APIKeys      credential.APIKeys
	Audit        audit.Store
	Log          feed.Log
	Feed         *feed.Service
	Ring         *signing.Ring
	Hasher       *credential.Hasher
	Passwords    credential.Policy
	Bounds       Bounds
	Now          func() time.Time
	Logger       *slog.Logger
	// Tell sends a user a notice of what was done to their account; nil: nobody is told.
	Tell func(ctx context.Context, to string, compose func(mail.Happening, language.Speaker) mail.Message)
}

// Bounds limit what an application may be given.
type Bounds struct {
	// AccessTokenTTL is the longest that access tokens of any application may live.
	AccessTokenTTL time.Duration
	// DefaultTTL is how long they live where the application does not say.
	DefaultTTL time.Duration
	// Methods are those with which a sign-in can begin here.
	Methods []application.Method
}

// Service performs the acts of operators. Safe for concurrent use.
type Service struct{ Config }

// New makes a service.
func New(c Config) *Service { return &Service{Config: c} }

// tell sends a notice of what was done, once it was.
func (s *Service) tell(ctx context.Context, to string, compose func(mail.Happening, language.Speaker) mail.Message) {
	if s.Tell != nil && to != "" {
		s.Tell(ctx, to, compose)
	}
}

// By says who acts, from where and why.
type By struct {
	Actor     string // user or API key id, "operator" for the local command line
	IP        string
	RequestID string
	Reason    string // in the actor's words, may be empty
}

func (s *Service) entry(by By, t audit.Type, user account.ID, target string, now time.Time) audit.Entry {
	e := audit.New(t, now)
	e.Actor, e.IP, e.RequestID, e.Reason = by.Actor, by.IP, by.RequestID, by.Reason
	e.User, e.Target = string(user), target
	return e
}

// FieldError says which field of the input breaks which rule. It never holds the value.
type FieldError = signin.FieldError

// CheckReason answers a *FieldError for a reason that is too long.
func CheckReason(reason string) error {
	if len(reason) > 500 {
		return &FieldError{Field: "reason", Rule: "must be at most 500 bytes"}
	}
	return nil
}

const (
	// attempts bounds how often a change is decided anew because somebody else changed the same thing meanwhile.
	attempts = 30
	// mostPause is what lies between two of them at most, at random, so that those who met do not meet again.
	mostPause = 20 * time.Millisecond
)

// settle decides and commits a change until nobody came in between, which the error raced tells of.
func settle(raced error, try func() error) (err error) {
	for i := range attempts {
		if i > 0 {
			time.Sleep(rand.N(mostPause))
		}
		if err = try(); !errors.Is(err, raced) {
			break
		}
	}
	return err
}

// Enforced waits until the commit is enforced on every verifier and answers the receipt.
func (s *Service) Enforced(ctx context.Context, c feed.Commit) (feed.Receipt, error) {
	r, err := s.Feed.Enforced(ctx, c)
	if err != nil {
		return r, fmt.Errorf("wait for enforcement: %w", err)
	}
	return r, nil
}

// CheckTrail answers a *FieldError for what nobody can have meant to ask of the trail.
func CheckTrail(q audit.Query) error {
	switch {
	case q.Outcome != "" && q.Outcome != audit.Done && q.Outcome != audit.Refused:
		return &FieldError{Field: "outcome", Rule: "must be done or refused"}
	case !q.Until.IsZero() && !q.Until.After(q.Since):
		return &FieldError{Field: "until", Rule: "must be later than since"}
	}
	return nil
}

// Trail lists the audit trail, newest first. Errors: *FieldError.
func (s *Service) Trail(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	if err := CheckTrail(q); err != nil {
		return nil, err
	}
	entries, err := s.Audit.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list audit trail: %w", err)
	}
	return entries, nil
}

// Verifiers lists the verifiers that were heard of in the last hour.
func (s *Service) Verifiers() []feed.Verifier { return s.Feed.Verifiers() }
