package credential

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"tandem.example/tandem/internal/secret"
)

// Cost is what one Argon2id hash costs.
type Cost struct {
	MemoryKiB int // m
	Passes    int // t
	Lanes     int // p
}

// DefaultCost is the second choice of OWASP's list for Argon2id: 19 MiB, two
// passes, one lane. Some 20 ms on one core.
var DefaultCost = Cost{MemoryKiB: 19456, Passes: 2, Lanes: 1}

// Bounds on a stored Argon2 hash, so that one row cannot exhaust the machine:
// at most 128 MiB, and at most the work of 1 GiB filled once (half a second).
const (
	maxArgon2MemoryKiB = 128 << 10
	maxArgon2Work      = 1 << 20 // MemoryKiB * Passes
	maxArgon2Lanes     = 16
	argon2Salt         = 16
	argon2Key          = 32
)

type argon2Hash struct {
	independent bool // argon2i instead of argon2id
	cost        Cost
	salt, key   []byte
}

// parseArgon2 reads $argon2id$v=19$m=19456,t=2,p=1$salt$key in the one spelling
// that encode makes. Argon2d is not supported by golang.org/x/crypto.
func parseArgon2(parts []string) (argon2Hash, error) {
	var h argon2Hash
	if len(parts) != 6 || parts[2] != "v=19" {
		return h, errors.New("not argon2 version 19 with five parts")
	}
	h.independent = parts[1] == "argon2i"
	err := parameters(parts[3],
		parameter{"m", &h.cost.MemoryKiB, 8, maxArgon2MemoryKiB},
		parameter{"t", &h.cost.Passes, 1, maxArgon2Work},
		parameter{"p", &h.cost.Lanes, 1, maxArgon2Lanes})
	if err != nil {
		return h, err
	}
	if h.cost.MemoryKiB*h.cost.Passes > maxArgon2Work || h.cost.MemoryKiB < 8*h.cost.Lanes {
		return h, errors.New("cost out of bounds")
	}
	if h.salt, err = phcBase64.DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return h, errors.New("salt is not 8 to 64 bytes of base64")
	}
	if h.key, err = phcBase64.DecodeString(parts[5]); err != nil || len(h.key) < 16 || len(h.key) > 64 {
		return h, errors.New("key is not 16 to 64 bytes of base64")
	}
	return h, nil
}

// hashArgon2id computes a new hash under a random salt.
func hashArgon2id(password []byte, c Cost) argon2Hash {
	h := argon2Hash{cost: c, salt: secret.Random(argon2Salt), key: make([]byte, argon2Key)}
	h.key = h.derive(password)
	return h
}

func (h argon2Hash) derive(password []byte) []byte {
	// All are bounded by parseArgon2 and Cost.validate.
	t, m, p, n := uint32(h.cost.Passes), uint32(h.cost.MemoryKiB), uint8(h.cost.Lanes), uint32(len(h.key))
	if h.independent {
		return argon2.Key(password, h.salt, t, m, p, n)
	}
	return argon2.IDKey(password, h.salt, t, m, p, n)
}

func (h argon2Hash) matches(password []byte) (bool, error) {
	return subtle.ConstantTimeCompare(h.derive(password), h.key) == 1, nil
}

// atLeast compares the memory and the work, so that fewer passes over more
// memory are not taken for less.
func (h argon2Hash) atLeast(c Cost) bool {
	return !h.independent && h.cost.MemoryKiB >= c.MemoryKiB &&
		h.cost.MemoryKiB*h.cost.Passes >= c.MemoryKiB*c.Passes &&
		len(h.salt) >= argon2Salt && len(h.key) >= argon2Key
}

func (h argon2Hash) encode() string {
	name := "argon2id"
	if h.independent {
		name = "argon2i"
	}
	return fmt.Sprintf("$%s$v=19$m=%d,t=%d,p=%d$%s$%s", name, h.cost.MemoryKiB, h.cost.Passes, h.cost.Lanes,
		phcBase64.EncodeToString(h.salt), phcBase64.EncodeToString(h.key))
}

func (c Cost) validate() error {
	if c.MemoryKiB < 8*c.Lanes || c.MemoryKiB > maxArgon2MemoryKiB || c.Passes < 1 ||
		c.MemoryKiB*c.Passes > maxArgon2Work || c.Lanes < 1 || c.Lanes > maxArgon2Lanes {
		return fmt.Errorf("argon2id cost m=%d,t=%d,p=%d is out of bounds", c.MemoryKiB, c.Passes, c.Lanes)
	}
	return nil
}
