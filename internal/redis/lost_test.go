package redis_test

import (
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/lab/rig"
	"tandem.example/tandem/internal/session"
)

func TestEmptiedRedisBringsNothingBack(t *testing.T) {
	redis := server(t)
	w := newWorld(t, redis.URL())
	s := w.node()
	ended, living := w.start(s), w.start(s)
	w.ok(w.end(s, ended.Session.ID))
	redis.Flush(t)
	w.is(w.lives(s, ended.Session.ID), session.ErrNotFound)
	w.is(w.lives(s, living.Session.ID), session.ErrNotFound)
	fresh := w.start(s)
	w.is(w.lives(s, fresh.Session.ID), nil)
	w.is(w.lives(w.node(), fresh.Session.ID), nil)
}

// Whoever signs in after Redis was emptied, or restored from long ago, stays signed in, whatever else ends before anybody has
// looked at what Redis holds.
func TestSessionsBegunAfterALossLive(t *testing.T) {
	redis := server(t)
	w := newWorld(t, redis.URL())
	s := w.node()
	w.start(s)
	yesterday := redis.Backup(t)
	w.ok(w.end(s, w.start(s).Session.ID))
	w.forget(s)
	for name, lose := range map[string]func(){"emptied": func() { redis.Flush(t) }, "restored": func() { redis.Restore(t, yesterday) }} {
		lose()
		var fresh []session.ID
		for range 20 { // over many buckets
			fresh = append(fresh, w.start(s).Session.ID)
			w.ok(w.end(s, w.start(s).Session.ID))
		}
		for _, id := range fresh {
			if err := w.lives(s, id); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Yesterday's Redis does not know what was ended since, and the log does not either any more. Whatever it holds is dead,
// for a node that runs as for one that starts.
func TestRestoredRedisBringsNothingBack(t *testing.T) {
	redis := server(t)
	w := newWorld(t, redis.URL())
	s := w.node()
	var ended, living []session.ID
	for range 20 { // over many buckets
		ended, living = append(ended, w.start(s).Session.ID), append(living, w.start(s).Session.ID)
	}
	yesterday := redis.Backup(t)
	for _, id := range ended {
		w.ok(w.end(s, id))
	}
	w.forget(s)
	redis.Restore(t, yesterday)
	fresh := w.start(s)
	second := w.node()
	for i := range ended {
		for _, id := range []session.ID{ended[i], living[i]} {
			w.is(w.lives(s, id), session.ErrEnded)
			w.is(w.lives(second, id), session.ErrEnded)
			w.is(w.rotate(s, id, 1), session.ErrEnded)
		}
	}
	w.is(w.lives(second, fresh.Session.ID), nil)
	w.is(w.lives(second, w.start(second).Session.ID), nil)
	v, err := s.Sessions().Find(t.Context(), living[0])
	w.ok(err)
	if v.Session.EndReason != session.Restored {
		t.Errorf("ended for %q", v.Session.EndReason)
	}
}

// Whoever ends a session that Redis has lost ends its access tokens, of whose end nothing else tells: once.
func TestEndingALostSessionIsAnnounced(t *testing.T) {
	redis := server(t)
	w := newWorld(t, redis.URL())
	s := w.node()
	lost, other := w.start(s).Session.ID, w.start(s)
	yesterday := redis.Backup(t)
	w.ok(w.end(s, w.start(s).Session.ID))
	w.forget(s)
	redis.Restore(t, yesterday)
	w.is(w.lives(s, lost), session.ErrEnded)
	for round, want := range []int{1, 0} {
		before, _, err := s.Sessions().End(t.Context(), session.Ending{Session: w.start(s).Session.ID, Reason: session.EndedByOperator, At: time.Now()})
		w.ok(err)
		commit, ended, err := s.Sessions().End(t.Context(), session.Ending{Session: lost, Reason: session.EndedByOperator, At: time.Now()})
		w.ok(err)
		if announced := commit.Position > before.Position; ended != want || announced != (want == 1) {
			t.Errorf("round %d: %d ended, announced %t", round, ended, announced)
		}
	}
	_, n, err := s.Sessions().End(t.Context(), session.Ending{User: w.user.ID, Except: w.start(s).Session.ID, Reason: session.EndedByUser, At: time.Now()})
	w.ok(err)
	if n != 1 {
		t.Errorf("%d of the user's others ended, want the lost one alone", n)
	}
	w.is(w.lives(s, other.Session.ID), session.ErrEnded)
}

// As long as the log tells what was ended since, nobody else is signed out, and Redis learns it in time.
func TestRedisRestoredWithinTheLogKeepsTheRest(t *testing.T) {
	redis := server(t)
	w := newWorld(t, redis.URL())
	s := w.node()
	ended, living := w.start(s), w.start(s)
	moment := redis.Backup(t)
	w.ok(w.end(s, ended.Session.ID))
	redis.Restore(t, moment)
	w.is(w.lives(s, ended.Session.ID), session.ErrEnded)
	w.is(w.lives(s, living.Session.ID), nil)
	w.forget(s)
	w.is(w.lives(s, ended.Session.ID), session.ErrEnded)
	w.is(w.lives(s, living.Session.ID), nil)
}

// What the SQL store has ended by a user or an application needs nothing of Redis, whatever was done to it.
func TestRestoredRedisKnowsNothingOfUsers(t *testing.T) {
	redis := server(t)
	w := newWorld(t, redis.URL())
	s := w.node()
	one := w.start(s)
	moment := redis.Backup(t)
	locked, active := account.Locked, account.Active
	for _, status := range []*account.Status{&locked, &active} {
		m := account.Amendment{ID: w.user.ID, Status: status, At: time.Now()}
		if status == &locked {
			m.EndSessions = string(session.UserLocked)
		}
		_, _, err := w.sql.Accounts().Amend(t.Context(), m)
		w.ok(err)
	}
	w.is(w.lives(s, one.Session.ID), session.ErrEnded)
	redis.Restore(t, moment)
	w.is(w.lives(s, one.Session.ID), session.ErrEnded)
	w.is(w.rotate(s, one.Session.ID, 1), session.ErrEnded)
}

// A crash loses what was confirmed in the last second. What was ended stays ended even if it was in that second, and a
// refresh token newer than what Redis remembers is no sign of theft.
func TestCrashOfRedisBringsNothingBack(t *testing.T) {
	redis := rig.Redis(t, rig.RedisConfig{AppendFsync: "everysec"})
	w := newWorld(t, redis.URL())
	s := w.node()
	var ended, living []session.View
	for range 20 {
		ended, living = append(ended, w.start(s)), append(living, w.start(s))
	}
	time.Sleep(2500 * time.Millisecond) // everything is on disk
	moment := redis.Backup(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, v := range ended {
			w.ok(w.end(s, v.Session.ID))
		}
	}()
	<-done
	w.ok(w.rotate(s, living[0].Session.ID, 1))
	redis.Kill(t)
	redis.Restore(t, moment) // the kernel holds what a machine that fails would have lost
	for i := range ended {
		w.is(w.lives(s, ended[i].Session.ID), session.ErrEnded)
		w.is(w.lives(s, living[i].Session.ID), nil)
	}
	v, err := s.Sessions().Find(t.Context(), living[0].Session.ID)
	w.ok(err)
	tokens := session.NewRefreshTokens(make([]byte, 32))
	if got := session.Decide(v, tokens.New(v.Session.ID, 2), time.Now(), time.Minute); got != session.Unknown {
		t.Errorf("a token of a generation that was lost is %d, want unknown", got)
	}
	w.forget(s)
	for i := range ended {
		w.is(w.lives(s, ended[i].Session.ID), session.ErrEnded)
	}
}

// A kill alone loses nothing that was confirmed: the kernel writes it.
func TestKilledRedisKeepsItsSessions(t *testing.T) {
	redis := rig.Redis(t, rig.RedisConfig{AppendFsync: "everysec"})
	w := newWorld(t, redis.URL())
	s := w.node()
	one, gone := w.start(s), w.start(s)
	w.ok(w.end(s, gone.Session.ID))
	redis.Kill(t)
	redis.Start(t)
	w.is(w.lives(s, one.Session.ID), nil)
	w.is(w.lives(s, gone.Session.ID), session.ErrEnded)
	w.ok(w.rotate(s, one.Session.ID, 1))
}

// A new epoch that nobody has told Redis of ends every session: the SQL store was restored behind its back.
func TestEpochBehindTheBackOfRedis(t *testing.T) {
	w := newWorld(t, server(t).URL())
	s := w.node()
	one := w.start(s)
	_, err := w.sql.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), At: time.Now()})
	w.ok(err)
	w.is(w.lives(s, one.Session.ID), session.ErrEnded)
	fresh := w.start(s)
	w.is(w.lives(s, fresh.Session.ID), nil)

	// Told by way of a node, it keeps them, over several epochs.
	for range 3 {
		_, err = s.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), At: time.Now()})
		w.ok(err)
		w.is(w.lives(s, fresh.Session.ID), nil)
		w.is(w.lives(w.node(), fresh.Session.ID), nil)
	}
	_, err = s.BeginEpoch(t.Context(), feed.NewEpoch{Epoch: feed.RandomEpoch(), EndSessions: true, At: time.Now()})
	w.ok(err)
	w.is(w.lives(s, fresh.Session.ID), session.ErrEnded)
}
