package verify

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/token"
	"tandem.example/tandem/verify/verifytest"
)

// ending waits for a context's end, and returns how long it took and why.
func ending(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	<-ctx.Done()
	return time.Since(start), context.Cause(ctx)
}

func TestWatchEnds(t *testing.T) {
	const soon = 50 * time.Millisecond
	tests := map[string]struct {
		rules   []Rule
		trouble func(*verifytest.Server, *verifytest.Session, *Verifier)
		after   time.Duration // at the latest
		early   time.Duration // not before
		cause   error
	}{
		"session ended": {nil, func(_ *verifytest.Server, x *verifytest.Session, _ *Verifier) { x.End() }, soon, 0, ErrRevoked},
		"user locked": {nil, func(s *verifytest.Server, x *verifytest.Session, _ *Verifier) {
			s.Revoke(revocation.KindSubject, x.User())
		}, soon, 0, ErrRevoked},
		"demoted":  {nil, func(s *verifytest.Server, x *verifytest.Session, _ *Verifier) { s.Demote(x.User()) }, soon, 0, ErrStale},
		"restored": {nil, func(s *verifytest.Server, _ *verifytest.Session, _ *Verifier) { s.Restore() }, soon, 0, ErrStale},
		"closed":   {nil, func(_ *verifytest.Server, _ *verifytest.Session, v *Verifier) { go v.Close() }, soon, 0, ErrClosed},
		"partition": {
			nil, func(s *verifytest.Server, _ *verifytest.Session, _ *Verifier) { s.Partition() },
			10 * time.Second, 7 * time.Second, ErrLeaseLost,
		},
		"partition, strict route": {
			[]Rule{Within(time.Second)},
			func(s *verifytest.Server, _ *verifytest.Session, _ *Verifier) { s.Partition() },
			time.Second, 0, ErrLeaseLost,
		},
		"partition, live route": {
			[]Rule{Live()},
			func(s *verifytest.Server, _ *verifytest.Session, _ *Verifier) { s.Partition() },
			10 * time.Second, 7 * time.Second, ErrLeaseLost,
		},
		"partition, may ask in vain": {
			[]Rule{OnLeaseLost(AskServer)},
			func(s *verifytest.Server, _ *verifytest.Session, _ *Verifier) { s.Partition() },
			10 * time.Second, 7 * time.Second, ErrLeaseLost,
		},
		"partition, insecure": {
			[]Rule{OnLeaseLost(InsecureAcceptUntilExpiry)},
			func(s *verifytest.Server, _ *verifytest.Session, _ *Verifier) { s.Partition() },
			5*time.Minute + soon, 5*time.Minute - 2*time.Second, ErrExpired,
		},
		"nothing": {nil, func(*verifytest.Server, *verifytest.Session, *Verifier) {}, 5*time.Minute + soon, 5*time.Minute - 2*time.Second, ErrExpired},
		"nothing, until expiry": {
			[]Rule{UntilExpiry()},
			func(*verifytest.Server, *verifytest.Session, *Verifier) {},
			5*time.Minute + soon, 5*time.Minute - 2*time.Second, ErrExpired,
		},
		"revoked, until expiry": {
			[]Rule{UntilExpiry()},
			func(_ *verifytest.Server, x *verifytest.Session, _ *Verifier) { x.End() },
			5*time.Minute + soon, 5*time.Minute - 2*time.Second, ErrExpired,
		},
		"may ask, feed lost, then revoked": {[]Rule{OnLeaseLost(AskServer)}, func(s *verifytest.Server, x *verifytest.Session, _ *Verifier) {
			loseFeed(s)
			time.AfterFunc(time.Minute, func() { x.End() })
		}, 70 * time.Second, time.Minute, ErrRevoked},
		"may ask, feed lost, then demoted": {[]Rule{OnLeaseLost(AskServer), Role("admin")}, func(s *verifytest.Server, x *verifytest.Session, _ *Verifier) {
			loseFeed(s)
			time.AfterFunc(time.Minute, func() { s.Demote(x.User()) })
		}, 70 * time.Second, time.Minute, ErrStale},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				v := start(t, s)
				session := s.SignIn(verifytest.User{Roles: []string{"admin"}})
				ctx, cancel := v.Watch(t.Context(), accepts(t, v, session.AccessToken(), tt.rules...), tt.rules...)
				defer cancel()
				time.Sleep(1300 * time.Millisecond)
				if ctx.Err() != nil {
					t.Fatalf("ended at once: %v", context.Cause(ctx))
				}
				tt.trouble(s, session, v)
				after, cause := ending(ctx)
				if after > tt.after || after < tt.early || !errors.Is(cause, tt.cause) {
					t.Errorf("ended after %v by %v, want %v after %v to %v", after, cause, tt.cause, tt.early, tt.after)
				}
				if n := v.Status().Open; n != 0 {
					t.Errorf("%d still watched", n)
				}
			})
		})
	}
}

