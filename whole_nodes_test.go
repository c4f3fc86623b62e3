package tandem

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/secret"
)

// sharing installs nodes that share a PostgreSQL, all of one issuer: that of the first.
func sharing(t *testing.T, n int) []*house {
	t.Helper()
	return sharingAs(t, n, "")
}

// sharingAs is sharing for nodes of an issuer that has a name, as behind a proxy.
func sharingAs(t *testing.T, n int, issuer string, opts ...Option) []*house {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	store, master := rig.SharedPostgres(t).NewDatabase(t), secret.NewText(base64.StdEncoding.EncodeToString(secret.Random(32)))
	var all []*house
	for range n {
		all = append(all, furnish(t, func(c *Config) {
			c.Store, c.InsecureAllowAsyncCommit, c.MasterKey = store, true, master
			switch {
			case issuer != "":
				c.Issuer, c.Dev = issuer, false
			case len(all) > 0:
				c.Issuer = all[0].url
			}
		}, opts...))
	}
	return all
}

// What is done on one node holds on the other at once.
func TestNodesAreOneServer(t *testing.T) {
	all := sharing(t, 2)
	a, b := all[0], all[1]
	v := a.verifier(nil)
	ada := a.signUp("ada@example.com", "")
	b.must(200, b.get("/v1/session", ada.text("session_token")))
	b.must(200, b.get("/v1/session", ada.text("access_token")))
	if _, err := v.Verify(t.Context(), ada.text("access_token")); err != nil {
		t.Fatal(err)
	}

	t.Run("a demotion", func(t *testing.T) {
		done := a.operate("PATCH", "/v1/admin/users/"+ada.in("user").text("id"), map[string]any{"roles": []string{"teller"}})
		a.must(200, done)
		seen := b.must(200, b.get("/v1/session", ada.text("access_token")))
		if roles := seen.in("user").Body["roles"].([]any); len(roles) != 1 || roles[0] != "teller" {
			t.Errorf("the other node sees roles %v", roles)
		}
	})
	t.Run("a stolen key", func(t *testing.T) {
		old := a.must(200, a.post("/v1/session/token", ada.text("session_token"), nil)).text("access_token")
		replaceKey(a)
		b.must(401, b.get("/v1/session", old)) // b has not been told of it
		replaceKey(a)
		replaceKey(a) // the key of now was not even published when b last looked
		fresh := a.must(200, a.post("/v1/session/token", ada.text("session_token"), nil)).text("access_token")
		b.must(200, b.get("/v1/session", fresh))
		other := b.must(200, b.post("/v1/session/token", ada.text("session_token"), nil)).text("access_token")
		for _, text := range []string{fresh, other} {
			if _, err := v.Verify(t.Context(), text); err != nil {
				t.Error(err)
			}
		}
		if _, err := v.Verify(t.Context(), old); err == nil {
			t.Error("a token of the revoked key is accepted")
		}
	})
	t.Run("a lock, with its receipt from the node that no verifier asks", func(t *testing.T) {
		receipt := b.operate("POST", "/v1/admin/revocations", map[string]any{
			"kind": "subject", "id": ada.in("user").text("id"), "wait": "enforced"})
		b.must(201, receipt)
		got := receipt.in("receipt").Body
		if got["verifiers"] != 1.0 || got["acknowledged"] != 1.0 || got["enforced_after_ms"].(float64) > 5000 {
			t.Errorf("receipt %v", got)
		}
		position := strconv.Itoa(int(receipt.Body["position"].(float64)))
		a.must(401, a.visit(visit{method: "GET", path: "/v1/session", bearer: ada.text("session_token"), header: map[string]string{"X-Min-Position": position}}))
	})
}

// replaceKey replaces the current key as if it were stolen.
func replaceKey(h *house) {
	h.Helper()
	var current string
	for _, k := range h.must(200, h.operate("GET", "/v1/admin/keys", nil)).Body["items"].([]any) {
		k := answer{Body: k.(map[string]any)}
		if k.text("state") == "current" && k.text("use") == "token" {
			current = k.text("kid")
		}
	}
	receipt := h.must(200, h.operate("POST", "/v1/admin/keys/"+current+"/revoke?wait=enforced", map[string]any{}))
	if receipt.in("receipt").Body["acknowledged"] != 1.0 {
		h.Errorf("receipt %v, want the one verifier", receipt.Body)
	}
}

// Both nodes change the same user and the same application, and no change undoes another.
func TestNodesDoNotUndoEachOther(t *testing.T) {
	all := sharing(t, 2)
	ada := all[0].signUp("ada@example.com", "").in("user").text("id")
	app := all[0].operate("POST", "/v1/admin/apps", map[string]any{"name": "api", "kind": "resource"}).in("app").text("id")
	var wg sync.WaitGroup
	const each = 8
	for i := range 2 * each {
		wg.Go(func() {
			n := all[i%2]
			role := "role-" + strconv.Itoa(i)
			if got := n.operate("PATCH", "/v1/admin/users/"+ada, map[string]any{"roles_add": []string{role}}); got.Code != http.StatusOK && got.Code != http.StatusConflict {
				t.Errorf("add %s: %d %v", role, got.Code, got.Body)
			} else if got.Code == http.StatusConflict {
				t.Logf("add %s: told to try again", role)
			}
			n.operate("POST", "/v1/admin/apps/"+app+"/secret", nil)
		})
	}
	wg.Wait()
	roles := all[1].operate("GET", "/v1/admin/users/"+ada, nil).Body["roles"].([]any)
	if len(roles) != 2*each {
		t.Errorf("%d roles after %d additions: %v", len(roles), 2*each, roles)
	}
}

// A new client secret is known to the other node at once, and the old one is not.
func TestNodesForgetAClientSecret(t *testing.T) {
	all := sharing(t, 2)
	made := all[0].operate("POST", "/v1/admin/apps", map[string]any{"name": "api", "kind": "resource"})
	id, old := made.in("app").text("id"), secret.NewText(made.text("client_secret"))
	if _, err := all[1].server.parts.operator.Authenticate(t.Context(), id, old); err != nil {
		t.Fatal(err)
	}
	renewed := secret.NewText(all[0].operate("POST", "/v1/admin/apps/"+id+"/secret", nil).text("client_secret"))
	for until := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, errOld := all[1].server.parts.operator.Authenticate(t.Context(), id, old)
		_, errNew := all[1].server.parts.operator.Authenticate(t.Context(), id, renewed)
		if errOld != nil && errNew == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("after 2 s the old secret answers %v, the new one %v", errOld, errNew)
		}
	}
}
