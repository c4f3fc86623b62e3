package model

import (
	"fmt"
	"time"

	"tandem.example/tandem/verify/revocation"
)

// credential is an access token, with the truth about it.
type credential struct {
	user, sid, app string
	check          revocation.Token
	expires        time.Duration
	order          int // the number of facts that were true when its state was read
	known          int // the number of facts that were true when its rv was read
}

// mint makes a token, in two steps between which others may commit: the log head is read, then the state.
func (w *world) mint() {
	w.after(w.between(50*time.Millisecond, time.Second), w.mint)
	n := w.rng.IntN(users)
	c := &credential{user: fmt.Sprintf("usr_%d", n), sid: fmt.Sprintf("ses_%d_%d", n, w.now/(20*time.Second)), app: fmt.Sprintf("app_%d", n%2)}
	c.expires = w.now + w.server.lifetime
	gap := w.between(0, 500*time.Millisecond)
	head := func() {
		c.check.Epoch, c.check.Seq = revocation.Short(w.server.epoch), w.server.head()
		c.known = len(w.server.facts)
	}
	state := func() { c.order = len(w.server.facts) }
	first, second := head, state
	if w.Traps.RevisionAfterState {
		first, second = state, head
	}
	first()
	w.after(gap, func() {
		second()
		c.check.SessionID, c.check.Subject, c.check.ClientID = revocation.Hash(c.sid), revocation.Hash(c.user), revocation.Hash(c.app)
		c.check.KeyID = revocation.Hash("key")
		for _, f := range w.server.facts[:c.order] {
			if f.names(c) && !f.lost && f.sessionOnly(c) {
				return // its session has ended: there is nothing to mint from
			}
		}
		w.tokens = append(w.tokens, c)
	})
}

// sessionOnly reports whether the fact ended the credential's session for good, rather than what was minted before.
func (f *fact) sessionOnly(c *credential) bool {
	return f.names(&credential{sid: c.sid})
}

// revoke commits a revocation of some kind.
func (w *world) revoke() {
	w.after(w.between(100*time.Millisecond, 4*time.Second), w.revoke)
	if len(w.tokens) == 0 {
		return
	}
	of := w.tokens[len(w.tokens)-1-w.rng.IntN(min(len(w.tokens), 20))]
	switch w.rng.IntN(12) {
	case 0, 1, 2, 3:
		w.server.commit(revocation.SessionEvent(of.sid), func(c *credential) bool { return c.sid == of.sid })
	case 4, 5, 6:
		w.server.commit(revocation.SubjectEvent(of.user), func(c *credential) bool { return c.user == of.user })
	case 7, 8, 9:
		w.server.commit(revocation.AuthzEvent(of.user), func(c *credential) bool { return c.user == of.user })
	case 10:
		w.server.commit(revocation.ApplicationEvent(of.app), func(c *credential) bool { return c.app == of.app })
	case 11:
		w.server.commit(revocation.AllEvent(), func(c *credential) bool { return c.user != "" })
	}
}

// refusable reports whether some fact later than the credential's rv names it: refusing it then costs a refresh at
// worst, even if its state was read after that fact.
func (w *world) refusable(c *credential) bool {
	for _, f := range w.server.facts[c.known:] {
		if f.names(c) {
			return true
		}
	}
	return false
}

// concerned answers the earliest fact that revoked the credential after its state was read.
func (w *world) concerned(c *credential) *fact {
	for _, f := range w.server.facts {
		if f.order > c.order && f.names(c) {
			return f
		}
	}
	return nil
}
