package httpapi_test

import (
	"errors"
	"strings"
	"testing"

	"tandem.example/tandem/internal/httpapi"
	"tandem.example/tandem/verify/jws"
)

// sync sends a sync request: the first one of a verifier, unless there is a body.
func (r *rig) sync(c call) answer {
	r.t.Helper()
	c.method, c.path = "POST", "/v1/revocations/sync"
	if c.body == nil {
		c.body = ask("one", 0, "", "")
	}
	return r.do(c)
}

func ask(instance string, position float64, epoch, chain string) fields {
	return fields{"verifier": "bank", "instance": instance, "epoch": epoch, "position": position, "chain": chain, "nonce": "0123456789abcdef", "wait_ms": 0}
}

// resource registers a resource and answers its client id and secret.
func (r *rig) resource(key string) [2]string {
	r.t.Helper()
	a := r.admin(key, "POST", "/v1/admin/apps", fields{"name": "bank", "kind": "resource"}).want(r.t, 201)
	return [2]string{a.str("app", "id"), a.str("client_secret")}
}

func TestSyncIsSigned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	who := r.resource(r.apiKey())
	a := r.sync(call{basic: who}).want(t, 200)
	keys := must[jws.Set](t)(jws.ParseSet([]byte(r.do(call{method: "GET", path: "/.well-known/tandem-feed-jwks.json"}).text)))
	signature := a.Header.Get("Tandem-Signature")
	header := must[jws.Header](t)(jws.DetachedHeader(signature))
	key, ok := keys.Find(header.KeyID)
	if !ok {
		t.Fatalf("signed by %s, which is not published", header.KeyID)
	}
	if err := jws.VerifyDetached(signature, []byte(a.text), "revocation-sync", key); err != nil {
		t.Errorf("the exact bytes do not verify: %v", err)
	}
	if a.get("snapshot") != true || a.str("nonce") != "0123456789abcdef" || a.get("lease_ms") != 10000.0 || len(a.str("epoch")) != 26 {
		t.Errorf("%s", a.text)
	}
	list := r.admin(r.apiKey(), "GET", "/v1/admin/verifiers", nil).want(t, 200).get("items").([]any)
	if one := list[0].(map[string]any); one["name"] != "bank" || one["application"] != who[0] || one["staleness_ms"] == nil || one["lease_ms"].(float64) <= 0 {
		t.Errorf("%v", one)
	}
}

func TestWhoMaySync(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	who := r.resource(key)
	machine := r.admin(key, "POST", "/v1/admin/apps", fields{"name": "robot", "kind": "machine"}).want(t, 201)
	ada := r.ada()
	for name, c := range map[string]struct {
		call
		status int
		code   string
	}{
		"nobody":           {call{}, 401, "unauthenticated"},
		"wrong secret":     {call{basic: [2]string{who[0], strings.ToUpper(who[1])}}, 401, "invalid_credentials"},
		"by name":          {call{basic: [2]string{"bank", who[1]}}, 401, "invalid_credentials"},
		"unknown":          {call{basic: [2]string{"app_00000000000000000000000000", who[1]}}, 401, "invalid_credentials"},
		"no secret":        {call{basic: [2]string{who[0], ""}}, 401, "invalid_credentials"},
		"badly encoded":    {call{basic: [2]string{"%zz", who[1]}}, 401, "invalid_credentials"},
		"a people's app":   {call{basic: [2]string{"default", ""}}, 401, "invalid_credentials"},
		"a machine":        {call{basic: [2]string{machine.str("app", "id"), machine.str("client_secret")}}, 403, "forbidden"},
		"a user":           {call{bearer: ada.token}, 401, "invalid_credentials"},
		"an administrator": {call{bearer: key}, 401, "invalid_credentials"},
	} {
		a := r.sync(c.call)
		if a.StatusCode != c.status || a.str("code") != c.code {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.text)
		}
		if c.status == 401 && (!strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic ") || a.Header.Get("Retry-After") == "") {
			t.Errorf("%s: %v", name, a.Header)
		}
	}
	open := newRig(t, func(c *httpapi.Config) { c.OpenSync = true })
	open.sync(call{}).want(t, 200)
	open.sync(call{basic: who}).want(t, 401, "invalid_credentials") // what is sent must be right even there
	list := open.admin(open.apiKey(), "GET", "/v1/admin/verifiers", nil).get("items").([]any)
	if one := list[0].(map[string]any); one["application"] != "anonymous" {
		t.Errorf("%v", one)
	}
}

func TestSyncRefusesBadRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *httpapi.Config) { c.OpenSync = true })
	long := func(n int) string { return strings.Repeat("x", n) }
	change := func(name string, value any) fields {
		b := ask("one", 0, "", "")
		b[name] = value
		return b
	}
	for _, c := range []struct {
		body   any
		status int
		field  string
	}{
		{"", 400, ""},
		{"{", 400, ""},
		{"[]", 400, ""},
		{"null", 422, "verifier"},
		{"{}", 422, "verifier"},
		{change("verifier", ""), 422, "verifier"},
		{change("verifier", 7), 422, "verifier"},
		{change("instance", long(129)), 422, "instance"},
		{change("nonce", "short"), 422, "nonce"},
		{change("position", -1), 422, "position"},
		{change("position", 1.5), 422, "position"},
		{change("wait_ms", 25001), 422, "wait_ms"},
		{change("wait_ms", -1), 422, "wait_ms"},
		{change("chain", long(65)), 422, "chain"},
		{change("x", long(4096)), 413, ""},
		{change("newer", true), 200, ""},
	} {
		a := r.sync(call{body: c.body})
		if a.StatusCode != c.status || c.field != "" && !strings.Contains(a.text, `"field":"`+c.field+`"`) {
			t.Errorf("%v: %d %s", c.body, a.StatusCode, a.text)
		}
	}
	r.do(call{method: "POST", path: "/v1/revocations/sync", body: "{}", header: map[string]string{"Content-Type": "text/plain"}}).want(t, 415)
}

// TestSyncIsNeverRefusedForWhatIsNotTheVerifiersFault: a verifier must not take trouble for a verdict.
func TestSyncIsNeverRefusedForWhatIsNotTheVerifiersFault(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"application.Find", "log.Head", "log.Read", "leases.Hold"} {
		r := newRig(t)
		who := r.resource(r.apiKey())
		broken := false
		r.store.Fault(func(at string) (error, error) {
			if strings.EqualFold(at, verb) {
				broken = true
				return errors.New("canary: disk full"), nil
			}
			return nil, nil
		})
		a := r.sync(call{basic: who})
		if !broken {
			t.Errorf("%s was not asked for", verb)
			continue
		}
		if a.StatusCode != 503 || a.str("code") != "unavailable" || a.Header.Get("Retry-After") == "" || strings.Contains(a.text, "canary") {
			t.Errorf("%s: %d %s", verb, a.StatusCode, a.text)
		}
		if n := strings.Count(r.log.String(), "canary: disk full"); n != 1 {
			t.Errorf("%s: logged %d times", verb, n)
		}
	}
	r := newRig(t, func(c *httpapi.Config) { c.OpenSync = true })
	r.feed.Close()
	r.sync(call{}).want(t, 503, "unavailable")
	if strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("a shutdown is no fault: %s", r.log)
	}
}

// TestReceipt has each act that ends access waited for, while a verifier follows.
func TestReceipt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	who := r.resource(key)
	r.user("ada@example.com")
	// One kind of act after another: the verifier has each of them before it is answered.
	const ada = "/v1/admin/users/ada@example.com"
	for _, one := range []struct {
		name string
		act  func() call
	}{
		{"end a session", func() call {
			return call{method: "DELETE", path: "/v1/admin/sessions/" + r.enter("ada@example.com", "default").session}
		}},
		{"roles", func() call { return call{method: "PATCH", path: ada, body: fields{"roles": []string{"teller"}}} }},
		{"lock", func() call { return call{method: "PATCH", path: ada, body: fields{"status": "locked"}} }},
		{"reset", func() call { return call{method: "POST", path: ada + "/password", body: fields{"password": password}} }},
		{"revoke", func() call { return call{method: "POST", path: "/v1/admin/revocations", body: fields{"kind": "all"}} }},
		{"delete", func() call { return call{method: "DELETE", path: ada} }},
		{"app", func() call {
			a := r.admin(key, "POST", "/v1/admin/apps", fields{"name": "doomed"}).want(t, 201)
			return call{method: "DELETE", path: "/v1/admin/apps/" + a.str("app", "id")}
		}},
		{"key", func() call {
			keys := r.admin(key, "GET", "/v1/admin/keys", nil).get("items").([]any)
			return call{method: "POST", path: "/v1/admin/keys/" + keys[0].(map[string]any)["kid"].(string) + "/revoke"}
		}},
	} {
		name, c := one.name, one.act()
		c.bearer = key
		c.path += "?wait=enforced"
		at := r.sync(call{basic: who, body: ask("one", 0, "", "")}).want(t, 200) // up to here it has everything
		done := make(chan answer, 1)
		go func() { done <- r.do(c) }()
		follow := ask("one", at.get("to").(float64), at.str("epoch"), at.str("chain"))
		follow["wait_ms"] = 20_000
		at = r.sync(call{basic: who, body: follow}).want(t, 200)
		select {
		case early := <-done:
			t.Errorf("%s: answered before the verifier had it: %s", name, early.text)
			continue
		default:
		}
		at = r.sync(call{basic: who, body: ask("one", at.get("to").(float64), at.str("epoch"), at.str("chain"))}).want(t, 200)
		a := <-done
		receipt, _ := a.get("receipt").(map[string]any)
		if a.StatusCode >= 300 || receipt["verifiers"] != 1.0 || receipt["acknowledged"] != 1.0 || receipt["lapsed"] != 0.0 || receipt["position"] != at.get("to") || receipt["committed_at"] == nil || receipt["enforced_after_ms"] == nil {
			t.Errorf("%s: %d %s, verifier at %v", name, a.StatusCode, a.text, at.get("to"))
		}
	}
}

