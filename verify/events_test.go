package verify

import (
	"testing"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

// Each kind of event against each credential, from before the event and after,
// of those concerned and of others.
func TestEventsAndCredentials(t *testing.T) {
	tests := []struct {
		kind    revocation.Kind
		id      func(*verifytest.Server, *verifytest.Session) string
		access  error // of an access token from before
		session error // of the session token
		renewed error // of an access token from after
		others  error // of an access token of somebody else, from before
	}{
		{revocation.KindSession, func(_ *verifytest.Server, x *verifytest.Session) string { return x.ID }, ErrRevoked, ErrRevoked, ErrRevoked, nil},
		{revocation.KindSubject, func(_ *verifytest.Server, x *verifytest.Session) string { return x.User() }, ErrRevoked, ErrRevoked, nil, nil},
		{revocation.KindAuthz, func(_ *verifytest.Server, x *verifytest.Session) string { return x.User() }, ErrStale, nil, nil, nil},
		{revocation.KindApplication, func(*verifytest.Server, *verifytest.Session) string { return "app_third" }, ErrRevoked, ErrRevoked, nil, nil},
		{revocation.KindKey, func(s *verifytest.Server, _ *verifytest.Session) string { return s.TokenKey().Key().ID() }, ErrInvalidToken, nil, nil, ErrInvalidToken},
		{revocation.KindAll, func(*verifytest.Server, *verifytest.Session) string { return "" }, ErrStale, nil, nil, ErrStale},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			s := verifytest.NewServer(t)
			v := start(t, s)
			session, other := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
			session.Edit(func(x *verifytest.Session) { x.ClientID = "app_third" })
			access, others := session.AccessToken(), other.AccessToken()
			all := []string{access, others, session.Token(), other.Token()}
			for _, c := range all {
				accepts(t, v, c)
			}
			s.Revoke(tt.kind, tt.id(s, session))
			s.Settle()
			check := func(name string, want error, credential string) {
				t.Helper()
				_, err := v.Verify(t.Context(), credential)
				if want == nil && err != nil {
					t.Errorf("%s: refused: %v", name, err)
				}
				if want != nil {
					refuses(t, v, want, credential)
				}
			}
			check("access token", tt.access, access)
			check("session token", tt.session, session.Token())
			check("renewed access token", tt.renewed, session.AccessToken())
			check("somebody else's access token", tt.others, others)
			check("somebody else's session token", nil, other.Token())
			check("somebody else's renewed access token", nil, other.AccessToken())
		})
	}
}

func TestEveryAlgorithm(t *testing.T) {
	for _, alg := range []jws.Algorithm{jws.ES256, jws.EdDSA, jws.RS256, jws.PS256, jws.HS256} {
		t.Run(string(alg), func(t *testing.T) {
			s := verifytest.NewServer(t, verifytest.Algorithm(alg))
			v := start(t, s, func(c *Config) {
				if alg == jws.HS256 {
					c.SharedKeys = []jws.Key{s.TokenKey().Key()}
				}
			})
			session := s.SignIn(verifytest.User{})
			got := accepts(t, v, session.AccessToken())
			if got.Subject() != session.User() {
				t.Errorf("subject %q", got.Subject())
			}
			if alg == jws.HS256 {
				// Not published: nobody else can check it, or make it.
				refuses(t, start(t, s), ErrInvalidToken, session.AccessToken())
			}
		})
	}
}

func TestTokenSaysWhatItCarries(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{Roles: []string{"teller"}})
	session.Edit(func(x *verifytest.Session) { x.Scope = "accounts payments" })
	var claims token.Claims
	compact := session.AccessToken(func(c *token.Claims) { claims = *c })
	for _, got := range []*Token{accepts(t, v, compact), accepts(t, v, session.Token())} {
		if got.Subject() != session.User() || got.SessionID() != session.ID || got.ClientID() != "app_default" || got.ACR() != "1" ||
			got.Scope() != "accounts payments" || !got.HasScope("payments") || !got.HasRole("teller") ||
			got.AuthenticatedAt().Unix() != claims.AuthTime || got.Revision() != claims.Revision {
			t.Errorf("%v does not say what it carries", got)
		}
		// What callers do to what they are given does not reach the next caller.
		got.Roles()[0], got.Audience()[0], got.AMR()[0] = "admin", "x", "x"
	}
	for _, credential := range []string{compact, session.Token()} {
		again := accepts(t, v, credential)
		if again.HasRole("admin") || again.Audience()[0] != s.Audience() || again.AMR()[0] != "pwd" {
			t.Error("a caller changed what is remembered")
		}
	}
	got := accepts(t, v, compact)
	if got.ID() != claims.ID || got.IssuedAt().Unix() != claims.IssuedAt || got.ExpiresAt().Unix() != claims.ExpiresAt {
		t.Errorf("%v does not say what it carries", got)
	}
}

// A server whose store was rolled back to before a key was stolen takes what it
// signs again. A verifier that knew of it does not, however fresh its routes.
func TestRevokedKeyIsDistrustedOnLiveRoutesToo(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	access := s.SignIn(verifytest.User{}).AccessToken()
	accepts(t, v, access)
	s.Announce(revocation.KeyEvent(s.TokenKey().Key().ID())) // the server itself still trusts it
	s.Settle()
	refuses(t, v, ErrStale, access)
	refuses(t, v, ErrStale, access, Live())
}

// Everybody's tokens of a replaced key come back at once. None of them has a
// reason to wait for the issuer.
func TestTokenOfARevokedKeyIsRefusedWithoutAsking(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	tokens := []string{session.AccessToken(), session.AccessToken(), session.AccessToken()}
	s.RevokeKey(s.TokenKey().Key().ID())
	s.Settle()
	before := s.Requests(jwksPath)
	for _, access := range tokens {
		refuses(t, v, ErrStale, access)
	}
	if n := s.Requests(jwksPath) - before; n != 0 {
		t.Errorf("%d fetches of the keys", n)
	}
}

// A verifier that has applied an `all` event, but holds no lease of it yet, must
// not take that for a revoked key: it would refuse every token, new ones too.
func TestAllRenewedIsNoRevokedKey(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	s.Announce(revocation.AllEvent())
	s.Settle()
	old := *v.lease.Load()
	old.position = 0 // as while the keys of the same reply cannot be fetched
	v.lease.Store(&old)
	accepts(t, v, s.SignIn(verifytest.User{}).AccessToken())
}
