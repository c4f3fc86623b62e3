package jws_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"tandem.example/tandem/verify/jws"
)

var sentinels = []error{jws.ErrMalformed, jws.ErrAlgorithm, jws.ErrSignature, jws.ErrKey, jws.ErrTooLarge}

// wantError fails the test unless err wraps exactly the sentinel of that text
// and gives that rule; an empty sentinel means no error.
func wantError(t *testing.T, err error, sentinel, rule string) {
	t.Helper()
	if sentinel == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("accepted, want %q", rule)
	}
	for _, s := range sentinels {
		if errors.Is(err, s) != (s.Error() == sentinel) {
			t.Errorf("errors.Is(%v, %v) is %v", err, s, errors.Is(err, s))
		}
	}
	if want := "jws: " + sentinel + ": " + rule; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// vector is a token by its parts. Each header is signed by the key named, so
// that nothing but the rule under test refuses it.
type vector struct {
	Name   string
	Header string
	Sign   string  // the test key that signs
	Form   *string // how the parts are put together, if not as a token
	Error  string  // sentinel, empty if the token is good
	Rule   string
}

func vectors(tb testing.TB) []vector {
	tb.Helper()
	raw, err := os.ReadFile("testdata/tokens.json")
	if err != nil {
		tb.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(raw, &list); err != nil {
		tb.Fatal(err)
	}
	return list
}

// compact makes the vector's token.
func (v vector) compact(tb testing.TB) string {
	tb.Helper()
	signer, ok := testKeys()[v.Sign]
	if !ok {
		tb.Fatalf("no test key %q", v.Sign)
	}
	compact := signer.token(tb, v.Header, `{"sub":"usr_1"}x`)
	if v.Form == nil {
		return compact
	}
	header, payload, signature := parts(compact)
	return strings.NewReplacer("{header}", header, "{payload}", payload, "{signature}", signature).Replace(*v.Form)
}

func TestTokenVectors(t *testing.T) {
	var set jws.Set
	for _, name := range names {
		set = append(set, testKeys()[name].signer.Key())
	}
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			compact := v.compact(t)
			m, err := jws.Parse(compact)
			if err == nil {
				// As a verifier does it: the key is looked up, never made.
				key, known := set.Find(m.Header.KeyID)
				if known == (v.Error == jws.ErrKey.Error()) {
					t.Errorf("Find(%q) is %v", m.Header.KeyID, known)
				}
				if !known {
					key = testKeys()["es"].signer.Key()
				}
				err = m.Verify(key)
				if again := m.Verify(key); (again == nil) != (err == nil) {
					t.Errorf("verified twice: %v, then %v", err, again)
				}
			}
			wantError(t, err, v.Error, v.Rule)
			if err == nil && string(m.Payload) != `{"sub":"usr_1"}x` {
				t.Errorf("payload %q", m.Payload)
			}
		})
	}
}

// No error repeats what the sender wrote: it goes to logs and responses.
func TestErrorsHoldNoContent(t *testing.T) {
	for _, header := range []string{
		`{"alg":"sekret","kid":"es-1"}`, `{"alg":"ES256","kid":"sekret\n"}`, `{"alg":"ES256","kid":"sekret"}`,
		`{"sekret":1,"sekret":2}`, `{"alg":"ES256","kid":"es-1","jku":"sekret"}`, `sekret`, `{"alg":"HS256","kid":"es-1","x":"sekret"}`,
	} {
		err := check(testKeys()["es"].token(t, header, "sekret"), testKeys()["es"].signer.Key())
		if err == nil || strings.Contains(err.Error(), "sekret") {
			t.Errorf("header %s: error %v", header, err)
		}
	}
}

func TestHasType(t *testing.T) {
	for typ, want := range map[string]bool{
		"at+jwt": true, "application/at+jwt": true,
		"": false, "JWT": false, "AT+JWT": false, "At+Jwt": false, "at+jwt2": false, "xat+jwt": false, "jwt": false, "at": false,
		"Application/at+jwt": false, "application/": false, "application/application/at+jwt": false, "revocation-sync": false, "text/at+jwt": false,
	} {
		if got := (jws.Header{Type: typ}).HasType("at+jwt"); got != want {
			t.Errorf("typ %q: %v, want %v", typ, got, want)
		}
	}
	for _, typ := range []string{"", "application/"} {
		if (jws.Header{Type: typ}).HasType("") {
			t.Errorf("typ %q is the empty type", typ)
		}
	}
}
