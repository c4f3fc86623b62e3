package httpapi_test

import (
	"testing"

	"tandem.example/tandem/internal/httpapi"
)

// TestThinnestPath signs up, signs in, checks and syncs.
func TestThinnestPath(t *testing.T) {
	r := newRig(t, func(c *httpapi.Config) { c.OpenSync = true })
	up := r.do(call{method: "POST", path: "/v1/sign-up", body: fields{"email": "ada@example.com", "password": password, "name": "Ada"}})
	up.want(t, 201)
	in := r.do(call{method: "POST", path: "/v1/sign-in", body: fields{"email": "Ada@Example.com", "password": password}})
	in.want(t, 200)
	cookies := in.Cookies()
	if len(cookies) != 2 {
		t.Fatalf("sign-in set %d cookies, want session and device", len(cookies))
	}
	who := r.do(call{method: "GET", path: "/v1/session", cookies: cookies})
	who.want(t, 200)
	if who.str("user", "email") != "ada@example.com" || who.str("session", "id") != in.str("session", "id") {
		t.Fatalf("live check answers %s", who.text)
	}
	sync := r.do(call{method: "POST", path: "/v1/revocations/sync", body: fields{
		"verifier": "bank", "instance": "one", "epoch": "", "position": 0, "chain": "", "nonce": "0123456789abcdef", "wait_ms": 0,
	}})
	sync.want(t, 200)
	if sync.Header.Get("Tandem-Signature") == "" || sync.str("nonce") != "0123456789abcdef" {
		t.Fatalf("sync answers %s", sync.text)
	}
	t.Log(up.text, up.Header, who.text, sync.text)
}
