package config_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/secret"
)

func TestKeys(t *testing.T) {
	seen := map[string]string{}
	for _, k := range config.Keys() {
		if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") || k.Type == "" {
			t.Errorf("%s: doc %q, type %q", k.Name, k.Doc, k.Type)
		}
		for _, name := range []string{k.Name, k.Env} {
			if other, twice := seen[name]; twice {
				t.Errorf("%s and %s share the name %s", other, k.Name, name)
			}
			seen[name] = k.Name
		}
	}
	for key, want := range map[string]string{"lease": "10s", "session.limit": "0", "limits.enabled": "true", "refresh.grace": "30s", "audiences": "the issuer"} {
		for _, k := range config.Keys() {
			if k.Name == key && k.Default != want {
				t.Errorf("default of %s is %q, want %q", key, k.Default, want)
			}
		}
	}
	if env := seen["TANDEM_PASSWORD_MIN_LENGTH"]; env != "password.min_length" {
		t.Errorf("TANDEM_PASSWORD_MIN_LENGTH sets %q", env)
	}
}

// Every field of Config but Dev has a key: a field added without one could not
// be configured.
func TestEveryFieldHasAKey(t *testing.T) {
	var leaves func(reflect.Type) int
	leaves = func(s reflect.Type) int {
		n := 0
		for i := range s.NumField() {
			if f := s.Field(i); f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[secret.Text]() {
				n += leaves(f.Type)
			} else if f.Type == reflect.TypeFor[[]config.Provider]() {
				n += f.Type.Elem().NumField() - 1 // each has a key below its name
			} else if f.Name != "Dev" {
				n++
			}
		}
		return n
	}
	if fields, keys := leaves(reflect.TypeFor[config.Config]()), len(config.Keys()); fields != keys {
		t.Errorf("%d fields, %d keys", fields, keys)
	}
}

func TestWriteThenLoad(t *testing.T) {
	for name, c := range map[string]config.Config{
		"nothing set": {},
		"another port": {
			Listen: "127.0.0.1:9000",
		},
		"much set": {
			Issuer: "https://auth.example.com", Listen: ":443", Lease: 30 * time.Second, SigningAlg: "EdDSA",
			Audiences: []string{"https://api.example.com", "a,b:{c}"}, DataDir: "odd # name: 'x' \"y\"",
			AllowedOrigins: []string{"https://app.example.com"}, TrustedProxies: []string{"10.0.0.0/8"},
			Limits: config.Limits{Disabled: true}, Session: config.Session{Preset: "strict", Idle: 90 * time.Second, Limit: 3},
			Refresh: config.Refresh{Grace: config.NoGrace, Absolute: 30 * 24 * time.Hour},
			Cookies: config.Cookies{Domain: "example.com"}, Log: config.Log{Format: "json"},
			ServiceName: "Example: Bank", SignIn: config.SignIn{Methods: []string{"passkey", "password"}, Remember: config.NeverRemember, ACR: "2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			if err := config.Write(&text, c); err != nil {
				t.Fatal(err)
			}
			got, err := config.Load(config.Options{Path: write(t, text.String())})
			if err != nil {
				t.Fatalf("%v\n%s", err, &text)
			}
			if want := c.WithDefaults(); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v\n%s", got, want, &text)
			}
			for _, k := range config.Keys() {
				if !strings.Contains(text.String(), k.Doc) {
					t.Errorf("the file does not explain %s", k.Name)
				}
			}
		})
	}
}

func TestWriteLeavesDefaultsAndSecretsOut(t *testing.T) {
	var text bytes.Buffer
	c := config.Config{Log: config.Log{Level: "debug"}, MasterKey: secret.NewText("canary"), Mail: config.Mail{Password: secret.NewText("canary")}}
	if err := config.Write(&text, c); err != nil {
		t.Fatal(err)
	}
	var live []string
	for line := range strings.Lines(text.String()) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			live = append(live, strings.TrimRight(line, "\n"))
		}
	}
	if got := strings.Join(live, "|"); got != "log:|  level: debug" {
		t.Errorf("live lines %q in\n%s", got, &text)
	}
	if strings.Contains(text.String(), "canary") {
		t.Error("a secret was written")
	}
}
