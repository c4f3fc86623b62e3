package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/httpapi"
	"tandem.example/tandem/internal/operator"
)

// TestDelivery goes through every mode with every delivery: which credentials come, and where.
func TestDelivery(t *testing.T) { onEveryStore(t, testDelivery) }

func testDelivery(t *testing.T, r *rig) {
	r.user("ada@example.com")
	for _, c := range []struct {
		app, delivery                  string
		cookie, token, refresh, access bool
	}{
		{"", "", true, false, false, false},
		{"default", "cookie", true, false, false, false},
		{"default", "body", false, true, false, true},
		{"pages", "", true, false, false, false},
		{"pages", "body", false, true, false, false},
		{"mobile", "", false, false, true, true},
		{"mobile", "body", false, false, true, true},
	} {
		body := fields{"email": "ada@example.com", "password": password}
		if c.app != "" {
			body["app"] = c.app
		}
		if c.delivery != "" {
			body["delivery"] = c.delivery
		}
		a := r.do(call{method: "POST", path: "/v1/sign-in", body: body}).want(t, 200)
		set := a.cookie(sessionCookie)
		got := [4]bool{set != nil, a.get("session_token") != nil, a.get("refresh_token") != nil, a.get("access_token") != nil}
		if got != [4]bool{c.cookie, c.token, c.refresh, c.access} {
			t.Errorf("%s, %s: %v", c.app, c.delivery, got)
		}
		if set != nil && (set.MaxAge != 30*24*3600 || !set.HttpOnly || !set.Secure || set.Path != "/" || set.Domain != "") {
			t.Errorf("%s, %s: cookie %s", c.app, c.delivery, set)
		}
		if c.access && (a.get("expires_in") != 300.0 || a.get("token_type") != "Bearer") {
			t.Errorf("%s, %s: %v %v", c.app, c.delivery, a.get("expires_in"), a.get("token_type"))
		}
		if a.cookie(deviceCookie) == nil {
			t.Errorf("%s, %s: the device will not be known again", c.app, c.delivery)
		}
		if a.get("session", "current") != true || a.str("user", "email") != "ada@example.com" {
			t.Errorf("%s, %s: %s", c.app, c.delivery, a.text)
		}
	}
	refused := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "ada@example.com", "password": password, "app": "mobile", "delivery": "cookie"}})
	refused.want(t, 422, "invalid_request")
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := func(email, password string, more ...any) answer {
		body := fields{"email": email, "password": password}
		for i := 0; i < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return r.do(call{method: "POST", path: "/v1/sign-up", body: body})
	}
	a := up("Ada@Example.com", password, "name", "Ada", "delivery", "body").want(t, 201)
	if a.str("user", "email") != "Ada@Example.com" || a.str("user", "name") != "Ada" || a.str("user", "status") != "active" || a.str("session_token") == "" {
		t.Errorf("%s", a.text)
	}
	up("ada@example.com ", password).want(t, 409, "conflict")
	for _, c := range []struct {
		a           answer
		field, rule string
	}{
		{up("nobody", password), "email", ""},
		{up("a@b.example", "short"), "password", "must have at least 12 characters"},
		{up("a@b.example", "password1234"), "password", "is too common or too regular: it is among the first that attackers try"},
		{up("a@b.example", strings.Repeat("x", 1025)), "password", "must have at most 1024 bytes"},
		{up("longname@b.example", "longname1234"), "password", "must not be made of your e-mail address or name"},
		{up("a@b.example", password, "name", strings.Repeat("x", 201)), "name", ""},
		{up("a@b.example", password, "app", "unknown"), "app", ""},
		{up("a@b.example", password, "delivery", "pigeon"), "delivery", `must be one of "cookie, body"`},
	} {
		c.a.want(t, 422, "invalid_request")
		errors, _ := c.a.get("errors").([]any)
		if len(errors) != 1 {
			t.Errorf("%s: %s", c.field, c.a.text)
			continue
		}
		first := errors[0].(map[string]any)
		if first["field"] != c.field || c.rule != "" && first["rule"] != c.rule {
			t.Errorf("%s: %s", c.field, c.a.text)
		}
	}
	if n := len(must[[]account.User](t)(r.operator.Users(t.Context(), account.Query{Limit: 10}))); n != 1 {
		t.Errorf("%d users after refused sign-ups", n)
	}
}

// TestRefusedSignInsLookAlike compares unknown, wrong, locked and without a password in all that a client sees.
func TestRefusedSignInsLookAlike(t *testing.T) { onEveryStore(t, testRefusedSignInsLookAlike) }

func testRefusedSignInsLookAlike(t *testing.T, r *rig) {
	by := operator.By{Actor: "system"}
	r.user("wrong@example.com")
	locked := r.user("locked@example.com")
	status := account.Locked
	if _, _, err := r.operator.ChangeUser(t.Context(), account.ID(locked), operator.Patch{Status: &status}, by); err != nil {
		t.Fatal(err)
	}
	if _, err := r.operator.CreateUser(t.Context(), operator.NewUser{Email: "empty@example.com"}, by); err != nil {
		t.Fatal(err)
	}
	first := ""
	for _, c := range [][2]string{
		{"unknown@example.com", password},
		{"wrong@example.com", "not the password 12"},
		{"locked@example.com", password},
		{"locked@example.com", "not the password 12"},
		{"empty@example.com", password},
		{"wrong@example.com", strings.Repeat("x", 2000)},
		{"not an address", password},
		{"", ""},
	} {
		a := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": c[0], "password": c[1]}, header: map[string]string{"X-Request-Id": "same"}})
		a.want(t, 401, "invalid_credentials")
		seen := a.text + "\n" + a.Header.Get("Www-Authenticate") + a.Header.Get("Set-Cookie") + a.Header.Get("Content-Length")
		if first == "" {
			first = seen
		}
		if seen != first {
			t.Errorf("%s stands out: %s", c[0], seen)
		}
	}
}

func TestTooManyAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("ada@example.com")
	device := r.enterByCookie("ada@example.com").cookies
	try := func(password string, c call) answer {
		c.method, c.path, c.body = "POST", "/v1/sign-in", fields{"email": "ada@example.com", "password": password}
		return r.do(c)
	}
	stranger := map[string]string{"User-Agent": "stranger"}
	for range 5 {
		try("not the password 12", call{header: stranger}).want(t, 401, "invalid_credentials")
	}
	// The owner is not locked out: the address is known, and so is the device.
	try(password, call{cookies: device}).want(t, 200)
	for range 10 {
		try("not the password 12", call{header: stranger})
	}
	a := try("not the password 12", call{header: stranger}).want(t, 429, "rate_limited")
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", a.Header)
	}
	r.pass(time.Minute)
	try(password, call{}).want(t, 200)
}

// TestMalformedBodies sends what is no request to each kind of route.
func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for _, path := range []string{"/v1/sign-in", "/v1/sign-up", "/v1/token/refresh"} {
		for _, c := range []struct {
			name, body string
			status     int
		}{
			{"nothing", "", 400},
			{"half", `{"email":`, 400},
			{"trailing", `{} {}`, 400},
			{"text", "canary", 400},
			{"a comment", `{}//`, 400},
			{"deep", `{"x":` + deep + `}`, 400},
			{"twice", `{"email":"a","email":"b"}`, 400},
			{"twice within", `{"x":{"a":1,"a":2}}`, 400},
			{"list", `[]`, 422},
			{"null", `null`, 422},
			{"string", `"x"`, 422},
			{"empty", `{}`, 422},
		} {
			a := r.do(call{method: "POST", path: path, body: c.body}).want(t, c.status, "invalid_request")
			if strings.Contains(a.text, "canary") {
				t.Errorf("%s, %s: repeats the body: %s", path, c.name, a.text)
			}
		}
	}
}

func TestBrokenRulesNameFieldAndRuleButNoValue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct{ body, field, rule string }{
		{`{"email":"a@b.example"}`, "password", "is required"},
		{`{"email":7,"password":"canary-password"}`, "email", "must be of type string"},
		{`{"email":"a@b.example","password":{"canary":1}}`, "password", "must be of type string"},
		{`{"email":"a@b.example","password":"canary-password","passwort":"canary"}`, "passwort", "is not known here"},
		{`{"email":"a@b.example","Password":"canary-password","password":"canary-password"}`, "Password", "is not known here"},
		{`{"email":"a@b.example","password":"canary-password","delivery":"canary"}`, "delivery", `must be one of "cookie, body"`},
		{`{"email":"a@b.example","password":"canary-password","app":null,"canary` + strings.Repeat("y", 500) + `":1}`, "canary" + strings.Repeat("y", 58), "is not known here"},
	} {
		a := r.do(call{method: "POST", path: "/v1/sign-in", body: c.body}).want(t, 422, "invalid_request")
		var p struct {
			Errors []struct{ Field, Rule string }
		}
		if err := json.Unmarshal([]byte(a.text), &p); err != nil || len(p.Errors) != 1 || p.Errors[0].Field != c.field || p.Errors[0].Rule != c.rule {
			t.Errorf("%s: %s", c.body, a.text)
		}
		if strings.Contains(a.text, "canary") && !strings.HasPrefix(c.field, "canary") {
			t.Errorf("%s: repeats the value: %s", c.body, a.text)
		}
	}
}

func TestBodySize(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.user("ada@example.com")
	sized := func(n int) string {
		body := `{"email":"ada@example.com","password":"` + password + `"`
		return body + strings.Repeat(" ", n-len(body)-1) + "}"
	}
	r.do(call{method: "POST", path: "/v1/sign-in", body: sized(64 << 10)}).want(t, 200)
	r.do(call{method: "POST", path: "/v1/sign-in", body: sized(64<<10 + 1)}).want(t, 413, "invalid_request")
	r.do(call{method: "POST", path: "/v1/sign-in", body: sized(1 << 20)}).want(t, 413, "invalid_request")
	r.do(call{method: "POST", path: "/v1/sign-in", body: `{}`, header: map[string]string{"Content-Type": "text/plain"}}).want(t, 415, "invalid_request")
}

// TestAddressOfASession shows whose word is taken for where somebody signed in from.
func TestAddressOfASession(t *testing.T) {
	t.Parallel()
	header := map[string]string{"X-Forwarded-For": "203.0.113.9, 198.51.100.4"}
	for want, trusted := range map[string][]string{"192.0.2.7": nil, "198.51.100.4": {"192.0.2.0/24"}} {
		r := newRig(t, func(c *httpapi.Config) { c.TrustedProxies = trusted })
		r.user("ada@example.com")
		a := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "ada@example.com", "password": password}, header: header}).want(t, 200)
		if got := a.str("session", "ip"); got != want {
			t.Errorf("proxies %v: %s, want %s", trusted, got, want)
		}
	}
}
