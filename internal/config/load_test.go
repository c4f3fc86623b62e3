package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/config"
)

// write puts a configuration file into a directory of the test's own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tandem.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// found lists the problems of err as text, with the file's directory taken
// off, so that they read as a person sees them beside the file.
func found(t *testing.T, err error, path string) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var failed *config.Error
	if !errors.As(err, &failed) {
		t.Fatalf("error is a %T (%v), want a *config.Error", err, err)
	}
	lines := make([]string, len(failed.Problems))
	for i, p := range failed.Problems {
		lines[i] = strings.ReplaceAll(p.String(), filepath.Dir(path)+"/", "")
	}
	return lines
}

func TestLoadOfNothingIsTheDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := config.Load(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Issuer != "http://localhost:8484" || c.Listen != "127.0.0.1:8484" || c.Lease != 10*time.Second {
		t.Errorf("issuer %q, listen %q, lease %s", c.Issuer, c.Listen, c.Lease)
	}
	if !slices.Equal(c.Audiences, []string{"http://localhost:8484"}) {
		t.Errorf("audiences %q, want the issuer", c.Audiences)
	}
	if c.Dev || c.Limits.Disabled || c.AllowLongAccessTokens {
		t.Errorf("something unsafe is on: %+v", c)
	}
}

func TestLoadTakesTheFileInTheWorkingDirectory(t *testing.T) {
	t.Chdir(filepath.Dir(write(t, "lease: 5s\n")))
	c, err := config.Load(config.Options{})
	if err != nil || c.Lease != 5*time.Second {
		t.Errorf("lease %s, error %v", c.Lease, err)
	}
}

