package postgres

import (
	"encoding/binary"

	"tandem.example/tandem/internal/session"
)

// A session's name is kept as the 128 bits that it spells: 16 bytes where the text takes 31, in the row and in three
// indexes. The order is the same.

const (
	namePrefix = "ses_"
	nameDigits = 26
	noDigit    = 0xff
	alphabet   = "0123456789abcdefghjkmnpqrstvwxyz" // of package id
)

var digitOf = func() (table [256]byte) {
	for i := range table {
		table[i] = noDigit
	}
	for i, c := range []byte(alphabet) {
		table[c] = byte(i)
	}
	return table
}()

// key reads a name; false for text that is not in the one spelling of package id, which names nothing that is stored.
func key(id session.ID) (k [16]byte, ok bool) {
	if len(id) != len(namePrefix)+nameDigits || id[:len(namePrefix)] != namePrefix || id[len(namePrefix)] > '7' {
		return k, false
	}
	// 26 digits of 5 bits spell 128: the first carries 3, and the one in the middle is shared by both halves.
	digits := id[len(namePrefix):]
	bad, high, low := byte(0), uint64(0), uint64(0)
	for i := range nameDigits / 2 {
		d := digitOf[digits[i]]
		bad |= d
		high = high<<5 | uint64(d&31)
	}
	middle := digitOf[digits[nameDigits/2]]
	bad |= middle
	high, low = high<<1|uint64(middle>>4&1), uint64(middle&15)
	for i := nameDigits/2 + 1; i < nameDigits; i++ {
		d := digitOf[digits[i]]
		bad |= d
		low = low<<5 | uint64(d&31)
	}
	binary.BigEndian.PutUint64(k[:8], high)
	binary.BigEndian.PutUint64(k[8:], low)
	return k, bad&0x80 == 0
}

// name spells a key.
func name(k [16]byte) session.ID {
	high, low := binary.BigEndian.Uint64(k[:8]), binary.BigEndian.Uint64(k[8:])
	var text [len(namePrefix) + nameDigits]byte
	copy(text[:], namePrefix)
	digits := text[len(namePrefix):]
	for i := nameDigits - 1; i > nameDigits/2; i-- {
		digits[i] = alphabet[low&31]
		low >>= 5
	}
	digits[nameDigits/2] = alphabet[high&1<<4|low]
	high >>= 1
	for i := nameDigits/2 - 1; i >= 0; i-- {
		digits[i] = alphabet[high&31]
		high >>= 5
	}
	return session.ID(text[:])
}
