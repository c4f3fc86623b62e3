package tandem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/tandem/internal/config"
	"tandem.example/tandem/verify"
)

const promised = 10 * time.Second // L

// TestSchedules plays the real server and real verifiers in fake time, over a network that delays and loses what it
// likes, while people sign in, refresh and are revoked. Whatever happens: nothing is accepted more than L after its
// revocation committed, and nothing unrevoked is refused as invalid.
func TestSchedules(t *testing.T) {
	n := usualSchedules
	if testing.Short() {
		n = 50
	}
	if os.Getenv("TANDEM_TEST_SOAK") != "" {
		n = 100_000
	}
	first, _ := strconv.Atoi(os.Getenv("TANDEM_TEST_SEED")) // to play a failed one again
	var (
		mu    sync.Mutex
		total tally
	)
	const shards = 4
	t.Run("shards", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := first + shard; seed < first+n && !t.Failed(); seed += shards {
					got := playSchedule(t, uint64(seed))
					mu.Lock()
					total.add(got)
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d schedules, %d revocations, %d checks, %d accepted; worst gap between commit and last acceptance %s (L = %s); "+
		"%d silent refreshes after a demotion", n, total.revoked, total.checks, total.accepted, total.worst, promised, total.renewed)
	if total.worst == 0 || total.accepted < total.checks/10 {
		t.Error("the schedules hardly check anything")
	}
}

// tally is what schedules saw.
type tally struct {
	revoked, checks, accepted, renewed int
	worst                              time.Duration
}

func (t *tally) add(o tally) {
	t.revoked += o.revoked
	t.checks += o.checks
	t.accepted += o.accepted
	t.renewed += o.renewed
	t.worst = max(t.worst, o.worst)
}

// schedule is one run, inside a bubble of fake time. Its goroutines take the mutex for the bookkeeping only.
type schedule struct {
	*installation
	seed uint64

	mu     sync.Mutex
	rng    *rand.Rand
	people []*person
	tally  tally
}

// person is a user with the credentials of their newest session.
type person struct {
	email, id string
	issued    []*issued
}

// issued is a credential with the truth about it.
type issued struct {
	text    string
	session string
	access  bool
	from    time.Time // when it was handed out
	dead    time.Time // when its revocation committed; zero while it may be accepted
	died    bool
}

func playSchedule(t *testing.T, seed uint64) (got tally) {
	synctest.Test(t, func(t *testing.T) {
		s := &schedule{seed: seed, rng: rand.New(rand.NewPCG(seed, 7))}
		c := Config{Dev: true, Store: "memory", Issuer: "http://localhost:8484", Limits: config.Limits{Disabled: true}}
		server, err := Open(t.Context(), c, WithLogger(slog.New(slog.DiscardHandler)), cheaply)
		if err != nil {
			t.Fatal(err)
		}
		s.installation = &installation{TB: t, server: server, url: c.Issuer}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		var running sync.WaitGroup
		for i := range 3 {
			s.people = append(s.people, s.register(i))
		}
		for i := range 3 {
			v := s.follow(ctx, i)
			running.Go(func() { s.check(ctx, v) })
			defer v.Close()
		}
		running.Go(func() { s.live(ctx) })
		running.Wait()
		stop()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		got = s.tally
	})
	return got
}

func (s *schedule) draw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

func (s *schedule) register(i int) *person {
	p := &person{email: fmt.Sprintf("p%d@example.com", i)}
	a := s.operate("POST", "/v1/admin/users", map[string]any{"email": p.email, "password": password, "roles": []string{"admin"}})
	if a.Code != 201 {
		s.Fatalf("create user: %d %v", a.Code, a.Body)
	}
	p.id = a.text("id")
	if p.id == "" {
		p.id = a.in("user").text("id")
	}
	s.signIn(p)
	return p
}

// serve answers without a network: the schedule's own calls are not disturbed.
func (s *schedule) serve(method, path, bearer string, body any) answer {
	w := httptest.NewRecorder()
	req := s.request(method, path, bearer, body)
	req.RemoteAddr = "127.0.0.1:1"
	s.server.ServeHTTP(w, req)
	return s.decode(w.Code, w.Header(), w.Body)
}

func (s *schedule) signIn(p *person) {
	a := s.serve("POST", "/v1/sign-in", "", map[string]any{"email": p.email, "password": password, "delivery": "body"})
	if a.Code != 200 {
		s.Fatalf("seed %d: sign in: %d %v", s.seed, a.Code, a.Body)
	}
	s.keep(p, a.text("session_token"), a.in("session").text("id"), false)
	s.keep(p, a.text("access_token"), a.in("session").text("id"), true)
}

func (s *schedule) keep(p *person, text, session string, access bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.issued = append(p.issued, &issued{text: text, session: session, access: access, from: time.Now()})
}

// live is what people and operators do.
func (s *schedule) live(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(s.draw(4000)) * time.Millisecond)
		p := s.people[s.draw(len(s.people))]
		switch s.draw(7) {
		case 0, 1:
			s.renew(p)
		case 2:
			s.revoke("session", s.sessionOf(p), func(c *issued) bool { return true }, p)
		case 3:
			s.revoke("subject", p.id, func(c *issued) bool { return true }, p)
		case 4:
			s.revoke("authz", p.id, func(c *issued) bool { return c.access }, p)
			s.renew(p)
		case 5:
			s.revoke("all", "", func(c *issued) bool { return c.access }, s.people...)
			s.renew(p)
		case 6:
			s.revoke("key", s.currentKey(), func(c *issued) bool { return c.access }, s.people...)
			s.renew(p)
		}
	}
}

