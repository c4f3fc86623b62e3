package tandem

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tandem.example/tandem/verify"
)

// installation is a whole server on a loopback port, as its users meet it.
type installation struct {
	testing.TB
	server *Server
	url    string
	logs   *heap
}

// install opens a server in dev mode and listens. Its passwords are hashed cheaply.
func install(t testing.TB, change func(*Config), opts ...Option) *installation {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Dev: true, Listen: l.Addr().String(), Issuer: "http://" + l.Addr().String(), DataDir: t.TempDir()}
	if change != nil {
		change(&c)
	}
	inServers(t, &c)
	in := &installation{TB: t, url: "http://" + l.Addr().String(), logs: &heap{}}
	in.server, err = Open(t.Context(), c, append(opts, WithLogger(slog.New(slog.NewTextHandler(in.logs, nil))), cheaply)...)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(in.server)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		in.server.parts.feed.Close()
		s.Close()
		if err := in.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return in
}

func cheaply(o *options) { o.cheap = true }

// answer is a decoded response.
type answer struct {
	Code   int
	Header http.Header
	Body   map[string]any
}

func (a answer) text(key string) string { s, _ := a.Body[key].(string); return s }

func (a answer) in(key string) answer {
	m, _ := a.Body[key].(map[string]any)
	return answer{Body: m}
}

// call sends JSON with a bearer credential (empty for none) and decodes the answer.
func (in *installation) call(method, path, bearer string, body any) answer {
	in.Helper()
	req := in.request(method, path, bearer, body)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		in.Fatal(err)
	}
	defer res.Body.Close()
	return in.decode(res.StatusCode, res.Header, res.Body)
}

// operate calls as the operator of the machine.
func (in *installation) operate(method, path string, body any) answer {
	in.Helper()
	w := httptest.NewRecorder()
	req := in.request(method, path, "", body)
	req.RemoteAddr = "127.0.0.1:1"
	in.server.Local().ServeHTTP(w, req)
	return in.decode(w.Code, w.Header(), w.Body)
}

func (in *installation) request(method, path, bearer string, body any) *http.Request {
	in.Helper()
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			in.Fatal(err)
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(in.Context(), method, in.url+path, sent)
	if err != nil {
		in.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return req
}

func (in *installation) decode(code int, h http.Header, body io.Reader) answer {
	in.Helper()
	b, err := io.ReadAll(body)
	if err != nil {
		in.Fatal(err)
	}
	a := answer{Code: code, Header: h}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a.Body); err != nil {
			in.Fatalf("%d %s: %v", code, b, err)
		}
	}
	return a
}

const password = "violet kettle under seven moons"

// signUp registers somebody and answers what they were given.
func (in *installation) signUp(email, app string) answer {
	in.Helper()
	a := in.call("POST", "/v1/sign-up", "", map[string]any{"email": email, "password": password, "delivery": "body", "app": app})
	if a.Code != 201 {
		in.Fatalf("sign up: %d %v", a.Code, a.Body)
	}
	return a
}

// verifier follows the installation's feed.
func (in *installation) verifier(change func(*verify.Config)) *verify.Verifier {
	in.Helper()
	c := verify.Config{Issuer: in.url, Audience: in.url, Name: "test", Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	v, err := verify.New(in.Context(), c)
	if err != nil {
		in.Fatal(err)
	}
	in.Cleanup(func() { v.Close() })
	return v
}

func TestFromSignInToRevocation(t *testing.T) {
	in := install(t, nil)
	v := in.verifier(nil)
	alice, bob := in.signUp("alice@example.com", ""), in.signUp("bob@example.com", "")
	guarded := httptest.NewServer(v.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := verify.FromContext(r.Context())
		io.WriteString(w, `{"sub":"`+token.Subject()+`"}`)
	})))
	defer guarded.Close()
	ask := func(credential string) int {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", guarded.URL, nil)
		req.Header.Set("Authorization", "Bearer "+credential)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	kinds := []string{"access_token", "session_token"}
	for _, kind := range kinds {
		for _, who := range []answer{alice, bob} {
			if code := ask(who.text(kind)); code != 200 {
				t.Fatalf("a living %s: %d", kind, code)
			}
		}
	}
	receipt := in.operate("POST", "/v1/admin/revocations", map[string]any{
		"kind": "subject", "id": alice.in("user").text("id"), "reason": "phone call", "wait": "enforced"})
	if receipt.Code != 201 || receipt.in("receipt").Body["acknowledged"] != 1.0 {
		t.Fatalf("revoke: %d %v, want a receipt with one acknowledgement", receipt.Code, receipt.Body)
	}
	for _, kind := range kinds {
		if code := ask(alice.text(kind)); code != 401 {
			t.Errorf("revoked %s after the receipt: %d, want 401", kind, code)
		}
		if code := ask(bob.text(kind)); code != 200 {
			t.Errorf("%s of somebody else: %d, want 200", kind, code)
		}
	}
	if took := receipt.in("receipt").Body["enforced_after_ms"].(float64); took > float64((10 * time.Second).Milliseconds()) {
		t.Errorf("enforced after %.0f ms, beyond the lease", took)
	}
}
