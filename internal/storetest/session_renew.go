package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/revocation"
)

var renewTests = []test{
	{"a renewal replaces the credentials and announces it", renewReplaces},
	{"a renewal of another version writes nothing", renewRaced},
	{"a renewal whose refresh token a refresh has overtaken writes nothing", renewOvertaken},
	{"a dead session is not renewed", renewDead},
	{"the refresh token from before is dead", renewKillsRefresh},
	{"of many renewals one wins", renewOneWinner},
}

func (s *scene) renewal(row session.Session) session.Renewal {
	now := s.tick()
	return session.Renewal{
		ID: row.ID, Version: row.Version, Token: secret.Sum([]byte("renewed token")),
		Refresh: session.Refresh{
			Generation: row.Refresh.Generation + 1, Digest: digest(77), Floor: row.Refresh.Generation + 1, RotatedAt: now,
		},
		AuthenticatedAt: now, ACR: "2", AMR: []string{"pwd", "otp"}, Audit: s.entry(audit.SteppedUp), At: now,
	}
}

func renewReplaces(s *scene) {
	u := s.user("anna")
	row, other := s.session(u), s.session(u)
	s.now = s.now.Add(time.Minute)
	before, r := s.head(), s.renewal(row)
	view, commit, err := s.Sessions().Renew(s.ctx, r)
	s.ok(err)
	s.equal(commit.Position, before.Position+1)
	s.equal(commit.At, r.At)
	s.equal(s.since(before), []revocation.Event{revocation.AuthzEvent(string(u.ID))})
	s.equal(s.audited(r.Audit), true)

	got := view.Session
	s.equal(got.TokensFrom, commit.Position)
	s.equal(view.Revision, s.head().Revision()) // so that a token minted from the view is not from before
	want := row
	want.Version, want.TokensFrom = row.Version+1, commit.Position
	want.Token, want.Refresh = r.Token, r.Refresh
	want.AuthenticatedAt, want.ACR, want.AMR = r.AuthenticatedAt, r.ACR, r.AMR
	// Whether proving oneself counts as being seen is the adapter's affair; it never takes anything away.
	s.equal(got.LastSeenAt.Before(row.LastSeenAt) || got.IdleExpiresAt.Before(row.IdleExpiresAt), false)
	want.LastSeenAt, want.IdleExpiresAt = got.LastSeenAt, got.IdleExpiresAt
	s.equal(got, want)
	s.equal(s.find(row.ID), view)
	s.equal(s.find(other.ID).Session, other)
}

func renewRaced(s *scene) {
	row := s.session(s.user("anna"))
	_, _, err := s.Sessions().Renew(s.ctx, s.renewal(row))
	s.ok(err)
	want := s.find(row.ID)
	for _, version := range []uint64{row.Version, row.Version + 2} {
		r := s.renewal(row)
		r.Version = version
		s.refused(session.ErrRaced, func() error {
			_, _, err := s.Sessions().Renew(s.ctx, r)
			return err
		})
	}
	s.equal(s.find(row.ID), want)
	unknown := s.renewal(row)
	unknown.ID = session.NewID(s.now)
	s.refused(session.ErrNotFound, func() error {
		_, _, err := s.Sessions().Renew(s.ctx, unknown)
		return err
	})
}

// renewOvertaken: two tokens of one generation would make an honest refresh look like theft.
func renewOvertaken(s *scene) {
	row := s.session(s.user("anna"))
	late := s.renewal(row) // made for generation 2
	_, err := s.Sessions().Rotate(s.ctx, s.rotation(row.ID, 1))
	s.ok(err)
	want := s.find(row.ID)
	s.refused(session.ErrRaced, func() error {
		_, _, err := s.Sessions().Renew(s.ctx, late)
		return err
	})
	s.equal(s.find(row.ID), want)
}

func renewDead(s *scene) {
	u := s.user("anna")
	ended, expired := s.session(u), s.session(u)
	s.end(ended.ID)
	s.refused(session.ErrEnded, func() error {
		_, _, err := s.Sessions().Renew(s.ctx, s.renewal(ended))
		return err
	})
	s.now = s.now.Add(idle)
	want := s.find(expired.ID)
	s.refusedAnyhow(func() error {
		_, _, err := s.Sessions().Renew(s.ctx, s.renewal(expired))
		if !errors.Is(err, session.ErrEnded) && !errors.Is(err, session.ErrExpired) {
			s.t.Fatalf("renewal of an expired session: %v", err)
		}
		return err
	})
	s.equal(s.find(expired.ID), want)
}

func renewKillsRefresh(s *scene) {
	row := s.session(s.user("anna"))
	_, _, err := s.Sessions().Renew(s.ctx, s.renewal(row))
	s.ok(err)
	_, err = s.Sessions().Rotate(s.ctx, s.rotation(row.ID, 1))
	s.is(err, session.ErrRaced)
	r := s.rotation(row.ID, 2)
	r.Digest = digest(77)
	view, err := s.Sessions().Rotate(s.ctx, r)
	s.ok(err)
	s.equal(view.Session.Refresh.Floor, uint32(2))
	s.equal(view.Session.Version, row.Version+1) // rotation is no replacement
}

func renewOneWinner(s *scene) {
	row := s.session(s.user("anna"))
	before, r := s.head(), s.renewal(row)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, _, err := s.Sessions().Renew(s.ctx, r)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, session.ErrRaced) {
				s.t.Error(err)
			}
		})
	}
	wg.Wait()
	s.equal(won.Load(), int32(1))
	s.equal(s.head().Position, before.Position+1)
	s.equal(s.find(row.ID).Session.Version, row.Version+1)
}
