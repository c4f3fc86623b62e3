package credential_test

import (
	"bytes"
	"image/png"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// The vectors of RFC 6238 appendix B for SHA-1, cut to six digits.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	seed := []byte("12345678901234567890")
	for unix, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		at := time.Unix(unix, 0)
		for shift, in := range map[time.Duration]bool{0: true, 30 * time.Second: true, -30 * time.Second: true, time.Minute: false, -time.Minute: false} {
			if at.Add(shift).Unix() < 60 && shift != 0 {
				continue // before the first steps there is none
			}
			step, ok := credential.CheckTOTP(seed, code, at.Add(shift))
			if ok != in || ok && step != unix/30 {
				t.Errorf("%d, clock %s off: step %d, %t", unix, shift, step, ok)
			}
		}
	}
	if _, ok := credential.CheckTOTP(seed, " 081 804 ", time.Unix(1111111109, 0)); !ok {
		t.Error("spaces count")
	}
	for _, code := range []string{"", "0", "81804", "0081804", "abcdef", "08180４"} {
		if _, ok := credential.CheckTOTP(seed, code, time.Unix(1111111109, 0)); ok {
			t.Errorf("%q is a code", code)
		}
	}
}

func TestSeedIsSpelledForApps(t *testing.T) {
	t.Parallel()
	seed := credential.NewSeed()
	if len(seed) != 20 || bytes.Equal(seed, credential.NewSeed()) {
		t.Fatal("a seed is 160 random bits")
	}
	uri, qr, err := credential.SeedURI(seed, "Bank: of & Sons", "ada+x@example.com")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Bank  of & Sons:ada+x@example.com" || q.Get("issuer") != "Bank  of & Sons" ||
		q.Get("secret") != strings.ReplaceAll(credential.SeedText(seed).Reveal(), " ", "") || q.Get("digits") != "6" || q.Get("period") != "30" {
		t.Errorf("%s", uri.Reveal())
	}
	if image, err := png.Decode(bytes.NewReader(qr)); err != nil || image.Bounds().Dx() < 200 {
		t.Errorf("the picture: %v", err)
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	codes, digests := credential.NewRecoveryCodes()
	form, seen := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$`), map[secret.Digest]bool{}
	for i, code := range codes {
		text := code.Reveal()
		if !form.MatchString(text) {
			t.Errorf("%q", text)
		}
		sloppy := " " + strings.ToUpper(strings.NewReplacer("-", " ", "0", "o", "1", "L").Replace(text)) + "\n"
		if credential.RecoveryDigest(sloppy) != digests[i] || seen[digests[i]] {
			t.Errorf("%q typed as %q", text, sloppy)
		}
		seen[digests[i]] = true
	}
	if len(codes) != 10 || len(digests) != 10 {
		t.Errorf("%d codes", len(codes))
	}
}

func TestMailedCode(t *testing.T) {
	t.Parallel()
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	seen := map[string]bool{}
	for range 50 {
		code, kept := credential.NewMailedCode(key, "att_1")
		text := code.Reveal()
		seen[text] = true
		if !regexp.MustCompile(`^\d{6}$`).MatchString(text) || !kept.Matches(key, "att_1", text) || !kept.Matches(key, "att_1", text[:3]+" "+text[3:]) {
			t.Fatalf("%q", text)
		}
		if kept.Matches(other, "att_1", text) || kept.Matches(key, "att_2", text) || kept.Matches(key, "att_1", text+"0") || kept.Matches(key, "att_1", "") {
			t.Fatalf("%q is good elsewhere", text)
		}
	}
	if len(seen) < 45 {
		t.Errorf("%d different codes of 50", len(seen))
	}
}

func TestRelyingPartyIsAHost(t *testing.T) {
	t.Parallel()
	for issuer, ok := range map[string]bool{
		"https://auth.example.com": true, "http://localhost:8484": true, "http://127.0.0.1:8484": false, "http://[::1]:8484": false, "": false,
	} {
		if _, err := credential.NewRelyingParty(issuer, "Example"); (err == nil) != ok {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	party, err := credential.NewRelyingParty("https://auth.example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	_, ceremony, err := party.Ask(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, response := range []string{"", "{}", "null", `{"id":"x","rawId":"x","type":"public-key","response":{}}`} {
		find := func([]byte) (credential.Holder, error) {
			t.Errorf("%q names a passkey", response)
			return credential.Holder{}, credential.ErrPasskeyNotFound
		}
		if _, err := party.Check(ceremony, []byte(response), time.Now(), find); err == nil {
			t.Errorf("%q proves something", response)
		}
	}
}
