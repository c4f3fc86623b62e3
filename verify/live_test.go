package verify

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

const livePath = "/v1/session"

func TestLiveAsksEachTime(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	access := session.AccessToken()
	for i := range 5 {
		accepts(t, v, access, Live())
		accepts(t, v, session.Token(), Live())
		if n := s.Requests(livePath); n != 2*(i+1) {
			t.Errorf("%d questions after %d requests", n, 2*(i+1))
		}
	}
	session.End() // and no waiting for the feed
	for _, c := range []string{access, session.Token()} {
		if got := refuses(t, v, ErrRevoked, c, Live()); got.Status != http.StatusUnauthorized {
			t.Errorf("%+v", got)
		}
	}
}

// Nobody shares an answer on a route with Live: it would have been read before
// the request came.
func TestLiveIsNotShared(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		s.Intercept(func(r *http.Request, _ *verifytest.Response) {
			if r.URL.Path == livePath {
				time.Sleep(time.Second)
			}
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			// Its answer was read in time, but by the time it arrives the set knows better.
			refuses(t, v, ErrRevoked, session.Token(), Live())
		})
		time.Sleep(500 * time.Millisecond)
		session.End()
		before := time.Now()
		refuses(t, v, ErrRevoked, session.Token(), Live())
		if time.Since(before) < time.Second {
			t.Error("took the answer to somebody else's question")
		}
		wg.Wait()
	})
}

// After a role has changed, the live check knows the new roles; the token is
// not refused for being stale.
func TestLiveUsesTheServersRoles(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{Roles: []string{"admin"}})
	access := session.AccessToken()
	s.Demote(session.User(), "teller")
	s.Settle()
	refuses(t, v, ErrStale, access, Role("admin"))
	refuses(t, v, ErrForbidden, access, Live(), Role("admin"))
	got := accepts(t, v, access, Live(), Role("teller"))
	if got.HasRole("admin") || !got.HasRole("teller") {
		t.Errorf("roles %v", got.Roles())
	}
	session.Edit(func(x *verifytest.Session) { x.ACR, x.AMR = "2", []string{"pwd", "otp"} })
	if got := accepts(t, v, access, Live(), ACR("2")); got.ACR() != "2" || len(got.AMR()) != 2 {
		t.Errorf("acr %q", got.ACR())
	}
	refuses(t, v, ErrStale, access) // the one that is remembered is as it was
}

func TestLiveChecksTheTokenToo(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	before := s.Requests(livePath)
	for name, edit := range map[string]func(*token.Claims){
		"audience": func(c *token.Claims) { c.Audience = []string{"https://other.example"} },
		"expired":  func(c *token.Claims) { c.IssuedAt -= 600; c.ExpiresAt = c.IssuedAt + 300 },
	} {
		if got := refuses(t, v, ErrInvalidToken, session.AccessToken(edit), Live()); got.Reason != name {
			t.Errorf("%s: refused as %q", name, got.Reason)
		}
	}
	if s.Requests(livePath) != before {
		t.Error("the server was asked about a token that is refused anyway")
	}
	session.Edit(func(x *verifytest.Session) { x.Audiences = []string{"https://other.example"} })
	if got := refuses(t, v, ErrInvalidToken, session.Token(), Live()); got.Reason != refusedAudience.Reason {
		t.Errorf("refused as %q", got.Reason)
	}
}

