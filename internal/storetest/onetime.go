package storetest

import (
	"slices"
	"sync"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

var oneTimeTests = []test{
	{"a seed is kept whole, and replaced whole", totpIsKept},
	{"what needs a user or a seed says so", totpIsNotFound},
	{"a time step is spent once, and with it those before", stepIsSpent},
	{"of parallel codes of one time step one is spent", stepSpentInParallel},
	{"removing the seed removes the recovery codes", totpRemoved},
	{"recovery codes are replaced whole", recoveryCodesReplaced},
	{"a recovery code is spent once, by its user", recoveryCodeSpent},
	{"of parallel uses of one recovery code one succeeds", recoveryCodeInParallel},
	{"parallel recovery codes are each counted", recoveryCodesCounted},
	{"what changes the factors raises the revision, what spends a code does not", codesRaise},
}

// totp gives the user a seed.
func (s *scene) totp(u account.User, seed string) credential.TOTP {
	s.t.Helper()
	t := credential.TOTP{User: u.ID, Sealed: []byte("\x00sealed seed of " + seed), CreatedAt: s.tick(), Step: 60_000_000}
	entry := s.entry(audit.TOTPAdded)
	s.ok(s.Codes().SetTOTP(s.ctx, t, nil, entry))
	s.equal(s.audited(entry), true)
	return t
}

func (s *scene) totpOf(u account.User) credential.TOTP {
	s.t.Helper()
	t, err := s.Codes().TOTP(s.ctx, u.ID)
	s.ok(err)
	return t
}

func (s *scene) recoveryCodesLeft(u account.User) int {
	s.t.Helper()
	n, err := s.Codes().RecoveryCodes(s.ctx, u.ID)
	s.ok(err)
	return n
}

// recovery gives the user n recovery codes.
func (s *scene) recovery(u account.User, n int) []secret.Digest {
	s.t.Helper()
	codes, entry := recoveryCodes(u.Name, n), s.entry(audit.RecoveryCodesMade)
	s.ok(s.Codes().SetRecoveryCodes(s.ctx, u.ID, codes, nil, entry))
	s.equal(s.audited(entry), true)
	return codes
}

func totpIsKept(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	first, theirs := s.totp(anna, "first"), s.totp(bert, "theirs")
	found := s.totpOf(anna)
	s.equal(found, first)
	found.Sealed[0] = 'x'
	s.equal(s.totpOf(anna), first)
	s.ok(s.Codes().SpendStep(s.ctx, anna.ID, first.Step+5))
	second := s.totp(anna, "second")
	s.equal(s.totpOf(anna), second)
	s.equal(s.totpOf(bert), theirs)
}

func totpIsNotFound(s *scene) {
	u, nobody := s.user("anna"), account.NewID(s.tick())
	for _, id := range []account.ID{u.ID, nobody} {
		_, err := s.Codes().TOTP(s.ctx, id)
		s.is(err, credential.ErrNoTOTP)
		s.refused(credential.ErrNoTOTP, func() error { return s.Codes().SpendStep(s.ctx, id, 1) })
		s.refused(credential.ErrNoTOTP, func() error { return s.Codes().RemoveTOTP(s.ctx, id, nil, s.entry(audit.TOTPRemoved)) })
		n, err := s.Codes().RecoveryCodes(s.ctx, id)
		s.ok(err)
		s.equal(n, 0)
		s.refused(credential.ErrNoRecoveryCode, func() error {
			_, err := s.Codes().SpendRecoveryCode(s.ctx, id, secret.Sum(nil), s.entry(audit.RecoveryCodeUsed))
			return err
		})
	}
	s.refused(account.ErrNotFound, func() error {
		return s.Codes().SetTOTP(s.ctx, credential.TOTP{User: nobody, Sealed: []byte("s"), CreatedAt: s.now}, nil, s.entry(audit.TOTPAdded))
	})
	s.refused(account.ErrNotFound, func() error {
		return s.Codes().SetRecoveryCodes(s.ctx, nobody, recoveryCodes("nobody", 1), nil, s.entry(audit.RecoveryCodesMade))
	})
}

func stepIsSpent(s *scene) {
	u := s.user("anna")
	t := s.totp(u, "seed")
	for _, dead := range []int64{t.Step, t.Step - 1, 0} {
		s.is(s.Codes().SpendStep(s.ctx, u.ID, dead), credential.ErrStepSpent)
	}
	s.ok(s.Codes().SpendStep(s.ctx, u.ID, t.Step+2))
	for _, dead := range []int64{t.Step + 2, t.Step + 1} {
		s.is(s.Codes().SpendStep(s.ctx, u.ID, dead), credential.ErrStepSpent)
	}
	t.Step += 2
	s.equal(s.totpOf(u), t)
}

func stepSpentInParallel(s *scene) {
	u := s.user("anna")
	t := s.totp(u, "seed")
	for round := range 10 {
		s.equal(s.parallel(8, credential.ErrStepSpent, func(int) error {
			return s.Codes().SpendStep(s.ctx, u.ID, t.Step+1+int64(round))
		}), 1)
	}
}

func totpRemoved(s *scene) {
	anna, bert := s.equipped("anna"), s.equipped("bert")
	entry := s.entry(audit.TOTPRemoved)
	s.ok(s.Codes().RemoveTOTP(s.ctx, anna.user.ID, nil, entry))
	s.equal(s.audited(entry), true)
	_, err := s.Codes().TOTP(s.ctx, anna.user.ID)
	s.is(err, credential.ErrNoTOTP)
	s.equal(s.recoveryCodesLeft(anna.user), 0)
	s.equal(s.passkeysOf(anna.user), []credential.Passkey{anna.passkey})
	s.has(bert)
	s.unchanged(anna.user, credential.ErrNoTOTP, func() error {
		return s.Codes().RemoveTOTP(s.ctx, anna.user.ID, nil, s.entry(audit.TOTPRemoved))
	})
}

func recoveryCodesReplaced(s *scene) {
	u := s.user("anna")
	old := s.recovery(u, 10)
	s.equal(s.recoveryCodesLeft(u), 10)
	fresh := recoveryCodes("somebody else", 4)
	s.ok(s.Codes().SetRecoveryCodes(s.ctx, u.ID, fresh, nil, s.entry(audit.RecoveryCodesMade)))
	s.equal(s.recoveryCodesLeft(u), 4)
	s.unchanged(u, credential.ErrNoRecoveryCode, func() error {
		_, err := s.Codes().SpendRecoveryCode(s.ctx, u.ID, old[0], s.entry(audit.RecoveryCodeUsed))
		return err
	})
	s.ok(s.Codes().SetRecoveryCodes(s.ctx, u.ID, nil, nil, s.entry(audit.RecoveryCodesMade)))
	s.equal(s.recoveryCodesLeft(u), 0)
}

func recoveryCodeSpent(s *scene) {
	anna, bert := s.user("anna"), s.user("bert")
	codes := s.recovery(anna, 3)
	s.recovery(bert, 1)
	spend := func(u account.User, code secret.Digest) error {
		_, err := s.Codes().SpendRecoveryCode(s.ctx, u.ID, code, s.entry(audit.RecoveryCodeUsed))
		return err
	}
	s.unchanged(bert, credential.ErrNoRecoveryCode, func() error { return spend(bert, codes[0]) })
	entry := s.entry(audit.RecoveryCodeUsed)
	left, err := s.Codes().SpendRecoveryCode(s.ctx, anna.ID, codes[1], entry)
	s.ok(err)
	s.equal(left, 2)
	s.equal(s.audited(entry), true)
	s.unchanged(anna, credential.ErrNoRecoveryCode, func() error { return spend(anna, codes[1]) })
	s.equal(s.recoveryCodesLeft(anna), 2)
	s.equal(s.recoveryCodesLeft(bert), 1)
}

func recoveryCodeInParallel(s *scene) {
	u := s.user("anna")
	for left, code := range slices.Backward(s.recovery(u, 5)) {
		s.equal(s.parallel(8, credential.ErrNoRecoveryCode, func(int) error {
			n, err := s.Codes().SpendRecoveryCode(s.ctx, u.ID, code, audit.New(audit.RecoveryCodeUsed, s.now))
			if err == nil && n != left {
				s.t.Errorf("%d are said to be left, want %d", n, left)
			}
			return err
		}), 1)
	}
}

func recoveryCodesCounted(s *scene) {
	u := s.user("anna")
	codes := s.recovery(u, 10)
	var mu sync.Mutex
	var left, want []int
	s.equal(s.parallel(len(codes), nil, func(i int) error {
		n, err := s.Codes().SpendRecoveryCode(s.ctx, u.ID, codes[i], audit.New(audit.RecoveryCodeUsed, s.now))
		mu.Lock()
		defer mu.Unlock()
		left = append(left, n)
		return err
	}), len(codes))
	slices.Sort(left)
	for i := range codes {
		want = append(want, i)
	}
	s.equal(left, want)
}

func codesRaise(s *scene) {
	u := s.user("anna")
	var t credential.TOTP
	var codes []secret.Digest
	s.raises(u, func() { t = s.totp(u, "seed") })
	s.raises(u, func() { codes = s.recovery(u, 2) })
	before, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.ok(s.Codes().SpendStep(s.ctx, u.ID, t.Step+1))
	_, err = s.Codes().SpendRecoveryCode(s.ctx, u.ID, codes[0], s.entry(audit.RecoveryCodeUsed))
	s.ok(err)
	after, err := s.Accounts().ByID(s.ctx, u.ID)
	s.ok(err)
	s.equal(after, before)
	s.raises(u, func() { s.ok(s.Codes().RemoveTOTP(s.ctx, u.ID, nil, s.entry(audit.TOTPRemoved))) })
}
