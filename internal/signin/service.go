// Package signin owns the flows by which people get, keep and give up access: register, sign in, step up, refresh,
// mint, change the password, sign out. It joins account, credential, session, application and signing.
//
// Each flow goes one way: parse what was sent, decide, do it by one atomic verb of a port, answer a Grant. What an
// operator does to others lies in operator. It is called by the transports.
package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
)

// Config wires a Service. All fields are required but Providers.
type Config struct {
	Store        Store
	Accounts     account.Store
	Applications application.Store
	Sessions     session.Store
	Bindings     session.Bindings
	Binder       session.Binder // off: no session is bound to a device, and none that is needs its bound cookie
	Audit        audit.Store
	Sightings    *session.Sightings

	Ring         *signing.Ring
	Hasher       *credential.Hasher
	Passwords    credential.Policy
	Tokens       session.RefreshTokens
	DeviceTokens DeviceTokens
	Limits       limit.Store
	Mail         mail.Sender

	// What the attempts need that a person goes through on pages.
	Attempts    Attempts
	Passkeys    credential.Passkeys
	Codes       credential.OneTimeCodes
	Connections credential.Connections
	Providers   Providers // nil: none
	Box         *secret.Box
	ServiceName string // what people know this server as
	CanMail     bool   // messages reach people

	Issuer   string
	Defaults Defaults
	Now      func() time.Time
	Log      *slog.Logger
}

// Defaults are the policies of applications that do not set their own.
type Defaults struct {
	Audiences      []string // at least one
	AccessTokenTTL time.Duration
	Session        session.Policy
	Refresh        session.Policy // of sessions in mode jwt
	PerAccount     limit.Policy   // sign-in attempts for one account
	PerAddress     limit.Policy   // sign-in attempts from one address
	PerFactor      limit.Policy   // guesses at an account's second factor, by whoever has proven the first
	MailTo         limit.Policy   // messages that strangers may have sent to one address
	MailFrom       limit.Policy   // messages that one address may have sent
	SignIn         application.SignIn
	AllowedOrigins []string // to which the default application may send people back, beside its own
}

// Service runs the flows. Safe for concurrent use.
type Service struct {
	Config
	party *credential.RelyingParty // nil where browsers make no passkeys
}

// New makes a service.
func New(c Config) *Service {
	s := &Service{Config: c}
	var err error
	if s.party, err = credential.NewRelyingParty(c.Issuer, c.ServiceName); err != nil {
		c.Log.Warn("there will be no passkeys", "error", err)
		s.party = nil
	}
	return s
}

// rules are what the application asks of whoever proves who they are.
func (s *Service) rules(a application.Application) rules {
	can := ability{Mail: s.CanMail, Passkeys: s.party != nil}
	if s.Providers != nil {
		for _, p := range s.Providers.List() {
			can.Providers = append(can.Providers, p.Name)
			if p.Again {
				can.Again = append(can.Again, p.Name)
			}
		}
	}
	return rulesOf(a.SignIn, s.Defaults.SignIn, can)
}

// Client is who is calling: what the transport knows of the other end.
type Client struct {
	IP        string
	Device    string // a name for the device, from the user agent
	RequestID string
	// DeviceToken is what an earlier sign-in from this device was given; empty if none.
	DeviceToken string
	// Remembered is what an earlier second factor on this device was given; empty if none.
	Remembered string
	// Languages that the person reads, best first, as Accept-Language has them; for mail.
	Languages string
}

// Delivery says how credentials reach the client.
type Delivery string

// The deliveries.
const (
	Cookie Delivery = "cookie"
	Body   Delivery = "body"
)

// Grant is what a flow hands out. Which credentials are set depends on the application's mode and the delivery.
type Grant struct {
	View         session.View
	Application  application.Application
	Delivery     Delivery
	SessionToken secret.Text
	RefreshToken secret.Text
	Access       Access
	DeviceToken  string // for the client to keep and send with its next sign-in
	Remembered   Remembered
	// Invite is the challenge by which the browser may bind the session to its device, see BindDevice; empty if it is
	// bound already, or is not to be.
	Invite string
}

// Remembered spares a device the second factor for a while; zero if it is not to be spared.
type Remembered struct {
	Token string // for the client to keep and send with its next sign-in
	Until time.Time
}

// Access is a minted access token; zero if none.
type Access struct {
	Token     secret.Text
	ExpiresIn time.Duration
}

