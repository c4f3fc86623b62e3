package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/limit"
	"tandem.example/tandem/internal/mail"
	"tandem.example/tandem/internal/secret"
)

// codeAge is for how long a mailed code and its link are good.
const codeAge = 10 * time.Minute

// SendCode mails a code and a link to Email, or to the user's own address; to an address without an account it mails
// what is to be done, and signing up with one that has an account it mails that it has one. The answer is always alike.
// Errors: ErrNoMail.
func (s *Service) SendCode(ctx context.Context, attempt secret.Text, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if !s.CanMail {
		return Progress{}, ErrNoMail
	}
	if !s.asks(t, application.EmailCode) || t.state.Email == "" {
		return Progress{}, ErrNotNow
	}
	if err := s.takeMail(ctx, t.state.Email, c); err != nil {
		return Progress{}, err
	}
	m, err := s.compose(ctx, t)
	if err != nil {
		return Progress{}, err
	}
	t.anew = true // a new code has guesses of its own
	if err := s.keep(ctx, t); err != nil {
		return Progress{}, err
	}
	s.tell(ctx, m)
	return t.progress(s.judge(t)), nil
}

// takeMail keeps strangers from filling a mailbox, and an address from filling many. As with guesses, a device or an
// address from which the owner of the mailbox has signed in before has a limit of its own: see take.
func (s *Service) takeMail(ctx context.Context, to string, c Client) error {
	to = account.NormalizeEmail(to)
	from := taken{limit.Key("mail from", addressKey(c.IP)), s.Defaults.MailFrom}
	if d, err := s.Limits.Take(ctx, from.key, from.policy, s.Now()); err != nil || !d.Allowed {
		return overMail(d, err)
	}
	d, err := s.Limits.Take(ctx, limit.Key("mail to", to), s.Defaults.MailTo, s.Now())
	if err != nil || d.Allowed {
		return overMail(d, err)
	}
	own, known, err := s.ownKey(ctx, to, c)
	if err != nil {
		return err
	}
	if known {
		if d, err = s.Limits.Take(ctx, limit.Key("mail to owner", own), s.Defaults.MailTo, s.Now()); err != nil || d.Allowed {
			return overMail(d, err)
		}
	}
	s.refund(ctx, []taken{from})
	return &LimitedError{RetryAfter: d.RetryAfter}
}

func overMail(d limit.Decision, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("take from limit: %w", err)
	case !d.Allowed:
		return &LimitedError{RetryAfter: d.RetryAfter}
	}
	return nil
}

// compose makes a code and writes the message that goes to the address: always one, and always a code, so that nothing
// about the account shows in what is done.
func (s *Service) compose(ctx context.Context, t *step) (mail.Message, error) {
	code, kept := credential.NewMailedCode(s.codeKey(), t.kept.ID)
	random := secret.Random(32)
	link := secret.NewText(s.url(LinkPath) + "?token=" + base64.RawURLEncoding.EncodeToString(random))
	digest := secret.Sum(random)
	user, err := s.Accounts.ByEmail(ctx, t.state.Email)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return mail.Message{}, fmt.Errorf("send code: %w", err)
	}
	found, to := err == nil, t.state.Email
	if found {
		to = user.Email // never what was typed: it is found under more than one spelling
	}
	speaker, h := language.For(t.client.Languages), s.occasion(to, t.client, t.now)
	t.state.Code = &mailed{Code: kept, Link: digest[:], Until: t.now.Add(codeAge)}
	uses := map[Purpose]mail.Use{ToSignUp: mail.ToSignUp, ToRecover: mail.ToRecover, ToVerifyEmail: mail.ToVerifyEmail, ToStepUp: mail.ToStepUp}
	use, ok := uses[t.state.Purpose]
	if !ok {
		use = mail.ToSignIn
	}
	m := mail.Code(h, mail.Proof{Use: use, Code: code, Link: link, Valid: codeAge}, speaker)
	taken := found && (t.state.Purpose == ToSignUp && user.EmailVerified || t.state.Purpose == ToVerifyEmail && user.ID != t.user.ID)
	switch {
	case taken:
		t.state.Code.Void = true
		m = mail.HaveAccount(h, s.url(SignInPath), s.url(RecoverPath), speaker)
	case !found && (t.state.Purpose == ToSignIn || t.state.Purpose == ToRecover):
		t.state.Code.Void = true
		m = mail.NoAccount(h, s.url(SignUpPath), speaker)
	}
	return m, nil
}

