package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const password = "two herons over the quiet weir"

// longest is how long a credential is used at most, well below the life of an access token.
const longest = time.Minute

// crowd is people who sign in and are revoked.
type crowd struct {
	*stage
	ledger
	side    string // id of an application whose grants are revoked as a whole
	minting sync.RWMutex

	everybody moment // when access tokens were last revoked all at once
}

// person is somebody with their newest credentials. One goroutine acts for them.
type person struct {
	email, id string
	app       string // name; empty for the default
	token     *issued
}

func newCrowd(s *stage) *crowd {
	c := &crowd{stage: s}
	code, app := s.operate("POST", "/v1/admin/apps", map[string]any{"name": "side", "kind": "user", "mode": "hybrid"})
	if c.side = field(app, "app.id"); c.side == "" {
		s.Fatalf("register an application: %d %v", code, app)
	}
	return c
}

func (c *crowd) register(name, app string) *person {
	p := &person{email: name + "@example.com", app: app}
	code, user := c.operate("POST", "/v1/admin/users", map[string]any{"email": p.email, "password": password})
	if p.id = field(user, "id"); p.id == "" {
		c.Fatalf("register %s: %d %v", name, code, user)
	}
	return p
}

// show has every verifier asked about a credential from now on.
func (c *crowd) show(one *issued) {
	one = c.add(one)
	for _, f := range c.followers {
		f.lines <- fmt.Sprintf("+%d %s", one.id, one.text)
	}
}

// retire leaves credentials about which nothing more is to be learnt.
func (c *crowd) retire() {
	at := now()
	for _, one := range c.leave(func(i *issued) bool {
		return i.died != 0 && at > i.died.add(lease+2*time.Second) || i.died == 0 && at > i.from.add(longest)
	}) {
		for _, f := range c.followers {
			f.lines <- fmt.Sprintf("-%d", one.id)
		}
	}
}

// present makes sure that a person has a session and a new access token from it. It answers false if the server did not
// answer.
func (c *crowd) present(p *person) bool {
	c.minting.RLock()
	defer c.minting.RUnlock()
	if p.token == nil || !c.unspoiled(p.token.id) || now() > p.token.from.add(longest/2) {
		return c.signIn(p)
	}
	code, got := c.call("POST", "/v1/session/token", p.token.text, map[string]any{})
	if code == http.StatusOK {
		c.keep(p, got, p.token.session)
	} else if code != 0 && code != http.StatusServiceUnavailable {
		c.Errorf("a living session of %s was refused an access token: %d %v", p.email, code, got)
	}
	return code == http.StatusOK
}

func (c *crowd) signIn(p *person) bool {
	code, got := c.call("POST", "/v1/sign-in", "", map[string]any{"email": p.email, "password": password, "delivery": "body", "app": p.app})
	if code != http.StatusOK {
		if code != 0 && code != http.StatusServiceUnavailable {
			c.Errorf("%s cannot sign in: %d %v", p.email, code, got)
		}
		return false
	}
	session := field(got, "session.id")
	p.token = &issued{text: field(got, "session_token"), person: p.id, session: session, application: p.app}
	c.show(p.token)
	c.keep(p, got, session)
	return true
}

func (c *crowd) keep(p *person, got map[string]any, session string) {
	text := field(got, "access_token")
	c.show(&issued{text: text, person: p.id, session: session, application: p.app, key: keyOf(text)})
}

// give gives an order by the call and notes what it ended.
func (c *crowd) give(o order, call func() (int, map[string]any)) {
	if o.kind == "key" || o.kind == "all" { // ends what others are just being given
		c.minting.Lock()
		defer c.minting.Unlock()
	}
	c.begin(o)
	code, got := call()
	switch {
	case code/100 == 2:
	case code == 0 || code == http.StatusServiceUnavailable:
		return // nobody knows
	default:
		c.Errorf("%s: %d %v", o.kind, code, got)
		return
	}
	var committed, enforced moment
	if at, err := time.Parse(time.RFC3339Nano, field(got, "committed_at")); err == nil {
		committed = now() - moment(time.Since(at))
	}
	if o.wait {
		if enforced = now(); got["receipt"] == nil {
			c.Errorf("%s: no receipt: %v", o.kind, got)
		}
	}
	c.done(o, committed, enforced)
}

// revoke gives an order of the administration API.
func (c *crowd) revoke(o order, id string) {
	c.give(o, func() (int, map[string]any) {
		body := map[string]any{"kind": o.kind, "reason": "promise"}
		if id != "" {
			body["id"] = id
		}
		if o.wait {
			body["wait"] = "enforced"
		}
		return c.operate("POST", "/v1/admin/revocations", body)
	})
}

