package demo

import (
	"net/http"
	"sync"
	"time"
)

// must ends a scene whose preparation failed.
func must[T any](r *report, v T, err error) (T, bool) {
	if err != nil {
		r.want(false, "prepare: %v", err)
	}
	return v, err == nil
}

func bankCustomer(s *stage, r *report) {
	alice, err := s.enroll("alice@example.com")
	if _, ok := must(r, alice, err); !ok {
		return
	}
	mobile, err := s.signIn(alice.email, mobileApp)
	if _, ok := must(r, mobile, err); !ok {
		return
	}
	ended, err := s.stream(s.banks[0], alice.access)
	if _, ok := must(r, ended, err); !ok {
		return
	}
	p := s.probe("/feed", map[string]credential{"access token": alice.access, "session token": alice.token, "cookie": alice.cookie})
	order := time.Now()
	locked := s.order("PATCH", "/v1/admin/users/"+alice.id+"?wait=enforced&reason=reported+stolen", map[string]any{"status": "locked"})
	r.want(locked.code == http.StatusOK, "locked %s", alice.email)
	receipt(r, locked)
	p.after(r, order, http.StatusUnauthorized, `reason="`)
	select {
	case at := <-ended:
		r.want(at.Sub(order) <= lease, "the open event stream ended after %d ms", at.Sub(order).Milliseconds())
	case <-time.After(lease + time.Second):
		r.want(false, "the open event stream is still open")
	}
	_, minted := s.mint(alice)
	r.want(minted.code == http.StatusUnauthorized, "no new access token: %d %s", minted.code, minted.text("code"))
	refreshed := s.refresh(mobile.refresh)
	r.want(refreshed.code == http.StatusUnauthorized, "the refresh token of the mobile app is dead: %d, cause %s", refreshed.code, refreshed.text("cause"))
	again := s.ask("POST", "/v1/sign-in", credential{}, map[string]any{"email": alice.email, "password": password})
	r.want(again.code == http.StatusUnauthorized, "no new sign-in, and no hint why: %d %s", again.code, again.text("code"))
	r.measured("users affected: 1 of %d", customers+1)
}

func demotedAdministrator(s *stage, r *report) {
	bob, err := s.enroll("bob@example.com", "admin")
	if _, ok := must(r, bob, err); !ok {
		return
	}
	before := s.call(s.api, "GET", s.banks[0].url+"/admin/customers", bob.access, nil)
	r.want(before.code == http.StatusOK, "is an administrator: %d", before.code)
	p := s.probe("/admin/customers", map[string]credential{"access token": bob.access})
	order := time.Now()
	demoted := s.order("PATCH", "/v1/admin/users/"+bob.id+"?wait=enforced", map[string]any{"roles": []string{}})
	receipt(r, demoted)
	p.after(r, order, http.StatusUnauthorized, `reason="stale"`)
	fresh, minted := s.mint(bob)
	r.want(minted.code == http.StatusOK, "still signed in: a silent refresh gives a new access token: %d", minted.code)
	for _, b := range s.banks {
		feed := s.call(s.api, "GET", b.url+"/feed", fresh, nil)
		admin := s.call(s.api, "GET", b.url+"/admin/customers", fresh, nil)
		cookie := s.call(s.api, "GET", b.url+"/admin/customers", bob.cookie, nil)
		r.want(feed.code == 200 && admin.code == 403 && cookie.code == 403, "%s: feed %d, admin route %d by token and %d by cookie", b.name, feed.code, admin.code, cookie.code)
	}
}

func stolenKey(s *stage, r *report) {
	carol, err := s.enroll("carol@example.com")
	if _, ok := must(r, carol, err); !ok {
		return
	}
	old := s.currentKey()
	p := s.probe("/feed", map[string]credential{"access token of the stolen key": carol.access})
	order := time.Now()
	replaced := s.order("POST", "/v1/admin/keys/"+old+"/revoke?wait=enforced", map[string]any{"reason": "found in a backup"})
	receipt(r, replaced)
	p.after(r, order, http.StatusUnauthorized, `reason="stale"`)
	r.want(s.currentKey() != old && s.currentKey() != "", "a new key signs")
	fresh, minted := s.mint(carol)
	feed := s.call(s.api, "GET", s.banks[1].url+"/feed", fresh, nil)
	r.want(minted.code == 200 && feed.code == 200, "nobody is signed out: silent refresh %d, feed %d", minted.code, feed.code)
}

// currentKey is the id of the key that signs access tokens.
func (s *stage) currentKey() string {
	items, _ := s.order("GET", "/v1/admin/keys", nil).body["items"].([]any)
	for _, item := range items {
		k, _ := item.(map[string]any)
		if k["use"] == "token" && k["state"] == "current" {
			kid, _ := k["kid"].(string)
			return kid
		}
	}
	return ""
}

func lostPhone(s *stage, r *report) {
	laptop, err := s.enroll("dave@example.com")
	if _, ok := must(r, laptop, err); !ok {
		return
	}
	phone, err := s.signIn(laptop.email, "default")
	if _, ok := must(r, phone, err); !ok {
		return
	}
	devices, _ := s.ask("GET", "/v1/sessions", laptop.token, nil).body["items"].([]any)
	r.want(len(devices) == 2, "the list of devices shows %d", len(devices))
	p := s.probe("/feed", map[string]credential{"access token": phone.access, "cookie": phone.cookie})
	order := time.Now()
	ended := s.ask("DELETE", "/v1/sessions/"+phone.session, laptop.token, nil)
	r.want(ended.code == http.StatusNoContent, "ended the phone from the laptop: %d", ended.code)
	p.after(r, order, http.StatusUnauthorized, `reason="`)
	still := s.call(s.api, "GET", s.banks[2].url+"/feed", laptop.access, nil)
	r.want(still.code == 200, "the laptop stays: %d", still.code)
}

