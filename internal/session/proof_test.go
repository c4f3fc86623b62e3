package session

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
)

func device(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaDevice(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func spelled(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// sign makes a proof with a header of the caller's choice beside alg.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[string]any, payload string) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for name, value := range header {
		o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func jwk(key any) map[string]any {
	return map[string]any{"typ": proofType, "jwk": jose.JSONWebKey{Key: key}}
}

const answers = `{"jti":"challenge"}`

// A proof as Chromium 156 sends it: the key in the header, the challenge as the only claim.
func TestProofOfABrowser(t *testing.T) {
	const text = "eyJhbGciOiJFUzI1NiIsImp3ayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IjBfRERkcjN4cHFOM21lTExJZFQxR2UydkFpNXYtTnlGcUdHajYwZFA3ak0iLCJ5IjoiWmx5MkktRUExYmhnZy1yNXdTQ2k2bkNpVWh6SUUtV19ZTnpDX3haV1lXYyJ9LCJ0eXAiOiJkYnNjK2p3dCJ9" +
		".eyJqdGkiOiJjaGFsLmxlbmdlLTFfeCJ9" +
		".A0ZfJe6PNvvaYg4mRfVrNdFInbP79aMx-IUhIwj0H6H4RBVy4kBpPAmW7eA_SGYfcsG5qJ62ARa9aUqEUvpEIQ"
	p, err := ReadProof(text)
	if err != nil || p.Challenge != "chal.lenge-1_x" || p.Audience != "" || p.Subject != "" {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := ReadProofBy(p.Key, text); err != nil {
		t.Error(err)
	}
}

func TestProofs(t *testing.T) {
	ec, rs := device(t, elliptic.P256()), rsaDevice(t, 2048)
	for name, c := range map[string]struct {
		alg    jose.SignatureAlgorithm
		key    crypto.Signer
		public crypto.PublicKey
	}{"ES256": {jose.ES256, ec, ec.Public()}, "RS256": {jose.RS256, rs, rs.Public()}} {
		p, err := ReadProof(sign(t, c.alg, c.key, jwk(c.public), `{"jti":"challenge","aud":"https://auth.example.com/dbsc/register","sub":"ses_x","iat":1,"more":[]}`))
		want := spelled(t, c.public)
		if err != nil || p.Challenge != "challenge" || string(p.Key) != string(want) || p.Audience != "https://auth.example.com/dbsc/register" || p.Subject != "ses_x" {
			t.Fatalf("%s: %+v, %v", name, p, err)
		}
		further := sign(t, c.alg, c.key, map[string]any{"typ": proofType}, answers)
		if p, err := ReadProofBy(want, further); err != nil || p.Challenge != "challenge" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if _, err := ReadProof(further); !errors.Is(err, ErrProof) {
			t.Errorf("%s: a first proof without a key: %v", name, err)
		}
	}
}

func TestForgedProofs(t *testing.T) {
	ec, other, rs := device(t, elliptic.P256()), device(t, elliptic.P256()), rsaDevice(t, 2048)
	p384, weak := device(t, elliptic.P384()), rsaDevice(t, 1024)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	good := sign(t, jose.ES256, ec, jwk(ec.Public()), answers)
	part := strings.Split(good, ".")
	raw := base64.RawURLEncoding.EncodeToString
	header := func(fields map[string]any) string {
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return raw(text)
	}
	asJWK := jose.JSONWebKey{Key: ec.Public()}
	for name, text := range map[string]string{
		"nothing":                    "",
		"two parts":                  part[0] + "." + part[1],
		"no signature":               part[0] + "." + part[1] + ".",
		"another payload":            part[0] + "." + raw([]byte(`{"jti":"other"}`)) + "." + part[2],
		"another signature":          part[0] + "." + part[1] + "." + strings.Split(sign(t, jose.ES256, other, jwk(ec.Public()), answers), ".")[2],
		"none":                       header(map[string]any{"alg": "none", "typ": proofType, "jwk": asJWK}) + "." + part[1] + ".",
		"NONE":                       header(map[string]any{"alg": "NONE", "typ": proofType, "jwk": asJWK}) + "." + part[1] + "." + part[2],
		"no alg":                     header(map[string]any{"typ": proofType, "jwk": asJWK}) + "." + part[1] + "." + part[2],
		"HS256":                      sign(t, jose.HS256, secret, map[string]any{"typ": proofType, "jwk": jose.JSONWebKey{Key: ec.Public()}}, answers),
		"HS256 by the public key":    sign(t, jose.HS256, spelled(t, ec.Public()), jwk(ec.Public()), answers),
		"ES384":                      sign(t, jose.ES384, p384, jwk(p384.Public()), answers),
		"EdDSA":                      sign(t, jose.EdDSA, ed, jwk(ed.Public()), answers),
		"PS256":                      sign(t, jose.PS256, rs, jwk(rs.Public()), answers),
		"RS512":                      sign(t, jose.RS512, rs, jwk(rs.Public()), answers),
		"a short RSA key":            sign(t, jose.RS256, weak, jwk(weak.Public()), answers),
		"RS256 said of a P-256 key":  header(map[string]any{"alg": "RS256", "typ": proofType, "jwk": asJWK}) + "." + part[1] + "." + part[2],
		"ES256 with an RSA key":      sign(t, jose.ES256, ec, jwk(rs.Public()), answers),
		"no type":                    sign(t, jose.ES256, ec, map[string]any{"jwk": asJWK}, answers),
		"another type":               sign(t, jose.ES256, ec, map[string]any{"typ": "JWT", "jwk": asJWK}, answers),
		"critical":                   sign(t, jose.ES256, ec, map[string]any{"typ": proofType, "jwk": asJWK, "crit": []string{"x"}, "x": 1}, answers),
		"a private key in it":        header(map[string]any{"alg": "ES256", "typ": proofType, "jwk": jose.JSONWebKey{Key: ec}}) + "." + part[1] + "." + part[2],
		"a symmetric key in it":      header(map[string]any{"alg": "ES256", "typ": proofType, "jwk": jose.JSONWebKey{Key: secret}}) + "." + part[1] + "." + part[2],
		"a point off the curve":      header(map[string]any{"alg": "ES256", "typ": proofType, "jwk": map[string]string{"kty": "EC", "crv": "P-256", "x": raw(make([]byte, 32)), "y": raw(make([]byte, 32))}}) + "." + part[1] + "." + part[2],
		"the key by reference alone": sign(t, jose.ES256, ec, map[string]any{"typ": proofType, "jku": "https://evil.example/keys"}, answers),
		"claims that are a list":     sign(t, jose.ES256, ec, jwk(ec.Public()), `[]`),
		"a challenge that is no text": sign(t, jose.ES256, ec, jwk(ec.Public()),
			`{"jti":["challenge"]}`),
		"JSON serialization": `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"too long":           good + strings.Repeat(" ", maxProof),
	} {
		if p, err := ReadProof(text); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if p, err := ReadProofBy(spelled(t, ec.Public()), text); !errors.Is(err, ErrProof) && name != "the key by reference alone" {
			t.Errorf("%s, of the device: %+v, %v", name, p, err)
		}
	}
	if _, err := ReadProof(good); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"of another device":                    sign(t, jose.ES256, other, map[string]any{"typ": proofType}, answers),
		"with another device's key":            sign(t, jose.ES256, other, jwk(other.Public()), answers),
		"of the device with another's key":     sign(t, jose.ES256, ec, jwk(other.Public()), answers),
		"of an RSA device, for one with P-256": sign(t, jose.RS256, rs, map[string]any{"typ": proofType}, answers),
	} {
		if p, err := ReadProofBy(spelled(t, ec.Public()), text); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for _, key := range [][]byte{nil, []byte("x"), spelled(t, p384.Public()), spelled(t, weak.Public())} {
		if _, err := ReadProofBy(key, sign(t, jose.ES256, ec, map[string]any{"typ": proofType}, answers)); !errors.Is(err, ErrProof) {
			t.Errorf("a stored key that cannot be: %v", err)
		}
	}
}

func FuzzReadProof(f *testing.F) {
	key := device(f, elliptic.P256())
	good := sign(f, jose.ES256, key, jwk(key.Public()), answers)
	f.Add(good)
	f.Add("..")
	der := spelled(f, key.Public())
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ReadProofBy(der, text); err == nil && (p.Challenge != "challenge" || text[:strings.LastIndexByte(text, '.')] != good[:strings.LastIndexByte(good, '.')]) {
			t.Errorf("%q passes for a proof", text)
		}
	})
}
