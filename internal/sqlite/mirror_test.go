package sqlite

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/id"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/verify/revocation"
)

func TestKeyReadsTheBitsOfAnID(t *testing.T) {
	for text, want := range map[string]key{
		"ses_00000000000000000000000000": {},
		"ses_00000000000000000000000001": {15: 1},
		"ses_7zzzzzzzzzzzzzzzzzzzzzzzzz": {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
		"ses_01000000000000000000000000": {0: 1},
		"ses_00100000000000000000000000": {1: 8},
	} {
		if got, ok := keyOf(text); !ok || got != want {
			t.Errorf("keyOf(%s) = %x, %v, want %x", text, got, ok, want)
		}
	}
	seen := map[key]bool{}
	for range 1000 {
		k, ok := keyOf(id.Prefixed("ses_", epochDay))
		if !ok || seen[k] {
			t.Fatalf("two ids have the key %x", k)
		}
		seen[k] = true
	}
}

func TestKeyRefusesWhatIsNoID(t *testing.T) {
	for _, text := range []string{
		"", "ses_", "ses_0000000000000000000000000", "ses_000000000000000000000000000",
		"ses_8zzzzzzzzzzzzzzzzzzzzzzzzz", "ses_0000000000000000000000000i", "ses_0000000000000A000000000000",
		"ses_0000000000000 000000000000", "ses_000000000000\x00\x00000000000000",
	} {
		if _, ok := keyOf(text); ok {
			t.Errorf("keyOf(%q) is a key", text)
		}
	}
}

func fullView() session.View {
	at := func(s int) time.Time { return epochDay.Add(time.Duration(s) * time.Second) }
	return session.View{
		Session: session.Session{
			ID: session.NewID(epochDay), Application: "app_1", User: "usr_1", CreatedAt: at(1), AuthenticatedAt: at(2),
			LastSeenAt: at(3), IdleExpiresAt: at(4), ExpiresAt: at(5), Idle: 1500 * time.Millisecond, ACR: "2",
			AMR: []string{"pwd", "otp"}, Device: "Füchse on Linux", IP: "2001:db8::1", EndedAt: at(6),
			EndReason: session.SignedOut, Version: 300, Position: 1 << 40, TokensFrom: 77, Token: secret.Sum([]byte("t")),
			Refresh: session.Refresh{
				Generation: 9, Digest: generation(9), Previous: generation(8), Sealed: []byte("sealed"), RotatedAt: at(7), Floor: 3,
			},
		},
		User: account.User{
			ID: "usr_1", Email: "a@example.com", EmailVerified: true, Name: "Anna", Roles: []string{"admin", "x"},
			Status: account.Locked, CreatedAt: at(0), Revision: 12, TheftAt: at(8),
		},
		SessionsFrom: 44,
	}
}

func TestRecordsKeepEveryField(t *testing.T) {
	long := fullView()
	long.Session.Device = string(make([]byte, 1000))
	for name, v := range map[string]session.View{"full": fullView(), "empty": {}, "long": long} {
		seen := sighted{
			session: encodeSession(&v.Session), user: encodeUser(&v.User),
			application: v.Session.Application, sessionsFrom: v.SessionsFrom,
		}
		var got session.View
		seen.read(v.Session.ID, &got)
		if diff := cmp.Diff(v, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// mirrored makes a mirror of the size and a session in it.
func mirrored(t *testing.T, size int) (*mirror, session.View, key) {
	t.Helper()
	v := fullView()
	v.User.ID = account.NewID(epochDay)
	v.Session.User = v.User.ID
	v.Session.EndedAt, v.Session.EndReason = time.Time{}, ""
	k, _ := keyOf(string(v.Session.ID))
	return newMirror(size), v, k
}

func ended(v session.View) *changes {
	var c changes
	c.endSession(v.Session.ID, epochDay, session.SignedOut)
	return &c
}

// A reader that began before a commit must not bring back what the commit changed, however the two interleave.
func TestFillNeverBringsBackWhatACommitChanged(t *testing.T) {
	locked := func(v session.View) *changes {
		var c changes
		v.User.Status = "locked anew"
		c.putUser(v.User)
		return &c
	}
	closedApp := func(v session.View) *changes {
		var c changes
		c.putApplication(v.Session.Application, 1<<50)
		return &c
	}
	gone := func(v session.View) *changes {
		var c changes
		c.dropSession(v.Session.ID)
		return &c
	}
	all := func(session.View) *changes { return &changes{all: true} }
	for name, commit := range map[string]func(session.View) *changes{
		"ended": ended, "user": locked, "application": closedApp, "gone": gone, "all": all,
	} {
		t.Run(name+" between read and fill", func(t *testing.T) {
			m, v, k := mirrored(t, 1000)
			ticket := m.ticket(k)
			m.apply(commit(v))
			m.fill(k, ticket, &v)
			var got session.View
			if m.find(k, v.Session.ID, &got) {
				t.Fatalf("the mirror holds %+v, read before the commit", got)
			}
		})
		t.Run(name+" after fill", func(t *testing.T) {
			m, v, k := mirrored(t, 1000)
			m.fill(k, m.ticket(k), &v)
			m.apply(commit(v))
			var got session.View
			if m.find(k, v.Session.ID, &got) && cmp.Equal(got, v, cmpopts.EquateEmpty()) {
				t.Fatal("the mirror holds the session as it was before the commit")
			}
		})
	}
}

// One user's change reaches sessions that were filled before and after it.
func TestUsersAreSharedBySessions(t *testing.T) {
	m, first, k := mirrored(t, 1000)
	m.fill(k, m.ticket(k), &first)
	second := first
	second.Session.ID = session.NewID(epochDay)
	k2, _ := keyOf(string(second.Session.ID))
	m.fill(k2, m.ticket(k2), &second)

	var c changes
	changed := first.User
	changed.Roles = []string{"demoted"}
	c.putUser(changed)
	m.apply(&c)
	for _, v := range []session.View{first, second} {
		k, _ := keyOf(string(v.Session.ID))
		var got session.View
		if !m.find(k, v.Session.ID, &got) || got.User.Roles[0] != "demoted" {
			t.Errorf("roles %v", got.User.Roles)
		}
	}
	m.apply(ended(first)) // ended is not gone: the user stays linked
	var gone changes
	gone.dropSession(first.Session.ID)
	gone.dropSession(second.Session.ID)
	m.apply(&gone)
	if len(m.links.users) != 0 {
		t.Errorf("%d users are linked by no session", len(m.links.users))
	}
}

func TestMirrorKeepsWhatIsUsed(t *testing.T) {
	m, v, _ := mirrored(t, shardCount*8)
	sh := &m.shards[0]
	fill := func(n byte) key {
		k := key{14: n} // the last byte chooses the shard
		m.fill(k, m.ticket(k), &v)
		return k
	}
	var got session.View
	used := fill(0)
	for n := range 100 {
		if !m.find(used, v.Session.ID, &got) {
			t.Fatalf("the session in use was evicted after %d others came", n)
		}
		fill(byte(n + 1))
		if len(sh.slots) > sh.bound || len(sh.index) != len(sh.slots) {
			t.Fatalf("%d slots and %d in the index, bound %d", len(sh.slots), len(sh.index), sh.bound)
		}
	}
	for k, i := range sh.index {
		if sh.slots[i].key != k {
			t.Fatalf("slot %d holds %x, the index says %x", i, sh.slots[i].key, k)
		}
	}
	if n := m.links.users[mustKey(v.User.ID)].references; n != len(sh.slots) {
		t.Errorf("the user is counted %d times for %d sessions", n, len(sh.slots))
	}
}

// Of sessions that nobody asks for, the latest stay.
func TestMirrorKeepsTheLatest(t *testing.T) {
	const bound = 8
	m, v, _ := mirrored(t, shardCount*bound)
	var keys []key
	for n := range 5 * bound {
		k := key{14: byte(n)}
		keys = append(keys, k)
		m.fill(k, m.ticket(k), &v)
	}
	for n, k := range keys {
		if held := m.find(k, v.Session.ID, &session.View{}); held != (n >= 4*bound) {
			t.Errorf("session %d of %d is held: %v", n, len(keys), held)
		}
	}
}

func mustKey(id account.ID) key {
	k, _ := keyOf(string(id))
	return k
}

// A commit that changes a user and a session is seen whole or not at all: here the two always carry the same number.
func TestReadersNeverSeeHalfACommit(t *testing.T) {
	for name, sessions := range map[string]int{"mirror": 0, "no mirror": -1} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{MirrorSessions: sessions})
			app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
			row := s.start(t, draft(u, app, epochDay)).Session
			done := make(chan struct{})
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for running(done) {
						if v, err := s.Sessions().Find(t.Context(), row.ID); err != nil || v.Session.Version != v.User.Revision {
							t.Errorf("version %d, revision %d, %v", v.Session.Version, v.User.Revision, err)
							return
						}
					}
				})
			}
			for n := uint64(1); n <= 150; n++ {
				_, _, err := s.SignIn().SetPassword(t.Context(), signin.NewPassword{
					User: u.ID, From: credential.PHC{}, At: epochDay, Keep: &session.Renewal{ID: row.ID, Version: n},
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			close(done)
			wg.Wait()
		})
	}
}

