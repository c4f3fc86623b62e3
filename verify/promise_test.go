package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// The promise, whatever the network and the clock do, for everything that can be taken from somebody and by each way to a
// decision: nothing is accepted, and nothing stays open, later after its revocation than the route and the lease allow;
// and nothing at all once this verifier has obeyed the event, as it tells the server, which may give a receipt then.
//
// TANDEM_TEST_SEED plays a seed again, as nearly as the order of goroutines allows.
func TestPromiseUnderRandomTrouble(t *testing.T) {
	rounds, seed := 10, rand.Uint64()
	if testing.Short() {
		rounds = 3
	}
	if os.Getenv("TANDEM_TEST_SOAK") != "" {
		rounds = 3000
	}
	if text := os.Getenv("TANDEM_TEST_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
		rounds = 1
	}
	var sum tried
	for range rounds {
		ok := t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { playPromise(t, seed, &sum) })
		if !ok {
			t.FailNow()
		}
		seed++
	}
	t.Logf("%d decisions, %d accepted, %d of them between revocation and bound, at up to %.2f of it; %d streams; taken: %v", sum.asked, sum.accepted, sum.late, sum.worst, sum.streams, sum.taken)
	if sum.accepted < sum.asked/10 || sum.late == 0 || sum.worst < 0.5 {
		t.Error("the adversary does not try")
	}
}

// tried counts what was done, so that a test of nothing is noticed.
type tried struct {
	asked, accepted, late, streams int
	worst                          float64
	taken                          map[string]int
}

// promise is one round: a server, a verifier, people, and an adversary.
type promise struct {
	*testing.T
	s     *verifytest.Server
	v     *Verifier
	lease time.Duration
	apps  []string

	mu       sync.Mutex
	sum      *tried
	sessions []*verifytest.Session
	held     []holding
	taken    []*taking
}

// holding is a credential in somebody's hands.
type holding struct {
	text     string
	session  *verifytest.Session
	app, kid string
	epoch    string
	position uint64 // the head of the log when it was made
}

// taking is something that was taken, and from whom.
type taking struct {
	what     string
	at       time.Time
	epoch    string
	position uint64
	obeyed   time.Time // by the verifier; zero before
	forbids  func(h holding, t *Token, asks bool) bool
}

// way is a route, and how late after a revocation it may accept.
type way struct {
	rules []Rule
	bound time.Duration
	asks  bool // it may go by what the server says
}

const admin = "admin"

func playPromise(t *testing.T, seed uint64, sum *tried) {
	random := rand.New(rand.NewPCG(seed, 0))
	lease := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 10 * time.Second}[random.IntN(4)]
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		p := &promise{T: t, s: s, lease: lease, apps: []string{"app_a", "app_b", "app_c"}, sum: sum}
		clocks := newDistort()
		freshness := []time.Duration{time.Second, 3 * time.Second, 30 * time.Second}[random.IntN(3)]
		p.v = start(t, s, func(c *Config) {
			c.clock, c.Freshness, c.OnSync = revocation.Steady(clocks.read), freshness, p.synced
			if random.IntN(4) == 0 {
				c.MaxRevocations = 3 // they collapse
			}
		})
		for range 6 {
			p.signIn()
		}
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
		defer stop()
		var actors sync.WaitGroup
		act := func(n uint64, most time.Duration, do func(*rand.Rand)) {
			random := rand.New(rand.NewPCG(seed, n))
			actors.Go(func() {
				for ctx.Err() == nil {
					pause(ctx, rand64(random, most))
					do(random)
				}
			})
		}
		act(1, 2*time.Second, p.take)
		act(2, 3*time.Second, func(random *rand.Rand) { p.trouble(ctx, random) })
		if random.IntN(2) == 0 {
			act(3, time.Minute, func(random *rand.Rand) { clocks.add(0, rand64(random, 2*time.Hour)-time.Hour) })
		}
		act(4, 4*time.Second, func(*rand.Rand) { p.signIn() })
		act(5, 2*time.Second, p.hand)
		for n := range uint64(8) {
			act(10+n, 400*time.Millisecond, func(random *rand.Rand) { p.ask(ctx, random, freshness, &actors) })
		}
		<-ctx.Done()
		s.Heal()
		s.Intercept(nil)
		actors.Wait()
		time.Sleep(3 * lease) // what is on its way arrives
	}, verifytest.Lease(lease))
}