func stolenRefreshToken(s *stage, r *report) {
	erin, err := s.enroll("erin@example.com")
	if _, ok := must(r, erin, err); !ok {
		return
	}
	mobile, err := s.signIn(erin.email, mobileApp)
	if _, ok := must(r, mobile, err); !ok {
		return
	}
	stolen := mobile.refresh
	var tabs [2]answer
	var both sync.WaitGroup
	for i := range tabs {
		both.Go(func() { tabs[i] = s.refresh(stolen) })
	}
	both.Wait()
	same := tabs[0].text("refresh_token") == tabs[1].text("refresh_token") && tabs[0].code == 200 && tabs[1].code == 200
	r.want(same, "two tabs at the same moment get the same successor: %d and %d", tabs[0].code, tabs[1].code)
	next := s.refresh(tabs[0].text("refresh_token"))
	r.want(next.code == 200, "the owner goes on: %d", next.code)
	theft := s.refresh(stolen)
	r.want(theft.code == 401 && theft.text("cause") == "reused", "the thief presents the old token: %d, cause %s", theft.code, theft.text("cause"))
	dead := s.refresh(next.text("refresh_token"))
	r.want(dead.code == 401, "that session has ended for both: %d, cause %s", dead.code, dead.text("cause"))
	me := s.ask("GET", "/v1/me", erin.token, nil)
	notices, _ := me.body["notices"].([]any)
	r.want(me.code == 200 && len(notices) == 1, "the user's other session stays, and tells them: %d, %d notice", me.code, len(notices))
}

func (s *stage) refresh(token string) answer {
	a := s.ask("POST", "/v1/token/refresh", credential{}, map[string]any{"refresh_token": token})
	s.remember(a.text("refresh_token"))
	s.remember(a.text("access_token"))
	return a
}

func outage(s *stage, r *report) {
	frank, err := s.enroll("frank@example.com")
	if _, ok := must(r, frank, err); !ok {
		return
	}
	revoked, err := s.signIn(frank.email, "default")
	if _, ok := must(r, revoked, err); !ok {
		return
	}
	s.ask("DELETE", "/v1/sessions/"+revoked.session, frank.token, nil)
	s.each(func(b *bankProcess) { s.call(s.api, "GET", b.url+"/feed", frank.access, nil) })
	s.load.expectRefusals(true)
	kill(s.server)
	cut := time.Now()
	transfer := s.call(s.api, "POST", s.banks[0].url+"/transfer", frank.access, map[string]any{})
	feed := s.call(s.api, "GET", s.banks[0].url+"/feed", frank.access, nil)
	r.want(transfer.code == 503 && transfer.header.Get("Retry-After") != "", "server killed: the live transfer answers %d with Retry-After", transfer.code)
	r.want(feed.code == 200, "the feed goes on under its lease: %d", feed.code)
	last, code := s.lastFeed(frank, cut)
	r.want(last <= lease && code == 503, "the last feed was served %d ms after the cut (bound %d ms), then %d, never 401", last.Milliseconds(), lease.Milliseconds(), code)
	if err := s.startServer(); err != nil {
		r.want(false, "start again: %v", err)
		return
	}
	back := time.Now()
	recovered := s.untilServed(frank)
	r.want(recovered, "the server is back: the feed is served %d ms later", time.Since(back).Milliseconds())
	s.load.expectRefusals(false)
	me := s.ask("GET", "/v1/session", frank.token, nil)
	dead := s.ask("GET", "/v1/session", revoked.token, nil)
	r.want(me.code == 200 && dead.code == 401, "nobody was signed out (%d), and nothing revoked came back (%d)", me.code, dead.code)
}

func (s *stage) each(do func(*bankProcess)) {
	for _, b := range s.banks {
		do(b)
	}
}

// lastFeed asks every bank until all refuse, and answers when one last served, and what they said then.
func (s *stage) lastFeed(c *customer, cut time.Time) (last time.Duration, code int) {
	for time.Since(cut) < lease+3*time.Second && s.ctx.Err() == nil {
		refusing := 0
		s.each(func(b *bankProcess) {
			sent := time.Now()
			a := s.call(s.api, "GET", b.url+"/feed", c.access, nil)
			if a.code == 200 {
				last = max(last, sent.Sub(cut))
				return
			}
			refusing, code = refusing+1, a.code
		})
		if refusing == banks {
			return last, code
		}
		time.Sleep(20 * time.Millisecond)
	}
	return last, 0
}

// untilServed asks until every bank serves again.
func (s *stage) untilServed(c *customer) bool {
	for range 200 {
		served := 0
		s.each(func(b *bankProcess) {
			if s.call(s.api, "GET", b.url+"/feed", c.access, nil).code == 200 {
				served++
			}
		})
		if served == banks {
			return true
		}
		time.Sleep(25 * time.Millisecond)
	}
	return false
}
