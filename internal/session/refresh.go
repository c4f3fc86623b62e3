package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
)

// RefreshPrefix marks refresh tokens.
const RefreshPrefix = "tdr_"

const (
	refreshSecretLen = 24 // bytes: 192 bits
	refreshTagLen    = 16
	refreshBodyLen   = 4 + refreshSecretLen + refreshTagLen
)

// Refresh is the state of a session's refresh token: one row however often it is refreshed.
type Refresh struct {
	Generation uint32        // of the newest token; the first is 1, 0 means the session has none
	Digest     secret.Digest // of the newest token's secret
	Previous   secret.Digest // of the token before it; zero at generation 1
	Sealed     []byte        // the newest token, sealed under the secret of the one before it
	RotatedAt  time.Time
	Floor      uint32 // generations below it died when the session's credentials were replaced
}

// RefreshToken is a presented refresh token whose tag proved that this server issued it.
type RefreshToken struct {
	Session    ID
	Generation uint32
	random     [refreshSecretLen]byte
}

// Digest is what the store keeps of the token.
func (t RefreshToken) Digest() secret.Digest { return secret.Sum(t.random[:]) }

// RefreshTokens issues and recognises refresh tokens. The tag key tells a genuine old token from garbage; it is
// derived from the master key and never stored. Safe for concurrent use.
type RefreshTokens struct{ tagKey []byte }

// NewRefreshTokens takes the 32-byte tag key.
func NewRefreshTokens(tagKey []byte) RefreshTokens { return RefreshTokens{tagKey: tagKey} }

// New makes a token of the given generation for the session.
func (k RefreshTokens) New(session ID, generation uint32) RefreshToken {
	t := RefreshToken{Session: session, Generation: generation}
	copy(t.random[:], secret.Random(refreshSecretLen))
	return t
}

// Text spells the token: `tdr_`, session id, then base64url of generation, secret and tag.
func (k RefreshTokens) Text(t RefreshToken) secret.Text {
	body := make([]byte, 0, refreshBodyLen)
	body = binary.BigEndian.AppendUint32(body, t.Generation)
	body = append(body, t.random[:]...)
	body = append(body, k.tag(t)...)
	return secret.NewText(RefreshPrefix + strings.TrimPrefix(string(t.Session), idPrefix) + strict.EncodeToString(body))
}

// Parse recognises a token. ErrMalformed for anything this server did not issue.
func (k RefreshTokens) Parse(text string) (RefreshToken, error) {
	rest, ok := strings.CutPrefix(text, RefreshPrefix)
	if !ok || len(rest) != idLen+strict.EncodedLen(refreshBodyLen) || !id.Valid(rest[:idLen]) {
		return RefreshToken{}, ErrMalformed
	}
	var body [refreshBodyLen]byte
	if !decode(body[:], rest[idLen:]) {
		return RefreshToken{}, ErrMalformed
	}
	t := RefreshToken{Session: ID(idPrefix + rest[:idLen]), Generation: binary.BigEndian.Uint32(body[:4])}
	copy(t.random[:], body[4:])
	if !hmac.Equal(k.tag(t), body[4+refreshSecretLen:]) {
		return RefreshToken{}, ErrMalformed
	}
	return t, nil
}

func (k RefreshTokens) tag(t RefreshToken) []byte {
	mac := hmac.New(sha256.New, k.tagKey)
	mac.Write([]byte(t.Session))
	var generation [4]byte
	binary.BigEndian.PutUint32(generation[:], t.Generation)
	mac.Write(generation[:])
	mac.Write(t.random[:])
	return mac.Sum(nil)[:refreshTagLen]
}

// Seal hides the successor under the presented token's secret: whoever presents the same token again can be given
// the same successor, yet the store holds nothing that could be used.
func (t RefreshToken) Seal(successor RefreshToken) []byte {
	aead := t.aead()
	// Each key seals exactly one text, so the zero nonce cannot repeat under it.
	return aead.Seal(nil, make([]byte, aead.NonceSize()), successor.random[:], t.associated())
}

// Open recovers the successor that Seal hid; ErrMalformed if it was sealed under another token.
func (t RefreshToken) Open(sealed []byte) (RefreshToken, error) {
	aead := t.aead()
	random, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, t.associated())
	if err != nil || len(random) != refreshSecretLen {
		return RefreshToken{}, ErrMalformed
	}
	successor := RefreshToken{Session: t.Session, Generation: t.Generation + 1}
	copy(successor.random[:], random)
	return successor, nil
}

func (t RefreshToken) aead() cipher.AEAD {
	mac := hmac.New(sha256.New, t.random[:])
	mac.Write([]byte("tandem refresh successor"))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic(err) // a 32-byte key is always accepted
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES always has the block size that GCM wants
	}
	return aead
}

func (t RefreshToken) associated() []byte {
	return binary.BigEndian.AppendUint32([]byte(t.Session), t.Generation)
}
