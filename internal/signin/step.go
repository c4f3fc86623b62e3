package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// For how long attempts last: those that wait for mail are given more time.
const (
	attemptAge = 15 * time.Minute
	mailedAge  = 30 * time.Minute
)

// state is what an attempt knows. It is kept sealed.
type state struct {
	Purpose  Purpose        `json:"purpose"`
	App      application.ID `json:"app"`
	ReturnTo string         `json:"return_to,omitempty"`
	Email    string         `json:"email,omitempty"`

	// User was identified by a proof, at this Revision: an attempt does not outlive what it rests on.
	User     account.ID `json:"user,omitempty"`
	Revision uint64     `json:"revision,omitempty"`
	// Session it is about, from StepUp on, with the credentials it had, and the address of its user.
	Session session.ID `json:"session,omitempty"`
	Version uint64     `json:"version,omitempty"`
	Address string     `json:"address,omitempty"`

	Proofs   []proof `json:"proofs,omitempty"`
	Chosen   bool    `json:"chosen,omitempty"`
	Remember bool    `json:"remember,omitempty"`

	Code      *mailed             `json:"code,omitempty"`
	Ceremony  []byte              `json:"ceremony,omitempty"` // of a passkey that is asked for
	Creation  []byte              `json:"creation,omitempty"` // of a passkey that is being made
	Seed      []byte              `json:"seed,omitempty"`     // that is on its way into an app
	Provider  string              `json:"provider,omitempty"`
	Handshake *federate.Handshake `json:"handshake,omitempty"`
	Sent      time.Time           `json:"sent,omitzero"`         // to the provider
	NewUser   account.ID          `json:"new_user,omitempty"`    // of whoever is signing up, before there is such a user
	Passkey   *credential.Proven  `json:"new_passkey,omitempty"` // theirs, before there is somebody to have it
}

// mailed is a code that was sent.
type mailed struct {
	Code  credential.MailedCode `json:"code"`
	Link  []byte                `json:"link"` // digest of the link's secret
	Until time.Time             `json:"until"`
	Void  bool                  `json:"void,omitempty"` // nobody was sent it: nothing matches
}

// step is an attempt at work.
type step struct {
	kept   Attempt
	token  secret.Text
	state  state
	app    application.Application
	rules  rules
	view   session.View // of the session it is about, from StepUp on
	user   account.User // zero until somebody was identified by a proof
	has    holding
	client Client
	now    time.Time
	codes  []secret.Text // recovery codes, to be shown now
	anew   bool          // what is asked for next has guesses of its own
}

const attemptPrefix = "tda_"

// newAttemptToken makes the token of an attempt: `tda_`, the id without its prefix, 256 random bits.
func newAttemptToken(attempt string) (secret.Text, secret.Digest) {
	random := secret.Random(32)
	text := attemptPrefix + strings.TrimPrefix(attempt, "att_") + base64.RawURLEncoding.EncodeToString(random)
	return secret.NewText(text), secret.Sum(random)
}

func parseAttemptToken(token secret.Text) (attempt string, digest secret.Digest, ok bool) {
	rest, ok := strings.CutPrefix(token.Reveal(), attemptPrefix)
	if !ok || len(rest) <= id.Size || !id.Valid(rest[:id.Size]) {
		return "", digest, false
	}
	random, err := base64.RawURLEncoding.Strict().DecodeString(rest[id.Size:])
	if err != nil || len(random) != 32 {
		return "", digest, false
	}
	return "att_" + rest[:id.Size], secret.Sum(random), true
}

func attemptRow(attempt string) string { return "attempt:" + attempt }

// find answers the attempt of the browser that holds the token.
func (s *Service) find(ctx context.Context, token secret.Text, now time.Time) (Attempt, error) {
	attempt, digest, ok := parseAttemptToken(token)
	if !ok {
		return Attempt{}, ErrNoAttempt
	}
	kept, err := s.Attempts.Find(ctx, attempt, now)
	if err != nil {
		return Attempt{}, fmt.Errorf("find attempt: %w", err)
	}
	if !digest.Equal(kept.Digest) {
		return Attempt{}, ErrNoAttempt
	}
	return kept, nil
}

// resume takes an attempt up where it stands. What it rests on must stand as it did: the session and its credentials,
// and the user since they were identified; their address too, since the mailbox of an old one proves nothing.
func (s *Service) resume(ctx context.Context, token secret.Text, c Client) (*step, error) {
	now := s.Now()
	kept, err := s.find(ctx, token, now)
	if err != nil {
		return nil, err
	}
	t := &step{kept: kept, token: token, client: c, now: now}
	text, err := s.Box.Open(kept.State, attemptRow(kept.ID))
	if err != nil {
		return nil, fmt.Errorf("open attempt: %w", err)
	}
	if err := json.Unmarshal(text, &t.state); err != nil {
		return nil, fmt.Errorf("read attempt: %w", err)
	}
	t.app, err = s.Applications.Find(ctx, string(t.state.App))
	if errors.Is(err, application.ErrNotFound) {
		return nil, ErrNoAttempt
	}
	if err != nil {
		return nil, fmt.Errorf("resume attempt: %w", err)
	}
	t.rules = s.rules(t.app)
	if t.state.Session != "" {
		return t, s.rejoin(ctx, t)
	}
	if t.state.User != "" {
		return t, s.recognise(ctx, t)
	}
	return t, nil
}

