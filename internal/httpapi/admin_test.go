package httpapi_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
)

// admin sends a request with an API key.
func (r *rig) admin(key, method, path string, body any) answer {
	r.t.Helper()
	return r.do(call{method: method, path: path, bearer: key, body: body})
}

func TestUsers(t *testing.T) { onEveryStore(t, testUsers) }

func testUsers(t *testing.T, r *rig) {
	key := r.apiKey()
	made := r.admin(key, "POST", "/v1/admin/users", fields{"email": "ada@example.com", "name": "Ada", "roles": []string{"teller", "teller"}, "password": password}).want(t, 201)
	id := made.str("id")
	if made.str("status") != "active" || len(made.get("roles").([]any)) != 1 {
		t.Errorf("%s", made.text)
	}
	for _, name := range []string{id, "ada@example.com", "ADA@example.com"} {
		if a := r.admin(key, "GET", "/v1/admin/users/"+name, nil).want(t, 200); a.str("id") != id {
			t.Errorf("%s: %s", name, a.text)
		}
	}
	ada := r.enter("ada@example.com", "default")
	patch := func(body any) answer { return r.admin(key, "PATCH", "/v1/admin/users/"+id, body) }
	for _, step := range []struct {
		change   fields
		verified bool
	}{
		{fields{"email": "ada@example.com", "email_verified": true}, true},
		{fields{"email": " Ada@example.com"}, true}, // the same address
		{fields{"name": "Ada"}, true},
		{fields{"email": "ada@example.net"}, false},
		{fields{"email": "ada@example.com", "email_verified": true}, true},
		{fields{"email_verified": false}, false},
	} {
		if a := patch(step.change).want(t, 200); a.get("email_verified") != step.verified {
			t.Errorf("%v: %s", step.change, a.text)
		}
	}
	if a := patch(fields{"email": "ada@example.org", "email_verified": true}).want(t, 200); a.str("email") != "ada@example.org" || a.get("email_verified") != true || a.str("name") != "Ada" || a.get("receipt") != nil {
		t.Errorf("%s", a.text)
	}
	r.whoami(ada.access).want(t, 200)
	patch(fields{"roles": []string{}}).want(t, 200)
	r.whoami(ada.token).want(t, 200)
	patch(fields{"status": "locked"}).want(t, 200)
	r.whoami(ada.token).want(t, 401, "session_ended")
	patch(fields{"status": "active"}).want(t, 200)
	r.whoami(ada.token).want(t, 401, "session_ended")
	for _, body := range []any{fields{"status": "asleep"}, fields{"roles": []string{"UPPER"}}, fields{"email": "x"}, fields{"id": "x"}, fields{"created_at": "x"}} {
		patch(body).want(t, 422, "invalid_request")
	}
	r.user("other@example.com")
	patch(fields{"email": "other@example.com"}).want(t, 409, "conflict")
	r.admin(key, "POST", "/v1/admin/users", fields{"email": "other@example.com"}).want(t, 409, "conflict")
	r.admin(key, "POST", "/v1/admin/users/"+id+"/password", fields{"password": "short"}).want(t, 422, "invalid_request")
	r.admin(key, "POST", "/v1/admin/users/"+id+"/password", fields{"password": "another phrase 77"}).want(t, 204)
	r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "ada@example.org", "password": "another phrase 77"}}).want(t, 200)
	if a := r.admin(key, "GET", "/v1/admin/users?search=ADA", nil).want(t, 200); len(a.get("items").([]any)) != 1 {
		t.Errorf("%s", a.text)
	}
	r.admin(key, "DELETE", "/v1/admin/users/"+id+"?reason=asked", nil).want(t, 204)
	for _, method := range []string{"GET", "DELETE"} {
		r.admin(key, method, "/v1/admin/users/"+id, nil).want(t, 404, "not_found")
	}
	patch(fields{"name": "x"}).want(t, 404, "not_found")
	r.admin(key, "POST", "/v1/admin/users/"+id+"/password", fields{"password": password}).want(t, 404, "not_found")
	r.admin(key, "DELETE", "/v1/admin/users/"+id+"?reason="+strings.Repeat("x", 501), nil).want(t, 422, "invalid_request")

	trail := r.admin(key, "GET", "/v1/admin/audit?type=user.deleted&user="+id, nil).want(t, 200)
	entry := trail.get("items").([]any)[0].(map[string]any)
	if entry["reason"] != "asked" || !strings.HasPrefix(entry["actor"].(string), "key_") || entry["ip"] != "192.0.2.7" || entry["outcome"] != "done" {
		t.Errorf("%v", entry)
	}
}

func TestRolesOneByOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key, id := r.apiKey(), r.user("ada@example.com", "teller", "auditor")
	for _, c := range []struct {
		body fields
		want string
	}{
		{fields{"roles_add": []string{"clerk"}}, "auditor clerk teller"},
		{fields{"roles_add": []string{"clerk"}, "roles_remove": []string{"teller", "nothing"}}, "auditor clerk"},
		{fields{"roles_remove": []string{"auditor"}}, "clerk"},
		{fields{"roles_add": []string{}, "roles_remove": []string{}, "roles": []string{"teller"}}, "teller"},
		{fields{"roles_remove": []string{"teller"}}, ""},
	} {
		a := r.admin(key, "PATCH", "/v1/admin/users/"+id, c.body).want(t, 200)
		var got []string
		for _, role := range a.get("roles").([]any) {
			got = append(got, role.(string))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v, want %s", c.body, got, c.want)
		}
	}
	for _, body := range []fields{
		{"roles": []string{"a"}, "roles_add": []string{"b"}}, {"roles": []string{}, "roles_remove": []string{"b"}},
		{"roles_add": []string{"UPPER"}}, {"roles_add": "clerk"},
	} {
		r.admin(key, "PATCH", "/v1/admin/users/"+id, body).want(t, 422, "invalid_request")
	}
}

func TestImportedHash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	for _, body := range []fields{{"password_hash": "canary"}, {"password_hash": "$2a$04$canary", "password": password}} {
		body["email"] = "a@example.com"
		if a := r.admin(key, "POST", "/v1/admin/users", body).want(t, 422, "invalid_request"); strings.Contains(a.text, "canary") {
			t.Errorf("%s", a.text)
		}
	}
}

// TestStepUpForWhatCannotBeUndone lets an administrator's proof grow old: only these acts want a newer one, of people.
func TestStepUpForWhatCannotBeUndone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	root := r.root()
	victim, other, third := r.user("victim@example.com"), r.user("other@example.com", "admin"), r.user("third@example.com")
	key := r.apiKey()
	app := r.admin(key, "POST", "/v1/admin/apps", fields{"name": "doomed"}).want(t, 201).str("app", "id")
	keys := r.admin(key, "GET", "/v1/admin/keys", nil).get("items").([]any)
	kid := ""
	for _, k := range keys {
		if one := k.(map[string]any); one["use"] == "token" && one["state"] == "current" {
			kid = one["kid"].(string)
		}
	}
	harmless := []call{
		{method: "GET", path: "/v1/admin/users"},
		{method: "PATCH", path: "/v1/admin/users/" + victim, body: fields{"roles": []string{"teller"}}},
		{method: "PATCH", path: "/v1/admin/users/" + victim, body: fields{"roles_add": []string{"clerk"}, "roles_remove": []string{"admin"}}},
		{method: "PATCH", path: "/v1/admin/users/" + other, body: fields{"roles_add": []string{"admin"}}},
		{method: "PATCH", path: "/v1/admin/users/" + victim, body: fields{"status": "locked"}},
		{method: "PATCH", path: "/v1/admin/users/" + other, body: fields{"roles": []string{"admin", "teller"}}}, // is one already
		{method: "POST", path: "/v1/admin/users/" + victim + "/password", body: fields{"password": "another phrase 77"}},
		{method: "POST", path: "/v1/admin/revocations", body: fields{"kind": "subject", "id": victim}},
		{method: "POST", path: "/v1/admin/keys/rotate"},
	}
	grave := []call{
		{method: "PATCH", path: "/v1/admin/users/" + victim, body: fields{"roles": []string{"admin"}}},
		{method: "POST", path: "/v1/admin/users", body: fields{"email": "new@example.com", "roles": []string{"admin"}}},
		{method: "POST", path: "/v1/admin/users/" + other + "/password", body: fields{"password": "another phrase 77"}},
		{method: "POST", path: "/v1/admin/api-keys", body: fields{"name": "x"}},
		{method: "POST", path: "/v1/admin/revocations", body: fields{"kind": "all"}},
		{method: "POST", path: "/v1/admin/revocations", body: fields{"kind": "key", "id": kid}},
		{method: "POST", path: "/v1/admin/keys/" + kid + "/revoke"},
		{method: "DELETE", path: "/v1/admin/apps/" + app},
		{method: "DELETE", path: "/v1/admin/users/" + victim},
		{method: "PATCH", path: "/v1/admin/users/" + third, body: fields{"roles_add": []string{"admin"}}},
	}
	r.pass(10*time.Minute + time.Second)
	access := r.do(call{method: "POST", path: "/v1/session/token", bearer: root.token}).str("access_token")
	for _, c := range harmless {
		c.bearer = root.token
		if a := r.do(c); a.StatusCode >= 300 {
			t.Errorf("%s %s wants a step-up: %d %s", c.method, c.path, a.StatusCode, a.text)
		}
	}
	before := len(must[[]audit.Entry](t)(r.operator.Trail(t.Context(), audit.Query{Limit: 200})))
	for _, c := range grave {
		for _, c.bearer = range []string{root.token, access} {
			a := r.do(c)
			challenge := a.Header.Get("WWW-Authenticate")
			if a.StatusCode != 401 || a.str("code") != "step_up_required" || !strings.Contains(challenge, `error="insufficient_user_authentication"`) || !strings.Contains(challenge, `max_age="600"`) {
				t.Errorf("%s %s: %d %s %s", c.method, c.path, a.StatusCode, a.text, challenge)
			}
		}
	}
	if after := len(must[[]audit.Entry](t)(r.operator.Trail(t.Context(), audit.Query{Limit: 200}))); after != before {
		t.Errorf("%d acts were recorded though all were refused", after-before)
	}
	stepped := r.do(call{method: "POST", path: "/v1/step-up", bearer: root.token, body: fields{"password": password}}).want(t, 200)
	for i, c := range grave {
		switch i % 3 { // machines need no step-up, people have just made one
		case 0:
			c.bearer = stepped.str("session_token")
		case 1:
			c.bearer = key
		case 2:
			c.local = true
		}
		if a := r.do(c); a.StatusCode >= 300 {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.StatusCode, a.text)
		}
		if i == 4 || i == 5 { // access tokens are renewed after these
			r.whoami(stepped.str("session_token")).want(t, 200)
		}
	}
	trail := must[[]audit.Entry](t)(r.operator.Trail(t.Context(), audit.Query{Type: audit.UserDeleted, Limit: 1}))
	if len(trail) != 1 || trail[0].Actor != "operator" {
		t.Errorf("the local operator is called %+v", trail)
	}
}

