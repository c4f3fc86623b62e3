package verifytest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/token"
)

// serveSession is the live check.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) {
	credential, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		writeProblem(w, http.StatusUnauthorized, "unauthenticated", "")
		return
	}
	s.mu.Lock()
	position := s.log.revision().String() // before the state
	x, reason := s.find(credential)
	if x == nil {
		s.mu.Unlock()
		writeProblem(w, http.StatusUnauthorized, "invalid_token", reason)
		return
	}
	if x.ended || !s.now().Before(x.ExpiresAt) || !x.IdleExpiresAt.IsZero() && !s.now().Before(x.IdleExpiresAt) {
		s.mu.Unlock()
		writeProblem(w, http.StatusUnauthorized, "session_ended", "revoked")
		return
	}
	u := s.users[x.user]
	body := map[string]any{
		"user": map[string]any{"id": u.ID, "email": u.Email, "roles": append([]string{}, u.Roles...), "status": "active"},
		"session": map[string]any{
			"id": x.ID, "app": x.ClientID, "acr": x.ACR, "amr": x.AMR, "current": true,
			"authenticated_at": stamp(x.AuthenticatedAt), "expires_at": stamp(x.ExpiresAt),
		},
		"access": map[string]any{"audiences": x.Audiences, "client_id": x.ClientID, "scope": x.Scope, "position": position},
	}
	if strings.Contains(credential, "~") && x.bound != "" {
		body["access"].(map[string]any)["bound_until"] = stamp(x.boundUntil)
	}
	if !x.IdleExpiresAt.IsZero() {
		body["session"].(map[string]any)["idle_expires_at"] = stamp(x.IdleExpiresAt)
	}
	s.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Tandem-Position", position)
	writeJSON(w, http.StatusOK, body)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// find returns the session that a credential belongs to, or why there is none.
func (s *Server) find(credential string) (x *Session, reason string) {
	if strings.HasPrefix(credential, "tds_") {
		secret, bound, _ := strings.Cut(credential, "~")
		for _, x := range s.sessions {
			switch {
			case x.secret != secret:
			case x.bound != "" && (x.bound != bound || !s.now().Before(x.boundUntil)):
				return nil, "unbound"
			default:
				return x, ""
			}
		}
		return nil, "unknown"
	}
	m, err := jws.Parse(credential)
	if err != nil || !m.Header.HasType(token.Type) {
		return nil, "malformed"
	}
	key, ok := s.keys.Find(m.Header.KeyID)
	if !ok || m.Verify(key) != nil {
		return nil, "signature"
	}
	c, err := token.Decode(m.Payload)
	if err != nil || c.Issuer != s.issuer {
		return nil, "malformed"
	}
	if !s.now().Before(time.Unix(c.ExpiresAt, 0)) {
		return nil, "expired"
	}
	if x := s.sessions[c.SessionID]; x != nil {
		return x, ""
	}
	return nil, "unknown"
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func writeProblem(w http.ResponseWriter, status int, code, reason string) {
	if status == http.StatusUnauthorized {
		challenge := "Bearer"
		if code != "unauthenticated" {
			challenge += ` error="invalid_token"`
			if reason != "" {
				challenge += `, reason="` + reason + `"`
			}
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	text, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
