package sqlite

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

const userColumns = `u.id, u.email, u.email_verified, u.name, u.roles, u.status, u.created_at, u.revision, u.theft_at`

// userRow is where a row of userColumns is scanned into.
type userRow struct {
	id, email, name, roles, status string
	verified                       bool
	created, theft                 int64
	revision                       uint64
}

func (r *userRow) targets() []any {
	return []any{&r.id, &r.email, &r.verified, &r.name, &r.roles, &r.status, &r.created, &r.revision, &r.theft}
}

func (r *userRow) user() account.User {
	return account.User{
		ID: account.ID(r.id), Email: r.email, EmailVerified: r.verified, Name: r.name, Roles: list(r.roles),
		Status: account.Status(r.status), CreatedAt: instant(r.created), Revision: r.revision, TheftAt: instant(r.theft),
	}
}

func scanUser(row scanner) (account.User, error) {
	var r userRow
	err := row.Scan(r.targets()...)
	if errors.Is(err, sql.ErrNoRows) {
		return account.User{}, account.ErrNotFound
	}
	return r.user(), err
}

// selectView reads what a check of a session needs, in one go.
const selectView = `SELECT s.id, a.id, a.sessions_from, s.created_at, s.authenticated_at, s.last_seen_at, s.idle_expires_at,
	s.expires_at, s.idle, s.acr, s.amr, s.device, s.ip, s.ended_at, s.end_reason, s.version, s.position, s.tokens_from,
	s.token, s.refresh, ` + userColumns + `
	FROM sessions s JOIN users u ON u.n = s.user JOIN applications a ON a.n = s.application`

const selectViewByID = selectView + ` WHERE s.id = ?`

// scanView reads a row of selectView. The view has no Revision yet.
func scanView(row scanner) (v session.View, err error) {
	var u userRow
	var created, authenticated, seen, idleExpires, expires, idle, ended int64
	var amr string
	var token, refresh []byte
	s := &v.Session
	err = row.Scan(append([]any{
		&s.ID, &s.Application, &v.SessionsFrom, &created, &authenticated, &seen, &idleExpires,
		&expires, &idle, &s.ACR, &amr, &s.Device, &s.IP, &ended, &s.EndReason, &s.Version, &s.Position, &s.TokensFrom,
		&token, &refresh,
	}, u.targets()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return session.View{}, session.ErrNotFound
	}
	if err != nil {
		return session.View{}, err
	}
	v.User = u.user()
	s.User = v.User.ID
	s.CreatedAt, s.AuthenticatedAt, s.LastSeenAt = instant(created), instant(authenticated), instant(seen)
	s.IdleExpiresAt, s.ExpiresAt, s.EndedAt = instant(idleExpires), instant(expires), instant(ended)
	s.Idle, s.AMR = duration(idle), list(amr)
	if s.Token, err = fromDigest(token); err != nil {
		return session.View{}, fmt.Errorf("read the token of session %s: %w", s.ID, err)
	}
	if s.Refresh, err = unpackRefresh(refresh); err != nil {
		return session.View{}, fmt.Errorf("read session %s: %w", s.ID, err)
	}
	return v, nil
}

// packRefresh is the state of a refresh token as a column: generation and floor as 4 bytes each, the time of the
// rotation as 8, all big-endian, two digests of 32, and the sealed successor. NULL for a session without one. It is
// only ever read and written whole, and one column costs a fifth of six.
func packRefresh(r session.Refresh) any {
	if r.Generation == 0 {
		return nil
	}
	b := make([]byte, 0, refreshFixed+len(r.Sealed))
	b = binary.BigEndian.AppendUint32(b, r.Generation)
	b = binary.BigEndian.AppendUint32(b, r.Floor)
	b = binary.BigEndian.AppendUint64(b, uint64(millis(r.RotatedAt)))
	b = append(append(b, r.Digest[:]...), r.Previous[:]...)
	return append(b, r.Sealed...)
}

const refreshFixed = 4 + 4 + 8 + 2*len(secret.Digest{})

func unpackRefresh(b []byte) (r session.Refresh, err error) {
	if b == nil {
		return session.Refresh{}, nil
	}
	if len(b) < refreshFixed {
		return session.Refresh{}, fmt.Errorf("refresh state of %d bytes, want %d or more", len(b), refreshFixed)
	}
	r.Generation, r.Floor = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	r.RotatedAt = instant(int64(binary.BigEndian.Uint64(b[8:])))
	copy(r.Digest[:], b[16:])
	copy(r.Previous[:], b[16+len(r.Digest):])
	if len(b) > refreshFixed {
		r.Sealed = append([]byte(nil), b[refreshFixed:]...)
	}
	return r, nil
}
