package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// BoundSession is a session that its device has just proven itself for.
type BoundSession struct {
	View   session.View
	Cookie secret.Text // the bound cookie
	Until  time.Time   // when that expires
}

// ChallengeError is answered to a device whose proof is missing or too old: it is to sign the challenge and come again.
type ChallengeError struct{ Challenge string }

func (*ChallengeError) Error() string { return "a new proof of the device is required" }

// ErrNotBound is answered for a session that there is nothing to renew of, for the browser that asks: it is bound to no
// device, or the browser holds no cookie of it any more.
var ErrNotBound = errors.New("session is not bound to this browser")

// DeviceProof is what a device has signed, and the URL that it was sent to.
type DeviceProof struct{ Text, URL string }

// BindDevice binds the session to the device that the proof brings the key of. The proof answers Grant.Invite, which only
// whoever signed in was given: a session token that was copied later binds nothing. The first device wins; the same one may
// come again.
//
// Errors: as Check; session.ErrProof, session.ErrChallenge; session.ErrBound, which is recorded.
func (s *Service) BindDevice(ctx context.Context, p Presented, proof DeviceProof, c Client) (BoundSession, error) {
	p.Leaving = true
	who, err := s.Check(ctx, p)
	if err != nil {
		return BoundSession{}, err
	}
	now := who.At
	read, err := session.ReadProof(proof.Text)
	if err == nil {
		err = s.meant(read, proof)
	}
	if err == nil {
		err = s.Binder.CheckInvite(who.View.Session, read.Challenge, now)
	}
	if err != nil {
		return BoundSession{}, fmt.Errorf("bind session: %w", err)
	}
	entry := s.entry(audit.SessionBound, c, who.View.User.ID, now)
	entry.Target = string(who.View.Session.ID)
	v, err := s.Bindings.Bind(ctx, session.Binding{ID: who.View.Session.ID, Key: read.Key, Audit: entry, At: now})
	if errors.Is(err, session.ErrBound) {
		return BoundSession{}, errors.Join(session.ErrBound, s.bindingRefused(ctx, who.View, c, "another device came first"))
	}
	if err != nil {
		return BoundSession{}, fmt.Errorf("bind session: %w", err)
	}
	return s.boundSession(v, now), nil
}

// RenewBound gives the device of a session a new bound cookie, for a proof alone. `held` is the session cookie that came
// with it, if one did. That a step-up has replaced its secret meanwhile does not matter, since the proof is worth more; but
// if it is another session's, the browser has no use for a bound cookie of this one.
//
// Errors: *ChallengeError if there is no proof, or one of a challenge that is too old; session.ErrProof, which is
// recorded; ErrNotBound, session.ErrEnded, session.ErrExpired: the browser is to give up.
func (s *Service) RenewBound(ctx context.Context, id session.ID, held secret.Text, proof DeviceProof, c Client) (BoundSession, error) {
	of, digest, err := session.ParseToken(held.Reveal())
	if err == nil && of != id || !s.Binder.On() {
		return BoundSession{}, ErrNotBound
	}
	now := s.Now()
	v, err := s.Sessions.Find(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		return BoundSession{}, ErrNotBound
	}
	if err != nil {
		return BoundSession{}, fmt.Errorf("renew bound cookie: %w", err)
	}
	if err := v.Alive(now); err != nil {
		return BoundSession{}, err
	}
	if len(v.Session.Bound.Key) == 0 {
		return BoundSession{}, ErrNotBound
	}
	if proof.Text == "" {
		return BoundSession{}, &ChallengeError{s.Binder.Challenge(v.Session, now)}
	}
	read, err := session.ReadProofBy(v.Session.Bound.Key, proof.Text)
	if err == nil {
		err = s.meant(read, proof)
	}
	if err != nil {
		if !digest.IsZero() && digest.Equal(v.Session.Token) { // else anybody could write the trail
			err = errors.Join(err, s.bindingRefused(ctx, v, c, "the proof is not of the session's device"))
		}
		return BoundSession{}, fmt.Errorf("renew bound cookie: %w", err)
	}
	if err := s.Binder.CheckChallenge(v.Session, read.Challenge, now); err != nil {
		return BoundSession{}, &ChallengeError{s.Binder.Challenge(v.Session, now)}
	}
	s.Sightings.See(v.Session, now)
	return s.boundSession(v, now), nil
}

// meant compares what a proof says it is for, if it says so: the URL it was sent to, and as its subject the browser's name
// for the session, which is the issuer.
func (s *Service) meant(p session.Proof, sent DeviceProof) error {
	if p.Audience != "" && p.Audience != sent.URL || p.Subject != "" && p.Subject != s.Issuer {
		return fmt.Errorf("%w: it is meant for something else", session.ErrProof)
	}
	return nil
}

func (s *Service) boundSession(v session.View, now time.Time) BoundSession {
	return BoundSession{View: v, Cookie: s.Binder.Bound(v.Session, now), Until: now.Add(s.Binder.Lifetime())}
}

// bindingRefused records that somebody held the session's token, but not its device.
func (s *Service) bindingRefused(ctx context.Context, v session.View, c Client, reason string) error {
	e := s.entry(audit.BindingRefused, c, v.User.ID, s.Now())
	e.Actor, e.Target, e.Outcome, e.Reason = "", string(v.Session.ID), audit.Refused, reason
	return s.record(ctx, e)
}
