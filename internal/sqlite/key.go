package sqlite

import "encoding/binary"

// key is an id of package id without its prefix, as the 128 bits it spells. In the mirror it takes 16 bytes where the
// text takes 46.
type key [16]byte

const (
	keyPrefix = 4 // bytes of "ses_", "usr_"
	keyDigits = 26
	noDigit   = 0xff
)

var keyDigit = func() (table [256]byte) {
	for i := range table {
		table[i] = noDigit
	}
	for i, c := range []byte("0123456789abcdefghjkmnpqrstvwxyz") {
		table[c] = byte(i)
	}
	return table
}()

// keyOf reads the id; false for text that is not in the one spelling of package id, which names nothing that is stored.
func keyOf(id string) (k key, ok bool) {
	if len(id) != keyPrefix+keyDigits || id[keyPrefix] > '7' {
		return key{}, false
	}
	// 26 digits of 5 bits spell 128: the first carries 3, and the one in the middle is shared by both halves.
	digits := id[keyPrefix:]
	bad, high, low := byte(0), uint64(0), uint64(0)
	for i := range keyDigits / 2 {
		digit := keyDigit[digits[i]]
		bad |= digit
		high = high<<5 | uint64(digit&31)
	}
	middle := keyDigit[digits[keyDigits/2]]
	bad |= middle
	high, low = high<<1|uint64(middle>>4&1), uint64(middle&15)
	for i := keyDigits/2 + 1; i < keyDigits; i++ {
		digit := keyDigit[digits[i]]
		bad |= digit
		low = low<<5 | uint64(digit&31)
	}
	binary.BigEndian.PutUint64(k[:8], high)
	binary.BigEndian.PutUint64(k[8:], low)
	return k, bad&0x80 == 0
}

// shard spreads keys by their last byte, which is random.
func (k key) shard() int { return int(k[len(k)-1]) % shardCount }