// running also lets the writer have its turn: on few processors, readers that never rest would keep it from one.
func running(done chan struct{}) bool {
	runtime.Gosched()
	select {
	case <-done:
		return false
	default:
		return true
	}
}

// Whoever reads the head and then a session reads a session at least as new: here each commit leaves its position in
// the session.
func TestStateIsNeverOlderThanTheHeadReadBefore(t *testing.T) {
	for name, sessions := range map[string]int{"mirror": 0, "no mirror": -1, "tiny mirror": 1} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{MirrorSessions: sessions})
			app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
			row := s.start(t, draft(u, app, epochDay)).Session
			done := make(chan struct{})
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for running(done) {
						head, _ := s.Log().Head(t.Context())
						v, err := s.Sessions().Find(t.Context(), row.ID)
						if err != nil || v.Session.TokensFrom < head.Position || v.Session.TokensFrom < v.Revision.Seq {
							t.Errorf("head %d, then rv %d with state of %d (%v)", head.Position, v.Revision.Seq, v.Session.TokensFrom, err)
							return
						}
					}
				})
			}
			for n := uint64(1); n <= 150; n++ {
				if _, _, err := s.Sessions().Renew(t.Context(), session.Renewal{ID: row.ID, Version: n, At: epochDay}); err != nil {
					t.Fatal(err)
				}
			}
			close(done)
			wg.Wait()
		})
	}
}

