package jws_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"tandem.example/tandem/verify/jws"
)

const syncType = "revocation-sync"

func TestDetached(t *testing.T) {
	bodies := [][]byte{nil, []byte("x"), []byte(`{"events":[]}`), bytes.Repeat([]byte("\x00\xff\n"), 100_000)}
	for _, name := range names {
		k := testKeys()[name]
		for _, body := range bodies {
			signature, err := k.signer.SignDetached(syncType, body)
			if err != nil {
				t.Fatal(err)
			}
			if err := jws.VerifyDetached(signature, body, syncType, k.signer.Key()); err != nil {
				t.Errorf("%s over %d bytes: %v", k.alg, len(body), err)
			}
			h, err := jws.DetachedHeader(signature)
			if err != nil || h != (jws.Header{Algorithm: k.alg, KeyID: name + "-1", Type: syncType}) {
				t.Errorf("%s: header %+v, %v", k.alg, h, err)
			}
			for what, other := range map[string][]byte{
				"a byte more": append(bytes.Clone(body), '\n'), "another byte": append([]byte("y"), body...),
			} {
				if err := jws.VerifyDetached(signature, other, syncType, k.signer.Key()); !errors.Is(err, jws.ErrSignature) {
					t.Errorf("%s with %s: %v, want ErrSignature", k.alg, what, err)
				}
			}
		}
	}
}

// With the payload put back it is what Sign would have given (RFC 7515
// appendix F), so the algorithms' tests hold for it too.
func TestDetachedIsCompactWithoutPayload(t *testing.T) {
	for _, name := range []string{"ed", "rs", "hs"} { // those that sign alike twice
		s := testKeys()[name].signer
		compact := must(s.Sign(syncType, []byte("body")))
		h, _, signature := parts(compact)
		if got := must(s.SignDetached(syncType, []byte("body"))); got != h+".."+signature {
			t.Errorf("%s: detached %s, compact %s", name, got, compact)
		}
	}
}

func TestVerifyDetachedRefuses(t *testing.T) {
	body := []byte(`{"events":[]}`)
	k, other := testKeys()["ed"], testKeys()["es"]
	good := must(k.signer.SignDetached(syncType, body))
	key := k.signer.Key()
	stranger := must(jws.Generate("ed-1", jws.EdDSA))
	h, _, signature := parts(good)
	for _, c := range []struct {
		name, signature, typ string
		key                  jws.Key
		want                 error
	}{
		{"another typ wanted", good, "at+jwt", key, jws.ErrMalformed},
		{"no typ wanted", good, "", key, jws.ErrMalformed},
		{"typ with prefix", must(k.signer.SignDetached("application/"+syncType, body)), syncType, key, jws.ErrMalformed},
		{"an access token's typ", must(k.signer.SignDetached("at+jwt", body)), syncType, key, jws.ErrMalformed},
		{"no typ", detachedOf(k.token(t, `{"alg":"EdDSA","kid":"ed-1"}`, string(body))), syncType, key, jws.ErrMalformed},
		{"no typ, and none wanted", detachedOf(k.token(t, `{"alg":"EdDSA","kid":"ed-1"}`, string(body))), "", key, jws.ErrMalformed},
		{"a token key", must(other.signer.SignDetached(syncType, body)), syncType, key, jws.ErrKey},
		{"another key wanted", good, syncType, other.signer.Key(), jws.ErrKey},
		{"zero key", good, syncType, jws.Key{}, jws.ErrKey},
		{"a stranger's key of the same id", must(stranger.SignDetached(syncType, body)), syncType, key, jws.ErrSignature},
		{"alg none", detachedOf(k.token(t, `{"alg":"none","kid":"ed-1","typ":"revocation-sync"}`, string(body))), syncType, key, jws.ErrAlgorithm},
		{"another alg", detachedOf(k.token(t, `{"alg":"ES256","kid":"ed-1","typ":"revocation-sync"}`, string(body))), syncType, key, jws.ErrAlgorithm},
		{"b64 false", detachedOf(k.token(t, `{"alg":"EdDSA","kid":"ed-1","typ":"revocation-sync","b64":false,"crit":["b64"]}`, string(body))), syncType, key, jws.ErrMalformed},
		{"attached", must(k.signer.Sign(syncType, body)), syncType, key, jws.ErrMalformed},
		{"empty", "", syncType, key, jws.ErrMalformed},
		{"dots", "..", syncType, key, jws.ErrMalformed},
		{"no signature", h + "..", syncType, key, jws.ErrMalformed},
		{"one dot", h + "." + signature, syncType, key, jws.ErrMalformed},
		{"three dots", h + "..." + signature, syncType, key, jws.ErrMalformed},
		{"newline after", good + "\n", syncType, key, jws.ErrMalformed},
		{"newline within", h + "..\n" + signature, syncType, key, jws.ErrMalformed},
		{"padding", good + "==", syncType, key, jws.ErrMalformed},
		{"two in one header field", good + ", " + good, syncType, key, jws.ErrMalformed},
		{"too long", good + strings.Repeat("A", jws.MaxSize), syncType, key, jws.ErrTooLarge},
	} {
		if err := jws.VerifyDetached(c.signature, body, c.typ, c.key); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestDetachedHeaderRefuses(t *testing.T) {
	s := testKeys()["ed"].signer
	good := must(s.SignDetached(syncType, []byte("x")))
	h, _, signature := parts(good)
	for what, spoiled := range map[string]string{
		"attached": must(s.Sign(syncType, []byte("x"))), "no header": ".." + signature, "no signature": h + "..",
		"newline": good + "\n", "empty": "", "header cut": h[1:] + ".." + signature,
	} {
		if got, err := jws.DetachedHeader(spoiled); !errors.Is(err, jws.ErrMalformed) || got != (jws.Header{}) {
			t.Errorf("%s: %+v, %v, want ErrMalformed", what, got, err)
		}
	}
}

// detachedOf takes the payload out of a compact token.
func detachedOf(compact string) string {
	h, _, s := parts(compact)
	return h + ".." + s
}