func (s *Service) codeKey() []byte { return s.Box.Derive("mailed code") }

// ProveCode proves the code that was mailed. Errors: ErrWrongCode, ErrTooManyTries.
func (s *Service) ProveCode(ctx context.Context, attempt secret.Text, code string, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if !s.asks(t, application.EmailCode) || t.state.Email == "" {
		return Progress{}, ErrNotNow
	}
	tried, err := s.take(ctx, t.state.Email, c)
	if err != nil {
		return Progress{}, err
	}
	if err := s.Attempts.Try(ctx, t.kept.ID, codeTries); err != nil {
		return Progress{}, fmt.Errorf("count a guess: %w", err)
	}
	// What counts is the code as it is once the guess was counted: another may have been sent meanwhile.
	if t, err = s.resume(ctx, attempt, c); err != nil {
		return Progress{}, err
	}
	sent := t.state.Code
	if sent == nil || !sent.Code.Matches(s.codeKey(), t.kept.ID, code) || sent.Void || !t.now.Before(sent.Until) {
		return Progress{}, s.wrongCode(ctx, t)
	}
	s.refund(ctx, tried)
	return s.codeProven(ctx, t)
}

// ProveLink proves the secret part of the link that was mailed. It takes the attempt of the browser that asked for it,
// so a link alone, forwarded or fetched ahead, is of no use. A wrong one cannot be a lucky guess away from the right one; it
// is counted because it is recorded. Errors: ErrWrongCode.
func (s *Service) ProveLink(ctx context.Context, attempt, link secret.Text, c Client) (Progress, error) {
	t, err := s.resume(ctx, attempt, c)
	if err != nil {
		return Progress{}, err
	}
	if !s.asks(t, application.EmailCode) || t.state.Email == "" {
		return Progress{}, ErrNotNow
	}
	tried, err := s.takeAddress(ctx, c.IP)
	if err != nil {
		return Progress{}, err
	}
	random, err := base64.RawURLEncoding.DecodeString(link.Reveal())
	sent := t.state.Code
	if err != nil || sent == nil || sent.Void || !t.now.Before(sent.Until) {
		return Progress{}, s.wrongCode(ctx, t)
	}
	kept, err := secret.ParseDigest(sent.Link)
	if err != nil || !kept.Equal(secret.Sum(random)) {
		return Progress{}, s.wrongCode(ctx, t)
	}
	s.refund(ctx, []taken{tried})
	return s.codeProven(ctx, t)
}

func (s *Service) wrongCode(ctx context.Context, t *step) error {
	if err := s.refusedFor(ctx, t.refusal(), t.user.ID, "wrong_code", t.client); err != nil {
		return err
	}
	return ErrWrongCode
}

// codeProven goes on with a person who reads the mail of the address.
func (s *Service) codeProven(ctx context.Context, t *step) (Progress, error) {
	t.state.Code = nil
	t.state.Proofs = append(t.state.Proofs, proof{Method: application.EmailCode})
	switch t.state.Purpose {
	case ToSignIn, ToRecover, ToSignUp:
		if err := s.own(ctx, t); err != nil {
			return Progress{}, err
		}
	case ToVerifyEmail:
		return s.verified(ctx, t)
	}
	return s.settle(ctx, t)
}

// own finds the account of the address that was just proven.
func (s *Service) own(ctx context.Context, t *step) error {
	user, err := s.Accounts.ByEmail(ctx, t.state.Email)
	if errors.Is(err, account.ErrNotFound) && t.state.Purpose == ToSignUp {
		t.state.NewUser = account.NewID(t.now)
		return nil
	}
	signedUp := err == nil && t.state.Purpose == ToSignUp && user.EmailVerified // by somebody else, meanwhile
	if errors.Is(err, account.ErrNotFound) || err == nil && (user.Status != account.Active || signedUp) {
		return s.wrongCode(ctx, t)
	}
	if err != nil {
		return fmt.Errorf("prove code: %w", err)
	}
	if !user.EmailVerified {
		if user, err = s.claim(ctx, user, t.client); err != nil {
			return err
		}
	}
	return s.identify(ctx, t, user, user.Revision)
}