// Errors of the package. A transport shows them; they say nothing about whether a user exists.
var (
	ErrInvalidCredentials = errors.New("e-mail or password is wrong")
	ErrInvalidToken       = errors.New("not a valid credential")
	ErrTokenExpired       = errors.New("access token has expired")
	ErrTokenStale         = errors.New("access token is older than the session's credentials")
	// ErrNoMint is answered when the application's mode forbids access tokens.
	ErrNoMint = errors.New("this application uses session tokens only")
)

// FieldError says which field of the input breaks which rule. It never holds the value.
type FieldError struct{ Field, Rule string }

func (e *FieldError) Error() string { return e.Field + " " + e.Rule }

// RefreshError says why a refresh token was refused.
type RefreshError struct{ Cause Cause }

func (e *RefreshError) Error() string { return "refresh token refused: " + string(e.Cause) }

// Cause is the reason a refresh token was refused, as the client is told.
type Cause string

// The causes.
const (
	CauseReused  Cause = "reused"
	CauseExpired Cause = "expired"
	CauseEnded   Cause = "ended"
	CauseUnknown Cause = "unknown"
)

// LimitedError is answered when too many attempts were made.
type LimitedError struct{ RetryAfter time.Duration }

func (e *LimitedError) Error() string {
	return fmt.Sprintf("too many attempts: retry in %s", e.RetryAfter.Round(time.Second))
}

// choose finds the application and settles the delivery.
func (s *Service) choose(ctx context.Context, app string, d Delivery) (application.Application, Delivery, error) {
	if app == "" {
		app = application.DefaultName
	}
	a, err := s.Applications.Find(ctx, app)
	if errors.Is(err, application.ErrNotFound) || err == nil && a.Kind != application.User {
		return a, d, &FieldError{"app", "must be the id or name of an application that people sign in to"}
	}
	if err != nil {
		return a, d, fmt.Errorf("find application: %w", err)
	}
	switch {
	case d == "" && a.Mode == application.ModeJWT:
		d = Body
	case d == "":
		d = Cookie
	case d != Cookie && d != Body:
		return a, d, &FieldError{"delivery", "must be cookie or body"}
	case d == Cookie && a.Mode == application.ModeJWT:
		return a, d, &FieldError{"delivery", "must be body for an application in mode jwt: it has no session token to put in a cookie"}
	}
	return a, d, nil
}

// policy is the one that a new session of the application gets.
func (s *Service) policy(a application.Application) session.Policy {
	p := s.Defaults.Session
	switch a.Session.Preset {
	case "standard":
		p.Idle, p.Absolute = session.Standard.Idle, session.Standard.Absolute
	case "strict":
		p.Idle, p.Absolute = session.Strict.Idle, session.Strict.Absolute
	}
	override(&p, a.Session.Idle, a.Session.Absolute)
	if a.Mode == application.ModeJWT {
		p.Idle, p.Absolute = s.Defaults.Refresh.Idle, s.Defaults.Refresh.Absolute
		override(&p, a.Refresh.Idle, a.Refresh.Absolute)
		p = p.Jitter()
	}
	if a.Session.Limit > 0 {
		p.Limit = a.Session.Limit
	}
	p.Idle = min(p.Idle, p.Absolute)
	return p
}

func override(p *session.Policy, idle, absolute time.Duration) {
	if idle > 0 {
		p.Idle = idle
	}
	if absolute > 0 {
		p.Absolute = absolute
	}
}

// Audiences answers those that access tokens of the application may have, the first being the default.
func (s *Service) Audiences(a application.Application) []string {
	if len(a.Audiences) > 0 {
		return a.Audiences
	}
	return s.Defaults.Audiences
}

// grace of refresh tokens for the application.
func (s *Service) grace(a application.Application) time.Duration {
	if a.Refresh.Grace != 0 {
		return max(0, a.Refresh.Grace)
	}
	return s.Defaults.Refresh.Grace
}

// record writes an audit entry of an act that changed nothing. A trail that cannot be written is a failure.
func (s *Service) record(ctx context.Context, e audit.Entry) error {
	if err := s.Audit.Record(ctx, e); err != nil {
		return fmt.Errorf("write audit trail: %w", err)
	}
	return nil
}

// tell sends a notice, whether or not the caller is still there. Mail that cannot be sent must not undo what it
// announces.
func (s *Service) tell(ctx context.Context, m mail.Message) {
	if err := s.Mail.Send(context.WithoutCancel(ctx), m); err != nil {
		s.Log.Error("notice was not sent", "kind", m.Kind, "error", err)
	}
}

// entry makes an audit entry of an act by the client upon the user.
func (s *Service) entry(t audit.Type, c Client, user account.ID, now time.Time) audit.Entry {
	e := audit.New(t, now)
	e.Actor, e.User, e.IP, e.RequestID = string(user), string(user), c.IP, c.RequestID
	return e
}