// What a batch has changed is read from the database within the batch, and from the mirror after it.
func TestWritesOfOneBatchSeeEachOther(t *testing.T) {
	s := open(t, Config{})
	app, u := s.addApplication(t, "app"), s.addUser(t, "anna")
	row := s.start(t, withRefresh(draft(u, app, epochDay))).Session
	release := s.hold(t)
	rotated := s.queue(t, func() error {
		_, err := s.Sessions().Rotate(t.Context(), rotation(row.ID, 1, epochDay))
		return err
	})
	again := s.queue(t, func() error {
		_, err := s.Sessions().Rotate(t.Context(), rotation(row.ID, 1, epochDay))
		return err
	})
	next := s.queue(t, func() error {
		v, err := s.Sessions().Rotate(t.Context(), rotation(row.ID, 2, epochDay))
		if err == nil && v.Session.Refresh.Generation != 3 {
			err = fmt.Errorf("generation %d", v.Session.Refresh.Generation)
		}
		return err
	})
	locked := s.queue(t, func() error {
		status := account.Locked
		_, _, err := s.Accounts().Amend(t.Context(), account.Amendment{
			ID: u.ID, Status: &status, At: epochDay, Announce: []revocation.Event{revocation.SubjectEvent(string(u.ID))},
			Audit: []audit.Entry{audit.New(audit.UserLocked, epochDay)},
		})
		return err
	})
	dead := s.queue(t, func() error {
		_, err := s.Sessions().Rotate(t.Context(), rotation(row.ID, 3, epochDay))
		return err
	})
	release()
	for what, c := range map[string]struct {
		got  chan error
		want error
	}{
		"first": {rotated, nil}, "same token": {again, session.ErrRaced}, "successor": {next, nil},
		"lock": {locked, nil}, "after the lock": {dead, session.ErrEnded},
	} {
		if err := <-c.got; !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	v, err := s.Sessions().Find(t.Context(), row.ID)
	if err != nil || v.Session.Refresh.Generation != 3 || v.User.Status != account.Locked {
		t.Errorf("generation %d, user %s, %v", v.Session.Refresh.Generation, v.User.Status, err)
	}
}
