package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func (p *Provider) discovery(w http.ResponseWriter) {
	_, fault := p.state()
	issuer, methods := p.URL, []string{"client_secret_basic"}
	if fault == Misnamed {
		issuer = "https://honest.example.com"
	}
	if p.InParams {
		methods = []string{"client_secret_post"}
	}
	answer(w, http.StatusOK, map[string]any{
		"issuer": issuer, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"userinfo_endpoint": p.URL + "/userinfo", "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		"token_endpoint_auth_methods_supported":          methods,
		"authorization_response_iss_parameter_supported": true,
	})
}

const keyID = "provider-1"

func (p *Provider) keys(w http.ResponseWriter) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: keyID, Algorithm: "ES256", Use: "sig"}}})
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	_, fault := p.state()
	g, access, problem := p.redeem(r, p.InParams)
	if problem != "" {
		answer(w, http.StatusBadRequest, map[string]any{"error": problem, "error_description": "told by " + p.ClientSecret})
		return
	}
	reply := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60}
	if fault != NoIDToken {
		raw, err := p.idToken(g, access, fault)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		reply["id_token"] = raw
	}
	answer(w, http.StatusOK, reply)
}

func (p *Provider) idToken(g grant, access string, fault Fault) (string, error) {
	now := time.Now()
	sum := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": p.URL, "sub": g.person.Subject, "aud": p.ClientID, "nonce": g.nonce, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if !p.BareToken {
		claims["email"], claims["email_verified"], claims["name"] = g.person.Email, g.person.Verified, g.person.Name
	}
	if g.tells { // OpenID Connect Core 1.0 §2
		claims["auth_time"] = g.signedIn.Unix()
	}
	switch fault {
	case AsksNobody:
		claims["auth_time"] = now.Add(-signedInBefore).Unix()
	case SaysNever:
		delete(claims, "auth_time")
	case SaysWords:
		claims["auth_time"] = "a moment ago"
	case SaysLater:
		claims["auth_time"] = now.Add(24 * time.Hour).Unix()
	case WrongNonce:
		claims["nonce"] = random()
	case WrongIssuer:
		claims["iss"] = "https://honest.example.com"
	case WrongAudience:
		claims["aud"] = "another client"
	case WrongParty:
		claims["aud"], claims["azp"] = []string{p.ClientID, "another client"}, "another client"
	case WrongHash:
		claims["at_hash"] = random()
	case NoSubject:
		delete(claims, "sub")
	case Expired:
		claims["exp"] = now.Add(-time.Minute).Unix()
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: keyID}}
	switch fault {
	case AlgNone:
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".", nil
	case SharedKey:
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(p.ClientSecret + strings.Repeat(".", 32))}
	case OtherKey:
		key.Key = jose.JSONWebKey{Key: p.other, KeyID: keyID}
	}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// bearer finds whose access token it is.
func (p *Provider) bearer(w http.ResponseWriter, r *http.Request) (Person, bool) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	person, ok := p.tokens[token]
	p.mu.Unlock()
	if !ok {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
	}
	return person, ok
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	person, ok := p.bearer(w, r)
	if !ok {
		return
	}
	if _, fault := p.state(); fault == OtherUserinfo {
		person.Subject = "somebody else"
	}
	answer(w, http.StatusOK, map[string]any{"sub": person.Subject, "email": person.Email, "email_verified": strconv.FormatBool(person.Verified), "name": person.Name})
}

func (p *Provider) gitHubToken(w http.ResponseWriter, r *http.Request) {
	_, access, problem := p.redeem(r, true)
	if problem != "" { // GitHub answers 200
		answer(w, http.StatusOK, map[string]any{"error": "bad_verification_code", "error_description": "told by " + p.ClientSecret})
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "bearer", "scope": "read:user,user:email"})
}

func (p *Provider) gitHubUser(w http.ResponseWriter, r *http.Request) {
	person, ok := p.bearer(w, r)
	if !ok {
		return
	}
	id, _ := strconv.ParseInt(person.Subject, 10, 64)
	if _, fault := p.state(); fault == NoSubject {
		id = 0
	}
	answer(w, http.StatusOK, map[string]any{"id": id, "login": "octo-" + person.Subject, "name": person.Name})
}

func (p *Provider) gitHubEmails(w http.ResponseWriter, r *http.Request) {
	person, ok := p.bearer(w, r)
	if !ok {
		return
	}
	emails := []map[string]any{{"email": "other@example.com", "primary": false, "verified": true}}
	if person.Email != "" {
		emails = append(emails, map[string]any{"email": person.Email, "primary": true, "verified": person.Verified})
	}
	answer(w, http.StatusOK, emails)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
