package storetest

import (
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/revocation"
)

var storeTests = []test{
	{"an open store answers a ping", pings},
	{"the last commit is the latest time that one carried", lastCommit},
}

func changeOf(version uint64, key signing.Stored, at time.Time) signing.Change {
	return signing.Change{Version: version, Put: []signing.Stored{key}, At: at}
}

func pings(s *scene) { s.ok(s.Ping(s.ctx)) }

// A server that starts again on a clock that has stepped back goes on from here: whatever it was told before must
// lie in its past.
func lastCommit(s *scene) {
	last := func(want time.Time) {
		s.t.Helper()
		got, err := s.LastCommit(s.ctx)
		s.ok(err)
		s.equal(got, want)
	}
	u := s.user("anna")
	last(s.now)
	row := s.session(u)
	last(row.CreatedAt)
	s.now = s.now.Add(time.Second)
	_, err := s.Sessions().Rotate(s.ctx, s.rotation(row.ID, 1))
	s.ok(err)
	last(s.now)
	_, _, err = s.Accounts().Amend(s.ctx, account.Amendment{ID: u.ID, Name: to("A"), At: s.tick()})
	s.ok(err)
	last(s.now)
	s.append(revocation.AllEvent())
	last(s.now)
	s.end(row.ID)
	last(s.now)
	_, err = s.Keys().Change(s.ctx, changeOf(0, s.key("k"), s.tick()))
	s.ok(err)
	last(s.now)

	latest := s.now
	s.now = s.now.Add(-time.Hour)
	s.append(revocation.AllEvent())
	_, _, err = s.Sessions().End(s.ctx, session.Ending{User: u.ID, At: s.now, Reason: session.SignedOut})
	s.ok(err)
	last(latest)
}