func ofSession(id string) func(*issued) bool { return func(i *issued) bool { return i.session == id } }
func ofPerson(id string) func(*issued) bool  { return func(i *issued) bool { return i.person == id } }

// acts are what may end a person's access; each leaves the person to present anew.
var acts = []func(*crowd, *person){
	func(c *crowd, p *person) {
		c.revoke(order{kind: "session", names: ofSession(p.token.session)}, p.token.session)
	},
	func(c *crowd, p *person) { c.revoke(order{kind: "subject", names: ofPerson(p.id)}, p.id) },
	func(c *crowd, p *person) {
		c.revoke(order{kind: "authz", names: func(i *issued) bool { return i.person == p.id && i.access() }}, p.id)
	},
	func(c *crowd, p *person) {
		c.revoke(order{kind: "application", names: func(i *issued) bool { return i.application == "side" }}, c.side)
	},
	func(c *crowd, p *person) {
		c.give(order{kind: "sign-out", names: ofSession(p.token.session)}, func() (int, map[string]any) {
			return c.call("POST", "/v1/sign-out", p.token.text, map[string]any{})
		})
	},
	func(c *crowd, p *person) {
		c.give(order{kind: "lock", names: ofPerson(p.id)}, func() (int, map[string]any) {
			return c.operate("PATCH", "/v1/admin/users/"+p.id, map[string]any{"status": "locked"})
		})
		for range 200 { // until the server is back
			if code, _ := c.operate("PATCH", "/v1/admin/users/"+p.id, map[string]any{"status": "active"}); code == http.StatusOK {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		c.Error("cannot unlock", p.email)
	},
	func(c *crowd, _ *person) {
		if now() > c.everybody.add(lease) {
			c.everybody = now()
			c.revoke(order{kind: "all", names: (*issued).access}, "")
		}
	},
	func(c *crowd, p *person) {
		key := ""
		c.mu.Lock()
		for _, i := range c.all {
			if i.access() && i.person == p.id {
				key = i.key // of the newest
			}
		}
		c.mu.Unlock()
		if key != "" && now() > c.lastKey(key).add(lease) {
			c.revoke(order{kind: "key", names: func(i *issued) bool { return i.key == key }}, key)
		}
	},
}

// lastKey is when the first token signed by the key was seen: keys are replaced one after the other.
func (c *crowd) lastKey(key string) moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range c.all {
		if i.key == key {
			return i.from
		}
	}
	return now()
}

// live has people come and go until ctx ends.
func (c *crowd) live(ctx context.Context, people []*person, rng *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(time.Duration(20+rng.IntN(100)) * time.Millisecond)
		p := people[rng.IntN(len(people))]
		if c.present(p) && rng.IntN(3) > 0 {
			time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond) // it is accepted in some places by now
			acts[n%len(acts)](c, p)
		}
		c.retire()
	}
}

// stay has a person whom nobody revokes renew their access token every now and then, until ctx ends.
func (c *crowd) stay(ctx context.Context, p *person) {
	for ctx.Err() == nil {
		c.present(p)
		time.Sleep(250 * time.Millisecond)
	}
}

// stock has a person sign in so many times and answers the sessions. What is revoked later was accepted everywhere
// before, so that verifiers who do not hear of it have something to accept.
func (c *crowd) stock(p *person, n int) (list []string) {
	for len(list) < n {
		c.minting.RLock()
		ok := c.signIn(p)
		c.minting.RUnlock()
		if !ok {
			c.Fatalf("%s cannot sign in", p.email)
		}
		list = append(list, p.token.session)
	}
	return list
}

// spend revokes the sessions one by one.
func (c *crowd) spend(sessions []string, every time.Duration) {
	for _, id := range sessions {
		c.revoke(order{kind: "session", names: ofSession(id)}, id)
		time.Sleep(every)
	}
}

// wait has an operator revoke one person after the other and wait until that is enforced, until ctx ends.
func (c *crowd) wait(ctx context.Context, p *person) {
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(200 * time.Millisecond)
		if !c.present(p) {
			continue
		}
		time.Sleep(100 * time.Millisecond)
		if n%2 == 0 {
			c.revoke(order{kind: "session", names: ofSession(p.token.session), wait: true}, p.token.session)
		} else {
			c.revoke(order{kind: "subject", names: ofPerson(p.id), wait: true}, p.id)
		}
	}
}
