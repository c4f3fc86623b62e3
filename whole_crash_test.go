package tandem

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// remembered is a session: what the server has acknowledged about it.
type remembered struct {
	email, id, token string
	// doubtful: an order to end it was sent, and no answer came. ended: it was acknowledged.
	doubtful, ended bool
}

// crashes is a store that is killed again and again under load, and what its clients know of it.
type crashes struct {
	testing.TB
	dir, key string
	people   atomic.Int64

	mu       sync.Mutex
	sessions []*remembered
	position uint64 // the highest that was acknowledged

	set      *revocation.Set
	follower *revocation.Follower
}

// TestNothingAcknowledgedIsLost kills a server under load and starts it again, with nobody's help. Every sign-up,
// session and revocation that was acknowledged is still there, and the log goes on where it was, without a gap.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	rounds := 3
	if soak() {
		rounds = 100
	}
	c := &crashes{TB: t, dir: t.TempDir(), set: revocation.NewSet(0)}
	c.follower = revocation.NewFollower("crash", "crash", c.set)
	first := startChild(t, c.dir)
	c.key = first.local(c.dir, "POST", "/v1/admin/api-keys", map[string]any{"name": "crash"}).text("secret")
	first.kill()
	for round := range rounds {
		one := startChild(t, c.dir)
		known := len(c.sessions)
		c.load(one, 40+round*7%50)
		again := startChild(t, c.dir)
		if round%10 == 9 || round == rounds-1 {
			known = 0 // now and then everything from the beginning
		}
		c.check(again, c.sessions[known:])
		again.kill()
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	ended := 0
	for _, m := range c.sessions {
		if m.ended {
			ended++
		}
	}
	t.Logf("%d kills; %d people, %d sessions, %d of them ended, position %d", 2*rounds+1, c.people.Load(), len(c.sessions), ended, c.position)
	if ended == 0 || c.position == 0 {
		t.Error("nothing was revoked: the test shows nothing")
	}
}

// load has people sign up, sign in and be revoked, and kills the server in the middle of it, once so many
// acknowledgements have come.
func (c *crashes) load(server *child, acknowledgements int) {
	var left atomic.Int64
	left.Store(int64(acknowledgements))
	enough := make(chan struct{})
	acknowledged := func() {
		if left.Add(-1) == 0 {
			close(enough)
		}
	}
	ctx, stop := context.WithCancel(c.Context())
	var running sync.WaitGroup
	for range 6 {
		running.Go(func() {
			for ctx.Err() == nil && c.live(server, acknowledged) {
			}
		})
	}
	running.Go(func() { // a verifier that follows all the while
		for ctx.Err() == nil && c.sync(server) {
		}
	})
	select {
	case <-enough:
	case <-time.After(time.Minute):
		c.Error("the server did not acknowledge enough within a minute")
	}
	server.kill()
	stop()
	running.Wait()
}

// live is one life: sign up, sign in a second time, and end one of the two sessions in one of the ways. It answers
// false when the server is gone.
func (c *crashes) live(server *child, acknowledged func()) bool {
	n := c.people.Add(1)
	email := fmt.Sprintf("p%d@example.com", n)
	body := map[string]any{"email": email, "password": password, "delivery": "body"}
	var mine []*remembered
	for i, path := range []string{"/v1/sign-up", "/v1/sign-in"} {
		a, ok := server.send("POST", path, "", body)
		if !ok {
			return false
		}
		if a.Code != 201-i {
			c.Errorf("%s: %d %v", path, a.Code, a.Body)
			return false
		}
		m := &remembered{email: email, id: a.session(), token: a.text("session_token")}
		mine = append(mine, m)
		c.mu.Lock()
		c.sessions = append(c.sessions, m)
		c.mu.Unlock()
		acknowledged()
	}
	gone := mine[n%2]
	c.mu.Lock()
	gone.doubtful = true
	c.mu.Unlock()
	var a answer
	var ok bool
	if n%3 == 0 {
		a, ok = server.send("POST", "/v1/sign-out", gone.token, map[string]any{})
	} else {
		a, ok = server.send("POST", "/v1/admin/revocations", c.key, map[string]any{"kind": "session", "id": gone.id})
	}
	if !ok {
		return false
	}
	if a.Code != 204 && a.Code != 201 {
		c.Errorf("end session: %d %v", a.Code, a.Body)
		return false
	}
	at, _ := a.Body["position"].(float64)
	c.mu.Lock()
	gone.ended = true
	c.position = max(c.position, uint64(at))
	c.mu.Unlock()
	acknowledged()
	return true
}

