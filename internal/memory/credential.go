package memory

import (
	"cmp"
	"slices"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/secret"
)

// proofs are what users can prove themselves with, but for passwords.
type proofs struct {
	passkeys    map[string]credential.Passkey // by id
	totps       map[account.ID]credential.TOTP
	codes       map[account.ID]map[secret.Digest]bool // recovery codes
	connections map[string]credential.Connection      // by id
}

func newProofs() proofs {
	return proofs{
		passkeys:    map[string]credential.Passkey{},
		totps:       map[account.ID]credential.TOTP{},
		codes:       map[account.ID]map[secret.Digest]bool{},
		connections: map[string]credential.Connection{},
	}
}

// forget removes all that the user could prove themselves with.
func (s *Store) forget(u *user) {
	id := u.account.ID
	u.password = credential.PHC{}
	delete(s.totps, id)
	delete(s.codes, id)
	deleteOf(s.passkeys, func(p credential.Passkey) bool { return p.User == id })
	deleteOf(s.connections, func(c credential.Connection) bool { return c.User == id })
}

func deleteOf[T any](all map[string]T, gone func(T) bool) {
	for key, one := range all {
		if gone(one) {
			delete(all, key)
		}
	}
}

// sorted are the values that are wanted, in the order of their ids.
func sorted[T any](all map[string]T, wanted func(T) bool, id func(T) string) (found []T) {
	for _, one := range all {
		if wanted(one) {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return found
}

// raise ends a verb that has changed what the user can prove themselves with: their Revision is raised.
func (s *Store) raise(u *user, entry audit.Entry) {
	u.account.Revision++
	s.finish(entry.At, nil, entry)
}