func TestSessionsOfOthers(t *testing.T) { onEveryStore(t, testSessionsOfOthers) }

func testSessionsOfOthers(t *testing.T, r *rig) {
	key := r.apiKey()
	ada := r.ada()
	r.pass(time.Hour)
	mobile := r.enter(ada.email, "mobile")
	root := r.root()
	list := func(query string) []any {
		t.Helper()
		return r.admin(key, "GET", "/v1/admin/sessions?"+query, nil).want(t, 200).get("items").([]any)
	}
	for query, want := range map[string]int{
		"": 3, "user=" + ada.id: 2, "user=" + url.QueryEscape(ada.email): 2, "app=mobile": 1, "active_within=5m": 2, "active_within=1d": 3, "user=" + ada.id + "&app=default": 1,
	} {
		if got := list(query); len(got) != want {
			t.Errorf("%q: %d sessions, want %d", query, len(got), want)
		}
	}
	first := list("")[0].(map[string]any)
	if user, _ := first["user"].(map[string]any); user["email"] == nil || first["device"] == nil || first["current"] != false {
		t.Errorf("%v", first)
	}
	for _, query := range []string{"active_within=soon", "active_within=-5m", "user=nobody@example.com", "app=nothing"} {
		if a := r.admin(key, "GET", "/v1/admin/sessions?"+query, nil); a.StatusCode != 422 && a.StatusCode != 404 {
			t.Errorf("%q: %d", query, a.StatusCode)
		}
	}
	r.admin(key, "DELETE", "/v1/admin/sessions/"+mobile.session, nil).want(t, 204)
	r.whoami(mobile.access).want(t, 401, "session_ended")
	r.whoami(ada.token).want(t, 200)
	r.whoami(root.token).want(t, 200)
	r.admin(key, "DELETE", "/v1/admin/sessions/"+mobile.session, nil).want(t, 204)
	r.admin(key, "DELETE", "/v1/admin/sessions/nonsense", nil).want(t, 404, "not_found")
	r.admin(key, "DELETE", "/v1/admin/sessions/ses_00000000000000000000000000", nil).want(t, 404, "not_found")
}

func TestRevocations(t *testing.T) { onEveryStore(t, testRevocations) }

