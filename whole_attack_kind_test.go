package tandem

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"tandem.example/tandem/internal/audit"
)

// TestOneKindAsAnother presents every kind of credential where another kind belongs.
func TestOneKindAsAnother(t *testing.T) {
	h := furnish(t, nil)
	h.app("mobile", "jwt")
	guarded := h.guard(h.follow())
	resource := h.must(201, h.operate("POST", "/v1/admin/apps", map[string]any{"name": "api", "kind": "resource"}))
	h.must(201, h.operate("POST", "/v1/admin/users", map[string]any{"email": "root@example.com", "password": password, "roles": []string{"admin"}}))
	browser := h.visit(visit{method: "POST", path: "/v1/sign-in", body: map[string]any{"email": "root@example.com", "password": password}})
	root := h.signIn("root@example.com", "")
	phone := h.signIn("root@example.com", "mobile")
	_, key := h.apiKey()
	all := map[string]string{
		"session token": root.text("session_token"), "access token": root.text("access_token"), "refresh token": phone.text("refresh_token"),
		"api key": key, "client secret": resource.text("client_secret"), "client id": resource.in("app").text("id"),
		"device token": browser.cookie("tandem_device"), "session id": root.session(), "user id": root.user(), "password": password,
	}
	secretOf := func(kind, prefix string) string { return prefix + all[kind][4:] }
	all["session token as tdk_"], all["session token as tdr_"] = secretOf("session token", "tdk_"), secretOf("session token", "tdr_")
	all["api key as tds_"], all["refresh token as tds_"] = secretOf("api key", "tds_"), secretOf("refresh token", "tds_")
	takes := func(kind string, kinds ...string) bool { return slices.Contains(kinds, kind) }
	h.harmless("one kind as another", func() {
		for kind, text := range all {
			if kind == "password" {
				continue
			}
			for _, route := range []string{"GET /v1/session", "GET /v1/me", "GET /v1/sessions"} {
				method, path, _ := strings.Cut(route, " ")
				if a := h.visit(visit{method: method, path: path, bearer: text}); (a.Code == 200) != takes(kind, "session token", "access token") || a.Code != 200 && a.Code != 401 {
					t.Errorf("%s as bearer at %s: %d %v", kind, route, a.Code, a.Body)
				}
			}
			// An access token mints nothing and proves no other audience; an API key is nobody's session.
			if a := h.post("/v1/session/token", text, nil); (a.Code == 200) != takes(kind, "session token") || kind == "access token" && a.Code != 403 {
				t.Errorf("%s mints: %d %v", kind, a.Code, a.Body)
			}
			for _, path := range []string{"/v1/step-up", "/v1/me/password", "/v1/sign-out"} {
				if takes(kind, "session token", "access token") {
					continue
				}
				if a := h.post(path, text, map[string]any{"password": password, "current": password, "new": "new " + password}); a.Code != 401 {
					t.Errorf("%s at %s: %d %v", kind, path, a.Code, a.Body)
				}
			}
			if a := h.get("/v1/admin/users", text); (a.Code == 200) != takes(kind, "session token", "access token", "api key") {
				t.Errorf("%s administers: %d %v", kind, a.Code, a.Body)
			}
			if a := h.visit(visit{method: "GET", path: "/v1/session", cookie: cookieOf(text)}); (a.Code == 200) != takes(kind, "session token") {
				t.Errorf("%s in the cookie: %d %v", kind, a.Code, a.Body)
			}
			for _, v := range []visit{{bearer: text}, {cookie: cookieOf(text)}} {
				v.method, v.path = "GET", "/"
				good := takes(kind, "session token") || takes(kind, "access token") && v.cookie == ""
				if a := h.at(guarded, v); (a.Code == 200) != good || !good && a.Code != 401 {
					t.Errorf("%s behind the SDK (cookie %v): %d %v", kind, v.cookie != "", a.Code, a.Body)
				}
			}
		}
		for kind, text := range all {
			if kind != "refresh token" {
				h.refused(kind+" as refresh token", 401, "invalid_grant", h.post("/v1/token/refresh", "", map[string]any{"refresh_token": text}))
			}
			if kind != "client secret" {
				basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(all["client id"]+":"+strings.ReplaceAll(text, " ", "+")))
				a := h.visit(visit{method: "POST", path: "/v1/revocations/sync", header: map[string]string{"Authorization": basic}, body: map[string]any{}})
				h.refused(kind+" as client secret", 401, "invalid_credentials", a)
			}
			for _, scheme := range []string{"Basic ", "Digest ", "Token ", "DPoP ", ""} {
				a := h.visit(visit{method: "GET", path: "/v1/me", header: map[string]string{"Authorization": scheme + strings.ReplaceAll(text, " ", "")}})
				h.refused(kind+" as "+scheme, 401, "unauthenticated", a)
			}
			for _, path := range []string{"/v1/me?access_token=", "/v1/me?token=", "/v1/session?session_token="} {
				if a := h.get(path+strings.ReplaceAll(text, " ", "+"), ""); a.Code != 401 {
					t.Errorf("%s in the query: %d", kind, a.Code)
				}
			}
		}
	})
	h.harmless("credentials as passwords", func() {
		for _, kind := range []string{"session token", "api key", "refresh token", "client secret"} {
			h.refused(kind+" as password", 401, "invalid_credentials", h.post("/v1/sign-in", "", map[string]any{"email": "root@example.com", "password": all[kind]}))
		}
	}, audit.SignInRefused, audit.SignInRefused, audit.SignInRefused, audit.SignInRefused)
}

