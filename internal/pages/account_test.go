package pages_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tandem.example/tandem"
	"tandem.example/tandem/internal/pages"
)

var endForm = regexp.MustCompile(`/account/devices/ses_\w+/end`)

// TestDevices: each is listed, one can be ended from another and is told why, all others after a question.
func TestDevices(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b, phone, third := w.browser(), w.browser(), w.browser()
	b.signUp("alice@example.com")
	b.at(b.get("/account/devices"), 200, "/account/devices", "You are signed in nowhere else", "Firefox on Linux", "127.0.0.1", "password")
	phone.agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
	phone.at(phone.signIn("alice@example.com"), 200, "/account")
	third.at(third.signIn("alice@example.com"), 200, "/account")
	stranger := w.browser()
	stranger.signUp("mallory@example.com")
	p := b.at(b.get("/account/devices"), 200, "/account/devices", "Safari on iPhone", "Signed in on 3 devices")
	others := endForm.FindAllString(p.body, -1)
	if len(others) != 2 {
		t.Fatalf("%d other devices", len(others))
	}
	stranger.at(stranger.post(others[1]), 200, "/account/devices?notice=gone")
	phone.at(phone.get("/account"), 200, "/account")
	if !strings.Contains(p.body[:strings.Index(p.body, others[1])], "Safari on iPhone") {
		t.Fatal("the phone is not the older of the two")
	}
	b.at(b.post(others[1]), 200, "/account/devices?notice=device_ended", "The device is signed out")
	phone.at(phone.get("/account"), 200, "/sign-in?notice=ended_by_user", "ended from your list of devices")
	if phone.cookie("tandem_session") != "" {
		t.Error("the cookie of the ended device is left")
	}
	b.at(b.get("/account/devices/end-others"), 200, "/account/devices/end-others", "Only this device stays signed in")
	b.at(b.post("/account/devices/end-others"), 200, "/account/devices?notice=others_ended", "You are signed in nowhere else")
	third.at(third.post("/account/name", "name", "x"), 200, "/sign-in?notice=signed_out")
	b.at(b.post(strings.Replace(others[0], "ses_", "x", 1)), 200, "/account/devices?notice=gone")
	b.at(b.get("/account/history"), 200, "/account/history", "Device signed out", "Account created", "Signed in")
	b.at(b.post("/sign-out", "scope", "global"), 200, "/signed-out")
}

// TestProfile: name, address and password are changed, with the proof that each needs.
func TestProfile(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b, other := w.browser(), w.browser()
	b.signUp("alice@example.com")
	other.at(other.signIn("alice@example.com"), 200, "/account")
	b.at(b.post("/account/name", "name", strings.Repeat("x", 201)), 422, "/account/name", "at most 200 characters")
	b.at(b.post("/account/name", "name", "<b>Alice</b>"), 200, "/account?notice=name_saved", "&lt;b&gt;Alice&lt;/b&gt;", "Your name is saved")
	b.at(b.post("/account/email", "email", "none"), 422, "/account/email")
	b.at(b.post("/account/email", "email", "new@example.com"), 200, "/sign-in/code", "new@example.com")
	b.at(b.get("/account"), 200, "/account", "alice@example.com") // nothing has changed yet
	b.at(b.post("/sign-in/code", "code", w.code("new@example.com")), 200, "/account?notice=email_verified", "new@example.com")
	b.at(b.post("/account/password", "current", "not my password", "password", "another kettle under eight moons"), 422, "/account/password", "not your current password")
	b.at(b.post("/account/password", "current", password, "password", "short"), 422, "/account/password", "at least 12")
	b.at(b.post("/account/password", "current", password, "password", "another kettle under eight moons"), 200, "/account/security?notice=password_saved")
	other.at(other.get("/account"), 200, "/sign-in?notice=password_changed")
}

// TestStepUp: a session that has not proven the second factor proves it before it may change anything, and comes back.
func TestStepUp(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b, weak := w.browser(), w.browser()
	b.signUp("alice@example.com")
	weak.at(weak.signIn("alice@example.com"), 200, "/account")
	seed, _, _ := b.addTOTP()
	for _, pattern := range pages.Patterns() {
		method, path := concrete(pattern)
		gated := path == "/account/email" || strings.HasPrefix(path, "/account/password") || strings.HasPrefix(path, "/account/totp") ||
			path == "/account/recovery-codes" || strings.HasSuffix(path, "/remove") || strings.HasPrefix(path, "/account/connect") || path == "/account/passkeys/add"
		if !gated {
			continue
		}
		var p shown
		if method == http.MethodGet {
			p = weak.get(path)
		} else {
			p = weak.post(path, "current", password, "password", "another kettle under eight moons", "email", "m@example.com")
		}
		if p.path != "/sign-in/totp" {
			t.Errorf("%s %s came to %d %s without a second factor", method, path, p.status, p.path)
		}
	}
	weak.at(weak.get("/account/password"), 200, "/sign-in/totp", "Confirm it’s you")
	weak.at(weak.post("/sign-in/totp", "code", totp(t, seed, 1)), 200, "/account/password", "Current password")
	weak.at(weak.get("/step-up?return_to=https://evil.example"), 400, "/step-up?return_to=https://evil.example")
}

