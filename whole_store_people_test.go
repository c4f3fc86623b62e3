package tandem

import (
	"database/sql"
	"encoding/base32"
	"encoding/base64"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"tandem.example/tandem/internal/sqlite"
)

// TestWhatTheStoreHoldsOfPeopleOpensNothing presents every digest and sealed value of attempts, second factors, passkeys
// and mail in a copied store as the credential it belongs to.
func TestWhatTheStoreHoldsOfPeopleOpensNothing(t *testing.T) {
	c := newCopied(t)
	c.people()
	c.relay.full.Store(false)
	l := c.steal()
	before := len(c.facts().Sessions)
	presented := 0
	refuse := func(what string, b *guest, p shown) {
		t.Helper()
		if presented++; p.code == 200 && p.path == "/account" || p.code >= 500 || b.session() != "" {
			t.Errorf("%s: %d %s", what, p.code, p.path)
		}
	}
	for _, r := range l.rows("SELECT id, digest, state FROM attempts", 3) {
		for _, held := range [][]byte{r[1], r[2], r[2][:32], r[2][len(r[2])-32:]} {
			for _, text := range spellings("tda_"+strings.TrimPrefix(string(r[0]), "att_"), held) {
				b := c.guest("")
				b.jar["tandem_attempt"] = inHeader(text)
				p := b.post("/sign-in/recovery-code", "code", c.phone.recovery[0]) // which is good, in the attempt of its owner
				if refuse("attempt", b, p); p.code != http.StatusGone {
					t.Errorf("an attempt made of the store: %d %s", p.code, p.path)
				}
			}
		}
	}
	var codes, seconds []string
	for _, r := range l.rows("SELECT sealed FROM totps", 1) {
		for _, seed := range [][]byte{r[0], r[0][len(r[0])-20:], r[0][:20], r[0][12:32], r[0][1:21]} {
			made := authenticator{TB: t, seed: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)}
			codes = append(codes, made.code(0), made.code(1))
		}
	}
	for _, r := range l.rows("SELECT digest FROM recovery_codes", 1) {
		seconds = append(seconds, spellings("", r[0])...)
		seconds = append(seconds, strings.ToLower(base32.StdEncoding.EncodeToString(r[0][:10])))
	}
	for i, text := range append(codes, seconds...) {
		name := "totp"
		if i >= len(codes) {
			name = "recovery_code"
		}
		a := c.visit(visit{method: "POST", path: "/v1/sign-in", body: map[string]any{"email": "mia@example.com", "password": password, name: inHeader(text)}})
		if presented++; a.Code != http.StatusUnauthorized && a.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s made of the store: %d %v", name, a.Code, a.Body)
		}
	}
	for _, r := range l.rows("SELECT credential_id, record FROM passkeys", 2) {
		b, key := c.guest(""), c.newPasskey()
		key.key.ID, key.key.Counter = r[0], 1000
		key.auth.Options.UserHandle = r[1]
		b.get("/sign-in")
		options := b.post("/sign-in/passkey/options").body
		asked, err := virtualwebauthn.ParseAssertionOptions(options)
		if err != nil {
			t.Fatal(err)
		}
		refuse("passkey", b, b.post("/sign-in/passkey", "response", virtualwebauthn.CreateAssertionResponse(key.site, key.auth, key.key, *asked)))
	}
	b := c.guest("")
	b.at(b.post("/recover", "email", "mia@example.com"), 200, "/sign-in/code")
	for _, r := range l.rows("SELECT sealed FROM mails", 1) {
		for _, text := range append(spellings("", r[0]), spellings("", r[0][len(r[0])-32:])...) {
			refuse("link", b, b.post("/link", "token", text))
		}
	}
	for _, r := range l.rows("SELECT digest FROM attempts", 1) {
		refuse("link", b, b.post("/link", "token", base64.RawURLEncoding.EncodeToString(r[0])))
	}
	if after := len(c.facts().Sessions); after != before {
		t.Errorf("%d sessions were begun", after-before)
	}
	t.Logf("%d credentials made of what the store holds", presented)
}

// inHeader leaves out what no header can carry.
func inHeader(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`";,\`, r) {
			return -1
		}
		return r
	}, text)
}

// TestSwappedRowsDoNotOpen swaps what is sealed of two users, of two attempts and of two messages, in the store of a
// server that has the master key: nobody is let in by it, and nobody gets another's mail.
func TestSwappedRowsDoNotOpen(t *testing.T) {
	c := newCopied(t)
	c.people()
	owner, stranger := c.waiting[0], c.guest("")
	stranger.at(stranger.post("/sign-in", "email", "eve@example.com"), 200, "/sign-in/password") // has proven nothing yet
	c.stop()
	db, err := sql.Open("sqlite", filepath.Join(c.config.DataDir, sqlite.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	swap := func(table, key, value, one, other string) {
		t.Helper()
		var a, b []byte
		for id, into := range map[string]*[]byte{one: &a, other: &b} {
			if err := db.QueryRow("SELECT "+value+" FROM "+table+" WHERE "+key+" = ?", id).Scan(into); err != nil {
				t.Fatalf("%s %s: %v", table, id, err)
			}
		}
		for id, to := range map[string][]byte{one: b, other: a} {
			if _, err := db.Exec("UPDATE "+table+" SET "+value+" = ? WHERE "+key+" = ?", to, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	pair := func(query string) (one, other string) {
		t.Helper()
		if err := db.QueryRow(query).Scan(&one, &other); err != nil {
			t.Fatal(err)
		}
		return one, other
	}
	attempt := func(b *guest) string { return "att_" + b.jar["tandem_attempt"][4:30] }
	one, other := pair("SELECT min(user), max(user) FROM totps")
	swap("totps", "user", "sealed", one, other)
	swap("attempts", "id", "state", attempt(owner), attempt(stranger))
	one, other = pair("SELECT min(id), max(id) FROM mails")
	swap("mails", "id", "sealed", one, other)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	arrived := len(c.relay.letters())
	c.relay.full.Store(false)
	if c.server, err = Open(t.Context(), c.config, WithLogger(slog.New(slog.NewTextHandler(&c.logs, nil))), cheaply); err != nil {
		t.Fatal(err)
	}
	defer c.server.Close()
	for what, b := range map[string]*guest{"the attempt of one who has proven the password": owner, "of one who has not": stranger} {
		b.from = home
		for _, path := range []string{"/sign-in/recovery-code", "/sign-in/totp"} {
			code := c.phone.code(1)
			if path == "/sign-in/recovery-code" {
				code = c.phone.recovery[0]
			}
			if p := b.post(path, "code", code); p.code != http.StatusInternalServerError || b.session() != "" {
				t.Errorf("%s, %s: %d %s", what, path, p.code, p.path)
			}
		}
	}
	b := c.guest(home)
	b.at(b.password("mia@example.com", password), 200, "/sign-in/totp")
	if p := b.post("/sign-in/totp", "code", c.phone.code(1)); p.code != http.StatusInternalServerError || b.session() != "" {
		t.Errorf("one-time codes of another: %d %s", p.code, p.path)
	}
	c.eventually("the messages were found not to open", func() bool { return strings.Count(c.logs.String(), "message was given up: it cannot be read") == 2 })
	if n := len(c.relay.letters()); n != arrived {
		t.Errorf("%d messages were carried", n-arrived)
	}
}
