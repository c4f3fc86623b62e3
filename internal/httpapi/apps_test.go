package httpapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestApps(t *testing.T) { onEveryStore(t, testApps) }

func testApps(t *testing.T, r *rig) {
	key := r.apiKey()
	create := func(body any) answer { return r.admin(key, "POST", "/v1/admin/apps", body) }
	a := create(fields{
		"name": "shop", "kind": "user", "mode": "jwt", "audiences": []string{"https://api.example.com"}, "allowed_origins": []string{"https://shop.example.net"},
		"alg": "EdDSA", "access_token_ttl": "10m", "refresh": fields{"grace": "0s", "idle": "7d", "absolute": "36h"}, "session": fields{"preset": "strict", "limit": 3},
	})
	a.want(t, 422, "invalid_request") // idle beyond absolute
	a = create(fields{
		"name": "shop", "kind": "user", "mode": "jwt", "audiences": []string{"https://api.example.com"}, "allowed_origins": []string{"https://shop.example.net"},
		"alg": "EdDSA", "access_token_ttl": "10m", "refresh": fields{"grace": "0s", "idle": "36h", "absolute": "14d"}, "session": fields{"preset": "strict", "limit": 3},
	}).want(t, 201)
	if a.get("client_secret") != nil {
		t.Error("people's applications have no secret")
	}
	app := func() map[string]any {
		t.Helper()
		return r.admin(key, "GET", "/v1/admin/apps/shop", nil).want(t, 200).json
	}
	want := map[string]any{
		"id": a.str("app", "id"), "name": "shop", "kind": "user", "mode": "jwt", "audiences": []any{"https://api.example.com"},
		"allowed_origins": []any{"https://shop.example.net"}, "alg": "EdDSA", "access_token_ttl": "10m",
		"refresh": map[string]any{"grace": "0s", "idle": "36h", "absolute": "14d"}, "session": map[string]any{"preset": "strict", "limit": 3.0},
		"sign_in": map[string]any{}, "brand": map[string]any{}, "created_at": r.clock().Format(time.RFC3339),
	}
	if diff := cmp.Diff(want, app()); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	patch := func(body any) answer { return r.admin(key, "PATCH", "/v1/admin/apps/"+a.str("app", "id"), body) }
	patch(fields{}).want(t, 200)
	if diff := cmp.Diff(want, app()); diff != "" {
		t.Errorf("an empty patch (-want +got):\n%s", diff)
	}
	patch(fields{"refresh": fields{"grace": "45s"}, "access_token_ttl": ""}).want(t, 200)
	want["refresh"].(map[string]any)["grace"] = "45s"
	delete(want, "access_token_ttl")
	if diff := cmp.Diff(want, app()); diff != "" {
		t.Errorf("a partial patch (-want +got):\n%s", diff)
	}
	patch(fields{"refresh": fields{"grace": ""}, "session": fields{"limit": 0, "preset": ""}}).want(t, 200)
	delete(want["refresh"].(map[string]any), "grace")
	want["session"] = map[string]any{}
	if diff := cmp.Diff(want, app()); diff != "" {
		t.Errorf("back to the server's (-want +got):\n%s", diff)
	}
	for _, body := range []any{
		fields{"kind": "machine"},
		fields{"mode": "psychic"},
		fields{"access_token_ttl": "1s"},
		fields{"access_token_ttl": "0s"},
		fields{"access_token_ttl": "10 minutes"},
		fields{"access_token_ttl": "-5m"},
		fields{"access_token_ttl": "99999d"},
		fields{"access_token_ttl": 5},
		fields{"refresh": fields{"grace": "301s"}},
		fields{"session": fields{"limit": -1}},
		fields{"session": fields{"preset": "lax"}},
		fields{"allowed_origins": []string{"*"}},
		fields{"alg": "none"},
		fields{"refresh": fields{"graze": "1s"}},
		fields{"session": fields{"idle": "2d", "absolute": "1d"}},
		fields{"name": ""},
	} {
		if got := patch(body); got.StatusCode != 422 {
			text, _ := json.Marshal(body)
			t.Errorf("%s: %d %s", text, got.StatusCode, got.text)
		}
	}
	if diff := cmp.Diff(want, app()); diff != "" {
		t.Errorf("refused patches changed something (-want +got):\n%s", diff)
	}
	create(fields{"name": "shop"}).want(t, 409, "conflict")
	patch(fields{"name": "default"}).want(t, 409, "conflict")
	create(fields{"kind": "user"}).want(t, 422, "invalid_request")
	r.admin(key, "DELETE", "/v1/admin/apps/default", nil).want(t, 409, "conflict")
	r.admin(key, "DELETE", "/v1/admin/apps/shop", nil).want(t, 204)
	r.admin(key, "GET", "/v1/admin/apps/shop", nil).want(t, 404, "not_found")
	patch(fields{}).want(t, 404, "not_found")
	list := r.admin(key, "GET", "/v1/admin/apps?limit=2", nil).want(t, 200)
	rest := r.admin(key, "GET", "/v1/admin/apps?limit=2&cursor="+list.str("next"), nil).want(t, 200)
	if len(list.get("items").([]any)) != 2 || len(rest.get("items").([]any)) != 1 || rest.get("next") != nil {
		t.Errorf("%s\n%s", list.text, rest.text)
	}
}

