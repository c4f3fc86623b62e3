package verify

import (
	"testing"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

func TestWholePath(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{Roles: []string{"admin"}})
	credentials := map[string]string{"access token": session.AccessToken(), "session token": session.Token()}
	other := s.SignIn(verifytest.User{})
	for name, c := range credentials {
		token := accepts(t, v, c, Role("admin"))
		if token.Kind().String() != name || token.Subject() != session.User() || token.SessionID() != session.ID {
			t.Errorf("%s: got %v", name, token)
		}
		accepts(t, v, c, Live())
	}
	kept := other.AccessToken()
	accepts(t, v, kept)
	s.Revoke(revocation.KindSubject, session.User())
	s.Settle()
	for name, c := range credentials {
		refuses(t, v, ErrRevoked, c)
		refuses(t, v, ErrRevoked, c, Live())
		t.Log(name)
	}
	accepts(t, v, kept)
	accepts(t, v, other.Token())
	t.Logf("%+v", v.Status())
}
