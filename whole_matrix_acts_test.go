package tandem

import (
	"time"

	"tandem.example/tandem/internal/signing"
)

// credential is what the victim's session acts with.
func (v *victim) credential(of answer) string {
	if text := of.text("session_token"); text != "" {
		return text
	}
	return of.text("access_token")
}

func (v *victim) signOut(scope string) {
	v.must(204, v.post("/v1/sign-out", v.credential(v.that), map[string]any{"scope": scope}))
}

func (v *victim) endDevice() {
	v.must(204, v.visit(visit{method: "DELETE", path: "/v1/sessions/" + v.that.session(), bearer: v.credential(v.other)}))
}

func (v *victim) endByOperator() {
	v.must(204, v.operate("DELETE", "/v1/admin/sessions/"+v.that.session(), nil))
}

func (v *victim) stepUp() {
	v.successor = v.must(200, v.post("/v1/step-up", v.credential(v.that), map[string]any{"password": password}))
}

func (v *victim) changePassword() {
	v.successor = v.must(200, v.post("/v1/me/password", v.credential(v.that), map[string]any{"current": password, "new": "new " + password}))
}

func (v *victim) resetPassword() {
	v.must(204, v.operate("POST", "/v1/admin/users/"+v.user()+"/password", map[string]any{"password": "new " + password}))
}

func (v *victim) patch(change map[string]any) {
	v.must(200, v.operate("PATCH", "/v1/admin/users/"+v.user(), change))
}

func (v *victim) deleteUser() {
	v.must(204, v.operate("DELETE", "/v1/admin/users/"+v.user(), nil))
}

// reuse presents the first refresh token after its successor has been used. The victim's credentials are the newest.
func (v *victim) reuse() {
	first := v.that.text("refresh_token")
	for range 2 {
		next := v.must(200, v.post("/v1/token/refresh", "", map[string]any{"refresh_token": v.that.text("refresh_token")}))
		next.Body["session"], next.Body["user"] = v.that.Body["session"], v.that.Body["user"]
		v.that = next
	}
	v.refused("reuse", 401, "invalid_grant", v.post("/v1/token/refresh", "", map[string]any{"refresh_token": first}))
}

func (v *victim) revoke(kind, id string) {
	v.must(201, v.operate("POST", "/v1/admin/revocations", map[string]any{"kind": kind, "id": id, "reason": "matrix"}))
}

func (v *victim) endAll() {
	v.must(201, v.operate("POST", "/v1/admin/revocations", map[string]any{"kind": "all", "end_sessions": true}))
}

func (v *victim) rotateKeys() { v.must(204, v.operate("POST", "/v1/admin/keys/rotate", nil)) }

func (v *victim) revokeKey() {
	for _, k := range v.server.parts.ring.Keys() {
		if k.Use == signing.ForTokens && k.State == signing.Current {
			v.must(200, v.operate("POST", "/v1/admin/keys/"+k.KID+"/revoke", nil))
		}
	}
}

func (v *victim) revokeAPIKey() { v.must(204, v.operate("DELETE", "/v1/admin/api-keys/"+v.keyID, nil)) }

// works reports whether the server and the verifier take a credential. The verifier is asked until it has decided
// for good: it may accept until L has passed since the event, and never after.
func (s *scene) works(v visit) (server, offline bool) {
	v.method, v.path = "GET", "/v1/session"
	server = s.visit(v).Code == 200
	s.abreast(s.verifier)
	v.path = "/"
	s.eventually("the verifier decides", func() bool {
		began := time.Now()
		a := s.at(s.guarded, v)
		if a.Code == 200 && !server && began.Sub(s.done) > promised {
			s.Errorf("the verifier accepted what the server refuses, more than L after the event")
		}
		offline = a.Code == 200
		return a.Code != 503
	})
	return server, offline
}

// session is the fate of a session token or cookie. Its successor counts if the event handed one out.
func (s *scene) session(v, next visit) string {
	server, offline := s.works(v)
	switch {
	case server && offline:
		return lives
	case server != offline:
		return disagreement(server)
	}
	if next.bearer != "" || next.cookie != "" && next.cookie != cookieOf("") {
		if server, offline := s.works(next); server && offline {
			return replaced
		}
	}
	return dies
}

func disagreement(server bool) string {
	if server {
		return "taken by the server and refused by the verifier"
	}
	return "refused by the server and taken by the verifier"
}

// access is the fate of the victim's access token.
func (v *victim) access() string {
	return v.accessOf(v.that, visit{bearer: v.successor.text("access_token")}, func() string {
		if token := v.that.text("session_token"); token != "" {
			return v.post("/v1/session/token", token, nil).text("access_token")
		}
		v.refresh()
		return v.refreshed.text("access_token")
	})
}

// accessOf is the fate of an access token: if it is refused, a silent refresh is tried.
func (s *scene) accessOf(a answer, next visit, renew func() string) string {
	server, offline := s.works(visit{bearer: a.text("access_token")})
	if offline {
		if server {
			return lives
		}
		return disagreement(server)
	}
	if text := renew(); text != "" {
		if now, later := s.works(visit{bearer: text}); !now || !later {
			return "renewed by one that is refused"
		}
		if server {
			return renews
		}
		return renewsNow
	}
	switch {
	case server:
		return disagreement(server)
	case next.bearer != "":
		if now, later := s.works(next); now && later {
			return replaced
		}
	}
	return dies
}

// refresh is the fate of the victim's refresh token. It is used once; what came of it is kept.
func (v *victim) refresh() string {
	if v.refreshed == nil {
		a := v.post("/v1/token/refresh", "", map[string]any{"refresh_token": v.that.text("refresh_token")})
		v.refreshed = &a
	}
	if v.refreshed.Code == 200 {
		return lives
	}
	if next := v.successor.text("refresh_token"); next != "" {
		if v.post("/v1/token/refresh", "", map[string]any{"refresh_token": next}).Code == 200 {
			return replacedNow
		}
	}
	return diesNow
}
