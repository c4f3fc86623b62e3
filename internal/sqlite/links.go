package sqlite

import (
	"sync"
	"sync/atomic"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/session"
)

// links are what sessions of the mirror share: their users, kept while a session refers to them, and their
// applications, which are few and kept for good.
type links struct {
	mu           sync.Mutex
	stamp        atomic.Uint64 // grows with each change of a user or an application by a commit; written under mu
	users        map[key]*userLink
	applications map[application.ID]*applicationLink
}

type userLink struct {
	key        key
	record     atomic.Pointer[string] // encodeUser
	references int                    // under links.mu
}

type applicationLink struct {
	id           application.ID
	sessionsFrom atomic.Uint64
}

// take answers the links of a session that is about to be added, and counts it. What is linked already is newer than
// what the view says, or the same. What is not is taken from the view, unless a commit has changed some user or
// application since the stamp.
func (l *links) take(v *session.View, stamp uint64) (*userLink, *applicationLink, bool) {
	k, ok := keyOf(string(v.User.ID))
	if !ok {
		return nil, nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stamp.Load() != stamp {
		return nil, nil, false
	}
	user := l.users[k]
	if user == nil {
		user = &userLink{key: k}
		record := encodeUser(&v.User)
		user.record.Store(&record)
		l.users[k] = user
	}
	app := l.applications[v.Session.Application]
	if app == nil {
		app = &applicationLink{id: v.Session.Application}
		app.sessionsFrom.Store(v.SessionsFrom)
		l.applications[app.id] = app
	}
	user.references++
	return user, app, true
}

// drop undoes one take.
func (l *links) drop(user *userLink) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if user.references--; user.references == 0 {
		delete(l.users, user.key)
	}
}

func (l *links) setUser(k key, u *account.User) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stamp.Add(1)
	if user := l.users[k]; user != nil {
		record := encodeUser(u)
		user.record.Store(&record)
	}
}

func (l *links) setApplication(id application.ID, sessionsFrom uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stamp.Add(1)
	if app := l.applications[id]; app != nil {
		app.sessionsFrom.Store(sessionsFrom)
	}
}

func (l *links) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stamp.Add(1)
	clear(l.users)
	clear(l.applications)
}
