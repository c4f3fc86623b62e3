package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
)

// Passkeys answers the port to passkeys.
func (s *Store) Passkeys() credential.Passkeys { return passkeys{s} }

type passkeys struct{ s *Store }

func (p passkeys) Add(ctx context.Context, k credential.Passkey, was *account.User, entry audit.Entry) error {
	return p.s.do(ctx, "passkey.Add", func() error {
		u, ok := p.s.users[k.User]
		if !ok {
			return account.ErrNotFound
		}
		if err := u.account.Still(was); err != nil {
			return err
		}
		if _, taken := p.s.passkey(k.CredentialID); taken {
			return credential.ErrPasskeyTaken
		}
		if _, ok := p.s.passkeys[k.ID]; ok {
			return fmt.Errorf("passkey %s exists already", k.ID)
		}
		if len(p.s.passkeysOf(k.User)) >= credential.MaxPasskeys {
			return credential.ErrTooManyPasskeys
		}
		p.s.passkeys[k.ID] = clonePasskey(k)
		p.s.raise(u, entry)
		return nil
	})
}

func (p passkeys) Find(ctx context.Context, credentialID []byte) (found credential.Passkey, err error) {
	err = p.s.do(ctx, "passkey.Find", func() error {
		k, ok := p.s.passkey(credentialID)
		if !ok {
			return credential.ErrPasskeyNotFound
		}
		found = clonePasskey(k)
		return nil
	})
	return found, err
}

func (p passkeys) Of(ctx context.Context, id account.ID) (found []credential.Passkey, err error) {
	err = p.s.do(ctx, "passkey.Of", func() error {
		for _, k := range p.s.passkeysOf(id) {
			found = append(found, clonePasskey(k))
		}
		return nil
	})
	return found, err
}

func (p passkeys) Use(ctx context.Context, k credential.Passkey, from uint32) error {
	return p.s.do(ctx, "passkey.Use", func() error {
		stored, ok := p.s.passkeys[k.ID]
		if !ok {
			return credential.ErrPasskeyNotFound
		}
		if stored.SignCount != from {
			return credential.ErrPasskeyRaced
		}
		stored.Record, stored.SignCount, stored.UsedAt = slices.Clone(k.Record), k.SignCount, k.UsedAt
		p.s.passkeys[k.ID] = stored
		p.s.seen(k.UsedAt)
		return nil
	})
}

func (p passkeys) Rename(ctx context.Context, id account.ID, passkey, name string, entry audit.Entry) error {
	return p.s.do(ctx, "passkey.Rename", func() error {
		k, ok := p.s.passkeys[passkey]
		if !ok || k.User != id {
			return credential.ErrPasskeyNotFound
		}
		k.Name = name
		p.s.passkeys[passkey] = k
		p.s.finish(entry.At, nil, entry)
		return nil
	})
}

func (p passkeys) Remove(ctx context.Context, id account.ID, passkey string, was *account.User, entry audit.Entry) error {
	return p.s.do(ctx, "passkey.Remove", func() error {
		k, ok := p.s.passkeys[passkey]
		if !ok || k.User != id {
			return credential.ErrPasskeyNotFound
		}
		if err := p.s.users[id].account.Still(was); err != nil {
			return err
		}
		delete(p.s.passkeys, passkey)
		p.s.raise(p.s.users[id], entry)
		return nil
	})
}

// passkey looks up by what the authenticator calls it.
func (s *Store) passkey(credentialID []byte) (credential.Passkey, bool) {
	for _, k := range s.passkeys {
		if bytes.Equal(k.CredentialID, credentialID) {
			return k, true
		}
	}
	return credential.Passkey{}, false
}

func (s *Store) passkeysOf(id account.ID) []credential.Passkey {
	return sorted(s.passkeys, func(k credential.Passkey) bool { return k.User == id },
		func(k credential.Passkey) string { return k.ID })
}

func clonePasskey(k credential.Passkey) credential.Passkey {
	k.CredentialID, k.Record = slices.Clone(k.CredentialID), slices.Clone(k.Record)
	return k
}