// TestReceiptOfWhatTheLogDoesNotTell waits for changes that append nothing: whoever has the log has them.
func TestReceiptOfWhatTheLogDoesNotTell(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	who := r.resource(key)
	r.admin(key, "POST", "/v1/admin/revocations", fields{"kind": "all"}).want(t, 201)
	at := r.sync(call{basic: who, body: ask("one", 0, "", "")}).want(t, 200)
	r.sync(call{basic: who, body: ask("one", at.get("to").(float64), at.str("epoch"), at.str("chain"))}).want(t, 200)
	patch := fields{"access_token_ttl": "1m"}
	changed := r.admin(key, "PATCH", "/v1/admin/apps/default?wait=enforced&reason=shorter", patch).want(t, 200)
	for what, a := range map[string]answer{
		"change an application": changed, "rotate": r.admin(key, "POST", "/v1/admin/keys/rotate?wait=enforced", nil).want(t, 200),
	} {
		receipt, _ := a.get("receipt").(map[string]any)
		if receipt["verifiers"] != 1.0 || receipt["acknowledged"] != 1.0 || receipt["position"] != at.get("to") || receipt["committed_at"] == nil {
			t.Errorf("%s: %s", what, a.text)
		}
	}
	if changed.str("access_token_ttl") != "1m" {
		t.Errorf("%s", changed.text)
	}
	if a := r.admin(key, "PATCH", "/v1/admin/apps/default", patch).want(t, 200); a.get("receipt") != nil {
		t.Errorf("not waited for, yet %s", a.text)
	}
	r.admin(key, "POST", "/v1/admin/keys/rotate", nil).want(t, 204)
	r.admin(key, "PATCH", "/v1/admin/apps/default?wait=whenever", patch).want(t, 422, "invalid_request")
}

// TestReceiptWithoutVerifiers is answered at once.
func TestReceiptWithoutVerifiers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	a := r.admin(key, "POST", "/v1/admin/revocations", fields{"kind": "all", "wait": "enforced"}).want(t, 201)
	if receipt, _ := a.get("receipt").(map[string]any); receipt["verifiers"] != 0.0 || receipt["position"] != a.get("position") {
		t.Errorf("%s", a.text)
	}
	r.admin(key, "POST", "/v1/admin/revocations?wait=whenever", fields{"kind": "all"}).want(t, 422, "invalid_request")
}

// TestReceiptThatCannotBeHad says that the change stands all the same.
func TestReceiptThatCannotBeHad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := r.apiKey()
	id := r.user("ada@example.com")
	r.store.Fault(func(at string) (error, error) {
		if strings.EqualFold(at, "log.Head") {
			return errors.New("disk full"), nil
		}
		return nil, nil
	})
	a := r.admin(key, "DELETE", "/v1/admin/users/"+id+"?wait=enforced", nil).want(t, 503, "unavailable")
	if !strings.Contains(a.str("detail"), "the change was committed at position 1") {
		t.Errorf("%s", a.text)
	}
	if a := r.admin(key, "POST", "/v1/admin/keys/rotate?wait=enforced", nil).want(t, 503, "unavailable"); !strings.Contains(a.str("detail"), "was committed") {
		t.Errorf("%s", a.text)
	}
	r.store.Fault(nil)
	r.admin(key, "GET", "/v1/admin/users/"+id, nil).want(t, 404, "not_found")
}
