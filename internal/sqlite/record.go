package sqlite

import (
	"encoding/binary"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// The mirror keeps each session and each user as one immutable string: no pointer for the collector to follow, some
// 120 bytes instead of 600, and texts that are read out of it without a copy. Times take 6 bytes, which last until the
// year 10889.

type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)    { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) text(s string)    { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) time(t time.Time) { e.millis(millis(t)) }

func (e *encoder) millis(ms int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(ms))
	e.b = append(e.b, b[:timeBytes]...)
}

const timeBytes = 6

func (e *encoder) digest(d secret.Digest) {
	if d.IsZero() {
		e.b = append(e.b, 0)
		return
	}
	e.b = append(append(e.b, 1), d[:]...)
}

// decoder reads what encoder wrote, in the same order. What it reads has not left the process, so it checks nothing.
type decoder struct{ s string }

func (d *decoder) uint() uint64 {
	if c := d.s[0]; c < 0x80 {
		d.s = d.s[1:]
		return uint64(c)
	}
	return d.longUint()
}

func (d *decoder) longUint() (v uint64) {
	for shift, i := 0, 0; ; shift, i = shift+7, i+1 {
		c := d.s[i]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			d.s = d.s[i+1:]
			return v
		}
	}
}

func (d *decoder) text() string {
	n := d.uint()
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *decoder) millis() int64 {
	s := d.s[:timeBytes]
	d.s = d.s[timeBytes:]
	low := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
	high := uint16(s[4]) | uint16(s[5])<<8
	return int64(low) | int64(high)<<32
}

func (d *decoder) time() time.Time { return instant(d.millis()) }

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
	e := encoder{b: make([]byte, 0, 160+len(s.Device)+len(s.Refresh.Sealed)+len(s.Bound.Key))}
	e.time(s.CreatedAt)
	e.time(s.AuthenticatedAt)
	e.time(s.LastSeenAt)
	e.time(s.IdleExpiresAt)
	e.time(s.ExpiresAt)
	e.time(s.EndedAt)
	e.millis(s.Idle.Milliseconds())
	e.text(s.ACR)
	e.text(words(s.AMR))
	e.text(s.Device)
	e.text(s.IP)
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
		e.time(r.RotatedAt)
		e.uint(uint64(r.Floor))
	}
	e.text(string(s.Bound.Key))
	if len(s.Bound.Key) != 0 {
		e.time(s.Bound.At)
	}
	return string(e.b)
}

// decodeSession answers the methods of authentication apart, for twoLists.
func decodeSession(record string, s *session.Session) (amr string) {
	d := decoder{s: record}
	s.CreatedAt = d.time()
	s.AuthenticatedAt = d.time()
	s.LastSeenAt = d.time()
	s.IdleExpiresAt = d.time()
	s.ExpiresAt = d.time()
	s.EndedAt = d.time()
	s.Idle = duration(d.millis())
	s.ACR = d.text()
	amr = d.text()
	s.Device = d.text()
	s.IP = d.text()
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
		r.RotatedAt = d.time()
		r.Floor = uint32(d.uint())
	}
	if key := d.text(); key != "" {
		s.Bound = session.Bound{Key: []byte(key), At: d.time()}
	}
	return amr
}

// twoLists splits both texts into lists that share one allocation, and no member of which can be reached by appending
// to the other. The texts are a few bytes long, so looking at each is quicker than calling what looks at many.
func twoLists(a, b string) (first, second []string) {
	n := countWords(a)
	both := make([]string, 0, n+countWords(b))
	both = appendWords(both, a)
	both = appendWords(both, b)
	return both[:n:n], both[n:]
}

func countWords(words string) (n int) {
	if words != "" {
		n = 1
	}
	for i := range len(words) {
		if words[i] == ' ' {
			n++
		}
	}
	return n
}

func appendWords(list []string, words string) []string {
	start := 0
	for i := range len(words) {
		if words[i] == ' ' {
			list = append(list, words[start:i])
			start = i + 1
		}
	}
	if words != "" {
		list = append(list, words[start:])
	}
	return list
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
	e.time(u.CreatedAt)
	e.uint(u.Revision)
	e.time(u.TheftAt)
	return string(e.b)
}

// decodeUser answers the roles apart, for twoLists.
func decodeUser(record string, u *account.User) (roles string) {
	d := decoder{s: record}
	u.ID = account.ID(d.text())
	u.Email = d.text()
	u.EmailVerified = d.uint() == 1
	u.Name = d.text()
	roles = d.text()
	u.Status = account.Status(d.text())
	u.CreatedAt = d.time()
	u.Revision = d.uint()
	u.TheftAt = d.time()
	return roles
}
