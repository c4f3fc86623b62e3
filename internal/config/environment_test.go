package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem.example/tandem/internal/config"
)

func TestProblemsOfTheEnvironment(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		name string
		env  []string
		want []string
	}{
		{"others' variables", []string{"TANDEM_API_KEY=x", "TANDEM_SERVER=x", "TANDEM_TEST_ROUNDS=1", "PATH=/bin", "=C:=x"}, nil},
		{"unknown", []string{"TANDEM_LEESE=5s"},
			[]string{"TANDEM_LEESE: is not a variable of this program; did you mean TANDEM_LEASE? Else unset it"}},
		{"nothing like it", []string{"TANDEM_FROBNICATION=5s"},
			[]string{"TANDEM_FROBNICATION: is not a variable of this program; unset it, or set one of the keys in the documentation"}},
		{"dev", []string{"TANDEM_DEV=1"},
			[]string{"TANDEM_DEV: is not a variable of this program; it is no key: start the server with `tandem serve --dev`"}},
		{"empty", []string{"TANDEM_LEASE="},
			[]string{"TANDEM_LEASE: lease has no value; give it one, or leave it out"}},
		{"rule", []string{"TANDEM_LEASE=2m"},
			[]string{"TANDEM_LEASE: lease must be from 1s to 1m; write a value such as 10s"}},
		{"types", []string{"TANDEM_LIMITS_ENABLED=no", "TANDEM_SESSION_LIMIT=1e3", "TANDEM_AUDIENCES=a,,b"}, []string{
			"TANDEM_AUDIENCES: audiences must not hold an empty entry; write a list such as [\"first\", \"second\"]",
			"TANDEM_LIMITS_ENABLED: limits.enabled must be true or false; write true or false",
			"TANDEM_SESSION_LIMIT: session.limit must be a whole number; write a number such as 12",
		}},
		{"secret twice", []string{"TANDEM_STORE=sqlite", "TANDEM_STORE_FILE=x"},
			[]string{"TANDEM_STORE_FILE: store is given twice; unset TANDEM_STORE_FILE or TANDEM_STORE"}},
		{"secret from no file", []string{"TANDEM_STORE_FILE=absent"},
			[]string{"TANDEM_STORE_FILE: store is to be read from a file that does not exist; name a readable file with the value alone"}},
		{"both master keys", []string{"TANDEM_MASTER_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "TANDEM_MASTER_KEY_FILE=k"},
			[]string{"TANDEM_MASTER_KEY: master_key and master_key_file are both given; keep one of the two"}},
		{"weak master key", []string{"TANDEM_MASTER_KEY=hunter2"},
			[]string{"TANDEM_MASTER_KEY: master_key must be 32 random bytes in base64 or hex; make one with `openssl rand -base64 32`"}},
		{"weak shared secret", []string{"TANDEM_HS256_SECRET=hunter2"},
			[]string{"TANDEM_HS256_SECRET: hs256_secret must be at least 32 bytes, and no PEM file; make one with `openssl rand -base64 32`"}},
		{"no shared secret", []string{"TANDEM_SIGNING_ALG=HS256"}, []string{"TANDEM_SIGNING_ALG: hs256_secret is missing, and no verifier can check " +
			"HS256 tokens without it; set TANDEM_HS256_SECRET or TANDEM_HS256_SECRET_FILE, or write signing_alg: ES256"}},
		{"shared secret from no file", []string{"TANDEM_HS256_SECRET_FILE=absent", "TANDEM_SIGNING_ALG=HS256"},
			[]string{"TANDEM_HS256_SECRET_FILE: hs256_secret is to be read from a file that does not exist; name a readable file with the value alone"}},
		{"name of the file", []string{"TANDEM_CONFIG=absent.yaml"},
			[]string{"absent.yaml: is a configuration file that does not exist; name a readable file with --config, or make one with `tandem init`"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Load(config.Options{Env: test.env})
			if got := found(t, err, "./x"); !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

func TestProblemsOfFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := config.Load(config.Options{Flags: map[string]string{
		"log.level": "loud", "listen": "", "master_key": "x", "lissten": ":1",
	}})
	want := []string{
		"--lissten: lissten is not a known key; did you mean listen?",
		"--listen: listen has no value; give it one, or leave it out",
		"--master-key: master_key must not be given here, where others could read it; set TANDEM_MASTER_KEY in the environment, or use master_key_file",
		"--log-level: log.level must be debug, info, warn or error; write debug",
	}
	if got := found(t, err, "./x"); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestSecretsFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	if err := os.WriteFile(path, []byte("memory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{Path: write(t, "store: sqlite\n"), Env: []string{"TANDEM_STORE_FILE=" + path}})
	if err != nil || c.Store != "memory" {
		t.Errorf("store %q, error %v; the variable's file must win over the configuration's line", c.Store, err)
	}
	text := strings.Repeat("s", 32)
	shared := filepath.Join(t.TempDir(), "hs256")
	if err := os.WriteFile(shared, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = config.Load(config.Options{Path: write(t, "signing_alg: HS256\n"), Env: []string{"TANDEM_HS256_SECRET_FILE=" + shared}})
	if err != nil || c.HS256Secret.Reveal() != text {
		t.Errorf("shared secret of %d bytes, error %v", len(c.HS256Secret.Reveal()), err)
	}
	c, err = config.Load(config.Options{Path: write(t, "store_file: "+path+"\n")})
	if err != nil || c.Store != "memory" {
		t.Errorf("store %q, error %v", c.Store, err)
	}
}

// Wherever a secret stands, right or wrong, no message repeats it.
func TestNoMessageHoldsAValue(t *testing.T) {
	const canary = "hunter2hunter2"
	path := write(t, `issuer: https://u:`+canary+`@auth.example.com
listen: `+canary+`
lease: `+canary+`
store: postgres://u:`+canary+`@db
sessions: {store: "`+canary+`"}
signing_alg: `+canary+`
audiences: ["`+canary+` x"]
access_token_claims: [`+canary+`]
allowed_origins: [`+canary+`]
trusted_proxies: [`+canary+`]
cookies: {domain: `+canary+`}
password: {min_length: `+canary+`}
limits: {enabled: `+canary+`}
session: {preset: `+canary+`, idle: `+canary+`}
mail: {server: `+canary+`, from: `+canary+`, password: `+canary+`, tls: `+canary+`}
`)
	env := []string{"TANDEM_MASTER_KEY=" + canary, "TANDEM_HS256_SECRET=" + canary, "TANDEM_REFRESH_GRACE=" + canary, "TANDEM_NO_SUCH=" + canary}
	_, err := config.Load(config.Options{Path: path, Env: env, Flags: map[string]string{"log.level": canary}})
	if err == nil {
		t.Fatal("accepted")
	}
	problems := found(t, err, path)
	if len(problems) < 20 {
		t.Errorf("only %d problems:\n%v", len(problems), err)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("a value is in the message:\n%v", err)
	}
}