// Somebody else's trouble ends nobody's stream, and neither does an outage that
// is shorter than the lease.
func TestWatchLives(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		access, cancel := v.Watch(t.Context(), accepts(t, v, session.AccessToken()))
		defer cancel()
		opaque, cancel := v.Watch(t.Context(), accepts(t, v, session.Token()))
		defer cancel()
		for range 20 {
			s.Revoke(revocation.KindSession, s.SignIn(verifytest.User{}).ID)
			time.Sleep(time.Second)
		}
		s.Crash()
		time.Sleep(5 * time.Second)
		s.Heal()
		time.Sleep(30 * time.Second)
		if access.Err() != nil || opaque.Err() != nil {
			t.Errorf("ended: %v, %v", context.Cause(access), context.Cause(opaque))
		}
	})
}

// A stream on a session token is not ended by time: the server is asked again
// before idle deadlines pass, and says when it is over.
func TestWatchOfASessionToken(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		session.Edit(func(x *verifytest.Session) { x.ExpiresAt = x.AuthenticatedAt.Add(30 * time.Minute) })
		ctx, cancel := v.Watch(t.Context(), accepts(t, v, session.Token()))
		defer cancel()
		after, cause := ending(ctx)
		if after < 30*time.Minute-time.Second || after > 30*time.Minute+time.Second || !errors.Is(cause, ErrExpired) {
			t.Errorf("ended after %v by %v", after, cause)
		}
		if n := s.Requests(livePath); n < 6 || n > 8 {
			t.Errorf("asked %d times in half an hour", n)
		}
	})
}

// A server whose feed works and whose live check does not cannot renew what is
// remembered: the stream ends a little after that was due.
func TestWatchOfASessionTokenThatCannotBeRenewed(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		ctx, cancel := v.Watch(t.Context(), accepts(t, v, session.Token()))
		defer cancel()
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path == livePath {
				res.Status = http.StatusInternalServerError
			}
		})
		after, cause := ending(ctx)
		if after < maxRemember || after > maxRemember+askGrace+time.Second || !errors.Is(cause, ErrLeaseLost) {
			t.Errorf("ended after %v by %v", after, cause)
		}
	})
}

// Machines sleep and clocks are set while streams are open.
func TestWatchAcrossClockTrouble(t *testing.T) {
	for name, tt := range map[string]struct{ mono, wall time.Duration }{
		"suspended": {0, time.Minute}, "set back": {0, -time.Minute}, "stopped": {time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				clock := newDistort()
				v := start(t, s, clock.use)
				session := s.SignIn(verifytest.User{})
				ctx, cancel := v.Watch(t.Context(), accepts(t, v, session.AccessToken()))
				defer cancel()
				s.Partition()
				clock.add(tt.mono, tt.wall)
				if after, cause := ending(ctx); after > tick || !errors.Is(cause, ErrLeaseLost) {
					t.Errorf("ended after %v by %v", after, cause)
				}
			})
		})
	}
}

// What happens between the decision and the first look at the context is not
// missed.
func TestWatchOfATokenThatIsGoneAlready(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	token := accepts(t, v, session.AccessToken())
	session.End()
	s.Settle()
	ctx, cancel := v.Watch(t.Context(), token)
	defer cancel()
	if ctx.Err() == nil || !errors.Is(context.Cause(ctx), ErrRevoked) {
		t.Errorf("got %v", context.Cause(ctx))
	}
	for _, nobody := range []*Token{nil, {}} {
		ctx, cancel := v.Watch(t.Context(), nobody)
		defer cancel()
		if !errors.Is(context.Cause(ctx), ErrInvalidToken) {
			t.Errorf("got %v", context.Cause(ctx))
		}
	}
}

func TestWatchIsReleased(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	token := accepts(t, v, s.SignIn(verifytest.User{}).AccessToken())
	parent, end := context.WithCancel(t.Context())
	byCall, cancel := v.Watch(parent, token)
	byParent, _ := v.Watch(parent, token)
	if n := v.Status().Open; n != 2 {
		t.Fatalf("%d watched", n)
	}
	cancel()
	cancel()
	if byCall.Err() == nil || byParent.Err() != nil || v.Status().Open != 1 {
		t.Errorf("after the call: %v, %v, %d watched", byCall.Err(), byParent.Err(), v.Status().Open)
	}
	end()
	<-byParent.Done()
	for v.Status().Open != 0 { // it is done by another goroutine
		time.Sleep(time.Millisecond)
	}
}

