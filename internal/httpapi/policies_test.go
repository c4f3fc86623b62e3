package httpapi_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSignInAndBrandOfAnApp(t *testing.T) { onEveryStore(t, testSignInAndBrandOfAnApp) }

func testSignInAndBrandOfAnApp(t *testing.T, r *rig) {
	key := r.apiKey()
	// The largest logo goes through the limit of bodies.
	logo := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte("<svg>"+strings.Repeat(" ", 32<<10-11)+"</svg>"))
	made := r.admin(key, "POST", "/v1/admin/apps", fields{"name": "shop",
		"sign_in": fields{"methods": []string{"passkey", "password"}, "second_factor": "required", "remember": "0s", "acr": "2"},
		"brand":   fields{"title": "The Shop", "color": "#1f4fd8", "logo": logo}}).want(t, 201)
	signIn := map[string]any{"methods": []any{"passkey", "password"}, "second_factor": "required", "remember": "0s", "acr": "2"}
	brand := map[string]any{"title": "The Shop", "color": "#1f4fd8", "logo": logo}
	check := func(what string, app map[string]any) {
		t.Helper()
		if diff := cmp.Diff([]any{signIn, brand}, []any{app["sign_in"], app["brand"]}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	show := func() map[string]any { return r.admin(key, "GET", "/v1/admin/apps/shop", nil).want(t, 200).json }
	patch := func(body any) answer { return r.admin(key, "PATCH", "/v1/admin/apps/shop", body) }
	check("created", made.get("app").(map[string]any))
	patch(fields{"access_token_ttl": "1m"}).want(t, 200)
	check("after something else was changed", show())
	patch(fields{"sign_in": fields{"methods": []string{}, "remember": "14d", "acr": ""}, "brand": fields{"logo": ""}}).want(t, 200)
	delete(signIn, "methods")
	delete(signIn, "acr")
	delete(brand, "logo")
	signIn["remember"] = "14d"
	check("after a change", show())
	for field, body := range map[string]any{
		"sign_in.methods":       fields{"sign_in": fields{"methods": []string{"email_code"}}},
		"sign_in.second_factor": fields{"sign_in": fields{"second_factor": "sometimes"}},
		"sign_in.remember":      fields{"sign_in": fields{"remember": "two weeks"}},
		"sign_in.acr":           fields{"sign_in": fields{"acr": "9"}},
		"brand.title":           fields{"brand": fields{"title": strings.Repeat("x", 61)}},
		"brand.color":           fields{"brand": fields{"color": "#eeeeee"}},
		"brand.logo":            fields{"brand": fields{"logo": "https://example.com/logo.png"}},
	} {
		got := patch(body).want(t, 422, "invalid_request")
		if !strings.Contains(got.text, `"field":"`+field+`"`) {
			t.Errorf("%s: %s", field, got.text)
		}
	}
	check("after refused changes", show())
	patch(fields{"brand": fields{"logo": "data:image/png;base64," + strings.Repeat("A", 70<<10)}}).want(t, 413)
}