// sync follows the log by one reply. The follower outlives the crashes: whatever it has been told must go on.
func (c *crashes) sync(server *child) bool {
	req := c.follower.Request(rand.Text(), 0)
	a, ok := server.send("POST", "/v1/revocations/sync", "", req)
	if !ok {
		return false
	}
	text, err := json.Marshal(a.Body)
	if err != nil {
		c.Error(err)
		return false
	}
	reply, err := revocation.DecodeReply(text)
	if err != nil {
		c.Errorf("sync: %d %s: %v", a.Code, text, err)
		return false
	}
	out, err := c.follower.Apply(req, reply, time.Duration(time.Now().UnixNano()))
	if err != nil || out.NewEpoch || out.Rewritten || out.Snapshot && req.Epoch != "" {
		c.Errorf("the log does not go on where it was: %+v, %v", out, err)
		return false
	}
	return true
}

// check looks for what was acknowledged: that the log goes on, and these sessions with their users.
func (c *crashes) check(server *child, sessions []*remembered) {
	c.Helper()
	if !c.sync(server) {
		c.Error("the restarted server does not sync")
	}
	if c.follower.Position() < c.position {
		c.Errorf("the log is at %d, %d was acknowledged", c.follower.Position(), c.position)
	}
	c.gapless(server)
	people := make(map[string]bool)
	for _, m := range sessions {
		people[m.email] = true
		a, ok := server.send("GET", "/v1/session", m.token, nil)
		switch {
		case !ok:
			c.Fatal("the restarted server does not answer")
		case m.ended && a.Code != 401:
			c.Errorf("a session whose end was acknowledged is alive: %d", a.Code)
		case !m.doubtful && a.Code != 200:
			c.Errorf("a session that was acknowledged and not ended: %d %v", a.Code, a.Body)
		}
		held := c.set.Check(&revocation.Token{SessionID: revocation.Hash(m.id), Epoch: revocation.Short(c.follower.Epoch())})
		if dead := a.Code == 401; dead != (held == revocation.Revoked) {
			c.Errorf("session dead: %v, but the log says %s", dead, held)
		}
		// What is in doubt is known now.
		m.doubtful = a.Code == 401
		m.ended = m.doubtful
	}
	for email := range people {
		a, ok := server.send("GET", "/v1/admin/users/"+email, c.key, nil)
		if !ok || a.Code != 200 {
			c.Errorf("a user who signed up is not there: %d", a.Code)
		}
	}
}

// gapless reads the whole log, as far as it is kept: each position has its event, and the chain leads to the head.
func (c *crashes) gapless(server *child) {
	c.Helper()
	a, ok := server.send("POST", "/v1/revocations/sync", "", revocation.Request{Verifier: "whole", Instance: rand.Text(), Nonce: rand.Text()})
	text, err := json.Marshal(a.Body)
	if !ok || err != nil || a.Code != 200 {
		c.Fatalf("read the log: %d %v %v", a.Code, a.Body, err)
	}
	log, err := revocation.DecodeReply(text)
	if err != nil {
		c.Fatal(err)
	}
	chain, first := revocation.Genesis(log.Epoch), log.To+1
	for i, e := range log.Events {
		if i == 0 {
			first = e.Seq
		}
		if e.Seq != first+uint64(i) {
			c.Errorf("position %d follows position %d", e.Seq, first+uint64(i)-1)
		}
		e.RetainMS = 0
		chain = chain.Next(e)
	}
	if next := first + uint64(len(log.Events)); next != log.To+1 {
		c.Errorf("the log is at %d and its events end before %d", log.To, next)
	}
	if first == 1 && chain.String() != log.Chain {
		c.Error("the chain of the log does not lead to its head")
	}
}

// TestSecondServerOnTheSameStoreIsRefused: the lock that outlives no crash keeps two processes apart.
func TestSecondServerOnTheSameStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	one := startChild(t, dir)
	defer one.kill()
	if s, err := Open(t.Context(), Config{Dev: true, DataDir: dir}, cheaply); err == nil {
		s.Close()
		t.Error("a second server opened the store")
	}
	if a, ok := one.send("GET", "/readyz", "", nil); !ok || a.Code != 200 {
		t.Errorf("the first one is not ready: %d", a.Code)
	}
}
