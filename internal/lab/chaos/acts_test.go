package chaos

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// give gives an order by the call and notes what it ended.
func (c *crowd) give(o order, call func(wait string) answer) answer {
	if o.kind == "key" || o.kind == "all" { // ends what others are just being given
		c.minting.Lock()
		defer c.minting.Unlock()
	}
	wait := ""
	if o.wait {
		wait = "enforced"
	}
	c.begin(o)
	from := now()
	a := c.ask("order "+o.kind, call(wait))
	c.note(given{o, from, now(), a.code, a.position()})
	switch {
	case a.code/100 == 2:
	case a.unknown(): // nobody knows: it may be done yet, when a process goes on or a network is mended
		c.suspect(o)
		return a
	case a.code == http.StatusConflict, a.code == http.StatusNotFound && c.forgiving.Load(): // another came first
		return a
	default:
		c.wrong("order %s: %d %v", o.kind, a.code, a.body)
		return a
	}
	var enforced moment
	if o.wait {
		if enforced = now(); a.body["receipt"] == nil {
			c.wrong("order %s: no receipt: %v", o.kind, a.body)
		}
	}
	c.done(o, a.position(), enforced)
	if o.ends {
		c.mustBeOver(o)
	}
	return a
}

// mustBeOver asks some node about what an order has ended: none may know less than the one that answered.
func (c *crowd) mustBeOver(o order) {
	var last *issued
	c.each(func(i issued) {
		if o.names(&i) && i.died != 0 {
			last = &i
		}
	})
	if last == nil {
		return
	}
	if a := c.ask("live check of ended", c.call("GET", "/v1/session", last.text, nil)); a.code == http.StatusOK && !c.forgiving.Load() {
		c.wrong("a live check accepts what an order has ended (%s): %v", o.kind, last)
	}
}

// revoke gives an order of the administration API.
func (c *crowd) revoke(o order, id string) answer {
	return c.give(o, func(wait string) answer {
		body := map[string]any{"kind": o.kind, "reason": "chaos"}
		if id != "" {
			body["id"] = id
		}
		if wait != "" {
			body["wait"] = wait
		}
		return c.operate("POST", "/v1/admin/revocations", body)
	})
}

// change gives an order that is a change of a resource.
func (c *crowd) change(o order, method, path string, body any) answer {
	return c.give(o, func(wait string) answer {
		if wait != "" {
			path += "?wait=" + wait
		}
		return c.operate(method, path, body)
	})
}

func ofSession(id string) func(*issued) bool { return func(i *issued) bool { return i.session == id } }
func ofPerson(id string) func(*issued) bool  { return func(i *issued) bool { return i.person == id } }
func tokensOf(id string) func(*issued) bool {
	return func(i *issued) bool { return i.person == id && i.access() }
}

// acts are what may end a person's access; each leaves the person to present anew.
var acts = []func(c *crowd, p *person, wait bool){
	func(c *crowd, p *person, wait bool) {
		c.revoke(order{kind: "session", names: ofSession(p.session), ends: true, wait: wait}, p.session)
	},
	func(c *crowd, p *person, wait bool) {
		c.revoke(order{kind: "subject", names: ofPerson(p.id), ends: true, wait: wait}, p.id)
	},
	func(c *crowd, p *person, wait bool) {
		c.revoke(order{kind: "authz", names: tokensOf(p.id), wait: wait}, p.id)
	},
	func(c *crowd, p *person, wait bool) {
		app := p.app
		c.revoke(order{kind: "application", names: func(i *issued) bool { return i.application == app }, ends: true, wait: wait}, app)
	},
	func(c *crowd, p *person, _ bool) {
		bearer := p.secret
		if p.jwt {
			bearer = p.token.text
		}
		c.give(order{kind: "sign-out", names: ofSession(p.session), ends: true}, func(string) answer {
			a := c.call("POST", "/v1/sign-out", bearer, map[string]any{})
			if a.code == http.StatusUnauthorized { // somebody else's order has ended the token, and perhaps the session
				a.code = 0
			}
			return a
		})
	},
	func(c *crowd, p *person, wait bool) {
		c.change(order{kind: "device", names: ofSession(p.session), ends: true, wait: wait}, "DELETE", "/v1/admin/sessions/"+p.session, nil)
	},
	func(c *crowd, p *person, wait bool) {
		path := "/v1/admin/users/" + p.id
		a := c.change(order{kind: "lock", names: ofPerson(p.id), ends: true, wait: wait}, "PATCH", path, map[string]any{"status": "locked"})
		if a.unknown() {
			p.doubtful = now().add(doubt)
		}
		c.unlock(p)
	},
	func(c *crowd, p *person, wait bool) {
		path, role := "/v1/admin/users/"+p.id, fmt.Sprintf("r%d", now())
		c.change(order{kind: "promote", names: tokensOf(p.id)}, "PATCH", path, map[string]any{"roles_add": []string{role}})
		if c.present(p) {
			c.change(order{kind: "demote", names: tokensOf(p.id), wait: wait}, "PATCH", path, map[string]any{"roles_remove": []string{role}})
		}
	},
}

func (c *crowd) unlock(p *person) bool {
	return c.insist("unlock", "PATCH", "/v1/admin/users/"+p.id, map[string]any{"status": "active"})
}

// insist repeats what must be done until it is, or all stop.
func (c *crowd) insist(what, method, path string, body any) bool {
	for c.ctx.Err() == nil {
		a := c.ask(what, c.operate(method, path, body))
		switch {
		case a.code/100 == 2:
			return true
		case !a.unknown() && a.code != http.StatusConflict && !(a.code == http.StatusNotFound && c.forgiving.Load()):
			c.wrong("%s: %d %v", what, a.code, a.body)
			return false
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

// keep rotates and revokes signing keys and has every access token renewed now and then, until all stop.
func (c *crowd) keep(rng *rand.Rand) {
	for n := 0; c.ctx.Err() == nil; n++ {
		c.rest(rng, 2*time.Second)
		switch n % 3 {
		case 0:
			c.ask("rotate keys", c.operate("POST", "/v1/admin/keys/rotate", map[string]any{}))
		case 1:
			c.revoke(order{kind: "all", names: (*issued).access, wait: rng.IntN(3) == 0}, "")
		case 2:
			if key := c.newestKey(); key != "" {
				path := "/v1/admin/keys/" + key + "/revoke"
				c.change(order{kind: "key", names: func(i *issued) bool { return i.key == key }, wait: rng.IntN(3) == 0}, "POST", path, map[string]any{})
			}
		}
	}
}

// newestKey is the key that signs, as far as it has been seen.
func (c *crowd) newestKey() (key string) {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	for _, i := range c.all {
		if i.access() && strings.HasPrefix(i.key, "key_") {
			key = i.key
		}
	}
	return key
}
