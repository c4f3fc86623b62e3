package signin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
)

// A remembered device holds the time at which a second factor was proven on it, and a MAC over that time, the user and
// the user's Revision. Nothing of it is stored: a change of password or factors makes all of them worthless, and how
// long one counts follows the policy of the moment.

// RememberFor is for how long a device may be spared the second factor where the application's policy holds; zero if it
// may not be.
func (s *Service) RememberFor(a application.Application) time.Duration { return s.rules(a).Remember }

// remember spares the device the second factor for a while.
func (s *Service) remember(user account.ID, revision uint64, how time.Duration, now time.Time) Remembered {
	at := strconv.FormatInt(now.Unix(), 36)
	return Remembered{Token: at + "." + s.rememberMAC(at, user, revision), Until: now.Add(how)}
}

// spared reports whether the device has proven a second factor of the user recently enough.
func (s *Service) spared(token string, user account.User, r rules, now time.Time) bool {
	at, mac, ok := strings.Cut(token, ".")
	if !ok || r.Remember <= 0 || !hmac.Equal([]byte(mac), []byte(s.rememberMAC(at, user.ID, user.Revision))) {
		return false
	}
	unix, err := strconv.ParseInt(at, 36, 64)
	if err != nil {
		return false
	}
	age := now.Sub(time.Unix(unix, 0))
	return age >= -time.Minute && age < r.Remember
}

func (s *Service) rememberMAC(at string, user account.ID, revision uint64) string {
	m := hmac.New(sha256.New, s.Box.Derive("remembered device"))
	_, _ = fmt.Fprintf(m, "%s.%s.%d", at, user, revision) // a hash takes everything
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