// rejoin looks at the session that the attempt is about.
func (s *Service) rejoin(ctx context.Context, t *step) error {
	view, err := s.Sessions.Find(ctx, t.state.Session)
	if errors.Is(err, session.ErrNotFound) || err == nil && (view.Alive(t.now) != nil || view.Session.Version != t.state.Version || view.User.Email != t.state.Address) {
		return ErrNoAttempt
	}
	if err != nil {
		return fmt.Errorf("resume attempt: %w", err)
	}
	t.view, t.user = view, view.User
	t.has, err = s.holding(ctx, view.User)
	return err
}

// recognise looks at the user whom a proof has identified: whoever was locked since, or has another password, factor or
// address, begins again.
func (s *Service) recognise(ctx context.Context, t *step) error {
	user, err := s.Accounts.ByID(ctx, t.state.User)
	if errors.Is(err, account.ErrNotFound) || err == nil && (user.Status != account.Active || user.Revision != t.state.Revision || user.Email != t.state.Email) {
		return ErrNoAttempt
	}
	if err != nil {
		return fmt.Errorf("resume attempt: %w", err)
	}
	t.user = user
	t.has, err = s.holding(ctx, user)
	return err
}

// identify notes whose attempt it is from now on.
func (s *Service) identify(ctx context.Context, t *step, user account.User, revision uint64) (err error) {
	t.user, t.state.User, t.state.Revision, t.state.Email = user, user.ID, revision, user.Email
	t.has, err = s.holding(ctx, user)
	return err
}

// changed takes note of changes that the attempt itself has made, each of which has raised the user's Revision by one.
// If it was raised by anything else, what was proven is void.
func (s *Service) changed(ctx context.Context, t *step, changes uint64) error {
	t.state.Revision += changes
	return s.recognise(ctx, t)
}

// raced is the error of a step whose user was changed by somebody else while it was taken.
func raced(err error) error {
	if errors.Is(err, account.ErrRaced) {
		return errors.Join(session.ErrRaced, err)
	}
	return err
}

// holding answers what the user has to prove themselves with.
func (s *Service) holding(ctx context.Context, user account.User) (holding, error) {
	f, err := s.factors(ctx, user.ID)
	return f.holding(user), err
}

func (f Factors) holding(user account.User) holding {
	h := holding{Password: f.Password, Passkeys: len(f.Passkeys), TOTP: !f.TOTPSince.IsZero(), RecoveryCodes: f.RecoveryCodes, Verified: user.EmailVerified}
	for _, c := range f.Connections {
		h.Providers = append(h.Providers, c.Provider)
	}
	return h
}

func (t *step) standing() standing {
	return standing{
		Purpose: t.state.Purpose, Identified: t.state.Email != "", Proofs: t.state.Proofs, Has: t.has, Chosen: t.state.Chosen, ACR: t.view.Session.ACR,
		Since: t.now.Sub(t.view.Session.AuthenticatedAt),
	}
}

// judge decides what comes next, on this device.
func (s *Service) judge(t *step) verdict {
	a := t.standing()
	if t.user.ID != "" && t.state.Session == "" {
		a.Remembered = s.spared(t.client.Remembered, t.user, t.rules, t.now)
	}
	return t.rules.judge(a)
}

// asks reports whether the method is asked for now.
func (s *Service) asks(t *step, m application.Method) bool {
	v := s.judge(t)
	return slices.Contains(v.Ask, m) && !v.Enrol && !v.Choose
}

// keep stores the attempt as it is now. Of two who go on from the same state one gets session.ErrRaced.
func (s *Service) keep(ctx context.Context, t *step) error {
	text, err := json.Marshal(t.state)
	if err != nil {
		return fmt.Errorf("write attempt: %w", err)
	}
	t.kept.State, err = s.Box.Seal(text, attemptRow(t.kept.ID))
	if err != nil {
		return fmt.Errorf("seal attempt: %w", err)
	}
	kept := t.kept
	if kept.Tries = 1; t.anew { // 0 forgets those that were counted; what was read is of no account, since others go on counting
		kept.Tries = 0
	}
	if err := s.Attempts.Advance(ctx, kept); err != nil {
		return fmt.Errorf("keep attempt: %w", err)
	}
	t.kept.Version++
	return nil
}

// insist does again what another request of the same browser came between: a page asks for a passkey by itself while its
// form is being sent. It is for steps that change nothing but the attempt.
func insist[T any](do func() (T, error)) (T, error) {
	const tries = 5
	for i := 1; ; i++ {
		done, err := do()
		if i == tries || !errors.Is(err, session.ErrRaced) {
			return done, err
		}
	}
}

// progress shows where the attempt stands.
func (t *step) progress(v verdict) Progress {
	code := t.state.Code
	return Progress{
		Token: t.token, Purpose: t.state.Purpose, Session: t.state.Session, Application: t.app, ReturnTo: t.state.ReturnTo, Email: t.state.Email,
		Ask: slices.Clone(v.Ask), SecondFactor: v.SecondFactor, Enrol: v.Enrol, NewPassword: v.Choose,
		CodeSent: code != nil && t.now.Before(code.Until), RecoveryCodes: t.codes,
	}
}
