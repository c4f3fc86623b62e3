package session

import (
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
)

var (
	noon   = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tokens = NewRefreshTokens(make([]byte, 32))
)

const grace = 30 * time.Second

// rotated is a session in mode jwt whose token has been refreshed n times, each a minute after the last, and the
// tokens it had.
func rotated(n int) (View, []RefreshToken) {
	s := Session{ID: NewID(noon), CreatedAt: noon, ExpiresAt: noon.Add(24 * time.Hour), Idle: time.Hour, IdleExpiresAt: noon.Add(24 * time.Hour)}
	all := []RefreshToken{tokens.New(s.ID, 1)}
	s.Refresh = Refresh{Generation: 1, Digest: all[0].Digest(), RotatedAt: noon, Floor: 1}
	for i := range n {
		next := tokens.New(s.ID, uint32(i)+2)
		s.Refresh = Refresh{Generation: uint32(i) + 2, Digest: next.Digest(), Previous: all[i].Digest(), Sealed: all[i].Seal(next),
			RotatedAt: noon.Add(time.Duration(i+1) * time.Minute), Floor: 1}
		all = append(all, next)
	}
	return View{Session: s, User: account.User{Status: account.Active}}, all
}

func TestDecide(t *testing.T) {
	v, all := rotated(2)
	at := v.Session.Refresh.RotatedAt
	forged := all[2]
	forged.random[0] ^= 1
	ahead := tokens.New(v.Session.ID, 9)
	ended, locked, expired, idle, stepped, revokedApp := v, v, v, v, v, v
	ended.Session.EndedAt = noon
	locked.User.Status = account.Locked
	expired.Session.ExpiresAt = at
	idle.Session.IdleExpiresAt = at
	stepped.Session.Refresh = Refresh{Generation: 4, Floor: 4}
	revokedApp.SessionsFrom = 1
	for _, c := range []struct {
		name  string
		view  View
		token RefreshToken
		now   time.Time
		want  Outcome
	}{
		{"the newest", v, all[2], at, Rotate},
		{"the newest, long after", v, all[2], at.Add(time.Hour), Rotate},
		{"the one before, within the grace", v, all[1], at.Add(grace - 1), Repeat},
		{"the one before, when the grace is over", v, all[1], at.Add(grace), Reused},
		{"an older one: its successor was used, which ended its grace", v, all[0], at, Reused},
		{"the newest generation with another secret", v, forged, at, Unknown},
		{"a generation that never was", v, ahead, at, Unknown},
		{"session ended", ended, all[2], at, Ended},
		{"a replay on an ended session ends nothing more", ended, all[0], at, Ended},
		{"user locked", locked, all[2], at, Ended},
		{"application revoked", revokedApp, all[2], at, Ended},
		{"absolute deadline", expired, all[2], at, Expired},
		{"idle deadline", idle, all[2], at, Expired},
		{"replaced by a step-up is not theft", stepped, all[2], at, Replaced},
	} {
		if got := Decide(c.view, c.token, c.now, grace); got != c.want {
			t.Errorf("%s: outcome %d, want %d", c.name, got, c.want)
		}
	}
	if got := Decide(v, all[1], at, 0); got != Reused {
		t.Errorf("without grace: outcome %d, want %d", got, Reused)
	}
}

func TestSuccessorIsReadableOnlyWithThePresentedToken(t *testing.T) {
	v, all := rotated(1)
	got, err := all[0].Open(v.Session.Refresh.Sealed)
	if err != nil || got != all[1] {
		t.Fatalf("the presented token opens %v (%v), want its successor", got, err)
	}
	other := tokens.New(v.Session.ID, 1)
	if _, err := other.Open(v.Session.Refresh.Sealed); err == nil {
		t.Error("another token of the same generation opened the successor")
	}
}

func TestRefreshTokenText(t *testing.T) {
	one := tokens.New(NewID(noon), 7)
	text := tokens.Text(one).Reveal()
	got, err := tokens.Parse(text)
	if err != nil || got != one {
		t.Fatalf("Parse(%d characters) = %v, %v", len(text), got, err)
	}
	for i := range text {
		if _, err := tokens.Parse(text[:i] + string(text[i]^1) + text[i+1:]); err == nil {
			t.Errorf("a token with character %d changed was taken for genuine", i)
		}
	}
	other := NewRefreshTokens(append(make([]byte, 31), 1))
	if _, err := other.Parse(text); err == nil {
		t.Error("a token with another server's tag was taken for genuine")
	}
}

func TestSessionTokenText(t *testing.T) {
	id := NewID(noon)
	text, digest := NewToken(id)
	if n := len(text.Reveal()); n > 80 {
		t.Errorf("session token has %d characters, the budget is 80", n)
	}
	gotID, gotDigest, err := ParseToken(text.Reveal())
	if err != nil || gotID != id || !gotDigest.Equal(digest) {
		t.Fatalf("ParseToken = %v, %v", gotID, err)
	}
	for _, bad := range []string{"", "tds_", text.Reveal() + "A", text.Reveal()[1:], "tdr_" + text.Reveal()[4:], text.Reveal()[:len(text.Reveal())-1] + "B"} {
		if got, d, err := ParseToken(bad); err == nil && got == id && d.Equal(digest) {
			t.Errorf("%q was taken for the same token", bad)
		}
	}
}

func TestTokensHaveOneSpelling(t *testing.T) {
	for range 2000 {
		text, _ := NewToken(NewID(noon))
		for _, end := range []string{"\n", "\r"} {
			if _, _, err := ParseToken(text.Reveal()[:len(text.Reveal())-1] + end); err == nil {
				t.Fatalf("a token that ends in %q was accepted", end)
			}
		}
	}
}

func TestDeadlines(t *testing.T) {
	var s Session
	Strict.Deadlines(&s, noon)
	if got := s.IdleDeadline(noon.Add(11*time.Hour + 59*time.Minute)); !got.Equal(noon.Add(12 * time.Hour)) {
		t.Errorf("idle deadline %s passes the absolute one", got)
	}
	for range 100 {
		if p := Standard.Jitter(); p.Absolute > Standard.Absolute || p.Absolute < Standard.Absolute*95/100 {
			t.Fatalf("jitter made %s of %s", p.Absolute, Standard.Absolute)
		}
	}
	v := View{Session: s, User: account.User{Status: account.Active}}
	for _, c := range []struct {
		at   time.Duration
		want error
	}{{0, nil}, {15*time.Minute - 1, nil}, {15 * time.Minute, ErrExpired}} {
		if got := v.Alive(noon.Add(c.at)); got != c.want {
			t.Errorf("after %s: %v, want %v", c.at, got, c.want)
		}
	}
}
