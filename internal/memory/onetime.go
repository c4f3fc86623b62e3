package memory

import (
	"context"
	"slices"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// Codes answers the port to what yields each code once.
func (s *Store) Codes() credential.OneTimeCodes { return oneTimeCodes{s} }

type oneTimeCodes struct{ s *Store }

func (p oneTimeCodes) TOTP(ctx context.Context, id account.ID) (found credential.TOTP, err error) {
	err = p.s.do(ctx, "codes.TOTP", func() error {
		t, ok := p.s.totps[id]
		if !ok {
			return credential.ErrNoTOTP
		}
		found = cloneTOTP(t)
		return nil
	})
	return found, err
}

func (p oneTimeCodes) SetTOTP(ctx context.Context, t credential.TOTP, was *account.User, entry audit.Entry) error {
	return p.s.do(ctx, "codes.SetTOTP", func() error {
		u, ok := p.s.users[t.User]
		if !ok {
			return account.ErrNotFound
		}
		if err := u.account.Still(was); err != nil {
			return err
		}
		p.s.totps[t.User] = cloneTOTP(t)
		p.s.raise(u, entry)
		return nil
	})
}

func (p oneTimeCodes) SpendStep(ctx context.Context, id account.ID, step int64) error {
	return p.s.do(ctx, "codes.SpendStep", func() error {
		t, ok := p.s.totps[id]
		if !ok {
			return credential.ErrNoTOTP
		}
		if step <= t.Step {
			return credential.ErrStepSpent
		}
		t.Step = step
		p.s.totps[id] = t
		return nil
	})
}

func (p oneTimeCodes) RemoveTOTP(ctx context.Context, id account.ID, was *account.User, entry audit.Entry) error {
	return p.s.do(ctx, "codes.RemoveTOTP", func() error {
		if _, ok := p.s.totps[id]; !ok {
			return credential.ErrNoTOTP
		}
		if err := p.s.users[id].account.Still(was); err != nil {
			return err
		}
		delete(p.s.totps, id)
		delete(p.s.codes, id)
		p.s.raise(p.s.users[id], entry)
		return nil
	})
}

func (p oneTimeCodes) RecoveryCodes(ctx context.Context, id account.ID) (left int, err error) {
	err = p.s.do(ctx, "codes.RecoveryCodes", func() error {
		left = len(p.s.codes[id])
		return nil
	})
	return left, err
}

func (p oneTimeCodes) SetRecoveryCodes(ctx context.Context, id account.ID, codes []secret.Digest, was *account.User, entry audit.Entry) error {
	return p.s.do(ctx, "codes.SetRecoveryCodes", func() error {
		u, ok := p.s.users[id]
		if !ok {
			return account.ErrNotFound
		}
		if err := u.account.Still(was); err != nil {
			return err
		}
		set := map[secret.Digest]bool{}
		for _, code := range codes {
			set[code] = true
		}
		p.s.codes[id] = set
		p.s.raise(u, entry)
		return nil
	})
}

func (p oneTimeCodes) SpendRecoveryCode(ctx context.Context, id account.ID, code secret.Digest, entry audit.Entry) (left int, err error) {
	err = p.s.do(ctx, "codes.SpendRecoveryCode", func() error {
		if !p.s.codes[id][code] {
			return credential.ErrNoRecoveryCode
		}
		delete(p.s.codes[id], code)
		left = len(p.s.codes[id])
		p.s.finish(entry.At, nil, entry)
		return nil
	})
	return left, err
}

func cloneTOTP(t credential.TOTP) credential.TOTP {
	t.Sealed = slices.Clone(t.Sealed)
	return t
}
