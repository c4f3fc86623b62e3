package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"time"

	"tandem.example/tandem/verify"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

// issuer is a server in memory for verifiers, outside of a test.
type issuer struct {
	*verifytest.Server
	host *host
}

func (b *bench) newIssuer(options ...verifytest.Option) *issuer {
	h := &host{ctx: b.ctx}
	// The tokens of a row are minted before they are used.
	options = append([]verifytest.Option{verifytest.Lifetime(time.Hour)}, options...)
	return &issuer{verifytest.NewServer(h, options...), h}
}

func (s *issuer) close() { s.host.close() }

// verifier follows the issuer.
func (s *issuer) verifier(ctx context.Context, edits ...func(*verify.Config)) (*verify.Verifier, error) {
	c := verify.Config{Issuer: s.Issuer(), Audience: s.Audience(), HTTPClient: s.Client(), Logger: slog.New(slog.DiscardHandler)}
	for _, edit := range edits {
		edit(&c)
	}
	return verify.New(ctx, c)
}

// announce revokes so many sessions of others, and waits until the verifiers know.
func (s *issuer) announce(n int) {
	for i := range n {
		s.Server.Announce(revocation.SessionEvent(fmt.Sprint("ses_other", i)))
	}
	s.Settle()
}

// tokens mints n access tokens, each of a session of its own, with the claims of a default token with two roles.
func (s *issuer) tokens(n int) []string {
	first := s.SignIn(verifytest.User{Roles: []string{"customer", "support"}})
	list := make([]string, n)
	inParallel(n, func(i int) {
		list[i] = first.AccessToken(func(c *token.Claims) {
			c.SessionID, c.Subject = fmt.Sprintf("ses_%026d", i), fmt.Sprintf("usr_%026d", i)
		})
	})
	return list
}

// sized mints n tokens of about so many bytes.
func (s *issuer) sized(n, bytes int) []string {
	x := s.SignIn(verifytest.User{Roles: []string{"customer", "support"}})
	missing := (bytes - len(x.AccessToken())) * 3 / 4
	x.Edit(func(x *verifytest.Session) { x.Scope = strings.Repeat("x", max(0, missing-len(`,"scope":""`))) })
	list := make([]string, n)
	inParallel(n, func(i int) { list[i] = x.AccessToken() })
	return list
}

// inParallel calls f for 0 to n-1, on as many goroutines as processors.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// zipf is an order of 65,536 draws from n things, few of them often and many seldom.
func zipf(n int) []int {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(n-1))
	order := make([]int, 1<<16)
	for i := range order {
		order[i] = int(z.Uint64())
	}
	return order
}
