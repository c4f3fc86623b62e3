package credential

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAPIKeyRoundTrip(t *testing.T) {
	stored, text := NewAPIKey("deploy", "usr_1", nil, noon)
	if !id.Check(stored.ID, "key_") || stored.Name != "deploy" || stored.CreatedBy != "usr_1" || !stored.CreatedAt.Equal(noon) {
		t.Errorf("stored %+v", stored)
	}
	s := text.Reveal()
	if len(s) != 4+26+43 || !strings.HasPrefix(s, "tdk_"+strings.TrimPrefix(stored.ID, "key_")) {
		t.Errorf("the key has %d characters", len(s))
	}
	presented, err := ParseAPIKey(text)
	if err != nil || presented.ID != stored.ID {
		t.Fatalf("ParseAPIKey = %q, %v", presented.ID, err)
	}
	if err := stored.Check(presented, noon); err != nil {
		t.Errorf("Check = %v", err)
	}
	if _, again := NewAPIKey("deploy", "usr_1", nil, noon); again.Reveal()[30:] == s[30:] {
		t.Error("two keys have the same secret")
	}
}

func TestAPIKeyStates(t *testing.T) {
	stored, text := NewAPIKey("deploy", "usr_1", nil, noon)
	other, otherText := NewAPIKey("other", "usr_1", nil, noon)
	presented, err := ParseAPIKey(text)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := ParseAPIKey(otherText)
	if err != nil {
		t.Fatal(err)
	}
	// The id of one key with the secret of another.
	mixed, err := ParseAPIKey(secret.NewText(text.Reveal()[:30] + otherText.Reveal()[30:]))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*APIKey)) APIKey {
		k := stored
		change(&k)
		return k
	}
	at := func(t time.Time) *time.Time { return &t }
	tests := []struct {
		name      string
		key       APIKey
		presented PresentedKey
		want      error
	}{
		{"good", stored, presented, nil},
		{"not yet expired", with(func(k *APIKey) { k.ExpiresAt = at(noon.Add(1)) }), presented, nil},
		{"expires now", with(func(k *APIKey) { k.ExpiresAt = at(noon) }), presented, ErrKeyExpired},
		{"revoked", with(func(k *APIKey) { k.RevokedAt = at(noon) }), presented, ErrKeyRevoked},
		{"another key", stored, foreign, ErrWrongKey},
		{"another secret", stored, mixed, ErrWrongKey},
		{"same secret, another id", with(func(k *APIKey) { k.ID = other.ID }), presented, ErrWrongKey},
		{"revoked, another secret", with(func(k *APIKey) { k.RevokedAt = at(noon) }), mixed, ErrWrongKey},
		{"no digest, no secret", with(func(k *APIKey) { k.Digest = secret.Digest{} }), PresentedKey{ID: stored.ID}, ErrWrongKey},
	}
	for _, tt := range tests {
		if err := tt.key.Check(tt.presented, noon); !errors.Is(err, tt.want) {
			t.Errorf("%s: Check = %v, want %v", tt.name, err, tt.want)
		}
	}
}

// spoiled returns spellings that no key or client secret has; s is a good one
// and ends in 43 characters of base64.
func spoiled(s string) map[string]string {
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", s[len(s)-1])
	spare := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last+1]
	return map[string]string{
		"empty":                  "",
		"prefix only":            s[:4],
		"without prefix":         s[4:],
		"another prefix":         "tds_" + s[4:],
		"prefix in upper case":   strings.ToUpper(s[:4]) + s[4:],
		"cut off":                s[:len(s)-1],
		"longer":                 s + "A",
		"padded":                 s + "=",
		"space before":           " " + s,
		"space after":            s + " ",
		"newline after":          s + "\n",
		"newline inside":         s[:len(s)-2] + "\n" + s[len(s)-1:],
		"newlines for the end":   s[:len(s)-3] + "\r\n\n",
		"spare bits of the last": s[:len(s)-1] + string(spare),
		"other alphabet":         s[:len(s)-2] + "+/",
		"null byte":              s[:len(s)-1] + "\x00",
		"huge":                   s + strings.Repeat("A", 1<<16),
	}
}

func TestParseAPIKeyIsStrict(t *testing.T) {
	_, text := NewAPIKey("deploy", "usr_1", nil, noon)
	s := text.Reveal()
	bad := spoiled(s)
	bad["id in upper case"] = s[:4] + strings.ToUpper(s[4:30]) + s[30:]
	bad["id that does not fit"] = s[:4] + "8" + s[5:]
	bad["stored id"] = "key_" + s[4:]
	for name, text := range bad {
		presented, err := ParseAPIKey(secret.NewText(text))
		if !errors.Is(err, ErrMalformedKey) || presented != (PresentedKey{}) {
			t.Errorf("%s: ParseAPIKey = %v, want ErrMalformedKey", name, err)
		} else if strings.Contains(err.Error(), s[30:]) {
			t.Errorf("%s: the error quotes the key", name)
		}
	}
}

func TestClientSecret(t *testing.T) {
	text, digest := NewClientSecret()
	if s := text.Reveal(); len(s) != 47 || !strings.HasPrefix(s, "tdx_") {
		t.Errorf("the secret has %d characters", len(s))
	}
	if err := CheckClientSecret(text, digest); err != nil {
		t.Errorf("CheckClientSecret = %v", err)
	}
	other, otherDigest := NewClientSecret()
	for name, err := range map[string]error{
		"another secret": CheckClientSecret(other, digest),
		"another digest": CheckClientSecret(text, otherDigest),
		"no digest":      CheckClientSecret(text, secret.Digest{}),
	} {
		if !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v, want ErrWrongKey", name, err)
		}
	}
	for name, s := range spoiled(text.Reveal()) {
		err := CheckClientSecret(secret.NewText(s), digest)
		if !errors.Is(err, ErrMalformedKey) {
			t.Errorf("%s: %v, want ErrMalformedKey", name, err)
		}
	}
}

func FuzzParseAPIKey(f *testing.F) {
	stored, text := NewAPIKey("deploy", "usr_1", nil, noon)
	f.Add(text.Reveal())
	f.Add(text.Reveal()[:72] + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		presented, err := ParseAPIKey(secret.NewText(s))
		if err != nil {
			if !errors.Is(err, ErrMalformedKey) {
				t.Errorf("error without ErrMalformedKey: %v", err)
			}
			return
		}
		if !id.Check(presented.ID, "key_") || len(s) != 73 {
			t.Errorf("%q was taken for a key", s)
		}
		// No other spelling of the good key opens.
		if stored.Check(presented, noon) == nil && s != text.Reveal() {
			t.Errorf("%q opens like %q", s, text.Reveal())
		}
	})
}

func FuzzCheckClientSecret(f *testing.F) {
	text, digest := NewClientSecret()
	f.Add(text.Reveal())
	f.Fuzz(func(t *testing.T, s string) {
		if CheckClientSecret(secret.NewText(s), digest) == nil && s != text.Reveal() {
			t.Errorf("%q opens like %q", s, text.Reveal())
		}
	})
}
