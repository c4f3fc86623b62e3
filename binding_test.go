package tandem

import (
	"bytes"
	"testing"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/internal/secret"
)

// Sessions are bound to devices wherever browsers can renew what binds them, unless that is turned off.
func TestWhereSessionsAreBound(t *testing.T) {
	box, err := secret.NewBox(bytes.Repeat([]byte{1}, secret.MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config Config
		on     bool
	}{
		"https":           {Config{Issuer: "https://auth.example.com"}, true},
		"plain http":      {Config{Issuer: "http://localhost:8484"}, false},
		"for a domain":    {Config{Issuer: "https://auth.example.com", Cookies: config.Cookies{Domain: "example.com"}}, false},
		"where it is off": {Config{Issuer: "https://auth.example.com", Cookies: config.Cookies{NoDeviceBinding: true}}, false},
	} {
		if got := binder(c.config, box).On(); got != c.on {
			t.Errorf("%s: %v, want %v", name, got, c.on)
		}
	}
}
