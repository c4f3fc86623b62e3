package chaos

import (
	"net/http"
	"os"
	"testing"
	"time"
)

// TestStormOnTheEmbeddedStore proves the harness where there is one node.
func TestStormOnTheEmbeddedStore(t *testing.T) {
	skipShort(t)
	if os.Getenv("TANDEM_CHAOS_SECONDS") == "" {
		t.Skip("the package process plays the short form of this")
	}
	s := setUp(t, setting{groups: 2, perGroup: 3})
	stormAndCalm(s, length(t, 12*time.Second), 1)
}

// skipShort leaves a scenario to the full run, where the short forms are played side by side.
func skipShort(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of real time: left to the full run")
	}
	if os.Getenv("TANDEM_CHAOS_SECONDS") == "" {
		t.Parallel() // most of it is waiting
	}
}

// stormAndCalm plays a storm over a crowd and holds everything against the promise.
func stormAndCalm(s *stage, lasts time.Duration, crews int) {
	c := newCrowd(s, "only")
	c.phase("set up")
	c.populate(crews)
	c.perform("ada", 3, 400)
	time.Sleep(time.Second) // so that there is something to be accepted
	c.phase("the storm begins")
	c.storm(lasts)
	c.phase("the storm is over")
	c.recover()
	c.phase("recovered")
	j := c.judgement()
	if j.receipts == 0 {
		c.Error("no revocation was waited for")
	}
	c.phase("judged")
	c.checkHistories()
	c.phase("histories checked")
}

// recover waits until all is well after all was healed, and makes sure that it is.
func (c *crowd) recover() {
	nodes := c.awaitReady(len(c.nodes))
	verifiers := c.awaitVerifiers()
	c.Logf("healed: nodes were ready after %v, verifiers %v later", nodes.Round(time.Millisecond), verifiers.Round(time.Millisecond))
	time.Sleep(time.Second)
	c.phase("all is well")
	c.leaveAll()
	c.phase("the crowd has left")
	for _, p := range c.residents {
		c.within("renew "+p.email, func() bool { return c.renew(p, false) == http.StatusOK })
		c.within("check "+p.email, func() bool { return c.look(p) })
	}
	c.truthOfAll()
	time.Sleep(lease + 300*time.Millisecond) // whoever still holds a lease may use it up
}

// within repeats until it succeeds.
func (c *crowd) within(what string, do func() bool) {
	for range 50 {
		if do() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.wrong("%s: not within 5 s after recovery", what)
}

// truthOfAll asks every node about each session that verifiers know of: what was ended must be over, what was not must
// live.
func (c *crowd) truthOfAll() {
	checked := 0
	c.each(func(i issued) {
		if i.access() || i.gone || i.left && i.died == 0 || checked > 300 {
			return
		}
		for _, n := range c.nodes {
			checked++
			var a answer
			c.within("ask "+n.name, func() bool {
				a = exchange(c.client, "GET", "http://"+n.address+"/v1/session", i.text, nil)
				return !a.unknown()
			})
			switch {
			case a.code == http.StatusOK && i.died != 0 && i.ends:
				c.wrong("%s: a session is alive that was revoked: %v%s", n.name, &i, c.story(&i))
			case a.code == http.StatusUnauthorized && i.from > c.since && c.lives(c.all[i.id]):
				c.wrong("%s: a session is gone that nobody revoked: %v: %v%s", n.name, &i, a.body, c.story(&i))
			}
		}
	})
	c.Logf("asked nodes %d times about sessions after recovery", checked)
}
