// Package id makes and recognises the names of stored things: users, sessions,
// applications, keys.
//
// A name is 48 bits of milliseconds since 1970 followed by 80 random bits, in
// the layout of a ULID (github.com/ulid/spec), spelled with the 32 characters
// of Crockford's base32 in lower case: 26 characters that sort by the time of
// their making, so that rows are inserted side by side in an index. A prefix
// such as "ses_" says what is named.
//
// Names are not secrets. Knowing one grants nothing, and nothing may be granted
// for knowing one; credentials are made in package credential and package
// session. Two names made in the same millisecond have no order between them.
//
// Every domain package that stores rows calls this one. Times are arguments:
// this package reads no clock. All functions are safe for concurrent use.
package id

import (
	"crypto/rand"
	"time"
)

// Size is the number of characters of a name without its prefix.
const Size = 26

// alphabet is Crockford's base32 without i, l, o and u. Its characters ascend
// in ASCII, which is what makes the spelling sort like the number.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// notInAlphabet marks bytes that spell no digit.
const notInAlphabet = 0xff

// digits maps a byte to its value, or to notInAlphabet. Upper case and the
// look-alikes that Crockford lets a reader accept (i, l, o) are left out on
// purpose: one thing has one spelling, so that comparing names is comparing
// strings.
var digits = func() (table [256]byte) {
	for i := range table {
		table[i] = notInAlphabet
	}
	for i := range len(alphabet) {
		table[alphabet[i]] = byte(i)
	}
	return table
}()

// New returns a name made at now, with randomness from crypto/rand. The part
// of now below a millisecond is dropped. Only 48 bits of time fit: a time
// before 1970 counts as 1970, one after the year 10889 as the last that fits.
func New(now time.Time) string {
	var name [Size]byte
	write(&name, now)
	return string(name[:])
}

// Prefixed returns prefix followed by a New name: "ses_" gives "ses_" and 26
// characters.
func Prefixed(prefix string, now time.Time) string {
	var name [Size]byte
	write(&name, now)
	return prefix + string(name[:])
}

// Valid reports whether s is a name without prefix in its one canonical form.
func Valid(s string) bool {
	// 26 characters hold 130 bits, a name has 128: a first digit above 7
	// would be a second spelling or a number that does not fit.
	if len(s) != Size || s[0] > '7' {
		return false
	}
	for i := range len(s) {
		if digits[s[i]] == notInAlphabet {
			return false
		}
	}
	return true
}

// Check reports whether s is exactly what Prefixed with the same prefix makes:
// the prefix and a Valid name, nothing before or after.
func Check(s, prefix string) bool {
	return len(s) == len(prefix)+Size && s[:len(prefix)] == prefix && Valid(s[len(prefix):])
}

// Time returns the millisecond in which the name s was made, in UTC, and
// whether s is Valid. s has no prefix. Whoever chose the name chose the time:
// it is for sorting and for display, never for deciding.
func Time(s string) (time.Time, bool) {
	if !Valid(s) {
		return time.Time{}, false
	}
	var ms int64
	for i := range timeDigits {
		ms = ms<<5 | int64(digits[s[i]])
	}
	return time.UnixMilli(ms).UTC(), true
}

const (
	timeDigits = 10 // 50 bits, of which the first two are zero
	maxMillis  = 1<<48 - 1
)

// write spells the time in the first ten characters and 80 random bits in the
// other sixteen.
func write(name *[Size]byte, now time.Time) {
	ms := min(max(now.UnixMilli(), 0), maxMillis)
	for i := timeDigits - 1; i >= 0; i-- {
		name[i] = alphabet[ms&31]
		ms >>= 5
	}
	var random [10]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	tail := name[timeDigits:]
	for half := range 2 {
		var bits uint64
		for _, b := range random[half*5 : half*5+5] {
			bits = bits<<8 | uint64(b)
		}
		for i := 7; i >= 0; i-- {
			tail[half*8+i] = alphabet[bits&31]
			bits >>= 5
		}
	}
}
