package sqlite

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
	var bits uint64
	n, out, bad := 3, 0, byte(0) // the first of 26 digits carries 3 bits: 130 bits spell 128
	bits = uint64(keyDigit[id[keyPrefix]])
	for i := keyPrefix + 1; i < len(id); i++ {
		digit := keyDigit[id[i]]
		bad |= digit
		bits = bits<<5 | uint64(digit&31)
		if n += 5; n >= 8 {
			n -= 8
			k[out] = byte(bits >> n)
			out++
		}
	}
	return k, bad&0x80 == 0
}

// shard spreads keys by their last byte, which is random.
func (k key) shard() int { return int(k[len(k)-1]) % shardCount }
