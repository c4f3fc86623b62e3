package storetest

import (
	"fmt"
	"slices"
	"sync"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

var passkeyTests = []test{
	{"a passkey is kept whole, found by its credential and listed by id", passkeyIsKept},
	{"what is not there is not found", passkeyIsNotFound},
	{"a credential is registered once, whoever it belongs to", passkeyTaken},
	{"adding and removing raise the revision", passkeyRaises},
	{"a name is changed by its user alone", passkeyRename},
	{"a passkey is removed by its user alone", passkeyRemove},
	{"a use is stored unless the counter has moved", passkeyUse},
	{"of parallel uses of one counter one is stored", passkeyUsedInParallel},
	{"parallel additions keep the limit", passkeyLimit},
	{"of parallel additions of one credential one succeeds", passkeyAddedInParallel},
}

// passkey adds one to the user, whose credential id is made from seed.
func (s *scene) passkey(u account.User, seed string) credential.Passkey {
	s.t.Helper()
	k := s.newPasskey(u, seed)
	entry := s.entry(audit.PasskeyAdded)
	s.ok(s.Passkeys().Add(s.ctx, k, nil, entry))
	s.equal(s.audited(entry), true)
	return k
}

func (s *scene) newPasskey(u account.User, seed string) credential.Passkey {
	return credential.Passkey{
		ID: credential.NewPasskeyID(s.tick()), User: u.ID, Name: "Ключ of " + seed, CredentialID: []byte("\x00\xff" + seed),
		Record: []byte(`{"of":"` + seed + `"}`), SignCount: 1<<32 - 2, CreatedAt: s.now,
	}
}

func (s *scene) passkeysOf(u account.User) []credential.Passkey {
	s.t.Helper()
	keys, err := s.Passkeys().Of(s.ctx, u.ID)
	s.ok(err)
	return keys
}

func passkeyIsKept(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	one, theirs, two := s.passkey(anna, "one"), s.passkey(bert, "theirs"), s.passkey(anna, "two")
	for _, k := range []credential.Passkey{one, two, theirs} {
		found, err := s.Passkeys().Find(s.ctx, slices.Clone(k.CredentialID))
		s.ok(err)
		s.equal(found, k)
		found.Record[0], found.CredentialID[0] = 'x', 'x'
	}
	s.equal(s.passkeysOf(anna), []credential.Passkey{one, two})
	s.equal(s.passkeysOf(bert), []credential.Passkey{theirs})
}

func passkeyIsNotFound(s *scene) {
	s.passkey(s.user("anna"), "one")
	nobody := account.User{ID: account.NewID(s.tick())}
	_, err := s.Passkeys().Find(s.ctx, []byte("two"))
	s.is(err, credential.ErrPasskeyNotFound)
	_, err = s.Passkeys().Find(s.ctx, nil)
	s.is(err, credential.ErrPasskeyNotFound)
	s.equal(s.passkeysOf(nobody), []credential.Passkey(nil))
	s.is(s.Passkeys().Use(s.ctx, s.newPasskey(nobody, "two"), 0), credential.ErrPasskeyNotFound)
	s.refused(account.ErrNotFound, func() error {
		return s.Passkeys().Add(s.ctx, s.newPasskey(nobody, "two"), nil, s.entry(audit.PasskeyAdded))
	})
	s.refused(credential.ErrPasskeyNotFound, func() error {
		return s.Passkeys().Remove(s.ctx, nobody.ID, "pky_1", nil, s.entry(audit.PasskeyRemoved))
	})
}

func passkeyTaken(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	k := s.passkey(anna, "one")
	for _, u := range []account.User{anna, bert} {
		again := s.newPasskey(u, "one")
		s.unchanged(u, credential.ErrPasskeyTaken, func() error {
			return s.Passkeys().Add(s.ctx, again, nil, s.entry(audit.PasskeyAdded))
		})
	}
	s.equal(s.passkeysOf(anna), []credential.Passkey{k})
	s.equal(s.passkeysOf(bert), []credential.Passkey(nil))
}

func passkeyRaises(s *scene) {
	u := s.user("anna")
	var k credential.Passkey
	s.raises(u, func() { k = s.passkey(u, "one") })
	s.raises(u, func() { s.ok(s.Passkeys().Remove(s.ctx, u.ID, k.ID, nil, s.entry(audit.PasskeyRemoved))) })
	s.equal(s.passkeysOf(u), []credential.Passkey(nil))
}

func passkeyRename(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	k := s.passkey(anna, "one")
	s.unchanged(bert, credential.ErrPasskeyNotFound, func() error {
		return s.Passkeys().Rename(s.ctx, bert.ID, k.ID, "mine", s.entry(audit.PasskeyRenamed))
	})
	s.unchanged(anna, credential.ErrPasskeyNotFound, func() error {
		return s.Passkeys().Rename(s.ctx, anna.ID, "pky_1", "mine", s.entry(audit.PasskeyRenamed))
	})
	before, err := s.Accounts().ByID(s.ctx, anna.ID)
	s.ok(err)
	entry := s.entry(audit.PasskeyRenamed)
	s.ok(s.Passkeys().Rename(s.ctx, anna.ID, k.ID, "the blue one", entry))
	s.equal(s.audited(entry), true)
	k.Name = "the blue one"
	s.equal(s.passkeysOf(anna), []credential.Passkey{k})
	after, err := s.Accounts().ByID(s.ctx, anna.ID)
	s.ok(err)
	s.equal(after, before) // a name proves nothing
}

func passkeyRemove(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	one, two := s.passkey(anna, "one"), s.passkey(anna, "two")
	s.unchanged(bert, credential.ErrPasskeyNotFound, func() error {
		return s.Passkeys().Remove(s.ctx, bert.ID, one.ID, nil, s.entry(audit.PasskeyRemoved))
	})
	entry := s.entry(audit.PasskeyRemoved)
	s.ok(s.Passkeys().Remove(s.ctx, anna.ID, one.ID, nil, entry))
	s.equal(s.audited(entry), true)
	s.equal(s.passkeysOf(anna), []credential.Passkey{two})
	s.unchanged(anna, credential.ErrPasskeyNotFound, func() error {
		return s.Passkeys().Remove(s.ctx, anna.ID, one.ID, nil, s.entry(audit.PasskeyRemoved))
	})
	s.is(s.Passkeys().Use(s.ctx, one, one.SignCount), credential.ErrPasskeyNotFound)
}

func passkeyUse(s *scene) {
	u := s.user("anna")
	k := s.passkey(u, "one")
	used := k
	used.Record, used.SignCount, used.UsedAt = []byte(`{"flags":1}`), 1<<32-1, s.tick()
	used.Name, used.CreatedAt = "not stored", s.now
	s.ok(s.Passkeys().Use(s.ctx, used, k.SignCount))
	used.Name, used.CreatedAt = k.Name, k.CreatedAt
	s.equal(s.passkeysOf(u), []credential.Passkey{used})

	stale := used
	stale.Record, stale.SignCount = []byte("{}"), 7
	s.is(s.Passkeys().Use(s.ctx, stale, k.SignCount), credential.ErrPasskeyRaced)
	s.equal(s.passkeysOf(u), []credential.Passkey{used})

	// An authenticator that does not count says 0 each time.
	silent := s.newPasskey(u, "silent")
	silent.SignCount = 0
	s.ok(s.Passkeys().Add(s.ctx, silent, nil, s.entry(audit.PasskeyAdded)))
	for range 2 {
		silent.UsedAt = s.tick()
		s.ok(s.Passkeys().Use(s.ctx, silent, 0))
	}
	s.equal(s.passkeysOf(u)[1], silent)
}

func passkeyUsedInParallel(s *scene) {
	k := s.passkey(s.user("anna"), "one")
	for round := range 10 {
		from := uint32(round)
		if round == 0 {
			from = k.SignCount
		}
		s.equal(s.parallel(8, credential.ErrPasskeyRaced, func(int) error {
			used := k
			used.SignCount, used.UsedAt = uint32(round+1), s.now
			return s.Passkeys().Use(s.ctx, used, from)
		}), 1)
	}
}

func passkeyLimit(s *scene) {
	u := s.user("anna")
	for i := range credential.MaxPasskeys - 2 {
		s.passkey(u, fmt.Sprint("key", i))
	}
	var drafts []credential.Passkey
	for i := range 8 {
		drafts = append(drafts, s.newPasskey(u, fmt.Sprint("more", i)))
	}
	s.equal(s.parallel(len(drafts), credential.ErrTooManyPasskeys, func(i int) error {
		return s.Passkeys().Add(s.ctx, drafts[i], nil, audit.New(audit.PasskeyAdded, s.now))
	}), 2)
	s.equal(len(s.passkeysOf(u)), credential.MaxPasskeys)
	over := s.newPasskey(u, "over")
	s.unchanged(u, credential.ErrTooManyPasskeys, func() error {
		return s.Passkeys().Add(s.ctx, over, nil, s.entry(audit.PasskeyAdded))
	})
}

func passkeyAddedInParallel(s *scene) {
	const rounds, parallel = 10, 8
	var users []account.User
	for i := range parallel {
		users = append(users, s.user(fmt.Sprint("user", i)))
	}
	for round := range rounds {
		var drafts []credential.Passkey
		for _, u := range users {
			drafts = append(drafts, s.newPasskey(u, fmt.Sprint("same", round)))
		}
		var mu sync.Mutex
		var winner credential.Passkey
		s.equal(s.parallel(parallel, credential.ErrPasskeyTaken, func(i int) error {
			err := s.Passkeys().Add(s.ctx, drafts[i], nil, audit.New(audit.PasskeyAdded, s.now))
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				winner = drafts[i]
			}
			return err
		}), 1)
		found, err := s.Passkeys().Find(s.ctx, winner.CredentialID)
		s.ok(err)
		s.equal(found, winner)
	}
}
