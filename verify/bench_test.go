package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

// prepared is a verifier that remembers n tokens and knows 10,000 revocations
// of others, and the tokens in an order drawn by Zipf's law.
func prepared(b *testing.B, n int) (*Verifier, []string) {
	b.Helper()
	s := verifytest.NewServer(b)
	v := start(b, s, func(c *Config) { c.CacheSize = max(n, 1000) })

	for i := range 10_000 {
		s.Announce(revocation.SessionEvent(fmt.Sprint("ses_other", i)))
	}
	s.Settle()
	session := s.SignIn(verifytest.User{Roles: []string{"customer", "support"}})
	session.Edit(func(x *verifytest.Session) { x.Scope = "accounts payments" })
	tokens := make([]string, n)
	first := accepts(b, v, session.AccessToken())
	for i := range tokens {
		// Signing and checking a hundred thousand of them would take longer than
		// the benchmark: they are put where checking would have put them.
		t := *first
		t.credential = shuffled(session.AccessToken, i)
		v.tokens.keep(&t, v.keys.generation(), 0)
		tokens[i] = t.credential
	}
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(n-1))
	order := make([]string, 1<<16)
	for i := range order {
		for order[i] = tokens[z.Uint64()]; v.tokens.find(order[i], v.keys.generation()) == nil; {
			order[i] = tokens[z.Uint64()] // one in thousands is crowded out
		}
	}
	return v, order
}

var pattern string

// shuffled is a string of the length of an access token, another for each i.
func shuffled(mint func(...func(*token.Claims)) string, i int) string {
	if pattern == "" {
		pattern = mint()
	}
	mark := fmt.Sprintf("%012d", i)
	return pattern[:len(pattern)-len(mark)] + mark
}

func BenchmarkCached(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("tokens=%d", n), func(b *testing.B) {
			v, order := prepared(b, max(n, 2))
			ctx := b.Context()
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				if _, err := v.Verify(ctx, order[i&(1<<16-1)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("tokens=100000/parallel", func(b *testing.B) {
		v, order := prepared(b, 100_000)
		ctx := b.Context()
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.Int(); pb.Next(); i++ {
				if _, err := v.Verify(ctx, order[i&(1<<16-1)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkFloor is what every verifier without a cache must do at least: the
// bare signature check of the standard library over the same bytes.
func BenchmarkFloor(b *testing.B) {
	s := verifytest.NewServer(b)
	compact := s.SignIn(verifytest.User{Roles: []string{"customer", "support"}}).AccessToken()
	set, err := jws.Set{s.TokenKey().Key()}.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	key, raw := publicKey(b, set), compact[strings.LastIndexByte(compact, '.')+1:]
	signature, err := base64.RawURLEncoding.DecodeString(raw)
	if err != nil {
		b.Fatal(err)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])})
	if err != nil {
		b.Fatal(err)
	}
	signed := []byte(compact[:len(compact)-len(raw)-1])
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256(signed)
		if !ecdsa.VerifyASN1(key, digest[:], der) {
			b.Fatal("does not verify")
		}
	}
}

func BenchmarkCold(b *testing.B) {
	s := verifytest.NewServer(b)
	v := start(b, s)
	compact := s.SignIn(verifytest.User{Roles: []string{"customer", "support"}}).AccessToken()
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		t, err := v.Verify(ctx, compact)
		if err != nil {
			b.Fatal(err)
		}
		v.tokens.forget(t)
	}
}

func BenchmarkProtect(b *testing.B) {
	plain := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s := verifytest.NewServer(b)
	v := start(b, s)
	compact := s.SignIn(verifytest.User{Roles: []string{"customer"}}).AccessToken()
	for _, h := range []struct {
		name    string
		handler http.Handler
	}{{"bare", plain}, {"protected", v.Protect(plain)}} {
		b.Run("http/"+h.name, func(b *testing.B) {
			server := httptest.NewServer(h.handler)
			defer server.Close()
			b.ReportAllocs()
			for b.Loop() {
				r, _ := http.NewRequest("GET", server.URL, nil)
				r.Header.Set("Authorization", "Bearer "+compact)
				res, err := server.Client().Do(r)
				if err != nil || res.StatusCode != http.StatusNoContent {
					b.Fatal(err, res)
				}
				_ = res.Body.Close()
			}
		})
		b.Run("direct/"+h.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", "Bearer "+compact)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.handler.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkClock(b *testing.B) {
	read := localClock()
	for b.Loop() {
		if read().Mono < 0 {
			b.Fatal(time.Now())
		}
	}
}

// publicKey reads the only key of a key set without this module's help.
func publicKey(b *testing.B, set []byte) *ecdsa.PublicKey {
	b.Helper()
	var doc struct {
		Keys []struct{ X, Y string }
	}
	if err := json.Unmarshal(set, &doc); err != nil || len(doc.Keys) != 1 {
		b.Fatal(err, len(doc.Keys))
	}
	x, err1 := base64.RawURLEncoding.DecodeString(doc.Keys[0].X)
	y, err2 := base64.RawURLEncoding.DecodeString(doc.Keys[0].Y)
	key, err3 := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err := errors.Join(err1, err2, err3); err != nil {
		b.Fatal(err)
	}
	return key
}
