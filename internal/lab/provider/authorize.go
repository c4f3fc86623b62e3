package provider

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// grant is what a code stands for.
type grant struct {
	redirect, nonce, challenge string
	person                     Person
	signedIn                   time.Time // when
	tells                      bool      // that, in the ID token: it was asked for an age
}

// page is what the person sees: one click goes on.
var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Example provider</title></head>
<body><main><h1>Example provider</h1>
<form method="post">
<button name="answer" value="yes">Continue as {{.Person.Name}}</button>
<button name="answer" value="no">Cancel</button>
</form></main></body></html>
`))

func (p *Provider) page(w http.ResponseWriter, r *http.Request) {
	if err := p.check(r.URL.Query()); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	person, _ := p.state()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, map[string]any{"Person": person}) // the browser may be gone
}

// check refuses what good providers refuse.
func (p *Provider) check(q url.Values) error {
	switch {
	case q.Get("response_type") != "code":
		return errors.New("response_type must be code")
	case q.Get("client_id") != p.ClientID:
		return errors.New("unknown client_id")
	case !slices.Contains(p.Redirects, q.Get("redirect_uri")):
		return errors.New("redirect_uri is not registered")
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return errors.New("a code_challenge by S256 is required")
	case len(q.Get("state")) < 22 || len(q.Get("nonce")) < 22:
		return errors.New("state and nonce must not be guessable")
	}
	return nil
}

func (p *Provider) decide(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if err := p.check(q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	person, fault := p.state()
	answer := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	switch {
	case fault == Denied || r.PostFormValue("answer") != "yes":
		answer.Set("error", "access_denied")
	case fault == OtherError:
		answer.Set("error", "server_error")
		answer.Set("error_description", "<script>alert(1)</script>")
	default:
		g := grant{redirect: q.Get("redirect_uri"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), person: person,
			signedIn: time.Now().Add(-signedInBefore), tells: q.Has("max_age")}
		if q.Get("prompt") == "login" || q.Get("max_age") == "0" { // the click stands for a new sign-in
			g.signedIn = time.Now()
		}
		answer.Set("code", p.issue(g))
	}
	switch fault {
	case WrongState:
		answer.Set("state", random())
	case MixUp:
		answer.Set("iss", "https://honest.example.com")
	case NoIss:
		answer.Del("iss")
	case TwoCodes:
		answer.Add("code", answer.Get("code"))
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
}

func (p *Provider) issue(g grant) (code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code = random()
	p.grants[code] = g
	return code
}

// redeem takes a code once, of the client that it was made for (RFC 6749 §4.1.3, RFC 7636 §4.6).
func (p *Provider) redeem(r *http.Request, inParams bool) (g grant, token, problem string) {
	id, secret, inHeader := r.BasicAuth()
	if inHeader {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	}
	if inParams {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if inHeader == inParams || id != p.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(p.ClientSecret)) != 1 {
		return g, "", "invalid_client"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := r.PostFormValue("code")
	g, ok := p.grants[code]
	delete(p.grants, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || p.fault == BadCode || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != g.redirect ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		return g, "", "invalid_grant"
	}
	token = random()
	p.tokens[token] = g.person
	return g, token, ""
}

func random() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