func rand64(random *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(most)))
}

// signIn begins a session, which has its session token at hand.
func (p *promise) signIn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := verifytest.User{Roles: []string{admin}}
	if n := len(p.sessions); n > 0 && n%3 == 0 {
		u = verifytest.User{ID: p.sessions[n-1].User()} // a second device
	}
	x := p.s.SignIn(u)
	app := p.apps[len(p.sessions)%len(p.apps)]
	x.Edit(func(x *verifytest.Session) { x.ClientID = app })
	text := x.Token()
	if len(p.sessions)%4 == 1 {
		text += boundMark + x.Bind(p.s.Now().Add(time.Hour))
	}
	p.sessions = append(p.sessions, x)
	p.held = append(p.held, holding{text: text, session: x, app: app})
}

// hand gives an access token to somebody who is signed in.
func (p *promise) hand(random *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[len(p.held)-1-random.IntN(min(8, len(p.held)))]
	if p.ended(h.session) {
		return
	}
	h.text, h.kid, h.epoch, h.position = h.session.AccessToken(), p.s.TokenKey().Key().ID(), p.s.Epoch(), p.s.Position()
	p.held = append(p.held, h)
}

// ended reports whether the session is over, so that no server would mint for it. p.mu is held.
func (p *promise) ended(x *verifytest.Session) bool {
	for _, one := range p.taken {
		if one.what != "all" && one.what != "demoted" && one.what != "key" && one.what != "renewed" && one.forbids(holding{session: x, app: x.ClientID}, nil, false) {
			return true
		}
	}
	return false
}

// take takes something from somebody.
func (p *promise) take(random *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	recent := p.held[max(0, len(p.held)-8):]
	h := recent[random.IntN(len(recent))]
	x, now := h.session, time.Now()
	one := &taking{at: now, epoch: p.s.Epoch()}
	before := len(p.sessions)
	switch random.IntN(14) {
	case 0:
		one.what, one.position = "all", p.s.Revoke(revocation.KindAll, "")
		one.forbids = func(h holding, _ *Token, asks bool) bool {
			return !asks && h.kid != "" && h.epoch == one.epoch && h.position < one.position
		}
	case 1:
		one.what, one.position = "application", p.s.Revoke(revocation.KindApplication, h.app)
		was := p.sessions[:before:before]
		one.forbids = func(o holding, _ *Token, _ bool) bool { return o.app == h.app && among(was, o.session) }
	case 2:
		kid := p.s.TokenKey().Key().ID()
		one.what, one.position = "key", p.s.RevokeKey(kid)
		one.forbids = func(o holding, _ *Token, _ bool) bool { return o.kid == kid }
	case 3:
		p.s.Restore()
		return
	case 4, 5:
		one.what, one.position = "user", p.s.Revoke(revocation.KindSubject, x.User())
		was := p.sessions[:before:before]
		one.forbids = func(o holding, _ *Token, _ bool) bool { return o.session.User() == x.User() && among(was, o.session) }
	case 6, 7, 8:
		one.what, one.position = "demoted", p.s.Demote(x.User(), "user")
		one.forbids = func(o holding, t *Token, _ bool) bool { return o.session.User() == x.User() && t.HasRole(admin) }
	case 9:
		if strings.Contains(h.text, boundMark) {
			return
		}
		old := x.Token()
		one.what, one.position = "renewed", x.Renew()
		one.forbids = func(o holding, _ *Token, _ bool) bool { return o.text == old }
		p.held = append(p.held, holding{text: x.Token(), session: x, app: h.app})
	default:
		one.what, one.position = "session", x.End()
		one.forbids = func(o holding, _ *Token, _ bool) bool { return o.session == x }
	}
	p.taken = append(p.taken, one)
	if p.sum.taken == nil {
		p.sum.taken = make(map[string]int)
	}
	p.sum.taken[one.what]++
}

func among(all []*verifytest.Session, x *verifytest.Session) bool {
	for _, one := range all {
		if one == x {
			return true
		}
	}
	return false
}

