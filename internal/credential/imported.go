package credential

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/pbkdf2"
	"github.com/go-crypt/crypt/algorithm/scrypt"
)

// Bounds on hashes from elsewhere. They admit what OWASP's password storage
// cheat sheet and common frameworks advise, with room above, and end where one
// verification would take more than a second or two, or more than 128 MiB.
const (
	minBcryptCost       = 4
	maxBcryptCost       = 14
	maxScryptMemory     = 128 << 20 // 128 * r * 2^ln bytes
	maxScryptWork       = 256 << 20 // the same times p
	maxPBKDF2Iterations = 2_000_000
)

// importedHash is a hash that go-crypt verifies. It is never as good as a new
// one, so it is replaced when its password is next seen.
type importedHash struct{ digest algorithm.Digest }

func (h importedHash) matches(password []byte) (bool, error) {
	ok, err := h.digest.MatchBytesAdvanced(password)
	if err != nil {
		return false, fmt.Errorf("computing an imported hash: %w", err)
	}
	return ok, nil
}

func (importedHash) atLeast(Cost) bool { return false }

// ParseImported reads a password hash made elsewhere:
//
//	$2a$12$...  $2b$12$...  $2y$12$...           bcrypt (of which 72 bytes of the password count)
//	$bcrypt-sha256$v=2,t=2b,r=12$...             bcrypt over HMAC-SHA256 (passlib)
//	$scrypt$ln=15,r=8,p=1$salt$key               scrypt
//	$pbkdf2-sha256$29000$salt$key                PBKDF2 with SHA-1, SHA-256 or SHA-512 (passlib)
//	$pbkdf2-sha256$i=29000$salt$key              the same as PHC writes it
//	$argon2id$v=19$m=65536,t=3,p=4$salt$key      Argon2id and Argon2i
//
// White space around it and a prefix {CRYPT} or {ARGON2} are dropped. Verifying
// such a hash says that it should be replaced, unless it is Argon2id at no less
// than the Hasher's cost. Errors wrap ErrMalformedHash and do not quote s.
//
// $2x$ is refused: it marks the bcrypt of a PHP release whose bug go-crypt does
// not reproduce, so that passwords beyond ASCII would not match.
func ParseImported(s string) (PHC, error) {
	s = strings.TrimSpace(s)
	for _, prefix := range []string{"{CRYPT}", "{ARGON2}"} {
		s = strings.TrimPrefix(s, prefix)
	}
	if rest, ok := strings.CutPrefix(s, "$pbkdf2"); ok {
		// PHC writes + where passlib writes a dot, and names the parameter.
		name, value, found := strings.Cut(rest, "$i=")
		if found {
			s = "$pbkdf2" + name + "$" + strings.ReplaceAll(value, "+", ".")
		}
	}
	if s == "" {
		return PHC{}, fmt.Errorf("reading a password hash: empty: %w", ErrMalformedHash)
	}
	return ParsePHC(s)
}

func parseBcrypt(s string, parts []string) (hash, error) {
	var cost int
	var err error
	if parts[1] == "bcrypt-sha256" {
		rest, ok := strings.CutPrefix(parts[2], "v=2,t=2b,")
		if !ok {
			return nil, errors.New("not bcrypt-sha256 version 2")
		}
		err = parameters(rest, parameter{"r", &cost, minBcryptCost, maxBcryptCost})
	} else {
		// Two digits always: 05, not 5.
		if len(parts) != 4 || len(parts[2]) != 2 {
			return nil, errors.New("not bcrypt with a cost of two digits")
		}
		cost, err = number(strings.TrimPrefix(parts[2], "0"), "cost", minBcryptCost, maxBcryptCost)
	}
	if err != nil {
		return nil, err
	}
	digest, err := bcrypt.Decode(s)
	if err != nil {
		return nil, errors.New("salt or key is malformed")
	}
	return importedHash{digest}, nil
}

func parseScrypt(s string, parts []string) (hash, error) {
	if len(parts) != 5 {
		return nil, errors.New("not scrypt with four parts")
	}
	var ln, r, p int
	err := parameters(parts[2], parameter{"ln", &ln, 1, 20}, parameter{"r", &r, 1, 64}, parameter{"p", &p, 1, 64})
	if err != nil {
		return nil, err
	}
	if memory := 128 * r << ln; memory > maxScryptMemory || memory*p > maxScryptWork {
		return nil, errors.New("cost out of bounds")
	}
	return decodeBounded(scrypt.Decode, s)
}

func parsePBKDF2(s string, parts []string) (hash, error) {
	if len(parts) != 5 {
		return nil, errors.New("not PBKDF2 with four parts")
	}
	if _, err := number(parts[2], "iterations", 1, maxPBKDF2Iterations); err != nil {
		return nil, err
	}
	return decodeBounded(pbkdf2.Decode, s)
}

// decodeBounded decodes, and refuses keys so short that a wrong password could
// match by chance.
func decodeBounded(decode func(string) (algorithm.Digest, error), s string) (hash, error) {
	digest, err := decode(s)
	if err != nil {
		return nil, errors.New("salt or key is malformed")
	}
	if n := len(digest.Key()); n < 16 || n > 64 {
		return nil, errors.New("key is not 16 to 64 bytes")
	}
	return importedHash{digest}, nil
}
