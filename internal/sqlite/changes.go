package sqlite

import (
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

// changes are what a batch does to the mirror once it is committed, in order.
type changes struct {
	all  bool // everything: the mirror is emptied
	list []change
	// touched are the sessions and users that this batch has written, also where the write was undone: for them the
	// mirror is behind the transaction, and only the database will do. So it is for all once applications is set.
	touched      map[key]struct{}
	applications bool
}

type change struct {
	kind changeKind
	key  key
	view *session.View // what of it is meant depends on the kind
}

type changeKind uint8

const (
	sessionPut         changeKind = iota // the whole view
	sessionEnded                         // EndedAt and EndReason
	sessionGone                          // nothing
	userChanged                          // User
	applicationChanged                   // SessionsFrom of the application that Session names
)

// mark and undo bracket a write that may fail.
func (c *changes) mark() int { return len(c.list) }

func (c *changes) undo(mark int) { c.list = c.list[:mark] }

func (c *changes) add(kind changeKind, id string, v *session.View) {
	k, ok := keyOf(id)
	if !ok {
		return // never in the mirror
	}
	if c.touched == nil {
		c.touched = map[key]struct{}{}
	}
	c.touched[k] = struct{}{}
	c.list = append(c.list, change{kind: kind, key: k, view: v})
}

func (c *changes) putSession(v *session.View) { c.add(sessionPut, string(v.Session.ID), v) }

func (c *changes) endSession(id session.ID, at time.Time, why session.Reason) {
	c.add(sessionEnded, string(id), &session.View{Session: session.Session{EndedAt: grain(at), EndReason: why}})
}

func (c *changes) dropSession(id session.ID) { c.add(sessionGone, string(id), nil) }

func (c *changes) putUser(u account.User) {
	c.add(userChanged, string(u.ID), &session.View{User: u})
}

func (c *changes) putApplication(id application.ID, sessionsFrom uint64) {
	c.applications = true
	c.list = append(c.list, change{
		kind: applicationChanged,
		view: &session.View{Session: session.Session{Application: id}, SessionsFrom: sessionsFrom},
	})
}

// untouched reports whether the mirror is as good as the transaction for the id.
func (c *changes) untouched(k key) bool {
	_, touched := c.touched[k]
	return !touched && !c.applications && !c.all
}
