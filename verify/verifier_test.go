package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// Nothing of a verifier runs on after Close, whatever state it was in.
func TestCloseLeavesNothingBehind(t *testing.T) {
	states := map[string]func(*testing.T, *verifytest.Server, *Verifier){
		"idle": func(*testing.T, *verifytest.Server, *Verifier) {},
		"busy": func(t *testing.T, s *verifytest.Server, v *Verifier) {
			session := s.SignIn(verifytest.User{})
			accepts(t, v, session.AccessToken())
			accepts(t, v, session.Token())
			accepts(t, v, session.Token(), Live())
			v.Watch(t.Context(), accepts(t, v, session.Token()))
		},
		"partitioned, with a question under way": func(t *testing.T, s *verifytest.Server, v *Verifier) {
			s.Partition()
			session := s.SignIn(verifytest.User{})
			go func() { _, _ = v.Verify(t.Context(), session.Token(), Live()) }()
			go func() { _, _ = v.Verify(t.Context(), session.Token()) }()
			time.Sleep(time.Second)
		},
		"backing off": func(_ *testing.T, s *verifytest.Server, _ *Verifier) {
			s.Crash()
			time.Sleep(10 * time.Second)
		},
	}
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				v, err := New(t.Context(), configure(s))
				if err != nil {
					t.Fatal(err)
				}
				state(t, s, v)
				before := time.Now()
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(v.Close)
				}
				wg.Wait()
				if waited := time.Since(before); waited > time.Second {
					t.Errorf("Close took %v", waited)
				}
				s.Crash() // ends what callers of Live wait for
				synctest.Wait()
				stacks := make([]byte, 1<<20)
				stacks = stacks[:runtime.Stack(stacks, true)]
				for stack := range strings.SplitSeq(string(stacks), "\n\n") {
					if strings.Contains(stack, "verify.(*syncer)") || strings.Contains(stack, "verify.(*watches)") || strings.Contains(stack, "verify.(*asker)") {
						t.Errorf("still running:\n%s", stack)
					}
				}
				refuses(t, v, ErrClosed, "anything")
				ctx, cancel := v.Watch(t.Context(), &Token{kind: AccessToken})
				defer cancel()
				if !errors.Is(context.Cause(ctx), ErrClosed) {
					t.Errorf("a watch after Close: %v", context.Cause(ctx))
				}
				if v.Status().Ready {
					t.Error("ready after Close")
				}
			})
		})
	}
}

func TestNewWhileTheServerIsDown(t *testing.T) {
	t.Run("refusing", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
			s.Crash()
			v := start(t, s)
			if st := v.Status(); st.Ready || st.LastError == nil || st.Staleness >= 0 {
				t.Errorf("%+v", st)
			}
			s.Heal()
			time.Sleep(backoffMax)
			if st := v.Status(); !st.Ready || st.LastError != nil || st.Staleness < 0 || st.LeaseRemaining <= 0 {
				t.Errorf("%+v", st)
			}
		})
	})
	t.Run("silent", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
			s.Partition()
			before := time.Now()
			v := start(t, s)
			if waited := time.Since(before); waited > startPatience {
				t.Errorf("New waited %v", waited)
			}
			s.Heal()
			time.Sleep(15 * time.Second)
			if !v.Status().Ready {
				t.Errorf("%+v", v.Status())
			}
		})
	})
	t.Run("deadline", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
			s.Partition()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			v, err := New(ctx, configure(s))
			if err != nil {
				t.Fatal(err)
			}
			v.Close()
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
			s.Partition()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if v, err := New(ctx, configure(s)); v != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, %v", v, err)
			}
		})
	})
}