// A handler that answers at once is not watched; one that asks is, until it
// returns.
func TestProtectWatchesLazily(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	credential := session.AccessToken()
	var open []int
	type contextKey struct{}
	asks := map[string]func(context.Context){
		"nothing":        func(ctx context.Context) { FromContext(ctx); ctx.Value(contextKey{}); ctx.Deadline() },
		"Done":           func(ctx context.Context) { ctx.Done() },
		"Err":            func(ctx context.Context) { _ = ctx.Err() },
		"Cause":          func(ctx context.Context) { _ = context.Cause(ctx) },
		"a child":        func(ctx context.Context) { _, cancel := context.WithCancel(ctx); defer cancel() },
		"twice":          func(ctx context.Context) { ctx.Done(); ctx.Done(); _ = ctx.Err() },
		"a detached one": func(ctx context.Context) { context.WithoutCancel(ctx).Done() },
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			open = open[:0]
			h := v.Protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				token, ok := FromContext(r.Context())
				if !ok || token.Subject() != session.User() {
					t.Errorf("token %v", token)
				}
				ask(r.Context())
				open = append(open, v.Status().Open)
			}))
			if w := call(h, credential); w.Code != 200 {
				t.Fatal(w.Code)
			}
			want := 1
			if name == "nothing" || name == "a detached one" {
				want = 0
			}
			if len(open) != 1 || open[0] != want || v.Status().Open != 0 {
				t.Errorf("watched %v meanwhile, want %d; %d after", open, want, v.Status().Open)
			}
		})
	}
	if _, ok := FromContext(t.Context()); ok {
		t.Error("a token from nowhere")
	}
}

// The context of a request that is open ends, over real HTTP, for a handler
// that waits for it in whichever way; and after the handler has returned.
func TestProtectEndsOpenRequests(t *testing.T) {
	waits := map[string]func(context.Context) error{
		"Done": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		"a child": func(ctx context.Context) error {
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-child.Done()
			return context.Cause(child)
		},
		"polling Cause": func(ctx context.Context) error {
			for context.Cause(ctx) == nil {
				time.Sleep(time.Millisecond)
			}
			return context.Cause(ctx)
		},
		"AfterFunc": func(ctx context.Context) error {
			done := make(chan struct{})
			context.AfterFunc(ctx, func() { close(done) })
			<-done
			return context.Cause(ctx)
		},
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				v := start(t, s)
				session := s.SignIn(verifytest.User{})
				var cause atomic.Value
				var after context.Context
				h := v.Protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					after = r.Context()
					cause.Store(wait(r.Context()))
				}))
				var wg sync.WaitGroup
				wg.Go(func() { call(h, session.AccessToken()) })
				time.Sleep(3 * time.Second)
				session.End()
				time.Sleep(50 * time.Millisecond)
				wg.Wait()
				if got, _ := cause.Load().(error); !errors.Is(got, ErrRevoked) {
					t.Errorf("ended by %v", got)
				}
				if after.Err() == nil {
					t.Error("the context lives on after the handler has returned")
				}
			})
		})
	}
}

// A thousand open requests end, each once, and nobody else's.
func TestManyWatches(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		ended, other := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
		mine, theirs := accepts(t, v, ended.AccessToken()), accepts(t, v, other.AccessToken())
		var revoked, lived atomic.Int64
		for range 1000 {
			for token, count := range map[*Token]*atomic.Int64{mine: &revoked, theirs: &lived} {
				ctx, cancel := v.Watch(t.Context(), token)
				t.Cleanup(cancel)
				context.AfterFunc(ctx, func() {
					if errors.Is(context.Cause(ctx), ErrRevoked) {
						count.Add(1)
					}
				})
			}
		}
		ended.End()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if revoked.Load() != 1000 || lived.Load() != 0 || v.Status().Open != 1000 {
			t.Errorf("%d ended, %d of others, %d open", revoked.Load(), lived.Load(), v.Status().Open)
		}
	})
}

// Expiry is by the issuer's clock, whatever the local one shows.
func TestExpiryByTheIssuersClock(t *testing.T) {
	for _, ahead := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
			s.SetClock(ahead)
			v := start(t, s)
			credential := s.SignIn(verifytest.User{}).AccessToken(func(c *token.Claims) { c.ExpiresAt = c.IssuedAt + 60 })
			ctx, cancel := v.Watch(t.Context(), accepts(t, v, credential))
			defer cancel()
			if off := v.Status().ClockOffset - ahead; off < -time.Second || off > time.Second {
				t.Errorf("offset %v, want %v", v.Status().ClockOffset, ahead)
			}
			time.Sleep(58 * time.Second)
			accepts(t, v, credential)
			time.Sleep(2 * time.Second)
			refuses(t, v, ErrExpired, credential)
			refuses(t, v, ErrExpired, credential, UntilExpiry())
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), ErrExpired) {
				t.Errorf("ended by %v", context.Cause(ctx))
			}
		})
	}
}
