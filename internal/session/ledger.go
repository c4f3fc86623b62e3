package session

import (
	"context"
	"math"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/verify/revocation"
)

// Ledger is the port to what sessions stand on where they are kept in another store than users, applications and the
// revocation log. It stays with these, so that a lock, a new password or a revocation ends sessions in its own commit,
// whatever becomes of the other store.
type Ledger interface {
	// Admit checks that the user is active at the revision and that the application is there, and records the entry and
	// the address, in one commit. The session begins at the Here of the ground, which tells of it alone. Errors:
	// ErrAccountChanged, application.ErrNotFound; nothing is written then.
	Admit(ctx context.Context, s Start) (Ground, error)
	// Standing reads from the primary, in one snapshot that begins after the call, how each session stands, in the
	// order asked. Without any it tells of the log alone.
	Standing(ctx context.Context, of []Subject) (Ground, error)
	// Conclude announces ends in one commit; durable when it returns.
	Conclude(ctx context.Context, c Conclusion) (Concluded, error)
}

// Subject names a session and on whom it depends. None of it ever changes.
type Subject struct {
	ID          ID
	User        account.ID
	Application application.ID
}

// Place is a moment in the history of the log over all its epochs: the ordinal is the position plus the Base of the
// epoch, so it goes on growing where positions begin anew.
type Place struct {
	Epoch   string
	Ordinal uint64
}

// Ground is one snapshot of what sessions stand on.
type Ground struct {
	Head feed.Head
	// Base is the ordinal of position 0 of the epoch: above any ordinal of an earlier epoch that the store still knows
	// of.
	Base uint64
	// Floor is the ordinal up to which events were pruned: every session event above it is in the log.
	Floor uint64
	Of    []Standing
}

// Standing is how one session stands. Ordinals below which it is dead are of any epoch.
type Standing struct {
	User account.User
	Gone bool // there is no such user
	// UserFrom was set by the last verb that ended all sessions of the user, at UserEndedAt and for UserEndReason.
	UserFrom      uint64
	UserEndedAt   time.Time
	UserEndReason Reason
	// ApplicationFrom is math.MaxUint64 if there is no such application.
	ApplicationFrom uint64
	// Announced is about when a session event for it was committed; zero if the log holds none.
	Announced time.Time
}

// Conclusion is the end of sessions, or of their credentials, as the log is to tell it.
type Conclusion struct {
	// Sessions get a session event each.
	Sessions []ID
	// User is whose they are. With All, one subject event ends every session the user has at that moment, for Reason.
	User   account.ID
	All    bool
	Reason Reason
	Theft  bool // marks the user's TheftAt with At
	// Announce is appended as it is, after the others.
	Announce []revocation.Event
	Audit    []audit.Entry
	At       time.Time
}

// Events are what the conclusion appends, in this order.
func (c Conclusion) Events() []revocation.Event {
	var events []revocation.Event
	for _, id := range c.Sessions {
		events = append(events, revocation.SessionEvent(string(id)))
	}
	if c.All {
		events = append(events, revocation.SubjectEvent(string(c.User)))
	}
	return append(events, c.Announce...)
}

// Concluded is the commit of a conclusion and its place.
type Concluded struct {
	feed.Commit
	Place Place
}

// Here is the place of the head.
func (g Ground) Here() Place {
	return Place{Epoch: g.Head.Epoch, Ordinal: g.Base + g.Head.Position}
}

// ordinal compares a place with the ordinals of this ground. Of a place in an earlier epoch nothing is known but that it
// was before this one: that epoch may have lost its tail with the restore that ended it, and an ordinal in the lost
// tail must not pass for a later one.
func (g Ground) ordinal(p Place) uint64 {
	if p.Epoch == g.Head.Epoch {
		return p.Ordinal
	}
	return min(p.Ordinal, max(g.Base, 1)-1)
}

// Before reports whether the place lies before the ordinal.
func (g Ground) Before(p Place, ordinal uint64) bool { return g.ordinal(p) < ordinal }

// position is the ordinal in the current epoch: 0 for what was before it.
func (g Ground) position(ordinal uint64) uint64 {
	if ordinal == math.MaxUint64 {
		return ordinal
	}
	return max(ordinal, g.Base) - g.Base
}

// View joins a session as its own store has it with how it stands. What has ended it counts as its end, and the
// session's own end, which came first, before that.
func (g Ground) View(how Standing, s Session, started, tokens Place) View {
	s.Position, s.TokensFrom = g.position(g.ordinal(started)), g.position(g.ordinal(tokens))
	v := View{Session: s, User: how.User, Revision: g.Head.Revision(), SessionsFrom: g.position(how.ApplicationFrom), Ring: g.Head.Ring}
	if !s.EndedAt.IsZero() {
		return v
	}
	switch {
	case g.Before(started, how.UserFrom):
		v.Session.EndedAt, v.Session.EndReason = how.UserEndedAt, how.UserEndReason
	case !how.Announced.IsZero():
		v.Session.EndedAt, v.Session.EndReason = how.Announced, SignedOut
	case g.Before(started, how.ApplicationFrom) && s.Position >= v.SessionsFrom:
		// It was in an earlier epoch: no position of this one says so.
		v.Session.EndedAt, v.Session.EndReason = s.LastSeenAt, AppRevoked
	}
	return v
}
