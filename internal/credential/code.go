package credential

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"

	"tandem.example/tandem/internal/secret"
)

// MailedCode is what is kept of a code that is sent by mail: enough to recognise it, and with no key useless for finding
// it among the million that there are.
type MailedCode [sha256.Size]byte

const mailedDigits = 6

// NewMailedCode makes a code of six digits and what is kept of it. key is 32 bytes; of names what the code is good for,
// such as an attempt: it is recognised for that only.
func NewMailedCode(key []byte, of string) (secret.Text, MailedCode) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic("credential: no randomness: " + err.Error()) // crypto/rand ends the process before
	}
	code := fmt.Sprintf("%0*d", mailedDigits, n)
	return secret.NewText(code), macOf(key, of, code)
}

// Matches reports whether it is the code, with or without spaces, in constant time.
func (m MailedCode) Matches(key []byte, of, code string) bool {
	typed := macOf(key, of, digits(code))
	return hmac.Equal(m[:], typed[:])
}

func macOf(key []byte, of, code string) MailedCode {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(of + "\x00" + code))
	return MailedCode(h.Sum(nil))
}