// TestAudiencesInForce shows those of the server where an application has none of its own.
func TestAudiencesInForce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	for app, want := range map[string][]any{"default": {issuer}, "mobile": {"https://api.example.com", issuer}} {
		got := r.admin(key, "GET", "/v1/admin/apps/"+app, nil).want(t, 200).get("audiences")
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", app, diff)
		}
	}
	made := r.admin(key, "POST", "/v1/admin/apps", fields{"name": "new"}).want(t, 201)
	changed := r.admin(key, "PATCH", "/v1/admin/apps/mobile", fields{"audiences": []string{}}).want(t, 200)
	list := r.admin(key, "GET", "/v1/admin/apps?limit=1", nil).want(t, 200).get("items").([]any)[0].(map[string]any)
	for what, got := range map[string]any{"created": made.get("app", "audiences"), "changed": changed.get("audiences"), "listed": list["audiences"]} {
		if diff := cmp.Diff(any([]any{issuer}), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestClientSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	made := r.admin(key, "POST", "/v1/admin/apps", fields{"name": "bank", "kind": "resource"}).want(t, 201)
	id, old := made.str("app", "id"), made.str("client_secret")
	r.sync(call{basic: [2]string{id, old}}).want(t, 200)
	renewed := r.admin(key, "POST", "/v1/admin/apps/"+id+"/secret", nil).want(t, 200).str("client_secret")
	r.sync(call{basic: [2]string{id, old}}).want(t, 401, "invalid_credentials")
	r.sync(call{basic: [2]string{id, renewed}}).want(t, 200)
	r.admin(key, "POST", "/v1/admin/apps/default/secret", nil).want(t, 422, "invalid_request")
	r.admin(key, "POST", "/v1/admin/apps/nothing/secret", nil).want(t, 404, "not_found")
}

func TestAPIKeys(t *testing.T) { onEveryStore(t, testAPIKeys) }

func testAPIKeys(t *testing.T, r *rig) {
	root := r.root()
	create := func(body any) answer {
		return r.do(call{method: "POST", path: "/v1/admin/api-keys", bearer: root.token, body: body})
	}
	a := create(fields{"name": "deploy", "expires_at": r.clock().Add(time.Hour).Format(time.RFC3339)}).want(t, 201)
	secret, id := a.str("secret"), a.str("api_key", "id")
	if a.str("api_key", "created_by") != root.id || a.str("api_key", "name") != "deploy" {
		t.Errorf("%s", a.text)
	}
	list := func(key string) answer { return r.admin(key, "GET", "/v1/admin/api-keys", nil) }
	if got := list(secret).want(t, 200).get("items").([]any); len(got) != 1 || got[0].(map[string]any)["revoked_at"] != nil {
		t.Errorf("%v", got)
	}
	for _, body := range []any{fields{}, fields{"name": ""}, fields{"name": "x", "expires_at": r.clock().Format(time.RFC3339)}, fields{"name": "x", "expires_at": "soon"}} {
		create(body).want(t, 422, "invalid_request")
	}
	r.pass(time.Hour)
	list(secret).want(t, 401, "invalid_token")
	forever := create(fields{"name": "forever"})
	forever.want(t, 401, "step_up_required")
	root = r.enter(root.email, "default")
	forever = create(fields{"name": "forever"}).want(t, 201)
	list(forever.str("secret")).want(t, 200)
	r.admin(forever.str("secret"), "DELETE", "/v1/admin/api-keys/"+forever.str("api_key", "id"), nil).want(t, 204)
	list(forever.str("secret")).want(t, 401, "invalid_token")
	r.do(call{method: "DELETE", path: "/v1/admin/api-keys/" + id, bearer: root.token}).want(t, 204)
	r.do(call{method: "DELETE", path: "/v1/admin/api-keys/nothing", bearer: root.token}).want(t, 404, "not_found")
}

func TestKeys(t *testing.T) { onEveryStore(t, testKeys) }

func testKeys(t *testing.T, r *rig) {
	key := r.apiKey()
	ada := r.ada()
	states := func() map[string]string {
		t.Helper()
		out := map[string]string{}
		for _, item := range r.admin(key, "GET", "/v1/admin/keys", nil).want(t, 200).get("items").([]any) {
			one := item.(map[string]any)
			if one["use"] == "token" {
				out[one["state"].(string)] = one["kid"].(string)
			}
		}
		return out
	}
	before := states()
	r.admin(key, "POST", "/v1/admin/keys/rotate", nil).want(t, 204)
	rotated := states()
	if rotated["current"] != before["next"] || rotated["retired"] != before["current"] {
		t.Errorf("before %v, after %v", before, rotated)
	}
	r.whoami(ada.access).want(t, 200)
	a := r.admin(key, "POST", "/v1/admin/keys/"+before["current"]+"/revoke?reason=stolen", nil).want(t, 200)
	if a.get("position").(float64) < 1 {
		t.Errorf("%s", a.text)
	}
	r.whoami(ada.access).want(t, 401, "invalid_token")
	r.whoami(ada.token).want(t, 200)
	if states()["revoked"] != before["current"] {
		t.Errorf("%v", states())
	}
	r.admin(key, "POST", "/v1/admin/keys/nothing/revoke", nil).want(t, 404, "not_found")
}
