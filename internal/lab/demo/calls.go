package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// answer is a decoded response.
type answer struct {
	code   int
	header http.Header
	body   map[string]any
}

func (a answer) text(path string) string {
	m := a.body
	keys := strings.Split(path, ".")
	for _, k := range keys[:len(keys)-1] {
		m, _ = m[k].(map[string]any)
	}
	s, _ := m[keys[len(keys)-1]].(string)
	return s
}

// credential is how a customer presents themselves: a bearer token or a cookie.
type credential struct{ bearer, cookie string }

func (c credential) put(r *http.Request) {
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if c.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "tandem_session", Value: c.cookie})
	}
}

// call sends a request and decodes the answer; a code of 0 means that nobody answered.
func (s *stage) call(client *http.Client, method, url string, c credential, body any) answer {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err) // bodies are literals of this package
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(s.ctx, method, url, sent)
	if err != nil {
		panic(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.put(req)
	res, err := client.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	a := answer{code: res.StatusCode, header: res.Header}
	_ = json.NewDecoder(res.Body).Decode(&a.body) // an empty body is an answer too
	return a
}

// ask calls the server as a customer.
func (s *stage) ask(method, path string, c credential, body any) answer {
	return s.call(s.api, method, s.issuer+path, c, body)
}

// order calls the server as the operator.
func (s *stage) order(method, path string, body any) answer {
	return s.call(s.local, method, "http://tandem.local"+path, credential{}, body)
}

// customer is somebody with an account.
type customer struct {
	email   string
	id      string
	session string
	access  credential // access token
	token   credential // session token as a bearer
	cookie  credential // the same as a cookie
	refresh string     // in mode jwt
}

const password = "nine lamps on the quiet pier"

// enroll makes an account and signs it in.
func (s *stage) enroll(email string, roles ...string) (*customer, error) {
	made := s.order("POST", "/v1/admin/users", map[string]any{"email": email, "password": password, "roles": roles})
	if made.code != http.StatusCreated {
		return nil, fmt.Errorf("make %s: %d %v", email, made.code, made.body)
	}
	return s.signIn(email, "default")
}

func (s *stage) signIn(email, app string) (*customer, error) {
	a := s.ask("POST", "/v1/sign-in", credential{}, map[string]any{"email": email, "password": password, "app": app, "delivery": "body"})
	if a.code != http.StatusOK {
		return nil, fmt.Errorf("sign %s in: %d %v", email, a.code, a.body)
	}
	c := &customer{email: email, id: a.text("user.id"), session: a.text("session.id"), refresh: a.text("refresh_token")}
	c.access.bearer = s.remember(a.text("access_token"))
	c.token.bearer = s.remember(a.text("session_token"))
	c.cookie.cookie = c.token.bearer
	s.remember(c.refresh)
	return c, nil
}

// mint gets a new access token, as a silent refresh does.
func (s *stage) mint(c *customer) (credential, answer) {
	a := s.ask("POST", "/v1/session/token", c.token, map[string]any{})
	return credential{bearer: s.remember(a.text("access_token"))}, a
}

// remember keeps a secret for the scene of the copied database.
func (s *stage) remember(secret string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret != "" {
		s.secrets = append(s.secrets, secret)
	}
	return secret
}
