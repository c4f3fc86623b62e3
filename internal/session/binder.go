package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"tandem.example/tandem/internal/secret"
)

// Durations of what a Binder issues.
const (
	// BoundLifetime is for how long a bound cookie is good: a stolen one dies within that.
	BoundLifetime = 8 * time.Minute
	// bindingGrace is for how long a session that was just bound is accepted by its session token alone: requests that
	// were on their way while the browser registered its key carry no bound cookie yet.
	bindingGrace = 10 * time.Second
	// registerWithin is the time that a browser has to make a key, after its sign-in. Some devices are slow at that.
	registerWithin = 5 * time.Minute
	// refreshWithin is the age at which a challenge for a bound cookie is refused. It is for how long a proof that was
	// listened to can be sent again.
	refreshWithin = 2 * time.Minute
	// challengeStep is how often the challenge of a session changes. A browser that asks twice within it need not sign
	// twice: a device signs slowly, and browsers ration it.
	challengeStep = 30 * time.Second
	// nodeSkew is how far the clock of another node may be ahead.
	nodeSkew = time.Minute
)

// Errors of a Binder.
var (
	// ErrUnbound is answered for a bound cookie that is missing, of another session or key, forged, or has expired.
	ErrUnbound = errors.New("not a valid bound cookie of the session")
	// ErrChallenge is answered for a challenge that was not issued to the session, or is too old by now.
	ErrChallenge = errors.New("not a current challenge of the session")
)

// Binder issues what binds sessions to devices: bound cookies, and the challenges that a device signs to get one. It
// keeps nothing: what it issues carries its time and a tag under a key that is derived from the master key. Safe for
// concurrent use; the zero value is off.
type Binder struct {
	key      []byte
	lifetime time.Duration
}

// NewBinder takes the 32-byte key of the tags, and for how long a bound cookie is good: BoundLifetime but in tests.
func NewBinder(key []byte, lifetime time.Duration) Binder {
	return Binder{key: key, lifetime: lifetime}
}

// On reports whether sessions are bound to devices, and those that are bound need their bound cookie.
func (b Binder) On() bool { return len(b.key) > 0 }

// Lifetime is for how long a bound cookie is good.
func (b Binder) Lifetime() time.Duration { return b.lifetime }

// What a tag was made for: none passes for another.
const (
	forCookie       = "bound"
	forRegistration = "register"
	forRefresh      = "refresh"
)

const (
	tagLen   = sha256.Size
	stampLen = 8 // milliseconds since 1970, big-endian
	issueLen = stampLen + tagLen
)

// Bound makes the bound cookie of a session that is bound: base64url of its expiry and a tag over the session's id, its
// key and the expiry.
func (b Binder) Bound(s Session, now time.Time) secret.Text {
	return secret.NewText(b.issue(forCookie, s, now.Add(b.lifetime)))
}

// Admit decides whether a session may act with its session token and this bound cookie, and until when: if it was bound a
// moment ago, or the cookie is good. A session that is not bound may, and until is zero. ErrUnbound otherwise.
func (b Binder) Admit(s Session, bound secret.Text, now time.Time) (until time.Time, err error) {
	if len(s.Bound.Key) == 0 || !b.On() {
		return time.Time{}, nil
	}
	if until, ok := b.read(forCookie, s, bound.Reveal()); ok && now.Before(until) {
		return until, nil
	}
	if until = s.Bound.At.Add(min(bindingGrace, b.lifetime)); now.Before(until) {
		return until, nil
	}
	return time.Time{}, ErrUnbound
}

// Invite makes the challenge for the first proof of a session that was just handed out.
func (b Binder) Invite(s Session, now time.Time) string {
	return b.issue(forRegistration, unboundOf(s), now)
}

// CheckInvite answers ErrChallenge unless it was made by Invite for the session, a short while ago.
func (b Binder) CheckInvite(s Session, challenge string, now time.Time) error {
	return b.check(forRegistration, unboundOf(s), challenge, now, registerWithin)
}

// Challenge makes the challenge for a further proof of a session that is bound.
func (b Binder) Challenge(s Session, now time.Time) string {
	return b.issue(forRefresh, s, now.Truncate(challengeStep))
}

// CheckChallenge answers ErrChallenge unless it was made by Challenge for the session and its key, a short while ago.
func (b Binder) CheckChallenge(s Session, challenge string, now time.Time) error {
	return b.check(forRefresh, s, challenge, now, refreshWithin)
}

// unboundOf is the session as it was before it was bound, since a proof may be sent again whose answer was lost.
func unboundOf(s Session) Session {
	s.Bound = Bound{}
	return s
}

func (b Binder) check(purpose string, s Session, challenge string, now time.Time, within time.Duration) error {
	made, ok := b.read(purpose, s, challenge)
	if !ok || now.Sub(made) >= within || made.Sub(now) > nodeSkew {
		return ErrChallenge
	}
	return nil
}

func (b Binder) issue(purpose string, s Session, at time.Time) string {
	body := binary.BigEndian.AppendUint64(make([]byte, 0, issueLen), uint64(at.UnixMilli()))
	return strict.EncodeToString(append(body, b.tag(purpose, s, body)...))
}

// read answers the time that was issued to the session for the purpose.
func (b Binder) read(purpose string, s Session, text string) (at time.Time, ok bool) {
	var body [issueLen]byte
	if !b.On() || len(text) != strict.EncodedLen(issueLen) || !decode(body[:], text) {
		return time.Time{}, false
	}
	if !hmac.Equal(b.tag(purpose, s, body[:stampLen]), body[stampLen:]) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(body[:]))), true
}

// tag is over parts of fixed length, but for the purposes, none of which begins another.
func (b Binder) tag(purpose string, s Session, stamp []byte) []byte {
	mac := hmac.New(sha256.New, b.key)
	mac.Write([]byte(purpose))
	mac.Write(stamp)
	thumb := sha256.Sum256(s.Bound.Key)
	mac.Write(thumb[:])
	mac.Write([]byte(s.ID))
	return mac.Sum(nil)
}
