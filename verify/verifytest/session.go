package verifytest

import (
	"crypto/rand"
	"slices"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
)

// User is somebody who signs in.
type User struct {
	ID    string // made up if empty
	Email string
	Roles []string
}

// Session is one sign-in.
type Session struct {
	server *Server

	// Set when signing in, or by Edit.
	ID, ClientID    string
	ACR             string
	AMR             []string
	Scope           string
	Audiences       []string
	AuthenticatedAt time.Time
	ExpiresAt       time.Time
	IdleExpiresAt   time.Time // zero: never

	user   string
	secret string
	ended  bool
	// Of a session that is bound to a device: the bound cookie, and when it expires.
	bound      string
	boundUntil time.Time
}

// SignIn starts a session, of a known user if the id is known: then the rest of
// u counts only where it is not empty.
func (s *Server) SignIn(u User) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.ID == "" {
		u.ID = "usr_" + rand.Text()
	}
	known := s.users[u.ID]
	if known == nil {
		known = &User{ID: u.ID}
		s.users[u.ID] = known
	}
	if u.Email != "" {
		known.Email = u.Email
	}
	if u.Roles != nil {
		known.Roles = slices.Clone(u.Roles)
	}
	now := s.now().UTC().Truncate(time.Second)
	x := &Session{
		server: s, user: u.ID, ID: "ses_" + rand.Text(), ClientID: "app_default", ACR: "1", AMR: []string{"pwd"},
		Audiences: []string{s.settings.audience}, AuthenticatedAt: now, ExpiresAt: now.AddDate(0, 1, 0),
		secret: "tds_" + rand.Text() + rand.Text() + rand.Text(),
	}
	s.sessions[x.ID] = x
	return x
}

// Edit changes the session's fields under the server's lock, without telling
// anybody.
func (x *Session) Edit(f func(*Session)) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	f(x)
}

// User is whose session it is.
func (x *Session) User() string { return x.user }

// Token is the session token, as in the cookie.
func (x *Session) Token() string {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	return x.secret
}

// Bind binds the session to a device, or gives it another bound cookie, which is
// returned: from now on its token is accepted together with that only, as
// Token() + "~" + bound, until it expires.
func (x *Session) Bind(until time.Time) (bound string) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.bound, x.boundUntil = rand.Text(), until
	return x.bound
}

// AccessToken mints an access token of the session as it is now. Each edit may
// change what it says.
func (x *Session) AccessToken(edits ...func(*token.Claims)) string {
	s := x.server
	s.mu.Lock()
	now := s.now()
	c := token.Claims{
		Issuer: s.issuer, Subject: x.user, Audience: x.Audiences[:1], ClientID: x.ClientID,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(s.settings.ttl).Unix(), ID: rand.Text(), SessionID: x.ID,
		Revision: s.log.revision(), AuthTime: x.AuthenticatedAt.Unix(), ACR: x.ACR, AMR: slices.Clone(x.AMR),
		Scope: x.Scope, Roles: slices.Clone(s.users[x.user].Roles),
	}
	s.mu.Unlock()
	for _, edit := range edits {
		edit(&c)
	}
	return s.Mint(c)
}

// Mint signs claims as they are, with the current key.
func (s *Server) Mint(c token.Claims) string {
	payload, err := c.Encode()
	if err != nil {
		s.fatal("verifytest: %v", err)
	}
	compact, err := s.TokenKey().Sign(token.Type, payload)
	if err != nil {
		s.fatal("verifytest: %v", err)
	}
	return compact
}

// End ends a session, as signing out does. It returns the event's position.
func (x *Session) End() uint64 { return x.server.Revoke(revocation.KindSession, x.ID) }

// Renew gives the session a new token, as a step-up does: the old one is dead,
// and what verifiers remember of it is recalled.
func (x *Session) Renew() uint64 {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	x.secret = "tds_" + rand.Text() + rand.Text() + rand.Text()
	x.AuthenticatedAt = s.now().UTC().Truncate(time.Second)
	return s.append(revocation.AuthzEvent(x.user))
}

// Demote replaces a user's roles, and returns the event's position.
func (s *Server) Demote(user string, roles ...string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[user]; u != nil {
		u.Roles = roles
	}
	return s.append(revocation.AuthzEvent(user))
}

// Revoke does what an operator orders: the sessions concerned end, and the
// event is in the log. It returns the event's position. The id is a session's, a
// user's, an application's or a key's, or empty for KindAll.
func (s *Server) Revoke(kind revocation.Kind, id string) uint64 {
	if kind == revocation.KindKey {
		return s.RevokeKey(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.sessions {
		switch {
		case kind == revocation.KindSession && x.ID == id,
			kind == revocation.KindSubject && x.user == id,
			kind == revocation.KindApplication && x.ClientID == id:
			x.ended = true
		}
	}
	e := revocation.Event{Kind: kind}
	if kind != revocation.KindAll {
		e.ID = revocation.Hash(id).String()
	}
	return s.append(e)
}

// Announce writes an event without any change behind it.
func (s *Server) Announce(e revocation.Event) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.append(e)
}

// TokenKey is the key that signs tokens now.
func (s *Server) TokenKey() jws.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signer
}

// RotateKey signs with a new key from now on; the old ones stay published.
func (s *Server) RotateKey() (kid string) {
	next := s.generate("key-"+rand.Text(), s.settings.algorithm)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signer = next
	s.keys = append(slices.Clone(s.keys), next.Key())
	return next.Key().ID()
}

// RevokeKey withdraws a key, as when it was stolen, and returns the event's
// position. If it is the current one, a new one takes its place.
func (s *Server) RevokeKey(kid string) uint64 {
	if s.TokenKey().Key().ID() == kid {
		s.RotateKey()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = slices.DeleteFunc(slices.Clone(s.keys), func(k jws.Key) bool { return k.ID() == kid })
	return s.append(revocation.KeyEvent(kid))
}