// Whatever goes wrong with the question is 503, never an acceptance and never
// a sign-out.
func TestLiveWithoutAnAnswer(t *testing.T) {
	other := `{"user":{"id":"usr_other"},"session":{"id":"ses_other","expires_at":"2100-01-01T00:00:00Z"},"access":{"audiences":["https://api.example.test"],"position":"ABCDEFGH.0"}}`
	answers := map[string]func(*verifytest.Response){
		"500":          func(r *verifytest.Response) { r.Status = 500 },
		"429":          func(r *verifytest.Response) { r.Status = 429 },
		"403":          func(r *verifytest.Response) { r.Status = 403 },
		"404":          func(r *verifytest.Response) { r.Status = 404 },
		"204":          func(r *verifytest.Response) { r.Status, r.Body = 204, nil },
		"no JSON":      func(r *verifytest.Response) { r.Body = []byte("<html>") },
		"empty object": func(r *verifytest.Response) { r.Body = []byte("{}") },
		"endless":      func(r *verifytest.Response) { r.Body = append(r.Body, strings.Repeat(" ", maxDocument)...) },
		"position gone": func(r *verifytest.Response) {
			r.Body = []byte(strings.Replace(string(r.Body), `"position":"`, `"position":"x`, 1))
		},
		"no end in sight": func(r *verifytest.Response) {
			r.Body = []byte(strings.Replace(string(r.Body), `"expires_at"`, `"expires_at_":1,"x"`, 1))
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			s := verifytest.NewServer(t)
			v := start(t, s)
			session := s.SignIn(verifytest.User{})
			s.Intercept(func(r *http.Request, res *verifytest.Response) {
				if r.URL.Path == livePath {
					answer(res)
				}
			})
			refuses(t, v, ErrUnavailable, session.Token(), Live())
			refuses(t, v, ErrUnavailable, session.Token())
			if name != "no end in sight" { // which an access token has of its own
				refuses(t, v, ErrUnavailable, session.AccessToken(), Live())
			}
		})
	}
	t.Run("about somebody else", func(t *testing.T) {
		s := verifytest.NewServer(t)
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path == livePath {
				res.Body = []byte(other)
			}
		})
		refuses(t, v, ErrUnavailable, session.AccessToken(), Live())
	})
	t.Run("locked", func(t *testing.T) {
		s := verifytest.NewServer(t)
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			res.Body = []byte(strings.Replace(string(res.Body), `"status":"active"`, `"status":"locked"`, 1))
		})
		refuses(t, v, ErrRevoked, session.AccessToken(), Live())
		refuses(t, v, ErrRevoked, session.Token())
	})
	t.Run("partition", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
			v := start(t, s)
			session := s.SignIn(verifytest.User{})
			s.Partition()
			before := time.Now()
			refuses(t, v, ErrUnavailable, session.AccessToken(), Live())
			if waited := time.Since(before); waited > askTimeout {
				t.Errorf("waited %v", waited)
			}
		})
	})
}

// The reasons that the server gives for a refusal reach the client.
func TestLiveReasons(t *testing.T) {
	for reason, want := range map[string]error{"revoked": ErrRevoked, "stale": ErrStale, "expired": ErrExpired, "else": ErrInvalidToken} {
		s := verifytest.NewServer(t)
		v := start(t, s)
		credential := s.SignIn(verifytest.User{}).AccessToken()
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path == livePath {
				res.Status, res.Body = 401, []byte(`{"code":"invalid_token"}`)
				res.Header.Set("WWW-Authenticate", `Bearer error="invalid_token", reason="`+reason+`"`)
			}
		})
		refuses(t, v, want, credential, Live())
	}
}

// AskServer goes on without a lease, by asking once for all requests of a
// credential.
func TestAskServer(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session, ended := s.SignIn(verifytest.User{Roles: []string{"admin"}}), s.SignIn(verifytest.User{})
		credentials := []string{session.AccessToken(), session.Token()}
		endedToken := ended.AccessToken()
		for _, c := range credentials {
			accepts(t, v, c)
		}
		loseFeed(s)
		time.Sleep(11 * time.Second)
		ended.End()
		for _, c := range credentials {
			refuses(t, v, ErrLeaseLost, c)
			before := s.Requests(livePath)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { accepts(t, v, c, OnLeaseLost(AskServer), Role("admin")) })
			}
			wg.Wait()
			if n := s.Requests(livePath) - before; n != 1 {
				t.Errorf("%d questions for 100 requests at once", n)
			}
		}
		refuses(t, v, ErrRevoked, endedToken, OnLeaseLost(AskServer))
		s.Demote(session.User())
		refuses(t, v, ErrForbidden, credentials[0], OnLeaseLost(AskServer), Role("admin"))
		s.Crash()
		refuses(t, v, ErrUnavailable, credentials[0], OnLeaseLost(AskServer))
	})
}

