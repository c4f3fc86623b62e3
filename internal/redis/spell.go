package redis

import (
	"encoding/binary"
	"time"

	"tandem.example/tandem/internal/secret"
	"tandem.example/tandem/internal/session"
)

// writer spells the parts of a row: numbers as varints, texts with their length in front, times as milliseconds since
// 1970 with 0 for none.
type writer struct{ b []byte }

func (w *writer) raw(s string)   { w.b = append(w.b, s...) }
func (w *writer) int(n int64)    { w.b = binary.AppendVarint(w.b, n) }
func (w *writer) uint(n uint64)  { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) bytes(b []byte) { w.uint(uint64(len(b))); w.b = append(w.b, b...) }

func (w *writer) text(all ...string) {
	for _, s := range all {
		w.uint(uint64(len(s)))
		w.raw(s)
	}
}

func (w *writer) time(all ...time.Time) {
	for _, t := range all {
		w.int(millis(t))
	}
}

func (w *writer) flag(yes bool) {
	if yes {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *writer) place(all ...session.Place) {
	for _, p := range all {
		w.text(p.Epoch)
		w.uint(p.Ordinal)
	}
}

func (w *writer) digest(d secret.Digest) {
	if d.IsZero() {
		w.bytes(nil)
	} else {
		w.bytes(d[:])
	}
}

func (w *writer) refresh(f session.Refresh) {
	w.uint(uint64(f.Generation))
	if f.Generation == 0 {
		return
	}
	w.digest(f.Digest)
	w.digest(f.Previous)
	w.bytes(f.Sealed)
	w.time(f.RotatedAt)
	w.uint(uint64(f.Floor))
}

func (w *writer) fence(f fence) {
	w.b = append(w.b, byte(f.kind))
	if f.kind == none {
		return
	}
	w.raw(f.nonce)
	w.text(string(f.reason))
	w.time(f.at)
	w.place(f.before)
}

// reader takes apart what a writer spelled. bad says that it could not.
type reader struct {
	s   string
	bad bool
}

func (r *reader) take(n uint64) string {
	if r.bad || n > uint64(len(r.s)) {
		r.bad = true
		return ""
	}
	out := r.s[:n]
	r.s = r.s[n:]
	return out
}

// uint reads a varint of at most ten bytes.
func (r *reader) uint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := r.take(1)
		if r.bad {
			return 0
		}
		n |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

func (r *reader) int() int64 {
	u := r.uint()
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n
}

func (r *reader) text() string { return r.take(r.uint()) }

func (r *reader) bytes() []byte {
	if s := r.text(); s != "" {
		return []byte(s)
	}
	return nil
}

func (r *reader) time() time.Time {
	if ms := r.int(); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

func (r *reader) flag() bool { return r.take(1) == "\x01" }

func (r *reader) place() session.Place { return session.Place{Epoch: r.text(), Ordinal: r.uint()} }

func (r *reader) digest() (d secret.Digest) {
	switch s := r.text(); len(s) {
	case 0:
	case len(d):
		copy(d[:], s)
	default:
		r.bad = true
	}
	return d
}

func (r *reader) refresh() (f session.Refresh) {
	if f.Generation = uint32(r.uint()); f.Generation == 0 {
		return f
	}
	f.Digest, f.Previous, f.Sealed, f.RotatedAt = r.digest(), r.digest(), r.bytes(), r.time()
	f.Floor = uint32(r.uint())
	return f
}

func (r *reader) fence() (f fence) {
	if b := r.take(1); b != "" {
		f.kind = kind(b[0])
	}
	if f.kind == none {
		return f
	}
	f.nonce, f.reason, f.at, f.before = r.take(stampLen), session.Reason(r.text()), r.time(), r.place()
	return f
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