// While one verifier works for many, others are revoked: exactly those are
// refused, and each as soon as its event has been applied.
func TestConcurrentUse(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s, func(c *Config) { c.CacheSize = 100 })
	h := v.Protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Context().Done() }))
	var sessions []*verifytest.Session
	var tokens []string
	for range 40 {
		x := s.SignIn(verifytest.User{})
		sessions, tokens = append(sessions, x), append(tokens, x.AccessToken())
	}
	var settled [40]atomic.Bool
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; !stop.Load(); i++ {
				n := i % 40
				gone := settled[n].Load()
				credential := tokens[n]
				if i%3 == 0 {
					credential = sessions[n].Token()
				}
				code := call(h, credential).Code
				if n < 20 && code != 200 {
					t.Errorf("somebody who was not revoked: %d", code)
				}
				if gone && code != 401 {
					t.Errorf("somebody who was revoked: %d", code)
				}
			}
		})
	}
	for n := 20; n < 40; n++ {
		sessions[n].End()
		s.Settle()
		settled[n].Store(true)
	}
	stop.Store(true)
	wg.Wait()
}

// A decision about a remembered credential allocates nothing.
func TestRememberedDecisionsDoNotAllocate(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s)
	session := s.SignIn(verifytest.User{})
	ctx := t.Context()
	for name, credential := range map[string]string{"access token": session.AccessToken(), "session token": session.Token()} {
		for _, rules := range [][]Rule{nil, {Within(10 * time.Second)}, {Within(5 * time.Second), ACR("1"), AuthenticatedWithin(time.Hour)}, {UntilExpiry()}} {
			accepts(t, v, credential, rules...)
			if n := testing.AllocsPerRun(100, func() {
				if _, err := v.Verify(ctx, credential, rules...); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s, %d rules: %v allocations", name, len(rules), n)
			}
		}
	}
}

// Neither errors nor logs nor anything printed shows a credential.
func TestNothingShowsACredential(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		var log logs
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		v := start(t, s, func(c *Config) { c.Logger, c.ClientID, c.ClientSecret = logger, "app_feed", "hunter2" })
		session := s.SignIn(verifytest.User{})
		credentials := []string{session.AccessToken(), session.Token()}
		var shown strings.Builder
		show := func(token *Token, err error) {
			fmt.Fprintf(&shown, "%v %+v %#v %v %+v\n", token, token, token, err, err)
			logger.Info("seen", "token", token, "error", err)
		}
		for _, trouble := range []func(){func() {}, func() { s.Demote(session.User()) }, s.Crash, func() { session.End(); s.Heal() }} {
			trouble()
			time.Sleep(12 * time.Second)
			for _, c := range credentials {
				for _, rules := range [][]Rule{nil, {Live()}, {OnLeaseLost(InsecureAcceptUntilExpiry)}, {OnLeaseLost(AskServer)}, {Role("admin")}} {
					show(v.Verify(t.Context(), c, rules...))
				}
			}
		}
		fmt.Fprintf(&shown, "%v %+v %+v", v.config, v.config, v.Status())
		for _, secret := range []string{session.Token(), strings.Split(credentials[0], ".")[2], "hunter2"} {
			if strings.Contains(shown.String(), secret) || strings.Contains(log.String(), secret) {
				t.Errorf("%s is shown", secret)
			}
		}
		if !strings.Contains(log.String(), session.User()) {
			t.Error("the log says nothing at all")
		}
	})
}

// A million events: the set is bounded, and what it cannot hold costs a
// renewal and no acceptance.
func TestMoreEventsThanTheSetHolds(t *testing.T) {
	s := verifytest.NewServer(t)
	v := start(t, s, func(c *Config) { c.MaxRevocations = 100 })
	session, other := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
	credential, bystander := session.AccessToken(), other.AccessToken()
	accepts(t, v, credential)
	session.End()
	for i := range 1000 {
		s.Announce(revocation.SessionEvent(fmt.Sprint("ses_other", i)))
	}
	s.Settle()
	refuses(t, v, ErrInvalidToken, credential)
	refuses(t, v, ErrStale, bystander)
	accepts(t, v, other.AccessToken())
	if n := v.Status().Revocations; n > 100 {
		t.Errorf("%d entries", n)
	}
}