// A server that cannot answer is left alone for as long as it says, give or take; when it is back, so are the routes.
func TestAskServerRests(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s, func(c *Config) { c.MaxAsks = 16 })
		var credentials []string
		for range 20 {
			credentials = append(credentials, s.SignIn(verifytest.User{}).AccessToken())
			accepts(t, v, credentials[len(credentials)-1])
		}
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path == syncPath || r.URL.Path == livePath {
				res.Status, res.Body = http.StatusServiceUnavailable, nil
				res.Header.Set("Retry-After", "4")
			}
		})
		time.Sleep(11 * time.Second)
		before := s.Requests(livePath)
		for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(100 * time.Millisecond) {
			for _, c := range credentials {
				refuses(t, v, ErrUnavailable, c, OnLeaseLost(AskServer))
			}
		}
		if n := s.Requests(livePath) - before; n < 5 || n > 60 {
			t.Errorf("%d questions in a minute of outage, want one every two to six seconds", n)
		}
		loseFeed(s) // the rest works again
		time.Sleep(6 * time.Second)
		for _, c := range credentials {
			accepts(t, v, c, OnLeaseLost(AskServer))
		}
	})
}

// loseFeed breaks the feed and nothing else.
func loseFeed(s *verifytest.Server) {
	s.Intercept(func(r *http.Request, res *verifytest.Response) {
		if r.URL.Path == syncPath {
			res.Status, res.Body = http.StatusInternalServerError, nil
		}
	})
}

// The live checks of AskServer are bounded; what is beyond is told to come
// again, and routes with Live keep their share.
func TestAskServerIsBounded(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s, func(c *Config) { c.MaxAsks = 16 })
		var credentials []string
		for range 50 {
			credentials = append(credentials, s.SignIn(verifytest.User{}).AccessToken())
		}
		for _, c := range credentials {
			accepts(t, v, c)
		}
		var mu sync.Mutex
		now, most := 0, 0
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path == syncPath {
				res.Status = http.StatusInternalServerError
			}
			if r.URL.Path == livePath {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				now--
				mu.Unlock()
			}
		})
		time.Sleep(11 * time.Second)
		var wg sync.WaitGroup
		accepted, denied := 0, 0
		for _, c := range credentials {
			wg.Go(func() {
				_, err := v.Verify(t.Context(), c, OnLeaseLost(AskServer))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					accepted++
				} else if errors.Is(err, ErrUnavailable) {
					denied++
				} else {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		accepts(t, v, credentials[0], Live())
		wg.Wait()
		if most > 5 || accepted == 0 || denied == 0 || accepted+denied != 50 {
			t.Errorf("%d at once, %d accepted, %d denied", most, accepted, denied)
		}
	})
}

// The answer that AskServer uses is no older than the route's freshness, though
// several requests share it.
func TestAskServerKeepsTheBound(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		accepts(t, v, credential)
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			switch r.URL.Path {
			case syncPath:
				res.Status = http.StatusInternalServerError
			case livePath: // made at once, delivered late
				time.Sleep(1500 * time.Millisecond)
			}
		})
		time.Sleep(11 * time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = v.Verify(t.Context(), credential, OnLeaseLost(AskServer)) })
		time.Sleep(100 * time.Millisecond)
		session.End()
		time.Sleep(1300 * time.Millisecond)
		if _, err := v.Verify(t.Context(), credential, Within(time.Second), OnLeaseLost(AskServer)); err == nil {
			t.Error("accepted by an answer from before the revocation, 1.3 s ago")
		}
		wg.Wait()
	})
}

func TestInsecureAcceptUntilExpiry(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session, ended := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
		credential, endedToken := session.AccessToken(), ended.AccessToken()
		rule := OnLeaseLost(InsecureAcceptUntilExpiry)
		accepts(t, v, credential, rule)
		ended.End()
		s.Settle()
		s.Partition()
		session.End()
		time.Sleep(time.Minute)
		refuses(t, v, ErrLeaseLost, credential)
		accepts(t, v, credential, rule)             // which is what its name says
		refuses(t, v, ErrRevoked, endedToken, rule) // what is known counts
		refuses(t, v, ErrForbidden, credential, rule, Role("admin"))
		if v.Status().AcceptedWithoutLease == 0 {
			t.Error("nobody was told")
		}
		time.Sleep(5 * time.Minute)
		refuses(t, v, ErrExpired, credential, rule)
	})
}

func TestSetIsNotAskedUnderUntilExpiry(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	credential := session.AccessToken()
	s.Revoke(revocation.KindSubject, session.User())
	s.Settle()
	accepts(t, v, credential, UntilExpiry())
	refuses(t, v, ErrRevoked, credential)
}
