package session

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/secret"
)

var binder = NewBinder(bytes.Repeat([]byte{9}, 32), BoundLifetime)

// boundOne is a session that was bound an hour ago.
func boundOne(key string) Session {
	return Session{ID: NewID(noon), Bound: Bound{Key: []byte(key), At: noon.Add(-time.Hour)}}
}

func TestBoundCookie(t *testing.T) {
	s := boundOne("key")
	cookie := binder.Bound(s, noon)
	if n := len(cookie.Reveal()); n > 54 {
		t.Errorf("a bound cookie has %d characters", n)
	}
	for _, at := range []time.Duration{-time.Hour, 0, BoundLifetime - time.Millisecond} {
		if until, err := binder.Admit(s, cookie, noon.Add(at)); err != nil || !until.Equal(noon.Add(BoundLifetime)) {
			t.Errorf("after %s: %s, %v", at, until, err)
		}
	}
	if _, err := binder.Admit(s, cookie, noon.Add(BoundLifetime)); !errors.Is(err, ErrUnbound) {
		t.Errorf("an expired cookie: %v", err)
	}
	another, swapped := boundOne("key"), s
	swapped.Bound.Key = []byte("other")
	for name, c := range map[string]struct {
		s      Session
		cookie string
	}{
		"none": {s, ""}, "of another session": {another, cookie.Reveal()}, "of another key": {swapped, cookie.Reveal()},
		"of another server": {s, NewBinder(make([]byte, 32), BoundLifetime).Bound(s, noon).Reveal()},
		"an invitation":     {s, binder.Invite(s, noon)}, "a challenge": {s, binder.Challenge(s, noon)}, "more": {s, cookie.Reveal() + "A"},
	} {
		if _, err := binder.Admit(c.s, secret.NewText(c.cookie), noon); !errors.Is(err, ErrUnbound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := binder.Admit(s, secret.NewText(binder.Challenge(s, noon)), noon.Add(-time.Second)); !errors.Is(err, ErrUnbound) {
		t.Error("a challenge passes for a cookie before its time")
	}
	if err := binder.CheckChallenge(s, cookie.Reveal(), noon.Add(BoundLifetime)); !errors.Is(err, ErrChallenge) {
		t.Error("an expired cookie passes for a challenge")
	}
	for i := range cookie.Reveal() {
		text := []byte(cookie.Reveal())
		text[i] ^= 1
		if _, err := binder.Admit(s, secret.NewText(string(text)), noon); !errors.Is(err, ErrUnbound) {
			t.Errorf("a cookie with character %d changed was taken for genuine", i)
		}
	}
}

func TestWhatNeedsNoBoundCookie(t *testing.T) {
	s := boundOne("key")
	s.Bound.At = noon
	for _, at := range []time.Duration{0, bindingGrace - 1} {
		if until, err := binder.Admit(s, secret.Text{}, noon.Add(at)); err != nil || !until.Equal(noon.Add(bindingGrace)) {
			t.Errorf("%s after it was bound: %s, %v", at, until, err)
		}
	}
	if _, err := binder.Admit(s, secret.Text{}, noon.Add(bindingGrace)); !errors.Is(err, ErrUnbound) {
		t.Errorf("a while after it was bound: %v", err)
	}
	if until, err := binder.Admit(Session{ID: s.ID}, secret.Text{}, noon); err != nil || !until.IsZero() {
		t.Errorf("a session that is not bound: %s, %v", until, err)
	}
	if _, err := (Binder{}).Admit(boundOne("key"), secret.Text{}, noon); err != nil || (Binder{}).On() {
		t.Errorf("where it is off: %v", err)
	}
}

func TestChallenges(t *testing.T) {
	s, other := boundOne("key"), boundOne("key")
	fresh := s
	fresh.Bound = Bound{}
	for name, c := range map[string]struct {
		make   func(Session, time.Time) string
		check  func(Session, string, time.Time) error
		of     Session
		within time.Duration
	}{
		"invitation":              {binder.Invite, binder.CheckInvite, fresh, registerWithin},
		"invitation, sent again":  {binder.Invite, func(_ Session, text string, at time.Time) error { return binder.CheckInvite(s, text, at) }, fresh, registerWithin},
		"challenge for a renewal": {binder.Challenge, binder.CheckChallenge, s, refreshWithin},
	} {
		text := c.make(c.of, noon)
		for _, at := range []time.Duration{-nodeSkew, 0, c.within - 1} {
			if err := c.check(c.of, text, noon.Add(at)); err != nil {
				t.Errorf("%s after %s: %v", name, at, err)
			}
		}
		for _, at := range []time.Duration{-nodeSkew - 1, c.within, 24 * time.Hour} {
			if err := c.check(c.of, text, noon.Add(at)); !errors.Is(err, ErrChallenge) {
				t.Errorf("%s after %s: %v", name, at, err)
			}
		}
		for _, bad := range []string{"", text + "A", text[1:], strings.ToUpper(text), binder.Bound(s, noon).Reveal(), c.make(other, noon)} {
			if err := c.check(c.of, bad, noon); !errors.Is(err, ErrChallenge) {
				t.Errorf("%s: %q is accepted", name, bad)
			}
		}
	}
	if err := binder.CheckChallenge(s, binder.Invite(fresh, noon), noon); !errors.Is(err, ErrChallenge) {
		t.Error("an invitation passes for a challenge")
	}
	swapped := s
	swapped.Bound.Key = []byte("other")
	if err := binder.CheckChallenge(swapped, binder.Challenge(s, noon), noon); !errors.Is(err, ErrChallenge) {
		t.Error("a challenge passes for that of another device")
	}
	// A browser that asks twice need not sign twice.
	if binder.Challenge(s, noon) != binder.Challenge(s, noon.Add(challengeStep-1)) || binder.Challenge(s, noon) == binder.Challenge(s, noon.Add(challengeStep)) {
		t.Error("a challenge does not stay the same for as long as it should")
	}
}

func TestBindingDecides(t *testing.T) {
	b := Binding{Key: []byte("key")}
	for name, c := range map[string]struct {
		held  string
		write bool
		err   error
	}{"none": {"", true, nil}, "the same": {"key", false, nil}, "another": {"keys", false, ErrBound}} {
		if write, err := b.Decide(Session{Bound: Bound{Key: []byte(c.held)}}); write != c.write || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", name, write, err)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	bound := boundOne("key")
	cookie := binder.Bound(bound, noon)
	for name, s := range map[string]Session{"not bound": {ID: bound.ID}, "bound": bound} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := binder.Admit(s, cookie, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
