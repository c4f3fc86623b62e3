package tandem

import (
	"bytes"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tandem.example/tandem/internal/lab/provider"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify"
)

// heap gathers what is written to it from anywhere.
type heap struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heap) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(p)
}

func (h *heap) String() string { return string(h.bytes()) }

func (h *heap) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.b.Bytes())
}

// copied is a server whose every output is kept, and every secret that came out of its API.
type copied struct {
	*house
	secrets
	config Config
	logs   heap
	inbox  heap // what was mailed
	relay  *relay
	there  *provider.Provider
	stop   func()

	waiting []*guest // who have proven mia's password, and wait for the second factor
	phone   *authenticator
}

// newCopied opens a server with a mail server that wants a password and a provider of identities.
func newCopied(t *testing.T) *copied {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)
	c := &copied{config: Config{Dev: true, Listen: l.Addr().String(), Issuer: issuer, DataDir: t.TempDir()}}
	c.house = &house{client: &http.Client{Transport: &http.Transport{}}, installation: &installation{TB: t, url: issuer}, mails: &c.inbox}
	c.config.Limits.Disabled = true
	c.befriend()
	log := slog.New(slog.NewTextHandler(&c.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.server, err = Open(t.Context(), c.config, WithLogger(log), cheaply)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(c.server)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	c.stop = sync.OnceFunc(func() {
		c.client.CloseIdleConnections()
		s.CloseClientConnections()
		c.server.parts.feed.Close()
		s.Close()
		if err := c.server.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(c.stop)
	return c
}

// try sends a visit and keeps the secrets of the answer and of the request.
func (c *copied) try(v visit) answer {
	c.Helper()
	if m, ok := v.body.(map[string]any); ok {
		for name, value := range m {
			if text, is := value.(string); is && (name == "password" || name == "new" || name == "current") {
				c.add(name, text)
			}
		}
	}
	return c.collect(c.visit(v))
}

func (c *copied) ask(status int, method, path, bearer string, body any) answer {
	c.Helper()
	return c.must(status, c.try(visit{method: method, path: path, bearer: bearer, body: body}))
}

// enter signs up or in.
func (c *copied) enter(path, email, app, delivery string) answer {
	c.Helper()
	a := c.try(visit{method: "POST", path: path, body: map[string]any{"email": email, "password": password, "app": app, "delivery": delivery}})
	if a.Code/100 != 2 {
		c.Fatalf("%s: %d %v", path, a.Code, a.Body)
	}
	return a
}

// run uses the whole API, and misuses it: secrets in the wrong place must not be written down either.
func (c *copied) run() {
	c.must(201, c.operate("POST", "/v1/admin/users", map[string]any{"email": "root@example.com", "password": password, "roles": []string{"admin"}}))
	key := c.collect(c.must(201, c.operate("POST", "/v1/admin/api-keys", map[string]any{"name": "machine"}))).text("secret")
	resource := c.ask(201, "POST", "/v1/admin/apps", key, map[string]any{"name": "api", "kind": "resource"})
	c.ask(201, "POST", "/v1/admin/apps", key, map[string]any{"name": "mobile", "mode": "jwt", "alg": "EdDSA"})
	c.ask(201, "POST", "/v1/admin/apps", key, map[string]any{"name": "pages", "mode": "session"})
	renewed := c.ask(200, "POST", "/v1/admin/apps/api/secret", key, nil)
	v := c.verifier(func(o *verify.Config) {
		o.ClientID, o.ClientSecret = resource.in("app").text("id"), renewed.text("client_secret")
	})
	root := c.enter("/v1/sign-in", "root@example.com", "", "body")
	second := c.ask(201, "POST", "/v1/admin/api-keys", root.text("session_token"), map[string]any{"name": "second"})
	c.ask(204, "DELETE", "/v1/admin/api-keys/"+second.in("api_key").text("id"), key, nil)

	ada := c.enter("/v1/sign-up", "ada@example.com", "", "body")
	c.enter("/v1/sign-in", "ada@example.com", "pages", "cookie")
	browser := c.enter("/v1/sign-in", "ada@example.com", "", "cookie")
	c.must(200, c.try(visit{method: "POST", path: "/v1/step-up", cookie: browser.jar(), body: map[string]any{"password": password}}))
	c.ask(200, "POST", "/v1/session/token", ada.text("session_token"), nil)
	ada = c.ask(200, "POST", "/v1/me/password", ada.text("session_token"), map[string]any{"current": password, "new": "orange lantern on a quiet lake"})
	phone := c.enter("/v1/sign-up", "mo@example.com", "mobile", "body")
	old := phone.text("refresh_token")
	for range 3 {
		phone = c.ask(200, "POST", "/v1/token/refresh", "", map[string]any{"refresh_token": phone.text("refresh_token")})
	}
	c.ask(401, "POST", "/v1/token/refresh", "", map[string]any{"refresh_token": old})
	if _, err := v.Verify(c.Context(), ada.text("session_token")); err != nil {
		c.Errorf("the verifier refuses a living session: %v", err)
	}
	c.misuse(key, ada, renewed.text("client_secret"))
	c.ask(204, "POST", "/v1/admin/users/mo@example.com/password", key, map[string]any{"password": "nine grey geese fly southward"})
	c.ask(204, "POST", "/v1/admin/keys/rotate", key, nil)
	c.ask(201, "POST", "/v1/admin/revocations", key, map[string]any{"kind": "authz", "id": ada.user(), "wait": "enforced"})
	c.ask(204, "POST", "/v1/sign-out", ada.text("session_token"), nil)
	v.Close()
}

// misuse sends secrets where none belong.
func (c *copied) misuse(key string, ada answer, clientSecret string) {
	token, access := ada.text("session_token"), ada.text("access_token")
	for _, text := range []string{token, access, key, clientSecret, password} {
		c.try(visit{method: "POST", path: "/v1/sign-in", body: map[string]any{"email": text, "password": "wrong " + password}})
		c.try(visit{method: "POST", path: "/v1/sign-in", body: map[string]any{"email": "ada@example.com", "password": text, "app": text}})
		c.try(visit{method: "POST", path: "/v1/sign-up", body: map[string]any{"email": text, "password": text, "name": text, "delivery": text}})
		c.try(visit{method: "POST", path: "/v1/token/refresh", body: map[string]any{"refresh_token": text}})
		c.try(visit{method: "POST", path: "/v1/step-up", bearer: token, body: map[string]any{"password": text, text: text}})
		c.try(visit{method: "POST", path: "/v1/revocations/sync", header: map[string]string{"Authorization": "Basic " + text}, body: map[string]any{"nonce": text}})
		escaped := strings.ReplaceAll(text, " ", "%20")
		for _, path := range []string{"/v1/admin/users/" + escaped, "/v1/admin/users?search=" + escaped, "/v1/admin/sessions?user=" + escaped,
			"/v1/admin/audit?type=" + escaped, "/v1/admin/apps/" + escaped, "/v1/session?access_token=" + escaped, "/" + escaped} {
			c.try(visit{method: "GET", path: path, bearer: key})
		}
		c.try(visit{method: "POST", path: "/v1/sign-in", body: `{"email":"` + text + `"`})
		c.try(visit{method: "GET", path: "/v1/me", bearer: text + "x"})
		c.try(visit{method: "GET", path: "/v1/me", cookie: cookieOf(text)})
	}
}

// outputs are all that whoever administers or watches the server can read.
func (c *copied) outputs() map[string][]byte {
	out := map[string][]byte{"the log": c.logs.bytes(), "mail": c.inbox.bytes()}
	for _, path := range []string{"/v1/admin/audit?limit=200", "/v1/admin/users", "/v1/admin/sessions", "/v1/admin/apps", "/v1/admin/api-keys",
		"/v1/admin/keys", "/v1/admin/verifiers", "/openapi.json", "/.well-known/jwks.json", "/.well-known/tandem-feed-jwks.json"} {
		w := httptest.NewRecorder()
		c.server.Local().ServeHTTP(w, c.request("GET", path, "", nil))
		if w.Code != 200 {
			c.Errorf("%s: %d", path, w.Code)
		}
		out[path] = w.Body.Bytes()
	}
	w := httptest.NewRecorder()
	c.server.Admin().ServeHTTP(w, c.request("GET", "/metrics", "", nil))
	out["/metrics"] = w.Body.Bytes()
	return out
}

// files are the files of the store, but for the master key, which is kept apart from backups.
func (c *copied) files() map[string][]byte {
	out := make(map[string][]byte)
	err := filepath.WalkDir(c.config.DataDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == "master.key" {
			return err
		}
		out[e.Name()], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		c.Fatal(err)
	}
	return out
}

// addSealed adds the master key and what is sealed under it.
func (c *copied) addSealed() {
	key, err := secret.LoadMasterKey(filepath.Join(c.config.DataDir, "master.key"))
	if err != nil {
		c.Fatal(err)
	}
	c.add("master key", string(key))
	box, err := secret.NewBox(key)
	if err != nil {
		c.Fatal(err)
	}
	stored, _, err := c.server.store.Keys().Keys(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	for _, k := range stored {
		der, err := box.Open(k.Sealed, "signing key "+k.KID)
		if err == nil {
			err = c.addPrivateKey(k.KID, der)
		}
		if err != nil {
			c.Errorf("key %s: %v", k.KID, err)
		}
	}
	c.addPeopleSealed(box)
}

// TestNoSecretIsWrittenDown searches everything that the server leaves behind for every secret of a whole run.
func TestNoSecretIsWrittenDown(t *testing.T) {
	c := newCopied(t)
	c.run()
	c.people()
	c.addSealed()
	heaps := c.outputs()
	for name, b := range c.files() {
		heaps[name+" of the running server"] = b
	}
	c.stop()
	heaps["the log"] = c.logs.bytes()
	backup := filepath.Join(t.TempDir(), "backup")
	if err := Backup(t.Context(), c.config, backup); err != nil {
		t.Fatal(err)
	}
	for name, b := range c.files() {
		heaps[name] = b
	}
	var err error
	if heaps["backup"], err = os.ReadFile(backup); err != nil {
		t.Fatal(err)
	}
	needles, size := c.needles(), 0
	for where, b := range heaps {
		size += len(b)
		if where == "mail" { // to be told a code or a link is what it is for
			for _, what := range search(b, slices.DeleteFunc(slices.Clone(needles), func(n needle) bool { return strings.HasPrefix(n.what, "mailed") })) {
				t.Errorf("%s holds a secret: %s", where, what)
			}
			continue
		}
		for _, what := range append(search(b, needles), c.searchShort(b)...) {
			t.Errorf("%s holds a secret: %s", where, what)
		}
	}
	kinds := make(map[string]bool)
	for _, what := range c.all {
		kinds[strings.Fields(what)[0]] = true
	}
	t.Logf("%d secrets of %d kinds in %d spellings, looked for in %d places of %d KiB: %d files", len(c.all), len(kinds), len(needles), len(heaps), size>>10, len(c.files()))
	// The search finds what is there, else it shows nothing.
	for _, where := range []string{"tandem.db", "tandem.db-wal of the running server", "/v1/admin/audit?limit=200", "the log", "backup"} {
		user, err := c.findUser(heaps["/v1/admin/users"])
		if err != nil || len(search(heaps[where], []needle{{"a user id", []byte(user)}})) == 0 {
			t.Errorf("%s does not even hold the user's id (%v): %d bytes", where, err, len(heaps[where]))
		}
	}
	for _, kind := range []string{"session_token", "refresh_token", "access_token", "secret", "client_secret", "password", "cookie", "master", "private",
		"smtp", "provider", "mailed", "totp", "recovery", "attempt", "seed", "queued"} {
		if !kinds[kind] {
			t.Errorf("no %s was issued", kind)
		}
	}
}

// findUser answers the id of ada.
func (c *copied) findUser(users []byte) (string, error) {
	a := c.decode(200, nil, bytes.NewReader(users))
	items, _ := a.Body["items"].([]any)
	for _, one := range items {
		if m, _ := one.(map[string]any); m["email"] == "ada@example.com" {
			return answer{Body: m}.text("id"), nil
		}
	}
	return "", fs.ErrNotExist
}
