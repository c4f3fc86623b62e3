package verify

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/verifytest"
)

// A session that is bound to a device is accepted with its bound cookie only, however often it was accepted before.
func TestBoundSession(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		until := time.Now().Add(2 * time.Minute)
		token, bound := session.Token(), session.Bind(until)
		unbound := func(credential string, rules ...Rule) {
			t.Helper()
			_, err := v.Verify(t.Context(), credential, rules...)
			var refused *Refusal
			if !errors.As(err, &refused) || refused.Status != 401 || refused.Code != CodeInvalidToken || refused.Reason != "unbound" {
				t.Errorf("answered %v", err)
			}
		}
		for range 3 {
			accepts(t, v, token+"~"+bound)
			accepts(t, v, token+"~"+bound, Live())
			for _, stolen := range []string{token, token + "~", token + "~x", token + "~" + bound + "~" + bound} {
				unbound(stolen)
				unbound(stolen, Live())
			}
		}
		asked := s.Requests(livePath)
		for time.Now().Before(until) {
			accepts(t, v, token+"~"+bound)
			time.Sleep(time.Second)
		}
		if n := s.Requests(livePath) - asked; n != 0 {
			t.Errorf("asked %d times", n)
		}
		unbound(token + "~" + bound) // not remembered beyond its end
		next := session.Bind(until.Add(time.Hour))
		accepts(t, v, token+"~"+next)
		unbound(token + "~" + bound)
		session.End()
		synctest.Wait()
		time.Sleep(50 * time.Millisecond)
		refuses(t, v, ErrRevoked, token+"~"+next)
	})
}

// Both cookies of a request go to the server, and neither of another request's.
func TestProtectPassesTheBoundCookieOn(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	bound := session.Bind(time.Now().Add(time.Hour))
	h := v.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for cookies, want := range map[string]int{
		"tandem_session=" + session.Token() + "; tandem_bound=" + bound: 204,
		"tandem_bound=" + bound + "; tandem_session=" + session.Token(): 204,
		"tandem_session=" + session.Token():                             401,
		"tandem_session=" + session.Token() + "; tandem_bound=x":        401,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookies)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%d, want %d: %s", w.Code, want, w.Body)
		}
	}
}
