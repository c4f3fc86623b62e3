package tandem

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/sqlite"
)

// loot is a copy of a store without its master key, in the hands of whoever copied it.
type loot struct {
	testing.TB
	dir string
	db  *sql.DB
}

// steal copies the files of a running server's store.
func (c *copied) steal() *loot {
	c.Helper()
	l := &loot{TB: c.TB, dir: c.TempDir()}
	for name, b := range c.files() {
		if name == sqlite.DatabaseFile || name == sqlite.DatabaseFile+"-wal" {
			if err := os.WriteFile(filepath.Join(l.dir, name), b, 0o600); err != nil {
				c.Fatal(err)
			}
		}
	}
	l.open()
	return l
}

func (l *loot) open() {
	l.Helper()
	var err error
	if l.db, err = sql.Open("sqlite", filepath.Join(l.dir, sqlite.DatabaseFile)); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { l.db.Close() })
}

// rows answers the columns of a query, as bytes.
func (l *loot) rows(query string, width int) (out [][][]byte) {
	l.Helper()
	rows, err := l.db.Query(query)
	if err != nil {
		l.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		cells, at := make([][]byte, width), make([]any, width)
		for i := range cells {
			at[i] = &cells[i]
		}
		if err := rows.Scan(at...); err != nil {
			l.Fatal(err)
		}
		out = append(out, cells)
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		l.Fatalf("%s: %d rows, %v", query, len(out), err)
	}
	return out
}

// spellings are ways to present what a store holds as a credential that begins with the prefix.
func spellings(prefix string, held []byte) (out []string) {
	for _, text := range []string{base64.RawURLEncoding.EncodeToString(held), hex.EncodeToString(held), string(held), ""} {
		out = append(out, prefix+text)
	}
	return out
}

// TestWhatTheStoreHoldsOpensNothing presents every digest, hash and sealed value of a copied store as the credential
// it belongs to.
func TestWhatTheStoreHoldsOpensNothing(t *testing.T) {
	c := newCopied(t)
	c.run()
	l := c.steal()
	var bearers, refresh, clients, passwords []string
	for _, r := range l.rows("SELECT id, coalesce(token, ''), coalesce(refresh, '') FROM sessions", 3) {
		id, token, state := strings.TrimPrefix(string(r[0]), "ses_"), r[1], r[2]
		bearers = append(append(bearers, string(r[0])), spellings("tds_"+id, token)...)
		if len(state) > 0 {
			generation, digest := state[:4], state[16:48]
			sealed := state[80:]
			for _, body := range [][]byte{
				append(bytes.Clone(generation), digest...), append(append(bytes.Clone(generation), digest[:24]...), digest[:16]...),
				append(append(bytes.Clone(generation), digest[:24]...), make([]byte, 16)...), append(bytes.Clone(generation), sealed...), sealed, state,
			} {
				refresh = append(refresh, spellings("tdr_"+id, body)...)
			}
		}
	}
	for _, r := range l.rows("SELECT id, digest FROM api_keys", 2) {
		bearers = append(append(bearers, string(r[0])), spellings("tdk_"+strings.TrimPrefix(string(r[0]), "key_"), r[1])...)
	}
	for _, r := range l.rows("SELECT kid, sealed FROM signing_keys WHERE sealed IS NOT NULL", 2) {
		bearers = append(bearers, spellings("", r[1])...)
	}
	for _, r := range l.rows("SELECT id, secret FROM applications WHERE secret IS NOT NULL", 2) {
		for _, text := range spellings("tdx_", r[1]) {
			clients = append(clients, "Basic "+base64.StdEncoding.EncodeToString([]byte(string(r[0])+":"+text)))
		}
	}
	for _, r := range l.rows("SELECT phc FROM passwords", 1) {
		parts := strings.Split(string(r[0]), "$")
		passwords = append(passwords, string(r[0]), parts[len(parts)-1], parts[len(parts)-2])
	}
	c.present(bearers, refresh, clients, passwords)
	t.Logf("%d bearers, %d refresh tokens, %d client secrets and %d passwords made of what the store holds", len(bearers), len(refresh), len(clients), len(passwords))
	if len(refresh) == 0 || len(clients) == 0 {
		t.Error("the store holds no refresh token or no client secret: the test shows nothing")
	}
}

func (c *copied) present(bearers, refresh, clients, passwords []string) {
	c.harmless("credentials made of a copied store", func() {
		for _, text := range bearers {
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				continue // no header can carry it
			}
			for _, path := range []string{"/v1/session", "/v1/admin/users"} {
				if a := c.get(path, text); a.Code != 401 {
					c.Errorf("%.8s... at %s: %d %v", text, path, a.Code, a.Body)
				}
			}
		}
		for _, text := range refresh {
			c.refused("a refresh token made of the store", 401, "invalid_grant", c.post("/v1/token/refresh", "", map[string]any{"refresh_token": text}))
		}
		for _, basic := range clients {
			a := c.visit(visit{method: "POST", path: "/v1/revocations/sync", header: map[string]string{"Authorization": basic},
				body: map[string]any{"verifier": "x", "instance": "x", "nonce": "0123456789abcdef"}})
			c.refused("a client secret made of the store", 401, "invalid_credentials", a)
		}
	})
	for _, text := range passwords {
		a := c.visit(visit{method: "POST", path: "/v1/sign-in", from: "192.0.2.9:1", body: map[string]any{"email": "ada@example.com", "password": text}})
		if a.Code != 401 && a.Code != 429 {
			c.Errorf("a password hash as the password: %d %v", a.Code, a.Body)
		}
	}
}

// TestCopiedStoreDoesNotServe opens a copied store without its key, with another one, and with its sealed rows
// swapped: nothing of it signs anything.
func TestCopiedStoreDoesNotServe(t *testing.T) {
	c := newCopied(t)
	c.enter("/v1/sign-up", "ada@example.com", "", "body")
	l := c.steal()
	c.stop()
	open := func(how, want string) {
		t.Helper()
		config := Config{Dev: true, DataDir: l.dir, Issuer: c.config.Issuer, Listen: c.config.Listen}
		s, err := Open(t.Context(), config, WithLogger(slog.New(slog.DiscardHandler)), cheaply)
		if err == nil {
			s.Close()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", how, err, want)
		}
	}
	l.db.Close()
	open("without the master key", "is missing")
	if _, err := os.Stat(filepath.Join(l.dir, "master.key")); err == nil {
		t.Error("a master key was made for a store that has one")
	}
	path := filepath.Join(l.dir, "master.key")
	if _, err := secret.CreateMasterKey(path); err != nil {
		t.Fatal(err)
	}
	open("with another master key", "is this the master key it was sealed under?")
	key, err := os.ReadFile(filepath.Join(c.config.DataDir, "master.key"))
	if err == nil {
		err = os.WriteFile(path, key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	open("with its own master key", "")
	l.open()
	keys := l.rows("SELECT kid, sealed FROM signing_keys WHERE sealed IS NOT NULL ORDER BY kid", 2)
	for i, k := range keys {
		if _, err := l.db.Exec("UPDATE signing_keys SET sealed = ? WHERE kid = ?", keys[(i+1)%len(keys)][1], string(k[0])); err != nil {
			t.Fatal(err)
		}
	}
	l.db.Close()
	open("with sealed rows swapped", "does not open under this master key and row")
}
