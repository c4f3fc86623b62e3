package tandem

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// secrets are all secrets that were issued in a run, by what they are.
type secrets struct {
	mu    sync.Mutex
	all   map[string]string // text: what it is
	short []string          // codes of six digits
}

func (s *secrets) add(what, text string) {
	if len(text) < 8 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string]string)
	}
	if s.all[text] == "" { // a token that is later sent as a password is a token all the same
		s.all[text] = what
	}
}

// issuing are the members of answers that hold a secret.
var issuing = map[string]bool{"session_token": true, "refresh_token": true, "access_token": true, "secret": true, "client_secret": true}

// collect takes the secrets out of an answer.
func (s *secrets) collect(a answer) answer {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				if text, ok := member.(string); ok && issuing[name] {
					s.add(name, text)
				}
				walk(member)
			}
		case []any:
			for _, member := range v {
				walk(member)
			}
		}
	}
	walk(a.Body)
	for _, one := range (&http.Response{Header: a.Header}).Cookies() {
		s.add("cookie "+one.Name, one.Value)
	}
	return a
}

// needle is one spelling of a secret.
type needle struct {
	what string
	text []byte
}

// needles are the spellings in which a secret could lie somewhere: as it is, its random part alone, the bytes behind
// that, and those in hex and base64.
func (s *secrets) needles() (out []needle) {
	add := func(what, how string, text []byte) {
		if len(text) >= 12 {
			out = append(out, needle{what + ", " + how, text})
		}
	}
	bytesOf := func(what string, b []byte) {
		add(what, "its bytes", b)
		add(what, "in hex", []byte(hex.EncodeToString(b)))
		add(what, "in HEX", []byte(strings.ToUpper(hex.EncodeToString(b))))
		add(what, "in base64url", []byte(base64.RawURLEncoding.EncodeToString(b)))
		add(what, "in base64", []byte(base64.RawStdEncoding.EncodeToString(b)))
	}
	for text, what := range s.all {
		bytesOf(what, []byte(text))
		random := randomPart(text)
		if random == text {
			continue
		}
		add(what, "without its prefix", []byte(random))
		decoded, err := base64.RawURLEncoding.DecodeString(random)
		if err != nil {
			continue
		}
		if strings.HasPrefix(text, "tdr_") {
			decoded = decoded[4 : 4+24] // generation, secret, tag
		}
		bytesOf(what+" decoded", decoded)
	}
	return out
}

// randomPart is what only the owner of a secret knows: what follows the prefix and the id, the signature of an access
// token, the second half of a device token.
func randomPart(text string) string {
	const idSize = 26
	switch {
	case strings.HasPrefix(text, "tdx_"):
		return text[4:]
	case strings.HasPrefix(text, "tds_"), strings.HasPrefix(text, "tdr_"), strings.HasPrefix(text, "tda_"), strings.HasPrefix(text, "tdk_"):
		return text[4+idSize:]
	case strings.Count(text, ".") > 0 && !strings.Contains(text, " "):
		return text[strings.LastIndexByte(text, '.')+1:]
	}
	return text
}

// search answers which secrets lie in a heap of bytes, without repeating them.
func search(heap []byte, all []needle) (found []string) {
	for _, n := range all {
		if bytes.Contains(heap, n.text) {
			found = append(found, n.what)
		}
	}
	return found
}

// addPrivateKey adds what would let anybody sign.
func (s *secrets) addPrivateKey(kid string, der []byte) error {
	s.add("private key "+kid, string(der))
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("parse private key %s: %w", kid, err)
	}
	switch k := private.(type) {
	case *ecdsa.PrivateKey:
		scalar, err := k.Bytes()
		if err != nil {
			return err
		}
		s.add("scalar of "+kid, string(scalar))
	case ed25519.PrivateKey:
		s.add("seed of "+kid, string(k.Seed()))
	default:
		return fmt.Errorf("private key %s is a %T", kid, k)
	}
	return nil
}
