package sqlite

import (
	"encoding/binary"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// The mirror keeps each session and each user as one immutable string: no pointer for the collector to follow, some
// 120 bytes instead of 600, and texts that are read out of it without a copy. Times are told as differences from the
// first one, which fit two to six bytes.

type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)                 { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)                   { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) text(s string)                 { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) time(t time.Time, since int64) { e.int(millis(t) - since) }

func (e *encoder) digest(d secret.Digest) {
	if d.IsZero() {
		e.b = append(e.b, 0)
		return
	}
	e.b = append(append(e.b, 1), d[:]...)
}

// decoder reads what encoder wrote, in the same order. What it reads has not left the process, so it checks nothing.
type decoder struct{ s string }

func (d *decoder) uint() (v uint64) {
	for shift, i := 0, 0; ; shift, i = shift+7, i+1 {
		c := d.s[i]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			d.s = d.s[i+1:]
			return v
		}
	}
}

func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) text() string {
	n := d.uint()
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *decoder) time(since int64) time.Time { return instant(since + d.int()) }

func (d *decoder) digest() (digest secret.Digest) {
	present := d.s[0] == 1
	d.s = d.s[1:]
	if present {
		copy(digest[:], d.s)
		d.s = d.s[len(digest):]
	}
	return digest
}

// encodeSession leaves out the id, which is the key, and the user and the application, which are referred to.
func encodeSession(s *session.Session) string {
	e := encoder{b: make([]byte, 0, 160+len(s.Device)+len(s.Refresh.Sealed))}
	start := millis(s.CreatedAt)
	e.int(start)
	e.time(s.AuthenticatedAt, start)
	e.time(s.LastSeenAt, start)
	e.time(s.IdleExpiresAt, start)
	e.time(s.ExpiresAt, start)
	e.uint(uint64(s.Idle.Milliseconds()))
	e.text(s.ACR)
	e.text(words(s.AMR))
	e.text(s.Device)
	e.text(s.IP)
	e.time(s.EndedAt, 0)
	e.text(string(s.EndReason))
	e.uint(s.Version)
	e.uint(s.Position)
	e.uint(s.TokensFrom)
	e.digest(s.Token)
	r := &s.Refresh
	e.uint(uint64(r.Generation))
	if r.Generation != 0 {
		e.digest(r.Digest)
		e.digest(r.Previous)
		e.text(string(r.Sealed))
		e.time(r.RotatedAt, 0)
		e.uint(uint64(r.Floor))
	}
	return string(e.b)
}

func decodeSession(record string, s *session.Session) {
	d := decoder{s: record}
	start := d.int()
	s.CreatedAt = instant(start)
	s.AuthenticatedAt = d.time(start)
	s.LastSeenAt = d.time(start)
	s.IdleExpiresAt = d.time(start)
	s.ExpiresAt = d.time(start)
	s.Idle = duration(int64(d.uint()))
	s.ACR = d.text()
	s.AMR = list(d.text())
	s.Device = d.text()
	s.IP = d.text()
	s.EndedAt = d.time(0)
	s.EndReason = session.Reason(d.text())
	s.Version = d.uint()
	s.Position = d.uint()
	s.TokensFrom = d.uint()
	s.Token = d.digest()
	r := &s.Refresh
	r.Generation = uint32(d.uint())
	if r.Generation != 0 {
		r.Digest = d.digest()
		r.Previous = d.digest()
		r.Sealed = []byte(d.text())
		r.RotatedAt = d.time(0)
		r.Floor = uint32(d.uint())
	}
}

func encodeUser(u *account.User) string {
	e := encoder{b: make([]byte, 0, 64+len(u.ID)+len(u.Email)+len(u.Name))}
	e.text(string(u.ID))
	e.text(u.Email)
	verified := uint64(0)
	if u.EmailVerified {
		verified = 1
	}
	e.uint(verified)
	e.text(u.Name)
	e.text(words(u.Roles))
	e.text(string(u.Status))
	e.time(u.CreatedAt, 0)
	e.uint(u.Revision)
	e.time(u.TheftAt, 0)
	return string(e.b)
}

func decodeUser(record string, u *account.User) {
	d := decoder{s: record}
	u.ID = account.ID(d.text())
	u.Email = d.text()
	u.EmailVerified = d.uint() == 1
	u.Name = d.text()
	u.Roles = list(d.text())
	u.Status = account.Status(d.text())
	u.CreatedAt = d.time(0)
	u.Revision = d.uint()
	u.TheftAt = d.time(0)
}
