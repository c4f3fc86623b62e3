package session

import (
	"math"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
)

// What a session stands on decides whether it lives, whichever epoch it and the ends are of.
func TestGroundView(t *testing.T) {
	ground := Ground{Head: feed.Head{Epoch: "now", Position: 50}, Base: 1000}
	user := account.User{Status: account.Active}
	now, then := func(n uint64) Place { return Place{"now", n} }, func(n uint64) Place { return Place{"then", n} }
	for name, c := range map[string]struct {
		started   Place
		how       Standing
		alive     bool
		why       Reason
		from, pos uint64
	}{
		"nothing has ended it":                     {now(1010), Standing{}, true, "", 0, 10},
		"of an earlier epoch":                      {then(900), Standing{}, true, "", 0, 0},
		"its user's end lies above":                {now(1010), Standing{UserFrom: 1011}, false, UserRevoked, 0, 10},
		"its user's end lies at its start":         {now(1010), Standing{UserFrom: 1010}, true, "", 0, 10},
		"its application's end lies above":         {now(1010), Standing{ApplicationFrom: 1011}, false, "", 11, 10},
		"its application is gone":                  {now(1010), Standing{ApplicationFrom: math.MaxUint64}, false, "", math.MaxUint64, 10},
		"ended by its application before":          {then(900), Standing{ApplicationFrom: 901}, false, AppRevoked, 0, 0},
		"ended by its user before":                 {then(900), Standing{UserFrom: 901}, false, UserRevoked, 0, 0},
		"started after an end of an earlier epoch": {then(900), Standing{UserFrom: 900, ApplicationFrom: 900}, true, "", 0, 0},
		"the log tells of its end":                 {now(1010), Standing{Announced: noon}, false, SignedOut, 0, 10},
		// The store was restored: ordinals of the tail that it lost are used again, and must not pass for later ones.
		"of a lost tail, ended since":     {then(5000), Standing{UserFrom: 1001}, false, UserRevoked, 0, 0},
		"of a lost tail, app ended since": {then(5000), Standing{ApplicationFrom: 1001}, false, "", 1, 0},
		"of a lost tail":                  {then(5000), Standing{UserFrom: 999, ApplicationFrom: 999}, true, "", 0, 0},
	} {
		c.how.User, c.how.UserEndedAt, c.how.UserEndReason = user, noon, UserRevoked
		s := Session{LastSeenAt: noon, IdleExpiresAt: noon.Add(time.Hour), ExpiresAt: noon.Add(time.Hour)}
		v := ground.View(c.how, s, c.started, c.started)
		if err := v.Alive(noon); (err == nil) != c.alive || v.Session.EndReason != c.why {
			t.Errorf("%s: %v, ended for %q", name, err, v.Session.EndReason)
		}
		if v.SessionsFrom != c.from || v.Session.Position != c.pos || v.Session.TokensFrom != c.pos {
			t.Errorf("%s: position %d, tokens from %d, sessions from %d", name, v.Session.Position, v.Session.TokensFrom, v.SessionsFrom)
		}
		s.EndedAt, s.EndReason = noon.Add(-time.Hour), EndedByUser
		if v := ground.View(c.how, s, c.started, c.started); v.Session.EndReason != EndedByUser || !v.Session.EndedAt.Equal(s.EndedAt) {
			t.Errorf("%s: its own end, which came first, was replaced by %q", name, v.Session.EndReason)
		}
	}
}
