package sqlite

import (
	"errors"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/audit"
)

// What is common to the ways in which users prove who they are.

// raise ends a write that has changed what the user can prove themselves with: their Revision is raised.
func (t *tx) raise(u account.User, entry audit.Entry) error {
	u.Revision++
	if err := t.putUser(u); err != nil {
		return err
	}
	_, err := t.finish(entry.At, nil, entry)
	return err
}

// still answers the user if they are as they were.
func (t *tx) still(id account.ID, was *account.User) (int64, account.User, error) {
	n, u, err := t.user(id)
	if err == nil {
		err = u.Still(was)
	}
	return n, u, err
}

const (
	deletePasswordOf      = `DELETE FROM passwords WHERE user = ?`
	deletePasskeysOf      = `DELETE FROM passkeys WHERE user = ?`
	deleteTOTPOf          = `DELETE FROM totps WHERE user = ?`
	deleteRecoveryCodesOf = `DELETE FROM recovery_codes WHERE user = ?`
	deleteConnectionsOf   = `DELETE FROM connections WHERE user = ?`
)

// dropCredentials removes all that the user could prove themselves with.
func (t *tx) dropCredentials(user int64) (err error) {
	for _, query := range []string{deletePasswordOf, deletePasskeysOf, deleteTOTPOf, deleteRecoveryCodesOf, deleteConnectionsOf} {
		_, failed := t.exec(query, user)
		err = errors.Join(err, failed)
	}
	return err
}

// blob is bytes as a column that is not NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
