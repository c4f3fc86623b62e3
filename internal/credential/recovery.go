package credential

import (
	"encoding/base32"
	"strings"

	"tandem.example/tandem/internal/secret"
)

// RecoveryCodeCount is how many recovery codes a user gets at a time.
const RecoveryCodeCount = 10

// recoveryBytes are 80 bits: few enough to be written down, too many to be found from a digest.
const recoveryBytes = 10

// recoverySpelling has no i, l, o and u (Crockford), so that what is written by hand is read well.
var recoverySpelling = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewRecoveryCodes makes a set of recovery codes, and of each what is stored.
func NewRecoveryCodes() (codes []secret.Text, digests []secret.Digest) {
	for range RecoveryCodeCount {
		text := strings.ReplaceAll(grouped(recoverySpelling.EncodeToString(secret.Random(recoveryBytes))), " ", "-")
		codes, digests = append(codes, secret.NewText(text)), append(digests, RecoveryDigest(text))
	}
	return codes, digests
}

// readAlike are the characters that hands and eyes mix up.
var readAlike = strings.NewReplacer(" ", "", "-", "", "\t", "", "i", "1", "l", "1", "o", "0")

// RecoveryDigest is what a recovery code is found by, however it was typed.
func RecoveryDigest(code string) secret.Digest {
	return secret.Sum([]byte(readAlike.Replace(strings.ToLower(strings.TrimSpace(code)))))
}