// TestForgedRefreshTokens: garbage, and tokens put together from parts of genuine ones, change nothing, and sign
// nobody out.
func TestForgedRefreshTokens(t *testing.T) {
	h := furnish(t, nil)
	h.app("mobile", "jwt")
	h.app("tv", "jwt")
	ada, other, bob := h.signUp("ada@example.com", "mobile"), h.signUp("tina@example.com", "tv"), h.signUp("bob@example.com", "mobile")
	good, foreign := ada.text("refresh_token"), other.text("refresh_token")
	const id = 4 + 26
	body, err := base64.RawURLEncoding.DecodeString(good[id:])
	if err != nil {
		t.Fatal(err)
	}
	forged := map[string]string{
		"nothing": "", "a prefix": "tdr_", "garbage": "garbage", "zeros": "tdr_" + strings.Repeat("0", len(good)-4), "cut": good[:len(good)-1], "longer": good + "A",
		"in upper case": strings.ToUpper(good), "with a space": good + " ", "with a line break": good + "\n", "twice": good + good,
		"of another application, with this session's name": good[:id] + foreign[id:], "of this one, with another application's session": foreign[:id] + good[id:],
		"of another user": good[:id] + bob.text("refresh_token")[id:],
		"huge":            "tdr_" + strings.Repeat("A", 60_000), "another kind": ada.text("access_token"),
	}
	for i := range body {
		changed := []byte(string(body))
		changed[i] ^= 0x80
		forged["changed at byte "+string(rune('a'+i%26))+string(rune('a'+i/26))] = good[:id] + base64.RawURLEncoding.EncodeToString(changed)
	}
	h.harmless("forged refresh tokens", func() {
		for how, text := range forged {
			a := h.post("/v1/token/refresh", "", map[string]any{"refresh_token": text})
			if h.refused(how, 401, "invalid_grant", a); a.text("cause") != "unknown" {
				t.Errorf("%s: cause %s, want unknown", how, a.text("cause"))
			}
		}
	})
	for _, one := range []answer{ada, other, bob} {
		h.must(200, h.post("/v1/token/refresh", "", map[string]any{"refresh_token": one.text("refresh_token")}))
	}
}

// TestStolenRefreshToken: used by two, whoever comes second ends that session and no other; the newest token is dead
// as well, and stays so.
func TestStolenRefreshToken(t *testing.T) {
	h := furnish(t, nil)
	h.must(201, h.operate("POST", "/v1/admin/apps", map[string]any{"name": "strict", "mode": "jwt", "refresh": map[string]any{"grace": "0s"}}))
	h.app("mobile", "jwt")
	for app, steps := range map[string]int{"strict": 1, "mobile": 2} { // without grace at once; else when the successor was used
		email := app + "@example.com"
		one, laptop := h.signUp(email, app), h.signIn(email, "")
		stolen, newest := one.text("refresh_token"), one
		for range steps {
			newest = h.must(200, h.post("/v1/token/refresh", "", map[string]any{"refresh_token": newest.text("refresh_token")}))
		}
		a := h.refused(app, 401, "invalid_grant", h.post("/v1/token/refresh", "", map[string]any{"refresh_token": stolen}))
		if a.text("cause") != "reused" {
			t.Errorf("%s: cause %s, want reused", app, a.text("cause"))
		}
		h.harmless("after theft was detected", func() {
			for _, text := range []string{newest.text("refresh_token"), stolen} {
				a := h.refused("again", 401, "invalid_grant", h.post("/v1/token/refresh", "", map[string]any{"refresh_token": text}))
				if a.text("cause") != "ended" {
					t.Errorf("%s: cause %s, want ended", app, a.text("cause"))
				}
			}
			h.refused("the access token", 401, "session_ended", h.get("/v1/session", newest.text("access_token")))
		})
		me := h.must(200, h.get("/v1/me", laptop.text("session_token")))
		if notices, _ := me.Body["notices"].([]any); len(notices) != 1 {
			t.Errorf("%s: the user is told of %v", app, me.Body["notices"])
		}
	}
	reused := 0
	for _, e := range h.trail() {
		if e.Type == audit.RefreshReused {
			reused++
		}
	}
	if reused != 2 {
		t.Errorf("the audit trail tells of %d thefts, want 2", reused)
	}
}
