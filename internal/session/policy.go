package session

import (
	"math/rand/v2"
	"time"
)

// Policy is what a new session gets.
type Policy struct {
	Idle     time.Duration
	Absolute time.Duration
	Limit    int           // sessions of one user with one application; 0 for no limit
	Grace    time.Duration // of refresh tokens
}

// The presets for Policy.
var (
	Standard = Policy{Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour, Grace: 30 * time.Second}
	Strict   = Policy{Idle: 15 * time.Minute, Absolute: 12 * time.Hour, Grace: 30 * time.Second}
)

// Deadlines sets the session's deadlines for a start at `now`.
func (p Policy) Deadlines(s *Session, now time.Time) {
	s.Idle = p.Idle
	s.CreatedAt, s.AuthenticatedAt, s.LastSeenAt = now, now, now
	s.ExpiresAt = now.Add(p.Absolute)
	s.IdleExpiresAt = s.IdleDeadline(now)
}

// Jitter shortens the absolute lifetime by up to 5 %, so that clients that signed in together do not come back together.
func (p Policy) Jitter() Policy {
	p.Absolute -= time.Duration(rand.Int64N(int64(p.Absolute)/20 + 1))
	return p
}

// IdleDeadline is the idle deadline of a session seen at `seen`. It never passes the absolute one.
func (s Session) IdleDeadline(seen time.Time) time.Time {
	d := seen.Add(s.Idle)
	if d.After(s.ExpiresAt) {
		return s.ExpiresAt
	}
	return d
}
