package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	password = "two herons over the quiet weir"
	// longest is how long a credential is used at most, well below the life of an access token.
	longest = 20 * time.Second
)

// crowd is people who sign in, refresh and are revoked.
type crowd struct {
	*stage
	tally
	name    string
	minting sync.RWMutex
	object  func(string) // to an answer or a decision that must not be
	broken  atomic.Int64 // by answers that should not have been
	// forgiving: what is lost with the end of a store may be refused.
	forgiving atomic.Bool
	// since is from when on what is issued is held to the whole promise. Revocations of what was issued before may have
	// been undone with the end of the store: only who knew of them must obey.
	since     moment
	running   sync.WaitGroup
	stop      context.CancelFunc
	ctx       context.Context
	residents []*person
	phone     string // application in mode jwt
	played    []*played
}

// person is somebody with their newest credentials. One goroutine acts for them.
type person struct {
	email, id string
	app       string // id
	jwt       bool   // they hold a refresh token and no session token
	session   string
	secret    string  // session token or refresh token
	token     *issued // newest access token
	since     moment
	doubtful  moment // until when an order of which nobody heard may lock them
}

func newCrowd(s *stage, name string) *crowd {
	c := &crowd{stage: s, name: name, object: func(text string) { s.Error(text) }}
	c.ctx, c.stop = context.WithCancel(context.Background())
	s.Cleanup(c.leaveAll)
	c.phone = c.application(name+"-phone", "jwt")
	return c
}

// leaveAll has everybody stop.
func (c *crowd) leaveAll() {
	c.stop()
	c.running.Wait()
}

func (c *crowd) application(name, mode string) string {
	// A client that does not hear the answer to a refresh comes again with the same token, later than a fault lasts.
	a := c.operate("POST", "/v1/admin/apps", map[string]any{"name": name, "kind": "user", "mode": mode, "refresh": map[string]any{"grace": "5m"}})
	id := a.text("app.id")
	if id == "" {
		c.Fatalf("register an application: %d %v", a.code, a.body)
	}
	return id
}

func (c *crowd) register(name, app string) *person {
	p := &person{email: name + "@example.com", app: app, jwt: app == c.phone}
	a := c.operate("POST", "/v1/admin/users", map[string]any{"email": p.email, "password": password, "email_verified": true})
	for n := 0; n < 5 && a.unknown(); n++ { // a disk that hangs is no fault of ours
		if a = c.operate("POST", "/v1/admin/users", map[string]any{"email": p.email, "password": password, "email_verified": true}); a.code == http.StatusConflict {
			a = c.operate("GET", "/v1/admin/users/"+p.email, nil)
		}
	}
	if p.id = a.text("id"); p.id == "" {
		c.Fatalf("register %s: %d %v", name, a.code, a.body)
	}
	return p
}

// wrong reports an answer that must not be. One that comes all the time does not fill the screen.
func (c *crowd) wrong(format string, args ...any) {
	if c.broken.Add(1) <= 10 {
		c.object(fmt.Sprintf("seed %d: "+format, append([]any{c.seed}, args...)...))
	}
}

// ask counts an answer and looks at what any answer must keep to.
func (c *crowd) ask(what string, a answer) answer {
	c.count(what, a)
	switch {
	case a.code == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "":
		c.wrong("%s: 503 without Retry-After: %v", what, a.body)
	case a.code >= 500 && a.code != http.StatusServiceUnavailable:
		c.wrong("%s: %d %v", what, a.code, a.body)
	}
	return a
}

func (c *crowd) signIn(p *person) bool {
	c.minting.RLock()
	defer c.minting.RUnlock()
	a := c.ask("sign-in", c.call("POST", "/v1/sign-in", "", map[string]any{"email": p.email, "password": password, "delivery": "body", "app": p.app}))
	if a.code == http.StatusUnauthorized && (now() < p.doubtful || c.forgiving.Load()) { // the unlock may be lost, and the lock not
		c.unlock(p)
		return false
	}
	if a.code != http.StatusOK {
		if !a.unknown() {
			c.wrong("%s cannot sign in: %d %v", p.email, a.code, a.body)
		}
		return false
	}
	p.session, p.since = a.text("session.id"), now()
	if p.secret = a.text("refresh_token"); !p.jwt {
		p.secret = a.text("session_token")
		c.show(&issued{text: p.secret, person: p.id, session: p.session, application: p.app})
	}
	p.token = c.show(c.accessToken(p, a.text("access_token")))
	return true
}

func (c *crowd) accessToken(p *person, text string) *issued {
	return &issued{text: text, person: p.id, session: p.session, application: p.app, key: keyOf(text)}
}

// renew gets a new access token, as a client does all day. Verifiers are shown it if that is asked for. It answers the
// status: 0 or 503 if nobody knows.
func (c *crowd) renew(p *person, show bool) int {
	c.minting.RLock()
	defer c.minting.RUnlock()
	var a answer
	if p.jwt {
		a = c.ask("refresh", c.call("POST", "/v1/token/refresh", "", map[string]any{"refresh_token": p.secret}))
	} else {
		a = c.ask("mint", c.call("POST", "/v1/session/token", p.secret, map[string]any{}))
	}
	if a.code != http.StatusOK {
		if !a.unknown() && c.lives(p.token) && !c.forgiving.Load() {
			c.wrong("a living session of %s (%s) was refused an access token: %d %v%s", p.email, p.session, a.code, a.body, c.story(p.token))
		}
		return a.code
	}
	if p.jwt {
		p.secret = a.text("refresh_token")
	}
	if one := c.accessToken(p, a.text("access_token")); show {
		p.token = c.show(one)
	} else {
		p.token = c.add(one)
	}
	return a.code
}

