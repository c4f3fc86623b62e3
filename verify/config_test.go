package verify

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/verifytest"
)

func TestConfigIsCheckedWhole(t *testing.T) {
	shared, err := jws.NewKey("shared", jws.HS256, bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	public, err := jws.Generate("public", jws.ES256)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, field string
		edit        func(*Config)
	}{
		{"zero", "Issuer", func(c *Config) { *c = Config{} }},
		{"no issuer", "Issuer", func(c *Config) { c.Issuer = "" }},
		{"issuer without scheme", "Issuer", func(c *Config) { c.Issuer = "auth.example.com" }},
		{"issuer of another scheme", "Issuer", func(c *Config) { c.Issuer = "ftp://auth.example.com" }},
		{"issuer with a query", "Issuer", func(c *Config) { c.Issuer += "?a=b" }},
		{"issuer with an empty query", "Issuer", func(c *Config) { c.Issuer += "?" }},
		{"issuer with a fragment", "Issuer", func(c *Config) { c.Issuer += "#a" }},
		{"issuer with an empty fragment", "Issuer", func(c *Config) { c.Issuer += "#" }},
		{"issuer with a user", "Issuer", func(c *Config) { c.Issuer = "https://user:hunter2@auth.example.com" }},
		{"issuer with http elsewhere", "Issuer", func(c *Config) { c.Issuer = "http://auth.example.com" }},
		{"insecure for nothing", "InsecureAllowHTTP", func(c *Config) { c.InsecureAllowHTTP = true }},
		{"relay without scheme", "Relay", func(c *Config) { c.Relay = "relay.example.com" }},
		{"relay with http elsewhere", "Relay", func(c *Config) { c.Relay = "http://relay.example.com" }},
		{"relay with a user", "Relay", func(c *Config) { c.Relay = "https://user:hunter2@relay.example.com" }},
		{"relay with a query", "Relay", func(c *Config) { c.Relay = "https://relay.example.com?a" }},
		{"no audience", "Audience", func(c *Config) { c.Audience = "" }},
		{"secret without id", "ClientID", func(c *Config) { c.ClientSecret = "hunter2" }},
		{"id without secret", "ClientSecret", func(c *Config) { c.ClientID = "app_a" }},
		{"freshness", "Freshness", func(c *Config) { c.Freshness = -1 }},
		{"skew", "Skew", func(c *Config) { c.Skew = -1 }},
		{"skew beyond a minute", "Skew", func(c *Config) { c.Skew = 61 * time.Second }},
		{"cache", "CacheSize", func(c *Config) { c.CacheSize = -1 }},
		{"revocations", "MaxRevocations", func(c *Config) { c.MaxRevocations = -1 }},
		{"asks", "MaxAsks", func(c *Config) { c.MaxAsks = -1 }},
		{"name with a newline", "Name", func(c *Config) { c.Name = "a\nb" }},
		{"name too long", "Name", func(c *Config) { c.Name = strings.Repeat("a", 129) }},
		{"cookie name", "CookieNames", func(c *Config) { c.CookieNames = []string{"a b"} }},
		{"cookie name twice", "CookieNames", func(c *Config) { c.CookieNames = []string{"a", "a"} }},
		{"origin", "AllowedOrigins", func(c *Config) { c.AllowedOrigins = []string{"app.example.com/path"} }},
		{"public key as shared", "SharedKeys", func(c *Config) { c.SharedKeys = []jws.Key{public.Key()} }},
		{"zero key as shared", "SharedKeys", func(c *Config) { c.SharedKeys = []jws.Key{{}} }},
		{"shared key twice", "SharedKeys", func(c *Config) { c.SharedKeys = []jws.Key{shared, shared} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Issuer: "https://auth.example.com", Audience: "https://api.example.com"}
			tt.edit(&c)
			v, err := New(t.Context(), c)
			var wrong *ConfigError
			if !errors.As(err, &wrong) || wrong.Field != tt.field || v != nil {
				t.Fatalf("got %v, %v, want an error that names %s", v, err, tt.field)
			}
			if !errors.Is(err, ErrConfig) {
				t.Error("does not match ErrConfig")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestConfigThatIsFine(t *testing.T) {
	for _, issuer := range []string{
		"https://auth.example.com", "https://auth.example.com:8443/tenant", "http://localhost:8484", "http://127.0.0.1:1",
		"http://[::1]:8484", "http://tandem.localhost",
	} {
		c, err := Config{Issuer: issuer, Audience: "a"}.complete()
		if err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
		if c.Freshness != 10*time.Second || c.Name == "" || c.Logger == nil || c.Skew != time.Minute || c.CacheSize == 0 {
			t.Errorf("defaults are missing: %+v", c)
		}
	}
	for _, c := range []Config{
		{Issuer: "http://auth.internal", Audience: "a", InsecureAllowHTTP: true},
		{Issuer: "https://auth.internal", Audience: "a", Relay: "http://relay.internal", InsecureAllowHTTP: true},
		{Issuer: "https://auth.internal", Audience: "a", Relay: "http://127.0.0.1:8486"},
		{Issuer: "https://auth.internal", Audience: "a", Relay: "https://relay.internal/zone"},
	} {
		if _, err := c.complete(); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigHidesItsSecret(t *testing.T) {
	c := Config{Issuer: "https://auth.example.com", ClientID: "app_a", ClientSecret: "hunter2"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if shown := fmt.Sprintf(verb, c); strings.Contains(shown, "hunter2") || !strings.Contains(shown, "app_a") {
			t.Errorf("%s: %s", verb, shown)
		}
	}
}

func TestNewNamesWhatIsMisconfigured(t *testing.T) {
	t.Run("issuer with a slash more", func(t *testing.T) {
		s := verifytest.NewServer(t)
		v, err := New(t.Context(), configure(s, func(c *Config) { c.Issuer += "/" }))
		if v != nil {
			v.Close()
		}
		var wrong *ConfigError
		if !errors.As(err, &wrong) || wrong.Field != "Issuer" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("wrong secret", func(t *testing.T) {
		s := verifytest.NewServer(t, verifytest.Credentials("app_feed", "right"))
		v, err := New(t.Context(), configure(s, func(c *Config) { c.ClientID, c.ClientSecret = "app_feed", "hunter2" }))
		if v != nil {
			v.Close()
		}
		var wrong *ConfigError
		if !errors.As(err, &wrong) || wrong.Field != "ClientID" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("right secret", func(t *testing.T) {
		s := verifytest.NewServer(t, verifytest.Credentials("app_feed", "right"))
		v := start(t, s, func(c *Config) { c.ClientID, c.ClientSecret = "app_feed", "right" })
		accepts(t, v, s.SignIn(verifytest.User{}).AccessToken())
	})
	t.Run("metadata that leads elsewhere", func(t *testing.T) {
		s := verifytest.NewServer(t)
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if strings.HasSuffix(r.URL.Path, "oauth-authorization-server") {
				res.Body = bytes.Replace(res.Body, []byte(`"jwks_uri":"http://`), []byte(`"jwks_uri":"file://`), 1)
			}
		})
		v := start(t, s)
		if s := v.Status(); s.Ready || s.LastError == nil || !strings.Contains(s.LastError.Error(), "jwks_uri") {
			t.Errorf("%+v", s)
		}
	})
}

func TestIssuerWithAPath(t *testing.T) {
	c, err := Config{Issuer: "https://auth.example.com/tenant", Audience: "a"}.complete()
	if err != nil {
		t.Fatal(err)
	}
	var asked string
	c.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.String()
		return nil, errors.New("enough")
	})}
	if _, err := newServer(&c).discover(t.Context()); err == nil {
		t.Error("no error")
	}
	if want := "https://auth.example.com/.well-known/oauth-authorization-server/tenant"; asked != want { // RFC 8414 §3.1
		t.Errorf("asked %s, want %s", asked, want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A redirect would carry credentials to where nobody configured.
func TestRedirectsAreNotFollowed(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	other := 0
	s.Intercept(func(r *http.Request, res *verifytest.Response) {
		if r.URL.Path == "/elsewhere" {
			other++
		} else {
			res.Status = http.StatusTemporaryRedirect
			res.Header.Set("Location", "/elsewhere")
		}
	})
	refuses(t, v, ErrUnavailable, s.SignIn(verifytest.User{}).Token(), Live())
	if other != 0 {
		t.Error("followed")
	}
}

// A service gives no HTTPClient; one that it gives may have a short timeout,
// which is no reason to lose the feed.
func TestClients(t *testing.T) {
	for name, client := range map[string]*http.Client{"none": nil, "impatient": {Timeout: 10 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			s := verifytest.NewServer(t)
			v := start(t, s, func(c *Config) { c.HTTPClient, c.Freshness = client, 400*time.Millisecond })
			session := s.SignIn(verifytest.User{})
			accepts(t, v, session.AccessToken(), Within(10*time.Second))
			accepts(t, v, session.Token(), Live())
			first := v.lease.Load()
			for v.lease.Load() == first && v.Status().LastError == nil { // until the first poll that waited is over
				time.Sleep(10 * time.Millisecond)
			}
			if err := v.Status().LastError; err != nil {
				t.Error(err)
			}
		})
	}
}
