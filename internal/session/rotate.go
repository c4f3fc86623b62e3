package session

import "time"

// Outcome of presenting a refresh token.
type Outcome uint8

// The outcomes.
const (
	// Rotate: it is the newest token; move on one generation.
	Rotate Outcome = iota + 1
	// Repeat: it is the one before, within the grace and its successor not yet used; answer the same successor.
	Repeat
	// Reused: a genuine token that must not be presented any more. Two parties hold it: the session ends.
	Reused
	// Ended: the session is dead; nothing changes.
	Ended
	// Expired: the session's deadlines have passed; nothing changes.
	Expired
	// Replaced: the token died when the session's credentials were replaced (step-up); nothing changes. This is not
	// theft: a refresh under way during a step-up is honest.
	Replaced
	// Unknown: the session has no such token; nothing changes.
	Unknown
)

// Decide says what presenting the token means. It is pure: the same state, token and time give the same outcome. The grace ends when the
// successor is used, because the presented token is then older than the previous one.
func Decide(v View, t RefreshToken, now time.Time, grace time.Duration) Outcome {
	r := v.Session.Refresh
	switch v.Alive(now) {
	case ErrEnded:
		return Ended
	case ErrExpired:
		return Expired
	}
	digest := t.Digest()
	switch {
	case r.Generation == 0, t.Generation > r.Generation, t.Generation == 0:
		return Unknown
	case t.Generation < r.Floor:
		return Replaced
	case t.Generation == r.Generation:
		if !digest.Equal(r.Digest) {
			return Unknown
		}
		return Rotate
	case t.Generation == r.Generation-1 && digest.Equal(r.Previous) && now.Sub(r.RotatedAt) < grace:
		return Repeat
	}
	return Reused
}