// synced notes what the verifier has obeyed.
func (p *promise) synced(at Sync) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.taken {
		if one.obeyed.IsZero() && one.epoch == at.Epoch && one.position <= at.Position {
			one.obeyed = time.Now()
		}
	}
}

// trouble is what may happen between a verifier and its server.
func (p *promise) trouble(ctx context.Context, random *rand.Rand) {
	lasts := rand64(random, 5*p.lease)
	switch random.IntN(6) {
	case 0:
		p.s.Partition()
	case 1:
		p.s.Crash()
	case 2:
		p.s.Pause()
	default: // answers are made in time, and come late or not at all
		slow := map[string]time.Duration{}
		for _, path := range []string{livePath, syncPath, "/.well-known/jwks.json"} {
			if random.IntN(3) > 0 {
				slow[path] = rand64(random, p.lease*5/4)
			}
		}
		lost, evenly := "", random.IntN(2) == 0
		if random.IntN(4) == 0 {
			lost = []string{livePath, syncPath, "/.well-known/jwks.json"}[random.IntN(3)]
		}
		p.s.Intercept(func(r *http.Request, res *verifytest.Response) {
			switch d := slow[r.URL.Path]; {
			case d > 0 && evenly:
				time.Sleep(d)
			case d > 0:
				time.Sleep(rand.N(2 * d))
			}
			if r.URL.Path == lost {
				res.Status = http.StatusInternalServerError
			}
		})
	}
	pause(ctx, lasts)
	p.s.Heal()
	p.s.Intercept(nil)
}

// ask has a decision made, and looks whether it may have been.
func (p *promise) ask(ctx context.Context, random *rand.Rand, freshness time.Duration, actors *sync.WaitGroup) {
	p.mu.Lock()
	h := p.held[len(p.held)-1-random.IntN(min(12, len(p.held)))]
	p.mu.Unlock()
	w := p.route(random, freshness)
	t, err := p.v.Verify(ctx, h.text, w.rules...)
	if err != nil {
		var refused *Refusal
		if !errors.As(err, &refused) {
			p.Errorf("refused by %T %v", err, err)
		}
	}
	p.mu.Lock()
	p.sum.asked++
	p.mu.Unlock()
	if err != nil {
		return
	}
	p.judge("accepted", h, t, w)
	if random.IntN(8) > 0 {
		return
	}
	stream, cancel := p.v.Watch(ctx, t, w.rules...)
	actors.Go(func() {
		defer cancel()
		alive := time.NewTicker(20 * time.Millisecond)
		defer alive.Stop()
		for {
			select {
			case <-stream.Done():
				return
			case <-alive.C:
				if stream.Err() == nil {
					p.judge("open", h, t, w)
				}
			}
		}
	})
	p.mu.Lock()
	p.sum.streams++
	p.mu.Unlock()
}

func (p *promise) route(random *rand.Rand, freshness time.Duration) way {
	w := way{bound: min(p.lease, freshness)}
	switch random.IntN(5) {
	case 0:
		w.rules, w.asks = []Rule{Live()}, true
		return w
	case 1, 2:
	default:
		d := []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second, 20 * time.Second}[random.IntN(4)]
		w.rules, w.bound = []Rule{Within(d)}, min(p.lease, d)
	}
	if random.IntN(2) == 0 {
		w.rules, w.asks = append(w.rules, OnLeaseLost(AskServer)), true
	}
	return w
}

// judge looks whether what is accepted, or open, at this moment was taken too long ago.
func (p *promise) judge(how string, h holding, t *Token, w way) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if how == "accepted" {
		p.sum.accepted++
	}
	for _, one := range p.taken {
		if !one.forbids(h, t, w.asks) {
			continue
		}
		after := now.Sub(one.at)
		if after > w.bound {
			p.Errorf("%s %v after %q was taken, on a route that allows %v (asks %t, lease %v): %v", how, after, one.what, w.bound, w.asks, p.lease, t)
		}
		if !one.obeyed.IsZero() && now.After(one.obeyed) {
			p.Errorf("%s %v after the verifier obeyed the event of %q (asks %t): %v", how, now.Sub(one.obeyed), one.what, w.asks, t)
		}
		p.sum.late++
		p.sum.worst = max(p.sum.worst, float64(after)/float64(w.bound))
	}
}
