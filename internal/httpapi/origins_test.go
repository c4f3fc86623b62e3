package httpapi_test

import (
	"testing"

	"tandem.example/tandem/internal/httpapi"
)

// TestPagesActForTheirOwnApplication sends cookies from pages of each origin: those of an application act with the
// sessions of that application alone, and administer nothing.
func TestPagesActForTheirOwnApplication(t *testing.T) {
	t.Parallel()
	const configured, shop, other, machine, evil = "https://app.example.com", "https://shop.example.net", "https://other.example.org", "https://machine.example.net", "https://evil.example"
	r := newRig(t, func(c *httpapi.Config) { c.AllowedOrigins = []string{configured} })
	key := r.apiKey()
	for name, app := range map[string]fields{
		"shop": {"allowed_origins": []string{shop}}, "other": {"allowed_origins": []string{other}},
		"machine": {"allowed_origins": []string{machine}, "kind": "machine"},
	} {
		app["name"] = name
		r.admin(key, "POST", "/v1/admin/apps", app).want(t, 201)
	}
	r.user("root@example.com", "admin")
	browser := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "root@example.com", "password": password, "app": "shop"}}).want(t, 200)
	token := r.enter("root@example.com", "shop").token
	for _, c := range []struct {
		origin, site string
		mine, admin  int // status with the cookie, of acts for oneself and of administration
		leave        bool
	}{
		{"", "", 200, 200, false},
		{issuer, "same-origin", 200, 200, true},
		{configured, "same-site", 200, 200, true},
		{shop, "cross-site", 200, 403, true},
		{shop, "", 200, 403, true},
		{other, "cross-site", 403, 403, true},
		{other, "", 403, 403, true},
		{machine, "cross-site", 403, 403, false},
		{evil, "cross-site", 403, 403, false},
	} {
		header := map[string]string{}
		if c.origin != "" {
			header["Origin"] = c.origin
		}
		if c.site != "" {
			header["Sec-Fetch-Site"] = c.site
		}
		check := func(what string, one call, want int) {
			t.Helper()
			one.header = header
			a := r.do(one)
			if a.StatusCode != want || want == 403 && a.str("code") != "forbidden" {
				t.Errorf("%s, %s from %q: %d %s, want %d", what, one.method, c.origin, a.StatusCode, a.text, want)
			}
			if leave := a.Header.Get("Access-Control-Allow-Origin") != ""; leave != c.leave {
				t.Errorf("%s, %s from %q: leave to read %t", what, one.method, c.origin, leave)
			}
		}
		check("mine", call{method: "GET", path: "/v1/session", cookies: browser.Cookies()}, c.mine)
		check("mine", call{method: "GET", path: "/v1/me", cookies: browser.Cookies()}, c.mine)
		check("mine", call{method: "PATCH", path: "/v1/me", cookies: browser.Cookies(), body: fields{}}, c.mine)
		check("administration", call{method: "GET", path: "/v1/admin/users", cookies: browser.Cookies()}, c.admin)
		check("administration", call{method: "PATCH", path: "/v1/admin/users/root@example.com", cookies: browser.Cookies(), body: fields{}}, c.admin)
		check("a token in a header", call{method: "GET", path: "/v1/session", bearer: token}, 200)
		check("an unknown cookie", call{method: "GET", path: "/v1/admin/users", cookies: r.stale()}, map[int]int{200: 401, 403: 403}[c.admin])
	}
	// What an application is given holds at once for its sessions.
	r.admin(key, "PATCH", "/v1/admin/apps/shop", fields{"allowed_origins": []string{other}}).want(t, 200)
	for origin, status := range map[string]int{other: 200, shop: 403} {
		r.do(call{method: "GET", path: "/v1/session", cookies: browser.Cookies(), header: map[string]string{"Origin": origin}}).want(t, status)
	}
}