// sessionOf is the session of the person's newest credential.
func (s *schedule) sessionOf(p *person) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.issued[len(p.issued)-1].session
}

func (s *schedule) currentKey() string {
	for _, k := range s.server.parts.ring.Keys() {
		if k.Use == "token" && k.State == "current" {
			return k.KID
		}
	}
	return ""
}

// renew mints a new access token from the newest session, as a silent refresh does; if that has ended, the person
// signs in again. A refresh that is refused although the session lives is a failure.
func (s *schedule) renew(p *person) {
	s.mu.Lock()
	var last *issued
	for _, c := range p.issued {
		if !c.access {
			last = c
		}
	}
	alive := !last.died
	s.mu.Unlock()
	a := s.serve("POST", "/v1/session/token", last.text, map[string]any{})
	switch {
	case a.Code == 200 && alive:
		s.keep(p, a.text("access_token"), last.session, true)
		s.mu.Lock()
		s.tally.renewed++
		s.mu.Unlock()
	case a.Code == 200:
		s.Errorf("seed %d: a dead session minted a token", s.seed)
	case alive:
		s.Errorf("seed %d: a living session was refused a token: %d %v", s.seed, a.Code, a.Body)
	default:
		s.signIn(p)
	}
}

func (s *schedule) revoke(kind, id string, names func(*issued) bool, people ...*person) {
	a := s.operate("POST", "/v1/admin/revocations", map[string]any{"kind": kind, "id": id, "reason": "schedule"})
	if a.Code != 201 {
		s.Fatalf("seed %d: revoke %s: %d %v", s.seed, kind, a.Code, a.Body)
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.revoked++
	for _, p := range people {
		for _, c := range p.issued {
			if !c.died && names(c) && (kind != "session" || c.session == id) {
				c.died, c.dead = true, now
			}
		}
	}
}

// follow starts a verifier behind a disturbed network.
func (s *schedule) follow(ctx context.Context, i int) *verify.Verifier {
	n := &network{handler: s.server, rng: rand.New(rand.NewPCG(s.seed, uint64(100+i)))}
	v, err := verify.New(ctx, verify.Config{Issuer: s.url, Audience: s.url, Name: fmt.Sprint("verifier ", i),
		Logger: slog.New(slog.DiscardHandler), HTTPClient: &http.Client{Transport: n}})
	if err != nil {
		s.Fatal(err)
	}
	return v
}

// check has a verifier decide on credentials, new and old, until the end.
func (s *schedule) check(ctx context.Context, v *verify.Verifier) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(20+s.draw(300)) * time.Millisecond)
		p := s.people[s.draw(len(s.people))]
		s.mu.Lock()
		recent := p.issued[max(0, len(p.issued)-12):]
		c := recent[s.rng.IntN(len(recent))]
		s.tally.checks++
		s.mu.Unlock()
		_, err := v.Verify(ctx, c.text, verify.Within(promised))
		s.judge(v, c, err)
	}
}

func (s *schedule) judge(v *verify.Verifier, c *issued, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.tally.accepted++
		if c.died {
			gap := now.Sub(c.dead)
			s.tally.worst = max(s.tally.worst, gap)
			if gap > promised {
				s.Errorf("seed %d: accepted %s after its revocation committed (access token: %v)", s.seed, gap, c.access)
			}
		}
	case errors.Is(err, verify.ErrInvalidToken) && !c.died && now.Sub(c.from) < 4*time.Minute:
		s.Errorf("seed %d: an unrevoked credential (access token: %v) was refused: %v; %+v", s.seed, c.access, err, v.Status())
	}
}

// network carries a verifier's requests to the server, in a mood that changes: well, slow, keeping replies back, or cut.
type network struct {
	handler http.Handler
	mu      sync.Mutex
	rng     *rand.Rand
	mood    int
	until   time.Time
}

var errCut = errors.New("the network is cut")

func (n *network) delays() (there, back time.Duration, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); now.After(n.until) {
		n.mood, n.until = n.rng.IntN(6), now.Add(time.Duration(1+n.rng.IntN(25))*time.Second)
	}
	few := func() time.Duration { return time.Duration(1+n.rng.IntN(30)) * time.Millisecond }
	switch n.mood {
	case 0:
		return 0, 0, true
	case 1: // slow both ways
		return time.Duration(n.rng.IntN(4)) * time.Second, time.Duration(n.rng.IntN(4)) * time.Second, false
	case 2: // keeps replies back, all by the same time: the cadence stays
		return few(), 8 * time.Second, false
	}
	return few(), few(), false
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	there, back, cut := n.delays()
	if cut {
		<-r.Context().Done()
		return nil, errors.Join(errCut, context.Cause(r.Context()))
	}
	if err := sleep(r.Context(), there); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	r.RemoteAddr = "127.0.0.1:1"
	n.handler.ServeHTTP(w, r)
	if err := sleep(r.Context(), back); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