func TestPrecedence(t *testing.T) {
	path := write(t, "lease: 2s\naccess_token_ttl: 2m\nsession:\n  limit: 2\n")
	c, err := config.Load(config.Options{
		Env:   []string{"TANDEM_CONFIG=" + path, "TANDEM_ACCESS_TOKEN_TTL=3m", "TANDEM_SESSION_LIMIT=3", "HOME=/"},
		Flags: map[string]string{"session.limit": "4"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Lease != 2*time.Second || c.AccessTokenTTL != 3*time.Minute || c.Session.Limit != 4 || c.Password.MinLength != 12 {
		t.Errorf("lease %s (file), ttl %s (environment), limit %d (flag), length %d (default)",
			c.Lease, c.AccessTokenTTL, c.Session.Limit, c.Password.MinLength)
	}
}

func TestEveryTypeOfKeyFromAFile(t *testing.T) {
	path := write(t, `
issuer: https://auth.example.com
listen: "0.0.0.0:443"
access_token_ttl: 1h
allow_long_access_tokens: true
audiences: [https://api.example.com, billing]
cookies: {domain: example.com}
limits:
  enabled: false
session: {preset: strict, limit: 0}
refresh:
  grace: 0s
  absolute: 14d
trusted_proxies:
  - 10.0.0.0/8
  - fd00::/8
`)
	c, err := config.Load(config.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if c.AccessTokenTTL != time.Hour || !c.Limits.Disabled || !slices.Equal(c.Audiences, []string{"https://api.example.com", "billing"}) ||
		c.Cookies.Domain != "example.com" || len(c.TrustedProxies) != 2 {
		t.Errorf("%+v", c)
	}
	if c.Session.Idle != 15*time.Minute || c.Session.Absolute != 12*time.Hour || c.Refresh.Idle != 15*time.Minute {
		t.Errorf("preset strict gave %+v, %+v", c.Session, c.Refresh)
	}
	if c.Refresh.Absolute != 14*24*time.Hour || c.Refresh.Window() != 0 {
		t.Errorf("refresh absolute %s, window %s", c.Refresh.Absolute, c.Refresh.Window())
	}
	if again := c.WithDefaults(); again.Refresh.Window() != 0 {
		t.Errorf("a grace of zero became %s when defaults were filled in again", again.Refresh.Window())
	}
}

// fileProblems are files that are refused, each with all its problems.
var fileProblems = []struct {
	name, text string
	want       []string
}{
	{
		"unknown key", "issuer: https://a.example\nleese: 10s\n",
		[]string{"tandem.yaml:2: leese is not a known key; did you mean lease?"},
	},
	{
		"unknown key in a section", "session:\n  idle: 1h\n\n  idel: 2h\n",
		[]string{"tandem.yaml:4: session.idel is not a known key; did you mean session.idle?"},
	},
	{
		"key without its section", "min_length: 12\n",
		[]string{"tandem.yaml:1: min_length is not a known key; did you mean password.min_length?"},
	},
	{
		"dotted key", "log.level: info\n",
		[]string{"tandem.yaml:1: log.level is not a known key; write it as two lines, `log:` and below it, indented, `level:`"},
	},
	{
		"nothing like it", "frobnicate: 1\n",
		[]string{"tandem.yaml:1: frobnicate is not a known key; remove it; `tandem init` writes a file with every key"},
	},
	{
		"dev is a flag", "dev: true\n",
		[]string{"tandem.yaml:1: dev is not a known key; it is no key: start the server with `tandem serve --dev`"},
	},
	{
		"the master key itself", "master_key: c2VjcmV0\n",
		[]string{"tandem.yaml:1: master_key must not be given here, where others could read it; set TANDEM_MASTER_KEY in the environment, or use master_key_file"},
	},
	{
		"the shared secret itself", "hs256_secret: c2VjcmV0\n",
		[]string{"tandem.yaml:1: hs256_secret must not be given here, where others could read it; set TANDEM_HS256_SECRET in the environment, or TANDEM_HS256_SECRET_FILE"},
	},
	{"several at once", "lease: 5\nlisten: 8484\naudiences: one\nlimits:\n  enabled: yes\n  sign_in_per_account: many\nlog: debug\n", []string{
		"tandem.yaml:1: lease must be a duration; write a number with its unit, such as 10s, 15m, 12h or 14d",
		"tandem.yaml:2: listen must be a text; write text, in \"quotes\" if it looks like a number",
		"tandem.yaml:3: audiences must be a list of texts; write a list such as [\"first\", \"second\"]",
		"tandem.yaml:5: limits.enabled must be true or false; write true or false",
		"tandem.yaml:6: limits.sign_in_per_account must be a whole number; write a number such as 12",
		"tandem.yaml:7: log is a section; write its keys below it, indented by two spaces, or leave it out",
	}},
	{"a rule and a type", "lease: 5m\npassword: {min_length: 4}\nsigning_alg: es256\n", []string{
		"tandem.yaml:1: lease must be from 1s to 1m; write a value such as 10s",
		"tandem.yaml:3: signing_alg must be ES256, EdDSA, RS256, PS256 or HS256; did you mean ES256?",
		"tandem.yaml:2: password.min_length must be from 8 to 64; write a number such as 12",
	}},
	{
		"entry of a list", "audiences:\n  - one\n  - 2\n",
		[]string{"tandem.yaml:3: audiences must be a list of texts; write a list such as [\"first\", \"second\"]"},
	},
	{
		"empty entry of a list", "audiences: [one, \"\"]\n",
		[]string{"tandem.yaml:1: audiences must not hold an empty entry; write a list such as [\"first\", \"second\"]"},
	},
	{
		"key that is a list", "[a, b]: 5s\n",
		[]string{"tandem.yaml:1: has a key that is not a text; write lines such as `lease: 10s`"},
	},
	{
		"twice", "lease: 5s\nlog: {level: info}\nlease: 6s\n",
		[]string{"tandem.yaml:3: lease is given twice, first in line 1; keep one of the two"},
	},
	{"twice, by value and by file", "mail:\n  password: a\n  password_file: b\n", []string{
		"tandem.yaml:3: mail.password is given twice, first in line 2; keep one of the two",
	}},
	{"no value", "issuer:\nlease: \"\"\n", []string{
		"tandem.yaml:1: issuer has no value; give it one, or leave it out",
		"tandem.yaml:2: lease has no value; give it one, or leave it out",
	}},
	{
		"alias", "issuer: &a https://a.example\nlisten: *a\n",
		[]string{"tandem.yaml:2: listen is a YAML alias; write the value out"},
	},
	{
		"merge", "<<: {lease: 5s}\n",
		[]string{"tandem.yaml:1: << is not a known key; remove it; `tandem init` writes a file with every key"},
	},
	{
		"conflict across keys, at the line of the one given", "log: {level: info}\nsession:\n  absolute: 1h\n",
		[]string{"tandem.yaml:3: session.idle (14d) is longer than session.absolute (1h); shorten the one or lengthen the other"},
	},
	{
		"issuer that does not follow", "listen: 0.0.0.0:8484\n",
		[]string{"tandem.yaml:1: issuer must be given, since it does not follow from listen: other machines can reach that, or its port is not fixed; write a URL such as https://auth.example.com"},
	},
	{
		"no consequence of what was reported", "issuer: 7\ncookies: {domain: example.com}\n",
		[]string{"tandem.yaml:1: issuer must be a text; write text, in \"quotes\" if it looks like a number"},
	},
	{
		"not a mapping", "- lease\n",
		[]string{"tandem.yaml:1: is not a list of keys; write lines such as `lease: 10s`"},
	},
	{
		"two documents", "lease: 5s\n---\nlease: 6s\n",
		[]string{"tandem.yaml: holds more than one YAML document; keep one, without a line ---"},
	},
	{
		"not YAML", "lease: 5s\n  listen: x\n",
		[]string{"tandem.yaml:2: is not YAML: mapping values are not allowed in this context; mend the YAML there, or in the line above"},
	},
	{
		"control characters", "data_dir: \"a\\u0007b\"\n",
		[]string{"tandem.yaml:1: data_dir must not hold control characters; write text, in \"quotes\" if it looks like a number"},
	},
}

// All problems at once, each with its line and remedy, in the file's order.
func TestProblemsOfAFile(t *testing.T) {
	for _, test := range fileProblems {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.text)
			c, err := config.Load(config.Options{Path: path})
			got := found(t, err, path)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
			if c.Listen != "" {
				t.Error("a configuration came back beside the error")
			}
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte("# "+strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, rule := range map[string]string{
		filepath.Join(dir, "none.yaml"): "is a configuration file that does not exist",
		dir:                             "is a configuration file that cannot be read: is a directory",
		large:                           "is a configuration file that is too large",
	} {
		_, err := config.Load(config.Options{Path: path})
		var failed *config.Error
		if !errors.As(err, &failed) || len(failed.Problems) != 1 {
			t.Errorf("%s: %v", path, err)
		} else if p := failed.Problems[0]; p.Source != path || p.Rule != rule || p.Remedy == "" {
			t.Errorf("%s: %+v, want rule %q", path, p, rule)
		}
	}
}
