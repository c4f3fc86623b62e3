package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/verify/token"
)

// viewColumns is what a check of a session needs, of the tables sessions s, users u, applications a and head h, in the
// order in which scanView takes it.
const viewColumns = `s.id, s.created_at, s.authenticated_at, s.last_seen_at, s.idle_expires_at, s.expires_at, s.idle,
	s.ended_at, s.version, s.position, s.tokens_from, s.acr, s.amr, s.device, s.ip, s.end_reason, s.token, s.refresh, s.bound,
	u.id, u.email, u.email_verified, u.name, u.roles, u.status, u.created_at, u.revision, u.theft_at,
	a.id, a.sessions_from, h.epoch, h.base, h.position, h.ring, h.sessions_from, h.sessions_ended_at`

// viewTables joins them.
const viewTables = ` FROM sessions s JOIN users u ON u.n = s.user_n JOIN applications a ON a.n = s.application_n
	JOIN head h ON h.one`

const selectView = `SELECT ` + viewColumns + viewTables

// living is session.View.Alive in SQL, at the time $at in milliseconds: for verbs that find living sessions, or write
// only to those, in one statement.
func living(at string) string {
	return `s.ended_at = 0 AND u.status = 'active' AND s.position >= a.sessions_from AND s.position >= h.sessions_from
		AND s.expires_at > ` + at + ` AND s.idle_expires_at > ` + at
}

// binaryRows asks for columns in the binary form that fields reads: thirty columns through reflection cost more than
// the query. In a batch the driver chooses the form, which is the same for all types that are used.
var binaryRows = pgx.QueryResultFormats{pgx.BinaryFormatCode}

// fields reads the columns of a row in their order, in the binary form of PostgreSQL.
type fields struct {
	raw [][]byte
	err error
}

var errColumn = errors.New("column is not of the expected form")

func (f *fields) next(size int) []byte {
	if len(f.raw) == 0 || size >= 0 && len(f.raw[0]) != size {
		f.err = errColumn
		return make([]byte, max(size, 0))
	}
	b := f.raw[0]
	f.raw = f.raw[1:]
	return b
}

func (f *fields) int64() int64   { return int64(binary.BigEndian.Uint64(f.next(8))) }
func (f *fields) int32() int32   { return int32(binary.BigEndian.Uint32(f.next(4))) }
func (f *fields) bool() bool     { return f.next(1)[0] != 0 }
func (f *fields) text() string   { return string(f.next(-1)) }
func (f *fields) key() [16]byte  { return [16]byte(f.next(16)) }
func (f *fields) bytes() []byte  { return f.next(-1) } // valid until the next row
func (f *fields) count() uint64  { return uint64(f.int64()) }
func (f *fields) fail(err error) { f.err = errors.Join(f.err, err) }

func (f *fields) digest() secret.Digest {
	d, err := fromDigest(f.bytes())
	if err != nil {
		f.fail(err)
	}
	return d
}

// scanView reads a row of viewColumns.
func scanView(raw [][]byte) (v session.View, err error) {
	f := fields{raw: raw}
	s, u := &v.Session, &v.User
	s.ID = name(f.key())
	s.CreatedAt, s.AuthenticatedAt, s.LastSeenAt = instant(f.int64()), instant(f.int64()), instant(f.int64())
	s.IdleExpiresAt, s.ExpiresAt, s.Idle = instant(f.int64()), instant(f.int64()), duration(f.int64())
	s.EndedAt, s.Version = instant(f.int64()), uint64(f.int32())
	started, tokensFrom := f.int64(), f.int64()
	s.ACR, s.AMR, s.Device, s.IP = f.text(), list(f.text()), f.text(), f.text()
	s.EndReason, s.Token = session.Reason(f.text()), f.digest()
	if s.Refresh, err = unpackRefresh(f.bytes()); err != nil {
		f.fail(err)
	}
	if s.Bound, err = unpackBound(f.bytes()); err != nil {
		f.fail(err)
	}
	scanUser(&f, u)
	s.User, s.Application = u.ID, application.ID(f.text())
	appFrom, epoch := f.int64(), f.text()
	base, head := f.int64(), f.int64()
	v.Ring = f.count()
	allFrom, allEnded := f.int64(), f.int64()
	if f.err != nil {
		return session.View{}, fmt.Errorf("read session %s: %w", s.ID, f.err)
	}
	v.Revision = token.RevisionAt(epoch, uint64(head))
	s.Position, s.TokensFrom = position(started, base), position(tokensFrom, base)
	v.SessionsFrom = sessionsFrom(started, appFrom, base)
	if started < allFrom && s.EndedAt.IsZero() {
		s.EndedAt, s.EndReason = instant(allEnded), session.Restored
	}
	return v, nil
}

// sessionsFrom is the position below which a session that started at an ordinal is dead. A session that died in an
// epoch before has position 0 as the living have, so it is told by a position above its own.
func sessionsFrom(started, from, base int64) uint64 {
	p := position(from, base)
	if started < from {
		p = max(p, position(started, base)+1)
	}
	return p
}

const userColumns = `u.id, u.email, u.email_verified, u.name, u.roles, u.status, u.created_at, u.revision, u.theft_at`

func scanUser(f *fields, u *account.User) {
	u.ID, u.Email, u.EmailVerified, u.Name = account.ID(f.text()), f.text(), f.bool(), f.text()
	u.Roles, u.Status = list(f.text()), account.Status(f.text())
	u.CreatedAt, u.Revision, u.TheftAt = instant(f.int64()), f.count(), instant(f.int64())
}

// gone is the sessions_from of a deleted application: no session starts that late.
const gone = math.MaxInt64

// packRefresh is the state of a refresh token as a column: generation and floor as 4 bytes each, the time of the
// rotation as 8, all big-endian, two digests of 32, and the sealed successor. Empty for a session without one. It is
// read and written whole, but for the statement that rotates it.
func packRefresh(r session.Refresh) []byte {
	if r.Generation == 0 {
		return []byte{}
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
	if len(b) == 0 {
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