// TestTheft: whoever's refresh token was used by two is told on the account page, until they say that they have read it.
func TestTheft(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	w.operate("POST", "/v1/admin/apps", `{"name":"phone","mode":"jwt"}`)
	b := w.browser()
	b.signUp("alice@example.com")
	call := func(path string, body map[string]string) string {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post(w.url+path, "application/json", strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out struct {
			Refresh string `json:"refresh_token"`
		}
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return out.Refresh
	}
	first := call("/v1/sign-in", map[string]string{"email": "alice@example.com", "password": password, "app": "phone"})
	second := call("/v1/token/refresh", map[string]string{"refresh_token": first})
	if call("/v1/token/refresh", map[string]string{"refresh_token": second}) == "" {
		t.Fatal("no refresh token")
	}
	if strings.Contains(b.get("/account").body, "copied one of your sign-ins") {
		t.Fatal("a theft is told of before there was one")
	}
	call("/v1/token/refresh", map[string]string{"refresh_token": first})
	b.at(b.get("/account"), 200, "/account", "Someone may have copied one of your sign-ins", "Look at devices", "Change password")
	b.at(b.get("/account/history"), 200, "/account/history", "may have been copied", "Look at this")
	if p := b.at(b.post("/account/theft-seen"), 200, "/account"); strings.Contains(p.body, "copied one of your sign-ins") {
		t.Error("the notice stays")
	}
}

// TestProblemsAreShownToPeople: as pages to whoever asks for one, and as problems to programs.
func TestProblemsAreShownToPeople(t *testing.T) {
	t.Parallel()
	w := found(t, func(c *tandem.Config) {
		c.Limits.Disabled, c.Limits.SignInPerAccount, c.Limits.SignInPerAddress = false, 3, 1000
	})
	b := w.browser()
	b.at(b.get("/nowhere"), 404, "/nowhere", "There is no such page")
	b.at(b.post("/account/devices"), 405, "/account/devices")
	b.at(b.post("/sign-in", "email", strings.Repeat("x", 70_000)), 413, "/sign-in", "too large")
	b.lang = "de"
	b.at(b.get("/nowhere"), 404, "/nowhere", "Diese Seite gibt es nicht")
	b.lang = "en"
	b.post("/sign-in", "email", "alice@example.com")
	for range 3 {
		b.at(b.post("/sign-in/password", "password", "wrong wrong wrong"), 422, "/sign-in/password")
	}
	p := b.at(b.post("/sign-in/password", "password", "wrong wrong wrong"), 429, "/sign-in/password", "Too many attempts. Try again in")
	if p.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	res, err := http.Get(w.url + "/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program is told %s", res.Header.Get("Content-Type"))
	}
}

// TestWeight: a page with all that it loads is below 100 KB.
func TestWeight(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.signUp("alice@example.com")
	loads := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)
	for _, pattern := range pages.Patterns() {
		method, path := concrete(pattern)
		if method != http.MethodGet || path == "/step-up" {
			continue
		}
		p := b.get(path)
		weight := len(p.body)
		for _, m := range loads.FindAllStringSubmatch(p.body, -1) {
			one := b.get(m[1])
			if one.status != 200 || !strings.Contains(one.header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s loads %s: %d", path, m[1], one.status)
			}
			weight += len(one.body)
		}
		if weight > 100_000 {
			t.Errorf("%s weighs %d bytes", path, weight)
		}
	}
}

// TestWhereManagersLook: password managers find the form for a new password, and where passkeys are made.
func TestWhereManagersLook(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	b := w.browser()
	b.at(b.get("/.well-known/change-password"), 200, "/sign-in?return_to=%2Faccount%2Fpassword")
	b.signUp("alice@example.com")
	b.at(b.get("/.well-known/change-password"), 200, "/account/password", `autocomplete="new-password"`)
	p := b.at(b.get("/.well-known/passkey-endpoints"), 200, "/.well-known/passkey-endpoints",
		`{"enroll":"`+w.url+`/account/passkeys/add","manage":"`+w.url+`/account/security"}`)
	if kind := p.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("it is %s", kind)
	}
	b.at(b.get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"), 404, "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200")
}

// TestWhatOperatorsDoIsTold: a user hears of a password, an address and a reset that they took no part in.
func TestWhatOperatorsDoIsTold(t *testing.T) {
	t.Parallel()
	w := found(t, nil)
	w.browser().signUp("alice@example.com")
	const user = "/v1/admin/users/alice@example.com"
	for _, act := range []struct{ method, path, body, says string }{
		{"POST", "/password", `{"password":"another kettle under seven moons"}`, "set a new password for your account"},
		{"PATCH", "", `{"name":"Alice"}`, ""},
		{"DELETE", "/credentials", "", "removed the password, passkeys, one-time codes and connected accounts"},
		{"PATCH", "", `{"email":"ALICE@example.com"}`, ""}, // the same one
		{"PATCH", "", `{"email":"mallory@example.com"}`, "gave your account another e-mail address"},
	} {
		before := w.mail.String()
		w.operate(act.method, user+act.path, act.body)
		told := strings.TrimPrefix(w.mail.String(), before)
		if act.says == "" && told != "" || !strings.Contains(told, act.says) || strings.Contains(told, "mallory@example.com") || strings.Contains(told, "kettle") {
			t.Errorf("%s %s: told %q", act.method, act.path, told)
		}
		if act.says != "" && !strings.Contains(strings.ToLower(told), "to: alice@example.com") {
			t.Errorf("%s %s: not told to the old address: %q", act.method, act.path, told)
		}
	}
}