func testRevocations(t *testing.T, r *rig) {
	key := r.apiKey()
	r.user("ada@example.com")
	r.user("bob@example.com")
	revoke := func(body any) answer { return r.admin(key, "POST", "/v1/admin/revocations", body) }
	enter := func() (person, person) {
		return r.enter("ada@example.com", "default"), r.enter("bob@example.com", "default")
	}

	ada, bob := enter()
	a := revoke(fields{"kind": "session", "id": ada.session, "reason": "lost phone"}).want(t, 201)
	if a.get("position").(float64) < 1 || a.str("committed_at") == "" || a.get("receipt") != nil {
		t.Errorf("%s", a.text)
	}
	r.whoami(ada.token).want(t, 401, "session_ended")
	r.whoami(bob.token).want(t, 200)

	ada, _ = enter()
	revoke(fields{"kind": "authz", "id": ada.id}).want(t, 201)
	r.whoami(ada.token).want(t, 200)
	revoke(fields{"kind": "subject", "id": ada.id}).want(t, 201)
	r.whoami(ada.token).want(t, 401, "session_ended")
	r.whoami(bob.token).want(t, 200)

	mobile := r.enter("bob@example.com", "mobile")
	revoke(fields{"kind": "application", "id": "mobile"}).want(t, 201)
	r.whoami(mobile.access).want(t, 401, "session_ended")
	r.whoami(bob.token).want(t, 200)

	revoke(fields{"kind": "all"}).want(t, 201)
	r.whoami(bob.token).want(t, 200)
	revoke(fields{"kind": "all", "end_sessions": true}).want(t, 201)
	r.whoami(bob.token).want(t, 401, "session_ended")

	for _, body := range []any{
		fields{"kind": "everything"},
		fields{},
		fields{"kind": "all", "id": "x"},
		fields{"kind": "session", "id": "x", "end_sessions": true},
		fields{"kind": "all", "wait": "forever"},
		fields{"kind": "all", "reason": strings.Repeat("x", 501)},
	} {
		revoke(body).want(t, 422, "invalid_request")
	}
	for _, kind := range []string{"session", "subject", "authz", "application", "key"} {
		revoke(fields{"kind": kind, "id": "nothing"}).want(t, 404, "not_found")
	}
	trail := r.admin(key, "GET", "/v1/admin/audit?type=session.ended", nil).get("items").([]any)
	if len(trail) != 1 || trail[0].(map[string]any)["reason"] != "lost phone" {
		t.Errorf("%v", trail)
	}
}

func TestAuditTrail(t *testing.T) { onEveryStore(t, testAuditTrail) }

func testAuditTrail(t *testing.T, r *rig) {
	key := r.apiKey()
	ada := r.ada()
	r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": ada.email, "password": "wrong phrase here"}})
	between := r.clock().Add(time.Second)
	r.pass(time.Minute)
	r.do(call{method: "POST", path: "/v1/sign-out", bearer: ada.token}).want(t, 204)
	list := func(query string) []any {
		t.Helper()
		return r.admin(key, "GET", "/v1/admin/audit?"+query, nil).want(t, 200).get("items").([]any)
	}
	if got := list("user=" + ada.id); len(got) != 4 || got[0].(map[string]any)["type"] != "session.signed_out" {
		t.Errorf("%v", got)
	}
	if got := list("user=" + url.QueryEscape(ada.email) + "&type=session.sign_in_refused"); len(got) != 1 || got[0].(map[string]any)["outcome"] != "refused" {
		t.Errorf("%v", got)
	}
	if got := list("user=" + ada.id + "&since=" + between.Format(time.RFC3339)); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if got := list("user=" + ada.id + "&until=" + between.Format(time.RFC3339)); len(got) != 3 || got[0].(map[string]any)["type"] == "session.signed_out" {
		t.Errorf("until %s: %v", between, got)
	}
	if got := list("user=" + ada.id + "&outcome=refused"); len(got) != 1 || got[0].(map[string]any)["type"] != "session.sign_in_refused" {
		t.Errorf("refused: %v", got)
	}
	if got := list("user=" + ada.id + "&outcome=done"); len(got) != 3 {
		t.Errorf("done: %v", got)
	}
	for _, wrong := range []string{"since=yesterday", "until=tomorrow", "outcome=perhaps", "since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"} {
		r.admin(key, "GET", "/v1/admin/audit?"+wrong, nil).want(t, 422, "invalid_request")
	}
	page := r.admin(key, "GET", "/v1/admin/audit?limit=1", nil).want(t, 200)
	if next := r.admin(key, "GET", "/v1/admin/audit?limit=1&cursor="+page.str("next"), nil).want(t, 200); next.text == page.text {
		t.Error("the second page is the first")
	}
}

// TestAReasonIsKept shows that every change may say why.
func TestAReasonIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key, id := r.apiKey(), r.user("ada@example.com")
	r.do(call{method: "PATCH", path: "/v1/admin/users/" + id + "?reason=ticket+7", bearer: key, body: fields{"status": "locked"}}).want(t, 200)
	trail := must[[]audit.Entry](t)(r.operator.Trail(t.Context(), audit.Query{Type: audit.UserLocked, Limit: 1}))
	if trail[0].Reason != "ticket 7" {
		t.Errorf("%+v", trail[0])
	}
	if user := must[account.User](t)(r.operator.User(t.Context(), id)); user.Status != account.Locked {
		t.Errorf("%+v", user)
	}
}
