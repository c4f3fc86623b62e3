package credential

import (
	"bytes"
	"encoding/base32"
	"fmt"
	"image/png"
	"net/url"
	"strings"
	"time"

	"github.com/authelia/otp"
	"github.com/authelia/otp/totp"

	"tandem.example/tandem/internal/secret"
)

// What every authenticator app can do (RFC 6238 §1.2): SHA-1, six digits, steps of 30 seconds; and a step to either side
// for clocks that go wrong (§5.2).
const (
	totpStep  = 30
	totpSkew  = 1
	seedBytes = 20
	qrPixels  = 240
)

// NewSeed makes the seed of one-time codes: 160 random bits (RFC 4226 §4).
func NewSeed() []byte { return secret.Random(seedBytes) }

var seedSpelling = base32.StdEncoding.WithPadding(base32.NoPadding)

// SeedText spells a seed for people who type it: base32 in groups of four.
func SeedText(seed []byte) secret.Text {
	return secret.NewText(grouped(seedSpelling.EncodeToString(seed)))
}

// SeedURI answers the otpauth:// URI that puts the seed into an authenticator app
// (github.com/google/google-authenticator/wiki/Key-Uri-Format), and its QR code as PNG. service and account are what the
// app will call it.
func SeedURI(seed []byte, service, account string) (uri secret.Text, qr []byte, err error) {
	service = strings.ReplaceAll(service, ":", " ") // a colon parts the two names
	text := "otpauth://totp/" + url.PathEscape(service+":"+account) + "?secret=" + seedSpelling.EncodeToString(seed) +
		"&issuer=" + strings.ReplaceAll(url.QueryEscape(service), "+", "%20") + "&algorithm=SHA1&digits=6&period=30"
	key, err := otp.NewKeyFromURL(text)
	if err != nil {
		return uri, nil, fmt.Errorf("spell the seed of one-time codes: %w", err)
	}
	image, err := key.Image(qrPixels, qrPixels)
	if err != nil {
		return uri, nil, fmt.Errorf("draw the seed of one-time codes: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image); err != nil {
		return uri, nil, fmt.Errorf("draw the seed of one-time codes: %w", err)
	}
	return secret.NewText(text), b.Bytes(), nil
}

// CheckTOTP reports whether the code, with or without spaces, is of the present time step or one beside it, and which.
// That it was not used before is for OneTimeCodes.SpendStep to say.
func CheckTOTP(seed []byte, code string, now time.Time) (step int64, ok bool) {
	ok, at, err := totp.ValidateCustomStep(digits(code), seedSpelling.EncodeToString(seed), now, totp.ValidateOpts{
		Period: totpStep, Skew: totpSkew, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	return int64(at), ok && err == nil //nolint:gosec // steps since 1970 fit for some 10^12 years
}

// digits leaves out what people put between digits.
func digits(code string) string {
	return strings.NewReplacer(" ", "", "-", "", "\t", "", "\u00a0", "").Replace(code)
}

// grouped puts a space after every four characters.
func grouped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
