package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/verify/jws"
)

func TestConfigRefusesContradictionAndSilence(t *testing.T) {
	key, err := jws.Generate("relay", jws.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	good := Config{Upstream: "https://auth.example.com", URL: "https://relay.example.com", Key: key, Clients: Clients{"a": {}}}
	if _, err := New(good); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for field, spoil := range map[string][]func(*Config){
		"upstream": {
			func(c *Config) { c.Upstream = "" },
			func(c *Config) { c.Upstream = "http://auth.example.com" },
			func(c *Config) { c.Upstream = "https://user@auth.example.com" },
		},
		"client":  {func(c *Config) { c.ClientID = "a" }, func(c *Config) { c.ClientSecret = secret.NewText("a") }},
		"clients": {func(c *Config) { c.Clients = nil }, func(c *Config) { c.InsecureOpen = true }},
		"url":     {func(c *Config) { c.URL = "" }, func(c *Config) { c.URL = "relay.example.com" }},
		"Key":     {func(c *Config) { c.Key = jws.Signer{} }},
	} {
		for i, f := range spoil {
			c := good
			f(&c)
			var bad *ConfigError
			if _, err := New(c); !errors.As(err, &bad) || bad.Field != field {
				t.Errorf("%s, %d: %v", field, i, err)
			}
		}
	}
}

func TestClients(t *testing.T) {
	sum := sha256.Sum256([]byte("s3cret"))
	digest := hex.EncodeToString(sum[:])
	list, err := ReadClients(strings.NewReader("# the zone\n\n app_1\t" + digest + " # bank\napp_2 " + strings.Repeat("0", 64) + "\n"))
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if !list.accept("app_1", "s3cret") || list.accept("app_1", "") || list.accept("app_2", "s3cret") || list.accept("app_3", "s3cret") {
		t.Error("the wrong ones are accepted")
	}
	for _, bad := range []string{"", "# none\n", "app_1\n", "app_1 abc\n", "app_1 " + digest + " x\n", "a " + digest + "\na " + digest + "\n"} {
		if _, err := ReadClients(strings.NewReader(bad)); err == nil || strings.Contains(err.Error(), digest) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestKeyIsMadeOnceAndKeptClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := OpenKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenKey(dir)
	if err != nil || again.Key().ID() != first.Key().ID() {
		t.Errorf("the second start has key %v, %v; the first had %v", again, err, first)
	}
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if other, err := OpenKey(t.TempDir()); err != nil || other.Key().ID() == first.Key().ID() {
		t.Errorf("two relays share the key id %s: %v", other.Key().ID(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(dir); err == nil {
		t.Error("a key that others can read is taken")
	}
}
