package sqlite

import (
	"encoding/json"
	"strings"
	"time"

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

// words joins a list whose members hold no space: roles and authentication methods.
func words(list []string) string { return strings.Join(list, " ") }

func list(words string) []string {
	if words == "" {
		return nil
	}
	if strings.IndexByte(words, ' ') < 0 { // most lists have one member
		return []string{words}
	}
	return strings.Split(words, " ")
}

// array is a list whose members may hold anything.
func array(list []string) string {
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(text)
}

func fromArray(text string) (list []string, err error) {
	err = json.Unmarshal([]byte(text), &list)
	return list, err
}

// digest is a digest as a column: NULL for none.
func digest(d secret.Digest) any {
	if d.IsZero() {
		return nil
	}
	return d[:]
}

func fromDigest(column []byte) (secret.Digest, error) {
	if column == nil {
		return secret.Digest{}, nil
	}
	return secret.ParseDigest(column)
}

// limit is a page's size as SQL has it, where a negative one is none.
func limit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}
