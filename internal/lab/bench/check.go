package main

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"runtime"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem.example/tandem/verify"
)

// Row 1: the check of a remembered access token under Within(10s), among 100,000 live ones drawn by Zipf's law, with
// 10,000 revocations known. The floor is golang-jwt verifying the same token.
func cachedCheck(b *bench) error {
	const live, revoked = 100_000, 10_000
	s := b.newIssuer()
	defer s.close()
	v, err := s.verifier(b.ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	s.announce(revoked)
	before := heap()
	tokens := s.tokens(live)
	own := heap() - before // the tokens themselves are this program's
	if err := verifyAll(b.ctx, v, tokens); err != nil {
		return err
	}
	entry := (heap() - before - own) / live
	order := make([]string, 0, 1<<16)
	for _, i := range zipf(live) {
		order = append(order, tokens[i])
	}
	floor, err := golangJWT(s)
	if err != nil {
		return err
	}
	ours := func(i int) error {
		_, err := v.Verify(b.ctx, order[i&(len(order)-1)])
		return err
	}
	d, err := b.fight(
		func() (sample, error) { return each(2_000, func(i int) error { return floor(order[i]) }) },
		func() (sample, error) { return each(300_000, ours) })
	if err != nil {
		return err
	}
	budget := atMost(1.0/150, "x")
	r := result{Row: "1", Work: "cached check, 100,000 tokens, 10,000 revoked", Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: d.ratio(sample.wallNS), CPU: d.ratio(sample.cpuNS), Budget: &budget}
	r.note("1/%.0f of golang-jwt v5; %.4f allocations a check; %.0f bytes a remembered token beside the token itself",
		1/r.Value, d.allocs(), entry)
	r.require(d.allocs() < 0.01, "it allocates")
	b.add(r)
	return b.scaling(
		func(i int) error { return floor(order[i&(len(order)-1)]) }, 2_000, ours, 300_000)
}

// scaling compares how the rate grows from one goroutine to as many as processors with how that of the floor does,
// which waits for nothing.
func (b *bench) scaling(floor func(int) error, floorOps int, ours func(int) error, oursOps int) error {
	all := runtime.GOMAXPROCS(0)
	grows := func(n int, op func(int) error) func() (sample, error) {
		return func() (sample, error) {
			one, err := each(n, op)
			if err != nil {
				return one, err
			}
			many, err := apart(n*all, all, op)
			// The growth is put in the place of the rate, and what an operation then costs more in that of its cost.
			return sample{n: 1, wall: seconds(one.rate() / many.rate()), cpu: seconds(many.cpuNS() / one.cpuNS())}, err
		}
	}
	d, err := b.fight(grows(floorOps, floor), grows(oursOps, ours))
	if err != nil {
		return err
	}
	budget := atLeast(0.85, "x")
	r := result{Row: "1", Work: fmt.Sprintf("cached check, growth with %d goroutines", all), Budget: &budget,
		Floor: digits(of(d.floor, sample.rate)) + " x", Ours: digits(of(d.ours, sample.rate)) + " x", Value: d.ratio(sample.rate),
		CPU: 1 / d.ratio(sample.cpuNS)}
	r.note("the rate of %d goroutines by that of one; under cpu, floor by ours of the processor time that one check costs more", all)
	b.add(r)
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// verifyAll has the Verifier remember every token.
func verifyAll(ctx context.Context, v *verify.Verifier, tokens []string) error {
	_, err := together(len(tokens), runtime.GOMAXPROCS(0), func(i int) error {
		_, err := v.Verify(ctx, tokens[i])
		return err
	})
	return err
}

// golangJWT verifies as a service does that uses it well: algorithm, issuer, audience and expiry.
func golangJWT(s *issuer) (func(compact string) error, error) {
	key, err := publicOf(s.TokenKey())
	if err != nil {
		return nil, err
	}
	public, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the issuer's key is a %T", key)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(s.Issuer()), jwt.WithAudience(s.Audience()), jwt.WithExpirationRequired())
	return func(compact string) error {
		var claims struct {
			jwt.RegisteredClaims
			ClientID string   `json:"client_id"`
			Session  string   `json:"sid"`
			Scope    string   `json:"scope"`
			Roles    []string `json:"roles"`
		}
		_, err := parser.ParseWithClaims(compact, &claims, func(*jwt.Token) (any, error) { return public, nil })
		return err
	}, nil
}

// heap is what lives on the heap, in bytes.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