// present makes sure that a person has a session and a new access token from it.
func (c *crowd) present(p *person) bool {
	if p.token == nil || now() > p.since.add(longest/2) {
		return c.signIn(p)
	}
	if !c.lives(p.token) && c.over(p.token) {
		return c.signIn(p)
	}
	code := c.renew(p, true)
	if code == http.StatusUnauthorized { // by an order of which nobody heard
		return c.signIn(p)
	}
	return code == http.StatusOK
}

// reside has a person whom nobody revokes refresh and be checked live, until all stop.
func (c *crowd) reside(p *person, rng *rand.Rand) {
	for !c.signIn(p) {
		if c.ctx.Err() != nil {
			return
		}
		c.rest(rng, 300*time.Millisecond)
	}
	for n := 0; c.ctx.Err() == nil; n++ {
		c.rest(rng, 250*time.Millisecond)
		if c.renew(p, n%5 == 0) == http.StatusUnauthorized && c.forgiving.Load() {
			c.signIn(p)
		}
		c.rest(rng, 250*time.Millisecond)
		c.look(p)
	}
}

// look asks a node about somebody whom nobody revokes, with the access token they have.
func (c *crowd) look(p *person) bool {
	c.minting.RLock() // a revoked key is no reason to ask with the old token
	defer c.minting.RUnlock()
	if !c.unspoiled(p.token) {
		return true // it is to be renewed first
	}
	a := c.ask("live check", c.call("GET", "/v1/session", p.token.text, nil))
	if a.code == http.StatusUnauthorized && !c.forgiving.Load() && c.unspoiled(p.token) {
		c.wrong("a live check of %s, whom nobody revoked: %d %v%s", p.email, a.code, a.body, c.story(p.token))
	}
	return a.code == http.StatusOK
}

// rest waits for about that long.
func (c *crowd) rest(rng *rand.Rand, d time.Duration) {
	select {
	case <-c.ctx.Done():
	case <-time.After(d/2 + time.Duration(rng.Int64N(int64(d)))):
	}
}

// play has people of one application come, be revoked, and come again, until all stop.
func (c *crowd) play(crew int, people []*person, rng *rand.Rand) {
	for n := crew; c.ctx.Err() == nil; n++ {
		c.rest(rng, 150*time.Millisecond)
		p := people[rng.IntN(len(people))]
		if c.present(p) && rng.IntN(4) > 0 {
			c.rest(rng, 200*time.Millisecond) // it is accepted in some places by now
			acts[n%len(acts)](c, p, rng.IntN(3) == 0)
		}
		at := now()
		c.retire(func(i *issued) bool {
			return i.died != 0 && at > i.died.add(lease+2*time.Second) || i.died == 0 && at > i.from.add(longest)
		})
	}
}

// spend has people hold tokens which every verifier has accepted when they are revoked, several a second, until all stop.
// Verifiers that do not hear of it have something to accept.
func (c *crowd) spend(people []*person) {
	for n := 0; c.ctx.Err() == nil; n++ {
		time.Sleep(100 * time.Millisecond)
		fresh, old := people[n%len(people)], people[(n+1)%len(people)]
		if old.token != nil && c.unspoiled(old.token) {
			c.revoke(order{kind: "authz", names: tokensOf(old.id)}, old.id)
		}
		if fresh.token == nil {
			c.signIn(fresh)
		} else {
			c.renew(fresh, true)
		}
	}
}

// populate has the crowd begin: people who stay, people who are revoked, and who are watched.
func (c *crowd) populate(crews int) {
	for i := range 4 {
		app := c.phone
		if i%2 == 1 {
			app = "default"
		}
		p := c.register(fmt.Sprintf("%s-resident-%d", c.name, i), app)
		c.residents = append(c.residents, p)
	}
	for i, p := range c.residents {
		rng := c.chance(100 + uint64(i))
		c.running.Go(func() { c.reside(p, rng) })
	}
	for crew := range crews {
		mode := [...]string{"hybrid", "jwt"}[crew%2]
		app := c.application(fmt.Sprintf("%s-crew-%d", c.name, crew), mode)
		var people []*person
		for i := range 4 {
			p := c.register(fmt.Sprintf("%s-crew-%d-%d", c.name, crew, i), app)
			p.jwt = mode == "jwt"
			people = append(people, p)
		}
		rng := c.chance(200 + uint64(crew))
		c.running.Go(func() { c.play(crew*3, people, rng) })
	}
	if crews > 0 {
		var people []*person
		for i := range 6 {
			people = append(people, c.register(fmt.Sprintf("%s-spender-%d", c.name, i), "default"))
		}
		c.running.Go(func() { c.spend(people) })
		c.running.Go(func() { c.keep(c.chance(300)) })
	}
}
