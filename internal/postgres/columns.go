package postgres

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"tandem.example/tandem/internal/secret"
)

// How values are kept in columns, see migrations.

// millis is a time as a column: milliseconds since 1970, 0 for the zero time. It drops the monotonic reading and what
// is finer than a millisecond.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// grain is the time as it will be read back, so that what a verb answers is what a later read answers.
func grain(t time.Time) time.Time { return instant(millis(t)) }

func optional(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := instant(ms)
	return &t
}

func optionalMillis(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return millis(*t)
}

func duration(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// text is what PostgreSQL takes for a text: it has no zero byte and is UTF-8. What is given by strangers (devices,
// reasons) is made so; where it names something, nothing is stored under the name, see keepable.
func text(s string) string {
	if keepable(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// keepable reports whether the text can be stored as it is. What is not can be the name of nothing.
func keepable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// words joins a list whose members hold no space: roles and authentication methods.
func words(list []string) string { return text(strings.Join(list, " ")) }

func list(words string) []string {
	if words == "" {
		return nil
	}
	return strings.Split(words, " ")
}

// array is a list whose members may hold anything.
func array(list []string) string {
	encoded, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(encoded)
}

func fromArray(text string) (list []string, err error) {
	err = json.Unmarshal([]byte(text), &list)
	return list, err
}

// digest is a digest as a column: empty for none.
func digest(d secret.Digest) []byte {
	if d.IsZero() {
		return []byte{}
	}
	return d[:]
}

func fromDigest(column []byte) (secret.Digest, error) {
	if len(column) == 0 {
		return secret.Digest{}, nil
	}
	return secret.ParseDigest(column)
}

// filled is a bytea that is never NULL.
func filled(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// pageSize is a page's size as SQL has it, where NULL is none.
func pageSize(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}

// position is an ordinal as a position of the epoch with the base: 0 for what belongs to an epoch before.
func position(ordinal, base int64) uint64 { return uint64(max(ordinal-base, 0)) }
