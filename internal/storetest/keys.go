package storetest

import (
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
)

var keyTests = []test{
	{"an empty ring has a version to start from", ringIsEmpty},
	{"a change puts, replaces, deletes and announces in one commit", ringChanges},
	{"a change of an older version writes nothing", ringRaced},
	{"of many changes of one version, one wins", ringOneWinner},
	{"values are copies", keyIsCopied},
	{"the head and every view tell the version", ringIsTold},
}

func (s *scene) key(kid string) signing.Stored {
	return signing.Stored{
		KID: kid, Use: signing.ForTokens, Algorithm: jws.ES256, State: signing.Next,
		Sealed: []byte("sealed " + kid), CreatedAt: s.tick(),
	}
}

func (s *scene) ring() (map[string]signing.Stored, uint64) {
	s.t.Helper()
	list, version, err := s.Keys().Keys(s.ctx)
	s.ok(err)
	keys := map[string]signing.Stored{}
	for _, k := range list {
		keys[k.KID] = k
	}
	s.equal(len(list), len(keys))
	return keys, version
}

// A node learns from what it reads anyway that another has changed the keys.
func ringIsTold(s *scene) {
	row := s.session(s.user("anna"))
	for range 2 {
		_, version := s.ring()
		s.equal(s.head().Ring, version)
		s.equal(s.find(row.ID).Ring, version)
		_, err := s.Keys().Change(s.ctx, changeOf(version, s.key("k"), s.tick()))
		s.ok(err)
	}
	view, err := s.Sessions().Rotate(s.ctx, s.rotation(row.ID, 1))
	s.ok(err)
	s.equal(view.Ring, s.head().Ring)
}

func ringIsEmpty(s *scene) {
	keys, version := s.ring()
	s.equal(len(keys), 0)
	_, err := s.Keys().Change(s.ctx, signing.Change{Version: version, Put: []signing.Stored{s.key("a")}, At: s.now})
	s.ok(err)
	_, after := s.ring()
	s.equal(after, version+1)
}

func ringChanges(s *scene) {
	_, version := s.ring()
	a, b := s.key("a"), s.key("b")
	b.Use, b.Algorithm = signing.ForFeed, jws.EdDSA
	_, err := s.Keys().Change(s.ctx, signing.Change{Version: version, Put: []signing.Stored{a, b}, At: s.now})
	s.ok(err)

	before, entry, c := s.head(), s.entry(audit.KeyRevoked), s.key("c")
	a.State, a.Sealed = signing.Revoked, nil
	a.CurrentAt, a.RetiredAt, a.RevokedAt = s.now.Add(time.Second), s.now.Add(2*time.Second), s.now.Add(3*time.Second)
	commit, err := s.Keys().Change(s.ctx, signing.Change{
		Version: version + 1, Put: []signing.Stored{c, a}, Delete: []string{"b", "never there"},
		Announce: []revocation.Event{revocation.KeyEvent("a")}, Audit: []audit.Entry{entry}, At: s.now,
	})
	s.ok(err)
	keys, now := s.ring()
	s.equal(keys, map[string]signing.Stored{"a": a, "c": c})
	s.equal(now, version+2)
	s.equal(commit.Position, before.Position+1)
	s.equal(s.since(before), []revocation.Event{revocation.KeyEvent("a")})
	s.equal(s.audited(entry), true)
}

func ringRaced(s *scene) {
	_, version := s.ring()
	a := s.key("a")
	_, err := s.Keys().Change(s.ctx, signing.Change{Version: version, Put: []signing.Stored{a}, At: s.now})
	s.ok(err)
	for _, stale := range []uint64{version, version + 2} {
		s.refused(signing.ErrRaced, func() error {
			_, err := s.Keys().Change(s.ctx, signing.Change{
				Version: stale, Put: []signing.Stored{s.key("b")}, Delete: []string{"a"}, At: s.now,
				Announce: []revocation.Event{revocation.KeyEvent("a")}, Audit: []audit.Entry{s.entry(audit.KeyRevoked)},
			})
			return err
		})
	}
	keys, _ := s.ring()
	s.equal(keys, map[string]signing.Stored{"a": a})
}

func ringOneWinner(s *scene) {
	_, version := s.ring()
	change := signing.Change{Version: version, Put: []signing.Stored{s.key("a")}, At: s.now}
	var won, raced atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := s.Keys().Change(s.ctx, change); err == nil {
				won.Add(1)
			} else {
				raced.Add(1)
			}
		})
	}
	wg.Wait()
	s.equal(won.Load(), int32(1))
	s.equal(raced.Load(), int32(15))
	_, after := s.ring()
	s.equal(after, version+1)
}

func keyIsCopied(s *scene) {
	a := s.key("a")
	_, err := s.Keys().Change(s.ctx, signing.Change{Put: []signing.Stored{a}, At: s.now})
	s.ok(err)
	a.Sealed[0] = 'X'
	keys, _ := s.ring()
	s.equal(string(keys["a"].Sealed), "sealed a")
	keys["a"].Sealed[0] = 'X'
	keys, _ = s.ring()
	s.equal(string(keys["a"].Sealed), "sealed a")
}
